//! Names of objects in the kernel.

use super::{Text, Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;
use oxtables_base::text;

/// A name of 1 to `MAX` bytes.
///
/// COMPAT: upstream cuts a longer name silently and so means another object; it is refused here.
/// Upstream saves such names bare, so that one with a blank or a quote in it cannot be restored;
/// those are quoted here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Name<const MAX: usize>(Text<MAX>);

impl<const MAX: usize> Name<MAX> {
    /// The name, or `None` when it is empty or no [`Text`].
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        Text::new(name).filter(|n| !n.bytes().is_empty()).map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl<const MAX: usize> Value for Name<MAX> {
    const SYNTAX: &'static str = "name";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word.is_empty() { Err(ValueError::Empty) } else { Text::parse(word, cx).map(Self) }
    }

    fn save(&self, out: &mut Vec<u8>) {
        let splits = |c: &u8| c.is_ascii_whitespace() || matches!(c, b'"' | b'\'' | b'\\');
        if self.bytes().iter().any(splits) {
            text::push_quoted(out, self.bytes());
        } else {
            out.extend_from_slice(self.bytes());
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<MAX>::sample(rng, cx)
    }
}
