//! The known differences: `tests/known-differences.txt`, one file with a reason each.
//!
//! ```text
//! [every version]
//! sequence | step | reason
//! [1.8.9]
//! sequence | step | reason
//! ```
//! The step is its number, or `kernel`, `ours-after-theirs`, `theirs-after-ours`. An entry that no longer differs is a failure.

use std::collections::BTreeMap;
use std::path::Path;

use crate::bed::Multi;

/// Where two tools differ.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) sequence: String,
    pub(crate) step: String,
    pub(crate) text: String,
}

/// The entries for one version: (sequence, step) to reason. `None` when the file knows nothing of that version.
fn entries(theirs: &Multi) -> Option<BTreeMap<(String, String), String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/known-differences.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let (a, b, c) = theirs.version;
    let (mut here, mut found) = (false, false);
    let mut entries = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            let this_version = line == format!("[{a}.{b}.{c}]");
            here = this_version || line == "[every version]";
            found |= this_version;
        } else if here {
            let parts: Vec<&str> = line.splitn(3, " | ").collect();
            let [sequence, step, reason] = parts[..] else {
                panic!("known-differences.txt: {line}")
            };
            let old = entries.insert((sequence.to_owned(), step.to_owned()), reason.to_owned());
            assert!(old.is_none(), "known-differences.txt says twice: {line}");
        }
    }
    found.then_some(entries)
}

/// Whether differences from this version are written down; a version without is not one to compare with.
pub(crate) fn covers(theirs: &Multi) -> bool {
    entries(theirs).is_some()
}

/// Compares what was found in the steps that `concerns` names with what is known.
///
/// # Panics
/// With all unknown differences, and all known ones that were not found.
pub(crate) fn settle(
    theirs: &Multi,
    found: &[Difference],
    ran: &[String],
    concerns: impl Fn(&str) -> bool,
) {
    let known = entries(theirs).unwrap_or_default();
    let key = |d: &Difference| (d.sequence.clone(), d.step.clone());
    let mut report = String::new();
    for difference in found.iter().filter(|d| !known.contains_key(&key(d))) {
        report.push_str(&format!(
            "DIFFERS {} | {} |\n{}\n",
            difference.sequence, difference.step, difference.text
        ));
    }
    for ((sequence, step), reason) in
        known.iter().filter(|((sequence, step), _)| ran.contains(sequence) && concerns(step))
    {
        if !found.iter().any(|d| d.sequence == *sequence && d.step == *step) {
            report.push_str(&format!("NO LONGER DIFFERS {sequence} | {step} | {reason}\n"));
        }
    }
    if let Some(path) = std::env::var_os("OXTABLES_REPORT") {
        std::fs::write(path, crate::text::bytes(&report)).unwrap();
    }
    let count =
        report.lines().filter(|l| l.starts_with("DIFFERS ") || l.starts_with("NO LONGER ")).count();
    assert!(report.is_empty(), "{count} findings:\n{report}");
}
