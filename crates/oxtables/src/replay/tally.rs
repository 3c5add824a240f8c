//! What became of the packets of a replay, and what each rule counted.

use crate::machine::Machine;
use crate::ruleset::Rules;
use oxtables_base::text::visible;
use oxtables_base::{Counters, Family};
use oxtables_engine::{End, Engine};
use oxtables_model::{Chain, Entry, TableName};
use oxtables_packet::pcap::Unusable;
use oxtables_syntax::list::Layout;
use std::collections::BTreeMap;

/// As many reasons are shown.
const REASONS: usize = 10;

/// The counts of a replay.
pub(super) struct Tally {
    packets: u64,
    verdicts: BTreeMap<&'static str, u64>,
    /// Why packets were not taken, or not decided, or lost without a rule.
    reasons: BTreeMap<String, u64>,
    /// What the rules had counted before.
    before: BTreeMap<(u8, TableName, Vec<u8>), Vec<Counters>>,
}

const FAMILIES: [Family; 2] = [Family::Ip4, Family::Ip6];

impl Tally {
    pub(super) fn new(rules: &Rules, engine: &Engine) -> Self {
        let mut before = BTreeMap::new();
        for family in FAMILIES {
            for table in rules.tables(family) {
                for chain in table.listing() {
                    let counted = engine.chain_counters(family, table.name(), &chain.name);
                    let key = (family.nfproto(), table.name(), chain.name.bytes().to_vec());
                    before.insert(key, counted.unwrap_or_default());
                }
            }
        }
        Self { packets: 0, verdicts: BTreeMap::new(), reasons: BTreeMap::new(), before }
    }

    pub(super) fn unusable(&mut self, why: &Unusable) {
        self.count("not taken", Some(why.to_string()));
    }

    pub(super) fn astray(&mut self) {
        self.count("not taken", Some("no interface is known that it came in by".to_owned()));
    }

    pub(super) fn add(&mut self, end: &End) {
        let why = match end {
            End::Lost(why) => Some((*why).to_owned()),
            End::Unknown(why) => Some(why.clone()),
            End::Queue(queue) => Some(format!("handed to a program at queue {queue}")),
            _ => None,
        };
        self.count(end.word(), why);
    }

    fn count(&mut self, verdict: &'static str, why: Option<String>) {
        self.packets += 1;
        *self.verdicts.entry(verdict).or_default() += 1;
        if let Some(why) = why {
            *self.reasons.entry(format!("{verdict}: {why}")).or_default() += 1;
        }
    }

    /// Everything, with the rules as `iptables -L -n -v --line-numbers` lists them; safe to show.
    pub(super) fn report(&self, file: &str, rules: &Rules, engine: &Engine) -> String {
        let mut text = format!("{} packets of {file}\n", self.packets);
        for verdict in ["accept", "drop", "reject", "unknown", "not taken"] {
            let count = self.verdicts.get(verdict).copied().unwrap_or(0);
            if count > 0 || verdict != "not taken" {
                text.push_str(&format!("{count:10} {verdict}\n"));
            }
        }
        let mut reasons: Vec<(&String, &u64)> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (why, count) in reasons.iter().take(REASONS) {
            text.push_str(&format!("{count:10} {}\n", visible(why.as_bytes())));
        }
        for family in FAMILIES {
            for table in rules.tables(family) {
                let (program, name) = (family.program(), table.name());
                text.push_str(&format!("\n{program} -t {}\n", name.word()));
                let mut chains = table.listing();
                chains.retain(|c| c.exists);
                for chain in &mut chains {
                    self.counted(family, name, chain, engine);
                }
                text.push_str(&listed(family, &chains));
            }
        }
        text
    }

    /// Puts what the replay counted into a chain.
    fn counted(&self, family: Family, table: TableName, chain: &mut Chain, engine: &Engine) {
        let key = (family.nfproto(), table, chain.name.bytes().to_vec());
        let before = self.before.get(&key).map(Vec::as_slice).unwrap_or_default();
        let after = engine.chain_counters(family, table, &chain.name).unwrap_or_default();
        for (n, listed) in chain.rules.iter_mut().enumerate() {
            let was = before.get(n).copied().unwrap_or_default();
            let is = after.get(n).copied().unwrap_or_default();
            if let Entry::Rule(rule) = &mut listed.entry {
                rule.counters = Counters {
                    packets: is.packets.saturating_sub(was.packets),
                    bytes: is.bytes.saturating_sub(was.bytes),
                };
            }
        }
        if let Some(base) = &mut chain.base {
            let mut all = engine.counters(family);
            let policy =
                all.find(|(r, _)| r.table == table && *r.chain == chain.name && r.number == 0);
            let was = base.counters;
            let is = policy.map_or(was, |(_, counters)| counters);
            base.counters = Counters {
                packets: is.packets.saturating_sub(was.packets),
                bytes: is.bytes.saturating_sub(was.bytes),
            };
        }
    }
}

fn listed(family: Family, chains: &[Chain]) -> String {
    let layout = Layout {
        family,
        numeric: true,
        verbose: true,
        exact: false,
        line_numbers: true,
        host: &Machine,
    };
    let mut out = Vec::new();
    for (n, chain) in chains.iter().enumerate() {
        if n > 0 {
            out.push(b'\n');
        }
        layout.push_header(&mut out, chain);
        for (at, listed) in chain.rules.iter().enumerate() {
            layout.push_row(&mut out, &listed.entry, at + 1);
        }
    }
    let mut shown = Vec::new();
    oxtables_base::text::push_visible(&mut shown, &out);
    String::from_utf8_lossy(&shown).into_owned()
}
