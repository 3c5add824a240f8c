//! The command language: words to an invocation. A save file's rule lines go the same way.

mod extension;
mod finish;
mod getopt;

use crate::error::{UsageError, UsageErrorKind as Kind};
use crate::options::Base;
use extension::Extensions;
use getopt::{Given, Words};
use oxtables_base::{Counters, Family, Interface, Neg, interface::InterfaceError, names, number};
use oxtables_ext::{ArgErrorKind, Host, ParseCx};
use oxtables_model::{ChainName, Edit, TableName};
use smallvec::SmallVec;

/// For whom words are parsed.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// `iptables` or `ip6tables`.
    pub family: Family,
    /// The machine around.
    pub host: &'a dyn Host,
    /// Inside a save file, the table it is in.
    pub restore: Option<TableName>,
}

/// What words ask for.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value a line, moved and gone; a box for each costs more"
)]
pub enum Parsed {
    /// `-h`: the base help, and that of the extensions named before it.
    Help(Vec<&'static oxtables_ext::Spec>),
    /// `-V`, or `! -V`.
    Version {
        /// With a `!` before it.
        not: bool,
    },
    /// A line of a save file that is for the other family.
    OtherFamily,
    /// A command.
    Run(Invocation),
}

/// A command with its options.
#[derive(Debug)]
pub struct Invocation {
    /// The table it is for.
    pub table: TableName,
    /// What to do.
    pub request: Request,
    /// How often `-v` was given.
    pub verbose: u8,
    /// `-n`.
    pub numeric: bool,
    /// `-x`.
    pub exact: bool,
    /// `--line-numbers`.
    pub line_numbers: bool,
}

/// What to do.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value a line, moved and gone; a box for each costs more"
)]
pub enum Request {
    /// Changes, all or none; several when addresses were lists.
    Edit(SmallVec<[Edit; 1]>),
    /// `-L` or `-S`, and `-Z` afterwards if `zero`.
    Show {
        /// `-S` instead of `-L`.
        as_rules: bool,
        /// Of one chain.
        chain: Option<ChainName>,
        /// Of one rule.
        number: Option<u32>,
        /// Zero the counters afterwards.
        zero: bool,
    },
}

