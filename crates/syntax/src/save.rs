//! Rules and chains as `-S` and save files write them.

use oxtables_base::{Counters, Family, Neg, names, number, text};
use oxtables_ext::{AnyMatch, AnyTarget, ArgWriter};
use oxtables_model::{Action, Base, Chain, ChainName, Entry, Rule};

/// Where a rule's counters are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShowCounters {
    /// Nowhere.
    No,
    /// `[P:B] ` before it: save files with `-c`.
    Before,
    /// `-c P B` before its target: `-S -v`.
    Within,
}

/// Appends `-A CHAIN ...` and a line end.
pub fn push_rule(
    out: &mut Vec<u8>,
    family: Family,
    chain: &ChainName,
    rule: &Rule,
    counters: ShowCounters,
) {
    if counters == ShowCounters::Before {
        push_counters(out, rule.counters);
        out.push(b' ');
    }
    out.extend_from_slice(b"-A ");
    out.extend_from_slice(chain.bytes());
    push_conditions(out, rule);
    for m in &rule.matches {
        push_match(out, family, m);
    }
    if counters == ShowCounters::Within {
        push_counter_option(out, rule.counters);
    }
    push_action(out, family, &rule.action);
    out.push(b'\n');
}

/// As [`push_rule`]; a rule that is not understood becomes a comment that names what is not.
pub fn push_entry(
    out: &mut Vec<u8>,
    family: Family,
    chain: &ChainName,
    entry: &Entry,
    counters: ShowCounters,
) {
    match entry.rule() {
        Some(rule) => push_rule(out, family, chain, rule, counters),
        None => {
            let part = entry.foreign_part().unwrap_or_default();
            let note = format!("# foreign rule in chain {chain}: {part}\n");
            text::push_visible(out, note.as_bytes());
        }
    }
}

fn push_conditions(out: &mut Vec<u8>, rule: &Rule) {
    let option = |out: &mut Vec<u8>, not: bool, letter: &[u8]| {
        out.extend_from_slice(if not { &b" ! -"[..] } else { b" -" });
        out.extend_from_slice(letter);
    };
    for (letter, condition) in [(b"s ", rule.source), (b"d ", rule.destination)] {
        if let Some(Neg { not, value }) = condition {
            option(out, not, letter);
            value.save(out);
        }
    }
    for (letter, condition) in [(b"i ", rule.in_interface), (b"o ", rule.out_interface)] {
        if let Some(Neg { not, value }) = condition {
            option(out, not, letter);
            value.save(out);
        }
    }
    if let Some(Neg { not, value }) = rule.protocol {
        option(out, not, b"p ");
        match names::protocol_name(value) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => number::push_decimal(out, value.into()),
        }
    }
    if let Some(Neg { not, .. }) = rule.fragment {
        option(out, not, b"f");
    }
}

fn push_match(out: &mut Vec<u8>, family: Family, m: &AnyMatch) {
    let Some(spec) = m.spec() else { return };
    out.extend_from_slice(b" -m ");
    out.extend_from_slice(spec.name.as_bytes());
    m.save(&mut ArgWriter::new(out, family));
}

fn push_action(out: &mut Vec<u8>, family: Family, action: &Action) {
    let word = match action {
        Action::Continue => return,
        Action::Goto(chain) => {
            out.extend_from_slice(b" -g ");
            out.extend_from_slice(chain.bytes());
            return;
        }
        _ => action_name(action),
    };
    out.extend_from_slice(b" -j ");
    out.extend_from_slice(word);
    if let Action::Target(target) = action {
        target.save(&mut ArgWriter::new(out, family));
    }
}

/// The word after `-j` or `-g`; empty when the rule only counts.
fn action_name(action: &Action) -> &[u8] {
    match action {
        Action::Continue => b"",
        Action::Accept => b"ACCEPT",
        Action::Drop => b"DROP",
        Action::Return => b"RETURN",
        Action::Queue => b"QUEUE",
        Action::Jump(chain) | Action::Goto(chain) => chain.bytes(),
        Action::Target(AnyTarget::Foreign(f)) => &f.name,
        Action::Target(target) => target.spec().map_or(b"", |s| s.name.as_bytes()),
    }
}

/// The word in the target column of listings.
///
/// COMPAT: the kernel's name of a target, as upstream shows it: `CT` for `NOTRACK`.
pub(crate) fn kernel_name(action: &Action) -> &[u8] {
    match action {
        Action::Target(target) => target.kernel_name().0,
        _ => action_name(action),
    }
}

fn push_counter_option(out: &mut Vec<u8>, counters: Counters) {
    out.extend_from_slice(b" -c ");
    number::push_decimal(out, counters.packets);
    out.push(b' ');
    number::push_decimal(out, counters.bytes);
}

fn push_counters(out: &mut Vec<u8>, counters: Counters) {
    out.push(b'[');
    number::push_decimal(out, counters.packets);
    out.push(b':');
    number::push_decimal(out, counters.bytes);
    out.push(b']');
}

/// Appends the line of a chain in a save file: `:INPUT ACCEPT [0:0]`, `:mine - [0:0]`.
pub fn push_declaration(out: &mut Vec<u8>, chain: &Chain) {
    out.push(b':');
    out.extend_from_slice(chain.name.bytes());
    out.push(b' ');
    match chain.base {
        Some(Base { policy, counters, .. }) => {
            out.extend_from_slice(policy.word().as_bytes());
            out.push(b' ');
            push_counters(out, counters);
        }
        None => out.extend_from_slice(b"- [0:0]"),
    }
    out.push(b'\n');
}

/// Appends the line of a chain in `-S`: `-P INPUT ACCEPT`, `-N mine`.
pub fn push_chain_command(out: &mut Vec<u8>, chain: &Chain, counters: ShowCounters) {
    out.extend_from_slice(if chain.base.is_some() { b"-P " } else { b"-N " });
    out.extend_from_slice(chain.name.bytes());
    if let Some(base) = chain.base {
        out.push(b' ');
        out.extend_from_slice(base.policy.word().as_bytes());
        if counters == ShowCounters::Within {
            push_counter_option(out, base.counters);
        }
    }
    out.push(b'\n');
}
