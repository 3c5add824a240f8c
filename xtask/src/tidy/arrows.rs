//! Which crate may know which. The one table is the block of ARCHITECTURE.md that begins with
//! ` ```arrows `; every crate has a line `name -> name, name` there.

use super::Repository;
use super::dependencies::declared;
use std::collections::BTreeMap;

const TABLE: &str = "ARCHITECTURE.md";
const PREFIX: &str = "oxtables-";

pub(super) fn check(repository: &Repository) -> Result<Vec<String>, String> {
    let text = repository.text(TABLE)?;
    let allowed = table(&text);
    if allowed.is_empty() {
        return Ok(vec![format!("{TABLE} has no block of arrows")]);
    }
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for manifest in repository.files.iter().filter(|f| f.ends_with("/Cargo.toml")) {
        let Some(name) =
            manifest.strip_prefix("crates/").and_then(|m| m.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        seen.push(name.to_owned());
        let Some(may) = allowed.get(name) else {
            faults.push(format!("{TABLE} has no arrows for {name}"));
            continue;
        };
        // Tests may look at a room from anywhere.
        let declared = declared(&repository.text(manifest)?, |s| !s.starts_with("dev-"));
        for used in declared.iter().filter_map(|d| d.strip_prefix(PREFIX)) {
            if !may.contains(&used) {
                faults.push(format!("{manifest}: {name} -> {used} is not among {TABLE}'s arrows"));
            }
        }
    }
    let gone = allowed.keys().filter(|name| !seen.iter().any(|s| s == *name));
    faults.extend(gone.map(|name| format!("{TABLE}: there is no crate {name}")));
    Ok(faults)
}

fn table(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let lines = text.lines().skip_while(|l| *l != "```arrows").skip(1);
    lines
        .take_while(|l| *l != "```")
        .filter_map(|line| line.split_once("->"))
        .map(|(name, used)| {
            let used = used.split(',').map(str::trim).filter(|u| !u.is_empty());
            (name.trim(), used.collect())
        })
        .collect()
}
