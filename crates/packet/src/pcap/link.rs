//! From a frame's link header to the IP packet in it.

use std::fmt;

use super::Frame;
use super::link_type;
use crate::{Known, Link, Packet, PacketType, Refused};

/// The IP packet in a frame, and what its link header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network<'a> {
    /// The captured bytes from the IP header on, with any padding behind.
    pub bytes: &'a [u8],
    /// How many there were on the wire.
    pub wire_len: usize,
    /// The Ethernet header.
    pub link: Known<Link>,
    /// The packet's type. From Ethernet only broadcast and multicast are known.
    pub packet_type: Known<PacketType>,
}

/// Why a frame has no packet that an IP hook would see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// A link type that is not understood.
    LinkType(u16),
    /// The frame ends within its link header.
    ShortLink,
    /// Not IP, but this EtherType.
    EtherType(u16),
    /// Not IP, but this address family (loopback).
    AddressFamily(u32),
    /// The IP layer would drop it.
    Refused(Refused),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType(number) => write!(f, "link type {number} is not understood"),
            Self::ShortLink => write!(f, "the frame ends within its link header"),
            Self::EtherType(number) => write!(f, "not IP (EtherType 0x{number:04x})"),
            Self::AddressFamily(number) => write!(f, "not IP (address family {number})"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for Unusable {}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and its number before it was a standard.
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// `ARPHRD_ETHER`, `ARPHRD_LOOPBACK`: whose addresses are MAC addresses.
const WITH_MAC: [u16; 2] = [1, 772];

/// What is left of a frame while its headers are taken off.
struct Cursor<'a> {
    rest: &'a [u8],
    wire_len: usize,
}

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], Unusable> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Unusable::ShortLink)?;
        self.rest = rest;
        self.wire_len = self.wire_len.saturating_sub(N);
        Ok(head)
    }

    fn network(self, link: Known<Link>, packet_type: Known<PacketType>) -> Network<'a> {
        Network { bytes: self.rest, wire_len: self.wire_len, link, packet_type }
    }

    /// Takes VLAN tags off; the EtherType behind them and the outermost tag.
    fn tags(&mut self, mut ethertype: u16) -> Result<(u16, Option<u16>), Unusable> {
        let mut outermost = None;
        while VLAN.contains(&ethertype) {
            let [a, b, c, d] = *self.take()?;
            outermost.get_or_insert(u16::from_be_bytes([a, b]));
            ethertype = u16::from_be_bytes([c, d]);
        }
        match ethertype {
            IPV4 | IPV6 => Ok((ethertype, outermost)),
            other => Err(Unusable::EtherType(other)),
        }
    }
}

impl<'a> Frame<'a> {
    /// Takes the link header off.
    ///
    /// # Errors
    /// [`Unusable`], with the reason.
    pub fn network(&self) -> Result<Network<'a>, Unusable> {
        let mut cursor = Cursor { rest: self.bytes, wire_len: self.wire_len };
        match self.link_type {
            link_type::ETHERNET => ethernet(cursor),
            link_type::LINUX_SLL => cooked(cursor),
            link_type::LINUX_SLL2 => cooked2(cursor),
            link_type::RAW
            | link_type::RAW_BSD
            | link_type::RAW_OPENBSD
            | link_type::IPV4
            | link_type::IPV6 => {
                let unknown = Known::Unknown("the capture has no link headers");
                Ok(cursor.network(Known::Absent, unknown))
            }
            link_type::NULL => {
                // Either byte order: families are small numbers, so the smaller reading is the right one.
                let bytes = *cursor.take()?;
                loopback(cursor, u32::from_le_bytes(bytes).min(u32::from_be_bytes(bytes)))
            }
            link_type::LOOP => {
                let family = u32::from_be_bytes(*cursor.take()?);
                loopback(cursor, family)
            }
            other => Err(Unusable::LinkType(other)),
        }
    }

    /// The packet in the frame; its context has the time, the link header and the packet's type, and nothing of
    /// the interface, which may be one that the packet came in by or leaves by.
    ///
    /// # Errors
    /// [`Unusable`], with the reason.
    pub fn packet(&self) -> Result<Packet, Unusable> {
        let network = self.network()?;
        let mut packet =
            Packet::captured(network.bytes, network.wire_len).map_err(Unusable::Refused)?;
        packet.context.time = self.time;
        packet.context.link = network.link;
        packet.context.packet_type = network.packet_type;
        Ok(packet)
    }
}

fn ethernet(mut cursor: Cursor<'_>) -> Result<Network<'_>, Unusable> {
    let (dst, src) = (*cursor.take::<6>()?, *cursor.take::<6>()?);
    let stated = u16::from_be_bytes(*cursor.take()?);
    let (ethertype, vlan) = cursor.tags(stated)?;
    // net/ethernet/eth.c:eth_type_trans
    let packet_type = match dst {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => Known::Known(PacketType::Broadcast),
        [first, ..] if first & 1 == 1 => Known::Known(PacketType::Multicast),
        _ => Known::Unknown("whether the frame was for this host is not known"),
    };
    let link = Link { src, dst: Some(dst), ethertype, vlan };
    Ok(cursor.network(Known::Known(link), packet_type))
}

/// `LINKTYPE_LINUX_SLL`: packet type, device type, address length, address, protocol.
fn cooked(mut cursor: Cursor<'_>) -> Result<Network<'_>, Unusable> {
    let [_, kind, d0, d1, l0, l1, address @ ..] = *cursor.take::<14>()?;
    let ethertype = u16::from_be_bytes(*cursor.take()?);
    let device = u16::from_be_bytes([d0, d1]);
    let address_len = u16::from_be_bytes([l0, l1]);
    cooked_network(cursor, ethertype, kind, device, address_len, address)
}

/// `LINKTYPE_LINUX_SLL2`: protocol, reserved, interface number, device type, packet type, address length, address.
fn cooked2(mut cursor: Cursor<'_>) -> Result<Network<'_>, Unusable> {
    let ethertype = u16::from_be_bytes(*cursor.take()?);
    let [_, _, _, _, _, _, d0, d1, kind, len] = *cursor.take()?;
    let address = *cursor.take()?;
    cooked_network(cursor, ethertype, kind, u16::from_be_bytes([d0, d1]), len.into(), address)
}

fn cooked_network(
    mut cursor: Cursor<'_>,
    ethertype: u16,
    kind: u8,
    device: u16,
    address_len: u16,
    address: [u8; 8],
) -> Result<Network<'_>, Unusable> {
    let (ethertype, vlan) = cursor.tags(ethertype)?;
    let [a, b, c, d, e, f, ..] = address;
    let link = match WITH_MAC.contains(&device) && address_len == 6 {
        true => Known::Known(Link { src: [a, b, c, d, e, f], dst: None, ethertype, vlan }),
        false => Known::Absent,
    };
    let packet_type = PacketType::from_number(kind)
        .map_or(Known::Unknown("the capture's packet type is none that is known"), Known::Known);
    Ok(cursor.network(link, packet_type))
}

/// `AF_INET` is 2 everywhere; `AF_INET6` is 10 with Linux, 24, 28 and 30 with the BSDs and macOS.
fn loopback(cursor: Cursor<'_>, family: u32) -> Result<Network<'_>, Unusable> {
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(cursor.network(Known::Absent, Known::Known(PacketType::Host))),
        other => Err(Unusable::AddressFamily(other)),
    }
}
