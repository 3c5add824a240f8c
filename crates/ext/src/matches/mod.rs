//! One file a match.

pub mod comment;
pub mod icmp;
pub mod icmp6;
mod icmp_types;
pub mod mark;
mod native_ports;
pub mod owner;
pub mod physdev;
pub mod pkttype;
pub mod rpfilter;
pub mod tcp;
pub mod udp;
