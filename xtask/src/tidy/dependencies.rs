//! Every crate of others: its licence, that it is no proc-macro, and its sentence in
//! ARCHITECTURE.md.

use super::{Repository, told};
use std::collections::BTreeSet;
use std::process::Command;

const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
const SENTENCES: &str = "ARCHITECTURE.md";

pub(super) fn check(repository: &Repository) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for line in tree(repository, &[])? {
        let (package, licence) = line.split_once('|').unwrap_or((&line, ""));
        if !is_allowed(licence) {
            faults.push(format!("{package}: licence `{licence}'"));
        }
        if package.contains("(proc-macro)") {
            faults.push(format!("{package}: a static binary's build cannot make proc-macros"));
        }
    }
    let sentences = repository.text(SENTENCES)?;
    for line in tree(repository, &["--no-dedupe", "--depth", "1"])? {
        let name = line.split(' ').next().unwrap_or_default();
        let ours = line.contains(" (/");
        if !ours && !sentences.contains(&format!("| `{name}` |")) {
            faults.push(format!("{name}: {SENTENCES} does not say what it is for"));
        }
    }
    faults.extend(unused(repository)?);
    Ok(faults)
}

/// Dependencies that no source of their package names.
fn unused(repository: &Repository) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for manifest in repository.files.iter().filter(|f| f.ends_with("/Cargo.toml")) {
        let folder = manifest.trim_end_matches("Cargo.toml");
        let mut text = String::new();
        for source in repository.sources().filter(|s| s.starts_with(folder)) {
            text.push_str(&repository.text(source)?);
        }
        for name in declared(&repository.text(manifest)?, |_| true) {
            if !text.contains(&name.replace('-', "_")) {
                faults.push(format!("{manifest}: {name} is not used"));
            }
        }
    }
    Ok(faults)
}

/// The names of a manifest's dependencies in the sections wanted, `dev-dependencies` say.
pub(super) fn declared(manifest: &str, wanted: fn(&str) -> bool) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            in_dependencies = section.ends_with("dependencies") && wanted(section);
        } else if in_dependencies && line.starts_with(|c: char| c.is_ascii_lowercase()) {
            names.push(line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned());
        }
    }
    names
}

/// The packages that are built, `NAME VERSION (where)|LICENCE`.
fn tree(repository: &Repository, more: &[&str]) -> Result<BTreeSet<String>, String> {
    let text = told(
        Command::new(env!("CARGO"))
            .args(["tree", "--workspace", "--locked", "--edges", "normal,build,dev"])
            .args(["--prefix", "none", "--format", "{p}|{l}"])
            .args(more)
            .current_dir(&repository.root),
    )?;
    let lines = text.lines().map(|l| l.trim_end_matches(" (*)"));
    Ok(lines.filter(|l| !l.is_empty()).map(str::to_owned).collect())
}

/// Whether one of the choices is allowed in all its parts.
fn is_allowed(licence: &str) -> bool {
    let choices = licence.replace('/', " OR ");
    choices.split(" OR ").any(|choice| {
        choice.split(" AND ").all(|part| ALLOWED.contains(&part.trim_matches([' ', '(', ')'])))
    })
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn one_choice_is_enough_and_all_its_parts_are_needed() {
        assert!(is_allowed("MIT OR GPL-2.0"));
        assert!(is_allowed("Unlicense/MIT"));
        assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!is_allowed("MIT AND GPL-2.0"));
        assert!(!is_allowed(""));
    }
}
