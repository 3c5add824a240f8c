//! The types of option values: each reads itself, writes itself, describes its syntax and makes
//! random legal text of itself, once for all extensions.

mod addresses;
mod flag;
mod interfaces;
mod mac;
mod marks;
mod masks;
mod named;
mod names;
mod numbers;
mod peers;
mod ports;
mod ranges;
mod rates;
mod services;
mod sets;
mod texts;
mod unseen;

pub use flag::Flag;
pub use mac::MacAddr;
pub use marks::MarkMask;
pub use masks::{PrefixLen, UnionMask};
pub use named::{NameFile, NamedMask};
pub use names::Name;
pub use peers::Peer;
pub use ports::{GuidedPorts, Port, PortRange};
pub use ranges::NumRange;
pub use rates::{PacketRate, RateError};
pub use services::{Dscp, DscpClass, TosMask};
pub use sets::SetDirs;
pub(crate) use sets::{SetInfo, SetInfoV0};
pub use texts::{Keyword, KeywordSet, Keywords, Text};
pub use unseen::Unseen;

use crate::args::Arity;
use crate::{OptDef, ParseCx};
use oxtables_base::sample::Rng;

/// What a value knows while it reads itself.
#[derive(Clone, Copy)]
pub struct ValueCx<'a> {
    /// The rule around.
    pub rule: ParseCx<'a>,
    /// The option it belongs to.
    pub option: &'a OptDef,
}

impl ValueCx<'_> {
    /// The numbers allowed: the option's range, or the type's own.
    #[must_use]
    pub fn range(&self, lo: u64, hi: u64) -> (u64, u64) {
        self.option.range.unwrap_or((lo, hi))
    }
}

/// Why a word is not a value. The sentences are made by the room that prints them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueError {
    /// Not of the form wanted (`bad value for option`).
    Bad,
    /// The same where the extension itself reads the word (`Bad value for ".." option: "."`).
    Word,
    /// Empty, where something must be given.
    Empty,
    /// Not a number of `lo..=hi` (`bad value for option .., or out of range (lo-hi)`).
    Range(u64, u64),
    /// One end of a range is no number of `lo..=hi` (`bad value for option .. near ".", or out of
    /// range (lo-hi)`); the word to blame is that end.
    Near(u64, u64),
    /// More than so many parts with `:` between (`Too many components for option .. (max: n)`).
    Parts(u8),
    /// The beginning of two names of the list of `what`, these being the first
    /// (``Ambiguous what `.': `a' or `b'?``).
    Ambiguous {
        /// What the names are of.
        what: &'static str,
        /// The names.
        names: [&'static str; 2],
    },
    /// Not an integer of the option's size (`bad integer value for option`).
    Integer,
    /// A number with something behind it (`trailing garbage after value for option`).
    Trailing,
    /// Neither a number nor a name of the machine's file (`could not map name .`).
    Name,
    /// Neither a port nor a service (`invalid port/service`).
    Port,
    /// A range of ports that ends before it begins.
    PortOrder,
    /// An end of a range that is no port (`Port "." does not resolve to anything.`).
    PortOfRange,
    /// The same as [`Self::PortOrder`] in the words of the guided parser (`Port range 2-1 is
    /// negative.`).
    PortRangeOrder,
    /// No address, or not of the rule's family (`getaddrinfo: ..`).
    Host,
    /// A mask that is none, of addresses of so many bits (`neither a valid network mask nor valid
    /// CIDR (0-bits)`).
    Mask(u8),
    /// More bytes than the kernel's field holds.
    TooLong(usize),
    /// A sentence of upstream's for this value alone; `%` in it is the word.
    Own(&'static str),
    /// The same, `%` being this number.
    OwnNumber(&'static str, u64),
}

/// The value of an option.
pub trait Value: Sized {
    /// What it looks like, in help.
    const SYNTAX: &'static str;
    /// How many words it is made of.
    const ARITY: Arity = Arity::One;

    /// Reads one word.
    ///
    /// # Errors
    /// When the word is not such a value.
    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError>;

    /// Reads the words of a value made of two; the word to blame comes with the error.
    ///
    /// # Errors
    /// As [`Self::parse`].
    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        Self::parse(first, cx).map_err(|e| (first, e))
    }

    /// Appends the form of save files.
    fn save(&self, out: &mut Vec<u8>);

    /// Random legal text for the value, words separated by one blank.
    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8>;
}
