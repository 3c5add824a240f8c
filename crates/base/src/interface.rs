//! Interface names and their `+` wildcards, as `-i` and `-o` take them.

use crate::text;
use std::fmt;

/// The room the kernel has for an interface name with its NUL (`linux/if.h`, `IFNAMSIZ`).
pub const IFNAMSIZ: usize = 16;

/// An interface name, or the beginning of one (`eth+`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interface {
    bytes: [u8; IFNAMSIZ],
    len: u8,
    wildcard: bool,
}

/// Why a word is no interface name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InterfaceError {
    /// Nothing was given.
    Empty,
    /// 16 bytes or more.
    TooLong,
    /// A control character is in it, such as a line end.
    Control,
}

impl Interface {
    /// Reads a name; a `+` at its end makes it a wildcard, and is not part of [`Self::name`].
    ///
    /// # Errors
    /// The empty word, and what [`Self::new`] refuses.
    pub fn parse(word: &[u8]) -> Result<Self, InterfaceError> {
        if word.is_empty() {
            return Err(InterfaceError::Empty);
        }
        match word.strip_suffix(b"+") {
            Some(stem) => Self::new(stem, true),
            None => Self::new(word, false),
        }
    }

    /// The interface `name`, or with `wildcard` every one whose name begins so.
    ///
    /// # Errors
    /// When the name as typed, with its `+`, does not fit into [`IFNAMSIZ`] bytes with a NUL, or
    /// when no line can hold it.
    pub fn new(name: &[u8], wildcard: bool) -> Result<Self, InterfaceError> {
        let mut bytes = [0; IFNAMSIZ];
        if name.len() + usize::from(wildcard) >= IFNAMSIZ {
            return Err(InterfaceError::TooLong);
        }
        if name.iter().any(u8::is_ascii_control) {
            return Err(InterfaceError::Control);
        }
        let slot = bytes.get_mut(..name.len()).ok_or(InterfaceError::TooLong)?;
        slot.copy_from_slice(name);
        let len = u8::try_from(name.len()).map_err(|_| InterfaceError::TooLong)?;
        Ok(Self { bytes, len, wildcard })
    }

    /// The name, or for a wildcard what comes before the `+`.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// True for `eth+`, and for `+` alone.
    #[must_use]
    pub const fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// True for `+` alone, which any interface is.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.wildcard && self.len == 0
    }

    /// Whether an interface called `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        if self.wildcard { name.starts_with(self.name()) } else { name == self.name() }
    }

    /// Appends the name as it is read again from a save file.
    ///
    /// COMPAT: upstream writes a name with a blank or a quote bare, so that a restore reads several
    /// words; here it stands in quotes.
    pub fn save(&self, out: &mut Vec<u8>) {
        if self.name().iter().any(|c| matches!(c, b' ' | b'"')) {
            let plus = if self.wildcard { &b"+"[..] } else { b"" };
            return text::push_in_quotes(out, &[self.name(), plus].concat());
        }
        out.extend_from_slice(self.name());
        if self.wildcard {
            out.push(b'+');
        }
    }

    /// The name and mask pair of the xtables structs (`ipt_ip.iniface`, `iniface_mask`): the mask
    /// covers the NUL of a whole name, and only the stem of a wildcard.
    #[must_use]
    pub fn name_and_mask(&self) -> ([u8; IFNAMSIZ], [u8; IFNAMSIZ]) {
        let mut mask = [0; IFNAMSIZ];
        let covered = usize::from(self.len) + usize::from(!self.wildcard);
        if let Some(m) = mask.get_mut(..covered) {
            m.fill(0xff);
        }
        (self.bytes, mask)
    }

    /// The inverse of [`Self::name_and_mask`]; `None` when the pair has no such meaning.
    #[must_use]
    pub fn from_name_and_mask(name: &[u8; IFNAMSIZ], mask: &[u8; IFNAMSIZ]) -> Option<Self> {
        let covered = mask.iter().take_while(|&&m| m == 0xff).count();
        if mask.get(covered..)?.iter().any(|&m| m != 0) {
            return None;
        }
        let len = name.iter().position(|&c| c == 0).unwrap_or(IFNAMSIZ);
        let made = Self::new(name.get(..len)?, covered == len).ok()?;
        (made.name_and_mask() == (*name, *mask)).then_some(made)
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.wildcard { "+" } else { "" };
        write!(f, "{}{plus}", self.name().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_lengths() {
        assert!(Interface::parse(b"eth+").unwrap().matches(b"eth0"));
        assert!(Interface::parse(b"+").unwrap().is_any());
        assert!(!Interface::parse(b"eth0").unwrap().matches(b"eth01"));
        assert_eq!(Interface::parse(b"0123456789abcdef"), Err(InterfaceError::TooLong));
        assert_eq!(Interface::parse(b"0123456789abcde+"), Err(InterfaceError::TooLong));
        assert_eq!(Interface::parse(b""), Err(InterfaceError::Empty));
    }

    #[test]
    fn what_is_saved_is_one_word() {
        let saved = |word: &[u8]| {
            let mut out = Vec::new();
            Interface::parse(word).unwrap().save(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(saved(b"eth+"), "eth+");
        assert_eq!(saved(b"a -j DROP+"), "\"a -j DROP+\"");
        assert_eq!(saved(b"a\"b"), "\"a\\\"b\"");
        assert_eq!(Interface::parse(b"a\nb"), Err(InterfaceError::Control));
    }

    #[test]
    fn name_and_mask_come_back() {
        for word in [&b"eth0"[..], b"eth+", b"+", b"0123456789abcde"] {
            let i = Interface::parse(word).unwrap();
            let (name, mask) = i.name_and_mask();
            assert_eq!(Interface::from_name_and_mask(&name, &mask), Some(i));
        }
    }
}
