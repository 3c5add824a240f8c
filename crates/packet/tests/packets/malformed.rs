//! Malformed packets: whatever the bytes are, every question has an answer and nothing panics; and the answers that
//! the kernel gives to the well-known malformed ones.

use crate::random::Random;
use oxtables_packet::build::{Extension, Fragment, Ip, Tcp, Transport};
use oxtables_packet::{Missing, Packet, Refused, Truth, exthdr, proto};

/// Asks a packet everything and changes all that can be changed.
fn ask_everything(packet: &Packet) -> usize {
    let mut answers = 0;
    let mut count = |yes: bool| answers += usize::from(yes);
    count(packet.header_checksum_is_right());
    count(packet.src() == packet.dst());
    count(packet.ports().is_ok());
    count(packet.udp().is_ok_and(|udp| udp.length() > 0));
    if let Ok(tcp) = packet.tcp() {
        count(tcp.mss().is_ok());
        count(tcp.has_option(1).is_ok());
        count(tcp.payload_len() > packet.total_len());
        assert!(tcp.options().map_or(0, Iterator::count) <= 40);
    }
    for icmp in [packet.icmp(), packet.icmpv6()].into_iter().flatten() {
        count(icmp.id(packet).is_ok());
        if let Ok(Some(quoted)) = icmp.quoted(packet) {
            count(Packet::captured(quoted, 2000).is_ok_and(|inner| inner.tcp().is_ok()));
        }
    }
    if let Ok(sctp) = packet.sctp() {
        count(sctp.chunks().all(|chunk| chunk.is_ok()));
    }
    if let Ok(dccp) = packet.dccp() {
        count(dccp.has_option(1).is_ok());
    }
    count(packet.esp().is_ok() || packet.ah().is_ok());
    count(packet.ipcomp().is_ok() || packet.mobility().is_ok());
    for header in [0, 43, 44, 50, 51, 59, 60, 6, 255] {
        count(packet.find_ipv6_header(header).is_ok());
    }
    count(packet.bytes_at(usize::MAX, usize::MAX).is_ok());
    count(packet.array_at::<4>(usize::MAX).is_ok());
    let mut changed = packet.clone();
    for change in [
        |p: &mut Packet| p.set_tos(1),
        |p: &mut Packet| p.set_ttl(1),
        |p: &mut Packet| p.set_src([1, 2, 3, 4].into()),
        |p: &mut Packet| p.set_dst([7; 16].into()),
        |p: &mut Packet| p.set_sport(1),
        |p: &mut Packet| p.set_dport(2),
        |p: &mut Packet| p.set_icmp_id(3),
        |p: &mut Packet| p.set_tcp_flags(7, 2),
        |p: &mut Packet| p.set_tcp_mss(1),
        |p: &mut Packet| p.strip_tcp_options(|_| true),
        |p: &mut Packet| p.fill_checksums(),
    ] {
        let before = changed.bytes().to_vec();
        match change(&mut changed) {
            Ok(()) => count(true),
            Err(_) => assert_eq!(changed.bytes(), before, "a failed change must change nothing"),
        }
    }
    answers
}

#[test]
fn random_bytes() {
    let mut r = Random(5);
    let mut parsed = 0;
    for _ in 0..200_000 {
        let mut bytes = r.some_bytes(120);
        // Most random bytes are no packet: give them the first fields of one.
        if let [first, _, len @ ..] = &mut bytes[..] {
            *first = [0x45, 0x46, 0x4f, 0x60, 0x60][usize::from(*first % 5)];
            let last = if *first == 0x60 { 2 } else { 0 };
            if let Some(len) = len.get_mut(last..last + 2) {
                len.copy_from_slice(&[0, len[1] % 100]);
            }
        }
        if let Some(protocol) = bytes.get_mut(9) {
            *protocol =
                [6, 17, 1, 33, 132, 50, 51, 108, 136, *protocol][usize::from(*protocol % 10)];
        }
        let wire_len = bytes.len() + r.below(2) * r.below(100);
        if let Ok(packet) = Packet::captured(&bytes, wire_len) {
            parsed += usize::from(ask_everything(&packet) > 2);
        }
    }
    assert!(parsed > 20_000, "{parsed}");
}

#[test]
fn truncations_and_flipped_bytes_of_valid_packets() {
    let mut r = Random(6);
    for _ in 0..1_000 {
        let (ip, transport) = (r.ip(), r.transport());
        let whole = Packet::build(&ip, &transport, &r.some_bytes(30)).unwrap();
        let bytes = whole.bytes();
        for len in 0..bytes.len() {
            assert!(matches!(
                Packet::parse(&bytes[..len]),
                Err(Refused::Empty | Refused::ShortHeader { .. } | Refused::TotalLength { .. })
            ));
            // The same bytes of a capture with a short snap length.
            if let Ok(packet) = Packet::captured(&bytes[..len], bytes.len()) {
                assert_eq!(packet.total_len(), bytes.len());
                assert!(!packet.is_whole());
                ask_everything(&packet);
            }
            // A packet that ends there, with a length field that says so.
            let mut cut = bytes[..len].to_vec();
            let (at, value) =
                if whole.ipv4().is_some() { (2, len) } else { (4, len.saturating_sub(40)) };
            if let Some(field) = cut.get_mut(at..at + 2) {
                field.copy_from_slice(&u16::try_from(value).unwrap().to_be_bytes());
            }
            if let Ok(packet) = Packet::parse(&cut) {
                ask_everything(&packet);
            }
        }
        let mut flipped = bytes.to_vec();
        for _ in 0..3 {
            let at = r.below(u64::try_from(flipped.len()).unwrap());
            flipped[at] ^= 1 << r.below(8);
        }
        if let Ok(packet) = Packet::parse(&flipped) {
            ask_everything(&packet);
        }
    }
}

