//! Words to options, as `getopt_long` with an option string that begins with `-` finds them: options
//! and other words in any order, letters in clusters, long names by any unambiguous beginning.

use super::extension::Extensions;
use crate::error::{UsageError, UsageErrorKind as Kind};
use crate::options::{self, Base, Takes};
use oxtables_base::Neg;
use oxtables_ext::OptDef;

/// One thing found.
pub(crate) enum Given<'a> {
    /// A word that is no option: `!`, or one too many.
    Stray(&'a [u8]),
    /// An option every editor has, with its value.
    Base(Base, Option<&'a [u8]>),
    /// An option of the extension in `slot`; its words are still to be taken.
    Extension { slot: usize, def: &'static OptDef },
}

/// A place among the words.
pub(crate) struct Words<'a> {
    words: &'a [&'a [u8]],
    /// The next word.
    next: usize,
    /// What is left of a cluster of letters.
    cluster: &'a [u8],
    /// What stood after `=` of a long option.
    glued: Option<&'a [u8]>,
    dashes: bool,
    at: usize,
}

/// What a long name stands for.
enum Named {
    Base(&'static options::Spelling),
    Extension(usize, &'static OptDef),
}

impl<'a> Words<'a> {
    pub(crate) const fn new(words: &'a [&'a [u8]]) -> Self {
        Self { words, next: 0, cluster: &[], glued: None, dashes: false, at: 0 }
    }

    /// Where the option last found began.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// The word the option last found began with, with what was glued to it.
    pub(crate) fn typed(&self) -> &'a [u8] {
        self.words.get(self.at).copied().unwrap_or_default()
    }

    /// Whether a value is glued to the option last found.
    pub(crate) const fn has_glued(&self) -> bool {
        self.glued.is_some()
    }

    /// Whether `--` came and words after it.
    pub(crate) const fn left_after_dashes(&self) -> bool {
        self.dashes && self.next < self.words.len()
    }

    /// The next option or stray word.
    pub(crate) fn next(
        &mut self,
        extensions: &mut Extensions<'a>,
        protocol: Option<Neg<u8>>,
    ) -> Result<Option<Given<'a>>, UsageError> {
        if let [letter, rest @ ..] = self.cluster {
            self.cluster = rest;
            return self.letter(*letter).map(Some);
        }
        if self.dashes {
            return Ok(None);
        }
        let Some(&word) = self.words.get(self.next) else { return Ok(None) };
        self.at = self.next;
        self.next += 1;
        match word {
            b"--" => {
                self.dashes = true;
                Ok(None)
            }
            [b'-', b'-', name @ ..] => self.long(word, name, extensions, protocol).map(Some),
            [b'-', letter, rest @ ..] => {
                self.cluster = rest;
                self.letter(*letter).map(Some)
            }
            _ => Ok(Some(Given::Stray(word))),
        }
    }

    /// The next word, if it does not look like an option: a rule number, a second name.
    pub(crate) fn next_if_plain(&mut self) -> Option<&'a [u8]> {
        let word = *self.words.get(self.next)?;
        if self.cluster.is_empty() && !matches!(word, [b'-' | b'!', ..]) {
            self.next += 1;
            return Some(word);
        }
        None
    }

    /// The value glued to the option last found, or the next word, whatever it is.
    pub(crate) fn value(&mut self) -> Option<&'a [u8]> {
        self.glued.take().or_else(|| {
            let word = self.words.get(self.next)?;
            self.next += 1;
            Some(word)
        })
    }

    /// The value glued to the option last found, or the next word if it is no option.
    pub(crate) fn maybe_value(&mut self) -> Option<&'a [u8]> {
        self.glued.take().or_else(|| self.next_if_plain())
    }

    fn letter(&mut self, letter: u8) -> Result<Given<'a>, UsageError> {
        let at = self.at;
        let unknown = || Kind::UnknownOption(vec![b'-', letter]).at(at);
        let spelling = options::by_letter(letter).ok_or_else(unknown)?;
        if spelling.takes == Takes::Nothing {
            return Ok(Given::Base(spelling.base, None));
        }
        let rest = std::mem::take(&mut self.cluster);
        self.glued = (!rest.is_empty()).then_some(rest);
        self.base_value(spelling, &[b'-', letter])
    }

    fn base_value(
        &mut self,
        spelling: &options::Spelling,
        typed: &[u8],
    ) -> Result<Given<'a>, UsageError> {
        let value = match spelling.takes {
            Takes::Nothing => None,
            Takes::Maybe => self.maybe_value(),
            Takes::Value => {
                let at = self.at;
                let missing = || Kind::NeedsArgument(typed.to_vec()).at(at);
                Some(self.value().ok_or_else(missing)?)
            }
        };
        Ok(Given::Base(spelling.base, value))
    }

    fn long(
        &mut self,
        word: &'a [u8],
        name: &'a [u8],
        extensions: &mut Extensions<'a>,
        protocol: Option<Neg<u8>>,
    ) -> Result<Given<'a>, UsageError> {
        let equals = name.iter().position(|&c| c == b'=');
        let (name, glued) = match equals {
            Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..)),
            None => (name, None),
        };
        let found = match find(name, extensions) {
            Some(found) => Some(found),
            // COMPAT: an option nobody knows loads the match of the rule's protocol, once.
            None if extensions.load_implied(protocol) => find(name, extensions),
            None => None,
        };
        let Some(found) = found else {
            return Err(Kind::UnknownOption(word.to_vec()).at(self.at));
        };
        self.glued = glued;
        match found {
            Named::Base(spelling) => {
                if spelling.takes == Takes::Nothing && glued.is_some() {
                    let letter = spelling.short.unwrap_or(b'0');
                    return Err(Kind::UnknownOption(vec![b'-', letter]).at(self.at));
                }
                self.base_value(spelling, word)
            }
            Named::Extension(slot, def) => Ok(Given::Extension { slot, def }),
        }
    }
}

/// The option `name` stands for: an exact name first, else the one option it begins.
fn find(name: &[u8], extensions: &Extensions<'_>) -> Option<Named> {
    let name = std::str::from_utf8(name).ok()?;
    let bases = options::SPELLINGS;
    if let Some(spelling) = bases.iter().find(|s| s.long == name) {
        return Some(Named::Base(spelling));
    }
    if let Some((slot, def)) = extensions.options().find(|(_, def)| def.is_called(name)) {
        return Some(Named::Extension(slot, def));
    }
    if name.is_empty() {
        return None;
    }
    let mut found: Option<Named> = None;
    for spelling in bases.iter().filter(|s| s.long.starts_with(name)) {
        match &found {
            None => found = Some(Named::Base(spelling)),
            Some(Named::Base(other)) if other.base == spelling.base => (),
            Some(_) => return None,
        }
    }
    for (slot, def) in extensions.options() {
        if !std::iter::once(&def.name).chain(def.aliases).any(|n| n.starts_with(name)) {
            continue;
        }
        match &found {
            None => found = Some(Named::Extension(slot, def)),
            // The same option of an extension that was loaded twice: the later one counts.
            Some(Named::Extension(_, other)) if std::ptr::eq(*other, def) => (),
            Some(_) => return None,
        }
    }
    found
}
