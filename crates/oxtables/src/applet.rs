//! The names the binary answers to.

use crate::{editor, restore, save};
use oxtables_base::Family;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Applet {
    /// `iptables`, `ip6tables`.
    Editor(Family),
    /// `iptables-save`, `ip6tables-save`.
    Save(Family),
    /// `iptables-restore`, `ip6tables-restore`.
    Restore(Family),
}

use Applet::{Editor, Restore, Save};
use Family::{Ip4, Ip6};

/// Every name with what it stands for, in the order they are shown and linked.
pub(crate) const NAMES: &[(&str, Applet)] = &[
    ("iptables", Editor(Ip4)),
    ("iptables-save", Save(Ip4)),
    ("iptables-restore", Restore(Ip4)),
    ("ip6tables", Editor(Ip6)),
    ("ip6tables-save", Save(Ip6)),
    ("ip6tables-restore", Restore(Ip6)),
    ("iptables-nft", Editor(Ip4)),
    ("iptables-nft-save", Save(Ip4)),
    ("iptables-nft-restore", Restore(Ip4)),
    ("ip6tables-nft", Editor(Ip6)),
    ("ip6tables-nft-save", Save(Ip6)),
    ("ip6tables-nft-restore", Restore(Ip6)),
    ("main4", Editor(Ip4)),
    ("save4", Save(Ip4)),
    ("restore4", Restore(Ip4)),
    ("main6", Editor(Ip6)),
    ("save6", Save(Ip6)),
    ("restore6", Restore(Ip6)),
];

impl Applet {
    /// What `name` stands for.
    pub(crate) fn called(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(n, _)| n.as_bytes() == name).map(|&(_, a)| a)
    }

    /// Runs it; `name` is what it was called, for messages and headers.
    pub(crate) fn run(self, name: &[u8], words: &[&[u8]]) -> u8 {
        match self {
            Editor(family) => editor::run(family, words),
            Save(family) => save::run(family, name, words),
            Restore(family) => restore::run(family, name, words),
        }
    }
}
