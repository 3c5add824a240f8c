//! Words of bits in kernel structs, most of which come in pairs: which conditions are asked for, and
//! which of them are inverted (`flags` and `invflags`).

use std::ops::{BitAnd, BitOrAssign};

/// A word of bits.
pub(crate) trait Bits:
    Copy + Default + PartialEq + BitAnd<Output = Self> + BitOrAssign
{
}

impl<T: Copy + Default + PartialEq + BitAnd<Output = T> + BitOrAssign> Bits for T {}

/// The bits of the conditions that are asked for, and of those inverted; of each its bit, and if it
/// is asked for, whether inverted.
pub(crate) fn bits<T: Bits>(conditions: impl IntoIterator<Item = (T, Option<bool>)>) -> (T, T) {
    let (mut flags, mut invflags) = (T::default(), T::default());
    for (bit, sign) in conditions {
        match sign {
            None => (),
            Some(false) => flags |= bit,
            Some(true) => {
                flags |= bit;
                invflags |= bit;
            }
        }
    }
    (flags, invflags)
}

/// Whether the condition of `bit` is asked for, and if so, whether inverted: the inverse of [`bits`].
pub(crate) fn sign<T: Bits>(bit: T, (flags, invflags): (T, T)) -> Option<bool> {
    let has = |word: T| word & bit != T::default();
    has(flags).then(|| has(invflags))
}

/// All of `bits` in one word.
pub(crate) fn all<T: Bits>(bits: impl IntoIterator<Item = T>) -> T {
    let mut word = T::default();
    bits.into_iter().for_each(|bit| word |= bit);
    word
}
