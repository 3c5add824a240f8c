//! An extension file that is not in both lists would be dead without a word from the compiler.

use super::Repository;

const LIST: &str = "crates/ext/src/any.rs";

pub(super) fn check(repository: &Repository) -> Result<Vec<String>, String> {
    let list = repository.text(LIST)?;
    let mut faults = Vec::new();
    for kind in ["matches", "targets"] {
        let folder = format!("crates/ext/src/{kind}/");
        let modules = repository.text(&format!("{folder}mod.rs"))?;
        let names = repository.files.iter().filter_map(|f| {
            let name = f.strip_prefix(&folder)?.strip_suffix(".rs")?;
            (!name.contains('/') && name != "mod").then_some((f, name))
        });
        for (file, name) in names {
            let declared = |l: &str| l.strip_suffix(&format!("mod {name};")).is_some();
            if !modules.lines().any(declared) {
                faults.push(format!("{file} is not in {folder}mod.rs"));
            }
            let extends = repository.text(file)?.lines().any(is_extension);
            if extends && !list.contains(&format!("{kind}::{name}::")) {
                faults.push(format!("{file} has an extension that is not in {LIST}"));
            }
        }
    }
    Ok(faults)
}

/// Its own description, not one handed on by a piece that several extensions share.
fn is_extension(line: &str) -> bool {
    line.trim() == "const SPEC: Spec = Spec {"
}
