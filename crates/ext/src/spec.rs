//! What is written down about an extension: the one table help, man pages, completion, kernel
//! revisions and tests are made from.

use crate::args::OptDef;
use oxtables_base::Family;

/// The families an extension belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Families {
    /// iptables only.
    Ip4,
    /// ip6tables only.
    Ip6,
    /// Both.
    Both,
}

impl Families {
    /// Whether `family` is one of them.
    #[must_use]
    pub const fn has(self, family: Family) -> bool {
        matches!(
            (self, family),
            (Self::Both, _) | (Self::Ip4, Family::Ip4) | (Self::Ip6, Family::Ip6)
        )
    }
}

/// One layout the kernel has had for an extension's struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Revision {
    /// The kernel's number for it.
    pub rev: u8,
    /// Bytes of the struct as sent, padded to 8.
    pub size: usize,
    /// Where the kernel's private tail begins; bytes from here on are sent as zero
    /// (but for statistic's counter) and never compared (`usersize` in the kernel's `struct xt_match`).
    pub private: usize,
}

impl Revision {
    /// A revision without a private tail.
    #[must_use]
    pub const fn new(rev: u8, size: usize) -> Self {
        Self { rev, size, private: size }
    }

    /// The same, its bytes from `at` on being the kernel's own.
    #[must_use]
    pub const fn private_from(self, at: usize) -> Self {
        Self { private: at, ..self }
    }
}

/// An example: options as typed, and the options saved for them, or `None` when they are refused.
pub type Case = (&'static str, Option<&'static str>);

/// The description of one extension.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// As typed after `-m` or `-j`.
    pub name: &'static str,
    /// The kernel's name, where it is another (`state` is the kernel's `conntrack`).
    pub kernel: &'static str,
    /// Where it exists.
    pub families: Families,
    /// Protocols of `-p` under which an unknown option loads this match by itself.
    pub implied_by: &'static [u8],
    /// Its options, in the order help shows them.
    pub options: &'static [OptDef],
    /// Its layouts, newest first; the newest is written.
    pub revisions: &'static [Revision],
    /// One sentence that says what it matches or does.
    pub doc: &'static str,
    /// Examples that tests and the manual use. `-p PROTO` at the start of the typed form stands
    /// for the rule's protocol.
    pub cases: &'static [Case],
}

impl Spec {
    /// A description with the given name and everything else empty: made to be used with `..`.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            kernel: name,
            families: Families::Both,
            implied_by: &[],
            options: &[],
            revisions: &[],
            doc: "",
            cases: &[],
        }
    }

    /// The revision called `rev`.
    #[must_use]
    pub fn revision(&self, rev: u8) -> Option<&'static Revision> {
        self.revisions.iter().find(|r| r.rev == rev)
    }
}