/// What has been read so far.
pub(crate) struct State<'a> {
    setting: Setting<'a>,
    commands: SmallVec<[Base; 2]>,
    chain: Option<&'a [u8]>,
    /// The second word of `-E` and `-P`.
    second: Option<&'a [u8]>,
    number: Option<u32>,
    by_number: bool,
    /// Options given, with the word where, for the checks at the end.
    given: SmallVec<[(Base, usize); 8]>,
    table: Option<(&'a [u8], usize)>,
    source: Option<(Neg<&'a [u8]>, usize)>,
    destination: Option<(Neg<&'a [u8]>, usize)>,
    protocol: Option<Neg<u8>>,
    in_interface: Option<Neg<Interface>>,
    out_interface: Option<Neg<Interface>>,
    fragment: Option<Neg<()>>,
    counters: Option<Counters>,
    /// The word after `-j` or `-g`.
    jump: Option<&'a [u8]>,
    goto: bool,
    extensions: Extensions<'a>,
    verbose: u8,
    wait: bool,
    interval: bool,
}

/// Reads the words after the program's name.
///
/// # Errors
/// The first fault upstream would report.
pub fn parse<'a>(words: &'a [&'a [u8]], setting: Setting<'a>) -> Result<Parsed, UsageError> {
    let mut state = State::new(setting);
    match state.read(words) {
        Ok(Some(done)) => Ok(done),
        Ok(None) => finish::finish(state).map(Parsed::Run),
        // Options of extensions are looked at together at the end, which is soon enough for a rule
        // that is right; of several faults upstream tells the first.
        Err(error) => Err(state.earlier_fault(&error).unwrap_or(error)),
    }
}

impl<'a> State<'a> {
    /// Reads all words; `Some` when one of them ends the reading.
    fn read(&mut self, words: &'a [&'a [u8]]) -> Result<Option<Parsed>, UsageError> {
        let mut cursor = Words::new(words);
        let mut not = false;
        while let Some(given) = cursor.next(&mut self.extensions, self.protocol)? {
            let at = cursor.at();
            match given {
                Given::Stray(b"!") if not => return Err(Kind::DoubleNot.at(at)),
                Given::Stray(b"!") => {
                    not = true;
                    continue;
                }
                Given::Stray(word) => return Err(Kind::StrayWord(word.to_vec()).at(at)),
                Given::Extension { slot, def } => {
                    self.extensions.take(slot, def, not, &mut cursor)?
                }
                Given::Base(base, value) => {
                    if let Some(done) = self.take(base, value, not, &mut cursor, at)? {
                        return Ok(Some(done));
                    }
                }
            }
            not = false;
        }
        if cursor.left_after_dashes() {
            return Err(Kind::AfterDashes.error());
        }
        if self.commands.is_empty() {
            return Err(Kind::NoCommand.error());
        }
        if not {
            return Err(Kind::DanglingNot.error());
        }
        Ok(None)
    }

    /// A fault in the options of an extension that stand before the word another fault is about.
    fn earlier_fault(&self, error: &UsageError) -> Option<UsageError> {
        let cx = ParseCx {
            family: self.setting.family,
            table: "filter",
            proto: self.protocol,
            host: self.setting.host,
        };
        let found = self.extensions.finish(&cx).err()?;
        let Kind::Extension(fault) = &found.kind else { return None };
        // Only what upstream sees when it reads the option, not what it finds missing at the end.
        let at_once = matches!(
            fault.kind,
            ArgErrorKind::Value(_) | ArgErrorKind::NotInvertible | ArgErrorKind::Twice
        );
        let before = error.word.is_none_or(|at| found.word.is_some_and(|w| w < at));
        (at_once && before).then_some(found)
    }

    fn new(setting: Setting<'a>) -> Self {
        Self {
            setting,
            commands: SmallVec::new(),
            chain: None,
            second: None,
            number: None,
            by_number: false,
            given: SmallVec::new(),
            table: None,
            source: None,
            destination: None,
            protocol: None,
            in_interface: None,
            out_interface: None,
            fragment: None,
            counters: None,
            jump: None,
            goto: false,
            extensions: Extensions::new(setting.family),
            verbose: 0,
            wait: false,
            interval: false,
        }
    }

    /// Takes one option of the base; `Some` when it ends the reading.
    fn take(
        &mut self,
        base: Base,
        value: Option<&'a [u8]>,
        not: bool,
        words: &mut Words<'a>,
        at: usize,
    ) -> Result<Option<Parsed>, UsageError> {
        if base.is_command() {
            if not {
                return Err(Kind::NotBeforeCommand.at(at));
            }
            self.command(base, value, words, at)?;
            return Ok(None);
        }
        let word = value.unwrap_or_default();
        match base {
            Base::Help => return Ok(Some(Parsed::Help(self.extensions.specs(self.protocol)))),
            Base::Version => return Ok(Some(Parsed::Version { not })),
            Base::Ipv4 | Base::Ipv6 => {
                let own = (base == Base::Ipv4) == (self.setting.family == Family::Ip4);
                if !own {
                    return match self.setting.restore {
                        Some(_) => Ok(Some(Parsed::OtherFamily)),
                        None => Err(Kind::OtherFamily.at(at)),
                    };
                }
            }
            Base::Match if not => return Err(Kind::UnexpectedNotBefore("match").at(at)),
            Base::Match => self.extensions.load_match(word).map_err(|k| k.at(at))?,
            Base::Table => self.table(word, not, at)?,
            Base::Wait => self.wait(value, at)?,
            Base::WaitInterval => self.interval(value, at)?,
            Base::Modprobe => (),
            _ => self.rule_option(base, word, not, words, at)?,
        }
        Ok(None)
    }

    fn command(
        &mut self,
        base: Base,
        value: Option<&'a [u8]>,
        words: &mut Words<'a>,
        at: usize,
    ) -> Result<(), UsageError> {
        if let Some(&before) = self.commands.first() {
            let pair = |a, b| (base == a && before == b) || (base == b && before == a);
            let together = pair(Base::List, Base::Zero) || pair(Base::ListRules, Base::Zero);
            if !together || self.commands.len() > 1 {
                return Err(Kind::TwoCommands(base.letter(), before.letter()).at(at));
            }
        }
        self.commands.push(base);
        if let Some(chain) = value {
            if chain.len() > oxtables_model::MAX_CHAIN_NAME {
                return Err(Kind::ChainTooLong(chain.to_vec()).at(at));
            }
            self.chain = Some(chain);
        }
        match base {
            Base::Insert | Base::List | Base::ListRules | Base::Zero if value.is_some() => {
                self.number = words.next_if_plain().map(|w| rule_number(w, at)).transpose()?;
            }
            Base::Delete => {
                self.number = words.next_if_plain().map(|w| rule_number(w, at)).transpose()?;
                self.by_number = self.number.is_some();
            }
            Base::Replace => {
                let word = words.next_if_plain().ok_or_else(|| Kind::NeedsRuleNumber.at(at))?;
                self.number = Some(rule_number(word, at)?);
            }
            Base::RenameChain => {
                self.second = words.next_if_plain();
                self.second.ok_or_else(|| Kind::RenameNames.at(at))?;
            }
            Base::Policy => {
                self.second = words.next_if_plain();
                self.second.ok_or_else(|| Kind::PolicyWords.at(at))?;
            }
            Base::NewChain => {
                finish::new_chain_name(value.unwrap_or_default(), self.setting.family)
                    .map(drop)
                    .map_err(|k| k.at(at))?
            }
            _ => (),
        }
        Ok(())
    }

    /// Takes an option that is written down as given, and at most once.
    fn rule_option(
        &mut self,
        base: Base,
        word: &'a [u8],
        not: bool,
        words: &mut Words<'a>,
        at: usize,
    ) -> Result<(), UsageError> {
        // `-g` is a form of `-j`: they exclude each other and share a name in messages.
        let noted = if base == Base::Goto { Base::Jump } else { base };
        if not && !base.is_invertible() {
            return Err(Kind::NotBefore(noted.long()).at(at));
        }
        if base == Base::Verbose {
            self.verbose = self.verbose.saturating_add(1);
            return Ok(());
        }
        if self.given.iter().any(|(b, _)| *b == noted) {
            return Err(Kind::Twice(noted.long()).at(at));
        }
        self.given.push((noted, at));
        let blame = |kind: Kind| kind.at(at);
        match base {
            Base::Source => self.source = Some((Neg { not, value: word }, at)),
            Base::Destination => self.destination = Some((Neg { not, value: word }, at)),
            Base::Protocol => {
                self.protocol = protocol(word, not).map_err(blame)?;
                self.warn_of_header(word);
            }
            Base::InInterface => {
                self.in_interface = interface(word, not, self.setting.host).map_err(blame)?;
            }
            Base::OutInterface => {
                self.out_interface = interface(word, not, self.setting.host).map_err(blame)?;
            }
            Base::Fragments => {
                if self.setting.family == Family::Ip6 {
                    return Err(Kind::FragmentsInIpv6.at(at));
                }
                self.fragment = Some(Neg { not, value: () });
            }
            Base::SetCounters => self.counters = Some(counters(word, words).map_err(blame)?),
            Base::Jump | Base::Goto => {
                target_name(word).map_err(blame)?;
                self.jump = Some(word);
                self.goto = base == Base::Goto;
                if !self.goto {
                    self.extensions.load_target(word);
                }
            }
            _ => (),
        }
        Ok(())
    }

    /// In IPv6 some protocol numbers are extension headers, which `-p` never sees.
    fn warn_of_header(&self, word: &[u8]) {
        let header = self.protocol.is_some_and(|p| matches!(p.value, 43 | 44 | 51 | 60));
        if header && self.setting.family == Family::Ip6 {
            let word = oxtables_base::text::visible(word);
            self.setting.host.warn(&format!(
                "Warning: never matched protocol: {word}. use extension match instead."
            ));
        }
    }

    fn table(&mut self, word: &'a [u8], not: bool, at: usize) -> Result<(), UsageError> {
        if not {
            return Err(Kind::UnexpectedNotBefore("table").at(at));
        }
        if self.setting.restore.is_some() {
            return Err(Kind::TableInRestore.at(at));
        }
        self.table = Some((word, at));
        Ok(())
    }

    fn wait(&mut self, value: Option<&[u8]>, at: usize) -> Result<(), UsageError> {
        if self.setting.restore.is_some() {
            return Err(Kind::WaitInRestore('w').at(at));
        }
        if value.is_some_and(|w| scan_number(w).is_none()) {
            return Err(Kind::WaitSeconds.at(at));
        }
        self.wait = true;
        Ok(())
    }

    fn interval(&mut self, value: Option<&[u8]>, at: usize) -> Result<(), UsageError> {
        if self.setting.restore.is_some() {
            return Err(Kind::WaitInRestore('W').at(at));
        }
        let word = value.ok_or_else(|| Kind::IntervalMissing.at(at))?;
        let usec = scan_number(word).ok_or_else(|| Kind::IntervalNumber.at(at))?;
        if usec > 999_999 {
            return Err(Kind::IntervalLong(usec).at(at));
        }
        self.setting.host.warn("Ignoring deprecated --wait-interval option.");
        self.interval = true;
        Ok(())
    }
}

/// The long names of the options every editor has, without dashes.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    crate::options::SPELLINGS.iter().map(|s| s.long)
}

