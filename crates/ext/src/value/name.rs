//! Names of things outside the rule: sets, timers, rate estimators.

use super::{Text, Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;
use oxtables_base::text;

/// A name of at most `MAX` bytes, saved bare.
///
/// COMPAT: upstream saves a name with blanks or quotes in it bare too, and cannot restore it; such a
/// name is quoted here.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Name<const MAX: usize>(Text<MAX>);

impl<const MAX: usize> Name<MAX> {
    /// The name, or `None` when it is longer than `MAX` or holds a NUL.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        Text::new(name).map(Self)
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
        Text::parse(word, cx).map(Self)
    }

    fn save(&self, out: &mut Vec<u8>) {
        let name = self.bytes();
        let special = |c: &u8| c.is_ascii_whitespace() || matches!(c, b'"' | b'\'' | b'\\');
        if name.is_empty() || name.iter().any(special) {
            text::push_quoted(out, name);
        } else {
            out.extend_from_slice(name);
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<MAX>::sample(rng, cx)
    }
}
