//! One rule: conditions and what happens when they hold.

use crate::ChainName;
use oxtables_base::{Counters, HostMask, Interface, Neg};
use oxtables_ext::{AnyMatch, AnyTarget, Foreign};
use smallvec::SmallVec;

/// What a rule does with a packet that fits.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Action {
    /// Nothing but count it.
    #[default]
    Continue,
    /// `-j ACCEPT`.
    Accept,
    /// `-j DROP`.
    Drop,
    /// `-j RETURN`.
    Return,
    /// `-j QUEUE`: hand it to a program (`NF_QUEUE` of queue 0).
    Queue,
    /// `-j CHAIN`.
    Jump(ChainName),
    /// `-g CHAIN`.
    Goto(ChainName),
    /// `-j TARGET`.
    Target(AnyTarget),
}

/// The words after `-j` that are verdicts, whatever extensions there are.
pub const VERDICTS: [(&str, Action); 4] = [
    ("ACCEPT", Action::Accept),
    ("DROP", Action::Drop),
    ("RETURN", Action::Return),
    ("QUEUE", Action::Queue),
];

/// A rule as typed and as read back. Two rules are the same rule when all but their counters are
/// equal: see [`Rule::same`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rule {
    /// `-s`.
    pub source: Option<Neg<HostMask>>,
    /// `-d`.
    pub destination: Option<Neg<HostMask>>,
    /// `-i`. A bare `+` is kept only when inverted (it then never holds).
    pub in_interface: Option<Neg<Interface>>,
    /// `-o`, as [`Self::in_interface`].
    pub out_interface: Option<Neg<Interface>>,
    /// `-p`; never 0 (all) uninverted.
    pub protocol: Option<Neg<u8>>,
    /// `-f`: second and further fragments; `true` inside for `! -f`. IPv4 only.
    pub fragment: Option<Neg<()>>,
    /// `-m`, in the order given.
    pub matches: SmallVec<[AnyMatch; 2]>,
    /// `-j` or `-g`.
    pub action: Action,
    /// What it has counted, or is to start from.
    pub counters: Counters,
}

impl Rule {
    /// Whether both say the same, whatever they have counted.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.source == other.source
            && self.destination == other.destination
            && self.in_interface == other.in_interface
            && self.out_interface == other.out_interface
            && self.protocol == other.protocol
            && self.fragment == other.fragment
            && self.matches == other.matches
            && self.action == other.action
    }

    /// The chain it jumps or goes to.
    #[must_use]
    pub const fn chain(&self) -> Option<&ChainName> {
        match &self.action {
            Action::Jump(chain) | Action::Goto(chain) => Some(chain),
            _ => None,
        }
    }

    /// As [`Self::chain`], to be changed.
    #[must_use]
    pub const fn chain_mut(&mut self) -> Option<&mut ChainName> {
        match &mut self.action {
            Action::Jump(chain) | Action::Goto(chain) => Some(chain),
            _ => None,
        }
    }

    /// Whether a part of it is an extension this version cannot explain.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.action, Action::Target(AnyTarget::Foreign(_)))
            || self.matches.iter().any(|m| matches!(m, AnyMatch::Foreign(_)))
    }

    fn foreign_extension(&self) -> Option<String> {
        let of = |kind: &str, f: &Foreign| {
            format!("{kind} {} revision {}", oxtables_base::text::visible(&f.name), f.rev)
        };
        if let Action::Target(AnyTarget::Foreign(f)) = &self.action {
            return Some(of("target", f));
        }
        self.matches.iter().find_map(|m| match m {
            AnyMatch::Foreign(f) => Some(of("match", f)),
            _ => None,
        })
    }
}

/// A rule in the kernel that this version cannot explain. It is kept where it is and named foreign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForeignRule {
    /// The first part that is not understood: an nf_tables expression, or an extension with its
    /// revision.
    pub part: String,
    /// What it has counted, when it has a counter.
    pub counters: Counters,
}

/// A rule as listed.
// Foreign rules are rare, so the size of the common case is what counts.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// One that is understood whole.
    Rule(Rule),
    /// One that is not.
    Foreign(ForeignRule),
}

impl Entry {
    /// The rule, when it is understood whole.
    #[must_use]
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Rule(rule) if !rule.is_foreign() => Some(rule),
            _ => None,
        }
    }

    /// What it has counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        match self {
            Self::Rule(rule) => rule.counters,
            Self::Foreign(foreign) => foreign.counters,
        }
    }

    /// The part that is not understood, when there is one.
    #[must_use]
    pub fn foreign_part(&self) -> Option<String> {
        match self {
            Self::Foreign(foreign) => Some(foreign.part.clone()),
            Self::Rule(rule) => rule.foreign_extension(),
        }
    }
}
