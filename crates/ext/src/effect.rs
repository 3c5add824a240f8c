//! What a target does to a packet, told as plain data: the engine carries it out.

use crate::targets::{connmark::Connmark, ecn::Ecn, hop_limit, nat, tcpoptstrip};
use oxtables_base::HostMask;

/// Which translation a target asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NatKind {
    /// SNAT.
    Source,
    /// DNAT.
    Destination,
    /// MASQUERADE: SNAT to an address of the outgoing interface.
    Masquerade,
    /// REDIRECT: DNAT to an address of this host.
    Redirect,
}

/// What a target does. Those that end a packet's way through the table say so here; all others go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing that a packet shows: it logs elsewhere, counts, signals. The rule's counters are all.
    Nothing,
    /// The mark becomes `(mark & ~mask) ^ value`.
    Mark {
        /// The bits flipped.
        value: u32,
        /// The bits cleared before.
        mask: u32,
    },
    /// The connection's mark, or the packet's from it; nothing without a connection.
    Connmark(Connmark),
    /// `skb->priority`.
    Priority(u32),
    /// The TOS byte or traffic class becomes `(tos & ~mask) ^ value`.
    Tos {
        /// The bits flipped.
        value: u8,
        /// The bits cleared before.
        mask: u8,
    },
    /// The upper six bits of the TOS byte.
    Dscp(u8),
    /// ECN bits.
    Ecn(Ecn),
    /// TTL or hop limit, by so much.
    HopLimit(hop_limit::Change, u8),
    /// The maximum segment size of TCP, lowered to this; `None`: what the path carries.
    Mss(Option<u16>),
    /// TCP options overwritten.
    StripOptions(tcpoptstrip::Options),
    /// The connection is translated; the table is through.
    Nat(NatKind, nat::Range),
    /// The network of the destination (PREROUTING, OUTPUT) or the source (elsewhere) becomes this.
    Netmap(HostMask),
    /// Dropped, with an answer.
    Reject {
        /// As after `--reject-with`.
        with: &'static str,
    },
    /// A line in the kernel's log that begins with this.
    Log {
        /// The prefix.
        prefix: Vec<u8>,
    },
    /// The packet is told to the programs that listen to a group.
    Report {
        /// The group.
        group: u16,
        /// The prefix.
        prefix: Vec<u8>,
    },
    /// Handed to a program: the first and the last queue it may be.
    Queue(u16, u16),
    /// The packet will not be tracked.
    Notrack,
    /// The connection will have this helper.
    Helper(Vec<u8>),
    /// It cannot be told what it does, and why.
    Unknown(&'static str),
}
