//! One file a match.

pub mod addrtype;
pub mod comment;
pub mod conntrack;
pub mod dscp;
pub mod hl;
mod hops;
pub mod icmp;
pub mod icmp6;
mod icmp_types;
pub mod iprange;
pub mod length;
pub mod mac;
pub mod mark;
pub mod multiport;
mod native_ports;
pub mod owner;
pub mod physdev;
pub mod pkttype;
pub mod rpfilter;
pub mod state;
pub mod tcp;
pub mod tcpmss;
pub mod tos;
pub mod ttl;
pub mod udp;
