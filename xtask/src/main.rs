//! Chores of the repository.

mod bench;
mod capture;
mod docs;
mod seeds;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask CHORE
  bench [--quick] [--write]  ours, iptables-nft and iptables-legacy in turn; --write puts it in docs/PERFORMANCE.md
  capture [MULTI [NAME...]]  what an installed iptables-nft sends, as files for tests
  docs [--check]             the manual and the completions, from the option tables
  fuzz-seeds                 what the fuzz targets begin with, from the tests' cases and captures
  tidy [--fix]               the rules of the house; writes docs/COMPAT.md";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.split_first() {
        Some((chore, rest)) if chore == "bench" => bench::run(rest),
        Some((chore, rest)) if chore == "measure" => bench::measure(rest),
        Some((chore, rest)) if chore == "capture" => capture::run(rest),
        Some((chore, rest)) if chore == "docs" => docs::run(rest),
        Some((chore, rest)) if chore == "fuzz-seeds" => seeds::run(rest),
        Some((chore, rest)) if chore == "tidy" => tidy::run(rest),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e}");
            ExitCode::FAILURE
        }
    }
}
