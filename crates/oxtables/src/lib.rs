//! The `iptables` command family: the multi-call binary as a library, and the rooms behind it for
//! other programs.

mod applet;
mod demo;
mod editor;
mod explain;
mod firewall_tests;
mod getopt;
mod machine;
mod message;
mod packet_text;
mod packet_words;
mod replay;
mod restore;
mod ruleset;
mod save;
mod store;
mod surroundings;
mod teach;
mod top;
mod trace;

pub use oxtables_backend as backend;
pub use oxtables_base as base;
pub use oxtables_ext as ext;
pub use oxtables_model as model;
pub use oxtables_syntax as syntax;

use applet::Applet;

pub use syntax::help::UPSTREAM_VERSION as UPSTREAM;

/// Runs the program called `name` (a path will do) with `words`, and gives its exit code.
///
/// The last part of `name` says which program it is; when it is none of the family's, the first of
/// `words` does.
#[must_use]
pub fn run(name: &[u8], words: &[Vec<u8>]) -> u8 {
    let called = name.rsplit(|&c| c == b'/').next().unwrap_or(name);
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    if let Some(applet) = Applet::called(called) {
        return applet.run(called, &words);
    }
    if let Some((&first, rest)) = words.split_first()
        && let Some(applet) = Applet::called(first)
    {
        return applet.run(first, rest);
    }
    top::run(called, &words)
}
