//! Save files in, packets through, by hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod common;

use common::{engine, topology};
use oxtables_engine::{Arrival, Destination, Done, End, Outcome, Step, Walk};
use oxtables_packet::build::{Ip, Tcp, Transport};
use oxtables_packet::{IfName, Moment, Packet};

const NOW: Moment = Moment { seconds: 1_700_000_000, nanos: 0 };

fn tcp(src: &str, dst: &str, dport: u16) -> Packet {
    let ip = Ip::new(src.parse().unwrap(), dst.parse().unwrap());
    let tcp = Tcp { sport: 40000, dport, flags: 2, window: 1000, ..Tcp::default() };
    Packet::build(&ip, &Transport::Tcp(tcp), b"").unwrap()
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
