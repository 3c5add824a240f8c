//! Where the commands of the family find the rules: the kernel, or a save file.
//!
//! `--backend WHERE` on any of them, or else the environment's `OXTABLES_BACKEND`, says which; without either it is the
//! kernel. A save file needs no privileges and is not checked as the kernel checks: a match in the wrong hook, a loop of
//! jumps or an extension that no kernel has goes in.

mod file;

pub(crate) use file::{Broken, Contents, set_counters};

use crate::machine::Machine;
use file::{Changes, RulesFile};
use oxtables_backend::{Backend, BackendError, Listing, Scope, Transaction};
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_model::{Edit, TableName};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The option that says where.
const OPTION: &[u8] = b"--backend";

/// The variable that says where.
const VARIABLE: &str = "OXTABLES_BACKEND";

/// Where rules live.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// The kernel's nf_tables: `nft`.
    Kernel,
    /// A save file: `file:PATH`.
    File(PathBuf),
}

impl Place {
    /// Where the words, or else the environment, say that rules live, and the words without that option.
    ///
    /// # Errors
    /// A sentence, when what is said names no place.
    pub(crate) fn wanted<'a>(
        family: Family,
        words: &[&'a [u8]],
    ) -> Result<(Vec<&'a [u8]>, Self), String> {
        let mut kept = Vec::with_capacity(words.len());
        let mut place = None;
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let glued = word.strip_prefix(OPTION).and_then(|rest| rest.strip_prefix(b"="));
            let value = match glued {
                None if word == OPTION => {
                    Some(*words.next().ok_or("option '--backend' requires an argument")?)
                }
                glued => glued,
            };
            match value {
                Some(value) => place = Some(Self::parse(value)?),
                None => kept.push(word),
            }
        }
        let place = match place {
            Some(place) => place,
            None => Self::of_environment(family)?,
        };
        Ok((kept, place))
    }

    fn parse(word: &[u8]) -> Result<Self, String> {
        match word.strip_prefix(b"file:") {
            Some(path) if !path.is_empty() => {
                Ok(Self::File(PathBuf::from(OsStr::from_bytes(path))))
            }
            _ if word == b"nft" => Ok(Self::Kernel),
            _ => Err(format!("there is no back end `{}' (nft, file:PATH)", visible(word))),
        }
    }

    /// The variable serves both families, and one file cannot: the IPv6 rules are beside the IPv4 ones.
    fn of_environment(family: Family) -> Result<Self, String> {
        let word = std::env::var_os(VARIABLE).unwrap_or_default();
        if word.is_empty() {
            return Ok(Self::Kernel);
        }
        let said = Self::parse(word.as_bytes()).map_err(|why| format!("{VARIABLE}: {why}"))?;
        Ok(match said {
            Self::File(path) => Self::File(of_family(family, &path)),
            Self::Kernel => Self::Kernel,
        })
    }
}

/// `rules.v4` and `rules.v6` for each other; any other name is the IPv4 file, and with `.v6` behind it the IPv6 one.
fn of_family(family: Family, path: &Path) -> PathBuf {
    let extension = path.extension().map(OsStr::as_bytes);
    match (family, extension) {
        (Family::Ip4, Some(b"v6")) => path.with_extension("v4"),
        (Family::Ip6, Some(b"v4")) => path.with_extension("v6"),
        (Family::Ip6, extension) if extension != Some(b"v6") => {
            let mut name = path.as_os_str().to_owned();
            name.push(".v6");
            PathBuf::from(name)
        }
        _ => path.to_owned(),
    }
}

/// The rules of one family, to be listed and changed.
pub(crate) enum Store {
    Kernel(Backend<'static>),
    File(RulesFile),
}

/// Edits of one table that take effect together or not at all.
pub(crate) enum Work {
    Kernel(Transaction),
    File(Changes),
}

impl Store {
    /// Opens it. A file that is not there is an empty rule set.
    pub(crate) fn open(family: Family, place: &Place) -> Result<Self, BackendError> {
        match place {
            Place::Kernel => Backend::open(family, &Machine).map(Self::Kernel),
            Place::File(path) => Ok(Self::File(RulesFile::new(family, path.clone()))),
        }
    }

    /// The names of the tables that are there.
    pub(crate) fn tables(&mut self) -> Result<Vec<Vec<u8>>, BackendError> {
        match self {
            Self::Kernel(backend) => backend.tables(),
            Self::File(file) => file.tables(),
        }
    }

    /// What a table holds.
    pub(crate) fn list(
        &mut self,
        table: TableName,
        scope: Scope<'_>,
    ) -> Result<Listing, BackendError> {
        match self {
            Self::Kernel(backend) => backend.list(table, scope),
            Self::File(file) => file.list(table, scope),
        }
    }

    /// Whether an extension is known there at a revision.
    pub(crate) fn has_revision(
        &mut self,
        name: &[u8],
        rev: u8,
        target: bool,
    ) -> Result<bool, BackendError> {
        match self {
            Self::Kernel(backend) => backend.has_revision(name, rev, target),
            Self::File(_) => Ok(true),
        }
    }

    /// Edits of a table, none yet.
    pub(crate) fn begin(&self, table: TableName) -> Work {
        match self {
            Self::Kernel(_) => Work::Kernel(Transaction::new(table)),
            Self::File(_) => Work::File(Changes::new(table)),
        }
    }

    /// Adds an edit; `tag` is told again when it fails.
    pub(crate) fn push(&self, work: &mut Work, edit: Edit, tag: u32) -> Result<(), BackendError> {
        match (self, work) {
            (Self::Kernel(backend), Work::Kernel(transaction)) => {
                backend.push(transaction, edit, tag)
            }
            (_, Work::File(changes)) => changes.push(edit, tag),
            // What was begun elsewhere has no place here.
            (Self::File(_), Work::Kernel(_)) => Err(BackendError::Changing),
        }
    }

    /// Applies the edits: all of them or none.
    pub(crate) fn commit(&mut self, work: Work) -> Result<(), BackendError> {
        match (self, work) {
            (Self::Kernel(backend), Work::Kernel(transaction)) => backend.commit(transaction),
            (Self::File(file), Work::File(changes)) => file.commit(changes),
            _ => Err(BackendError::Changing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_may_stand_anywhere() {
        let words: [&[u8]; 5] = [b"-A", b"INPUT", b"--backend", b"file:x.v4", b"-f"];
        let (kept, place) = Place::wanted(Family::Ip6, &words).unwrap();
        assert_eq!(kept, [&b"-A"[..], b"INPUT", b"-f"]);
        assert_eq!(place, Place::File("x.v4".into()));
        let (_, place) = Place::wanted(Family::Ip4, &[b"--backend=nft"]).unwrap();
        assert_eq!(place, Place::Kernel);
        for bad in [&b"--backend"[..], b"--backend=", b"--backend=file:", b"--backend=\x1b"] {
            let why = Place::wanted(Family::Ip4, &[bad]).unwrap_err();
            assert!(!why.contains('\x1b'), "{why}");
        }
    }

    #[test]
    fn each_family_has_its_file() {
        for (given, v4, v6) in [
            ("/etc/rules.v4", "/etc/rules.v4", "/etc/rules.v6"),
            ("/etc/rules.v6", "/etc/rules.v4", "/etc/rules.v6"),
            ("fw.txt", "fw.txt", "fw.txt.v6"),
        ] {
            assert_eq!(of_family(Family::Ip4, Path::new(given)), Path::new(v4));
            assert_eq!(of_family(Family::Ip6, Path::new(given)), Path::new(v6));
        }
    }
}
