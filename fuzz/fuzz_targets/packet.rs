//! A packet, and the same bytes as a capture. Every match that the extensions' examples make is asked
//! about it, where little is known and where all is; what it says of itself must agree, and changes
//! must leave a packet. The first byte says where it is and how much of it was captured.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxtables_base::{Family, Hook};
use oxtables_ext::{AnyMatch, MATCHES};
use oxtables_fuzz::edits;
use oxtables_model::Edit;
use oxtables_packet::pcap::Reader;
use oxtables_packet::{Conntrack, Context, CtState, Direction, IfName, Known, Moment, Packet};
use oxtables_packet::{Link, PacketType, Socket, Tuple};
use std::cell::OnceCell;
use std::net::IpAddr;

thread_local! {
    static ASKED: OnceCell<Vec<AnyMatch>> = const { OnceCell::new() };
}

/// The matches of all examples.
fn examples() -> Vec<AnyMatch> {
    let mut made = Vec::new();
    for (spec, family) in
        MATCHES.iter().flat_map(|k| [(k.spec, Family::Ip4), (k.spec, Family::Ip6)])
    {
        for (typed, wanted) in spec.cases {
            let (protocol, options) = match typed.strip_prefix("-p ") {
                Some(rest) => rest.split_once(' ').map_or((rest, ""), |(p, o)| (p, o)),
                None => ("", *typed),
            };
            let protocol =
                if protocol.is_empty() { String::new() } else { format!("-p {protocol}") };
            let text = format!("*filter\n-A INPUT {protocol} -m {} {options}\nCOMMIT\n", spec.name);
            if wanted.is_some() && spec.families.has(family) {
                for (_, edit) in edits(family, false, text.as_bytes()).0 {
                    let Edit::Append { rule, .. } = edit else { continue };
                    made.extend(rule.matches);
                }
            }
        }
    }
    assert!(made.len() > 200, "only {} examples are accepted", made.len());
    made
}

/// A context in which most is known, made of the packet's own values.
fn known(packet: &Packet, hook: Hook) -> Context {
    let eth0 = IfName::new(b"eth0").unwrap();
    let (sport, dport) = packet.ports().unwrap_or_default();
    let tuple = Tuple {
        src: packet.src(),
        dst: packet.dst(),
        protocol: packet.protocol().unwrap_or(0),
        sport,
        dport,
    };
    let reply = Tuple { src: tuple.dst, dst: tuple.src, sport: dport, dport: sport, ..tuple };
    Context {
        hook,
        in_interface: Known::Known(eth0),
        out_interface: Known::Absent,
        mark: Known::Known(packet.total_len().try_into().unwrap_or(0)),
        packet_type: Known::Known(PacketType::Host),
        conntrack: Conntrack {
            state: Known::Known(CtState::Established),
            direction: Known::Known(Direction::Reply),
            status: Known::Known(0x8e),
            original: Known::Known(tuple),
            reply: Known::Known(reply),
            mark: Known::Known(u32::MAX),
            labels: Known::Known([0x55; 16]),
            expires: Known::Known(u32::MAX),
            zone: Known::Known(0),
            ..Conntrack::default()
        },
        socket: Known::Known(Socket { uid: Known::Known(0), ..Socket::default() }),
        link: Known::Known(Link { src: [2; 6], dst: None, ethertype: 0x0800, vlan: None }),
        realm: Known::Known(u32::MAX),
        cpu: Known::Known(0),
        time: Known::Known(Moment { seconds: i64::from(sport) << 47, nanos: 0 }),
        minutes_west: Known::Known(i32::MIN),
        ..Context::default()
    }
}

