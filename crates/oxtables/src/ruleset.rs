//! The rules that packets are taken through: files, or what the back end has.

use crate::store::{Broken, Contents, Place, Store};
use oxtables_backend::Scope;
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_engine::{RuleRef, Ruleset};
use oxtables_model::{Chain, Table, TableName};
use oxtables_syntax::save::{self, ShowCounters};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The rules of one family or both, with the texts to show.
#[derive(Default)]
pub(crate) struct Rules {
    /// For the engine.
    pub(crate) rulesets: Vec<Ruleset>,
    tables: Vec<(Family, Table)>,
    /// The file of each family, safe to show.
    files: Vec<(Family, String)>,
}

impl Rules {
    /// Reads a save file of `family`.
    ///
    /// # Errors
    /// What is wrong with the file, with the line and the place in it; safe to show.
    pub(crate) fn add_file(&mut self, family: Family, path: &[u8]) -> Result<(), String> {
        let shown = visible(path);
        let text = std::fs::read(OsStr::from_bytes(path))
            .map_err(|e| format!("{shown} cannot be read: {e}"))?;
        self.add_text(family, path, &text)
    }

    /// As [`Self::add_file`], of a text that is called `path`.
    pub(crate) fn add_text(
        &mut self,
        family: Family,
        path: &[u8],
        text: &[u8],
    ) -> Result<(), String> {
        let mut ruleset = Ruleset::new(family);
        let parsed = Contents::parse(family, text, &mut |table, edit, line| {
            match edit {
                // Counters are taken on a second reading without them.
                None => ruleset = Ruleset::new(family),
                Some(edit) => ruleset.edit(table, edit, Some(line)).map_err(Broken::Rules)?,
            }
            Ok(())
        });
        let contents =
            parsed.map_err(|e| e.explain(family, Path::new(OsStr::from_bytes(path)), text))?;
        self.rulesets.push(ruleset);
        self.tables.extend(contents.into_tables().map(|t| (family, t)));
        self.files.push((family, visible(path)));
        Ok(())
    }

    /// Reads what the back end of `family` has now.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn add_live(&mut self, family: Family, place: &Place) -> Result<(), String> {
        let program = crate::message::Program(family.program());
        let says = |e| program.backend(&e, false).0.trim_end().to_owned();
        let mut store = Store::open(family, place).map_err(says)?;
        let there = store.tables().map_err(says)?;
        let mut ruleset = Ruleset::new(family);
        for name in TableName::ALL {
            if !there.iter().any(|t| t == name.word().as_bytes()) {
                continue;
            }
            let listing = store.list(name, Scope::All).map_err(says)?;
            ruleset.set_table(name, &listing.chains);
            let chains: Vec<Chain> = listing.chains.into_iter().filter(|c| c.exists).collect();
            self.tables.push((family, Table::with_chains(name, chains)));
        }
        self.rulesets.push(ruleset);
        Ok(())
    }

    /// The file that a family's rules are from.
    pub(crate) fn file(&self, family: Family) -> Option<&str> {
        self.files.iter().find(|(f, _)| *f == family).map(|(_, name)| name.as_str())
    }

    /// Whether they are what the back end has now.
    pub(crate) const fn is_live(&self) -> bool {
        self.files.is_empty()
    }

    /// The tables of a family.
    pub(crate) fn tables(&self, family: Family) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(move |(f, _)| *f == family).map(|(_, t)| t)
    }

    /// A rule as a save file has it; `policy DROP` of a policy. Safe to show.
    pub(crate) fn text(&self, family: Family, rule: &RuleRef) -> Option<String> {
        let table = self.tables(family).find(|t| t.name() == rule.table)?;
        let chain = table.chain(&rule.chain)?;
        let Some(at) = usize::try_from(rule.number).ok()?.checked_sub(1) else {
            return chain.base.map(|b| format!("policy {}", b.policy.word()));
        };
        let mut text = Vec::new();
        let entry = &chain.rules.get(at)?.entry;
        save::push_entry(&mut text, family, &chain.name, entry, ShowCounters::No);
        Some(visible(text.trim_ascii_end()))
    }
}
