//! The options every rule editor has, before any extension is loaded.

/// What an option or command is, whatever it was spelt as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Base {
    Append,
    Delete,
    Check,
    Insert,
    Replace,
    List,
    ListRules,
    Flush,
    Zero,
    NewChain,
    DeleteChain,
    RenameChain,
    Policy,
    Source,
    Destination,
    Protocol,
    InInterface,
    OutInterface,
    Jump,
    Goto,
    Match,
    Fragments,
    SetCounters,
    Table,
    Verbose,
    Numeric,
    Exact,
    LineNumbers,
    Wait,
    WaitInterval,
    Modprobe,
    Ipv4,
    Ipv6,
    Version,
    Help,
}

/// Whether a value follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    Nothing,
    /// The rest of the word or the next word, whatever that is.
    Value,
    /// A value glued on, or the next word unless it begins with `-` or `!`.
    Maybe,
}

/// One spelling of an option.
pub(crate) struct Spelling {
    pub(crate) long: &'static str,
    pub(crate) short: Option<u8>,
    pub(crate) base: Base,
    pub(crate) takes: Takes,
}

const fn one(long: &'static str, short: u8, base: Base, takes: Takes) -> Spelling {
    let short = if short == 0 { None } else { Some(short) };
    Spelling { long, short, base, takes }
}

use Takes::{Maybe, Nothing, Value};

pub(crate) const SPELLINGS: &[Spelling] = &[
    one("append", b'A', Base::Append, Value),
    one("delete", b'D', Base::Delete, Value),
    one("check", b'C', Base::Check, Value),
    one("insert", b'I', Base::Insert, Value),
    one("replace", b'R', Base::Replace, Value),
    one("list", b'L', Base::List, Maybe),
    one("list-rules", b'S', Base::ListRules, Maybe),
    one("flush", b'F', Base::Flush, Maybe),
    one("zero", b'Z', Base::Zero, Maybe),
    one("new-chain", b'N', Base::NewChain, Value),
    one("delete-chain", b'X', Base::DeleteChain, Maybe),
    one("rename-chain", b'E', Base::RenameChain, Value),
    one("policy", b'P', Base::Policy, Value),
    one("source", b's', Base::Source, Value),
    one("destination", b'd', Base::Destination, Value),
    one("src", 0, Base::Source, Value),
    one("dst", 0, Base::Destination, Value),
    one("protocol", b'p', Base::Protocol, Value),
    one("in-interface", b'i', Base::InInterface, Value),
    one("out-interface", b'o', Base::OutInterface, Value),
    one("jump", b'j', Base::Jump, Value),
    one("goto", b'g', Base::Goto, Value),
    one("match", b'm', Base::Match, Value),
    one("fragments", b'f', Base::Fragments, Nothing),
    one("set-counters", b'c', Base::SetCounters, Value),
    one("table", b't', Base::Table, Value),
    one("verbose", b'v', Base::Verbose, Nothing),
    one("numeric", b'n', Base::Numeric, Nothing),
    one("exact", b'x', Base::Exact, Nothing),
    one("line-numbers", 0, Base::LineNumbers, Nothing),
    one("wait", b'w', Base::Wait, Maybe),
    one("wait-interval", b'W', Base::WaitInterval, Maybe),
    one("modprobe", b'M', Base::Modprobe, Value),
    one("ipv4", b'4', Base::Ipv4, Nothing),
    one("ipv6", b'6', Base::Ipv6, Nothing),
    one("version", b'V', Base::Version, Nothing),
    one("help", b'h', Base::Help, Maybe),
];

impl Base {
    /// Its spelling; aliases come later in the list than the first name.
    fn spelling(self) -> Option<&'static Spelling> {
        SPELLINGS.iter().find(|s| s.base == self)
    }

    /// The long name, without dashes, which messages use.
    pub(crate) fn long(self) -> &'static str {
        self.spelling().map_or("", |s| s.long)
    }

    /// The letter of a command, which messages about commands use.
    pub(crate) fn letter(self) -> char {
        self.spelling().and_then(|s| s.short).map_or('?', char::from)
    }

    /// Whether it is a command.
    pub(crate) const fn is_command(self) -> bool {
        matches!(
            self,
            Self::Append
                | Self::Delete
                | Self::Check
                | Self::Insert
                | Self::Replace
                | Self::List
                | Self::ListRules
                | Self::Flush
                | Self::Zero
                | Self::NewChain
                | Self::DeleteChain
                | Self::RenameChain
                | Self::Policy
        )
    }

    /// Whether the option may stand beside `command`.
    pub(crate) const fn fits(self, command: Self, by_number: bool) -> bool {
        match self {
            Self::Numeric | Self::Exact | Self::LineNumbers => matches!(command, Self::List),
            Self::SetCounters => {
                matches!(command, Self::Append | Self::Insert | Self::Replace | Self::Policy)
            }
            Self::Source
            | Self::Destination
            | Self::Protocol
            | Self::InInterface
            | Self::OutInterface
            | Self::Jump
            | Self::Goto
            | Self::Fragments => match command {
                Self::Append | Self::Insert | Self::Replace | Self::Check => true,
                Self::Delete => !by_number,
                _ => false,
            },
            _ => true,
        }
    }
}

/// The option of the letter `short`.
pub(crate) fn by_letter(short: u8) -> Option<&'static Spelling> {
    SPELLINGS.iter().find(|s| s.short == Some(short))
}
