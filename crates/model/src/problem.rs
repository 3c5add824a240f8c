//! Why an edit cannot be.

/// An edit that cannot be, given what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The chain is not there.
    NoSuchChain,
    /// A chain of that name is there.
    ChainExists,
    /// A chain of the new name is there.
    NewNameTaken,
    /// Not a base chain that iptables knows.
    NotBuiltin,
    /// The word is no policy.
    BadPolicy,
    /// The chain the rule jumps to is not there.
    NoSuchTarget,
    /// A base chain whose policy is not `ACCEPT` cannot be deleted.
    NotEmpty,
    /// The chain to rename is made by the same transaction.
    RenamedWhenNew,
    /// No rule like the one given.
    NoSuchRule,
    /// No rule of that number to delete.
    NumberBeyondEnd,
    /// No rule of that number to replace.
    ReplaceBeyondEnd,
    /// Too few rules to insert at that number.
    InsertBeyondEnd,
}