/// COMPAT: `-W`, `-w` and `-c` read as `sscanf("%llu")` does: leading digits count, what follows is
/// ignored, and numbers too large become the largest.
pub(crate) fn scan_number(word: &[u8]) -> Option<u64> {
    let start = word.iter().position(|c| !c.is_ascii_whitespace())?;
    let word = word.get(start..)?;
    let (minus, digits) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    let end = digits.iter().position(|c| !c.is_ascii_digit()).unwrap_or(digits.len());
    let digits = digits.get(..end).filter(|d| !d.is_empty())?;
    let n = number::parse_decimal(digits).unwrap_or(u64::MAX);
    Some(if minus { n.wrapping_neg() } else { n })
}

fn counters(word: &[u8], words: &mut Words<'_>) -> Result<Counters, Kind> {
    let comma = word.iter().position(|&c| c == b',');
    let (packets, bytes) = match comma {
        Some(at) => (word.get(..at), word.get(at + 1..)),
        None => (Some(word), words.next_if_plain()),
    };
    let bytes = bytes.ok_or(Kind::CounterCount)?;
    let packets = packets.and_then(scan_number).ok_or(Kind::PacketCounter)?;
    let bytes = scan_number(bytes).ok_or(Kind::ByteCounter)?;
    Ok(Counters { packets, bytes })
}

