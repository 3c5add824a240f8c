//! Options of extensions: how they are declared, and what was given for them.

use crate::signs::{self, Bits};
use crate::value::{Value, ValueCx, ValueError};
use crate::{ParseCx, Spec};
use oxtables_base::Neg;
use oxtables_base::sample::Rng;
use smallvec::SmallVec;
use std::marker::PhantomData;

/// How many words follow an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arity {
    /// None: a flag.
    None,
    /// One.
    One,
    /// Two (`--tcp-flags MASK COMP`).
    Two,
    /// One, when the next word does not look like an option.
    Optional,
}

/// The declaration of one option.
#[derive(Clone, Copy, Debug)]
pub struct OptDef {
    /// Its name without the dashes: the one that is saved.
    pub name: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// The one of its names that messages speak of.
    pub formal: &'static str,
    /// Upstream's sentence for the option given twice, where the extension has its own.
    pub once: Option<&'static str>,
    /// What its value looks like.
    pub syntax: &'static str,
    /// A phrase of help.
    pub help: &'static str,
    /// Whether `!` may stand before it.
    pub invertible: bool,
    /// Whether the extension is nothing without it.
    pub required: bool,
    /// Whether it may be given more than once.
    pub many: bool,
    /// How many words follow it.
    pub arity: Arity,
    /// The numbers allowed, where narrower than its type.
    pub range: Option<(u64, u64)>,
    /// Options it cannot stand beside.
    pub excludes: &'static [&'static str],
    /// Options it cannot stand without.
    pub also: &'static [&'static str],
    /// Random legal text for its value, for tests and examples.
    pub sample: fn(&mut Rng, &ValueCx<'_>) -> Vec<u8>,
}

impl OptDef {
    /// Whether `name` is its name or one of its aliases.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// An option whose value has type `T`: [`Neg<T>`] when it may be inverted.
pub struct Opt<T> {
    def: OptDef,
    value: PhantomData<fn() -> T>,
}

impl<T> Opt<T> {
    const fn of(def: OptDef) -> Self {
        Self { def, value: PhantomData }
    }

    /// The declaration, for [`Spec::options`].
    #[must_use]
    pub const fn def(&self) -> OptDef {
        self.def
    }

    /// Other names for the option.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self::of(OptDef { aliases, ..self.def })
    }

    /// Another name for the option, and the one that messages speak of.
    #[must_use]
    pub const fn formally(self, aliases: &'static [&'static str; 1]) -> Self {
        let [formal] = *aliases;
        Self::of(OptDef { aliases, formal, ..self.def })
    }

    /// Given twice, upstream says this.
    #[must_use]
    pub const fn once(self, sentence: &'static str) -> Self {
        Self::of(OptDef { once: Some(sentence), ..self.def })
    }

    /// The extension is nothing without it.
    #[must_use]
    pub const fn required(self) -> Self {
        Self::of(OptDef { required: true, ..self.def })
    }

    /// It may be given more than once.
    #[must_use]
    pub const fn many(self) -> Self {
        Self::of(OptDef { many: true, ..self.def })
    }

    /// Only numbers of `lo..=hi` are allowed.
    #[must_use]
    pub const fn within(self, lo: u64, hi: u64) -> Self {
        Self::of(OptDef { range: Some((lo, hi)), ..self.def })
    }

    /// It cannot stand beside these.
    #[must_use]
    pub const fn excludes(self, excludes: &'static [&'static str]) -> Self {
        Self::of(OptDef { excludes, ..self.def })
    }

    /// It cannot stand without these.
    #[must_use]
    pub const fn also(self, also: &'static [&'static str]) -> Self {
        Self::of(OptDef { also, ..self.def })
    }

    /// Its value may be left out.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self::of(OptDef { arity: Arity::Optional, ..self.def })
    }

    /// Its value is described by `syntax` rather than by its type's own description.
    #[must_use]
    pub const fn shown_as(self, syntax: &'static str) -> Self {
        Self::of(OptDef { syntax, ..self.def })
    }
}

