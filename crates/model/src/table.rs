//! The five tables, and the built-in chains each has.

use crate::Hook;

/// A table of the family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum TableName {
    /// Changing packets.
    Mangle,
    /// Labels of security modules.
    Security,
    /// Before connection tracking.
    Raw,
    /// Letting pass or not.
    Filter,
    /// Translating addresses.
    Nat,
}

/// The type the kernel gives a built-in chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChainKind {
    /// Plain.
    Filter,
    /// Packets are routed again when the chain changed them.
    Route,
    /// Only a connection's first packet is seen.
    Nat,
}

/// One built-in chain of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BaseChain {
    /// Where it is called; its name goes with it.
    pub hook: Hook,
    /// In which order among those of the hook.
    pub priority: i32,
    /// Of which type.
    pub kind: ChainKind,
}

const fn at(hook: Hook, priority: i32) -> BaseChain {
    BaseChain { hook, priority, kind: ChainKind::Filter }
}

const fn nat(hook: Hook, priority: i32) -> BaseChain {
    BaseChain { hook, priority, kind: ChainKind::Nat }
}

use Hook::{Forward, Input, Output, Postrouting, Prerouting};

/// COMPAT: the priority of security is 150, as upstream writes it; the kernel's own constant for
/// the legacy table is 50.
const SECURITY: [BaseChain; 3] = [at(Input, 150), at(Forward, 150), at(Output, 150)];
const FILTER: [BaseChain; 3] = [at(Input, 0), at(Forward, 0), at(Output, 0)];
const RAW: [BaseChain; 2] = [at(Prerouting, -300), at(Output, -300)];
const NAT: [BaseChain; 4] =
    [nat(Prerouting, -100), nat(Input, 100), nat(Output, -100), nat(Postrouting, 100)];
const MANGLE: [BaseChain; 5] = [
    at(Prerouting, -150),
    at(Input, -150),
    at(Forward, -150),
    BaseChain { hook: Output, priority: -150, kind: ChainKind::Route },
    at(Postrouting, -150),
];

impl TableName {
    /// Every table, in the order of save files.
    pub const ALL: [Self; 5] = [Self::Mangle, Self::Security, Self::Raw, Self::Filter, Self::Nat];

    /// As typed after `-t`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mangle => "mangle",
            Self::Security => "security",
            Self::Raw => "raw",
            Self::Filter => "filter",
            Self::Nat => "nat",
        }
    }

    /// The table of that name.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.word().as_bytes() == word)
    }

    /// Its built-in chains, in hook order.
    #[must_use]
    pub const fn base_chains(self) -> &'static [BaseChain] {
        match self {
            Self::Mangle => &MANGLE,
            Self::Security => &SECURITY,
            Self::Raw => &RAW,
            Self::Filter => &FILTER,
            Self::Nat => &NAT,
        }
    }

    /// Its built-in chain of that name.
    #[must_use]
    pub fn base_chain(self, name: &[u8]) -> Option<BaseChain> {
        let hook = Hook::of_chain(name)?;
        self.base_chains().iter().copied().find(|b| b.hook == hook)
    }
}