fn rule_number(word: &[u8], at: usize) -> Result<u32, UsageError> {
    let n = number::parse_within(word, 1, i32::MAX.unsigned_abs().into());
    let n = n.and_then(|n| u32::try_from(n).ok());
    n.ok_or_else(|| Kind::RuleNumber(word.to_vec()).at(at))
}

fn protocol(word: &[u8], not: bool) -> Result<Option<Neg<u8>>, Kind> {
    let lower = word.to_ascii_lowercase();
    let found = match number::parse(&lower) {
        Some(n) => u8::try_from(n).ok(),
        None => names::protocol_by_name(&lower),
    };
    let value = found.ok_or(Kind::UnknownProtocol(lower))?;
    match (value, not) {
        (0, true) => Err(Kind::NeverProtocol),
        (0, false) => Ok(None),
        _ => Ok(Some(Neg { not, value })),
    }
}

fn interface(word: &[u8], not: bool, host: &dyn Host) -> Result<Option<Neg<Interface>>, Kind> {
    let value = Interface::parse(word).map_err(|e| match e {
        InterfaceError::Empty => Kind::EmptyInterface,
        InterfaceError::TooLong => Kind::InterfaceLong(word.to_vec()),
        InterfaceError::Control => Kind::InterfaceControl(word.to_vec()),
    })?;
    if value.name().iter().any(|c| matches!(c, b'/' | b' ')) {
        let shown = oxtables_base::text::visible(word);
        host.warn(&format!(
            "Warning: weird character in interface `{shown}' ('/' and ' ' are not allowed by the kernel)."
        ));
    }
    // Every interface is no condition; no interface never holds and is kept.
    Ok((not || !value.is_any()).then_some(Neg { not, value }))
}

fn target_name(word: &[u8]) -> Result<(), Kind> {
    if word.is_empty() {
        return Err(Kind::TargetShort);
    }
    if word.len() > oxtables_model::MAX_CHAIN_NAME {
        return Err(Kind::TargetLong(word.to_vec()));
    }
    if word.iter().any(u8::is_ascii_whitespace) {
        return Err(Kind::TargetBlank(word.to_vec()));
    }
    Ok(())
}