/// Every view and field there is.
fn look(packet: &Packet) {
    let _ = (packet.family(), packet.is_whole(), packet.tos(), packet.ttl(), packet.fragment());
    let _ = (packet.transport(), packet.transport_bytes::<4>(), packet.header_checksum_is_right());
    assert!(packet.bytes().len() <= packet.total_len());
    assert!(packet.header_len() <= packet.total_len());
    if let Some(ip) = packet.ipv4() {
        let _ = (ip.src(), ip.dst(), ip.id(), ip.protocol(), ip.dont_fragment());
        let _ = (ip.more_fragments(), ip.total_len(), ip.checksum(), ip.options());
    }
    if let Some(ip) = packet.ipv6() {
        let _ = (ip.src(), ip.dst(), ip.flow_label(), ip.payload_len(), ip.next_header());
        for header in 0..=u8::MAX {
            let _ = packet.find_ipv6_header(header);
        }
    }
    let _ = (packet.esp(), packet.ah(), packet.ipcomp(), packet.mobility(), packet.ports());
    if let Ok(tcp) = packet.tcp() {
        let _ = (tcp.sport(), tcp.dport(), tcp.seq(), tcp.ack(), tcp.flags(), tcp.window());
        let _ = (tcp.offset(), tcp.header_len(), tcp.payload_len(), tcp.mss());
        let _ = tcp.options().map(Iterator::count);
        let _ = (tcp.has_option(0), tcp.has_option(5));
    }
    if let Ok(udp) = packet.udp() {
        let _ = (udp.sport(), udp.dport(), udp.length());
    }
    for icmp in [packet.icmp(), packet.icmpv6()].into_iter().flatten() {
        let _ = (icmp.quoted(packet), icmp.id(packet));
    }
    if let Ok(sctp) = packet.sctp() {
        let _ = (sctp.sport(), sctp.dport(), sctp.tag(), sctp.offset());
        let _ = sctp.chunks().count();
    }
    if let Ok(dccp) = packet.dccp() {
        let _ = (dccp.sport(), dccp.dport(), dccp.kind(), dccp.has_option(1), dccp.has_option(255));
    }
}

/// Changes of every kind; what is left must be a packet as long as it says.
fn change(mut packet: Packet, with: u8) {
    let _ = packet.set_tos(with);
    let _ = packet.set_dscp(with & 63);
    let _ = packet.set_ecn(with & 3);
    let _ = packet.set_ttl(with);
    let (src, dst) = (packet.src(), packet.dst());
    let _ = (packet.set_src(dst), packet.set_dst(src));
    let _ = packet.set_src(IpAddr::from([with; 4]));
    let _ = packet.set_dst(IpAddr::from([u16::from(with); 8]));
    let _ = (packet.set_sport(with.into()), packet.set_dport(u16::MAX));
    let _ = (packet.set_icmp_id(with.into()), packet.set_tcp_flags(with, !with));
    let _ = packet.set_tcp_mss(with.into());
    let _ = packet.strip_tcp_options(|kind| kind > with);
    let _ = packet.fill_checksums();
    look(&packet);
    let same = Packet::captured(packet.bytes(), packet.total_len()).unwrap();
    assert_eq!(same.bytes(), packet.bytes());
}

fn packet(bytes: &[u8], first: u8) {
    let more = usize::from(first >> 3) * 8;
    let Ok(packet) = Packet::captured(bytes, bytes.len() + more) else { return };
    look(&packet);
    let hook = match first & 7 {
        0 => Hook::Prerouting,
        1 => Hook::Input,
        2 => Hook::Forward,
        3 => Hook::Output,
        _ => Hook::Postrouting,
    };
    let contexts = [Context { hook, ..Context::default() }, known(&packet, hook)];
    ASKED.with(|asked| {
        for m in asked.get_or_init(examples) {
            for context in &contexts {
                let _ = m.test(&packet, context);
            }
        }
    });
    change(packet, first);
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, bytes)) = input.split_first() else { return };
    packet(bytes, first);
    let frames = match Reader::new(bytes) {
        Ok(frames) => frames,
        Err(broken) => {
            let _ = broken.to_string();
            return;
        }
    };
    let mut number = 0;
    for frame in frames {
        match frame {
            Ok(frame) => {
                number += 1;
                assert_eq!(frame.number, number);
                assert!(frame.bytes.len() <= frame.wire_len);
                let _ = frame.network();
                match frame.packet() {
                    Ok(packet) => look(&packet),
                    Err(unusable) => drop(unusable.to_string()),
                }
            }
            Err(broken) => assert!(broken.frames == number && !broken.to_string().is_empty()),
        }
    }
});
