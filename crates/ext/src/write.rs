//! Where extensions write themselves to: options for save files, words for listings.

use crate::args::Opt;
use crate::host::Host;
use crate::value::Value;
use oxtables_base::{Family, Neg, number, text};

/// Writes options, each with a blank before it.
pub struct ArgWriter<'a> {
    out: &'a mut Vec<u8>,
    family: Family,
}

impl<'a> ArgWriter<'a> {
    /// Appends to `out` for a rule of `family`.
    pub const fn new(out: &'a mut Vec<u8>, family: Family) -> Self {
        Self { out, family }
    }

    /// The family of the rule.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// ` --name VALUE`.
    pub fn opt<T: Value>(&mut self, opt: &Opt<T>, value: &T) {
        self.name(false, opt.def().name);
        self.value(value);
    }

    /// ` ! --name VALUE`, the `!` only when the sense is turned round.
    pub fn neg<T: Value>(&mut self, opt: &Opt<Neg<T>>, value: &Neg<T>) {
        self.name(value.not, opt.def().name);
        self.value(&value.value);
    }

    /// As [`Self::neg`], nothing for `None`.
    pub fn neg_if<T: Value>(&mut self, opt: &Opt<Neg<T>>, value: Option<&Neg<T>>) {
        if let Some(value) = value {
            self.neg(opt, value);
        }
    }

    /// As [`Self::opt`], nothing for `None`.
    pub fn opt_if<T: Value>(&mut self, opt: &Opt<T>, value: Option<&T>) {
        if let Some(value) = value {
            self.opt(opt, value);
        }
    }

    /// ` --name` when `given`.
    pub fn flag<T>(&mut self, opt: &Opt<T>, given: bool) {
        if given {
            self.name(false, opt.def().name);
        }
    }

    /// ` [!] --name` without a value.
    pub fn name(&mut self, not: bool, name: &str) {
        self.out.extend_from_slice(if not { &b" ! --"[..] } else { b" --" });
        self.out.extend_from_slice(name.as_bytes());
    }

    /// ` VALUE`.
    pub fn value<T: Value>(&mut self, value: &T) {
        self.out.push(b' ');
        value.save(self.out);
    }

    /// ` TEXT` as it stands.
    pub fn word(&mut self, text: &str) {
        self.out.push(b' ');
        self.out.extend_from_slice(text.as_bytes());
    }

    /// ` TEXT`, quoted as a save file quotes strings.
    pub fn quoted(&mut self, text: &[u8]) {
        self.out.push(b' ');
        text::push_quoted(self.out, text);
    }

    /// The bytes written so far and to come, for values with a form of their own.
    pub const fn bytes(&mut self) -> &mut Vec<u8> {
        self.out
    }
}

/// Writes the words of `-L`.
pub struct ListWriter<'a> {
    out: &'a mut Vec<u8>,
    /// The rule's family.
    pub family: Family,
    /// The rule's `-p`, when it has one: services are named by it.
    pub proto: Option<Neg<u8>>,
    /// True under `-n`: no name is looked up.
    pub numeric: bool,
    /// The machine around.
    pub host: &'a dyn Host,
}

impl<'a> ListWriter<'a> {
    /// Appends to `out` for a rule of `family` whose `-p` is `proto`.
    pub const fn new(
        out: &'a mut Vec<u8>,
        family: Family,
        proto: Option<Neg<u8>>,
        numeric: bool,
        host: &'a dyn Host,
    ) -> Self {
        Self { out, family, proto, numeric, host }
    }

    /// ` TEXT`.
    pub fn word(&mut self, text: &str) -> &mut Self {
        self.out.push(b' ');
        self.raw(text)
    }

    /// `TEXT` without a blank before it.
    pub fn raw(&mut self, text: &str) -> &mut Self {
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// `VALUE` without a blank before it, in the form save files have.
    pub fn value<T: Value>(&mut self, value: &T) -> &mut Self {
        value.save(self.out);
        self
    }

    /// A decimal number without a blank before it.
    pub fn number(&mut self, n: impl Into<u64>) -> &mut Self {
        number::push_decimal(self.out, n.into());
        self
    }

    /// Writes what `save` writes: listings that show the options themselves.
    pub fn as_saved(&mut self, save: impl FnOnce(&mut ArgWriter<'_>)) {
        save(&mut ArgWriter::new(self.out, self.family));
    }

    /// The bytes written so far and to come.
    pub const fn bytes(&mut self) -> &mut Vec<u8> {
        self.out
    }
}
