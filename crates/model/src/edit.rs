//! Edits: what a command line or a line of a save file asks to be changed.

use crate::{ChainName, Policy, Rule};
use oxtables_base::Counters;

/// Which rule of a chain is meant.
// Rules are most of what is meant; boxing them would cost an allocation each.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// The one with this number, counted from 1.
    Number(u32),
    /// The first that says the same.
    Rule(Rule),
}

/// One change to a table.
#[allow(clippy::large_enum_variant, missing_docs)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// `-A`.
    Append { chain: ChainName, rule: Rule },
    /// `-I`: before the rule with this number, counted from 1.
    Insert { chain: ChainName, number: u32, rule: Rule },
    /// `-R`.
    Replace { chain: ChainName, number: u32, rule: Rule },
    /// `-D`.
    Delete { chain: ChainName, place: Place },
    /// `-C`: changes nothing, but fails when no rule says the same.
    Check { chain: ChainName, rule: Rule },
    /// `-F`, of one chain or all.
    Flush { chain: Option<ChainName> },
    /// `-Z`, of one rule, one chain or all.
    Zero { chain: Option<ChainName>, number: Option<u32> },
    /// `-N`.
    NewChain { chain: ChainName },
    /// `-X`, of one chain or all that are empty.
    DeleteChain { chain: Option<ChainName> },
    /// `-E`.
    RenameChain { from: ChainName, to: ChainName },
    /// `-P`; `None` for a word that is no policy. The chain's counters become zero.
    ///
    /// COMPAT: upstream takes `-c` with it and ignores the numbers; so do we.
    Policy { chain: ChainName, policy: Option<Policy> },
    /// `:CHAIN POLICY [P:B]` of a save file: the chain is there and empty afterwards, or with
    /// `--noflush` a built-in chain keeps its rules.
    Declare { chain: ChainName, policy: Option<Policy>, counters: Option<Counters> },
    /// The whole table is emptied first: a restore without `--noflush`.
    Clear,
}

impl Edit {
    /// The rule it is about, when it gives one.
    #[must_use]
    pub const fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Append { rule, .. }
            | Self::Insert { rule, .. }
            | Self::Replace { rule, .. }
            | Self::Check { rule, .. }
            | Self::Delete { place: Place::Rule(rule), .. } => Some(rule),
            _ => None,
        }
    }
}
