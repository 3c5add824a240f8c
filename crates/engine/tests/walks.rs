//! Save files in, packets through, by hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod common;

use common::ruleset;
use oxtables_base::Family;
use oxtables_engine::{
    Arrival, Destination, Done, End, Engine, Options, Outcome, Step, Topology, Walk,
};
use oxtables_packet::build::{Ip, Tcp, Transport};
use oxtables_packet::{IfName, Moment, Packet};

const NOW: Moment = Moment { seconds: 1_700_000_000, nanos: 0 };

fn tcp(src: &str, dst: &str, dport: u16) -> Packet {
    let ip = Ip::new(src.parse().unwrap(), dst.parse().unwrap());
    let tcp = Tcp { sport: 40000, dport, flags: 2, window: 1000, ..Tcp::default() };
    Packet::build(&ip, &Transport::Tcp(tcp), b"").unwrap()
}

/// eth0 203.0.113.1, eth1 10.0.0.1.
fn topology() -> Topology {
    let mut topology = Topology::with_loopback();
    for (name, address, prefix) in [
        ("eth0", "203.0.113.1", 24),
        ("eth0", "203.0.113.10", 24),
        ("eth0", "2001:db8:1::1", 64),
        ("eth1", "10.0.0.1", 24),
        ("eth1", "2001:db8:2::1", 64),
    ] {
        topology.address(IfName::new(name.as_bytes()).unwrap(), address.parse().unwrap(), prefix);
    }
    topology
}

fn engine(text: &str, topology: Topology) -> Engine {
    Engine::new(&[ruleset(Family::Ip4, text)], topology, Options::default()).unwrap()
}

fn by(name: &str) -> Arrival {
    Arrival::Interface(IfName::new(name.as_bytes()).unwrap())
}

fn walk(rules: &str, packet: Packet) -> Walk {
    engine(rules, topology()).packet(packet, by("eth0"), NOW)
}

const BASIC: &str = "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:web - [0:0]\n\
-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -s 203.0.113.0/24 -g web\n\
-A FORWARD -p udp -j DROP\n-A FORWARD ! -i eth+ -j DROP\n\
-A web -p tcp -m tcp --dport 80 -j ACCEPT\n-A web -j RETURN\n-A web -j ACCEPT\nCOMMIT\n";

#[test]
fn a_rule_decides_and_the_first_failed_condition_is_told() {
    let ssh = walk(BASIC, tcp("203.0.113.2", "203.0.113.1", 22));
    assert_eq!(ssh.end, End::Accept(Destination::Local));
    let deciding = ssh.deciding.unwrap();
    assert_eq!((deciding.to_string().as_str(), deciding.line), ("filter INPUT rule 2", Some(7)));
    let missed = ssh.steps.iter().find_map(|s| match s {
        Step::Rule { outcome: Outcome::Missed(m), .. } => Some(m.to_string()),
        _ => None,
    });
    assert_eq!(missed.unwrap(), "-i lo: the packet has eth0");
    let web = walk(BASIC, tcp("203.0.113.2", "203.0.113.1", 80));
    assert_eq!(web.deciding.unwrap().to_string(), "filter web rule 1");
}

#[test]
fn a_goto_returns_to_the_policy() {
    let other = walk(BASIC, tcp("203.0.113.2", "203.0.113.1", 81));
    assert_eq!(other.end, End::Drop);
    assert_eq!(other.deciding.unwrap().number, 0);
    let done = |s: &Step| matches!(s, Step::Rule { outcome: Outcome::Fitted(Done::Return), .. });
    assert!(other.steps.iter().any(done));
}

#[test]
fn what_is_for_others_is_passed_on() {
    let passed = walk(BASIC, tcp("203.0.113.2", "10.0.0.2", 81));
    assert_eq!(passed.end, End::Accept(Destination::Interface(IfName::new(b"eth1").unwrap())));
    assert_eq!(passed.packet.ttl(), 63);
    assert_eq!(passed.deciding.unwrap().to_string(), "filter FORWARD policy");
}

const NAT: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
-A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080\n\
-A POSTROUTING -o eth1 -j MASQUERADE\nCOMMIT\n\
*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j TTL --ttl-set 9\n-A FORWARD -j MARK --set-mark 7\nCOMMIT\n\
*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
-A FORWARD -d 10.0.0.2 -p tcp -m tcp --dport 8080 -m mark --mark 7 -j ACCEPT\n\
-A FORWARD -j REJECT --reject-with icmp-admin-prohibited\nCOMMIT\n";

#[test]
fn a_connection_is_translated_both_ways() {
    let mut engine = engine(NAT, topology());
    let first = engine.packet(tcp("203.0.113.2", "203.0.113.1", 80), by("eth0"), NOW);
    assert_eq!(first.end, End::Accept(Destination::Interface(IfName::new(b"eth1").unwrap())));
    let sent = &first.packet;
    assert_eq!(
        (sent.src().to_string(), sent.dst().to_string()),
        ("10.0.0.1".into(), "10.0.0.2".into())
    );
    assert_eq!((sent.ports(), sent.ttl()), (Ok((40000, 8080)), 9));
    let ip = Ip::new("10.0.0.2".parse().unwrap(), "10.0.0.1".parse().unwrap());
    let reply =
        Tcp { sport: 8080, dport: 40000, ack: 1, flags: 18, window: 1000, ..Tcp::default() };
    let reply = Packet::build(&ip, &Transport::Tcp(reply), b"").unwrap();
    let back = engine.packet(reply, by("eth1"), NOW);
    assert_eq!(back.end, End::Accept(Destination::Interface(IfName::new(b"eth0").unwrap())));
    assert_eq!(
        (back.packet.src().to_string(), back.packet.ports()),
        ("203.0.113.1".into(), Ok((80, 40000)))
    );
    assert_eq!(back.deciding.unwrap().to_string(), "filter FORWARD rule 1");
    let other = engine.packet(tcp("203.0.113.2", "10.0.0.2", 81), by("eth0"), NOW);
    let End::Reject { with, answer } = other.end else { panic!() };
    assert_eq!(with, "icmp-admin-prohibited");
    assert_eq!(Packet::parse(&answer.unwrap()).unwrap().icmp().unwrap().code, 13);
}