const fn plain_def<T: Value>(name: &'static str, help: &'static str) -> OptDef {
    OptDef {
        name,
        aliases: &[],
        formal: name,
        once: None,
        syntax: T::SYNTAX,
        help,
        invertible: false,
        required: false,
        many: false,
        arity: T::ARITY,
        range: None,
        excludes: &[],
        also: &[],
        sample: T::sample,
    }
}

impl<T: Value> Opt<T> {
    /// An option that cannot be inverted.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self::of(plain_def::<T>(name, help))
    }
}

impl<T: Value> Opt<Neg<T>> {
    /// An option that `!` may stand before.
    #[must_use]
    pub const fn neg(name: &'static str, help: &'static str) -> Self {
        Self::of(OptDef { invertible: true, ..plain_def::<T>(name, help) })
    }
}

impl<T: Value> Opt<Neg<T>> {
    /// The value of `seen` when it is this option: for options whose order matters.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, seen: &Seen<'_>, cx: &ParseCx<'_>) -> Result<Option<Neg<T>>, ArgError> {
        if seen.def.name != self.def.name {
            return Ok(None);
        }
        Ok(Some(Neg { not: seen.not, value: read_value(seen, cx)? }))
    }
}

/// One option as it was given.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Which.
    pub def: &'static OptDef,
    /// Whether a `!` stood before it.
    pub not: bool,
    /// The words after it, as many as its [`Arity`] says; those missing are empty.
    pub words: [&'a [u8]; 2],
    /// How many words were given.
    pub given: u8,
}

/// What was given after one `-m` or `-j`.
#[derive(Clone, Debug, Default)]
pub struct Args<'a> {
    seen: SmallVec<[Seen<'a>; 4]>,
}

