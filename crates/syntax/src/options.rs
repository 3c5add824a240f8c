//! The options every rule editor has, before any extension is loaded.

use oxtables_base::Family;

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
pub struct Spelling {
    /// The name after `--`.
    pub long: &'static str,
    /// The letter after `-`.
    pub short: Option<u8>,
    pub(crate) base: Base,
    pub(crate) takes: Takes,
    /// What its value looks like in help.
    pub value: &'static str,
    /// A phrase of help; empty for second names.
    pub help: &'static str,
}

impl Spelling {
    const fn shown(self, value: &'static str, help: &'static str) -> Self {
        Self { value, help, ..self }
    }

    /// Whether it says what to do rather than how or to which packets.
    #[must_use]
    pub const fn is_command(&self) -> bool {
        self.base.is_command() || matches!(self.base, Base::RenameChain)
    }

    /// Whether `!` may stand before it.
    #[must_use]
    pub const fn is_invertible(&self) -> bool {
        self.base.is_invertible()
    }

    /// Whether the family has it.
    #[must_use]
    pub const fn is_for(&self, family: Family) -> bool {
        !matches!((self.base, family), (Base::Fragments, Family::Ip6))
    }
}

const fn one(long: &'static str, short: u8, base: Base, takes: Takes) -> Spelling {
    let short = if short == 0 { None } else { Some(short) };
    Spelling { long, short, base, takes, value: "", help: "" }
}

use Takes::{Maybe, Nothing, Value};

/// Every spelling, in the order of getopt's own table.
pub const SPELLINGS: &[Spelling] = &[
    one("append", b'A', Base::Append, Value).shown("chain", "append the rule to the chain"),
    one("delete", b'D', Base::Delete, Value)
        .shown("chain [rulenum]", "delete the rule, or the one of that number (1 is the first)"),
    one("check", b'C', Base::Check, Value)
        .shown("chain", "tell by the exit code whether the rule is there"),
    one("insert", b'I', Base::Insert, Value).shown(
        "chain [rulenum]",
        "insert the rule, to become number rulenum (default 1, the first)",
    ),
    one("replace", b'R', Base::Replace, Value)
        .shown("chain rulenum", "put the rule in the place of number rulenum"),
    one("list", b'L', Base::List, Maybe)
        .shown("[chain [rulenum]]", "list the rules of a chain or of all, in columns"),
    one("list-rules", b'S', Base::ListRules, Maybe)
        .shown("[chain [rulenum]]", "print the rules of a chain or of all, as commands"),
    one("flush", b'F', Base::Flush, Maybe)
        .shown("[chain]", "delete every rule of a chain or of all"),
    one("zero", b'Z', Base::Zero, Maybe)
        .shown("[chain [rulenum]]", "set the counters of a rule, a chain or all to zero"),
    one("new-chain", b'N', Base::NewChain, Value).shown("chain", "make a chain of one's own"),
    one("delete-chain", b'X', Base::DeleteChain, Maybe)
        .shown("[chain]", "delete an empty chain of one's own, or all of them"),
    one("rename-chain", b'E', Base::RenameChain, Value)
        .shown("old-chain new-chain", "rename a chain of one's own; rules that go there follow"),
    one("policy", b'P', Base::Policy, Value)
        .shown("chain target", "what a built-in chain does with packets that reach its end"),
    one("source", b's', Base::Source, Value)
        .shown("address[/mask][,...]", "where the packet comes from (also --src)"),
    one("destination", b'd', Base::Destination, Value)
        .shown("address[/mask][,...]", "where the packet goes to (also --dst)"),
    one("src", 0, Base::Source, Value),
    one("dst", 0, Base::Destination, Value),
    one("protocol", b'p', Base::Protocol, Value)
        .shown("proto", "the protocol, by name or number, as in `tcp'"),
    one("in-interface", b'i', Base::InInterface, Value)
        .shown("name[+]", "the interface it came in by (+ at the end: any that begins so)"),
    one("out-interface", b'o', Base::OutInterface, Value)
        .shown("name[+]", "the interface it leaves by (+ at the end: any that begins so)"),
    one("jump", b'j', Base::Jump, Value)
        .shown("target", "what to do with the packet: a verdict, a chain, or a target extension"),
    one("goto", b'g', Base::Goto, Value)
        .shown("chain", "go on in that chain, and do not come back here"),
    one("match", b'm', Base::Match, Value)
        .shown("match", "look at more of the packet with a match extension"),
    one("fragments", b'f', Base::Fragments, Nothing).shown("", "second and later fragments only"),
    one("set-counters", b'c', Base::SetCounters, Value)
        .shown("packets bytes", "the counters the rule begins with"),
    one("table", b't', Base::Table, Value)
        .shown("table", "the table to work on (default `filter')"),
    one("verbose", b'v', Base::Verbose, Nothing).shown("", "tell more; twice: even more"),
    one("numeric", b'n', Base::Numeric, Nothing).shown("", "addresses and ports as numbers"),
    one("exact", b'x', Base::Exact, Nothing).shown("", "counters in full, not in K, M and G"),
    one("line-numbers", 0, Base::LineNumbers, Nothing).shown("", "number the rules in a list"),
    one("wait", b'w', Base::Wait, Maybe)
        .shown("[seconds]", "accepted for old scripts: the kernel's transactions need no lock"),
    one("wait-interval", b'W', Base::WaitInterval, Maybe)
        .shown("[microseconds]", "accepted for old scripts, and does nothing"),
    one("modprobe", b'M', Base::Modprobe, Value)
        .shown("command", "accepted for old scripts: the kernel loads its modules itself"),
    one("ipv4", b'4', Base::Ipv4, Nothing)
        .shown("", "only for iptables-restore: ip6tables-restore skips the line"),
    one("ipv6", b'6', Base::Ipv6, Nothing)
        .shown("", "only for ip6tables-restore: iptables-restore skips the line"),
    one("version", b'V', Base::Version, Nothing).shown("", "print the version"),
    one("help", b'h', Base::Help, Maybe)
        .shown("", "print this; after -m, -p or -j, that extension's options too"),
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

    /// Whether `!` may stand before it.
    pub(crate) const fn is_invertible(self) -> bool {
        matches!(
            self,
            Self::Source
                | Self::Destination
                | Self::Protocol
                | Self::InInterface
                | Self::OutInterface
                | Self::Fragments
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

/// What every command of the family takes besides, taken out of the words before they are parsed:
/// name, value, phrase.
pub const OWN: &[(&str, &str, &str)] = &[
    ("backend", "nft|file:path", "the rules of the kernel, or of a save file"),
    ("explain-errors", "", "after an error's first line: the place, the cause, the fix"),
];
