//! Checked views of packet headers, a packet's context, and pcap in and out.
//!
//! [`Packet`] is what a match tests: the bytes from the IPv4 or IPv6 header on, parsed once as netfilter
//! parses them, and a [`Context`] with all that the kernel keeps beside the bytes (hook, interfaces, mark,
//! connection, socket ...). Whatever is not given is [`Known::Unknown`], never a guess; a match answers with a
//! [`Truth`].

pub mod build;
mod checksum;
mod context;
mod ipv6;
mod known;
mod l4;
mod mutate;
mod packet;
pub mod pcap;
mod truth;

pub use checksum::{checksum, pseudo_header_sum};
pub use context::{
    AddressType, Conntrack, Context, Counters, CtState, Direction, Host, IfName, Link, Moment,
    PacketType, SetQuery, Socket, Tuple, XfrmState, ct_status,
};
pub use ipv6::{Found, exthdr};
pub use known::Known;
pub use l4::{
    Ah, Dccp, Esp, Icmp, IpComp, MobilityHeader, Sctp, SctpChunk, Tcp, TcpOption, TcpOptions, Udp,
    proto,
};
pub use oxtables_base::{Family, Hook};
pub use packet::{Ipv4, Ipv6, Packet, Refused, Transport};
pub use truth::{Missing, Truth};
