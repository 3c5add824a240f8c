//! The packet: bytes from the IP header on, parsed once.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::context::Context;
use crate::{Family, Missing, ipv6};

/// Where netfilter sees the transport header: `tprot`, `thoff` and `fragoff` of `struct nft_pktinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// The protocol number.
    pub protocol: u8,
    /// The header's place in bytes from the IP header. 0 for a later fragment of IPv6, as in the kernel.
    pub offset: usize,
    /// `par->fragoff`: for IPv4 in units of 8 bytes, for IPv6 in bytes (as in the kernel); 0 in the first fragment.
    pub fragment: u16,
}

/// Why bytes are no packet that any hook would see: `ip_rcv_core` and `ip6_rcv_core` drop it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No bytes at all.
    Empty,
    /// Neither version 4 nor 6.
    Version(u8),
    /// Shorter than the IP header.
    ShortHeader {
        /// Bytes there are.
        have: usize,
        /// Bytes the header has.
        need: usize,
    },
    /// An IPv4 header length under 5 words.
    HeaderLength(u8),
    /// The length field says more than arrived, or less than the header.
    TotalLength {
        /// Bytes there are on the wire.
        have: usize,
        /// Bytes the header states.
        stated: usize,
    },
    /// The IP header is not in the capture.
    NotCaptured,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "no bytes"),
            Self::Version(v) => write!(f, "IP version {v} (must be 4 or 6)"),
            Self::ShortHeader { have, need } => {
                write!(f, "{have} bytes are too few for an IP header of {need}")
            }
            Self::HeaderLength(words) => write!(f, "an IPv4 header of {words} words (at least 5)"),
            Self::TotalLength { have, stated } => {
                write!(f, "the IP header states a length of {stated} bytes, the packet has {have}")
            }
            Self::NotCaptured => write!(f, "the capture does not have the whole IP header"),
        }
    }
}

impl std::error::Error for Refused {}

/// A packet and its context: what a match tests.
///
/// It owns its bytes; [`Packet::refill`] takes the next packet without a new allocation.
#[derive(Clone, Debug)]
pub struct Packet {
    /// What was captured, from the IP header on, without anything behind the IP packet (Ethernet padding).
    data: Vec<u8>,
    /// Length of the IP packet (`skb->len`); more than `data` has if the capture cut it.
    len: usize,
    family: Family,
    /// Length of the IPv4 header, or 40.
    header_len: usize,
    transport: Result<Transport, Missing>,
    /// What is known beside the bytes.
    pub context: Context,
}

