//! How long a rule that does not fit takes: packets over one long chain, `cargo run --release -p oxtables-engine --example
//! ns_per_rule`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "an example may")]

use oxtables_base::{Family, HostMask, Neg};
use oxtables_engine::{Arrival, Engine, Options, Ruleset, Topology};
use oxtables_model::{Action, ChainName, Edit, Rule, TableName};
use oxtables_packet::build::{Ip, Tcp, Transport};
use oxtables_packet::{IfName, Moment, Packet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

fn engine(rules: u32) -> Engine {
    let mut set = Ruleset::new(Family::Ip4);
    let chain = ChainName::new(b"FORWARD");
    for n in 0..rules {
        let source = HostMask::host(IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + n)));
        let rule = Rule {
            source: Some(Neg::plain(source)),
            protocol: Some(Neg::plain(6)),
            action: Action::Drop,
            ..Rule::default()
        };
        let edit = Edit::Append { chain: chain.clone(), rule };
        set.edit(TableName::Filter, &edit, None).unwrap();
    }
    let mut topology = Topology::with_loopback();
    topology.address(IfName::new(b"eth1").unwrap(), "10.0.0.1".parse().unwrap(), 24);
    Engine::new(&[set], topology, Options::default()).unwrap()
}

fn main() {
    let eth0 = IfName::new(b"eth0").unwrap();
    let ip = Ip::new("203.0.113.2".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let tcp = Tcp { sport: 40000, dport: 80, flags: 2, ..Tcp::default() };
    let packet = Packet::build(&ip, &Transport::Tcp(tcp), b"").unwrap();
    let moment = Moment { seconds: 1_700_000_000, nanos: 0 };
    let mut alone = 0.0;
    for rules in [0u32, 10, 100, 1_000, 10_000, 100_000] {
        let mut engine = engine(rules);
        let times = (20_000_000 / (u64::from(rules) + 50)).clamp(20, 200_000);
        let begin = Instant::now();
        for _ in 0..times {
            let walk = engine.verdict(packet.clone(), Arrival::Interface(eth0), moment);
            assert_eq!(walk.end.word(), "accept");
        }
        let each = begin.elapsed().as_secs_f64() * 1e9 / times as f64;
        if rules == 0 {
            alone = each;
            println!("no rules: {each:.0} ns a packet");
        } else {
            let a_rule = (each - alone) / f64::from(rules);
            println!("{rules} rules: {each:.0} ns a packet, {a_rule:.2} ns a rule");
        }
    }
    let mut explained = engine(100_000);
    let begin = Instant::now();
    let walk = explained.packet(packet, Arrival::Interface(eth0), moment);
    let took = begin.elapsed().as_secs_f64() * 1e3;
    println!("100000 rules explained: {} steps, {took:.1} ms", walk.steps.len());
}
