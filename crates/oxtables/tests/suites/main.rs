//! The whole binary against the real kernel and, where it is installed, against iptables itself.
//!
//! Every command runs in user and network namespaces of its own ([`bed::Space`]), so no test needs root and none touches the
//! host's rules. A suite that cannot run says `SKIPPED name: reason` on stderr and is counted by [`summary`]; with
//! `OXTABLES_REQUIRE_ALL=1` a skip is a failure.
//!
//! - `OXTABLES_BIN`: another binary in the place of ours (for work on the suites themselves).
//! - `OXTABLES_REFERENCE`: another multi-call binary in the place of the installed `xtables-nft-multi`.
//! - `OXTABLES_ONLY`: only sequences and rule sets whose name contains this word.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod bed;
mod corpus;
mod hostile;
mod interop;
mod known;
mod parity;
mod rulesets;
mod summary;
mod terminal;
mod text;
mod writers;