fn v4() -> Ip {
    Ip::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into())
}

fn v6() -> Ip {
    Ip::new([1; 16].into(), [2; 16].into())
}

/// A packet of that protocol with those bytes behind the IP header.
fn raw(ip: &Ip, protocol: u8, bytes: &[u8]) -> Packet {
    Packet::build(ip, &Transport::Other(protocol), bytes).unwrap()
}

#[test]
fn a_truncated_transport_header_is_a_hot_drop() {
    for (protocol, need) in
        [(proto::TCP, 20), (proto::UDP, 8), (proto::SCTP, 12), (proto::DCCP, 12), (proto::ESP, 8)]
    {
        for ip in [v4(), v6()] {
            let answer = |packet: &Packet| match protocol {
                proto::TCP => packet.tcp().map(drop),
                proto::UDP => packet.udp().map(drop),
                proto::SCTP => packet.sctp().map(drop),
                proto::DCCP => packet.dccp().map(drop),
                _ => packet.esp().map(drop),
            };
            let short = raw(&ip, protocol, &vec![0; need - 1]);
            assert_eq!(answer(&short).map_err(Missing::truth), Err(Truth::HotDrop));
            assert_eq!(answer(&raw(&ip, protocol, &vec![0; need])), Ok(()));
            let bytes = short.bytes();
            let cut = Packet::captured(&bytes[..bytes.len() - 1], bytes.len()).unwrap();
            assert!(matches!(answer(&cut).map_err(Missing::truth), Err(Truth::HotDrop)));
            let whole = raw(&ip, protocol, &vec![0; need]);
            let bytes = whole.bytes();
            let cut = Packet::captured(&bytes[..bytes.len() - 1], bytes.len()).unwrap();
            assert_eq!(answer(&cut), Err(Missing::NotCaptured));
        }
    }
    assert_eq!(raw(&v4(), proto::UDP, &[0; 8]).tcp().map(drop), Err(Missing::Absent));
}

#[test]
fn later_fragments_have_no_transport_header() {
    let tcp = Transport::Tcp(Tcp::default());
    for (offset, why) in [(1, Missing::OverlappingFragment), (2, Missing::LaterFragment)] {
        let fragment = Some(Fragment { offset, more: true });
        let packet = Packet::build(&Ip { fragment, ..v4() }, &tcp, &[0; 40]).unwrap();
        assert_eq!(packet.tcp().map(drop), Err(why));
        assert_eq!(packet.fragment(), offset);
        // In IPv6 par->fragoff is in bytes, and so 8 is no hot drop in tcp_mt.
        let packet = Packet::build(&Ip { fragment, ..v6() }, &tcp, &[0; 40]).unwrap();
        assert_eq!(packet.tcp().map(drop), Err(Missing::LaterFragment));
        assert_eq!(packet.fragment(), offset * 8);
        assert_eq!(packet.protocol(), Some(proto::TCP));
        assert_eq!(packet.transport().unwrap().offset, 0);
        let found = packet.find_ipv6_header(exthdr::FRAGMENT).unwrap();
        assert_eq!((found.offset, found.fragment), (40, offset * 8));
        assert_eq!(packet.find_ipv6_header(proto::TCP), Err(Missing::Absent));
    }
    let fragment = Some(Fragment { offset: 0, more: true });
    let first = Packet::build(&Ip { fragment, ..v6() }, &tcp, &[]).unwrap();
    assert_eq!(first.tcp().unwrap().offset(), 48);
}

