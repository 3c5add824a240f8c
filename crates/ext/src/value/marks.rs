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
