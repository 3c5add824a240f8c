//! What can be wrong with a command line or a line of a save file. The first line of each message is
//! upstream's, since scripts look for it; what follows teaches.

use oxtables_base::text::visible;
use oxtables_ext::ArgError;
use std::fmt;

/// A fault in a command line, found before anything was asked of the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageError {
    /// What is wrong.
    pub kind: UsageErrorKind,
    /// Which word is to blame, counted from 0 after the program's name.
    pub word: Option<usize>,
}

/// The kinds of fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UsageErrorKind {
    /// No command among the options.
    NoCommand,
    /// Two commands that cannot stand together: this one, after that one.
    TwoCommands(char, char),
    /// An option nobody knows, as typed.
    UnknownOption(Vec<u8>),
    /// A word that belongs to nothing.
    StrayWord(Vec<u8>),
    /// Words after `--`.
    AfterDashes,
    /// An option without its value, as typed.
    NeedsArgument(Vec<u8>),
    /// An option of two words with only one (its long name).
    NeedsTwoArguments(&'static str),
    /// An option with one of its two values (its name).
    NeedsTwo(&'static str),
    /// `!` twice.
    DoubleNot,
    /// `!` at the end.
    DanglingNot,
    /// `!` before a command.
    NotBeforeCommand,
    /// `!` before an option with no opposite (its long name).
    NotBefore(&'static str),
    /// `!` before `--match` or `--table`.
    UnexpectedNotBefore(&'static str),
    /// An option that does not go with the command.
    IllegalOption(&'static str),
    /// An option given twice.
    Twice(&'static str),
    /// An option a family or chain does not have: `-f` in IPv6.
    FragmentsInIpv6,
    /// `-i` or `-o` where the chain sees no such interface.
    WrongInterface(&'static str, Vec<u8>),
    /// `-c` without two numbers.
    CounterCount,
    /// The packet counter is no number.
    PacketCounter,
    /// The byte counter is no number.
    ByteCounter,
    /// A rule number that is none.
    RuleNumber(Vec<u8>),
    /// `-R` without a number.
    NeedsRuleNumber,
    /// `-E` without two names.
    RenameNames,
    /// `-P` without two words.
    PolicyWords,
    /// A chain name too long.
    ChainTooLong(Vec<u8>),
    /// A new chain's name begins with `-` or `!`.
    ChainBegins(u8),
    /// A new chain's name holds a blank.
    ChainBlank(Vec<u8>),
    /// A new chain's name is a target's.
    ChainIsTarget,
    /// A target name is empty.
    TargetShort,
    /// A target name is too long.
    TargetLong(Vec<u8>),
    /// A target name holds a blank.
    TargetBlank(Vec<u8>),
    /// A match name is too long.
    MatchLong(Vec<u8>),
    /// A match nobody knows.
    UnknownMatch(Vec<u8>),
    /// A chain to jump to that is not there.
    UnknownTarget(Vec<u8>),
    /// A protocol nobody knows.
    UnknownProtocol(Vec<u8>),
    /// `! -p all`.
    NeverProtocol,
    /// A host that cannot be found.
    UnknownHost(Vec<u8>),
    /// A mask that is none.
    BadMask(Vec<u8>),
    /// `!` with several addresses.
    NotWithAddresses,
    /// No interface name.
    EmptyInterface,
    /// An interface name too long.
    InterfaceLong(Vec<u8>),
    /// COMPAT: an interface name with a control character. Upstream takes it, though no interface has
    /// it, and what stands behind a line end in it is then restored as a line of its own.
    InterfaceControl(Vec<u8>),
    /// `-j DROP` in nat.
    DropInNat,
    /// A table nobody knows.
    UnknownTable(Vec<u8>),
    /// `-t` inside a save file.
    TableInRestore,
    /// `-w` or `-W` inside a save file; the letter.
    WaitInRestore(char),
    /// `-w` with no number.
    WaitSeconds,
    /// `-W` without a value.
    IntervalMissing,
    /// `-W` with no number.
    IntervalNumber,
    /// `-W` too large.
    IntervalLong(u64),
    /// `-W` without `-w`.
    IntervalAlone,
    /// `-4` for ip6tables, or `-6` for iptables: upstream says nothing but where help is.
    OtherFamily,
    /// The options of an extension.
    Extension(Box<ArgError>),
}

impl UsageErrorKind {
    /// The error without a word to blame.
    #[must_use]
    pub const fn error(self) -> UsageError {
        UsageError { kind: self, word: None }
    }

    /// The error, blaming word `word`.
    #[must_use]
    pub const fn at(self, word: usize) -> UsageError {
        UsageError { kind: self, word: Some(word) }
    }

    /// The exit code the family gives it.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownTable(_) => 3,
            _ => 2,
        }
    }

    /// Whether upstream prints the sentence alone, without the program's name before it.
    #[must_use]
    pub const fn is_bare(&self) -> bool {
        matches!(self, Self::StrayWord(_) | Self::OtherFamily)
    }
}

impl From<UsageErrorKind> for UsageError {
    fn from(kind: UsageErrorKind) -> Self {
        kind.error()
    }
}

impl fmt::Display for UsageErrorKind {
    /// Upstream's sentence, without the program's name before it and the line end after it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand => f.write_str("no command specified"),
            Self::TwoCommands(a, b) => write!(f, "Cannot use -{a} with -{b}"),
            Self::UnknownOption(o) => write!(f, "unknown option \"{}\"", visible(o)),
            Self::StrayWord(w) => write!(f, "Bad argument `{}'", visible(w)),
            Self::AfterDashes => f.write_str("unknown arguments found on commandline"),
            Self::NeedsArgument(o) => write!(f, "option \"{}\" requires an argument", visible(o)),
            Self::NeedsTwoArguments(o) => write!(f, "--{o} requires two args."),
            Self::NeedsTwo(o) => write!(f, "--{o} requires two args."),
            Self::DoubleNot => f.write_str("multiple consecutive ! not allowed"),
            Self::DanglingNot => f.write_str("nothing appropriate following !"),
            Self::NotBeforeCommand => f.write_str("unexpected '!' flag"),
            Self::NotBefore(o) => write!(f, "cannot have ! before --{o}"),
            Self::UnexpectedNotBefore(o) => write!(f, "unexpected ! flag before --{o}"),
            Self::IllegalOption(o) => write!(f, "Illegal option `--{o}' with this command"),
            Self::Twice(o) => write!(f, "multiple --{o} options not allowed"),
            Self::FragmentsInIpv6 => {
                f.write_str("`-f' is not supported in IPv6, use -m frag instead")
            }
            Self::WrongInterface(o, chain) => write!(f, "Can't use --{o} with {}", visible(chain)),
            Self::CounterCount => f.write_str("--set-counters requires packet and byte counter"),
            Self::PacketCounter => f.write_str("--set-counters packet counter not numeric"),
            Self::ByteCounter => f.write_str("--set-counters byte counter not numeric"),
            Self::RuleNumber(w) => write!(f, "Invalid rule number `{}'", visible(w)),
            Self::NeedsRuleNumber => f.write_str("-R requires a rule number"),
            Self::RenameNames => f.write_str("-E requires old-chain-name and new-chain-name"),
            Self::PolicyWords => f.write_str("-P requires a chain and a policy"),
            Self::ChainTooLong(n) => {
                write!(f, "chain name `{}' too long (must be under 29 chars)", visible(n))
            }
            Self::ChainBegins(c) => {
                write!(f, "chain name not allowed to start with `{}'", char::from(*c))
            }
            Self::ChainBlank(n) => write!(f, "Invalid chain name `{}'", visible(n)),
            Self::ChainIsTarget => f.write_str("chain name may not clash with target name"),
            Self::TargetShort => f.write_str("Invalid target name (too short)"),
            Self::TargetLong(n) => {
                write!(f, "Invalid target name `{}' (28 chars max)", visible(n))
            }
            Self::TargetBlank(n) => write!(f, "Invalid target name `{}'", visible(n)),
            Self::MatchLong(n) => write!(f, "Invalid match name \"{}\" (28 chars max)", visible(n)),
            Self::UnknownMatch(n) => {
                writeln!(f, "Couldn't load match `{}':No such file or directory", visible(n))
            }
            Self::UnknownTarget(n) => write!(f, "Chain '{}' does not exist", visible(n)),
            Self::UnknownProtocol(p) => write!(f, "unknown protocol \"{}\" specified", visible(p)),
            Self::NeverProtocol => f.write_str("rule would never match protocol"),
            Self::UnknownHost(h) => write!(f, "host/network `{}' not found", visible(h)),
            Self::BadMask(m) => write!(f, "invalid mask `{}' specified", visible(m)),
            Self::NotWithAddresses => {
                f.write_str("! not allowed with multiple source or destination IP addresses")
            }
            Self::EmptyInterface => f.write_str("Empty interface is likely to be undesired"),
            Self::InterfaceLong(n) => write!(
                f,
                "interface name `{}' must be shorter than 16 characters",
                visible(n)
            ),
            Self::InterfaceControl(n) => {
                let shown: String = visible(n).chars().map(|c| if c < ' ' { '?' } else { c }).collect();
                write!(f, "interface name `{shown}' has a control character")
            }
            Self::DropInNat => f.write_str(
                "\nThe \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n",
            ),
            Self::UnknownTable(t) => write!(f, "table '{}' does not exist", visible(t)),
            Self::TableInRestore => f.write_str("The -t option cannot be used in iptables-restore."),
            Self::WaitInRestore(c) => write!(f, "You cannot use `-{c}' from iptables-restore"),
            Self::WaitSeconds => f.write_str("wait seconds not numeric"),
            Self::IntervalMissing => f.write_str("wait interval value required"),
            Self::IntervalNumber => f.write_str("wait interval not numeric"),
            Self::IntervalLong(n) => write!(f, "too long usec wait {n} > 999999 usec"),
            Self::IntervalAlone => f.write_str("--wait-interval only makes sense with --wait\n"),
            Self::OtherFamily => Ok(()),
            Self::Extension(e) => e.fmt(f),
        }
    }
}
