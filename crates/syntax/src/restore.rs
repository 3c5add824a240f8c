//! Save files on their way in: lines to edits.

use crate::argv::{self, Invocation, Parsed, Setting};
use crate::error::UsageError;
use crate::words::{Split, WordsError};
use oxtables_base::{Counters, Family};
use oxtables_ext::Host;
use oxtables_model::{ChainName, Edit, Policy, TableName};

/// How a file is read.
#[derive(Clone, Copy)]
pub struct RestoreOptions<'a> {
    /// For whom.
    pub family: Family,
    /// `--counters`.
    pub counters: bool,
    /// `--table`: the others are skipped.
    pub table: Option<&'a [u8]>,
    /// The machine around.
    pub host: &'a dyn Host,
}

/// What a line of a file says.
#[derive(Debug)]
pub enum Item {
    /// `# ...`, without the line end.
    Comment(Vec<u8>),
    /// `*TABLE`.
    Begin(TableName),
    /// `:CHAIN POLICY [P:B]`; the policy's word when it names none.
    Declare {
        /// The edit.
        edit: Edit,
        /// Whether the word after the name was neither a policy nor `-`.
        bad_policy: bool,
    },
    /// A command.
    Command(Invocation),
    /// `-h` or `-V` among the lines.
    Aside(Parsed),
    /// `COMMIT`.
    Commit,
}

/// Why a file cannot be read on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreError {
    /// The line, counted from 1.
    pub line: u32,
    /// Where in the line, in bytes, when one place is to blame.
    pub column: Option<usize>,
    /// What is wrong.
    pub kind: RestoreErrorKind,
}

/// What can be wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RestoreErrorKind {
    /// A line outside of any table.
    OutsideTable,
    /// The file ends inside a table; the line is the one after the last.
    CommitExpected,
    /// `*NAME` of no table.
    Table(Vec<u8>),
    /// `*` alone.
    NoTable,
    /// `:` alone.
    NoChain,
    /// `:CHAIN` alone.
    NoPolicy,
    /// A chain's name is too long.
    Usage(UsageError),
    /// The counters of a built-in chain; its name.
    PolicyCounters(Vec<u8>),
    /// `[P:B` without `]`.
    Bracket,
    /// Words that are too long or too many.
    Words(WordsError),
    /// A NUL byte, which would hide what follows it.
    Nul,
}

/// Reads `text` and gives each line's meaning to `take`, with the line's number.
///
/// # Errors
/// The first fault in the text, or the first that `take` returns.
pub fn read<E: From<RestoreError>>(
    text: &[u8],
    options: &RestoreOptions<'_>,
    mut take: impl FnMut(u32, Item) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = Reader { options, table: Inside::None, split: Split::default() };
    let mut number = 0u32;
    let mut words = Vec::new();
    for line in text.split_inclusive(|&c| c == b'\n') {
        number = number.saturating_add(1);
        let fail = |(column, kind)| RestoreError { line: number, column, kind };
        if let Some(item) = reader.line(line, &mut words).map_err(fail)? {
            take(number, item)?;
        }
    }
    if matches!(reader.table, Inside::None) {
        return Ok(());
    }
    let kind = RestoreErrorKind::CommitExpected;
    Err(RestoreError { line: number.saturating_add(1), column: None, kind }.into())
}

/// Where the reader is.
enum Inside {
    None,
    /// A table that is not wanted.
    Skipped,
    Table(TableName),
}

struct Reader<'a> {
    options: &'a RestoreOptions<'a>,
    table: Inside,
    split: Split,
}

type Fault = (Option<usize>, RestoreErrorKind);

const fn fault(kind: RestoreErrorKind) -> Fault {
    (None, kind)
}

