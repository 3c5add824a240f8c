//! `iptables-restore` and `ip6tables-restore`: a file to the kernel, one transaction a table.

use crate::editor::{self, aside_text, push_echo};
use crate::getopt::{self, Opt, Value};
use crate::machine::{Machine, write_shown};
use crate::message::{BAD_POLICY, Program, missing_extensions, problem_sentence};
use crate::store::{Place, Store, Work};
use crate::teach;
use oxtables_backend::{BackendError, Problem, Scope};
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_model::{ChainName, Edit, TableName};
use oxtables_syntax::restore::{Item, RestoreError, RestoreErrorKind, RestoreOptions};
use oxtables_syntax::{Invocation, Request, UsageErrorKind, WordsError};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;

const OPTIONS: &[Opt] = &[
    Opt { letter: b'b', long: "", value: Value::No },
    Opt { letter: b'c', long: "counters", value: Value::No },
    Opt { letter: b'v', long: "verbose", value: Value::No },
    Opt { letter: b'V', long: "version", value: Value::No },
    Opt { letter: b't', long: "test", value: Value::No },
    Opt { letter: b'h', long: "help", value: Value::No },
    Opt { letter: b'n', long: "noflush", value: Value::No },
    Opt { letter: b'M', long: "modprobe", value: Value::Yes },
    Opt { letter: b'T', long: "table", value: Value::Yes },
    Opt { letter: b'w', long: "wait", value: Value::Maybe },
    Opt { letter: b'W', long: "wait-interval", value: Value::Maybe },
    Opt { letter: OTHER_FAMILY, long: "ipv4", value: Value::No },
    Opt { letter: OTHER_FAMILY, long: "ipv6", value: Value::No },
];

/// COMPAT: upstream's usage shows `--ipv4` and `--ipv6`, and it refuses them without a word.
const OTHER_FAMILY: u8 = 0;

/// What was asked for.
#[derive(Default)]
struct Flags {
    counters: bool,
    verbose: u8,
    test: bool,
    noflush: bool,
    teach: bool,
}

/// Runs it; `name` is what it was called.
pub(crate) fn run(family: Family, name: &[u8], words: &[&[u8]]) -> u8 {
    let name = visible(name);
    let (words, teach) = teach::wanted(words);
    let (words, place) = match Place::wanted(family, &words) {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("{name}: {why}\nTry `{name} -h' for more information.");
            return 2;
        }
    };
    let given = match getopt::parse(&words, OPTIONS) {
        Ok(given) => given,
        Err(why) => {
            eprintln!("{name}: {why}\nTry `{name} -h' for more information.");
            return 1;
        }
    };
    let mut flags = Flags { teach, ..Flags::default() };
    let mut table = None;
    for (letter, value) in &given.options {
        match letter {
            b'b' => eprintln!("-b/--binary option is not implemented"),
            b'c' => flags.counters = true,
            b'v' => flags.verbose = flags.verbose.saturating_add(1),
            b't' => flags.test = true,
            b'n' => flags.noflush = true,
            b'T' => table = *value,
            b'V' => {
                println!("{}", Program(&name).version());
                return 0;
            }
            b'h' => {
                eprint!("{}", usage(&name));
                return 0;
            }
            &OTHER_FAMILY => {
                eprintln!("Try `{name} -h' for more information.");
                return 1;
            }
            _ => (),
        }
    }
    let text = match input(&given.words) {
        Ok(text) => text,
        Err(why) => {
            eprintln!("{why}");
            return 1;
        }
    };
    let options = RestoreOptions { family, counters: flags.counters, table, host: &Machine };
    Restore::new(family, &name, flags, place).all(&text, &options)
}

fn usage(name: &str) -> String {
    format!(
        "Usage: {name} [-c] [-v] [-V] [-t] [-h] [-n] [-T table] [-M command] [-4] [-6] [file]\n\
         \t   [ --counters ]\n\t   [ --verbose ]\n\t   [ --version]\n\t   [ --test ]\n\
         \t   [ --help ]\n\t   [ --noflush ]\n\t   [ --table=<TABLE> ]\n\
         \t   [ --modprobe=<command> ]\n\t   [ --ipv4 ]\n\t   [ --ipv6 ]\n"
    )
}

fn input(words: &[&[u8]]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    match words {
        [] => {
            let read = std::io::stdin().lock().read_to_end(&mut text);
            read.map_err(|e| format!("Can't read standard input: {e}"))?;
        }
        [path] => {
            text = std::fs::read(std::ffi::OsStr::from_bytes(path)).map_err(|e| {
                let why = oxtables_sys::errno::text(e.raw_os_error().unwrap_or(0));
                format!("Can't open {}: {why}", visible(path))
            })?;
        }
        _ => return Err("Unknown arguments found on commandline".to_owned()),
    }
    Ok(text)
}

/// Why a restore stops.
enum Stop {
    /// The text.
    Text(RestoreError),
    /// The kernel, or what is in it.
    Backend(BackendError),
    /// What was printed already, with the exit code.
    Printed(String, u8),
}

impl From<RestoreError> for Stop {
    fn from(e: RestoreError) -> Self {
        Self::Text(e)
    }
}

