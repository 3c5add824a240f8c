//! docs/COMPAT.md: every paragraph of a comment from `COMPAT:` on.

use super::Repository;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const FILE: &str = "docs/COMPAT.md";
const MARK: &str = "COMPAT:";
const HEAD: &str = "# Where oxtables follows iptables, and where it does not\n\n\
    Made by `cargo xtask tidy --fix` from the `COMPAT:` comments of the sources; edit those.\n\
    \"Upstream\" is iptables 1.8.13 with its nf_tables back end.\n";

pub(super) fn check(repository: &Repository) -> Result<Vec<String>, String> {
    let wanted = document(repository)?;
    let there = repository.text(FILE).unwrap_or_default();
    let stale = (wanted != there).then(|| format!("{FILE} is stale: cargo xtask tidy --fix"));
    Ok(stale.into_iter().collect())
}

pub(super) fn fix(repository: &Repository) -> Result<(), String> {
    let path = repository.root.join(FILE);
    std::fs::create_dir_all(repository.root.join("docs")).map_err(|e| format!("docs: {e}"))?;
    std::fs::write(&path, document(repository)?).map_err(|e| format!("{FILE}: {e}"))
}

fn document(repository: &Repository) -> Result<String, String> {
    let mut sections: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for file in repository.sources().filter(|f| f.starts_with("crates/")) {
        let notes = notes(&repository.text(file)?);
        if !notes.is_empty() {
            sections.insert((heading(file), file), notes);
        }
    }
    let mut out = HEAD.to_owned();
    for ((heading, file), notes) in sections {
        push(&mut out, format_args!("\n## {heading}\n\n[{file}](../{file})\n\n"));
        notes.iter().for_each(|note| push(&mut out, format_args!("- {note}\n")));
    }
    Ok(out)
}

/// Writing to a `String` cannot fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// `match tcp`, `target LOG`, or crate and module: `syntax: argv`.
fn heading(file: &str) -> String {
    let path = file.strip_prefix("crates/").unwrap_or(file).trim_end_matches(".rs");
    if let Some(name) = path.strip_prefix("ext/src/matches/") {
        return format!("match {}", name.replace('/', ": "));
    }
    if let Some(name) = path.strip_prefix("ext/src/targets/") {
        return format!("target {}", name.to_uppercase().replace('/', ": "));
    }
    let (room, module) = path.split_once("/src/").unwrap_or((path, ""));
    format!("{room}: {}", module.replace('/', "::"))
}

/// The notes of one source, in order, each one line.
fn notes(source: &str) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut open = false;
    for line in source.lines() {
        let comment = comment(line).filter(|c| !c.is_empty());
        let Some(comment) = comment else {
            open = false;
            continue;
        };
        let mut rest = comment;
        while let Some((before, after)) = rest.split_once(MARK) {
            go_on(&mut notes, open, before);
            notes.push(String::new());
            (open, rest) = (true, after);
        }
        go_on(&mut notes, open, rest);
    }
    notes.iter().map(|n| sentence(n)).collect()
}

fn go_on(notes: &mut [String], open: bool, text: &str) {
    if let Some(note) = notes.last_mut().filter(|_| open) {
        note.push(' ');
        note.push_str(text.trim());
    }
}

/// The text of a line that is nothing but a comment.
fn comment(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("//")?;
    Some(rest.trim_start_matches(['/', '!']).trim())
}

/// The note with a capital at its beginning and a full stop at its end.
fn sentence(note: &str) -> String {
    let note = note.trim();
    let mut chars = note.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let stop = if note.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_run_to_the_end_of_their_paragraph() {
        let source = "//! Words. COMPAT: one\n//! two.\n//!\n//! Not this.\nlet a = \"COMPAT: no\";\n    // COMPAT: three COMPAT: four\n    five();\n    // six\n";
        assert_eq!(notes(source), ["One two.", "Three.", "Four."]);
    }

    #[test]
    fn headings_are_the_extension_or_the_module() {
        assert_eq!(heading("crates/ext/src/matches/tcp.rs"), "match tcp");
        assert_eq!(heading("crates/ext/src/targets/log.rs"), "target LOG");
        assert_eq!(heading("crates/syntax/src/argv/finish.rs"), "syntax: argv::finish");
    }
}
