//! What a match answers, and why bytes could not be read.

use std::fmt;
use std::ops::Not;

/// A match's answer for one packet.
///
/// Three-valued, and the kernel's fourth: a match that cannot read what it must sets `par->hotdrop`, and the
/// packet is dropped whatever the rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The packet matches.
    Yes,
    /// The packet does not match.
    No,
    /// The kernel drops the packet here (`par->hotdrop`), without looking at the rest of the rule.
    HotDrop,
    /// It cannot be told, with the reason ("the owner of the socket is not known").
    Unknown(&'static str),
}

impl Truth {
    /// Both, in this order, as the matches of a rule: the second is asked only if the first left it open.
    ///
    /// `Unknown` and then `HotDrop` is `Unknown`: had the first said no, the second would not have been asked.
    #[must_use]
    pub fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => next(),
            Self::No | Self::HotDrop => self,
            Self::Unknown(_) => match next() {
                Self::No => Self::No,
                _ => self,
            },
        }
    }

    /// [`Truth::and_then`] with the second answer at hand.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        self.and_then(|| next)
    }

    /// Either, in this order: the second is asked only if the first was not yes.
    #[must_use]
    pub fn or_else(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => next(),
            Self::Yes | Self::HotDrop => self,
            Self::Unknown(_) => match next() {
                Self::Yes => Self::Yes,
                _ => self,
            },
        }
    }

    /// Inverted if `invert`: what `!` before an option does. `HotDrop` and `Unknown` stay.
    #[must_use]
    pub fn invert_if(self, invert: bool) -> Self {
        if invert { !self } else { self }
    }

    /// Whether the answer is `Yes`.
    #[must_use]
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

impl From<bool> for Truth {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            other => other,
        }
    }
}

/// Why a header or some bytes of a packet cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The packet has no such header.
    Absent,
    /// A later fragment: the header went with the first one.
    LaterFragment,
    /// A TCP fragment at offset 8: it could overwrite the flags that the first one was let in for.
    OverlappingFragment,
    /// The packet ends before the header does.
    Truncated,
    /// The header contradicts itself (a TCP data offset under 5).
    Malformed,
    /// The packet has the bytes, but the capture does not (snap length).
    NotCaptured,
}

impl Missing {
    /// What most matches of the kernel make of it: no header is no match, a header that should be there and
    /// cannot be read is a hot drop (`net/netfilter/xt_tcpudp.c:tcp_mt`).
    #[must_use]
    pub fn truth(self) -> Truth {
        match self {
            Self::Absent | Self::LaterFragment => Truth::No,
            Self::OverlappingFragment | Self::Truncated | Self::Malformed => Truth::HotDrop,
            Self::NotCaptured => {
                Truth::Unknown("the capture does not have these bytes of the packet")
            }
        }
    }
}

impl From<Missing> for Truth {
    fn from(missing: Missing) -> Self {
        missing.truth()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "the packet has no such header",
            Self::LaterFragment => "a later fragment has no such header",
            Self::OverlappingFragment => "a TCP fragment at offset 8",
            Self::Truncated => "the packet ends before the header does",
            Self::Malformed => "the header contradicts itself",
            Self::NotCaptured => "the capture does not have these bytes",
        })
    }
}

impl std::error::Error for Missing {}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Truth; 4] = [Truth::Yes, Truth::No, Truth::HotDrop, Truth::Unknown("a")];

    /// Every completion of an unknown by yes and no, asked in order, must agree with the three-valued answer.
    #[test]
    fn unknown_stands_for_yes_and_no() {
        let completions = |t: Truth| match t {
            Truth::Unknown(_) => vec![Truth::Yes, Truth::No],
            known => vec![known],
        };
        for a in ALL {
            for b in ALL {
                for (got, op) in [
                    (a.and(b), Truth::and as fn(Truth, Truth) -> Truth),
                    (a.or_else(|| b), |x, y| x.or_else(|| y)),
                ] {
                    let mut all: Vec<Truth> = Vec::new();
                    for x in completions(a) {
                        for y in completions(b) {
                            all.push(op(x, y));
                        }
                    }
                    all.dedup();
                    match got {
                        Truth::Unknown(_) => assert!(all.len() > 1, "{a:?} {b:?}: {all:?}"),
                        known => assert_eq!(all, [known], "{a:?} {b:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn not_leaves_what_is_not_a_truth_value() {
        assert_eq!(!Truth::Yes, Truth::No);
        assert_eq!(!Truth::No, Truth::Yes);
        assert_eq!(!Truth::HotDrop, Truth::HotDrop);
        assert_eq!(!Truth::Unknown("w"), Truth::Unknown("w"));
    }
}
