//! The second process: it waits for the first to end, and removes its rules.

use crate::store::{Place, Store};
use oxtables_backend::{BackendError, Scope};
use oxtables_base::Family;
use oxtables_model::{Edit, Place as Which, TableName};
use oxtables_syntax::save::{self, ShowCounters};
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// The word that makes this binary the second process.
pub(crate) const WORD: &str = "trace-guard";

/// How the comment of a temporary rule begins; the number of its process follows.
const COMMENT: &str = "oxtables trace ";

/// The comment of the temporary rules of a process.
pub(super) fn comment(pid: u32) -> String {
    format!("{COMMENT}{pid}")
}

/// The second process, waiting.
pub(super) struct Guard(Child);

impl Guard {
    /// Starts it, in a process group of its own: what ends this one by the terminal does not end it.
    pub(super) fn start(family: Family) -> io::Result<Self> {
        let pid = std::process::id().to_string();
        let child = Command::new("/proc/self/exe")
            .args([WORD, family.program(), &pid])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// Lets it remove the rules, and waits until they are gone.
    pub(super) fn end(mut self) -> io::Result<()> {
        drop(self.0.stdin.take());
        if self.0.wait()?.success() {
            Ok(())
        } else {
            Err(io::Error::other("they were not removed"))
        }
    }
}

/// Runs the second process: `words` are the program of the family and the number of the first process.
pub(crate) fn run(words: &[&[u8]]) -> u8 {
    let [program, pid] = words else { return 2 };
    let family = if *program == b"ip6tables" { Family::Ip6 } else { Family::Ip4 };
    let Some(pid) = oxtables_base::number::parse_decimal(pid).and_then(|n| u32::try_from(n).ok())
    else {
        return 2;
    };
    // Its other end is closed when the first process is gone, whatever ended it.
    let mut nothing = Vec::new();
    let _ended_either_way = io::stdin().lock().read_to_end(&mut nothing);
    let removed = Store::open(family, &Place::Kernel)
        .and_then(|mut store| remove(family, &mut store, |of| of == pid));
    u8::from(removed.is_err())
}

/// Removes what processes left that are gone with their second ones: a machine that lost its power, say.
pub(super) fn sweep(family: Family, store: &mut Store) -> Result<(), BackendError> {
    let gone = |pid: u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
    remove(family, store, gone)
}

/// Removes the temporary rules of the processes that `of` says yes to.
fn remove(family: Family, store: &mut Store, of: impl Fn(u32) -> bool) -> Result<(), BackendError> {
    if !store.tables()?.iter().any(|t| t == TableName::Raw.word().as_bytes()) {
        return Ok(());
    }
    let listing = store.list(TableName::Raw, Scope::All)?;
    let mut work = store.begin(TableName::Raw);
    let mut some = false;
    for chain in &listing.chains {
        for rule in chain.rules.iter().filter_map(|l| l.entry.rule()) {
            let mut text = Vec::new();
            save::push_rule(&mut text, family, &chain.name, rule, ShowCounters::No);
            if owner(&text).is_some_and(&of) {
                let (chain, place) = (chain.name.clone(), Which::Rule(rule.clone()));
                store.push(&mut work, Edit::Delete { chain, place }, 0)?;
                some = true;
            }
        }
    }
    if some { store.commit(work) } else { Ok(()) }
}

/// The process whose temporary rule this is, if it is one.
pub(super) fn owner(rule: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(rule).ok()?.trim_end();
    let text = text.strip_suffix(" -j TRACE")?.strip_suffix('"')?;
    let (_, pid) = text.rsplit_once(&format!(" --comment \"{COMMENT}"))?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_temporary_rule_has_an_owner() {
        let line = |end: &str| format!("-A OUTPUT -p tcp -m comment --comment {end}\n");
        assert_eq!(owner(line("\"oxtables trace 77\" -j TRACE").as_bytes()), Some(77));
        for other in ["\"oxtables trace 77\" -j DROP", "\"oxtables trace\" -j TRACE", "x -j TRACE"]
        {
            assert_eq!(owner(line(other).as_bytes()), None, "{other}");
        }
    }
}