impl Packet {
    /// A packet from the bytes of its IP header on, all there; bytes behind the IP packet are padding and cut.
    /// The context is unknown in all things.
    ///
    /// # Errors
    /// [`Refused`] if the host's IP layer would drop it before any hook. Checksums are not looked at: see
    /// [`Packet::header_checksum_is_right`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        Self::captured(bytes, bytes.len())
    }

    /// A packet of which the capture has `bytes` of the `wire_len` bytes that followed the link header.
    ///
    /// # Errors
    /// As [`Packet::parse`].
    pub fn captured(bytes: &[u8], wire_len: usize) -> Result<Self, Refused> {
        let mut packet = Self {
            data: Vec::new(),
            len: 0,
            family: Family::Ip4,
            header_len: 0,
            transport: Err(Missing::Absent),
            context: Context::default(),
        };
        packet.refill(bytes, wire_len)?;
        Ok(packet)
    }

    /// Takes the next packet into the same allocation. The context stays: the caller sets it.
    ///
    /// # Errors
    /// As [`Packet::parse`]; the packet is then left as it was.
    pub fn refill(&mut self, bytes: &[u8], wire_len: usize) -> Result<(), Refused> {
        let shape = Shape::of(bytes, wire_len.max(bytes.len()))?;
        self.data.clear();
        self.data.extend_from_slice(bytes.get(..shape.len).unwrap_or(bytes));
        self.take_shape(&shape);
        Ok(())
    }

    fn take_shape(&mut self, shape: &Shape) {
        self.len = shape.len;
        self.family = shape.family;
        self.header_len = shape.header_len;
        self.transport = match shape.family {
            Family::Ip4 => self.v4_transport(),
            Family::Ip6 => ipv6::transport(self),
        };
    }

    /// `include/net/netfilter/nf_tables_ipv4.h:nft_set_pktinfo_ipv4`.
    fn v4_transport(&self) -> Result<Transport, Missing> {
        let head = self.array_at::<20>(0)?;
        Ok(Transport {
            protocol: head[9],
            offset: self.header_len,
            fragment: u16::from_be_bytes([head[6], head[7]]) & 0x1fff,
        })
    }

    pub(crate) fn v6_next_header(&self) -> u8 {
        self.data.get(6).copied().unwrap_or(ipv6::exthdr::NONE)
    }

    /// IPv4 or IPv6.
    #[inline]
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// The length of the IP packet with its header: `skb->len` at an IP hook.
    #[inline]
    #[must_use]
    pub fn total_len(&self) -> usize {
        self.len
    }

    /// The bytes that are at hand, from the IP header on; fewer than [`Packet::total_len`] if the capture cut it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// Whether all bytes of the packet are at hand.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.data.len() == self.len
    }

    /// `skb_header_pointer`: `len` bytes at `offset` from the IP header.
    ///
    /// # Errors
    /// [`Missing::Truncated`] if the packet ends before, [`Missing::NotCaptured`] if only the capture does.
    #[inline]
    pub fn bytes_at(&self, offset: usize, len: usize) -> Result<&[u8], Missing> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => self.data.get(offset..end).ok_or(Missing::NotCaptured),
            _ => Err(Missing::Truncated),
        }
    }

    /// [`Packet::bytes_at`] for a length known when compiled.
    ///
    /// # Errors
    /// As [`Packet::bytes_at`].
    #[inline]
    pub fn array_at<const N: usize>(&self, offset: usize) -> Result<[u8; N], Missing> {
        self.array_ref_at(offset).copied()
    }

    /// [`Packet::array_at`] without the copy.
    #[inline]
    pub(crate) fn array_ref_at<const N: usize>(&self, offset: usize) -> Result<&[u8; N], Missing> {
        match self.data.get(offset..).and_then(<[u8]>::first_chunk::<N>) {
            Some(bytes) => Ok(bytes),
            None if offset.checked_add(N).is_some_and(|end| end <= self.len) => {
                Err(Missing::NotCaptured)
            }
            None => Err(Missing::Truncated),
        }
    }

    /// The protocol, place and fragment offset of the transport header, as nf_tables sees them.
    ///
    /// # Errors
    /// Why an IPv6 packet has none: its extension headers end nowhere. To nf_tables such a packet has no `l4proto`
    /// (an expression that asks for it does not match); ip6_tables hot-drops it at a rule with `-p`.
    #[inline]
    pub fn transport(&self) -> Result<Transport, Missing> {
        self.transport
    }

    /// The transport protocol, if there is one.
    #[inline]
    #[must_use]
    pub fn protocol(&self) -> Option<u8> {
        self.transport.ok().map(|t| t.protocol)
    }

    /// `par->fragoff`: not 0 in later fragments. For IPv4 in units of 8 bytes, for IPv6 in bytes.
    #[inline]
    #[must_use]
    pub fn fragment(&self) -> u16 {
        self.transport.map_or(0, |t| t.fragment)
    }

    /// Whether it is part of a larger packet: more fragments follow, or it is a later one.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.has_more_fragments() || self.fragment() != 0
    }

    /// `len` bytes of the transport header, for matches that read it whatever the protocol (multiport).
    ///
    /// # Errors
    /// [`Missing::LaterFragment`], else as [`Packet::bytes_at`].
    #[inline]
    pub fn transport_bytes<const N: usize>(&self) -> Result<[u8; N], Missing> {
        let transport = self.transport?;
        if transport.fragment != 0 {
            return Err(Missing::LaterFragment);
        }
        self.array_at(transport.offset)
    }

    /// The IPv4 header, if the packet has one.
    #[inline]
    #[must_use]
    pub fn ipv4(&self) -> Option<Ipv4<'_>> {
        let head = self.data.first_chunk::<20>()?;
        (self.family == Family::Ip4)
            .then(|| Ipv4 { head, options: self.data.get(20..self.header_len).unwrap_or(&[]) })
    }

    /// The IPv6 header, if the packet has one.
    #[inline]
    #[must_use]
    pub fn ipv6(&self) -> Option<Ipv6<'_>> {
        let head = self.data.first_chunk::<40>()?;
        (self.family == Family::Ip6).then_some(Ipv6 { head })
    }

    /// Source address.
    #[inline]
    #[must_use]
    pub fn src(&self) -> IpAddr {
        self.address(12, 8)
    }

    /// Destination address.
    #[inline]
    #[must_use]
    pub fn dst(&self) -> IpAddr {
        self.address(16, 24)
    }

    #[inline]
    fn address(&self, v4: usize, v6: usize) -> IpAddr {
        // The constructor made sure that the fixed header is there.
        match self.family {
            Family::Ip4 => self.array_at::<4>(v4).unwrap_or_default().into(),
            Family::Ip6 => self.array_at::<16>(v6).unwrap_or_default().into(),
        }
    }

    /// The TOS byte of IPv4 or the traffic class of IPv6 (`ipv6_get_dsfield`).
    #[inline]
    #[must_use]
    pub fn tos(&self) -> u8 {
        match self.array_at(0) {
            Ok([_, tos]) if self.family == Family::Ip4 => tos,
            Ok([a, b]) => (a << 4) | (b >> 4),
            Err(_) => 0,
        }
    }

    /// TTL or hop limit.
    #[inline]
    #[must_use]
    pub fn ttl(&self) -> u8 {
        let at = match self.family {
            Family::Ip4 => 8,
            Family::Ip6 => 7,
        };
        self.data.get(at).copied().unwrap_or(0)
    }

    /// Length of the IPv4 header with options, or 40.
    #[inline]
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// Whether the IPv4 header's checksum is right (`ip_rcv_core` drops the packet otherwise); IPv6 has none.
    #[must_use]
    pub fn header_checksum_is_right(&self) -> bool {
        self.family == Family::Ip6
            || self
                .bytes_at(0, self.header_len)
                .is_ok_and(|header| crate::checksum::sum(header) == 0xffff)
    }
}

