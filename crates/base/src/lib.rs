//! Addresses, masks, names, numbers and text: the words every room speaks.

pub mod addr;
mod hook;
pub mod interface;
pub mod names;
pub mod number;
pub mod sample;
pub mod text;

pub use addr::HostMask;
pub use hook::Hook;
pub use interface::Interface;

/// The address family of a rule: which of the two command families it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Family {
    /// iptables, `NFPROTO_IPV4`.
    Ip4,
    /// ip6tables, `NFPROTO_IPV6`.
    Ip6,
}

impl Family {
    /// The number netfilter gives the family (`linux/netfilter.h`, `NFPROTO_IPV4`, `NFPROTO_IPV6`).
    #[must_use]
    pub const fn nfproto(self) -> u8 {
        match self {
            Self::Ip4 => 2,
            Self::Ip6 => 10,
        }
    }

    /// The length of an address of this family, in bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Ip4 => 32,
            Self::Ip6 => 128,
        }
    }

    /// The name of the rule editor of this family, which every message of it starts with.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Ip4 => "iptables",
            Self::Ip6 => "ip6tables",
        }
    }
}

/// A condition's value and whether a `!` stood before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Neg<T> {
    /// True when the condition holds for everything but the value.
    pub not: bool,
    /// The value compared with.
    pub value: T,
}

impl<T> Neg<T> {
    /// The plain condition, without a `!`.
    pub const fn plain(value: T) -> Self {
        Self { not: false, value }
    }

    /// The value changed, the sign kept.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Neg<U> {
        Neg { not: self.not, value: f(self.value) }
    }
}

/// Packets and bytes counted by a rule or a policy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Counters {
    /// How many packets.
    pub packets: u64,
    /// How many bytes of them.
    pub bytes: u64,
}
