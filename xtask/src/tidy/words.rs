//! Words that must not stand in the repository, or only in one room.

use super::Repository;
use super::source::Code;

pub(super) fn check_unsafe(repository: &Repository) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for file in repository.sources().filter(|f| !f.starts_with("crates/sys/")) {
        let code = Code::read(&repository.text(file)?);
        let found = code.words("unsafe");
        faults.extend(found.into_iter().map(|at| format!("{file}:{}: unsafe", code.line_of(at))));
    }
    Ok(faults)
}

/// Where the project was written is nobody's business. The words are in two parts, as this file is
/// looked through too.
const WORKPLACE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("../sha", "red"),
    concat!("/tmp/", "ox/"),
    concat!("/tmp/", "wt/"),
    concat!("/opt/ip", "tables-reference"),
];

/// Sites that may be named. A package registry of somebody's own is not among them.
const SITES: &[&str] = &[
    "crates.io",
    "datatracker.ietf.org",
    "doc.rust-lang.org",
    "docs.rs",
    "git.kernel.org",
    "github.com",
    "json-schema.org",
    "keepachangelog.com",
    "semver.org",
    "www.apache.org",
    "www.iana.org",
    "www.kernel.org",
    "www.netfilter.org",
    "www.rfc-editor.org",
];

/// The script that builds on other machines may look for what lies beside the repository.
const EXCEPT: &str = ".ci/run";

pub(super) fn check_workplace(repository: &Repository) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for file in repository.files.iter().filter(|f| *f != EXCEPT) {
        let bytes =
            std::fs::read(repository.root.join(file)).map_err(|e| format!("{file}: {e}"))?;
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate() {
            let found = WORKPLACE.iter().copied().find(|w| line.contains(w));
            let site = || sites(line).find(|site| !SITES.contains(site));
            if let Some(found) = found.or_else(site) {
                faults.push(format!("{file}:{}: {found}", number + 1));
            }
        }
    }
    Ok(faults)
}

/// The hosts of the addresses in a line.
fn sites(line: &str) -> impl Iterator<Item = &str> {
    let host = |rest: &'_ str| {
        let end = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-');
        rest.find(end).unwrap_or(rest.len())
    };
    line.split("://")
        .skip(1)
        .filter_map(move |rest| rest.get(..host(rest)))
        .filter(|h| h.contains('.'))
}
