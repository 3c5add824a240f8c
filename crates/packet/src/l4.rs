//! Views of transport headers: copies of the fixed part, and walks over what follows.

use crate::packet::Packet;
use crate::{Missing, exthdr};

/// Protocol numbers.
pub mod proto {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// DCCP.
    pub const DCCP: u8 = 33;
    /// Encapsulating security payload.
    pub const ESP: u8 = 50;
    /// Authentication header.
    pub const AH: u8 = 51;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// IP payload compression.
    pub const COMP: u8 = 108;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// Mobility header.
    pub const MH: u8 = 135;
    /// UDP-Lite.
    pub const UDPLITE: u8 = 136;
}

#[inline]
fn be16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<2>).map_or(0, |b| u16::from_be_bytes(*b))
}

#[inline]
fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).map_or(0, |b| u32::from_be_bytes(*b))
}

impl Packet {
    /// The fixed part of the header of `protocol`, and where it is.
    #[inline]
    fn head<const N: usize>(&self, protocol: u8) -> Result<(&[u8; N], usize), Missing> {
        let transport = self.transport()?;
        if transport.protocol != protocol {
            return Err(Missing::Absent);
        }
        if transport.fragment != 0 {
            return Err(Missing::LaterFragment);
        }
        Ok((self.array_ref_at(transport.offset)?, transport.offset))
    }

    /// The TCP header.
    ///
    /// # Errors
    /// [`Missing`]; its [`Missing::truth`] is what `net/netfilter/xt_tcpudp.c:tcp_mt` does.
    #[inline]
    pub fn tcp(&self) -> Result<Tcp<'_>, Missing> {
        if self.protocol() == Some(proto::TCP) && self.fragment() == 1 {
            return Err(Missing::OverlappingFragment);
        }
        let (head, offset) = self.head(proto::TCP)?;
        Ok(Tcp { head, offset, packet: self })
    }

    /// The TCP header as matches read it that do not look at the fragment offset: in a later fragment whatever is
    /// where it would be.
    ///
    /// # Errors
    /// [`Missing`], but neither of those about fragments.
    pub fn tcp_even_in_fragments(&self) -> Result<Tcp<'_>, Missing> {
        let transport = self.transport()?;
        if transport.protocol != proto::TCP {
            return Err(Missing::Absent);
        }
        let offset = transport.offset;
        Ok(Tcp { head: self.array_ref_at(offset)?, offset, packet: self })
    }

    /// The UDP header.
    ///
    /// # Errors
    /// [`Missing`], as `net/netfilter/xt_tcpudp.c:udp_mt` asks for it.
    #[inline]
    pub fn udp(&self) -> Result<Udp<'_>, Missing> {
        Ok(Udp { head: self.head(proto::UDP)?.0 })
    }

    /// The ports of any protocol that begins with them: the first four bytes of the transport header, whatever the
    /// protocol is (`net/netfilter/xt_multiport.c:multiport_mt`).
    ///
    /// # Errors
    /// [`Missing`].
    #[inline]
    pub fn ports(&self) -> Result<(u16, u16), Missing> {
        let [a, b, c, d] = self.transport_bytes()?;
        Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }

    /// The ICMP header (IPv4), all 8 bytes of which must be there (`net/netfilter/xt_tcpudp.c:icmp_match`).
    ///
    /// # Errors
    /// [`Missing`].
    #[inline]
    pub fn icmp(&self) -> Result<Icmp, Missing> {
        let (head, offset) = self.head::<8>(proto::ICMP)?;
        Ok(Icmp { kind: head[0], code: head[1], offset })
    }

    /// The ICMPv6 header.
    ///
    /// # Errors
    /// [`Missing`].
    #[inline]
    pub fn icmpv6(&self) -> Result<Icmp, Missing> {
        let (head, offset) = self.head::<8>(proto::ICMPV6)?;
        Ok(Icmp { kind: head[0], code: head[1], offset })
    }

    /// The SCTP header.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn sctp(&self) -> Result<Sctp<'_>, Missing> {
        let (head, offset) = self.head(proto::SCTP)?;
        Ok(Sctp { head, offset, packet: self })
    }

    /// The DCCP header.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn dccp(&self) -> Result<Dccp<'_>, Missing> {
        let (head, offset) = self.head(proto::DCCP)?;
        Ok(Dccp { head, offset, packet: self })
    }

    /// The ESP header.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn esp(&self) -> Result<Esp, Missing> {
        let (head, _) = self.head::<8>(proto::ESP)?;
        Ok(Esp { spi: be32(head, 0) })
    }

    /// The authentication header: in IPv4 the transport header, in IPv6 looked for among the extension headers
    /// (`net/ipv6/netfilter/ip6t_ah.c:ah_mt6`).
    ///
    /// # Errors
    /// [`Missing`].
    pub fn ah(&self) -> Result<Ah, Missing> {
        let head = match self.ipv6() {
            Some(_) => self.array_ref_at::<12>(self.find_ipv6_header(exthdr::AUTH)?.offset)?,
            None => self.head::<12>(proto::AH)?.0,
        };
        Ok(Ah { units: head[1], reserved: be16(head, 2), spi: be32(head, 4) })
    }

    /// The IPComp header.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn ipcomp(&self) -> Result<IpComp, Missing> {
        let (head, _) = self.head::<4>(proto::COMP)?;
        Ok(IpComp { reserved: head[1], cpi: be16(head, 2) })
    }

    /// The mobility header.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn mobility(&self) -> Result<MobilityHeader, Missing> {
        let (head, _) = self.head::<6>(proto::MH)?;
        Ok(MobilityHeader { payload_proto: head[0], kind: head[2] })
    }
}

