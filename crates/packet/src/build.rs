//! Packets from described fields, with right lengths and checksums.

use std::fmt;
use std::net::IpAddr;

use crate::packet::{Packet, Refused};
use crate::{Missing, exthdr, proto};

/// The fields of an IP header.
#[derive(Clone, Debug)]
pub struct Ip {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family.
    pub dst: IpAddr,
    /// TOS byte or traffic class.
    pub tos: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IPv4 identification; in IPv6 that of the fragment header.
    pub id: u32,
    /// IPv4: don't fragment.
    pub dont_fragment: bool,
    /// Makes it a fragment.
    pub fragment: Option<Fragment>,
    /// IPv4 options, padded with zeros to whole words; up to 40 bytes.
    pub options: Vec<u8>,
    /// IPv6 flow label, 20 bits.
    pub flow_label: u32,
    /// IPv6 extension headers in their order. A fragment header for [`Ip::fragment`] comes behind them.
    pub extensions: Vec<Extension>,
}

/// What makes a packet a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Offset in units of 8 bytes, under 8192. Behind 0 no transport header is written, only the payload.
    pub offset: u16,
    /// Whether more follow.
    pub more: bool,
}

/// An IPv6 extension header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its number.
    pub header: u8,
    /// All behind next header and length; zeros are added up to a whole unit.
    pub body: Vec<u8>,
}

impl Ip {
    /// A header with these addresses, TTL 64, and zeros.
    #[must_use]
    pub fn new(src: IpAddr, dst: IpAddr) -> Self {
        Self {
            src,
            dst,
            tos: 0,
            ttl: 64,
            id: 0,
            dont_fragment: false,
            fragment: None,
            options: Vec::new(),
            flow_label: 0,
            extensions: Vec::new(),
        }
    }
}

/// The fields of a transport header.
#[derive(Clone, Debug)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
    },
    /// ICMP, or ICMPv6 if the addresses are IPv6's.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Bytes 4 to 7: identifier and sequence number, gateway, MTU.
        rest: [u8; 4],
    },
    /// SCTP; the chunks are the payload.
    Sctp {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
        /// Verification tag.
        tag: u32,
    },
    /// Any other: the payload is all that follows the IP header.
    Other(u8),
}

/// The fields of a TCP header.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub flags: u8,
    /// Window.
    pub window: u16,
    /// Options, padded with zeros to whole words; up to 40 bytes.
    pub options: Vec<u8>,
}

/// Why fields make no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// Source and destination are of different families.
    Families,
    /// A part is longer than its length field can state: which one.
    TooLong(&'static str),
    /// The IP header that came out is none.
    Refused(Refused),
    /// The checksum cannot be computed.
    Checksum(Missing),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Families => write!(f, "source and destination are not both IPv4 or both IPv6"),
            Self::TooLong(what) => write!(f, "{what} too long"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Checksum(missing) => missing.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {}

impl Packet {
    /// The packet of these fields, with right lengths and checksums and an unknown context. A fragment's transport
    /// checksum is left 0: it is over bytes that are elsewhere.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(ip: &Ip, transport: &Transport, payload: &[u8]) -> Result<Self, BuildError> {
        let later = ip.fragment.is_some_and(|fragment| fragment.offset != 0);
        let mut body = if later { Vec::new() } else { transport.header(payload.len())? };
        body.extend_from_slice(payload);
        let bytes = match (ip.src, ip.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let protocol = transport.protocol(false);
                ip.v4(src.octets(), dst.octets(), protocol, &body)?
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let protocol = transport.protocol(true);
                ip.v6(src.octets(), dst.octets(), protocol, &body)?
            }
            _ => return Err(BuildError::Families),
        };
        let mut packet = Self::parse(&bytes).map_err(BuildError::Refused)?;
        packet.fill_checksums().map_err(BuildError::Checksum)?;
        Ok(packet)
    }
}

impl Transport {
    /// The protocol number.
    #[must_use]
    pub fn protocol(&self, v6: bool) -> u8 {
        match self {
            Self::Tcp(_) => proto::TCP,
            Self::Udp { .. } => proto::UDP,
            Self::Icmp { .. } if v6 => proto::ICMPV6,
            Self::Icmp { .. } => proto::ICMP,
            Self::Sctp { .. } => proto::SCTP,
            Self::Other(protocol) => *protocol,
        }
    }

    fn header(&self, payload_len: usize) -> Result<Vec<u8>, BuildError> {
        let ports = |sport: &u16, dport: &u16| [sport.to_be_bytes(), dport.to_be_bytes()].concat();
        Ok(match self {
            Self::Tcp(tcp) => tcp.header()?,
            Self::Udp { sport, dport } => {
                let len = field(payload_len + 8, "the UDP payload is")?;
                [ports(sport, dport), vec![len[0], len[1], 0, 0]].concat()
            }
            Self::Icmp { kind, code, rest } => [[*kind, *code, 0, 0], *rest].concat(),
            Self::Sctp { sport, dport, tag } => {
                [ports(sport, dport), tag.to_be_bytes().to_vec(), vec![0; 4]].concat()
            }
            Self::Other(_) => Vec::new(),
        })
    }
}

