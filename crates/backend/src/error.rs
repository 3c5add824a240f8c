//! What can go wrong between the rules and the kernel. Kinds only; the binary makes the sentences.

use std::io;

use oxtables_model::Problem;
use oxtables_wire::nl::{WireError, WriteError};

/// What was being done when the system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Opening the netlink socket.
    Open,
    /// Asking for the rule set's generation.
    Generation,
    /// Listing tables.
    Tables,
    /// Listing chains.
    Chains,
    /// Listing rules.
    Rules,
    /// Asking for an extension's revision.
    Revision,
    /// Sending a transaction.
    Commit,
}

/// The kind of one step of a transaction; upstream names it in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// `TABLE_ADD`.
    TableAdd,
    /// `TABLE_FLUSH`: a table deleted with all in it.
    TableFlush,
    /// `CHAIN_ADD`: a base chain created.
    ChainAdd,
    /// `CHAIN_USER_ADD`.
    ChainUserAdd,
    /// `CHAIN_USER_DEL` and base chains alike: `CHAIN_DEL`.
    ChainDel,
    /// `CHAIN_USER_FLUSH`.
    ChainUserFlush,
    /// `CHAIN_UPDATE`: policy and policy counters.
    ChainUpdate,
    /// `CHAIN_RENAME`.
    ChainRename,
    /// `CHAIN_ZERO`.
    ChainZero,
    /// `RULE_APPEND`.
    RuleAppend,
    /// `RULE_INSERT`.
    RuleInsert,
    /// `RULE_REPLACE`.
    RuleReplace,
    /// `RULE_DELETE`.
    RuleDelete,
    /// `RULE_FLUSH`.
    RuleFlush,
}

impl Step {
    /// The name in upstream's message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TableAdd => "TABLE_ADD",
            Self::TableFlush => "TABLE_FLUSH",
            Self::ChainAdd => "CHAIN_ADD",
            Self::ChainUserAdd => "CHAIN_USER_ADD",
            Self::ChainDel => "CHAIN_DEL",
            Self::ChainUserFlush => "CHAIN_USER_FLUSH",
            Self::ChainUpdate => "CHAIN_UPDATE",
            Self::ChainRename => "CHAIN_RENAME",
            Self::ChainZero => "CHAIN_ZERO",
            Self::RuleAppend => "RULE_APPEND",
            Self::RuleInsert => "RULE_INSERT",
            Self::RuleReplace => "RULE_REPLACE",
            Self::RuleDelete => "RULE_DELETE",
            Self::RuleFlush => "RULE_FLUSH",
        }
    }
}

/// What a step is about, as upstream words it: `table T`, `chain C`, `rule in chain C`, `rule in table T`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A table.
    Table(Box<[u8]>),
    /// A chain.
    Chain(Box<[u8]>),
    /// A rule, or all rules, of a chain.
    RuleInChain(Box<[u8]>),
    /// All rules of a table.
    RuleInTable(Box<[u8]>),
}

/// The kernel's no to one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was to be done; `None` when the transaction as a whole was refused.
    pub step: Option<(Step, Object)>,
    /// Positive errno.
    pub errno: i32,
    /// What the caller gave with the edit: a line of a restore.
    pub tag: u32,
    /// The kernel's own words, not escaped.
    pub text: Option<Box<[u8]>>,
    /// The expression at fault: its name, and for an xtables extension `match NAME` or `target NAME`.
    pub expression: Option<Box<[u8]>>,
}

/// Everything else.
#[derive(Debug)]
pub enum BackendError {
    /// The edit with this tag cannot be.
    Problem {
        /// Why.
        problem: Problem,
        /// What the caller gave with the edit.
        tag: u32,
    },
    /// The kernel refused the transaction, and nothing of it is there.
    Refused(Vec<Refusal>),
    /// The transaction does not fit into the socket's buffer, which `net.core.wmem_max` limits.
    TooBig {
        /// Bytes it has.
        bytes: usize,
    },
    /// A name or a rule does not fit into a message.
    Unwritable {
        /// Why.
        error: WriteError,
        /// What the caller gave with the edit.
        tag: u32,
    },
    /// The system refused.
    Os {
        /// What.
        doing: Doing,
        /// Why.
        error: io::Error,
    },
    /// The kernel said something that is not netlink.
    Garbled(WireError),
    /// Others changed the rule set each time it was read.
    Changing,
    /// The file that the rules live in cannot be read, understood or written: the sentence, safe to show.
    File(String),
}

impl BackendError {
    /// For messages that belong to no edit.
    pub(crate) fn unwritable(error: WriteError) -> Self {
        Self::Unwritable { error, tag: 0 }
    }
}