/// What is wrong with the options of an extension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArgErrorKind {
    /// A required option is missing.
    Missing,
    /// `!` before an option that has no opposite.
    NotInvertible,
    /// The same option twice.
    Twice,
    /// Two options that cannot stand together; the other one.
    Together(&'static str),
    /// An option without the other it needs.
    Alone(&'static str),
    /// A value that cannot be read.
    Value(ValueError),
    /// A sentence of upstream's that only this extension says; `%` in it is [`ArgError::word`].
    Own(&'static str),
}

/// What is wrong with the options of an extension, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgError {
    /// The extension.
    pub extension: &'static str,
    /// The option, without its dashes; empty when it is none in particular.
    pub option: &'static str,
    /// The word that was given, if it is to blame.
    pub word: Vec<u8>,
    /// What is wrong.
    pub kind: ArgErrorKind,
}

impl ArgError {
    /// An error of `extension` that no single option is to blame for.
    #[must_use]
    pub const fn own(extension: &'static str, sentence: &'static str) -> Self {
        Self { extension, option: "", word: Vec::new(), kind: ArgErrorKind::Own(sentence) }
    }

    /// The same, naming the option and the word to blame.
    #[must_use]
    pub fn at(self, option: &OptDef, word: &[u8]) -> Self {
        Self { option: option.formal, word: word.to_vec(), ..self }
    }
}

impl<'a> Args<'a> {
    /// Adds an option in the order given.
    pub fn push(&mut self, seen: Seen<'a>) {
        self.seen.push(seen);
    }

    /// What was given, in order.
    #[must_use]
    pub fn seen(&self) -> &[Seen<'a>] {
        &self.seen
    }

    /// Whether the options may stand together as `spec` declares them.
    ///
    /// # Errors
    /// The first rule broken, in the order upstream finds them: while reading an option, and then
    /// for the whole.
    pub fn check(&self, spec: &Spec) -> Result<(), ArgError> {
        let error = |def: &OptDef, kind| {
            Err(ArgError { extension: spec.name, option: def.formal, word: Vec::new(), kind })
        };
        let formal = |name| spec.options.iter().find(|o| o.name == name).map_or(name, |o| o.formal);
        for (i, seen) in self.seen.iter().enumerate() {
            let def = seen.def;
            if seen.not && !def.invertible {
                return error(def, ArgErrorKind::NotInvertible);
            }
            let before = self.seen.get(..i).unwrap_or_default();
            if !def.many && before.iter().any(|s| s.def.name == def.name) {
                return error(def, def.once.map_or(ArgErrorKind::Twice, ArgErrorKind::Own));
            }
        }
        // In the order declared, not given: upstream names the pair that way round.
        for def in spec.options.iter().filter(|def| self.has_named(def.name)) {
            for &other in def.excludes {
                if self.has_named(other) {
                    return error(def, ArgErrorKind::Together(formal(other)));
                }
            }
            for &other in def.also {
                if !self.has_named(other) {
                    return error(def, ArgErrorKind::Alone(formal(other)));
                }
            }
        }
        match spec.options.iter().find(|o| o.required && !self.has_named(o.name)) {
            Some(missing) => error(missing, ArgErrorKind::Missing),
            None => Ok(()),
        }
    }

    fn has_named(&self, name: &str) -> bool {
        self.seen.iter().any(|s| s.def.name == name)
    }

    /// What was last given for `opt`.
    #[must_use]
    pub fn find<T>(&self, opt: &Opt<T>) -> Option<&Seen<'a>> {
        self.seen.iter().rev().find(|s| s.def.name == opt.def.name)
    }

    /// Whether `opt` was given.
    #[must_use]
    pub fn has<T>(&self, opt: &Opt<T>) -> bool {
        self.find(opt).is_some()
    }

    /// The bits of those `flags` that were given.
    pub(crate) fn bits<'o, T: 'o, B: Bits>(
        &self,
        flags: impl IntoIterator<Item = (&'o Opt<T>, B)>,
    ) -> B {
        signs::all(flags.into_iter().filter(|(opt, _)| self.has(opt)).map(|(_, bit)| bit))
    }

    /// The value given for `opt`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get<T: Value>(&self, opt: &Opt<T>, cx: &ParseCx<'_>) -> Result<Option<T>, ArgError> {
        self.find(opt).map(|seen| read_value(seen, cx)).transpose()
    }

    /// The value of a required option.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn need<T: Value>(&self, opt: &Opt<T>, cx: &ParseCx<'_>) -> Result<T, ArgError> {
        self.get(opt, cx)?.ok_or_else(|| missing(&opt.def))
    }

    /// The value and sign of a required option.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn need_neg<T: Value>(
        &self,
        opt: &Opt<Neg<T>>,
        cx: &ParseCx<'_>,
    ) -> Result<Neg<T>, ArgError> {
        self.get_neg(opt, cx)?.ok_or_else(|| missing(&opt.def))
    }

    /// The values given for an option that may come more than once.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn all<T: Value>(&self, opt: &Opt<T>, cx: &ParseCx<'_>) -> Result<Vec<T>, ArgError> {
        let given = self.seen.iter().filter(|s| s.def.name == opt.def.name);
        given.map(|seen| read_value(seen, cx)).collect()
    }

    /// The value and sign given for `opt`.
    ///
    /// # Errors
    /// When the value cannot be read.
    pub fn get_neg<T: Value>(
        &self,
        opt: &Opt<Neg<T>>,
        cx: &ParseCx<'_>,
    ) -> Result<Option<Neg<T>>, ArgError> {
        let read = |seen: &Seen<'_>| Ok(Neg { not: seen.not, value: read_value(seen, cx)? });
        self.find(opt).map(read).transpose()
    }
}

fn missing(def: &OptDef) -> ArgError {
    let kind = ArgErrorKind::Missing;
    ArgError { extension: "", option: def.formal, word: Vec::new(), kind }
}

fn read_value<T: Value>(seen: &Seen<'_>, cx: &ParseCx<'_>) -> Result<T, ArgError> {
    let value_cx = ValueCx { rule: *cx, option: seen.def };
    let [first, second] = seen.words;
    T::parse_words(first, second, &value_cx).map_err(|(word, e)| ArgError {
        extension: "",
        option: seen.def.formal,
        word: word.to_vec(),
        kind: ArgErrorKind::Value(e),
    })
}
