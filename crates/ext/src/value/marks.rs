//! Marks with their masks: `V` or `V/M`.

use super::{Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// A 32-bit value and the mask it is compared or set under.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MarkMask {
    /// The value.
    pub value: u32,
    /// The mask; all ones when none is written.
    pub mask: u32,
}

/// A change of a mark, which becomes `(mark & ~mask) ^ value`: what MARK and CONNMARK share.
impl MarkMask {
    /// The change that one of `--set-xmark`, `--set-mark` and `--and-mark`, `--or-mark`, `--xor-mark`
    /// asks for.
    pub(crate) fn change(
        set_xmark: Option<Self>,
        set_mark: Option<Self>,
        [and, or, xor]: [Option<u32>; 3],
    ) -> Option<Self> {
        let set = set_mark.map(|m| Self { value: m.value, mask: m.mask | m.value });
        let and = and.map(|bits| Self { value: 0, mask: !bits });
        let or = or.map(|bits| Self { value: bits, mask: bits });
        let xor = xor.map(|bits| Self { value: bits, mask: 0 });
        set_xmark.or(set).or(and).or(or).or(xor)
    }

    /// `mark` changed.
    #[must_use]
    pub const fn changed(self, mark: u32) -> u32 {
        (mark & !self.mask) ^ self.value
    }

    /// `0x5/0x7`, the mask always there.
    pub(crate) fn saved_change(self) -> String {
        format!("{:#x}/{:#x}", self.value, self.mask)
    }

    /// The change in the shortest words.
    pub(crate) fn listed_change(self) -> String {
        match self {
            Self { value: 0, mask } => format!("and {:#x}", !mask),
            Self { value, mask } if value == mask => format!("or {value:#x}"),
            Self { value, mask: 0 } => format!("xor {value:#x}"),
            Self { value, mask: u32::MAX } => format!("set {value:#x}"),
            Self { value, mask } => format!("xset {value:#x}/{mask:#x}"),
        }
    }
}

impl Value for MarkMask {
    const SYNTAX: &'static str = "value[/mask]";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let (value, rest) = number::prefix(word).ok_or(ValueError::Integer)?;
        let (mask, rest) = match rest {
            [b'/', mask @ ..] => number::prefix(mask).ok_or(ValueError::Integer)?,
            _ => (u64::from(u32::MAX), rest),
        };
        let narrow = |n: u64| u32::try_from(n).map_err(|_| ValueError::Integer);
        let mark = Self { value: narrow(value)?, mask: narrow(mask)? };
        if rest.is_empty() { Ok(mark) } else { Err(ValueError::Trailing) }
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_hex(out, u64::from(self.value));
        if self.mask != u32::MAX {
            out.push(b'/');
            number::push_hex(out, u64::from(self.mask));
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let value = rng.within(0, u64::from(u32::MAX));
        let mask = rng.within(0, u64::from(u32::MAX));
        if rng.one_in(2) { value.to_string() } else { format!("{value:#x}/{mask:#x}") }.into_bytes()
    }
}
