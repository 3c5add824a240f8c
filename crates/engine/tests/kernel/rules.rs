//! Random rule sets, as save files.

use oxtables_packet::Family;

use crate::conditions::{self, Place};
use crate::random::Random;

/// A rule set that can be made smaller.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) family: Family,
    pub(crate) tables: Vec<Table>,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// With policies.
    pub(crate) chains: Vec<(String, &'static str)>,
    /// The chain each is in, and its text.
    pub(crate) rules: Vec<(String, String)>,
}

impl Rules {
    /// As `iptables-save` writes it.
    pub(crate) fn text(&self) -> String {
        self.tables.iter().map(Table::text).collect()
    }
}

impl Table {
    fn text(&self) -> String {
        let mut text = format!("*{}\n", self.name);
        for (chain, policy) in &self.chains {
            text += &format!(":{chain} {policy} [0:0]\n");
        }
        for (chain, rule) in &self.rules {
            text += &format!("-A {chain} {rule}\n");
        }
        text + "COMMIT\n"
    }
}

/// What is put into rule sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flavour {
    /// Matches and targets that keep something between packets, connections above all.
    pub(crate) stateful: bool,
    pub(crate) nat: bool,
}

const TABLES: [(&str, &[&str]); 5] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

pub(crate) fn rules(r: &mut Random, family: Family, flavour: Flavour) -> Rules {
    let mut tables = Vec::new();
    for (name, chains) in TABLES {
        let wanted = match name {
            "filter" => 85,
            "mangle" => 45,
            "nat" if !flavour.nat => 0,
            "nat" => 80,
            _ => 25,
        };
        if r.chance(wanted) {
            tables.push(table(r, family, name, chains, flavour));
        }
    }
    Rules { family, tables }
}

fn table(
    r: &mut Random,
    family: Family,
    name: &'static str,
    base: &[&str],
    flavour: Flavour,
) -> Table {
    let mut chains = Vec::new();
    for chain in base {
        // A base chain need not be there.
        if r.chance(90) {
            let policy = if name != "nat" && r.chance(20) { "DROP" } else { "ACCEPT" };
            chains.push(((*chain).to_owned(), policy));
        }
    }
    let own = r.below(6);
    let first_own = chains.len();
    chains.extend((0..own).map(|n| (format!("c{n}"), "-")));
    let mut rules = Vec::new();
    for (at, (chain, policy)) in chains.iter().enumerate() {
        // Jumps lead to later chains only, so never in a circle.
        let onward = &chains[first_own.max(at + 1).min(chains.len())..];
        let onward: Vec<&str> = onward.iter().map(|c| c.0.as_str()).collect();
        let place = Place { family, table: name, chain, base: *policy != "-", onward: &onward };
        for _ in 0..r.below(7) {
            rules.push((chain.clone(), conditions::rule(r, &place, flavour)));
        }
    }
    Table { name, chains, rules }
}
