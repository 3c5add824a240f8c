//! The five hooks of netfilter, and the built-in chains named after them.

/// Where the kernel calls a built-in chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Hook {
    /// Before routing.
    Prerouting,
    /// On the way to this machine.
    Input,
    /// On the way through.
    Forward,
    /// From this machine.
    Output,
    /// After routing.
    Postrouting,
}

impl Hook {
    /// Every hook, in the order listings have.
    pub const ALL: [Self; 5] =
        [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    /// The kernel's number (linux/netfilter.h, `enum nf_inet_hooks`).
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Prerouting => 0,
            Self::Input => 1,
            Self::Forward => 2,
            Self::Output => 3,
            Self::Postrouting => 4,
        }
    }

    /// The name of the built-in chain there.
    #[must_use]
    pub const fn chain(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }

    /// The hook whose built-in chain has this name.
    #[must_use]
    pub fn of_chain(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|h| h.chain().as_bytes() == name)
    }
}
