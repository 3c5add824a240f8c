//! Which rules packets came to, read back through `iptables-save -c`.

use std::fmt;
use std::io;

use oxtables_base::text::visible;

use super::commands;

/// Where a packet leaves its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A rule: table, chain, and its number from 1.
    Rule(&'static str, &'static str, usize),
    /// A chain's policy: table, chain.
    Policy(&'static str, &'static str),
    /// A line with this text in the kernel's log.
    Log(&'static str),
}

impl Evidence {
    fn table(self) -> Option<&'static str> {
        match self {
            Self::Rule(table, ..) | Self::Policy(table, _) => Some(table),
            Self::Log(_) => None,
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The table is named where a person would have to name it with -t.
        match self {
            Self::Rule("filter", chain, number) => write!(f, "{chain} {number}"),
            Self::Rule(table, chain, number) => write!(f, "{table} {chain} {number}"),
            Self::Policy("filter", chain) => write!(f, "{chain} policy"),
            Self::Policy(table, chain) => write!(f, "{table} {chain} policy"),
            Self::Log(_) => f.write_str("kernel log"),
        }
    }
}

/// The counters of some tables at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Table, and the text of `-save -c`.
    tables: Vec<(&'static str, String)>,
}

/// A rule or policy as saved, with the packets it has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    text: String,
    packets: u64,
}

impl Snapshot {
    /// Reads the tables that the evidence is in, with `save` = `iptables-save` or `ip6tables-save`.
    pub(super) fn take(save: &str, of: &[Evidence]) -> io::Result<Self> {
        let mut tables: Vec<(&'static str, String)> = Vec::new();
        for table in of.iter().filter_map(|e| e.table()) {
            if tables.iter().any(|(t, _)| *t == table) {
                continue;
            }
            let output = commands::run(&[save, "-c", "-t", table], &[])?;
            if !output.status.success() {
                let why = visible(&output.stderr);
                return Err(io::Error::other(format!("{save} -c -t {table}: {why}")));
            }
            // Comments have the time in them: without them equal tables give equal snapshots.
            let text = visible(&output.stdout);
            let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
            tables.push((table, lines.join("\n")));
        }
        Ok(Self { tables })
    }

    /// The rule or policy; `None` if there is none such.
    fn find(&self, what: Evidence) -> Option<Counted> {
        let text = |table| self.tables.iter().find(|(t, _)| *t == table).map(|(_, text)| text);
        match what {
            Evidence::Rule(table, chain, number) => {
                text(table)?.lines().filter_map(|l| rule(l, chain)).nth(number.checked_sub(1)?)
            }
            Evidence::Policy(table, chain) => text(table)?.lines().find_map(|l| policy(l, chain)),
            Evidence::Log(_) => None,
        }
    }

    /// What a rule or policy has counted when `after` was taken and since this was, in words, and whether that is anything.
    pub(super) fn counted(&self, after: &Self, what: Evidence) -> (String, bool) {
        match (self.find(what), after.find(what)) {
            (Some(before), Some(after)) if before.text == after.text => {
                let new = after.packets.saturating_sub(before.packets);
                let packets = after.packets;
                (format!("{what}: {}  [counter {packets}, +{new}]", after.text), new > 0)
            }
            _ => (format!("{what}: there is no such rule"), false),
        }
    }
}

/// `[PACKETS:BYTES] -A CHAIN REST`.
fn rule(line: &str, chain: &str) -> Option<Counted> {
    let (counters, rule) = line.split_once("] -A ")?;
    let (in_chain, text) = rule.split_once(' ').unwrap_or((rule, ""));
    let packets = packets(counters)?;
    (in_chain == chain).then(|| Counted { text: text.to_owned(), packets })
}

/// `:CHAIN POLICY [PACKETS:BYTES]`.
fn policy(line: &str, chain: &str) -> Option<Counted> {
    let mut words = line.strip_prefix(':')?.split(' ');
    if words.next()? != chain {
        return None;
    }
    let text = words.next()?.to_owned();
    Some(Counted { text, packets: packets(words.next()?.strip_suffix(']')?)? })
}

fn packets(counters: &str) -> Option<u64> {
    counters.strip_prefix('[')?.split_once(':')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_rules_and_policies() {
        let text = "*filter\n:INPUT DROP [7:420]\n:a - [0:0]\n[1:60] -A INPUT -j a\n[5:9] -A a\n\
                    [2:120] -A INPUT -p tcp -j ACCEPT\nCOMMIT\n";
        let shot = Snapshot { tables: vec![("filter", text.to_owned())] };
        let counted = |text: &str, packets| Some(Counted { text: text.to_owned(), packets });
        let rule = |chain, n| shot.find(Evidence::Rule("filter", chain, n));
        assert_eq!(rule("INPUT", 2), counted("-p tcp -j ACCEPT", 2));
        assert_eq!(rule("a", 1), counted("", 5));
        assert_eq!((rule("INPUT", 3), rule("INPUT", 0)), (None, None));
        assert_eq!(shot.find(Evidence::Policy("filter", "INPUT")), counted("DROP", 7));
        assert_eq!(shot.find(Evidence::Policy("nat", "INPUT")), None);
    }

    #[test]
    fn a_rule_that_counted_nothing_has_not_decided() {
        let shot = |packets| {
            let text = format!("[{packets}:99] -A INPUT -j DROP");
            Snapshot { tables: vec![("filter", text)] }
        };
        let rule = |n| Evidence::Rule("filter", "INPUT", n);
        let counted = |after, n| shot(3).counted(&shot(after), rule(n));
        assert_eq!(counted(5, 1), ("INPUT 1: -j DROP  [counter 5, +2]".to_owned(), true));
        assert_eq!(counted(3, 1), ("INPUT 1: -j DROP  [counter 3, +0]".to_owned(), false));
        assert!(!counted(5, 2).1);
    }
}