impl Packet {
    /// The bytes, to be changed in place: the shape (lengths, protocol, offsets) must stay, or [`Packet::grow`] follow.
    pub(crate) fn data_mut(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// The packet has become longer behind its transport header's start.
    pub(crate) fn grow(&mut self, by: usize) {
        self.len += by;
    }
}

/// The outer form of a packet.
struct Shape {
    family: Family,
    header_len: usize,
    len: usize,
}

impl Shape {
    fn of(bytes: &[u8], wire_len: usize) -> Result<Self, Refused> {
        let first = *bytes.first().ok_or(Refused::Empty)?;
        match first >> 4 {
            4 => Self::v4(bytes, wire_len),
            6 => Self::v6(bytes, wire_len),
            other => Err(Refused::Version(other)),
        }
    }

    /// `net/ipv4/ip_input.c:ip_rcv_core`.
    fn v4(bytes: &[u8], wire_len: usize) -> Result<Self, Refused> {
        let head = fixed_header::<20>(bytes, wire_len)?;
        let words = head[0] & 15;
        if words < 5 {
            return Err(Refused::HeaderLength(words));
        }
        let header_len = usize::from(words) * 4;
        let stated = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if wire_len < header_len {
            return Err(Refused::ShortHeader { have: wire_len, need: header_len });
        }
        if stated > wire_len || stated < header_len {
            return Err(Refused::TotalLength { have: wire_len, stated });
        }
        if bytes.len() < header_len {
            return Err(Refused::NotCaptured);
        }
        Ok(Self { family: Family::Ip4, header_len, len: stated })
    }