/// A view of a TCP header.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    head: &'a [u8; 20],
    offset: usize,
    packet: &'a Packet,
}

impl<'a> Tcp<'a> {
    /// Source port.
    #[inline]
    #[must_use]
    pub fn sport(&self) -> u16 {
        be16(self.head, 0)
    }

    /// Destination port.
    #[inline]
    #[must_use]
    pub fn dport(&self) -> u16 {
        be16(self.head, 2)
    }

    /// Sequence number.
    #[inline]
    #[must_use]
    pub fn seq(&self) -> u32 {
        be32(self.head, 4)
    }

    /// Acknowledgment number.
    #[must_use]
    pub fn ack(&self) -> u32 {
        be32(self.head, 8)
    }

    /// The flags as `--tcp-flags` has them, byte 13: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    #[inline]
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.head[13]
    }

    /// Window, unscaled.
    #[must_use]
    pub fn window(&self) -> u16 {
        be16(self.head, 14)
    }

    /// Where the header begins, from the IP header.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Length of the header in bytes as its data offset states; may be under 20 in a malformed one.
    #[must_use]
    pub fn header_len(&self) -> usize {
        usize::from(self.head[12] >> 4) * 4
    }

    /// Bytes of payload; 0 if the header says it is longer than the packet.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.packet.total_len().saturating_sub(self.offset + self.header_len())
    }

    /// The options, walked as the kernel's matches do.
    ///
    /// # Errors
    /// [`Missing::Malformed`] for a data offset under 5, [`Missing::Truncated`] for options beyond the packet.
    pub fn options(&self) -> Result<TcpOptions<'a>, Missing> {
        let len = self.header_len().checked_sub(20).ok_or(Missing::Malformed)?;
        if len == 0 {
            return Ok(TcpOptions { rest: &[] });
        }
        Ok(TcpOptions { rest: self.packet.bytes_at(self.offset + 20, len)? })
    }

    /// Whether there is an option of this kind: `net/netfilter/xt_tcpudp.c:tcp_find_option`.
    ///
    /// # Errors
    /// As [`Tcp::options`].
    pub fn has_option(&self, kind: u8) -> Result<bool, Missing> {
        Ok(self.options()?.any(|option| option.kind == kind))
    }

    /// The maximum segment size option, as `net/netfilter/xt_tcpmss.c:tcpmss_mt` finds it: with a length of 4 and
    /// not cut.
    ///
    /// # Errors
    /// As [`Tcp::options`].
    pub fn mss(&self) -> Result<Option<u16>, Missing> {
        let is_mss = |option: TcpOption<'a>| match option.from_here {
            [2, 4, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        };
        Ok(self.options()?.find_map(is_mss))
    }
}

