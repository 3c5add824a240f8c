//! What the host looks at in a packet by itself, without any rule, when it comes in.

use crate::walk::End;
use oxtables_packet::{Known, Packet, exthdr, proto};

/// Before PREROUTING: `net/ipv6/ip6_input.c:ip6_rcv_core`, `net/ipv4/ip_input.c:ip_rcv_core`.
pub(crate) fn before_hooks(packet: &Packet) -> Result<(), End> {
    if packet.is_whole() && !packet.header_checksum_is_right() {
        return Err(End::Lost("the checksum of its IP header is wrong"));
    }
    match packet.ipv6() {
        Some(ip) if ip.src().is_multicast() => Err(End::Lost("its source is a multicast address")),
        Some(ip) if ip.next_header() == exthdr::HOP => hop_by_hop(packet),
        _ => Ok(()),
    }
}

const HOP_BY_HOP: End = End::Lost("its hop-by-hop options are malformed");
const NOT_CAPTURED: &str = "its options are not in the capture";

/// `net/ipv6/exthdrs.c:ipv6_parse_hopopts`, `ip6_parse_tlv`.
fn hop_by_hop(packet: &Packet) -> Result<(), End> {
    let at = |offset, len| match packet.bytes_at(offset, len) {
        Ok(bytes) => Ok(bytes),
        Err(oxtables_packet::Missing::NotCaptured) => Err(End::Unknown(NOT_CAPTURED.to_owned())),
        Err(_) => Err(HOP_BY_HOP),
    };
    let units = at(40, 8)?.get(1).copied().unwrap_or(0);
    let mut rest = at(42, usize::from(units) * 8 + 6)?;
    let (mut padding, mut options) = (0usize, 0usize);
    while let [kind, behind @ ..] = rest {
        if *kind == 0 {
            padding += 1;
            if padding > MAX_PADDING {
                return Err(HOP_BY_HOP);
            }
            rest = behind;
            continue;
        }
        let [len, body @ ..] = behind else { return Err(HOP_BY_HOP) };
        let len = usize::from(*len);
        let (Some(body), Some(next)) = (body.get(..len), body.get(len..)) else {
            return Err(HOP_BY_HOP);
        };
        rest = next;
        if *kind == PAD_N {
            padding += len + 2;
            if padding > MAX_PADDING || body.iter().any(|b| *b != 0) {
                return Err(HOP_BY_HOP);
            }
            continue;
        }
        (padding, options) = (0, options + 1);
        if options > MAX_OPTIONS {
            return Err(HOP_BY_HOP);
        }
        match (*kind, len) {
            (ROUTER_ALERT, 2) => {}
            (ROUTER_ALERT, _) => return Err(HOP_BY_HOP),
            (JUMBO | CALIPSO, _) => {
                return Err(End::Unknown("jumbo and CALIPSO options are not modelled".to_owned()));
            }
            // RFC 8200 4.2: the first two bits say what is done with an option that nobody knows.
            (kind, _) if kind >> 6 == 0 || kind == IOAM => {}
            _ => return Err(End::Lost("it has a hop-by-hop option that this host does not know")),
        }
    }
    Ok(())
}

/// RFC 4942 2.1.9.5, as the kernel has it.
const MAX_PADDING: usize = 7;
/// `net.ipv6.max_hbh_opts_number` as it is without being set.
const MAX_OPTIONS: usize = 8;
const PAD_N: u8 = 1;
const ROUTER_ALERT: u8 = 5;
const CALIPSO: u8 = 7;
const IOAM: u8 = 0x31;
const JUMBO: u8 = 0xc2;

/// Behind PREROUTING: `net/ipv4/ip_input.c:ip_rcv_options`, `net/ipv4/ip_options.c:__ip_options_compile`.
pub(crate) fn options(packet: &Packet) -> Result<(), End> {
    const MALFORMED: End = End::Lost("its IP options are malformed");
    let Some(ip) = packet.ipv4() else { return Ok(()) };
    let mut rest = ip.options();
    while let [kind, behind @ ..] = rest {
        match *kind {
            0 if behind.iter().all(|b| *b == 0) => return Ok(()),
            0 => return Err(End::Unknown("bytes behind the end of its IP options".to_owned())),
            1 => {
                rest = behind;
                continue;
            }
            _ => {}
        }
        let [len, ..] = behind else { return Err(MALFORMED) };
        let len = usize::from(*len);
        let (Some(option), Some(next)) = (rest.get(..len), rest.get(len..)) else {
            return Err(MALFORMED);
        };
        if len < 2 {
            return Err(MALFORMED);
        }
        rest = next;
        match *kind {
            // Record route, timestamp, loose and strict source route, CIPSO.
            7 | 68 | 131 | 137 | 134 => {
                return Err(End::Unknown("IP options that the host acts on".to_owned()));
            }
            148 if option.len() < 4 => return Err(MALFORMED),
            _ => {}
        }
    }
    Ok(())
}

/// `net/ipv4/ip_forward.c:ip_forward`: what was sent to all is for no gateway.
pub(crate) fn to_this_host_alone(packet: &Packet) -> Result<(), End> {
    match packet.context.packet_type {
        Known::Known(t) if t != oxtables_packet::PacketType::Host => {
            Err(End::Lost("its frame was not addressed to this host alone"))
        }
        _ => Ok(()),
    }
}

/// `net/ipv4/ip_fragment.c:ip_defrag`, `net/ipv6/netfilter/nf_conntrack_reasm.c:nf_ct_frag6_gather`: a fragment waits for
/// the others. They are not put together here.
pub(crate) fn defragment(packet: &Packet) -> Result<(), End> {
    const HELD: End = End::Lost("a fragment is held back until the others come");
    match packet.ipv6() {
        None if packet.is_fragment() => return Err(HELD),
        // "Jumbo payload inhibits frag. header"
        Some(ip) if ip.payload_len() != 0 => {}
        _ => return Ok(()),
    }
    let Some(at) = fragment_header(packet) else { return Ok(()) };
    let short = End::Lost("its fragment header is cut short");
    let Ok([next, _, high, low]) = packet.array_at(at) else { return Err(short) };
    let field = u16::from_be_bytes([high, low]);
    let (offset, more) = (usize::from(field & !7), field & 1 != 0);
    // RFC 8200 4.5: a first fragment has all headers. One that has not is left to others, as are those whose length
    // cannot be (`-EPROTO`).
    let least = match next {
        proto::TCP => 20,
        proto::UDP | proto::ICMPV6 => 8,
        _ => 1,
    };
    let first = at + 8;
    if offset == 0 && packet.total_len() < first + least {
        return Ok(());
    }
    let Some(payload) = packet.total_len().checked_sub(first) else { return Err(short) };
    let impossible = more && payload % 8 != 0 || offset + payload > usize::from(u16::MAX);
    if impossible { Ok(()) } else { Err(HELD) }
}

/// `nf_conntrack_reasm.c:find_prev_fhdr`.
fn fragment_header(packet: &Packet) -> Option<usize> {
    let (mut header, mut at) = (packet.ipv6()?.next_header(), 40);
    while header != exthdr::FRAGMENT {
        let [next, units] = packet.array_at(at).ok()?;
        at += match header {
            exthdr::HOP | exthdr::ROUTING | exthdr::DEST => (usize::from(units) + 1) * 8,
            exthdr::AUTH => (usize::from(units) + 2) * 4,
            _ => return None,
        };
        header = next;
    }
    (at <= packet.total_len()).then_some(at)
}
