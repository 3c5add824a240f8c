//! The extensions as documents see them: one entry a name and description.

use oxtables_ext::args::OptDef;
use oxtables_ext::{Families, MATCHES, Spec, TARGETS};

/// An extension of one name, and where it exists.
pub(super) struct Entry {
    /// Its description.
    pub(super) spec: &'static Spec,
    /// The families this description is for.
    pub(super) families: Families,
}

impl Entry {
    /// The long names of its options, the second names after the first.
    pub(super) fn option_names(&self) -> impl Iterator<Item = (&'static str, &'static OptDef)> {
        self.spec.options.iter().flat_map(|def| {
            std::iter::once(def.name).chain(def.aliases.iter().copied()).map(move |n| (n, def))
        })
    }
}

/// The matches in the order of their names.
pub(super) fn matches() -> Vec<Entry> {
    entries(MATCHES.iter().map(|k| k.spec))
}

/// The targets in the order of their names; the verdicts are no extensions.
pub(super) fn targets() -> Vec<Entry> {
    entries(TARGETS.iter().map(|k| k.spec))
}

/// Two kinds that differ in their families alone are one entry.
fn entries(specs: impl Iterator<Item = &'static Spec>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for spec in specs {
        match entries.iter_mut().find(|e| reads_alike(e.spec, spec)) {
            Some(entry) => entry.families = Families::Both,
            None => entries.push(Entry { spec, families: spec.families }),
        }
    }
    entries.sort_by_key(|e| e.spec.name.to_lowercase());
    entries
}

fn reads_alike(a: &Spec, b: &Spec) -> bool {
    let line = |d: &OptDef| (d.name, d.syntax, d.help, d.invertible);
    a.name == b.name && a.doc == b.doc && a.options.iter().map(line).eq(b.options.iter().map(line))
}
