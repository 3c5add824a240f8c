//! A packet in one line: `TCP 203.0.113.9:40000 -> 192.0.2.10:22 SYN`.

use oxtables_base::names;
use oxtables_packet::{Packet, proto};
use std::net::{IpAddr, SocketAddr};

/// The names of TCP's flags, lowest bit first.
const FLAGS: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

/// The packet's addresses, ports and what tells it from others.
pub(crate) fn line(packet: &Packet) -> String {
    let (src, dst) = (packet.src(), packet.dst());
    let name = packet.protocol().map_or_else(|| "IP".to_owned(), protocol_name);
    if packet.fragment() > 0 {
        return format!("{name} {src} -> {dst}, a later fragment");
    }
    if let (Some(proto::TCP | proto::UDP | proto::SCTP | proto::DCCP), Ok((sport, dport))) =
        (packet.protocol(), packet.ports())
    {
        let mut text = format!("{name} {} -> {}", with_port(src, sport), with_port(dst, dport));
        if let Ok(tcp) = packet.tcp() {
            text.push(' ');
            text.push_str(&flags(tcp.flags()));
        }
        return text;
    }
    match packet.icmp().or_else(|_| packet.icmpv6()) {
        Ok(icmp) => format!("{name} {src} -> {dst} type {} code {}", icmp.kind, icmp.code),
        Err(_) => format!("{name} {src} -> {dst}"),
    }
}

/// As [`line`], of a packet's bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    Packet::parse(bytes).map_or_else(|e| e.to_string(), |packet| line(&packet))
}

/// An address with a port, as IPv4 and IPv6 write them.
pub(crate) fn with_port(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

fn protocol_name(number: u8) -> String {
    match number {
        proto::ICMPV6 => "ICMPv6".to_owned(),
        n => names::protocol_name(n)
            .map_or_else(|| format!("protocol {n}"), |name| name.to_ascii_uppercase()),
    }
}

fn flags(bits: u8) -> String {
    let set = FLAGS.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1);
    let names: Vec<&str> = set.map(|(_, name)| *name).collect();
    if names.is_empty() { "no flags".to_owned() } else { names.join(",") }
}
