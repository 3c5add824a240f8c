//! The rule editors, `iptables` and `ip6tables`: one command line, one transaction.

use crate::machine::Machine;
use crate::message::{Program, missing_extensions};
use crate::store::{Place, Store};
use crate::teach;
use oxtables_backend::{BackendError, Listing, Problem, Scope};
use oxtables_base::Family;
use oxtables_model::{Chain, ChainName, Edit, Hook, TableName};
use oxtables_syntax::list::Layout;
use oxtables_syntax::save::{self, ShowCounters};
use oxtables_syntax::{Invocation, Parsed, Request, Setting, UsageError, UsageErrorKind};
use std::io::Write as _;

/// What a command printed and how it ended.
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) code: u8,
    /// What went wrong, for those who explain it.
    trouble: Option<Trouble>,
}

/// What went wrong with a command.
enum Trouble {
    Usage(UsageError),
    Backend(BackendError),
}

impl Outcome {
    fn done(stdout: Vec<u8>) -> Self {
        Self { stdout, stderr: String::new(), code: 0, trouble: None }
    }

    fn usage(program: Program<'_>, error: UsageError) -> Self {
        let (stderr, code) = program.usage(&error, None);
        Self { stdout: Vec::new(), stderr, code, trouble: Some(Trouble::Usage(error)) }
    }

    fn backend(program: Program<'_>, error: BackendError) -> Self {
        let (stderr, code) = program.backend(&error, false);
        Self { stdout: Vec::new(), stderr, code, trouble: Some(Trouble::Backend(error)) }
    }

    /// Writes it out; what a terminal shows is made harmless first.
    pub(crate) fn print(self) -> u8 {
        let mut out = std::io::stdout().lock();
        // A reader that went away is no error of ours.
        drop(crate::machine::write_shown(&mut out, &self.stdout).and_then(|()| out.flush()));
        eprint!("{}", self.stderr);
        self.code
    }
}

/// Runs one command line.
pub(crate) fn run(family: Family, words: &[&[u8]]) -> u8 {
    let (words, teach) = teach::wanted(words);
    let program = Program(family.program());
    let (words, place) = match Place::wanted(family, &words) {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("{}: {why}", program.version());
            return 2;
        }
    };
    let setting = Setting { family, host: &Machine, restore: None };
    let (mut outcome, table, edits) = match oxtables_syntax::parse(&words, setting) {
        Ok(Parsed::Run(invocation)) => {
            let outcome = invoke(family, program, &place, &invocation);
            let edits = match invocation.request {
                Request::Edit(edits) => edits.into_vec(),
                Request::Show { .. } => Vec::new(),
            };
            (outcome, invocation.table, edits)
        }
        Ok(aside) => return aside_text(family, program, &aside).print(),
        Err(error) => (Outcome::usage(program, error), TableName::Filter, Vec::new()),
    };
    if teach {
        let lesson = match &outcome.trouble {
            Some(Trouble::Usage(error)) => teach::usage(family, &words, error),
            Some(Trouble::Backend(error)) => {
                teach::refusal(family, &words, table.word(), &edits, error)
            }
            None => String::new(),
        };
        outcome.stderr.push_str(&lesson);
    }
    outcome.print()
}

/// The answer to `-h` and `-V`.
pub(crate) fn aside_text(family: Family, program: Program<'_>, parsed: &Parsed) -> Outcome {
    let text = match parsed {
        Parsed::Help(extensions) => oxtables_syntax::help::help(family, extensions),
        Parsed::Version { not: false } => format!("{}\n", program.version()),
        Parsed::Version { not: true } => format!("Not {} (nf_tables) ;-)\n", crate::UPSTREAM),
        Parsed::OtherFamily | Parsed::Run(_) => String::new(),
    };
    Outcome::done(text.into_bytes())
}

/// Does what was asked.
fn invoke(family: Family, program: Program<'_>, place: &Place, invocation: &Invocation) -> Outcome {
    let mut store = match Store::open(family, place) {
        Ok(store) => store,
        Err(e) => return Outcome::backend(program, e),
    };
    match &invocation.request {
        Request::Edit(edits) => edit(&mut store, family, program, invocation, edits),
        Request::Show { .. } => show(&mut store, family, program, invocation),
    }
}

