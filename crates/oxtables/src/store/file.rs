//! Rules that live in a save file.

use crate::machine::Machine;
use crate::message::{Program, problem_sentence};
use crate::{restore, teach};
use oxtables_backend::{BackendError, Listing, Object, Refusal, Scope, Step};
use oxtables_base::text::visible;
use oxtables_base::{Counters, Family};
use oxtables_engine::{Engine, RuleRef, RulesetError};
use oxtables_model::{Edit, Entry, NotApplied, Table, TableName};
use oxtables_syntax::Request;
use oxtables_syntax::restore::{Item, RestoreError, RestoreErrorKind, RestoreOptions, read};
use oxtables_syntax::save::{self, ShowCounters};
use oxtables_sys::lock;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// `errno` 16.
const EBUSY: i32 = 16;

/// A save file of one family.
pub(crate) struct RulesFile {
    family: Family,
    path: PathBuf,
}

/// Edits of one table, kept until they are committed.
pub(crate) struct Changes {
    table: TableName,
    /// The table they give, when they begin with [`Edit::Clear`] and so depend on nothing.
    fresh: Option<Table>,
    /// Else the edits and their tags.
    edits: Vec<(Edit, u32)>,
}

impl Changes {
    pub(super) fn new(table: TableName) -> Self {
        Self { table, fresh: None, edits: Vec::new() }
    }

    pub(super) fn push(&mut self, edit: Edit, tag: u32) -> Result<(), BackendError> {
        if self.edits.is_empty() && self.fresh.is_none() && edit == Edit::Clear {
            self.fresh = Some(Table::new(self.table));
            return Ok(());
        }
        match &mut self.fresh {
            Some(table) => apply(table, &edit, tag),
            None => {
                self.edits.push((edit, tag));
                Ok(())
            }
        }
    }
}

fn apply(table: &mut Table, edit: &Edit, tag: u32) -> Result<(), BackendError> {
    table.apply(edit).map_err(|e| match e {
        NotApplied::Problem(problem) => BackendError::Problem { problem, tag },
        NotApplied::Busy(chain) => {
            let step = Some((Step::ChainDel, Object::Chain(chain.bytes().into())));
            let (errno, text, expression) = (EBUSY, None, None);
            BackendError::Refused(vec![Refusal { step, errno, tag, text, expression }])
        }
    })
}

/// What a save file says.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The comments above the first table, but for those that save writes.
    header: Vec<u8>,
    tables: Vec<Table>,
}

/// Why the text of a file is no rule set.
pub(crate) enum Broken {
    /// The text.
    Text(RestoreError),
    /// An edit of this line cannot be.
    Edit(u32, BackendError),
    /// The engine cannot take it.
    Rules(RulesetError),
}

impl From<RestoreError> for Broken {
    fn from(e: RestoreError) -> Self {
        Self::Text(e)
    }
}

impl Broken {
    /// What is wrong, with the line, the place in it, the cause and the fix; safe to show.
    pub(crate) fn explain(&self, family: Family, path: &Path, text: &[u8]) -> String {
        let program = Program(family.program());
        let (why, line, column, kind) = match self {
            Self::Text(e) => (restore::text_error(program, e).0, e.line, e.column, Some(&e.kind)),
            Self::Edit(line, BackendError::Problem { problem, .. }) => {
                (problem_sentence(*problem).to_owned(), *line, None, None)
            }
            Self::Edit(line, e) => (program.backend(e, true).0, *line, None, None),
            Self::Rules(e) => (e.to_string(), e.line.unwrap_or(0), None, None),
        };
        let lesson = teach::line(family, text, line, column, kind);
        let first = why.lines().next().unwrap_or_default();
        let first = first.strip_prefix(&format!("{}: ", program.version())).unwrap_or(first);
        format!("{}: line {line}: {first}\n{lesson}", shown(path)).trim_end().to_owned()
    }
}

/// Is told each edit of a file with its table and line, and `None` when it is read again from its beginning.
pub(crate) type EachEdit<'a> =
    &'a mut dyn FnMut(TableName, Option<&Edit>, u32) -> Result<(), Broken>;

