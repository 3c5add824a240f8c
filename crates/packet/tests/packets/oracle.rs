//! Packets built here, read by etherparse; packets built by etherparse, read here; changes in place against checksums
//! computed anew by etherparse.

use crate::random::Random;
use etherparse::{IpNumber, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use oxtables_packet::build::Transport;
use oxtables_packet::{Missing, Packet, checksum};
use std::net::IpAddr;

/// etherparse's verdict on every checksum of a packet.
fn checksums_are_right(bytes: &[u8]) -> Result<(), String> {
    let sliced = SlicedPacket::from_ip(bytes).map_err(|e| format!("{e}"))?;
    let wrong = |what: &str, is: u16, should: u16| match is == should {
        true => Ok(()),
        false => Err(format!("{what} checksum {is:#x}, should be {should:#x}: {bytes:02x?}")),
    };
    let (src, dst): (IpAddr, IpAddr) = match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            wrong("header", header.header_checksum(), header.to_header().calc_header_checksum())?;
            (header.source_addr().into(), header.destination_addr().into())
        }
        Some(NetSlice::Ipv6(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        _ => return Err("no IP header".into()),
    };
    match (sliced.transport, src, dst) {
        (Some(TransportSlice::Tcp(t)), IpAddr::V4(s), IpAddr::V4(d)) => {
            let should = t.calc_checksum_ipv4(s.octets(), d.octets()).unwrap();
            wrong("TCP", t.checksum(), should)
        }
        (Some(TransportSlice::Tcp(t)), IpAddr::V6(s), IpAddr::V6(d)) => {
            let should = t.calc_checksum_ipv6(s.octets(), d.octets()).unwrap();
            wrong("TCP", t.checksum(), should)
        }
        (Some(TransportSlice::Udp(u)), IpAddr::V4(s), IpAddr::V4(d)) => {
            let should =
                u.to_header().calc_checksum_ipv4_raw(s.octets(), d.octets(), u.payload()).unwrap();
            wrong("UDP", u.checksum(), should)
        }
        (Some(TransportSlice::Udp(u)), IpAddr::V6(s), IpAddr::V6(d)) => {
            let should =
                u.to_header().calc_checksum_ipv6_raw(s.octets(), d.octets(), u.payload()).unwrap();
            wrong("UDP", u.checksum(), should)
        }
        (Some(TransportSlice::Icmpv4(i)), ..) => match checksum(i.slice()) {
            0 => Ok(()),
            rest => Err(format!("ICMP checksum is off by {rest:#x}")),
        },
        (Some(TransportSlice::Icmpv6(i)), IpAddr::V6(s), IpAddr::V6(d)) => {
            match i.is_checksum_valid(s.octets(), d.octets()) {
                true => Ok(()),
                false => Err(format!("ICMPv6 checksum {:#x}", i.checksum())),
            }
        }
        // etherparse knows no SCTP.
        (None, ..) => Ok(()),
        (other, ..) => Err(format!("unexpected {other:?}")),
    }
}

#[test]
fn what_is_built_is_read_the_same_by_both() {
    let mut r = Random(0x1234_5678_9abc_def1);
    let mut seen = [0; 5];
    for _ in 0..20_000 {
        let (ip, transport) = (r.ip(), r.transport());
        let payload = r.some_bytes(100);
        let packet = Packet::build(&ip, &transport, &payload).unwrap();
        let bytes = packet.bytes();
        checksums_are_right(bytes).unwrap();
        assert_eq!((packet.src(), packet.dst()), (ip.src, ip.dst));
        assert_eq!((packet.tos(), packet.ttl()), (ip.tos, ip.ttl));
        assert!(packet.header_checksum_is_right());

        let sliced = SlicedPacket::from_ip(bytes).unwrap();
        let end = match sliced.net.unwrap() {
            NetSlice::Ipv4(slice) => {
                let (v4, theirs) = (packet.ipv4().unwrap(), slice.header());
                assert_eq!(v4.src(), theirs.source_addr());
                assert_eq!(v4.dst(), theirs.destination_addr());
                assert_eq!(v4.id(), theirs.identification());
                assert_eq!(v4.options(), theirs.options());
                assert_eq!(v4.total_len(), theirs.total_len());
                assert_eq!(v4.dont_fragment(), theirs.dont_fragment());
                assert_eq!(packet.tos() >> 2, theirs.dcp().value());
                assert_eq!(packet.ttl(), theirs.ttl());
                (slice.payload().ip_number, slice.payload().payload.len())
            }
            NetSlice::Ipv6(slice) => {
                let (v6, theirs) = (packet.ipv6().unwrap(), slice.header());
                assert_eq!(v6.src(), theirs.source_addr());
                assert_eq!(v6.dst(), theirs.destination_addr());
                assert_eq!(v6.flow_label(), theirs.flow_label().value());
                assert_eq!(packet.tos(), theirs.traffic_class());
                assert_eq!(packet.ttl(), theirs.hop_limit());
                assert_eq!(v6.next_header(), theirs.next_header().0);
                for extension in &ip.extensions {
                    let found = packet.find_ipv6_header(extension.header).unwrap();
                    let body = packet.bytes_at(found.offset + 2, extension.body.len()).unwrap();
                    assert_eq!(body, extension.body);
                }
                (slice.payload().ip_number, slice.payload().payload.len())
            }
            NetSlice::Arp(_) => unreachable!(),
        };
        let ours = packet.transport().unwrap();
        assert_eq!((IpNumber(ours.protocol), bytes.len() - ours.offset), end);
        assert_eq!(ours.fragment, 0);

        match sliced.transport {
            Some(TransportSlice::Tcp(theirs)) => {
                seen[0] += 1;
                let tcp = packet.tcp().unwrap();
                assert_eq!(tcp.sport(), theirs.source_port());
                assert_eq!(tcp.dport(), theirs.destination_port());
                assert_eq!(tcp.seq(), theirs.sequence_number());
                assert_eq!(tcp.ack(), theirs.acknowledgment_number());
                assert_eq!(tcp.window(), theirs.window_size());
                assert_eq!(tcp.header_len(), theirs.header_slice().len());
                assert_eq!(tcp.payload_len(), payload.len());
                let flags = [
                    theirs.fin(),
                    theirs.syn(),
                    theirs.rst(),
                    theirs.psh(),
                    theirs.ack(),
                    theirs.urg(),
                    theirs.ece(),
                    theirs.cwr(),
                ];
                for (bit, set) in flags.into_iter().enumerate() {
                    assert_eq!(tcp.flags() & (1 << bit) != 0, set);
                }
            }
            Some(TransportSlice::Udp(theirs)) => {
                seen[1] += 1;
                let udp = packet.udp().unwrap();
                assert_eq!(udp.sport(), theirs.source_port());
                assert_eq!(udp.dport(), theirs.destination_port());
                assert_eq!(usize::from(udp.length()), payload.len() + 8);
                assert_eq!(packet.ports(), Ok((udp.sport(), udp.dport())));
            }
            Some(TransportSlice::Icmpv4(theirs)) => {
                seen[2] += 1;
                let icmp = packet.icmp().unwrap();
                assert_eq!((icmp.kind, icmp.code), (theirs.type_u8(), theirs.code_u8()));
            }
            Some(TransportSlice::Icmpv6(theirs)) => {
                seen[3] += 1;
                let icmp = packet.icmpv6().unwrap();
                assert_eq!((icmp.kind, icmp.code), (theirs.type_u8(), theirs.code_u8()));
            }
            None => {
                seen[4] += 1;
                let Transport::Sctp { sport, dport, tag } = transport else { panic!() };
                let sctp = packet.sctp().unwrap();
                assert_eq!((sctp.sport(), sctp.dport(), sctp.tag()), (sport, dport, tag));
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    assert!(seen.iter().all(|&n| n > 1000), "{seen:?}");
}

#[test]
fn what_etherparse_builds_is_read_here() {
    let mut r = Random(77);
    for _ in 0..2_000 {
        let (sport, dport, seq, window) = (r.word(), r.word(), r.long(), r.word());
        let payload = r.some_bytes(64);
        let v6 = r.below(2) == 1;
        let builder = match v6 {
            true => PacketBuilder::ipv6([r.byte(); 16], [r.byte(); 16], 9),
            false => PacketBuilder::ipv4([r.byte(); 4], [r.byte(); 4], 9),
        };
        let mss = r.word();
        let options = [
            etherparse::TcpOptionElement::Noop,
            etherparse::TcpOptionElement::Timestamp(1, 2),
            etherparse::TcpOptionElement::MaximumSegmentSize(mss),
        ];
        let tcp = builder.tcp(sport, dport, seq, window).syn().options(&options).unwrap();
        let mut bytes = Vec::new();
        tcp.write(&mut bytes, &payload).unwrap();
        let mut packet = Packet::parse(&bytes).unwrap();
        let view = packet.tcp().unwrap();
        assert_eq!((view.sport(), view.dport(), view.seq(), view.flags()), (sport, dport, seq, 2));
        assert_eq!(view.mss(), Ok(Some(mss)));
        assert_eq!((view.has_option(8), view.has_option(3)), (Ok(true), Ok(false)));
        // Its checksums are what ours are.
        packet.fill_checksums().unwrap();
        assert_eq!(packet.bytes(), bytes);
    }
}

/// A random change, and its effect as fields to be read back.
fn change(r: &mut Random, packet: &mut Packet) {
    let v6 = packet.ipv6().is_some();
    let is_tcp = packet.tcp().is_ok();
    match r.below(10) {
        0 => {
            let tos = r.byte();
            packet.set_tos(tos).unwrap();
            assert_eq!(packet.tos(), tos);
        }
        1 => {
            let (before, dscp) = (packet.tos(), r.byte() & 63);
            packet.set_dscp(dscp).unwrap();
            assert_eq!((packet.tos() >> 2, packet.tos() & 3), (dscp, before & 3));
        }
        2 => {
            let (before, ecn) = (packet.tos(), r.byte() & 3);
            packet.set_ecn(ecn).unwrap();
            assert_eq!((packet.tos() >> 2, packet.tos() & 3), (before >> 2, ecn));
        }
        3 => {
            let ttl = r.byte();
            packet.set_ttl(ttl).unwrap();
            assert_eq!(packet.ttl(), ttl);
        }
        4 => {
            let address = r.address(v6);
            packet.set_src(address).unwrap();
            assert_eq!(packet.src(), address);
        }
        5 => {
            let address = r.address(v6);
            packet.set_dst(address).unwrap();
            assert_eq!(packet.dst(), address);
            assert_eq!(packet.set_dst(r.address(!v6)), Err(Missing::Absent));
        }
        6 | 7 => {
            let (sport, dport) = (r.word(), r.word());
            if packet.icmp().is_ok() || packet.icmpv6().is_ok() {
                packet.set_icmp_id(sport).unwrap();
                let icmp = packet.icmp().or(packet.icmpv6()).unwrap();
                assert_eq!(icmp.id(packet), Ok(sport));
                assert_eq!(packet.set_sport(1), Err(Missing::Absent));
            } else {
                packet.set_sport(sport).unwrap();
                packet.set_dport(dport).unwrap();
                assert_eq!(packet.ports(), Ok((sport, dport)));
            }
        }
        8 if is_tcp => {
            let (mask, value) = (r.byte(), r.byte());
            let before = packet.tcp().unwrap().flags();
            packet.set_tcp_flags(mask, value).unwrap();
            assert_eq!(packet.tcp().unwrap().flags(), before & !mask | value & mask);
        }
        9 if is_tcp => {
            let mss = r.word();
            let before = packet.tcp().unwrap().mss().unwrap();
            packet.set_tcp_mss(mss).unwrap();
            let after = packet.tcp().unwrap().mss().unwrap();
            match (before, after) {
                (Some(old), Some(new)) => assert_eq!(new, old.min(mss)),
                (None, Some(new)) => assert_eq!(new, mss.min(if v6 { 1220 } else { 536 })),
                (_, None) => assert!(
                    packet.tcp().unwrap().payload_len() > 0
                        || packet.tcp().unwrap().header_len() > 56
                ),
            }
        }
        _ => {
            if is_tcp {
                let kind = r.byte() & 7;
                packet.strip_tcp_options(|k| k == kind).unwrap();
            }
        }
    }
}

#[test]
fn changes_in_place_keep_all_checksums_right() {
    let mut r = Random(99);
    for _ in 0..20_000 {
        let mut packet = {
            let (ip, transport) = (r.ip(), r.transport());
            Packet::build(&ip, &transport, &r.some_bytes(20)).unwrap()
        };
        for _ in 0..4 {
            change(&mut r, &mut packet);
        }
        checksums_are_right(packet.bytes()).unwrap();
        assert_eq!(packet.bytes().len(), packet.total_len());
        // SCTP, which the oracle does not know: the sum computed anew is the same.
        let before = packet.bytes().to_vec();
        packet.fill_checksums().unwrap();
        assert_eq!(packet.bytes(), before);
    }
}
