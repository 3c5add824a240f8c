use super::*;
use oxtables_engine::Arrival;
use oxtables_packet::Known;

fn describe(line: &str) -> Result<Described, NoPacket> {
    let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
    let mut packet = PacketWords::default();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        assert!(packet.take(word, &mut rest)?, "{}", visible(word));
    }
    packet.build(|a| a == IpAddr::from([192, 0, 2, 1]))
}

#[test]
fn the_words_of_a_rule_make_a_packet() {
    let line =
        "-i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --sport 40000 --dport ssh --syn --ctstate NEW";
    let got = describe(line).unwrap();
    assert!(got.assumed.is_empty(), "{:?}", got.assumed);
    assert_eq!(got.arrival, Arrival::Interface(IfName::new(b"eth0").unwrap()));
    let packet = got.packet;
    assert_eq!(packet.dst(), IpAddr::from([192, 0, 2, 10]));
    let tcp = packet.tcp().unwrap();
    assert_eq!((tcp.sport(), tcp.dport(), tcp.flags()), (40_000, 22, 2));
    assert_eq!(packet.context.conntrack.state, Known::Known(CtState::New));
}

#[test]
fn what_is_left_out_is_told() {
    let got = describe("-i eth0 -s 2001:db8::9 -d 2001:db8::1 -p tcp --dport 22").unwrap();
    assert_eq!(got.assumed, ["--sport 40000", "--syn"]);
    let got =
        describe("-s 192.0.2.1 -d 192.0.2.9 -p icmp --length 84 --ttl 3 --mark 0x10").unwrap();
    assert_eq!(got.assumed, ["--icmp-type echo-request"]);
    assert_eq!((got.arrival, got.packet.total_len(), got.packet.ttl()), (Arrival::Local, 84, 3));
    let got = describe("-o eth0 -s 192.0.2.1 -d 192.0.2.9 -p icmp --icmp-type host-unreachable");
    let icmp = got.unwrap().packet.icmp().unwrap();
    assert_eq!((icmp.kind, icmp.code), (3, 1));
    let got = describe(
        "-o eth0 -s 192.0.2.1 -d 192.0.2.9 -p tcp --dport 1 --tcp-flags SYN,ACK,RST SYN,ACK",
    );
    assert_eq!(got.unwrap().packet.tcp().unwrap().flags(), 18);
    let got = describe("-i eth0 -s 192.0.2.2 -d 192.0.2.1 -p tcp -f").unwrap();
    assert!(got.packet.fragment() > 0);
}

#[test]
fn contradictions_name_the_words() {
    const END: &str = "-i eth0 -s 203.0.113.9 -d 192.0.2.10";
    for (line, words) in [
        (format!("{END} --dport 22"), "--dport 22"),
        (format!("{END} -p icmp --dport 22"), "-p icmp --dport"),
        (format!("{END} -p udp --dport 53 --syn"), "--syn"),
        (format!("{END} -p tcp --dport 53 --syn --tcp-flags ACK"), "--tcp-flags ACK"),
        (format!("{END} -p tcp --dport 20:25"), "--dport 20:25"),
        (format!("{END} -p tcp --icmp-type 8"), "--icmp-type"),
        (format!("{END} -p tcp ! --dport 22"), "! --dport"),
        (format!("{END} -p tcp -f --dport 22"), "-f --dport 22"),
        (format!("{END} -p tcp --dport 22 --length 10"), "--length 10"),
        (format!("{END} -p tcp --dport 22 --uid-owner 0"), "-i eth0 --uid-owner"),
        (format!("{END} -p tcp"), "--dport"),
        (END.to_owned(), "-p"),
        (format!("{END} -s 203.0.113.8"), "-s"),
        (
            "-i eth0 -s 2001:db8::1 -d 192.0.2.10 -p udp --dport 1".into(),
            "-s 2001:db8::1 -d 192.0.2.10",
        ),
        ("-i eth0 -d 192.0.2.10 -p udp --dport 1".into(), "-s"),
        ("-i eth+ -s 1.1.1.1".into(), "-i eth+"),
        ("-i eth0 -s 10.0.0.0/8".into(), "-s 10.0.0.0/8"),
        ("-s 198.51.100.1 -d 192.0.2.10 -p udp --dport 1".into(), "-i or -o"),
    ] {
        let found = describe(&line).unwrap_err();
        assert_eq!(found.words, words, "{line}: {found}");
    }
}
