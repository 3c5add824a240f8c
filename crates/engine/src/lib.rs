//! A packet through a rule set, as the kernel takes it: hooks, tables in their order, chains, rules,
//! counters, connections and translation. No I/O, and time is passed in.
//!
//! [`Engine`] holds [`Ruleset`]s (made of listed chains, or of the edits of a save file with their lines),
//! a [`Topology`] (this host's addresses and routes) and what the kernel would remember between packets.
//! [`Engine::packet`] gives a [`Walk`]: each step, the deciding rule and the end. What cannot be known
//! ends as [`End::Unknown`] with the reason, never as a guess.

mod answer;
mod chain;
mod conntrack;
mod effect;
mod engine;
mod fields;
mod log;
mod mismatch;
mod program;
mod reception;
mod ruleset;
mod state;
mod topology;
mod walk;

pub use engine::{Engine, Options};
pub use ruleset::{Ruleset, RulesetError, RulesetErrorKind};
pub use topology::{Interface, Route, Routed, Topology};
pub use walk::{Arrival, Change, Destination, Done, End, Mismatch, Outcome, RuleRef, Step, Walk};
