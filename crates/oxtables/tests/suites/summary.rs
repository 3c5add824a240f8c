//! How much of these suites this system can run.

use std::io::Write;

use crate::bed::{SUITES, missing, require_all};

#[test]
fn what_is_skipped_is_counted() {
    let skipped: Vec<(&str, String)> =
        SUITES.iter().filter_map(|(name, _)| Some((*name, missing(name)?))).collect();
    let mut said =
        format!("suites: {} of {} can run here\n", SUITES.len() - skipped.len(), SUITES.len());
    for (name, reason) in &skipped {
        said.push_str(&format!("SKIPPED {name}: {reason}\n"));
    }
    let _ = std::io::stderr().write_all(said.as_bytes());
    assert!(skipped.is_empty() || !require_all(), "{said}OXTABLES_REQUIRE_ALL=1 allows no skips");
}
