//! Lines of LOG (`net/netfilter/nf_log_syslog.c:nf_log_ip_packet`), without what only some flags add.

use oxtables_base::{Family, text};
use oxtables_packet::{IfName, Known, Packet, proto};
use std::fmt::Write as _;

/// The line: prefix, interfaces, addresses, header fields, transport.
pub(crate) fn line(prefix: &[u8], packet: &Packet) -> String {
    let name = |of: &Known<IfName>| of.get().map_or(String::new(), ToString::to_string);
    let mut out = text::visible(prefix);
    let context = &packet.context;
    let (input, output) = (name(&context.in_interface), name(&context.out_interface));
    // Writing into a String cannot fail.
    let _ = write!(out, "IN={input} OUT={output} ");
    match packet.family() {
        Family::Ip4 => v4(&mut out, packet),
        Family::Ip6 => v6(&mut out, packet),
    }
    transport(&mut out, packet);
    if let Known::Known(mark) = context.mark
        && mark != 0
    {
        let _ = write!(out, "MARK={mark:#x} ");
    }
    out
}

fn v4(out: &mut String, packet: &Packet) {
    let Some(ip) = packet.ipv4() else { return };
    let tos = packet.tos();
    let _ = write!(
        out,
        "SRC={} DST={} LEN={} TOS=0x{:02X} PREC=0x{:02X} TTL={} ID={} ",
        ip.src(),
        ip.dst(),
        ip.total_len(),
        tos & 0x1e,
        tos & 0xe0,
        packet.ttl(),
        ip.id()
    );
    if ip.dont_fragment() {
        out.push_str("DF ");
    }
    if ip.more_fragments() {
        out.push_str("MF ");
    }
    if packet.fragment() != 0 {
        let _ = write!(out, "FRAG:{} ", packet.fragment());
    }
}

fn v6(out: &mut String, packet: &Packet) {
    let Some(ip) = packet.ipv6() else { return };
    let address = |a: std::net::Ipv6Addr| {
        let groups = a.segments().map(|g| format!("{g:04x}"));
        groups.join(":")
    };
    let _ = write!(
        out,
        "SRC={} DST={} LEN={} TC={} HOPLIMIT={} FLOWLBL={} ",
        address(ip.src()),
        address(ip.dst()),
        packet.total_len(),
        packet.tos(),
        packet.ttl(),
        ip.flow_label()
    );
}

fn transport(out: &mut String, packet: &Packet) {
    let protocol = match packet.protocol() {
        Some(proto::TCP) => "TCP".to_owned(),
        Some(proto::UDP) => "UDP".to_owned(),
        Some(proto::UDPLITE) => "UDPLITE".to_owned(),
        Some(proto::ICMP) => "ICMP".to_owned(),
        Some(proto::ICMPV6) => "ICMPv6".to_owned(),
        Some(other) => other.to_string(),
        None => return,
    };
    let _ = write!(out, "PROTO={protocol} ");
    if let Ok(tcp) = packet.tcp() {
        let _ = write!(out, "SPT={} DPT={} ", tcp.sport(), tcp.dport());
        let _ = write!(out, "WINDOW={} RES=0x00 ", tcp.window());
        let names = ["CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"];
        for (name, bit) in names.iter().zip([0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1]) {
            if tcp.flags() & bit != 0 {
                let _ = write!(out, "{name} ");
            }
        }
        out.push_str("URGP=0 ");
    } else if let Ok(udp) = packet.udp() {
        let _ = write!(out, "SPT={} DPT={} LEN={} ", udp.sport(), udp.dport(), udp.length());
    } else if let Ok(icmp) = packet.icmp().or_else(|_| packet.icmpv6()) {
        let _ = write!(out, "TYPE={} CODE={} ", icmp.kind, icmp.code);
    }
}