impl Reader<'_> {
    fn line(&mut self, line: &[u8], words: &mut Vec<u8>) -> Result<Option<Item>, Fault> {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        if let Some(at) = memchr::memchr(0, bare) {
            // COMPAT: upstream ends a line at a NUL and so loses what follows, a `-j` say. A rule
            // must not mean less than was written, so the line is refused.
            return Err((Some(at), RestoreErrorKind::Nul));
        }
        match (bare, &self.table) {
            ([], _) => Ok(None),
            ([b'#', ..], _) => Ok(Some(Item::Comment(bare.to_vec()))),
            (b"COMMIT", Inside::Skipped) => {
                self.table = Inside::None;
                Ok(None)
            }
            (b"COMMIT", Inside::Table(_)) => {
                self.table = Inside::None;
                Ok(Some(Item::Commit))
            }
            ([b'*', name @ ..], Inside::None) => self.begin(name),
            (_, Inside::None) => Err(fault(RestoreErrorKind::OutsideTable)),
            (_, Inside::Skipped) => Ok(None),
            ([b':', rest @ ..], Inside::Table(table)) => self.declare(rest, *table).map(Some),
            (_, Inside::Table(table)) => {
                let table = *table;
                self.command(line, table, words)
            }
        }
    }

    fn begin(&mut self, rest: &[u8]) -> Result<Option<Item>, Fault> {
        let name = first_word(rest).ok_or(fault(RestoreErrorKind::NoTable))?;
        let table =
            TableName::parse(name).ok_or_else(|| fault(RestoreErrorKind::Table(name.to_vec())))?;
        if self.options.table.is_some_and(|wanted| wanted != name) {
            self.table = Inside::Skipped;
            return Ok(None);
        }
        self.table = Inside::Table(table);
        Ok(Some(Item::Begin(table)))
    }

    fn declare(&self, rest: &[u8], table: TableName) -> Result<Item, Fault> {
        let mut words = rest.split(|c| matches!(c, b' ' | b'\t')).filter(|w| !w.is_empty());
        let name = words.next().ok_or(fault(RestoreErrorKind::NoChain))?;
        if name.len() > oxtables_model::MAX_CHAIN_NAME {
            let kind = crate::UsageErrorKind::ChainTooLong(name.to_vec());
            return Err(fault(RestoreErrorKind::Usage(kind.error())));
        }
        // COMPAT: here upstream knows the verdicts' names only: `:LOG - [0:0]` makes a chain.
        if oxtables_model::VERDICTS.iter().any(|(verdict, _)| verdict.as_bytes() == name) {
            return Err(fault(RestoreErrorKind::Usage(
                crate::UsageErrorKind::ChainIsTarget.error(),
            )));
        }
        let word = words.next().ok_or(fault(RestoreErrorKind::NoPolicy))?;
        let chain = ChainName::new(name);
        if table.base_chain(name).is_none() {
            // The policy and counters of a user chain mean nothing.
            let edit = Edit::Declare { chain, policy: None, counters: None };
            return Ok(Item::Declare { edit, bad_policy: false });
        }
        let policy = Policy::parse(word);
        let given = words.next().map(policy_counters);
        let counters = match (given, self.options.counters) {
            (Some(Some(counters)), true) => Some(counters),
            (Some(Some(_)) | None, false) => None,
            _ => return Err(fault(RestoreErrorKind::PolicyCounters(name.to_vec()))),
        };
        let bad_policy = policy.is_none() && word != b"-";
        Ok(Item::Declare { edit: Edit::Declare { chain, policy, counters }, bad_policy })
    }

    fn command(
        &mut self,
        line: &[u8],
        table: TableName,
        counters: &mut Vec<u8>,
    ) -> Result<Option<Item>, Fault> {
        let (given, rule) = match line {
            [b'[', after @ ..] => {
                let (inside, rest) = bracket(after).ok_or(fault(RestoreErrorKind::Bracket))?;
                (Some(inside), rest)
            }
            _ => (None, line),
        };
        let skipped = line.len() - rule.len();
        self.split.line(rule).map_err(|e| fault(RestoreErrorKind::Words(e)))?;
        let mut words: smallvec::SmallVec<[&[u8]; 32]> = smallvec::SmallVec::new();
        counters.clear();
        if let Some((packets, bytes)) = given.filter(|_| self.options.counters) {
            counters.extend_from_slice(packets);
            counters.push(b',');
            counters.extend_from_slice(bytes);
            words.extend([&b"-c"[..], counters]);
        }
        let added = words.len();
        words.extend(self.split.words(rule));
        let (family, host) = (self.options.family, self.options.host);
        let setting = Setting { family, host, restore: Some(table) };
        match argv::parse(&words, setting) {
            Ok(Parsed::OtherFamily) => Ok(None),
            Ok(Parsed::Run(invocation)) => Ok(Some(Item::Command(invocation))),
            Ok(aside) => Ok(Some(Item::Aside(aside))),
            Err(e) => {
                let word = e.word.and_then(|n| n.checked_sub(added));
                let column = word.and_then(|n| self.split.start(n)).map(|c| c + skipped);
                Err((column, RestoreErrorKind::Usage(e)))
            }
        }
    }
}

fn first_word(text: &[u8]) -> Option<&[u8]> {
    text.split(|c| matches!(c, b' ' | b'\t')).find(|w| !w.is_empty())
}

type Pair<'a> = (&'a [u8], &'a [u8]);

/// `P:B]` and what follows; neither number may be missing its place, but what they hold is only
/// looked at with `--counters`.
fn bracket(text: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let colon = text.iter().position(|&c| c == b':').filter(|&at| at > 0)?;
    let (packets, rest) = text.split_at(colon);
    let rest = rest.get(1..)?;
    let close = rest.iter().position(|&c| c == b']')?;
    let (bytes, after) = rest.split_at(close);
    Some(((packets, bytes), after.get(1..)?))
}

/// `[P:B`, read as `sscanf("[%llu:%llu")` reads it.
fn policy_counters(word: &[u8]) -> Option<Counters> {
    let word = word.strip_prefix(b"[")?;
    let colon = word.iter().position(|&c| c == b':')?;
    let (packets, bytes) = word.split_at(colon);
    // The number must reach up to the colon.
    let digits = packets.strip_prefix(b"-").or(packets.strip_prefix(b"+")).unwrap_or(packets);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let packets = argv::scan_number(packets)?;
    Some(Counters { packets, bytes: argv::scan_number(bytes.get(1..)?)? })
}
