//! Captures: reading pcap and pcapng, writing pcap.
//!
//! The blocks are read by the `pcap-parser` crate over a slice; here are the order of blocks, interfaces, time
//! stamps, link headers, and what is said about a file that breaks off.

mod link;
mod read;
mod write;

pub use link::{Network, Unusable};
pub use read::{Broken, Cause, Frame, Reader};
pub use write::{WriteError, Writer};

/// Link types of captures (`LINKTYPE_*`) that are understood.
pub mod link_type {
    /// BSD loopback: the address family in the capturing host's byte order.
    pub const NULL: u16 = 0;
    /// Ethernet.
    pub const ETHERNET: u16 = 1;
    /// Raw IP; the number of some old files.
    pub const RAW_BSD: u16 = 12;
    /// Raw IP; the number of some old files (OpenBSD).
    pub const RAW_OPENBSD: u16 = 14;
    /// Raw IP.
    pub const RAW: u16 = 101;
    /// OpenBSD loopback: the address family in network byte order.
    pub const LOOP: u16 = 108;
    /// Linux cooked capture.
    pub const LINUX_SLL: u16 = 113;
    /// Raw IPv4.
    pub const IPV4: u16 = 228;
    /// Raw IPv6.
    pub const IPV6: u16 = 229;
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: u16 = 276;
}
