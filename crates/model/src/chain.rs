//! Chains: a name, rules in order, and for the built-in ones a hook with a policy.

use crate::rule::Entry;
use oxtables_base::{Counters, Hook};
use std::fmt;

/// The longest name of a chain or target, in bytes (`XT_EXTENSION_MAXNAMELEN` less its NUL).
pub const MAX_NAME: usize = 28;

/// The name of a chain, as bytes. Chains that this family did not make may have longer names than
/// [`ChainName::parse`] allows.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainName(Box<[u8]>);

/// Why a word cannot name a new chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChainNameError {
    /// It begins with `-` or `!`; the character.
    Begins(u8),
    /// More than [`MAX_NAME`] bytes.
    TooLong,
    /// It holds a blank, or is empty.
    Blank,
}

impl ChainName {
    /// A name as it comes, from the kernel or after a check of its own.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        Self(name.into())
    }

    /// A name that a new chain may have.
    ///
    /// # Errors
    /// See [`ChainNameError`].
    pub fn parse(name: &[u8]) -> Result<Self, ChainNameError> {
        if let Some(&c @ (b'-' | b'!')) = name.first() {
            return Err(ChainNameError::Begins(c));
        }
        if name.len() > MAX_NAME {
            return Err(ChainNameError::TooLong);
        }
        if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
            return Err(ChainNameError::Blank);
        }
        Ok(Self::new(name))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Display for ChainName {
    /// Control characters are escaped: the name may come from anywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&oxtables_base::text::visible(&self.0))
    }
}

/// What happens to a packet that no rule of a built-in chain decided about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Policy {
    /// It passes.
    #[default]
    Accept,
    /// It is dropped.
    Drop,
}

impl Policy {
    /// As typed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Drop => "DROP",
        }
    }

    /// The policy of that name, in capitals only.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        [Self::Accept, Self::Drop].into_iter().find(|p| p.word().as_bytes() == word)
    }
}

/// What makes a chain built-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Base {
    /// Where it is called.
    pub hook: Hook,
    /// What becomes of packets it does not decide about.
    pub policy: Policy,
    /// Those packets, counted.
    pub counters: Counters,
}

/// A rule in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The kernel's name for it; 0 where there is none.
    pub handle: u64,
    /// What it says.
    pub entry: Entry,
}

/// A chain with its rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// Its name.
    pub name: ChainName,
    /// Set for built-in chains.
    pub base: Option<Base>,
    /// Whether the kernel has it: built-in chains that nothing was written to yet are listed empty.
    pub exists: bool,
    /// How many rules jump or go to it.
    pub references: u32,
    /// Its rules, in order.
    pub rules: Vec<Listed>,
}