fn edit(
    store: &mut Store,
    family: Family,
    program: Program<'_>,
    invocation: &Invocation,
    edits: &[Edit],
) -> Outcome {
    let table = invocation.table;
    let mut echo = Vec::new();
    let names = match chain_names(store, invocation.verbose, table, edits) {
        Ok(names) => names,
        Err(e) => return Outcome::backend(program, e),
    };
    let mut work = store.begin(table);
    for edit in edits {
        push_echo(&mut echo, family, invocation.verbose, &names, edit);
        if let Err(e) = store.push(&mut work, edit.clone(), 0) {
            return Outcome::backend(program, e);
        }
    }
    match store.commit(work) {
        Ok(()) => Outcome::done(echo),
        Err(e) => {
            let warning = missing_extensions(store, &e);
            let failed = failure(program, e, edits);
            Outcome { stderr: warning + &failed.stderr, ..failed }
        }
    }
}

/// A jump to nowhere is a fault of the command line, not of the rule set.
fn failure(program: Program<'_>, error: BackendError, edits: &[Edit]) -> Outcome {
    if let BackendError::Problem { problem: Problem::NoSuchTarget, .. } = error {
        let mut targets = edits.iter().filter_map(|e| e.rule()?.chain());
        if let Some(chain) = targets.next() {
            let kind = UsageErrorKind::UnknownTarget(chain.bytes().to_vec());
            return Outcome::usage(program, kind.error());
        }
    }
    Outcome::backend(program, error)
}

/// The chains that an edit of all chains says it touched, when it says so.
fn chain_names(
    store: &mut Store,
    verbose: u8,
    table: TableName,
    edits: &[Edit],
) -> Result<Vec<Chain>, BackendError> {
    let all = |e: &Edit| {
        matches!(
            e,
            Edit::Flush { chain: None }
                | Edit::DeleteChain { chain: None }
                | Edit::Zero { chain: None, .. }
        )
    };
    if verbose == 0 || !edits.iter().any(all) {
        return Ok(Vec::new());
    }
    store.list(table, Scope::Chains).map(|l| l.chains)
}

/// Appends what `-v` says of an edit.
pub(crate) fn push_echo(
    echo: &mut Vec<u8>,
    family: Family,
    verbose: u8,
    chains: &[Chain],
    edit: &Edit,
) {
    if verbose == 0 {
        return;
    }
    if let Some(rule) = edit.rule() {
        return Layout::push_echo(family, &Machine, echo, rule);
    }
    let (word, chain) = match edit {
        Edit::Flush { chain } => ("Flushing", chain),
        Edit::DeleteChain { chain } => ("Deleting", chain),
        Edit::Zero { chain, number: None } => ("Zeroing", chain),
        _ => return,
    };
    let mut say = |name: &ChainName| {
        echo.extend_from_slice(format!("{word} chain `").as_bytes());
        echo.extend_from_slice(name.bytes());
        echo.extend_from_slice(b"'\n");
    };
    let builtin = |name: &ChainName| Hook::of_chain(name.bytes()).is_some();
    match chain {
        // COMPAT: that a built-in chain goes is not told.
        Some(name) if word == "Deleting" && builtin(name) => (),
        Some(name) => say(name),
        None => {
            let touched = chains.iter().filter(|c| word != "Deleting" || c.base.is_none());
            touched.for_each(|c| say(&c.name));
        }
    }
}

