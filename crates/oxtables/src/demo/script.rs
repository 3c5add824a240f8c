//! The lessons as data: what is typed, what is tried, what the rules say should happen, and which of them decides.

mod basics;
mod more;
mod nat;
mod states;

use std::fmt;
use std::net::IpAddr;

use super::counters::Evidence;
use super::traffic::{Outcome, Probe};
use super::world::Host;

/// A lesson. It begins with no rules at all.
#[derive(Clone, Debug)]
pub(super) struct Lesson {
    /// For `--lesson`.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) steps: &'static [Step],
}

/// A step of a lesson.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// What the lesson wants to be noticed.
    Note(&'static str),
    /// A command, which must succeed.
    Run(&'static str),
    /// A command that must fail with this exit code and change nothing.
    Refused(&'static str, i32),
    /// A listing, in which these lines must be (spaces counting as one).
    Lists(&'static str, &'static [&'static str]),
    /// Packets.
    Try(Try),
}

/// Packets, and what should come of them.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) from: Host,
    pub(super) probe: Probe,
    pub(super) to: IpAddr,
    pub(super) outcome: Outcome,
    /// What must have counted packets (or said so in the log), the rule that decides last.
    pub(super) evidence: &'static [Evidence],
}

impl fmt::Display for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8} -> {} {}", self.from, self.to, self.probe)
    }
}

/// All lessons in their order.
pub(super) fn lessons() -> impl Iterator<Item = &'static Lesson> {
    [basics::LESSONS, states::LESSONS, nat::LESSONS, more::LESSONS].into_iter().flatten()
}

/// A rule of the filter table.
const fn rule(chain: &'static str, number: usize) -> Evidence {
    Evidence::Rule("filter", chain, number)
}

/// A policy of the filter table.
const fn policy(chain: &'static str) -> Evidence {
    Evidence::Policy("filter", chain)
}

/// `from` sends `probe` to `to`.
const fn attempt(
    from: Host,
    probe: Probe,
    to: IpAddr,
    outcome: Outcome,
    evidence: &'static [Evidence],
) -> Step {
    Step::Try(Try { from, probe, to, outcome, evidence })
}

/// A service's answer.
const fn answer(by: Host, port: u16, seen_as: IpAddr) -> Outcome {
    Outcome::Answer { by, port, seen_as }
}

const PORT_UNREACHABLE: Outcome = Outcome::Error { kind: 3, code: 3 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word_and_different() {
        let mut names: Vec<&str> = lessons().map(|l| l.name).collect();
        assert!(
            names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), lessons().count());
    }

    /// Every lesson proves something, and for all packets something decides.
    #[test]
    fn every_lesson_has_expectations() {
        for lesson in lessons() {
            let proves = |s: &Step| !matches!(s, Step::Note(_) | Step::Run(_));
            assert!(lesson.steps.iter().any(proves), "{}", lesson.name);
            for step in lesson.steps {
                assert!(!matches!(step, Step::Try(t) if t.evidence.is_empty()), "{}", lesson.name);
            }
        }
    }
}