    /// `net/ipv6/ip6_input.c:ip6_rcv_core`: a payload length of 0 with hop-by-hop options is a jumbogram.
    fn v6(bytes: &[u8], wire_len: usize) -> Result<Self, Refused> {
        let head = fixed_header::<40>(bytes, wire_len)?;
        let payload = usize::from(u16::from_be_bytes([head[4], head[5]]));
        let jumbo = payload == 0 && head[6] == ipv6::exthdr::HOP;
        let len = if jumbo { wire_len } else { payload + ipv6::HEADER };
        if len > wire_len {
            return Err(Refused::TotalLength { have: wire_len, stated: len });
        }
        Ok(Self { family: Family::Ip6, header_len: ipv6::HEADER, len })
    }
}

fn fixed_header<const N: usize>(bytes: &[u8], wire_len: usize) -> Result<&[u8; N], Refused> {
    match bytes.first_chunk::<N>() {
        Some(head) => Ok(head),
        None if wire_len < N => Err(Refused::ShortHeader { have: wire_len, need: N }),
        None => Err(Refused::NotCaptured),
    }
}

/// A view of an IPv4 header.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4<'a> {
    head: &'a [u8; 20],
    options: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// Source address.
    #[inline]
    #[must_use]
    pub fn src(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.head[12], self.head[13], self.head[14], self.head[15])
    }

    /// Destination address.
    #[inline]
    #[must_use]
    pub fn dst(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.head[16], self.head[17], self.head[18], self.head[19])
    }

    /// Identification.
    #[must_use]
    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.head[4], self.head[5]])
    }

    /// Protocol.
    #[inline]
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.head[9]
    }

    /// Don't fragment.
    #[must_use]
    pub fn dont_fragment(&self) -> bool {
        self.head[6] & 0x40 != 0
    }

    /// More fragments follow.
    #[must_use]
    pub fn more_fragments(&self) -> bool {
        self.head[6] & 0x20 != 0
    }

    /// The field of the total length.
    #[inline]
    #[must_use]
    pub fn total_len(&self) -> u16 {
        u16::from_be_bytes([self.head[2], self.head[3]])
    }

    /// The field of the header checksum.
    #[must_use]
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.head[10], self.head[11]])
    }

    /// The options, undecoded.
    #[must_use]
    pub fn options(&self) -> &'a [u8] {
        self.options
    }
}

/// A view of the fixed IPv6 header.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6<'a> {
    head: &'a [u8; 40],
}

impl Ipv6<'_> {
    /// Source address.
    #[inline]
    #[must_use]
    pub fn src(&self) -> Ipv6Addr {
        self.address(8)
    }

    /// Destination address.
    #[inline]
    #[must_use]
    pub fn dst(&self) -> Ipv6Addr {
        self.address(24)
    }

    fn address(&self, at: usize) -> Ipv6Addr {
        // Always there: `at` is 8 or 24 of 40 bytes.
        self.head.get(at..).and_then(<[u8]>::first_chunk::<16>).copied().unwrap_or_default().into()
    }

    /// Flow label, 20 bits.
    #[must_use]
    pub fn flow_label(&self) -> u32 {
        u32::from_be_bytes([0, self.head[1] & 15, self.head[2], self.head[3]])
    }

    /// The field of the payload length; 0 in a jumbogram.
    #[must_use]
    pub fn payload_len(&self) -> u16 {
        u16::from_be_bytes([self.head[4], self.head[5]])
    }

    /// The first next header.
    #[must_use]
    pub fn next_header(&self) -> u8 {
        self.head[6]
    }
}
