//! `oxtables test`: what packets a rule set lets pass, one expectation a line, checked in userspace.

mod check;
mod coverage;
mod junit;
mod line;

use crate::ruleset::Rules;
use crate::store::Place;
use crate::surroundings;
use check::{Finding, check};
use coverage::Coverage;
use line::{Head, Statement, TestFile};
use oxtables_base::Family;
use oxtables_base::text::visible;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

const USAGE: &str = "\
Usage: oxtables test FILE [--rules FILE] [--rules6 FILE] [HOST] [--junit FILE] [--coverage]

Checks what a rule set does with packets, without sending any. FILE has a line each:

  accept PACKET              it passes every hook
  drop PACKET                a rule or policy drops it
  reject PACKET              a rule refuses it with an answer
  reply-to PACKET            the answer to it passes (reply-to drop PACKET: it does not)
  nat PACKET -> ADDR[:PORT]  it is translated to this destination (<-: to this source)

  rules FILE, rules6 FILE    the rule sets, relative to this file
  default WORDS              for packets that do not say otherwise
  address IFACE ADDR/LEN, route NET IFACE, forwarding on|off
                             the host, as for `oxtables explain'
  # ...                      a comment

PACKET and HOST are as for `oxtables explain' (oxtables explain --help). What the command line
says goes before what the file says; without any rules named, the live ones are tested.

  --junit FILE   write the results for a CI system
  --coverage     name every rule that no test touches

The exit code is 0 when all pass, 1 when one fails, 2 for wrong words or files.
";

/// What became of one line.
pub(super) struct Tested {
    /// The line's number.
    pub(super) number: u32,
    /// The line as it stands, safe to show.
    pub(super) text: String,
    /// Why it failed, if it did.
    pub(super) failure: Option<String>,
    pub(super) took: Duration,
}

/// What the command line says.
#[derive(Default)]
struct Request {
    file: Option<Vec<u8>>,
    head: Head,
    junit: Option<Vec<u8>>,
    coverage: bool,
}

/// Runs `oxtables test` with the words behind it, and gives its exit code.
pub(crate) fn run(words: &[&[u8]]) -> u8 {
    if matches!(words, [] | [b"-h" | b"--help"]) {
        print!("{USAGE}");
        return if words.is_empty() { 2 } else { 0 };
    }
    match test(words) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("oxtables test: {why}");
            2
        }
    }
}

fn test(words: &[&[u8]]) -> Result<u8, String> {
    let (kept, _) = Place::wanted(Family::Ip4, words)?;
    let request = parse(&kept)?;
    let path = request.file.as_deref().ok_or("which file of tests is missing (--help)")?;
    let text = std::fs::read(OsStr::from_bytes(path))
        .map_err(|e| format!("{} cannot be read: {e}", visible(path)))?;
    let file = TestFile::read(path, &text)?;
    let head = request.head.over(file.head);
    let rules = load(&head, words)?;
    let start = Instant::now();
    println!("\nrunning {} of {}", count(file.statements.len(), "test"), visible(path));
    let mut coverage = Coverage::default();
    let mut results = Vec::new();
    for statement in &file.statements {
        results.push(run_one(statement, &head, &rules, &mut coverage)?);
    }
    let good = summary(&results, start.elapsed());
    if request.coverage {
        print!("{}", coverage.report(&rules).map_err(|e| e.to_string())?);
    }
    if let Some(to) = &request.junit {
        let xml = junit::document(&visible(path), &results, start.elapsed());
        std::fs::write(OsStr::from_bytes(to), xml)
            .map_err(|e| format!("{} cannot be written: {e}", visible(to)))?;
    }
    Ok(u8::from(!good))
}

fn parse(words: &[&[u8]]) -> Result<Request, String> {
    let mut request = Request::default();
    let mut rest = words.iter();
    while let Some(&word) = rest.next() {
        let mut value =
            || rest.next().copied().ok_or_else(|| format!("{}: needs a value", visible(word)));
        match word {
            b"--rules" => request.head.rules.push((Family::Ip4, value()?.to_vec())),
            b"--rules6" => request.head.rules.push((Family::Ip6, value()?.to_vec())),
            b"--junit" => request.junit = Some(value()?.to_vec()),
            b"--coverage" => request.coverage = true,
            _ if surroundings::OPTIONS.contains(&word) => {
                let value = value()?;
                request.head.host.take(word, value)?;
                request.head.has_host = true;
            }
            [b'-', ..] => return Err(format!("{}: not known (--help)", visible(word))),
            path if request.file.is_none() => request.file = Some(path.to_vec()),
            path => return Err(format!("{}: one file of tests at a time", visible(path))),
        }
    }
    Ok(request)
}

/// The rules named, or the live ones of both families.
fn load(head: &Head, words: &[&[u8]]) -> Result<Rules, String> {
    let mut rules = Rules::default();
    for (family, path) in &head.rules {
        rules.add_file(*family, path)?;
    }
    if head.rules.is_empty() {
        for family in [Family::Ip4, Family::Ip6] {
            rules.add_live(family, &Place::wanted(family, words)?.1)?;
        }
    }
    Ok(rules)
}

fn run_one(
    statement: &Statement,
    head: &Head,
    rules: &Rules,
    coverage: &mut Coverage,
) -> Result<Tested, String> {
    let start = Instant::now();
    let Finding { failure, walks } = check(statement, head, rules)?;
    walks.iter().for_each(|(family, walk)| coverage.add(*family, walk));
    let verdict = if failure.is_some() { "FAILED" } else { "ok" };
    println!("test {}: {} ... {verdict}", statement.number, statement.text);
    let (number, text) = (statement.number, statement.text.clone());
    Ok(Tested { number, text, failure, took: start.elapsed() })
}

/// Tells of the failures and counts; whether there were none.
fn summary(results: &[Tested], took: Duration) -> bool {
    let failed = results.iter().filter(|r| r.failure.is_some()).count();
    if failed > 0 {
        println!("\nfailures:");
        for result in results {
            if let Some(why) = &result.failure {
                println!("\n---- line {}: {}\n{why}", result.number, result.text);
            }
        }
    }
    println!(
        "\ntest result: {}. {} passed; {failed} failed; finished in {:.2}s\n",
        if failed > 0 { "FAILED" } else { "ok" },
        results.len() - failed,
        took.as_secs_f64()
    );
    failed == 0
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A path named in a file is relative to that file.
fn beside(file: &[u8], path: &[u8]) -> Vec<u8> {
    let dir = Path::new(OsStr::from_bytes(file)).parent().unwrap_or(Path::new(""));
    dir.join(OsStr::from_bytes(path)).into_os_string().into_encoded_bytes()
}
