//! `cargo xtask docs`: the manual and the completions, made from the tables that parsing uses.

mod completions;
mod man;
mod readme;
mod table;

use crate::tidy::Repository;

/// Runs the chore: `--check` compares instead of writing.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let check = match args {
        [] => false,
        [check] if check == "--check" => true,
        _ => return Err("usage: cargo xtask docs [--check]".to_owned()),
    };
    let repository = Repository::open()?;
    let readmes = readme::readmes(&repository)?;
    let documents = man::pages().into_iter().chain(completions::scripts()).chain(readmes);
    let mut stale = Vec::new();
    for (file, text) in documents {
        if repository.text(&file).is_ok_and(|there| there == text) {
            continue;
        }
        if check {
            stale.push(file);
            continue;
        }
        let path = repository.root.join(&file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{file}: {e}"))?;
        }
        std::fs::write(&path, text).map_err(|e| format!("{file}: {e}"))?;
        println!("wrote {file}");
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale, run cargo xtask docs: {}", stale.join(" ")))
}