/// One TCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOption<'a> {
    /// Its kind.
    pub kind: u8,
    /// All bytes from the kind on to the end of the options: the length, if it has one, is the second.
    pub from_here: &'a [u8],
}

/// The TCP options in the kernel's steps: kinds 0 and 1 are one byte long, others as long as they say; a length of
/// 0 is taken as 1. The end-of-list option does not end the walk.
#[derive(Clone, Debug)]
pub struct TcpOptions<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = TcpOption<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let here = self.rest;
        let kind = *here.first()?;
        let step = match here.get(1) {
            Some(&len) if kind >= 2 => usize::from(len.max(1)),
            _ => 1,
        };
        self.rest = here.get(step..).unwrap_or(&[]);
        Some(TcpOption { kind, from_here: here })
    }
}

/// A view of a UDP header.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    head: &'a [u8; 8],
}

impl Udp<'_> {
    /// Source port.
    #[inline]
    #[must_use]
    pub fn sport(&self) -> u16 {
        be16(self.head, 0)
    }

    /// Destination port.
    #[inline]
    #[must_use]
    pub fn dport(&self) -> u16 {
        be16(self.head, 2)
    }

    /// The length field.
    #[must_use]
    pub fn length(&self) -> u16 {
        be16(self.head, 4)
    }
}

/// An ICMP or ICMPv6 header.
#[derive(Clone, Copy, Debug)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Where the header begins, from the IP header.
    pub offset: usize,
}

impl Icmp {
    /// The packet that an error message of `packet` carries, from its IP header on; `None` in other messages.
    ///
    /// # Errors
    /// As [`Packet::bytes_at`].
    pub fn quoted<'a>(&self, packet: &'a Packet) -> Result<Option<&'a [u8]>, Missing> {
        let is_error = match packet.ipv6() {
            // RFC 4443 2.1: error messages are those under 128.
            Some(_) => self.kind < 128,
            // include/linux/icmp.h:icmp_is_err
            None => matches!(self.kind, 3 | 4 | 5 | 11 | 12),
        };
        if !is_error {
            return Ok(None);
        }
        let start = self.offset + 8;
        packet.bytes_at(start, 0)?;
        packet.bytes().get(start..).map(Some).ok_or(Missing::NotCaptured)
    }

    /// Identifier of an echo request or answer and the like: bytes 4 and 5.
    ///
    /// # Errors
    /// As [`Packet::bytes_at`].
    pub fn id(&self, packet: &Packet) -> Result<u16, Missing> {
        packet.array_at(self.offset + 4).map(u16::from_be_bytes)
    }
}

/// A view of an SCTP header.
#[derive(Clone, Copy, Debug)]
pub struct Sctp<'a> {
    head: &'a [u8; 12],
    offset: usize,
    packet: &'a Packet,
}

/// The head of an SCTP chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpChunk {
    /// Type.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Length with this head, without padding.
    pub length: u16,
}

impl<'a> Sctp<'a> {
    /// Source port.
    #[inline]
    #[must_use]
    pub fn sport(&self) -> u16 {
        be16(self.head, 0)
    }

    /// Destination port.
    #[inline]
    #[must_use]
    pub fn dport(&self) -> u16 {
        be16(self.head, 2)
    }

    /// Verification tag.
    #[must_use]
    pub fn tag(&self) -> u32 {
        be32(self.head, 4)
    }

