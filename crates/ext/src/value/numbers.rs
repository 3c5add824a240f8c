//! Plain numbers, in decimal.

use super::{Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

macro_rules! number_values {
    ($($t:ty),*) => {$(
        impl Value for $t {
            const SYNTAX: &'static str = "number";

            fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
                let (lo, hi) = cx.range(0, u64::from(<$t>::MAX));
                let n = number::parse_within(word, lo, hi).ok_or(ValueError::Range(lo, hi))?;
                Self::try_from(n).map_err(|_| ValueError::Integer)
            }

            fn save(&self, out: &mut Vec<u8>) {
                number::push_decimal(out, u64::from(*self));
            }

            fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
                let (lo, hi) = cx.range(0, u64::from(<$t>::MAX));
                rng.within(lo, hi).to_string().into_bytes()
            }
        }
    )*};
}
number_values!(u8, u16, u32, u64);
