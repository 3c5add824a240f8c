//! The answer for programs, as `schema/explain.json` describes it.

use super::{Answer, verdict_line};
use crate::packet_text;
use oxtables_base::text::visible;
use oxtables_engine::{Arrival, Change, Destination, Done, End, Outcome, RuleRef, Step};
use oxtables_packet::{CtState, IfName};
use serde_json::{Map, Value, json};

/// The whole answer, in one line.
pub(super) fn answer(answer: &Answer<'_>) -> String {
    let walk = &answer.walk;
    let family = answer.described.packet.family();
    let rule = walk.deciding.as_ref();
    let changes: Vec<Value> = walk.steps.iter().flat_map(translation).map(change).collect();
    let mut value = json!({
        "verdict": walk.end.word(),
        "reason": verdict_line(&walk.end),
        "table": rule.map(|r| r.table.word()),
        "chain": rule.map(|r| visible(r.chain.bytes())),
        "rule": rule.map(|r| r.number),
        "line": rule.and_then(|r| r.line),
        "text": rule.and_then(|r| answer.rules.text(family, r)),
        "file": answer.rules.file(family),
        "packet": packet_text::line(&answer.described.packet),
        "in": match answer.described.arrival {
            Arrival::Interface(name) => Value::from(shown(&name)),
            Arrival::Local => Value::Null,
        },
        "assumed": answer.described.assumed,
        "host": answer.surroundings.of(answer.described.packet.dst()),
        "host_source": answer.surroundings.source,
        "translation": changes,
        "steps": walk.steps.iter().map(|s| step(answer, s)).collect::<Vec<_>>(),
    });
    if let Some(object) = value.as_object_mut() {
        push_end(object, answer);
    }
    format!("{value}\n")
}

fn push_end(object: &mut Map<String, Value>, answer: &Answer<'_>) {
    match &answer.walk.end {
        End::Accept(to) => {
            let out = match to {
                Destination::Local => Value::Null,
                Destination::Interface(name) => Value::from(shown(name)),
            };
            object.insert("out".into(), out);
            object.insert("leaves_as".into(), packet_text::line(&answer.walk.packet).into());
        }
        End::Reject { with, answer: reply } => {
            object.insert("reject_with".into(), (*with).into());
            if let Some(reply) = reply {
                object.insert("answer".into(), packet_text::of_bytes(reply).into());
            }
        }
        End::Queue(queue) => {
            object.insert("queue".into(), (*queue).into());
        }
        End::Drop | End::Lost(_) | End::Unknown(_) => {}
    }
}

fn translation(step: &Step) -> &[Change] {
    match step {
        Step::Translated(changes)
        | Step::Rule { outcome: Outcome::Fitted(Done::Translated(changes)), .. } => changes,
        _ => &[],
    }
}

fn change(change: &Change) -> Value {
    json!({ "what": change.what, "old": change.old, "new": change.new })
}

fn step(answer: &Answer<'_>, step: &Step) -> Value {
    match step {
        Step::Hook { hook, in_interface, out_interface } => json!({
            "step": "hook",
            "hook": hook.chain(),
            "in": in_interface.as_ref().map(shown),
            "out": out_interface.as_ref().map(shown),
        }),
        Step::Tracked(state) => json!({ "step": "tracked", "state": state_word(*state) }),
        Step::Chain { table, chain } => json!({
            "step": "chain", "table": table.word(), "chain": visible(chain.bytes()),
        }),
        Step::Rule { rule, outcome } => {
            let mut value = rule_value(answer, rule, "rule");
            if let Some(object) = value.as_object_mut() {
                push_outcome(object, outcome);
            }
            value
        }
        Step::Policy { rule, policy } => {
            let mut value = rule_value(answer, rule, "policy");
            if let Some(object) = value.as_object_mut() {
                object.insert("policy".into(), policy.word().into());
            }
            value
        }
        Step::Translated(changes) => json!({
            "step": "translated", "changes": changes.iter().map(change).collect::<Vec<_>>(),
        }),
        Step::Routed(way) => json!({ "step": "routed", "way": way }),
        Step::Host(what) => json!({ "step": "host", "what": what }),
    }
}

fn rule_value(answer: &Answer<'_>, rule: &RuleRef, step: &str) -> Value {
    let family = answer.described.packet.family();
    json!({
        "step": step,
        "table": rule.table.word(),
        "chain": visible(rule.chain.bytes()),
        "rule": rule.number,
        "line": rule.line,
        "text": answer.rules.text(family, rule),
    })
}

fn push_outcome(object: &mut Map<String, Value>, outcome: &Outcome) {
    let (word, more) = match outcome {
        Outcome::Missed(mismatch) => {
            ("missed", json!({ "wanted": mismatch.wanted(), "seen": mismatch.seen() }))
        }
        Outcome::Unknown { condition, why } => {
            ("unknown", json!({ "wanted": condition, "why": why }))
        }
        Outcome::Fitted(done) => ("fitted", done_value(done)),
    };
    object.insert("outcome".into(), word.into());
    if let Value::Object(more) = more {
        object.extend(more);
    }
}

fn done_value(done: &Done) -> Value {
    let changes = |list: &[Change]| list.iter().map(change).collect::<Vec<_>>();
    match done {
        Done::Counted => json!({ "did": "counted" }),
        Done::Accept => json!({ "did": "accept" }),
        Done::Drop => json!({ "did": "drop" }),
        Done::HotDrop => json!({ "did": "hotdrop" }),
        Done::Return => json!({ "did": "return" }),
        Done::Jump(chain) => json!({ "did": "jump", "to": visible(chain.bytes()) }),
        Done::Goto(chain) => json!({ "did": "goto", "to": visible(chain.bytes()) }),
        Done::Queue(queue) => json!({ "did": "queue", "queue": queue }),
        Done::Reject(with) => json!({ "did": "reject", "with": with }),
        Done::Changed(list) => json!({ "did": "changed", "changes": changes(list) }),
        Done::Logged(line) => json!({ "did": "logged", "log": line }),
        Done::Translated(list) => json!({ "did": "translated", "changes": changes(list) }),
        Done::Unknown(why) => json!({ "did": "unknown", "why": why }),
    }
}

/// A state as `--ctstate` has it.
pub(super) const fn state_word(state: CtState) -> &'static str {
    match state {
        CtState::Invalid => "INVALID",
        CtState::New => "NEW",
        CtState::Established => "ESTABLISHED",
        CtState::Related => "RELATED",
        CtState::Untracked => "UNTRACKED",
    }
}

fn shown(name: &IfName) -> String {
    visible(name.as_bytes())
}