#[test]
fn the_walk_over_ipv6_headers_ends_as_the_kernels() {
    let with = |header, body: &[u8]| Ip {
        extensions: vec![Extension { header, body: body.to_vec() }],
        ..v6()
    };
    // An authentication header is the transport header to nf_tables.
    let packet =
        Packet::build(&with(exthdr::AUTH, &[0; 10]), &Transport::Udp { sport: 1, dport: 2 }, &[])
            .unwrap();
    assert_eq!(packet.protocol(), Some(proto::AH));
    assert_eq!(packet.find_ipv6_header(proto::UDP).unwrap().offset, 56);
    assert_eq!(packet.ah().unwrap().units, 2);
    // No next header is one that can be found.
    let packet = raw(&v6(), exthdr::NONE, &[1, 2, 3]);
    assert_eq!(packet.protocol(), Some(exthdr::NONE));
    assert_eq!(packet.find_ipv6_header(exthdr::NONE).unwrap().offset, 40);
    // A header that ends behind the packet, and one that is cut in its first two bytes.
    let packet = raw(&v6(), exthdr::HOP, &[6, 9, 0, 0, 0, 0, 0, 0]);
    assert_eq!(packet.transport().map(|t| t.offset), Ok(120));
    assert_eq!(packet.tcp().map(drop), Err(Missing::Truncated));
    assert_eq!(raw(&v6(), exthdr::DEST, &[6]).transport(), Err(Missing::Truncated));
    assert_eq!(
        raw(&v6(), exthdr::DEST, &[6]).find_ipv6_header(proto::TCP),
        Err(Missing::Truncated)
    );
    assert_eq!(
        raw(&v6(), exthdr::DEST, &[6]).find_ipv6_header(exthdr::ROUTING),
        Err(Missing::Truncated)
    );
    // A later fragment of extension headers has no transport header.
    let packet =
        raw(&v6(), exthdr::FRAGMENT, &[exthdr::DEST, 0, 0, 8, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(packet.transport(), Err(Missing::Absent));
}

#[test]
fn tcp_options_in_the_kernels_steps() {
    let with = |options: &[u8]| {
        let tcp = Tcp { options: options.to_vec(), ..Tcp::default() };
        Packet::build(&v4(), &Transport::Tcp(tcp), &[]).unwrap()
    };
    // The end of the list does not end the walk; a length of 0 is a step of 1; a wrong MSS length is none.
    let packet = with(&[0, 3, 0, 2, 3, 9, 2, 4, 5, 6]);
    let kinds: Vec<u8> = packet.tcp().unwrap().options().unwrap().map(|o| o.kind).collect();
    assert_eq!(kinds, [0, 3, 0, 2, 2, 0, 0]);
    assert_eq!(packet.tcp().unwrap().mss(), Ok(Some(0x506)));
    assert_eq!(with(&[2, 3, 5, 6]).tcp().unwrap().mss(), Ok(None));
    assert_eq!(with(&[1, 2, 4, 5]).tcp().unwrap().mss(), Ok(None));
    assert_eq!(with(&[0, 0, 2, 4, 5, 6]).tcp().unwrap().mss(), Ok(Some(0x506)));
    // A data offset under 5, and one beyond the packet.
    for (byte, missing) in [(0x40, Missing::Malformed), (0x60, Missing::Truncated)] {
        let mut bytes = with(&[]).bytes().to_vec();
        bytes[32] = byte;
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.tcp().unwrap().mss(), Err(missing));
        assert_eq!(packet.tcp().unwrap().has_option(2), Err(missing));
    }
}

#[test]
fn sctp_chunks() {
    let sctp = Transport::Sctp { sport: 1, dport: 2, tag: 3 };
    let kinds = |payload: &[u8]| {
        let packet = Packet::build(&v4(), &sctp, payload).unwrap();
        packet.sctp().unwrap().chunks().map(|c| c.map(|c| c.kind)).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&[1, 0, 0, 5, 9, 0, 0, 0, 7, 1, 0, 4]), [Ok(1), Ok(7)]);
    assert_eq!(kinds(&[]), [Err(Missing::Truncated)]);
    assert_eq!(kinds(&[1, 0, 0, 4, 2, 0]), [Ok(1), Err(Missing::Truncated)]);
    assert_eq!(kinds(&[1, 0, 0, 0, 2, 0]), [Err(Missing::Malformed)]);
    // A chunk that says it is longer than the packet is the last one.
    assert_eq!(kinds(&[1, 0, 9, 0]), [Ok(1)]);
}

#[test]
fn refused_packets_say_why() {
    let good = raw(&v4(), 253, &[0; 4]);
    let with = |at: usize, value: u8| {
        let mut bytes = good.bytes().to_vec();
        bytes[at] = value;
        Packet::parse(&bytes).map(drop)
    };
    assert_eq!(with(0, 0x55), Err(Refused::Version(5)));
    assert_eq!(with(0, 0x44), Err(Refused::HeaderLength(4)));
    assert_eq!(with(0, 0x4f), Err(Refused::ShortHeader { have: 24, need: 60 }));
    assert_eq!(with(3, 25), Err(Refused::TotalLength { have: 24, stated: 25 }));
    assert_eq!(with(3, 19), Err(Refused::TotalLength { have: 24, stated: 19 }));
    assert_eq!(Packet::captured(&good.bytes()[..19], 24).map(drop), Err(Refused::NotCaptured));
    // Padding behind the packet is cut.
    let padded = [good.bytes(), &[0xff; 22]].concat();
    assert_eq!(Packet::parse(&padded).unwrap().bytes(), good.bytes());
    assert_eq!(
        Refused::TotalLength { have: 24, stated: 25 }.to_string(),
        "the IP header states a length of 25 bytes, the packet has 24"
    );
}
