//! Ranges of plain numbers: `N`, `N:M`, `:M`, `N:`.

use super::{Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// The numbers of `lo..=hi`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NumRange<T> {
    /// The lowest.
    pub lo: T,
    /// The highest.
    pub hi: T,
}

impl<T: PartialOrd> NumRange<T> {
    /// Whether `n` is one of them.
    #[must_use]
    pub fn contains(&self, n: T) -> bool {
        self.lo <= n && n <= self.hi
    }
}

macro_rules! number_ranges {
    ($($t:ty),*) => {$(
        impl NumRange<$t> {
            /// Every number: what an absent option stands for in the kernel's structs.
            pub const ALL: Self = Self { lo: 0, hi: <$t>::MAX };
        }

        impl Value for NumRange<$t> {
            const SYNTAX: &'static str = "number[:number]";

            fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
                Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
            }

            fn parse_words<'w>(
                first: &'w [u8],
                _second: &'w [u8],
                cx: &ValueCx<'_>,
            ) -> Result<Self, (&'w [u8], ValueError)> {
                let (lo, hi) = bounds(first, cx.range(0, u64::from(<$t>::MAX)))?;
                let narrow = |n: u64| <$t>::try_from(n).map_err(|_| (first, ValueError::Integer));
                Ok(Self { lo: narrow(lo)?, hi: narrow(hi)? })
            }

            fn save(&self, out: &mut Vec<u8>) {
                number::push_decimal(out, u64::from(self.lo));
                if self.lo != self.hi {
                    out.push(b':');
                    number::push_decimal(out, u64::from(self.hi));
                }
            }

            fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
                let (min, max) = cx.range(0, u64::from(<$t>::MAX));
                let lo = rng.within(min, max);
                let hi = rng.within(lo, max);
                match rng.bits() % 4 {
                    0 => format!("{lo}"),
                    1 => format!(":{hi}"),
                    2 => format!("{lo}:"),
                    _ => format!("{lo}:{hi}"),
                }
                .into_bytes()
            }
        }
    )*};
}
number_ranges!(u8, u16, u32, u64);

/// The two ends, an empty one being that of `min..=max`; the word from the part to
/// blame on comes with the error.
fn bounds(word: &[u8], (min, max): (u64, u64)) -> Result<(u64, u64), (&[u8], ValueError)> {
    let number = |part, lo, blamed| {
        number::parse_within(part, lo, max).ok_or((blamed, ValueError::Near(lo, max)))
    };
    let mut parts = word.split(|&c| c == b':');
    let first = parts.next().unwrap_or_default();
    let Some(second) = parts.next() else {
        return number(first, min, word).map(|n| (n, n));
    };
    if parts.next().is_some() {
        return Err((word, ValueError::Parts(2)));
    }
    let lo = if first.is_empty() { min } else { number(first, min, word)? };
    let hi = if second.is_empty() { max } else { number(second, lo, second)? };
    Ok((lo, hi))
}
