//! Numbers under a mask that a file of the machine gives names to.

use super::{MarkMask, Value, ValueCx, ValueError};
use oxtables_base::names::NumberedNames;
use oxtables_base::sample::Rng;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

/// A file of numbers and names.
pub trait NameFile: Clone + Copy + PartialEq + Eq + Hash + Debug + 'static {
    /// What a value looks like, in help.
    const SYNTAX: &'static str;
    /// The file, read once.
    fn names() -> &'static NumberedNames;
}

/// The highest number that has a name: upstream leaves the others in the file unread.
const HIGHEST: u32 = 255;

/// A number and the mask it is compared under, or the name of a number: `lan`, `7`, `0x10/0xff`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NamedMask<F> {
    /// The number and its mask.
    pub number: MarkMask,
    file: PhantomData<F>,
}

impl<F: NameFile> NamedMask<F> {
    /// The value of a number.
    #[must_use]
    pub const fn new(number: MarkMask) -> Self {
        Self { number, file: PhantomData }
    }

    /// The name that stands for it in the file.
    #[must_use]
    pub fn name(&self) -> Option<&'static [u8]> {
        let named = self.number.mask == u32::MAX && self.number.value <= HIGHEST;
        if named { F::names().name(self.number.value.into()) } else { None }
    }
}

impl<F: NameFile> Value for NamedMask<F> {
    const SYNTAX: &'static str = F::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let named = F::names().id(word).and_then(|id| u32::try_from(id).ok());
        if let Some(value) = named.filter(|&value| value <= HIGHEST) {
            return Ok(Self::new(MarkMask { value, mask: u32::MAX }));
        }
        MarkMask::parse(word, cx).map(Self::new).map_err(|e| match F::names().is_empty() {
            true => e,
            false => ValueError::Name,
        })
    }

    fn save(&self, out: &mut Vec<u8>) {
        match self.name() {
            Some(name) => out.extend_from_slice(name),
            None => self.number.save(out),
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        MarkMask::sample(rng, cx)
    }
}