impl Tcp {
    fn header(&self) -> Result<Vec<u8>, BuildError> {
        let options = padded(&self.options, 4);
        let words = nibble(5 + options.len() / 4, "the TCP options are")?;
        let mut header = Vec::with_capacity(20 + options.len());
        header.extend(self.sport.to_be_bytes());
        header.extend(self.dport.to_be_bytes());
        header.extend(self.seq.to_be_bytes());
        header.extend(self.ack.to_be_bytes());
        header.extend([words << 4, self.flags]);
        header.extend(self.window.to_be_bytes());
        header.extend([0; 4]);
        header.extend(options);
        Ok(header)
    }
}

impl Ip {
    fn v4(
        &self,
        src: [u8; 4],
        dst: [u8; 4],
        protocol: u8,
        body: &[u8],
    ) -> Result<Vec<u8>, BuildError> {
        let options = padded(&self.options, 4);
        let words = nibble(5 + options.len() / 4, "the IPv4 options are")?;
        let mut bytes = vec![0x40 | words, self.tos];
        bytes.extend(field(20 + options.len() + body.len(), "the IPv4 packet is")?);
        let id =
            u16::try_from(self.id).map_err(|_| BuildError::TooLong("the identification is"))?;
        bytes.extend(id.to_be_bytes());
        let mut fragment = fragment_bits(self.fragment, 0x2000, 0)?;
        if self.dont_fragment {
            fragment |= 0x4000;
        }
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([self.ttl, protocol, 0, 0]);
        bytes.extend(src);
        bytes.extend(dst);
        bytes.extend(options);
        bytes.extend_from_slice(body);
        Ok(bytes)
    }

    fn v6(
        &self,
        src: [u8; 16],
        dst: [u8; 16],
        protocol: u8,
        body: &[u8],
    ) -> Result<Vec<u8>, BuildError> {
        let mut headers: Vec<(u8, Vec<u8>)> = Vec::new();
        for extension in &self.extensions {
            headers.push((extension.header, extension.after_next_header()?));
        }
        if self.fragment.is_some() {
            let offset = fragment_bits(self.fragment, 1, 3)?;
            let header = [&[0][..], &offset.to_be_bytes(), &self.id.to_be_bytes()].concat();
            headers.push((exthdr::FRAGMENT, header));
        }
        let nexts = headers.iter().map(|(header, _)| *header).skip(1).chain([protocol]);
        let chain: Vec<u8> = headers
            .iter()
            .zip(nexts)
            .flat_map(|((_, rest), next)| std::iter::once(next).chain(rest.iter().copied()))
            .collect();
        let first = headers.first().map_or(protocol, |(header, _)| *header);
        let head = 0x6000_0000 | (u32::from(self.tos) << 20) | (self.flow_label & 0xf_ffff);
        let mut bytes = head.to_be_bytes().to_vec();
        bytes.extend(field(chain.len() + body.len(), "the IPv6 packet is")?);
        bytes.extend([first, self.ttl]);
        bytes.extend(src);
        bytes.extend(dst);
        bytes.extend(chain);
        bytes.extend_from_slice(body);
        Ok(bytes)
    }
}

impl Extension {
    /// The header without its first byte, padded to its unit, with its length: RFC 8200 4, RFC 4302 2.2.
    fn after_next_header(&self) -> Result<Vec<u8>, BuildError> {
        let whole = padded(&[&[0, 0], &self.body[..]].concat(), 8);
        let length = match self.header {
            exthdr::FRAGMENT => 0,
            exthdr::AUTH => whole.len() / 4 - 2,
            _ => whole.len() / 8 - 1,
        };
        let length =
            u8::try_from(length).map_err(|_| BuildError::TooLong("an extension header is"))?;
        Ok(std::iter::once(length).chain(whole.into_iter().skip(2)).collect())
    }
}

fn fragment_bits(fragment: Option<Fragment>, more: u16, shift: u32) -> Result<u16, BuildError> {
    let Some(fragment) = fragment else { return Ok(0) };
    if fragment.offset > 0x1fff {
        return Err(BuildError::TooLong("the fragment offset is"));
    }
    Ok((fragment.offset << shift) | if fragment.more { more } else { 0 })
}

fn padded(bytes: &[u8], unit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(unit), 0);
    bytes
}

fn field(len: usize, what: &'static str) -> Result<[u8; 2], BuildError> {
    u16::try_from(len).map(u16::to_be_bytes).map_err(|_| BuildError::TooLong(what))
}

fn nibble(words: usize, what: &'static str) -> Result<u8, BuildError> {
    u8::try_from(words).ok().filter(|words| *words <= 15).ok_or(BuildError::TooLong(what))
}