impl From<BackendError> for Stop {
    fn from(e: BackendError) -> Self {
        Self::Backend(e)
    }
}

struct Restore<'a> {
    family: Family,
    program: Program<'a>,
    flags: Flags,
    /// Opened with the first table, so that a text that is wrong from the start needs no rights.
    store: Option<Store>,
    place: Place,
    work: Option<Work>,
    /// The first jump to a chain that is not there, and its line.
    astray: Option<(u32, ChainName)>,
    /// Under `--noflush` the jumps of a table and their lines: whether their chains are there is
    /// only known at COMMIT.
    jumps: Vec<(u32, ChainName)>,
    echo: Vec<u8>,
}

impl<'a> Restore<'a> {
    fn new(family: Family, name: &'a str, flags: Flags, place: Place) -> Self {
        Self {
            family,
            program: Program(name),
            flags,
            store: None,
            place,
            work: None,
            astray: None,
            jumps: Vec::new(),
            echo: Vec::new(),
        }
    }

    fn all(&mut self, text: &[u8], options: &RestoreOptions<'_>) -> u8 {
        let done =
            oxtables_syntax::restore::read(text, options, |line, item| self.item(line, item));
        let (message, code, at) = match done {
            Ok(()) => (String::new(), 0, None),
            Err(Stop::Text(e)) => {
                let (message, code) = text_error(self.program, &e);
                (message, code, Some((e.line, e.column, Some(e.kind))))
            }
            Err(Stop::Backend(e)) => {
                let line = first_line(&e);
                let store = self.store.as_mut();
                let warning = store.map_or_else(String::new, |b| missing_extensions(b, &e));
                let (message, code) = self.program.backend(&e, true);
                (warning + &message, code, line.map(|l| (l, None, None)))
            }
            Err(Stop::Printed(message, code)) => (message, code, None),
        };
        self.flush_echo();
        eprint!("{message}");
        if let (true, Some((line, column, kind))) = (self.flags.teach, at) {
            eprint!("{}", teach::line(self.family, text, line, column, kind.as_ref()));
        }
        code
    }

    fn item(&mut self, line: u32, item: Item) -> Result<(), Stop> {
        match item {
            Item::Comment(text) => {
                // COMPAT: comments come at once, what was done when it is done.
                if self.flags.verbose > 0 {
                    show_text(&[&text, &b"\n"[..]].concat());
                }
                Ok(())
            }
            Item::Begin(table) => self.begin(table, line),
            Item::Declare { edit, bad_policy } => {
                if bad_policy && !self.flags.test {
                    return Err(self.failed(line, BAD_POLICY));
                }
                self.push(edit, line)
            }
            Item::Command(invocation) => self.command(invocation, line),
            Item::Aside(parsed) => {
                let outcome = aside_text(self.family, self.program, &parsed);
                self.echo.extend_from_slice(&outcome.stdout);
                self.flush_echo();
                // COMPAT: `-h` and `-V` end the program wherever they stand.
                Err(Stop::Printed(String::new(), 0))
            }
            Item::Commit => self.commit(line),
        }
    }

    fn failed(&self, line: u32, sentence: &str) -> Stop {
        let sentence = sentence.trim_end_matches(" Run `dmesg' for more information.");
        Stop::Printed(format!("{}: line {line} failed: {sentence}\n", self.program.0), 1)
    }

    fn begin(&mut self, table: TableName, line: u32) -> Result<(), Stop> {
        self.astray = None;
        self.jumps.clear();
        if self.flags.test {
            return Ok(());
        }
        if self.store.is_none() {
            self.store = Some(Store::open(self.family, &self.place)?);
        }
        self.work = self.store.as_ref().map(|store| store.begin(table));
        if self.flags.noflush {
            return Ok(());
        }
        if self.flags.verbose > 0 {
            self.echo_cleared(table)?;
        }
        self.push(Edit::Clear, line)
    }

    /// What `-v` says of a table that is emptied first.
    ///
    /// COMPAT: under `-v` upstream empties chain by chain, and so keeps the policies of built-in
    /// chains that the file does not name. A word more on the screen must not change what the file
    /// means, so here it does not.
    fn echo_cleared(&mut self, table: TableName) -> Result<(), Stop> {
        let Some(store) = &mut self.store else { return Ok(()) };
        let listing = store.list(table, Scope::Chains)?;
        for edit in [Edit::Flush { chain: None }, Edit::DeleteChain { chain: None }] {
            push_echo(&mut self.echo, self.family, 1, &listing.chains, &edit);
        }
        Ok(())
    }

    fn push(&mut self, edit: Edit, line: u32) -> Result<(), Stop> {
        let (Some(store), Some(work), false) = (&self.store, &mut self.work, self.flags.test)
        else {
            return Ok(());
        };
        let target = edit.rule().and_then(|r| r.chain()).cloned();
        if self.flags.noflush {
            self.jumps.extend(target.iter().map(|chain| (line, chain.clone())));
        }
        match store.push(work, edit, line) {
            Err(BackendError::Problem { problem: Problem::NoSuchTarget, tag }) => {
                // COMPAT: upstream looks at jumps when it comes to COMMIT, after all other faults.
                if self.astray.is_none() {
                    self.astray = target.map(|chain| (tag, chain));
                }
                Ok(())
            }
            done => Ok(done?),
        }
    }

