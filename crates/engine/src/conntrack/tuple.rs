//! Connections' names: what a packet says of its connection (`net/netfilter/nf_conntrack_core.c:nf_ct_get_tuple`).

use oxtables_packet::{Family, Packet, Tuple, exthdr, proto};
use std::net::IpAddr;

/// The place and protocol of the transport header; `None` where connection tracking finds none
/// (`nf_conntrack_core.c:get_l4proto`).
pub(crate) fn transport(packet: &Packet) -> Option<(u8, usize)> {
    match packet.family() {
        Family::Ip4 => {
            let transport = packet.transport().ok()?;
            let fits = transport.offset <= packet.total_len();
            (transport.fragment == 0 && fits).then_some((transport.protocol, transport.offset))
        }
        Family::Ip6 => skip_extensions(packet),
    }
}

/// `net/ipv6/exthdrs_core.c:ipv6_skip_exthdr`: an authentication header is walked over, unlike by nf_tables.
fn skip_extensions(packet: &Packet) -> Option<(u8, usize)> {
    let mut next = packet.ipv6()?.next_header();
    let mut at = packet.header_len();
    loop {
        let known = [exthdr::HOP, exthdr::ROUTING, exthdr::FRAGMENT, exthdr::AUTH, exthdr::DEST];
        if next == exthdr::NONE {
            return None;
        }
        if !known.contains(&next) {
            return Some((next, at));
        }
        let [following, units] = packet.array_at(at).ok()?;
        let len = match next {
            exthdr::FRAGMENT => {
                let offset = u16::from_be_bytes(packet.array_at(at + 2).ok()?);
                if offset & !7 != 0 {
                    return None;
                }
                8
            }
            exthdr::AUTH => (usize::from(units) + 2) * 4,
            _ => (usize::from(units) + 1) * 8,
        };
        (next, at) = (following, at + len);
    }
}

/// The name of the packet's connection, in the packet's direction.
pub(crate) fn of(packet: &Packet) -> Option<Tuple> {
    let (protocol, at) = transport(packet)?;
    let (sport, dport) = numbers(packet, protocol, at)?;
    Some(Tuple { src: packet.src(), dst: packet.dst(), protocol, sport, dport })
}

fn numbers(packet: &Packet, protocol: u8, at: usize) -> Option<(u16, u16)> {
    match protocol {
        proto::TCP | proto::UDP | proto::UDPLITE | proto::SCTP | proto::DCCP => {
            let [a, b, c, d] = packet.array_at(at).ok()?;
            Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
        }
        proto::ICMP if packet.family() == Family::Ip4 => icmp(packet, at),
        proto::ICMPV6 if packet.family() == Family::Ip6 => icmp(packet, at),
        GRE => match (packet.array_at::<4>(at), packet.array_at::<8>(at)) {
            // Version 1 is PPTP's, known by its call (`nf_conntrack_proto_gre.c:gre_pkt_to_tuple`).
            (Ok([_, version, _, _]), Ok([_, _, a, b, _, _, c, d])) if version & 7 == 1 => {
                let call = u16::from_be_bytes([c, d]);
                (u16::from_be_bytes([a, b]) == GRE_PPP).then_some((0, call))
            }
            _ => Some((0, 0)),
        },
        _ => Some((0, 0)),
    }
}

/// Generic routing encapsulation.
pub(crate) const GRE: u8 = 47;
/// `GRE_PROTO_PPP`.
const GRE_PPP: u16 = 0x880b;

/// The identifier, and type with code (`nf_conntrack_proto_icmp.c:icmp_pkt_to_tuple`).
fn icmp(packet: &Packet, at: usize) -> Option<(u16, u16)> {
    let [kind, code, _, _, a, b, _, _] = packet.array_at(at).ok()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([kind, code])))
}

/// The type that answers an ICMP query, if it is one (`invmap`).
fn answer(kind: u8, v6: bool) -> Option<u8> {
    Some(match (v6, kind) {
        (false, 8) => 0,
        (false, 0) => 8,
        (false, 13) => 14,
        (false, 14) => 13,
        (false, 15) => 16,
        (false, 16) => 15,
        (false, 17) => 18,
        (false, 18) => 17,
        (true, 128) => 129,
        (true, 129) => 128,
        (true, 139) => 140,
        (true, 140) => 139,
        _ => return None,
    })
}

/// Whether an ICMP query of this type may begin a connection (`valid_new`).
pub(super) fn may_begin(kind: u8, v6: bool) -> bool {
    if v6 { matches!(kind, 128 | 139) } else { matches!(kind, 8 | 13 | 15 | 17) }
}

/// The name in the other direction (`nf_ct_invert_tuple`).
pub(crate) fn inverted(tuple: &Tuple) -> Option<Tuple> {
    let (src, dst) = (tuple.dst, tuple.src);
    let v6 = matches!(src, IpAddr::V6(_));
    let (sport, dport) = match tuple.protocol {
        proto::ICMP | proto::ICMPV6 if (tuple.protocol == proto::ICMPV6) == v6 => {
            let [kind, code] = tuple.dport.to_be_bytes();
            (tuple.sport, u16::from_be_bytes([answer(kind, v6)?, code]))
        }
        _ => (tuple.dport, tuple.sport),
    };
    Some(Tuple { src, dst, protocol: tuple.protocol, sport, dport })
}
