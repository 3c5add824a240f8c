//! The lists of extensions in the READMEs: what stands between two marks.

use super::table::{self, Entry};
use crate::tidy::Repository;

const FILES: [&str; 2] = ["README.md", "README.ja.md"];
const BEGIN: &str = "<!-- extensions: written by cargo xtask docs -->\n";
const END: &str = "<!-- end of extensions -->\n";

/// The READMEs with their lists as they should be.
pub(super) fn readmes(repository: &Repository) -> Result<Vec<(String, String)>, String> {
    let mut made = Vec::new();
    for file in FILES {
        let text = repository.text(file)?;
        let parts = text.split_once(BEGIN).and_then(|(head, rest)| {
            let (_, tail) = rest.split_once(END)?;
            Some((head, tail))
        });
        let (head, tail) = parts.ok_or_else(|| format!("{file} has no place for extensions"))?;
        made.push((file.to_owned(), format!("{head}{BEGIN}{}{END}{tail}", lists())));
    }
    Ok(made)
}

fn lists() -> String {
    format!("- `-m`: {}\n- `-j`: {}\n", names(&table::matches()), names(&table::targets()))
}

fn names(entries: &[Entry]) -> String {
    let mut names: Vec<&str> = entries.iter().map(|e| e.spec.name).collect();
    names.dedup();
    names.join(", ")
}
