//! The answer for people.

use super::{Answer, decided_by, packet_line, verdict_line};
use crate::packet_text;
use oxtables_base::text::visible;
use oxtables_engine::{Change, Destination, Done, End, Outcome, RuleRef, Step};
use oxtables_packet::IfName;

/// The whole answer.
pub(super) fn answer(answer: &Answer<'_>) -> String {
    let mut out = String::new();
    let described = &answer.described;
    let family = described.packet.family();
    field(&mut out, "packet", &packet_line(described));
    if !described.assumed.is_empty() {
        field(&mut out, "assumed", &described.assumed.join(" "));
    }
    field(&mut out, "rules", answer.rules.file(family).unwrap_or("live"));
    let around = &answer.surroundings;
    let host = format!("{} ({})", around.of(described.packet.dst()), around.source);
    field(&mut out, "host", &host);
    out.push('\n');
    for step in &answer.walk.steps {
        push_step(&mut out, answer, step);
    }
    out.push('\n');
    push_end(&mut out, answer);
    out
}

fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(&format!("{name:<9}{value}\n"));
}

fn push_step(out: &mut String, answer: &Answer<'_>, step: &Step) {
    match step {
        Step::Hook { hook, in_interface, out_interface } => {
            out.push_str(hook.chain());
            for (word, name) in [("in", in_interface), ("out", out_interface)] {
                if let Some(name) = name {
                    out.push_str(&format!("  {word} {}", shown(name)));
                }
            }
            out.push('\n');
        }
        Step::Tracked(state) => {
            out.push_str(&format!("  connection: {}\n", super::json::state_word(*state)));
        }
        Step::Chain { table, .. } => out.push_str(&format!("  {}\n", table.word())),
        Step::Rule { rule, outcome } => push_rule(out, answer, rule, outcome),
        Step::Policy { policy, .. } => {
            out.push_str(&format!("    policy  {}\n", policy.word()));
        }
        Step::Translated(changes) => {
            out.push_str(&format!("  translated as its connection: {}\n", changes_text(changes)));
        }
        Step::Routed(way) => out.push_str(&format!("  routed: {way}\n")),
        Step::Host(what) => out.push_str(&format!("  host: {what}\n")),
    }
}

fn push_rule(out: &mut String, answer: &Answer<'_>, rule: &RuleRef, outcome: &Outcome) {
    let family = answer.described.packet.family();
    let text = answer.rules.text(family, rule).unwrap_or_default();
    let (mark, why) = match outcome {
        Outcome::Missed(mismatch) => {
            ("no ", format!("{}: the packet has {}", mismatch.wanted(), mismatch.seen()))
        }
        Outcome::Fitted(done) => ("YES", done_text(done)),
        Outcome::Unknown { condition, why } => ("?  ", format!("{condition}: {why}")),
    };
    out.push_str(&format!("    {mark} {:>4}  {text}\n", rule.number));
    if !why.is_empty() {
        out.push_str(&format!("              {}\n", visible(why.as_bytes())));
    }
}

/// What a rule did, in words; nothing where the rule's text says it all.
fn done_text(done: &Done) -> String {
    match done {
        Done::Counted | Done::Accept | Done::Drop | Done::Return | Done::Reject(_) => String::new(),
        Done::Jump(_) | Done::Goto(_) | Done::Queue(_) => String::new(),
        Done::HotDrop => "a header is cut short or malformed: dropped on the spot".to_owned(),
        Done::Changed(changes) => changes_text(changes),
        Done::Translated(changes) => format!("translated: {}", changes_text(changes)),
        Done::Logged(line) => format!("log: {line}"),
        Done::Unknown(why) => format!("unknown: {why}"),
    }
}

pub(super) fn changes_text(changes: &[Change]) -> String {
    changes.iter().map(Change::to_string).collect::<Vec<_>>().join(", ")
}

fn push_end(out: &mut String, answer: &Answer<'_>) {
    let verdict = verdict_line(&answer.walk.end);
    let by = decided_by(answer).map_or_else(String::new, |by| match answer.walk.end {
        End::Unknown(_) | End::Queue(_) => format!("\n  at {by}"),
        _ => format!(" by {by}"),
    });
    out.push_str(&format!("{}{by}\n", capital(&verdict)));
    let family = answer.described.packet.family();
    if let Some(rule) = &answer.walk.deciding
        && rule.number > 0
        && let Some(text) = answer.rules.text(family, rule)
    {
        out.push_str(&format!("  {text}\n"));
    }
    match &answer.walk.end {
        End::Accept(to) => {
            let to = match to {
                Destination::Local => "to this host".to_owned(),
                Destination::Interface(name) => format!("out by {}", shown(name)),
            };
            let line = packet_text::line(&answer.walk.packet);
            out.push_str(&format!("  {to}: {line}\n"));
        }
        End::Reject { answer: Some(reply), .. } => {
            out.push_str(&format!("  answered: {}\n", packet_text::of_bytes(reply)));
        }
        _ => {}
    }
}

fn shown(name: &IfName) -> String {
    visible(name.as_bytes())
}

/// With a capital, as a sentence begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
