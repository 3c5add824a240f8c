//! `cargo xtask tidy`: what the compiler does not hold together. Each check gives its faults as
//! lines; all of them are told, and one is enough to fail.

mod arrows;
mod budget;
mod compat;
mod dependencies;
mod extensions;
mod readme;
mod source;
mod words;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository: its folder, and the files git knows in it.
pub(crate) struct Repository {
    /// The folder.
    pub(crate) root: PathBuf,
    /// Paths inside it, in order.
    pub(crate) files: Vec<String>,
}

impl Repository {
    /// The repository this chore was built in; files not yet added count too, ignored ones do not.
    pub(crate) fn open() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or("xtask is not in a repository")?
            .to_owned();
        let listed = told(
            Command::new("git")
                .args(["ls-files", "--cached", "--others", "--exclude-standard"])
                .current_dir(&root),
        )?;
        let mut files: Vec<String> =
            listed.lines().filter(|f| root.join(f).is_file()).map(str::to_owned).collect();
        files.sort_unstable();
        files.dedup();
        Ok(Self { root, files })
    }

    /// The text of a file.
    pub(crate) fn text(&self, file: &str) -> Result<String, String> {
        std::fs::read_to_string(self.root.join(file)).map_err(|e| format!("{file}: {e}"))
    }

    /// The Rust sources of the crates, of the chores and of the fuzz targets.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        let rooms = ["crates/", "xtask/", "fuzz/"];
        let ours = move |f: &&str| rooms.iter().any(|room| f.starts_with(room));
        self.files.iter().map(String::as_str).filter(|f| f.ends_with(".rs")).filter(ours)
    }
}

/// What a command prints.
pub(crate) fn told(command: &mut Command) -> Result<String, String> {
    let out = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if !out.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&out.stderr).trim()));
    }
    String::from_utf8(out.stdout).map_err(|e| format!("{command:?}: {e}"))
}

type Check = fn(&Repository) -> Result<Vec<String>, String>;

const CHECKS: &[(&str, Check)] = &[
    ("arrows between crates", arrows::check),
    ("file, function and macro budgets", budget::check),
    ("extensions listed", extensions::check),
    ("unsafe only in sys", words::check_unsafe),
    ("nothing of a workplace", words::check_workplace),
    ("dependencies", dependencies::check),
    ("two READMEs in step", readme::check),
    ("docs/COMPAT.md", compat::check),
];

/// Runs the chore: `--fix` writes what is generated instead of comparing it.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let repository = Repository::open()?;
    match args {
        [] => (),
        [fix] if fix == "--fix" => compat::fix(&repository)?,
        _ => return Err("usage: cargo xtask tidy [--fix]".to_owned()),
    }
    let mut faults = 0;
    for (name, check) in CHECKS {
        let found = check(&repository)?;
        println!("{} {name}", if found.is_empty() { "ok  " } else { "FAIL" });
        found.iter().for_each(|fault| println!("     {fault}"));
        faults += found.len();
    }
    if faults == 0 { Ok(()) } else { Err(format!("{faults} untidy")) }
}
