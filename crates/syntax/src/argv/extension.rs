//! The extensions a command line has named so far, and the options given to each.

use super::getopt::Words;
use crate::error::{UsageError, UsageErrorKind as Kind};
use oxtables_base::{Family, Neg};
use oxtables_ext::args::Arity;
use oxtables_ext::{
    AnyMatch, AnyTarget, ArgError, Args, MATCHES, OptDef, ParseCx, Seen, Spec, find_match,
    find_target,
};
use smallvec::SmallVec;

/// One `-m` or `-j`, with the options given to it.
struct Slot<'a> {
    spec: &'static Spec,
    make: Make,
    args: Args<'a>,
    /// The words its options were at, for messages.
    at: SmallVec<[usize; 4]>,
}

#[derive(Clone, Copy)]
enum Make {
    Match(&'static oxtables_ext::Kind<AnyMatch>),
    Target(&'static oxtables_ext::Kind<AnyTarget>),
}

/// The extensions named so far, in order.
pub(crate) struct Extensions<'a> {
    family: Family,
    slots: SmallVec<[Slot<'a>; 3]>,
}

impl<'a> Extensions<'a> {
    pub(super) fn new(family: Family) -> Self {
        Self { family, slots: SmallVec::new() }
    }

    /// `-m NAME`.
    pub(super) fn load_match(&mut self, name: &[u8]) -> Result<(), Kind> {
        if name.len() > oxtables_model::MAX_CHAIN_NAME {
            return Err(Kind::MatchLong(name.to_vec()));
        }
        let unknown = || Kind::UnknownMatch(name.to_vec());
        let kind = find_match(name, self.family).ok_or_else(unknown)?;
        self.push(kind.spec, Make::Match(kind));
        Ok(())
    }

    /// `-j NAME`, when `NAME` is a target and no chain.
    pub(super) fn load_target(&mut self, name: &[u8]) {
        if let Some(kind) = find_target(name, self.family) {
            self.push(kind.spec, Make::Target(kind));
        }
    }

    /// Loads the match that `-p` implies; false when there is none or it is there already.
    pub(super) fn load_implied(&mut self, protocol: Option<Neg<u8>>) -> bool {
        let Some(protocol) = protocol else { return false };
        let implied = |s: &Spec| s.implied_by.contains(&protocol.value);
        let mut kinds = MATCHES.iter().filter(|k| k.spec.families.has(self.family));
        let Some(kind) = kinds.find(|k| implied(k.spec)) else { return false };
        if self.slots.iter().any(|s| std::ptr::eq(s.spec, kind.spec)) {
            return false;
        }
        self.push(kind.spec, Make::Match(kind));
        true
    }

    fn push(&mut self, spec: &'static Spec, make: Make) {
        self.slots.push(Slot { spec, make, args: Args::default(), at: SmallVec::new() });
    }

    /// Every option that can be given now, those of the extension named last first.
    pub(super) fn options(&self) -> impl Iterator<Item = (usize, &'static OptDef)> + '_ {
        let slots = self.slots.iter().enumerate().rev();
        slots.flat_map(|(i, s)| s.spec.options.iter().map(move |def| (i, def)))
    }

    /// Takes the words of an option just found.
    pub(super) fn take(
        &mut self,
        slot: usize,
        def: &'static OptDef,
        not: bool,
        words: &mut Words<'a>,
    ) -> Result<(), UsageError> {
        let at = words.at();
        let typed = words.typed();
        let missing = || Kind::NeedsArgument(typed.to_vec()).at(at);
        let none: &[u8] = &[];
        let (taken, given) = match def.arity {
            // COMPAT: upstream names the option by a number of its own here (`-3`, or worse).
            Arity::None if words.has_glued() => {
                return Err(Kind::UnknownOption(typed.to_vec()).at(at));
            }
            Arity::None => ([none, none], 0),
            Arity::One => ([words.value().ok_or_else(missing)?, none], 1),
            Arity::Two => {
                let first = words.value().ok_or_else(missing)?;
                let second = words.next_if_plain();
                ([first, second.ok_or_else(|| Kind::NeedsTwoArguments(def.name).at(at))?], 2)
            }
            Arity::Optional => match words.maybe_value() {
                Some(word) => ([word, none], 1),
                None => ([none, none], 0),
            },
        };
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.args.push(Seen { def, not, words: taken, given });
            slot.at.push(at);
        }
        Ok(())
    }

    /// The descriptions of what was named, and of what `-p` implies, for help.
    pub(super) fn specs(&mut self, protocol: Option<Neg<u8>>) -> Vec<&'static Spec> {
        self.load_implied(protocol);
        self.slots.iter().map(|s| s.spec).collect()
    }

    /// Makes the values: matches in order, and the target when one was named.
    pub(super) fn finish(
        &self,
        cx: &ParseCx<'_>,
    ) -> Result<(SmallVec<[AnyMatch; 2]>, Option<AnyTarget>), UsageError> {
        let mut matches = SmallVec::new();
        let mut target = None;
        for slot in &self.slots {
            match slot.make {
                Make::Match(kind) => {
                    matches.push((kind.parse)(&slot.args, cx).map_err(|e| slot.blame(e))?);
                }
                Make::Target(kind) => {
                    target = Some((kind.parse)(&slot.args, cx).map_err(|e| slot.blame(e))?);
                }
            }
        }
        Ok((matches, target))
    }
}

impl Slot<'_> {
    /// The error with the word it is about.
    fn blame(&self, error: ArgError) -> UsageError {
        let option = self.args.seen().iter().rposition(|s| s.def.is_called(error.option));
        let word = option.and_then(|i| {
            let at = *self.at.get(i)?;
            let seen = self.args.seen().get(i)?;
            // The value is to blame where there is one in a word of its own.
            let value = !error.word.is_empty() && seen.words.contains(&error.word.as_slice());
            Some(if value { at + 1 } else { at })
        });
        UsageError { kind: Kind::Extension(Box::new(error)), word }
    }
}
