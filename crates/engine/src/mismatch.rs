//! The condition of a rule that failed, and what the packet has there, in iptables' words.

use crate::program::Part;
use crate::ruleset::RuleDef;
use oxtables_base::addr::push_addr;
use oxtables_base::{Family, HostMask, Interface, Neg, names, text};
use oxtables_ext::{AnyMatch, ArgWriter};
use oxtables_model::Entry;
use oxtables_packet::{CtState, IfName, Known, Packet, proto};
use std::net::IpAddr;

/// The condition as it would be typed.
pub(crate) fn wanted(part: Part, rule: &RuleDef, family: Family) -> String {
    let Entry::Rule(rule) = &rule.entry else { return "the rule".to_owned() };
    let mut out = Vec::new();
    match part {
        Part::Source => host(&mut out, "-s", rule.source),
        Part::Destination => host(&mut out, "-d", rule.destination),
        Part::In => interface(&mut out, "-i", rule.in_interface),
        Part::Out => interface(&mut out, "-o", rule.out_interface),
        Part::Protocol => {
            if let Some(Neg { not, value }) = rule.protocol {
                out.extend_from_slice(if not { b"! -p " } else { b"-p " });
                out.extend_from_slice(protocol(value).as_bytes());
            }
        }
        Part::Fragment => {
            let not = rule.fragment.is_some_and(|f| f.not);
            out.extend_from_slice(if not { b"! -f" } else { b"-f" });
        }
        Part::Match(at) => match rule.matches.get(usize::from(at)) {
            Some(AnyMatch::Foreign(f)) => out.extend_from_slice(&f.name),
            Some(m) => {
                out.extend_from_slice(b"-m ");
                out.extend_from_slice(m.spec().map_or("", |s| s.name).as_bytes());
                m.save(&mut ArgWriter::new(&mut out, family));
            }
            None => {}
        },
    }
    text::visible(&out)
}

fn host(out: &mut Vec<u8>, option: &str, condition: Option<Neg<HostMask>>) {
    let Some(Neg { not, value }) = condition else { return };
    out.extend_from_slice(if not { b"! " } else { b"" });
    out.extend_from_slice(option.as_bytes());
    out.push(b' ');
    value.save_short(out);
}

fn interface(out: &mut Vec<u8>, option: &str, condition: Option<Neg<Interface>>) {
    let Some(Neg { not, value }) = condition else { return };
    out.extend_from_slice(if not { b"! " } else { b"" });
    out.extend_from_slice(option.as_bytes());
    out.push(b' ');
    value.save(out);
}

/// What the packet has where the condition looks.
pub(crate) fn seen(part: Part, rule: &RuleDef, packet: &Packet) -> String {
    let rule = match &rule.entry {
        Entry::Rule(rule) => Some(rule),
        Entry::Foreign(_) => None,
    };
    match part {
        Part::Source => address(packet.src()),
        Part::Destination => address(packet.dst()),
        Part::In => interface_name(&packet.context.in_interface),
        Part::Out => interface_name(&packet.context.out_interface),
        Part::Protocol => packet.protocol().map_or("no protocol".to_owned(), protocol),
        Part::Fragment => match packet.fragment() {
            0 => "no fragment offset".to_owned(),
            offset => format!("fragment offset {offset}"),
        },
        Part::Match(at) => match rule.and_then(|r| r.matches.get(usize::from(at))) {
            Some(m) => of_match(m, packet),
            None => "something else".to_owned(),
        },
    }
}

/// What a match looks at, of the packet.
fn of_match(m: &AnyMatch, packet: &Packet) -> String {
    let context = &packet.context;
    match m {
        AnyMatch::Tcp(_) | AnyMatch::Udp(_) | AnyMatch::Multiport(_) | AnyMatch::TcpMss(_) => {
            transport(packet)
        }
        AnyMatch::Icmp(_) => packet.icmp().map_or_else(
            |missing| missing.to_string(),
            |icmp| format!("ICMP type {} code {}", icmp.kind, icmp.code),
        ),
        AnyMatch::Icmp6(_) => packet.icmpv6().map_or_else(
            |missing| missing.to_string(),
            |icmp| format!("ICMPv6 type {} code {}", icmp.kind, icmp.code),
        ),
        AnyMatch::Mark(_) => known(&context.mark, |m| format!("mark {m:#x}")),
        AnyMatch::Connmark(_) => {
            known(&context.conntrack.mark, |m| format!("connection mark {m:#x}"))
        }
        AnyMatch::Conntrack(_) | AnyMatch::State(_) => {
            known(&context.conntrack.state, |s| format!("state {}", state(*s)))
        }
        AnyMatch::Ttl(_) => format!("TTL {}", packet.ttl()),
        AnyMatch::Hl(_) => format!("hop limit {}", packet.ttl()),
        AnyMatch::Tos(_) | AnyMatch::Dscp(_) | AnyMatch::Ecn(_) => {
            format!("TOS {:#04x}", packet.tos())
        }
        AnyMatch::Length(_) => format!("length {}", packet.total_len()),
        AnyMatch::IpRange(_) | AnyMatch::Recent(_) | AnyMatch::Set(_) | AnyMatch::AddrType(_) => {
            format!("{} -> {}", address(packet.src()), address(packet.dst()))
        }
        _ => "something else".to_owned(),
    }
}

fn transport(packet: &Packet) -> String {
    let ports = match packet.ports() {
        Ok((sport, dport)) => format!("ports {sport} -> {dport}"),
        Err(missing) => missing.to_string(),
    };
    match packet.tcp() {
        Ok(tcp) if packet.protocol() == Some(proto::TCP) => {
            format!("{ports}, flags {}", flags(tcp.flags()))
        }
        _ => ports,
    }
}

/// TCP flags as `--tcp-flags` has them.
fn flags(bits: u8) -> String {
    const NAMES: [&str; 6] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
    let set: Vec<&str> = NAMES
        .iter()
        .enumerate()
        .filter(|(at, _)| bits.checked_shr(u32::try_from(*at).unwrap_or(8)).unwrap_or(0) & 1 == 1)
        .map(|(_, name)| *name)
        .collect();
    if set.is_empty() { "NONE".to_owned() } else { set.join(",") }
}

/// A connection's state as `--ctstate` has it.
pub(crate) const fn state(state: CtState) -> &'static str {
    match state {
        CtState::Invalid => "INVALID",
        CtState::New => "NEW",
        CtState::Established => "ESTABLISHED",
        CtState::Related => "RELATED",
        CtState::Untracked => "UNTRACKED",
    }
}

fn known<T>(value: &Known<T>, say: impl Fn(&T) -> String) -> String {
    match value {
        Known::Known(value) => say(value),
        Known::Absent => "none".to_owned(),
        Known::Unknown(why) => (*why).to_owned(),
    }
}

fn interface_name(name: &Known<IfName>) -> String {
    match name {
        Known::Absent => "no interface".to_owned(),
        other => known(other, ToString::to_string),
    }
}

/// An address as it is saved.
pub(crate) fn address(address: IpAddr) -> String {
    let mut out = Vec::new();
    push_addr(&mut out, address);
    String::from_utf8_lossy(&out).into_owned()
}

fn protocol(number: u8) -> String {
    names::protocol_name(number).map_or_else(|| number.to_string(), str::to_owned)
}
