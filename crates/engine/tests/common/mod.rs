//! Save files as engines, in the world of the demo: eth0 203.0.113.1, eth1 10.0.0.1.

use oxtables_base::Family;
use oxtables_engine::{Engine, Options, Ruleset, Topology};
use oxtables_ext::NoHost;
use oxtables_packet::IfName;
use oxtables_syntax::Request;
use oxtables_syntax::restore::{self, Item, RestoreError, RestoreOptions};

pub(crate) fn ruleset(family: Family, text: &str) -> Ruleset {
    let mut rules = Ruleset::new(family);
    let options = RestoreOptions { family, counters: true, table: None, host: &NoHost };
    let mut table = None;
    restore::read(text.as_bytes(), &options, |line, item| {
        match item {
            Item::Begin(name) => table = Some(name),
            Item::Declare { edit, .. } => rules.edit(table.unwrap(), &edit, Some(line)).unwrap(),
            Item::Command(invocation) => match invocation.request {
                Request::Edit(edits) => {
                    for edit in &edits {
                        rules.edit(table.unwrap(), edit, Some(line)).unwrap();
                    }
                }
                other => panic!("{other:?}"),
            },
            _ => {}
        }
        Ok::<(), RestoreError>(())
    })
    .unwrap();
    rules
}

pub(crate) fn topology() -> Topology {
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

pub(crate) fn engine(text: &str, topology: Topology) -> Engine {
    Engine::new(&[ruleset(Family::Ip4, text)], topology, Options::default()).unwrap()
}