    fn command(&mut self, invocation: Invocation, line: u32) -> Result<(), Stop> {
        if matches!(invocation.request, Request::Show { .. }) {
            return self.show(&invocation, line);
        }
        let Invocation { request: Request::Edit(edits), verbose, .. } = invocation else {
            return Ok(());
        };
        // COMPAT: a line is echoed when the whole table is replaced, or when it asks for it itself.
        let replaced = self.flags.verbose > 0 && !self.flags.noflush && !self.flags.test;
        let verbose = if replaced { 1 } else { verbose };
        for edit in edits {
            push_echo(&mut self.echo, self.family, verbose, &[], &edit);
            self.push(edit, line)?;
        }
        Ok(())
    }

    /// COMPAT: `-L` and `-S` among the lines show what the kernel has, which is what was there
    /// before this table's transaction; upstream shows the table as changed so far.
    fn show(&mut self, invocation: &Invocation, line: u32) -> Result<(), Stop> {
        self.flush_echo();
        let Some(store) = &mut self.store else { return Ok(()) };
        let outcome = editor::show(store, self.family, self.program, invocation);
        self.echo.extend_from_slice(&outcome.stdout);
        match outcome.code {
            0 => Ok(()),
            1 => Err(self.failed(line, problem_sentence(Problem::NoSuchChain))),
            code => Err(Stop::Printed(outcome.stderr, code)),
        }
    }

    fn commit(&mut self, line: u32) -> Result<(), Stop> {
        if let Some((at, chain)) = &self.astray {
            return Err(self.unknown_target(chain, *at, line));
        }
        let (Some(store), Some(work)) = (&mut self.store, self.work.take()) else { return Ok(()) };
        match store.commit(work) {
            Ok(()) => {
                self.flush_echo();
                Ok(())
            }
            Err(BackendError::Problem { problem: Problem::NoSuchTarget, tag }) => {
                let jump = self.jumps.iter().find(|(at, _)| *at == tag);
                let chain = jump.map_or_else(|| ChainName::new(b""), |(_, c)| c.clone());
                Err(self.unknown_target(&chain, tag, line))
            }
            Err(e) => Err(e.into()),
        }
    }

    /// COMPAT: the line named is that of COMMIT, as upstream names it.
    fn unknown_target(&self, chain: &ChainName, at: u32, line: u32) -> Stop {
        let sentence = UsageErrorKind::UnknownTarget(chain.bytes().to_vec()).to_string();
        let (mut text, code) = self.program.parameter(&sentence, line);
        if self.flags.teach {
            text.push_str(&format!("The jump stands in line {at}.\n"));
        }
        Stop::Printed(text, code)
    }

    fn flush_echo(&mut self) {
        show_text(&self.echo);
        self.echo.clear();
    }
}

fn show_text(text: &[u8]) {
    // A reader that went away is no error of ours.
    drop(write_shown(&mut std::io::stdout().lock(), text));
}

/// The line that the kernel's first refusal is about.
fn first_line(e: &BackendError) -> Option<u32> {
    let line = match e {
        BackendError::Problem { tag, .. } | BackendError::Unwritable { tag, .. } => *tag,
        BackendError::Refused(refusals) => refusals.first()?.tag,
        _ => return None,
    };
    (line > 0).then_some(line)
}

/// The message of a fault in the text, and the exit code.
pub(crate) fn text_error(program: Program<'_>, e: &RestoreError) -> (String, u8) {
    let line = e.line;
    let own = |what: String| program.parameter(&format!("{}: line {line} {what}", program.0), line);
    match &e.kind {
        RestoreErrorKind::OutsideTable => (format!("{}: line {line} failed\n", program.0), 1),
        RestoreErrorKind::CommitExpected => {
            (format!("{}: COMMIT expected at line {line}\n", program.0), 1)
        }
        RestoreErrorKind::Table(name) => own(format!("table name '{}' invalid", visible(name))),
        RestoreErrorKind::NoTable => own("table name invalid".to_owned()),
        RestoreErrorKind::NoChain => own("chain name invalid".to_owned()),
        RestoreErrorKind::NoPolicy => own("policy invalid".to_owned()),
        RestoreErrorKind::Usage(error) => program.usage(error, Some(line)),
        RestoreErrorKind::PolicyCounters(chain) => {
            let chain = visible(chain);
            let sentence = format!("invalid policy counters for chain '{chain}'");
            program.parameter(&sentence, line)
        }
        RestoreErrorKind::Bracket => program.parameter(&format!("Bad line {line}: need ]"), line),
        RestoreErrorKind::Words(WordsError::TooLong) => {
            program.parameter("Parameter too long!", line)
        }
        RestoreErrorKind::Words(WordsError::TooMany) => {
            program.parameter("Parser cannot handle more arguments", line)
        }
        RestoreErrorKind::Nul => {
            program.parameter(&format!("Bad line {line}: a NUL byte in it"), line)
        }
    }
}