impl Contents {
    /// Reads the text of a save file.
    pub(crate) fn parse(family: Family, text: &[u8], each: EachEdit<'_>) -> Result<Self, Broken> {
        // Files written by hand often leave out the counters of policies; then none are taken.
        match Self::parse_with(family, text, true, each) {
            Err(Broken::Text(RestoreError {
                kind: RestoreErrorKind::PolicyCounters(_), ..
            })) => {
                each(TableName::Filter, None, 0)?;
                Self::parse_with(family, text, false, each)
            }
            parsed => parsed,
        }
    }

    fn parse_with(
        family: Family,
        text: &[u8],
        counters: bool,
        each: EachEdit<'_>,
    ) -> Result<Self, Broken> {
        let mut contents = Self::default();
        let mut open: Option<Table> = None;
        let options = RestoreOptions { family, counters, table: None, host: &Machine };
        read(text, &options, |line, item| {
            let edits = match item {
                Item::Comment(comment) => {
                    contents.comment(&comment, open.is_some());
                    return Ok(());
                }
                Item::Begin(name) => {
                    open = Some(Table::new(name));
                    return each(name, Some(&Edit::Clear), line);
                }
                Item::Commit => {
                    contents.tables.extend(open.take());
                    return Ok(());
                }
                Item::Declare { edit, .. } => vec![edit],
                Item::Command(invocation) => match invocation.request {
                    Request::Edit(edits) => edits.into_vec(),
                    Request::Show { .. } => Vec::new(),
                },
                Item::Aside(_) => Vec::new(),
            };
            let Some(table) = &mut open else { return Ok(()) };
            edits.iter().try_for_each(|edit| {
                apply(table, edit, line).map_err(|e| Broken::Edit(line, e))?;
                each(table.name(), Some(edit), line)
            })
        })?;
        Ok(contents)
    }

    /// The tables, each as the file has it last.
    pub(crate) fn into_tables(mut self) -> impl Iterator<Item = Table> {
        let mut seen = Vec::new();
        self.tables.reverse();
        self.tables.into_iter().filter(move |t| {
            let new = !seen.contains(&t.name());
            seen.push(t.name());
            new
        })
    }

    fn comment(&mut self, comment: &[u8], inside: bool) {
        let written = [&b"# Generated by "[..], b"# Completed on "];
        let saved = written.iter().any(|w| comment.starts_with(w));
        if self.tables.is_empty() && !inside && !saved {
            self.header.extend_from_slice(comment);
            self.header.push(b'\n');
        }
    }

    /// The table of that name as the file has it: the last one, as a restore would leave it.
    fn table(&self, name: TableName) -> Option<&Table> {
        self.tables.iter().rev().find(|t| t.name() == name)
    }

    fn replace(&mut self, table: Table) {
        let name = table.name();
        self.tables.retain(|t| t.name() != name);
        if table.exists() {
            self.tables.push(table);
        }
    }

    /// As text.
    fn text(&self, family: Family) -> Vec<u8> {
        let mut out = self.header.clone();
        for table in TableName::ALL.into_iter().filter_map(|name| self.table(name)) {
            out.extend_from_slice(format!("*{}\n", table.name().word()).as_bytes());
            let chains = table.listing();
            for chain in &chains {
                save::push_declaration(&mut out, chain);
            }
            for chain in &chains {
                for listed in &chain.rules {
                    let counted = listed.entry.counters() != Counters::default();
                    let counters = if counted { ShowCounters::Before } else { ShowCounters::No };
                    save::push_entry(&mut out, family, &chain.name, &listed.entry, counters);
                }
            }
            out.extend_from_slice(b"COMMIT\n");
        }
        out
    }
}

impl RulesFile {
    pub(super) const fn new(family: Family, path: PathBuf) -> Self {
        Self { family, path }
    }

    fn fails(&self, what: &str, error: &io::Error) -> BackendError {
        let why = oxtables_sys::errno::text(error.raw_os_error().unwrap_or(0));
        BackendError::File(format!("{} cannot be {what}: {why}", shown(&self.path)))
    }

