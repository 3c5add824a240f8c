//! Rules, chains and tables, and the edits on them: what text is turned into, and what the kernel's
//! bytes are read as.

mod apply;
mod chain;
mod edit;
mod problem;
mod rule;
mod table;

pub use apply::{NotApplied, Table, complete};
pub use chain::{
    Base, Chain, ChainName, ChainNameError, Listed, MAX_NAME as MAX_CHAIN_NAME, Policy,
};
pub use edit::{Edit, Place};
pub use oxtables_base::Hook;
pub use problem::Problem;
pub use rule::{Action, Entry, ForeignRule, Rule, VERDICTS};
pub use table::{BaseChain, ChainKind, TableName};