    /// Where the header begins, from the IP header.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The chunks, in `net/netfilter/xt_sctp.c:match_packet`'s walk: at least one is looked for, one that cannot
    /// be read or is of length 0 is an error ([`Missing::Truncated`], [`Missing::Malformed`]: a hot drop), and the
    /// walk ends at the packet's end or after an error.
    pub fn chunks(&self) -> impl Iterator<Item = Result<SctpChunk, Missing>> + use<'a> {
        let packet = self.packet;
        let mut next = Some(self.offset + 12);
        std::iter::from_fn(move || {
            let offset = next.take()?;
            let [kind, flags, a, b] = match packet.array_at(offset) {
                Ok(head) => head,
                Err(missing) => return Some(Err(missing)),
            };
            let length = u16::from_be_bytes([a, b]);
            if length == 0 {
                return Some(Err(Missing::Malformed));
            }
            let after = offset + usize::from(length).next_multiple_of(4);
            next = (after < packet.total_len()).then_some(after);
            Some(Ok(SctpChunk { kind, flags, length }))
        })
    }
}

/// A view of a DCCP header.
#[derive(Clone, Copy, Debug)]
pub struct Dccp<'a> {
    head: &'a [u8; 12],
    offset: usize,
    packet: &'a Packet,
}

impl Dccp<'_> {
    /// Source port.
    #[inline]
    #[must_use]
    pub fn sport(&self) -> u16 {
        be16(self.head, 0)
    }

    /// Destination port.
    #[inline]
    #[must_use]
    pub fn dport(&self) -> u16 {
        be16(self.head, 2)
    }

    /// Packet type, 0 REQUEST to 9 SYNCACK, up to 15.
    #[must_use]
    pub fn kind(&self) -> u8 {
        (self.head[8] >> 1) & 15
    }

    /// `include/linux/dccp.h:__dccp_hdr_len`: the fixed part with what the type adds.
    fn fixed_len(&self) -> usize {
        let extended = usize::from(self.head[8] & 1) * 4;
        let by_type = match self.kind() {
            0 => 4,
            2 => 0,
            3 | 4 | 5 | 6 | 8 | 9 => 8,
            _ => 12,
        };
        12 + extended + by_type
    }

    /// Whether there is an option of this kind: `net/netfilter/xt_dccp.c:dccp_find_option`, in whose walk options 0
    /// and 1 are one byte long (and so the end of the list does not end it).
    ///
    /// # Errors
    /// [`Missing::Malformed`] for a data offset within the fixed part, [`Missing::Truncated`] for options beyond the
    /// packet: both are hot drops.
    pub fn has_option(&self, kind: u8) -> Result<bool, Missing> {
        let fixed = self.fixed_len();
        let len = (usize::from(self.head[4]) * 4).checked_sub(fixed).ok_or(Missing::Malformed)?;
        if len == 0 {
            return Ok(false);
        }
        let mut options = TcpOptions { rest: self.packet.bytes_at(self.offset + fixed, len)? };
        Ok(options.any(|option| option.kind == kind))
    }
}

/// An ESP header.
#[derive(Clone, Copy, Debug)]
pub struct Esp {
    /// Security parameters index.
    pub spi: u32,
}

/// An authentication header.
#[derive(Clone, Copy, Debug)]
pub struct Ah {
    /// The length field: units of 4 bytes, less 2.
    pub units: u8,
    /// The reserved field.
    pub reserved: u16,
    /// Security parameters index.
    pub spi: u32,
}

/// An IPComp header.
#[derive(Clone, Copy, Debug)]
pub struct IpComp {
    /// The byte of flags, reserved.
    pub reserved: u8,
    /// Compression parameter index.
    pub cpi: u16,
}

/// A mobility header.
#[derive(Clone, Copy, Debug)]
pub struct MobilityHeader {
    /// Payload protocol; must be 59 (no next header), else the kernel hot-drops.
    pub payload_proto: u8,
    /// Message type.
    pub kind: u8,
}
