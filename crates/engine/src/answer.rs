//! The packet that REJECT answers with (`net/ipv4/netfilter/nf_reject_ipv4.c`, `nf_reject_ipv6.c`).

use crate::conntrack::checksum_is_right;
use oxtables_base::Family;
use oxtables_packet::Packet;
use oxtables_packet::build::{Ip, Tcp, Transport};

const RST: u8 = 4;
const ACK: u8 = 16;

/// The answer's bytes, from its IP header on; `None` where the kernel sends none, or where it depends on what is not
/// known. Its TTL is 64, the kernel's default; its source is who was spoken to.
pub(crate) fn to(packet: &Packet, with: &str) -> Option<Vec<u8>> {
    if packet.fragment() != 0 || !checksum_is_right(packet) {
        return None;
    }
    match with {
        "tcp-reset" => reset(packet),
        _ => unreachable(packet, with),
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
fn unreachable(packet: &Packet, with: &str) -> Option<Vec<u8>> {
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
    // RFC 1122 3.2.2: no error about an error.
    let icmp = packet.icmp().or_else(|_| packet.icmpv6());
    if icmp.is_ok_and(|icmp| matches!(icmp.quoted(packet), Ok(Some(_)))) {
        return None;
    }
    let room = match packet.family() {
        Family::Ip4 => 576 - 28,
        Family::Ip6 => 1280 - 48,
    };
    let quoted = packet.bytes().get(..room).unwrap_or(packet.bytes());
    let mut ip = Ip::new(packet.dst(), packet.src());
    ip.tos = match packet.family() {
        Family::Ip4 => (packet.tos() & 0x1e) | 0xc0,
        Family::Ip6 => 0,
    };
    bytes(&ip, &Transport::Icmp { kind, code, rest: [0; 4] }, quoted)
}