    fn read(&self) -> Result<Contents, BackendError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Contents::default()),
            Err(e) => return Err(self.fails("read", &e)),
        };
        Contents::parse(self.family, &text, &mut |_, _, _| Ok(()))
            .map_err(|e| BackendError::File(e.explain(self.family, &self.path, &text)))
    }

    pub(super) fn tables(&self) -> Result<Vec<Vec<u8>>, BackendError> {
        let contents = self.read()?;
        Ok(contents.tables.iter().map(|t| t.name().word().as_bytes().to_vec()).collect())
    }

    pub(super) fn list(&self, name: TableName, scope: Scope<'_>) -> Result<Listing, BackendError> {
        let contents = self.read()?;
        let table = contents.table(name);
        let empty = Table::new(name);
        let mut chains = table.unwrap_or(&empty).listing();
        match scope {
            Scope::All => (),
            Scope::Chain(one) => chains.retain(|c| c.name.bytes() == one),
            Scope::Chains => chains.iter_mut().for_each(|c| c.rules.clear()),
        }
        Ok(Listing { exists: table.is_some(), chains, foreign_base_chains: Vec::new() })
    }

    pub(super) fn commit(&self, changes: Changes) -> Result<(), BackendError> {
        // Whoever waits here reads what the one before has written, so no edit is lost.
        let beside = with_suffix(&self.path, ".lock");
        let _lock = lock::take(&beside, true).map_err(|e| self.fails("locked", &e))?;
        let mut contents = self.read()?;
        let table = match changes.fresh {
            Some(table) => table,
            None => {
                let there = contents.table(changes.table).cloned();
                let mut table = there.unwrap_or_else(|| Table::new(changes.table));
                for (edit, tag) in &changes.edits {
                    apply(&mut table, edit, *tag)?;
                }
                if changes.edits.iter().all(|(e, _)| matches!(e, Edit::Check { .. })) {
                    return Ok(());
                }
                table
            }
        };
        contents.replace(table);
        let text = contents.text(self.family);
        self.write(&text).map_err(|e| self.fails("written", &e))
    }

    /// Writes a file beside it and puts that in its place: at any instant the old text is there, or the new.
    fn write(&self, text: &[u8]) -> io::Result<()> {
        // A link stays a link.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let new = with_suffix(&path, ".new");
        let mode: Option<Permissions> = std::fs::metadata(&path).ok().map(|m| m.permissions());
        let mut file = File::create(&new)?;
        if let Some(mode) = mode {
            file.set_permissions(mode)?;
        }
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir)?.sync_all()
    }
}

/// Writes what an engine with the rules of a file has counted into the file.
pub(crate) fn set_counters(family: Family, path: &Path, engine: &Engine) -> io::Result<()> {
    let file = RulesFile::new(family, path.to_owned());
    let _lock = lock::take(&with_suffix(path, ".lock"), true)?;
    let text = std::fs::read(path)?;
    let parsed = Contents::parse(family, &text, &mut |_, _, _| Ok(()));
    let mut contents = parsed.map_err(|e| io::Error::other(e.explain(family, path, &text)))?;
    for table in &mut contents.tables {
        let name = table.name();
        let mut chains = table.listing();
        chains.retain(|c| c.exists);
        for chain in &mut chains {
            let counted = engine.chain_counters(family, name, &chain.name).unwrap_or_default();
            for (listed, counters) in chain.rules.iter_mut().zip(counted) {
                if let Entry::Rule(rule) = &mut listed.entry {
                    rule.counters = counters;
                }
            }
            let policy = |r: &RuleRef| r.table == name && *r.chain == chain.name && r.number == 0;
            let all = engine.counters(family);
            if let (Some(base), Some((_, counters))) =
                (&mut chain.base, all.into_iter().find(|(r, _)| policy(r)))
            {
                base.counters = counters;
            }
        }
        *table = Table::with_chains(name, chains);
    }
    file.write(&contents.text(family))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OsStr::new(suffix));
    PathBuf::from(name)
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_bytes())
}
