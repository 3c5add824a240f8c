//! `iptables-save` and `ip6tables-save`: the rule set as a file that restore takes back.

use crate::editor::{foreign_chains_note, has_foreign, legacy_warning};
use crate::getopt::{self, Opt, Value};
use crate::machine::write_shown;
use crate::message::Program;
use crate::store::{Place, Store};
use oxtables_backend::{BackendError, Scope};
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_model::TableName;
use oxtables_syntax::save::{self, ShowCounters};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt as _;

const OPTIONS: &[Opt] = &[
    Opt { letter: b'b', long: "", value: Value::No },
    Opt { letter: b'c', long: "counters", value: Value::No },
    Opt { letter: b'd', long: "dump", value: Value::No },
    Opt { letter: b't', long: "table", value: Value::Yes },
    Opt { letter: b'M', long: "modprobe", value: Value::Yes },
    Opt { letter: b'f', long: "file", value: Value::Yes },
    Opt { letter: b'V', long: "version", value: Value::No },
];

/// Runs it; `name` is what it was called.
pub(crate) fn run(family: Family, name: &[u8], words: &[&[u8]]) -> u8 {
    let name = visible(name);
    let program = Program(&name);
    let Ok((words, place)) =
        Place::wanted(family, words).inspect_err(|why| eprintln!("{name}: {why}"))
    else {
        return 2;
    };
    let given = match getopt::parse(&words, OPTIONS) {
        Ok(given) => given,
        Err(why) => {
            eprintln!("{name}: {why}\nLook at manual page `{name}.8' for more information.");
            return 1;
        }
    };
    let (mut table, mut file, mut counters) = (None, None, false);
    for (letter, value) in &given.options {
        match letter {
            b'b' => eprintln!("-b/--binary option is not implemented"),
            b'c' => counters = true,
            b't' => table = *value,
            b'f' => file = *value,
            b'V' => {
                println!("{}", program.version());
                return 0;
            }
            _ => (),
        }
    }
    if !given.words.is_empty() {
        eprintln!("Unknown arguments found on commandline");
        return 1;
    }
    let wanted = match table.map(|word| (word, TableName::parse(word))) {
        None => None,
        Some((_, Some(table))) => Some(table),
        Some((word, None)) => {
            eprintln!("Table `{}' does not exist", visible(word));
            return 1;
        }
    };
    let mut sink = match Sink::open(file) {
        Ok(sink) => sink,
        Err(e) => {
            let errno = e.raw_os_error().unwrap_or(0);
            eprintln!("Failed to open file, error: {}", oxtables_sys::errno::text(errno));
            return 1;
        }
    };
    let mut saver = Saver { family, name: &name, counters, sink: &mut sink };
    match saver.all(&place, wanted) {
        Ok(()) => sink.finish(),
        Err(e) => {
            let (text, code) = program.backend(&e, false);
            eprint!("{text}");
            code
        }
    }
}

/// Where the file goes to.
enum Sink {
    Stdout,
    File(BufWriter<File>),
}

impl Sink {
    fn open(path: Option<&[u8]>) -> std::io::Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        let path = std::ffi::OsStr::from_bytes(path);
        File::create(path).map(|f| Self::File(BufWriter::new(f)))
    }

    fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Stdout => write_shown(&mut std::io::stdout().lock(), text),
            Self::File(file) => file.write_all(text),
        }
    }

    fn finish(mut self) -> u8 {
        let done = match &mut self {
            Self::Stdout => std::io::stdout().flush(),
            Self::File(file) => file.flush(),
        };
        match done {
            Ok(()) => 0,
            Err(e) => {
                eprintln!("The rules could not be written whole: {e}");
                1
            }
        }
    }
}

struct Saver<'a> {
    family: Family,
    name: &'a str,
    counters: bool,
    sink: &'a mut Sink,
}

impl Saver<'_> {
    /// Saves one table, or each that is there.
    fn all(&mut self, place: &Place, wanted: Option<TableName>) -> Result<(), BackendError> {
        let mut store = Store::open(self.family, place)?;
        eprint!("{}", legacy_warning(&store, self.family, self.name));
        let there = store.tables()?;
        for table in TableName::ALL {
            let exists = there.iter().any(|t| t == table.word().as_bytes());
            // COMPAT: a table asked for by name is saved also when the kernel has none: empty.
            if wanted.map_or(exists, |w| w == table) {
                self.table(&mut store, table)?;
            }
        }
        Ok(())
    }

    fn table(&mut self, store: &mut Store, table: TableName) -> Result<(), BackendError> {
        let listing = store.list(table, Scope::All)?;
        let mut out = Vec::new();
        if !listing.foreign_base_chains.is_empty() {
            out.extend_from_slice(foreign_chains_note(table).as_bytes());
        }
        if listing.chains.iter().any(has_foreign) {
            // A file that left out or changed a rule would be untrue, so the table is not in it.
            let note = format!("# Table `{}' is incompatible, use 'nft' tool.\n", table.word());
            out.extend_from_slice(note.as_bytes());
            return self.flush(&mut out);
        }
        let date = now();
        let version = Program(self.name).version();
        out.extend_from_slice(format!("# Generated by {version} on {date}\n").as_bytes());
        out.extend_from_slice(format!("*{}\n", table.word()).as_bytes());
        for chain in &listing.chains {
            save::push_declaration(&mut out, chain);
        }
        let counters = if self.counters { ShowCounters::Before } else { ShowCounters::No };
        for chain in &listing.chains {
            for listed in &chain.rules {
                save::push_entry(&mut out, self.family, &chain.name, &listed.entry, counters);
                if out.len() > 1 << 16 {
                    self.flush(&mut out)?;
                }
            }
        }
        out.extend_from_slice(format!("COMMIT\n# Completed on {}\n", now()).as_bytes());
        self.flush(&mut out)
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), BackendError> {
        let written = self.sink.write(out);
        out.clear();
        written.map_err(|error| BackendError::Os { doing: oxtables_backend::Doing::Rules, error })
    }
}

/// The date as `ctime(3)` writes it.
fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    oxtables_sys::clock::ctime(seconds).unwrap_or_default().trim_end().to_owned()
}
