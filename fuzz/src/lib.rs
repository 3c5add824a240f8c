//! What the targets share: a machine to parse on, and rules that must survive being saved.

use oxtables_base::{Counters, Family};
use oxtables_ext::host::HostError;
use oxtables_ext::{AnyMatch, DecodeCx, Host};
use oxtables_model::{ChainName, Edit, Entry, Rule, TableName};
use oxtables_syntax::list::Layout;
use oxtables_syntax::restore::{self, Item, RestoreError, RestoreOptions};
use oxtables_syntax::save::{self, ShowCounters};
use std::net::IpAddr;

/// A machine with one ipset, `foo`, and one name, `two`, that stands for two addresses.
#[derive(Debug)]
pub struct Machine;

impl Host for Machine {
    fn set_by_name(&self, name: &[u8]) -> Result<u16, HostError> {
        if name == b"foo" { Ok(0) } else { Err(HostError::NotFound) }
    }
    fn set_by_index(&self, index: u16) -> Result<Vec<u8>, HostError> {
        if index == 0 { Ok(b"foo".to_vec()) } else { Err(HostError::NotFound) }
    }
    fn resolve(&self, name: &[u8], family: Family) -> Result<Vec<IpAddr>, HostError> {
        let two = match family {
            Family::Ip4 => [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])],
            Family::Ip6 => [IpAddr::from([1u16; 8]), IpAddr::from([2u16; 8])],
        };
        if name == b"two" { Ok(two.to_vec()) } else { Err(HostError::NotFound) }
    }
    fn name_of(&self, _: IpAddr) -> Option<Vec<u8>> {
        None
    }
    fn warn(&self, _: &str) {}
}

/// The family that an input's first byte stands for: `4`, `6`.
pub fn family(first: u8) -> Family {
    if first & 2 == 0 { Family::Ip4 } else { Family::Ip6 }
}

/// Reads a save file with its counters; its edits, and whether it was read to the end.
pub fn edits(
    family: Family,
    counters: bool,
    text: &[u8],
) -> (Vec<(TableName, Edit)>, Result<(), RestoreError>) {
    let options = RestoreOptions { family, counters, table: None, host: &Machine };
    let (mut found, mut table) = (Vec::new(), None);
    let done = restore::read(text, &options, |_, item| {
        match item {
            Item::Begin(name) => table = Some(name),
            Item::Declare { edit, .. } => found.push((table.unwrap(), edit)),
            Item::Command(invocation) => {
                if let oxtables_syntax::Request::Edit(edits) = invocation.request {
                    found.extend(edits.into_iter().map(|e| (invocation.table, e)));
                }
            }
            Item::Comment(_) | Item::Aside(_) | Item::Commit => {}
        }
        Ok::<(), RestoreError>(())
    });
    (found, done)
}

/// One rule as a save file.
pub fn file(family: Family, table: TableName, chain: &ChainName, rule: &Rule) -> Vec<u8> {
    let mut text = format!("*{}\n", table.word()).into_bytes();
    save::push_rule(&mut text, family, chain, rule, ShowCounters::Before);
    text.extend_from_slice(b"COMMIT\n");
    text
}

/// Whether a chain's name is one that a save file can hold; upstream quotes none.
pub fn is_plain(chain: &ChainName) -> bool {
    let odd = |c: &u8| matches!(c, b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'\\' | 0);
    let name = chain.bytes();
    !name.is_empty() && !name.starts_with(b"-") && name != b"!" && !name.iter().any(odd)
}

/// The rule that a rule is saved as: a line end in a comment becomes a blank, and nothing else changes.
pub fn as_saved(family: Family, rule: &Rule) -> Rule {
    let mut rule = rule.clone();
    for m in &mut rule.matches {
        if matches!(m, AnyMatch::Comment(_)) {
            let mut bytes = Vec::new();
            m.encode(0, family, &mut bytes);
            bytes.iter_mut().filter(|c| **c == b'\n').for_each(|c| *c = b' ');
            *m = AnyMatch::decode(b"comment", 0, &DecodeCx { family, host: &Machine }, &bytes);
        }
    }
    rule
}

/// Saves a rule and reads it again: it must be the same rule and the same text.
pub fn comes_back(family: Family, table: TableName, chain: &ChainName, rule: &Rule) {
    if !is_plain(chain) || rule.chain().is_some_and(|c| !is_plain(c)) {
        return;
    }
    let text = file(family, table, chain, rule);
    let shown = String::from_utf8_lossy(&text);
    let (read, done) = edits(family, true, &text);
    assert!(done.is_ok(), "{shown}is not read again: {done:?}\nit was {rule:?}");
    let [(_, Edit::Append { chain: again, rule: same })] = &read[..] else {
        panic!("{shown}is read as {read:?}")
    };
    assert!(
        chain == again && as_saved(family, rule) == *same,
        "{shown}\n{rule:?}\nis read as\n{same:?}"
    );
    assert_eq!(text, file(family, table, again, same), "{shown}");
    list(family, rule);
}

/// Lists a rule in all layouts.
pub fn list(family: Family, rule: &Rule) {
    let entry = Entry::Rule(rule.clone());
    let mut out = Vec::new();
    for numeric in [false, true] {
        let layout = Layout {
            family,
            numeric,
            verbose: numeric,
            exact: !numeric,
            line_numbers: numeric,
            host: &Machine,
        };
        layout.push_row(&mut out, &entry, usize::MAX);
    }
    if entry.rule().is_some() {
        Layout::push_echo(family, &Machine, &mut out, rule);
    }
}

/// The edits' rules, each held to [`comes_back`].
pub fn all_come_back(family: Family, table: TableName, edits: &[Edit]) {
    for edit in edits {
        let (Edit::Append { chain, .. }
        | Edit::Insert { chain, .. }
        | Edit::Replace { chain, .. }
        | Edit::Delete { chain, .. }
        | Edit::Check { chain, .. }) = edit
        else {
            continue;
        };
        if let Some(rule) = edit.rule() {
            comes_back(family, table, chain, rule);
        }
    }
}

/// A declared chain's line.
pub fn declaration(
    chain: &ChainName,
    base: Option<(oxtables_base::Hook, oxtables_model::Policy)>,
    counters: Counters,
) -> Vec<u8> {
    let base = base.map(|(hook, policy)| oxtables_model::Base { hook, policy, counters });
    let chain = oxtables_model::Chain {
        name: chain.clone(),
        base,
        exists: true,
        references: 0,
        rules: Vec::new(),
    };
    let mut out = Vec::new();
    save::push_declaration(&mut out, &chain);
    out
}
