//! What an extension looks at, told in a form that machines reason about.

/// A field of a packet or of its context.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// The packet's mark.
    Mark,
    /// The connection's mark.
    ConnMark,
    /// The source port, of the protocol the rule names.
    SourcePort,
    /// The destination port.
    DestinationPort,
    /// Byte 13 of the TCP header.
    TcpFlags,
    /// The ICMP type in the high byte, the code in the low one.
    IcmpTypeCode,
    /// The length of the packet from its IP header on.
    Length,
    /// The whole TOS byte (IPv6: traffic class).
    Tos,
    /// The time to live, or the hop limit.
    Ttl,
    /// The link-layer packet type (`PACKET_HOST` ...).
    PacketType,
}

/// `(field & mask)` lies in `lo..=hi`; with `not`, outside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Clause {
    /// What is looked at.
    pub field: Field,
    /// The bits of it that count.
    pub mask: u32,
    /// The lowest value that fits.
    pub lo: u32,
    /// The highest.
    pub hi: u32,
    /// Whether the sense is turned round.
    pub not: bool,
}

/// How far an opaque extension may be moved or merged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// The packet's bytes alone decide; it has no effect of its own.
    Packet,
    /// Something beside the bytes decides (connection, socket, routing, time); no effect of its own.
    Context,
    /// It counts, limits, logs or changes something: never moved, never merged.
    Barrier,
}

/// What an extension looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum View {
    /// Exactly these conditions, all of which must hold.
    Clauses(smallvec::SmallVec<[Clause; 3]>),
    /// More than clauses can say.
    Opaque(Class),
}