pub(crate) fn show(
    store: &mut Store,
    family: Family,
    program: Program<'_>,
    invocation: &Invocation,
) -> Outcome {
    let Request::Show { as_rules, chain, number, zero } = &invocation.request else {
        return Outcome::done(Vec::new());
    };
    let mut stderr = legacy_warning(store, family, family.program());
    let scope = chain.as_ref().map_or(Scope::All, |c| Scope::Chain(c.bytes()));
    let listing = match store.list(invocation.table, scope) {
        Ok(listing) => listing,
        Err(e) => return Outcome::backend(program, e),
    };
    if chain.is_some() && listing.chains.is_empty() {
        let missing = BackendError::Problem { problem: Problem::NoSuchChain, tag: 0 };
        return Outcome::backend(program, missing);
    }
    let mut out = Vec::new();
    if chain.is_none() && !listing.foreign_base_chains.is_empty() {
        out.extend_from_slice(foreign_chains_note(invocation.table).as_bytes());
    }
    if *as_rules {
        push_rules(&mut out, family, &listing, *number, invocation.verbose > 0, chain.is_some());
    } else {
        push_listing(&mut out, family, &listing, *number, invocation);
    }
    let mut code = 0;
    if let Some(foreign) = listing.chains.iter().find(|c| has_foreign(c)) {
        code = 1;
        let chain = chain.is_some().then_some(foreign);
        stderr.push_str(&incompatible(program, invocation.table, chain));
    }
    if *zero {
        let edits = [Edit::Zero { chain: chain.clone(), number: *number }];
        let zeroed = edit(store, family, program, invocation, &edits);
        out.extend_from_slice(&zeroed.stdout);
        stderr.push_str(&zeroed.stderr);
        code = code.max(zeroed.code);
    }
    Outcome { stdout: out, stderr, code, trouble: None }
}

/// Whether a chain holds a rule that is not understood.
pub(crate) fn has_foreign(chain: &Chain) -> bool {
    chain.rules.iter().any(|r| r.entry.rule().is_none())
}

/// COMPAT: upstream says this and lists nothing; here the rest is listed, and each rule that is not
/// understood is named foreign in its place. The message and the exit code are the same.
fn incompatible(program: Program<'_>, table: TableName, chain: Option<&Chain>) -> String {
    let chain = chain.map_or_else(String::new, |c| format!("chain `{}' in ", c.name));
    let table = table.word();
    format!("{}: {chain}table `{table}' is incompatible, use 'nft' tool.\n", program.version())
}

/// The note on base chains of somebody else.
pub(crate) fn foreign_chains_note(table: TableName) -> String {
    format!(
        "# Table `{}' contains incompatible base-chains, use 'nft' tool to list them.\n",
        table.word()
    )
}

/// The note that there are rules of the older kind, which are not shown here.
pub(crate) fn legacy_warning(store: &Store, family: Family, program: &str) -> String {
    if matches!(store, Store::File(_)) {
        return String::new();
    }
    let path = match family {
        Family::Ip4 => "/proc/net/ip_tables_names",
        Family::Ip6 => "/proc/net/ip6_tables_names",
    };
    let names = std::fs::read(path).unwrap_or_default();
    if names.is_empty() {
        return String::new();
    }
    let (base, suffix) = match program.strip_suffix("-save") {
        Some(_) => (family.program(), "-legacy-save"),
        None => (family.program(), "-legacy"),
    };
    format!("# Warning: {base}-legacy tables present, use {base}{suffix} to see them\n")
}

fn push_rules(
    out: &mut Vec<u8>,
    family: Family,
    listing: &Listing,
    number: Option<u32>,
    counted: bool,
    one: bool,
) {
    let counters = if counted { ShowCounters::Within } else { ShowCounters::No };
    if number.is_none() {
        for chain in &listing.chains {
            save::push_chain_command(out, chain, counters);
        }
    }
    let wanted = number.filter(|_| one).and_then(|n| usize::try_from(n).ok());
    for chain in &listing.chains {
        for (i, listed) in chain.rules.iter().enumerate() {
            if wanted.is_none_or(|n| n == i + 1) {
                save::push_entry(out, family, &chain.name, &listed.entry, counters);
            }
        }
    }
}

fn push_listing(
    out: &mut Vec<u8>,
    family: Family,
    listing: &Listing,
    number: Option<u32>,
    invocation: &Invocation,
) {
    let layout = Layout {
        family,
        numeric: invocation.numeric,
        verbose: invocation.verbose > 0,
        exact: invocation.exact,
        line_numbers: invocation.line_numbers,
        host: &Machine,
    };
    if let Some(n) = number {
        let at = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
        let rows = at.and_then(|at| listing.chains.first()?.rules.get(at));
        if let (Some(listed), Some(at)) = (rows, at) {
            layout.push_row(out, &listed.entry, at + 1);
        }
        return;
    }
    for (i, chain) in listing.chains.iter().enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        layout.push_header(out, chain);
        for (at, listed) in chain.rules.iter().enumerate() {
            layout.push_row(out, &listed.entry, at + 1);
        }
    }
}
