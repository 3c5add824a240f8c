//! Words: free text of limited length, and words out of a list.

use super::{Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;
use oxtables_base::text;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

/// Text of at most `MAX` bytes, saved with quotes where it needs them. It holds no NUL.
///
/// COMPAT: a line end is refused, and a rule of the kernel's that has one is foreign. Upstream writes
/// it into the save file, and a restore reads what follows it as a line of its own.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text<const MAX: usize>(Box<[u8]>);

impl<const MAX: usize> Text<MAX> {
    /// The text, or `None` when it is longer than `MAX` or holds a NUL or a line end.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let sound = text.len() <= MAX && !text.iter().any(|c| matches!(c, 0 | b'\n'));
        sound.then(|| Self(text.into()))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<const MAX: usize> Value for Text<MAX> {
    const SYNTAX: &'static str = "text";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let wrong = if word.len() > MAX { ValueError::TooLong(MAX) } else { ValueError::Bad };
        Self::new(word).ok_or(wrong)
    }

    fn save(&self, out: &mut Vec<u8>) {
        text::push_quoted(out, &self.0);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let len = rng.within(1, u64::try_from(MAX.min(24)).unwrap_or(1));
        let letters = b"abcXYZ019_-";
        (0..len).map(|_| *rng.pick(letters).unwrap_or(&b'x')).collect()
    }
}

/// A list of words and the numbers they stand for.
pub trait Keywords: Clone + Copy + PartialEq + Eq + Hash + fmt::Debug + 'static {
    /// Each word with its number; the first word of a number is the one saved.
    const WORDS: &'static [(&'static str, u32)];
    /// What the word looks like, in help.
    const SYNTAX: &'static str;
    /// Whether an unambiguous beginning of a word will do, in any case of letters.
    const PREFIX: bool = false;
    /// Whether capitals and small letters differ.
    const EXACT: bool = false;
    /// Whether a plain number will do.
    const NUMERIC: Option<(u64, u64)> = None;
    /// What upstream says of a word that is not in the list, when it has a sentence of its own; `%`
    /// in it is the word.
    const UNKNOWN: Option<&'static str> = None;
}

fn unknown<K: Keywords>() -> ValueError {
    K::UNKNOWN.map_or(ValueError::Bad, ValueError::Own)
}

fn lookup<K: Keywords>(word: &[u8]) -> Option<u32> {
    let eq = |w: &str| match K::EXACT {
        true => w.as_bytes() == word,
        false => w.as_bytes().eq_ignore_ascii_case(word),
    };
    if let Some(&(_, n)) = K::WORDS.iter().find(|(w, _)| eq(w)) {
        return Some(n);
    }
    if let Some((lo, hi)) = K::NUMERIC
        && let Some(n) = oxtables_base::number::parse_within(word, lo, hi)
    {
        return u32::try_from(n).ok();
    }
    if !K::PREFIX || word.is_empty() {
        return None;
    }
    let begins = |w: &str| {
        w.as_bytes().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    let mut fits = K::WORDS.iter().filter(|(w, _)| begins(w)).map(|&(_, n)| n);
    let first = fits.next()?;
    fits.all(|n| n == first).then_some(first)
}

/// One word out of the list `K`, in any case of letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Keyword<K> {
    /// The number the word stands for.
    pub number: u32,
    list: PhantomData<K>,
}

impl<K: Keywords> Keyword<K> {
    /// The word of `number`, when the list (or its numeric range) has it.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let listed = K::WORDS.iter().any(|&(_, n)| n == number);
        let numeric = K::NUMERIC.is_some_and(|(lo, hi)| (lo..=hi).contains(&u64::from(number)));
        (listed || numeric).then_some(Self { number, list: PhantomData })
    }

    /// The value of a number that the list is known to have.
    #[must_use]
    pub const fn of(number: u32) -> Self {
        Self { number, list: PhantomData }
    }

    /// The number, to index tables with.
    #[must_use]
    pub fn index(&self) -> usize {
        usize::try_from(self.number).unwrap_or(usize::MAX)
    }

    /// The word, when the number has one.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        K::WORDS.iter().find(|&&(_, n)| n == self.number).map(|&(w, _)| w)
    }
}

impl<K: Keywords> Value for Keyword<K> {
    const SYNTAX: &'static str = K::SYNTAX;

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let number = lookup::<K>(word).ok_or_else(unknown::<K>)?;
        Ok(Self { number, list: PhantomData })
    }

    fn save(&self, out: &mut Vec<u8>) {
        match self.word() {
            Some(word) => out.extend_from_slice(word.as_bytes()),
            None => oxtables_base::number::push_decimal(out, u64::from(self.number)),
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.pick(K::WORDS).map_or_else(Vec::new, |(w, _)| w.as_bytes().to_vec())
    }
}

/// Several words of the list `K` with commas between, as the bits of their numbers together.
///
/// Saved in the order of the list; the list's numbers are bits, and a word whose number has several
/// bits stands for all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeywordSet<K> {
    /// The bits.
    pub bits: u32,
    list: PhantomData<K>,
}

impl<K: Keywords> KeywordSet<K> {
    /// No word at all.
    pub const EMPTY: Self = Self { bits: 0, list: PhantomData };

    /// The set of `bits`, when the list has a word for each of them.
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Self> {
        let known = K::WORDS.iter().fold(0, |all, &(_, n)| all | n);
        (bits & !known == 0).then_some(Self { bits, list: PhantomData })
    }

    /// Appends the words with `separator` between them.
    pub fn save_with(&self, out: &mut Vec<u8>, separator: &str) {
        let mut rest = self.bits;
        let mut first = true;
        for &(word, bits) in K::WORDS {
            if bits != 0 && rest & bits == bits {
                rest &= !bits;
                if !first {
                    out.extend_from_slice(separator.as_bytes());
                }
                first = false;
                out.extend_from_slice(word.as_bytes());
            }
        }
    }
}

impl<K: Keywords> Value for KeywordSet<K> {
    const SYNTAX: &'static str = K::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    /// The word to blame is the first that is not in the list, with all that follows it.
    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let (mut bits, mut rest) = (0, first);
        loop {
            let end = rest.iter().position(|&c| c == b',').unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            bits |= lookup::<K>(part).ok_or_else(|| (rest, unknown::<K>()))?;
            match after {
                [_, after @ ..] => rest = after,
                [] => return Ok(Self { bits, list: PhantomData }),
            }
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.save_with(out, ",");
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let mut words: Vec<&str> =
            K::WORDS.iter().filter(|_| rng.one_in(3)).map(|&(w, _)| w).collect();
        if words.is_empty() {
            words.extend(rng.pick(K::WORDS).map(|&(w, _)| w));
        }
        words.join(",").into_bytes()
    }
}
