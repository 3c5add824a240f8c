//! The packet that REJECT answers with (`net/ipv4/netfilter/nf_reject_ipv4.c`, `nf_reject_ipv6.c`).

use crate::conntrack::{sums_up, tuple};
use crate::topology::{Routed, Topology};
use oxtables_base::Family;
use oxtables_packet::build::{Ip, Tcp, Transport};
use oxtables_packet::{Known, Packet, PacketType, exthdr, proto};
use std::net::IpAddr;

const RST: u8 = 4;
const ACK: u8 = 16;

/// The answer's bytes, from its IP header on; `None` where the kernel sends none, or where it depends on what is not
/// known. Its TTL is 64, the kernel's default.
pub(crate) fn to(packet: &Packet, with: &str, topology: &Topology) -> Option<Vec<u8>> {
    if packet.fragment() != 0 || !may_be_believed(packet) {
        return None;
    }
    match with {
        "tcp-reset" => reset(packet),
        _ => unreachable(packet, with, topology),
    }
}

/// `nf_reject_verify_csum`, `nf_ip_checksum`, `nf_ip6_checksum`. Protocols that the kernel knows nothing of are summed
/// up too, in IPv6 with a pseudo header.
fn may_be_believed(packet: &Packet) -> bool {
    let v6 = packet.family() == Family::Ip6;
    let Some((protocol, at)) = tuple::transport(packet) else { return false };
    let len = packet.total_len().saturating_sub(at);
    if v6 && len == 0 {
        return false;
    }
    let pseudo = match protocol {
        proto::UDP if packet.array_at(at + 6) == Ok([0, 0]) => return true,
        tuple::GRE | exthdr::AUTH | exthdr::ESP | proto::SCTP | proto::UDPLITE => {
            return true;
        }
        proto::TCP | proto::UDP => Some(protocol),
        _ => v6.then_some(protocol),
    };
    sums_up(packet, at, len, pseudo)
}

/// RFC 1122 3.2.2, RFC 4443 2.4: no error about an error, nor about what is sent to all. Unknown types are errors
/// (`net/ipv4/icmp.c:icmp_send`, `net/ipv6/icmp.c:is_ineligible`).
fn may_be_told(packet: &Packet) -> bool {
    if matches!(packet.context.packet_type, Known::Known(t) if t != PacketType::Host) {
        return false;
    }
    let Some((protocol, at)) = tuple::transport(packet) else { return true };
    let kind = packet.array_at::<1>(at).map(|[kind]| kind);
    match (protocol, packet.family()) {
        (proto::ICMP, Family::Ip4) => {
            kind.is_ok_and(|kind| kind <= 18 && !matches!(kind, 3 | 4 | 5 | 11 | 12))
        }
        (proto::ICMPV6, Family::Ip6) => kind.is_ok_and(|kind| kind >= 128),
        _ => true,
    }
}

/// Who was spoken to says it if that is this host, else this host in its own name: in IPv4 as it speaks to the sender, in
/// IPv6 as it speaks where the packet came in.
fn teller(packet: &Packet, topology: &Topology) -> Option<IpAddr> {
    let (from, to) = (packet.src(), packet.dst());
    if topology.is_local(to) {
        return Some(to);
    }
    let context = &packet.context;
    if let (Known::Known(input), IpAddr::V6(_)) = (context.in_interface, from) {
        return topology.source_towards(&input, from);
    }
    match topology.lookup(from) {
        Known::Known(Routed::Out(out)) => topology.source_towards(&out, from),
        Known::Known(Routed::Local) => topology.source_to_itself(from),
        _ => None,
    }
}

fn bytes(ip: &Ip, transport: &Transport, payload: &[u8]) -> Option<Vec<u8>> {
    Packet::build(ip, transport, payload).ok().map(|p| p.bytes().to_vec())
}

/// `nf_send_reset`: never to a reset.
fn reset(packet: &Packet) -> Option<Vec<u8>> {
    let tcp = packet.tcp().ok()?;
    if tcp.flags() & RST != 0 {
        return None;
    }
    let (seq, ack, flags) = match tcp.flags() & ACK {
        0 => {
            let more = u32::from(tcp.flags() & 2 != 0) + u32::from(tcp.flags() & 1 != 0);
            let len = u32::try_from(tcp.payload_len()).ok()?;
            (0, tcp.seq().wrapping_add(len).wrapping_add(more), RST | ACK)
        }
        _ => (tcp.ack(), 0, RST),
    };
    let mut ip = Ip::new(packet.dst(), packet.src());
    ip.dont_fragment = packet.family() == Family::Ip4;
    let (sport, dport) = (tcp.dport(), tcp.sport());
    let answer = Tcp { sport, dport, seq, ack, flags, ..Tcp::default() };
    bytes(&ip, &Transport::Tcp(answer), b"")
}

/// `nf_send_unreach`, `icmpv6_send`: the packet quoted, the whole up to 576 bytes (IPv4) or 1280 (IPv6).
fn unreachable(packet: &Packet, with: &str, topology: &Topology) -> Option<Vec<u8>> {
    let (kind, code) = match with {
        "icmp-net-unreachable" => (3, 0),
        "icmp-host-unreachable" => (3, 1),
        "icmp-proto-unreachable" => (3, 2),
        "icmp-port-unreachable" => (3, 3),
        "icmp-net-prohibited" => (3, 9),
        "icmp-host-prohibited" => (3, 10),
        "icmp-admin-prohibited" => (3, 13),
        "icmp6-no-route" => (1, 0),
        "icmp6-adm-prohibited" => (1, 1),
        "icmp6-addr-unreachable" => (1, 3),
        "icmp6-port-unreachable" => (1, 4),
        "icmp6-policy-fail" => (1, 5),
        "icmp6-reject-route" => (1, 6),
        _ => return None,
    };
    if !may_be_told(packet) {
        return None;
    }
    let room = match packet.family() {
        Family::Ip4 => 576 - 28,
        Family::Ip6 => 1280 - 48,
    };
    let quoted = packet.bytes().get(..room).unwrap_or(packet.bytes());
    let mut ip = Ip::new(teller(packet, topology)?, packet.src());
    ip.tos = match packet.family() {
        Family::Ip4 => (packet.tos() & 0x1e) | 0xc0,
        Family::Ip6 => 0,
    };
    bytes(&ip, &Transport::Icmp { kind, code, rest: [0; 4] }, quoted)
}
