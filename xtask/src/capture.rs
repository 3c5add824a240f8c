//! `cargo xtask capture`: what an installed iptables-nft sends and shows for each extension, as files
//! that tests compare with. See CONTRIBUTING.md.

use oxtables_wire::nft::expr::Expr;
use oxtables_wire::nft::{RuleView, msg};
use oxtables_wire::nl::Messages;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const DEFAULT_MULTI: &str = "xtables-nft-multi";
/// Runs of zero bytes shorter than this are written out.
const SHORTEST_RUN: usize = 9;

/// One line of `cases.tsv`.
#[derive(Clone, Copy)]
struct Case<'a> {
    family: &'a str,
    table: &'a str,
    chain: &'a str,
    kind: &'a str,
    name: &'a str,
    rule: &'a str,
    prepare: &'a str,
}

impl<'a> Case<'a> {
    fn read(line: &'a str) -> Result<Self, String> {
        let fields: Vec<&str> = line.split('\t').collect();
        match *fields.as_slice() {
            [
                family @ ("ip" | "ip6"),
                table,
                chain,
                kind @ ("match" | "target"),
                name,
                ref rest @ ..,
            ] => {
                let rule = rest.first().copied().unwrap_or_default();
                let prepare = rest.get(1).copied().unwrap_or_default();
                Ok(Self { family, table, chain, kind, name, rule, prepare })
            }
            _ => Err(format!("not a case: {line}")),
        }
    }

    fn program(&self) -> &'static str {
        if self.family == "ip" { "iptables" } else { "ip6tables" }
    }

    /// `-p PROTO` of the rule, then the words of the extension alone.
    fn split(&self) -> (&'a str, &'a str) {
        let end = |at: usize| self.rule.get(at..).and_then(|r| r.find(' ')).map(|n| at + n);
        let proto =
            if self.rule.starts_with("-p ") { end(3).unwrap_or(self.rule.len()) } else { 0 };
        self.rule.split_at_checked(proto).unwrap_or_default()
    }

    fn flag(&self) -> &'static str {
        if self.kind == "match" { "-m" } else { "-j" }
    }

    /// The script that adds the rule under strace and lists it.
    fn script(&self, multi: &str, trace: &Path) -> String {
        let Self { table, chain, name, .. } = self;
        let (proto, options) = self.split();
        let (program, flag) = (self.program(), self.flag());
        let prepare = if self.prepare.is_empty() { ":" } else { self.prepare };
        let trace = trace.display();
        format!(
            "MULTI={multi}\n{prepare}\n\
             strace -f -e trace=sendmsg -e write=all -o {trace} \
             {multi} {program} -t {table} -A {chain} {proto} {flag} {name} {options}\n\
             {multi} {program} -t {table} -S {chain}; echo\n\
             {multi} {program} -t {table} -n -L {chain}; echo\n\
             {multi} {program} -t {table} -L {chain}"
        )
    }
}

/// What one case gave.
struct Captured {
    /// The kernel's name and revision, and the bytes; `None` when native expressions were sent.
    info: Option<(String, u32, Vec<u8>)>,
    saved: String,
    numeric: String,
    listed: String,
}

/// Runs the chore: `args` is the reference's path and the names to capture anew, both optional.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let multi = args.first().map_or(DEFAULT_MULTI, String::as_str);
    let wanted = args.get(1..).unwrap_or_default();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ext/tests/golden");
    let text =
        std::fs::read_to_string(dir.join("cases.tsv")).map_err(|e| format!("cases.tsv: {e}"))?;
    let version = version(multi)?;
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let case = Case::read(line)?;
        if !wanted.is_empty() && !wanted.iter().any(|w| w == case.name) {
            continue;
        }
        match capture(&case, multi) {
            Ok(captured) => {
                let file = files.entry(format!("{}-{}", case.kind, case.name)).or_default();
                push_line(file, &case, &captured);
            }
            Err(why) => eprintln!("{} {}: not captured: {why}", case.name, case.rule),
        }
    }
    for (name, lines) in files {
        let path = dir.join(format!("{name}.hex"));
        let flag = if name.starts_with("match") { "-m" } else { "-j" };
        let head = format!(
            "# unshare -n strace -f -e trace=sendmsg -e write=all xtables-nft-multi PROGRAM -t TABLE -A CHAIN {flag} NAME RULE   # {version}"
        );
        std::fs::write(&path, format!("{head}\n{lines}"))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn version(multi: &str) -> Result<String, String> {
    let out = Command::new(multi).args(["iptables", "-V"]).output();
    let out = out.map_err(|e| format!("{multi}: {e}"))?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Runs a script in a network namespace of its own.
fn in_namespace(script: &str) -> Result<Output, String> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0);
    let mut command = Command::new("unshare");
    command.arg(if root { "-n" } else { "-Urn" }).args(["sh", "-c", script]);
    command.stdin(Stdio::null()).output().map_err(|e| format!("unshare: {e}"))
}

fn capture(case: &Case<'_>, multi: &str) -> Result<Captured, String> {
    let trace = std::env::temp_dir().join(format!("oxtables-capture.{}", std::process::id()));
    let out = in_namespace(&case.script(multi, &trace))?;
    let traced = std::fs::read_to_string(&trace);
    // A trace that never came to be is told by the reading.
    let _ = std::fs::remove_file(&trace);
    let sent = dumped(&traced.map_err(|e| format!("{}: {e}", trace.display()))?);
    let complaint = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    let info = info(case, &sent).ok_or(complaint)?;
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut parts = shown.split("\n\n");
    let mut part = || parts.next().unwrap_or_default().to_owned();
    Ok(Captured {
        info,
        saved: saved_options(case, &part()).unwrap_or_else(|| "-".to_owned()),
        numeric: listed_words(&part()).unwrap_or_else(|| "-".to_owned()),
        listed: listed_words(&part()).unwrap_or_else(|| "-".to_owned()),
    })
}

/// The bytes of strace's dumps (` | 00000  1c 00 ..  text |`), one after the other.
fn dumped(trace: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in trace.lines().filter(|l| l.starts_with(" | ")) {
        let digits = line.get(10..59).unwrap_or_default();
        bytes.extend(digits.split_whitespace().filter_map(|d| u8::from_str_radix(d, 16).ok()));
    }
    bytes
}

/// The extension in the rule sent: `None` when no rule was sent, `Some(None)` when native
/// expressions stand for the extension.
fn info(case: &Case<'_>, sent: &[u8]) -> Option<Option<(String, u32, Vec<u8>)>> {
    let rule = Messages::new(sent).flatten().find(|m| m.kind == msg::NEWRULE)?;
    let rule = RuleView::read(&rule).ok()?;
    let owned = |name: &[u8], rev, info: &[u8]| {
        Some((String::from_utf8_lossy(name).into_owned(), rev, info.to_vec()))
    };
    Some(Expr::list(rule.expressions).flatten().find_map(|expr| match expr {
        Expr::Match { name, rev, info } if case.kind == "match" => owned(name, rev, info),
        Expr::Target { name, rev, info } if case.kind == "target" => owned(name, rev, info),
        _ => None,
    }))
}

/// What `-S` shows after the extension's name.
fn saved_options(case: &Case<'_>, shown: &str) -> Option<String> {
    let rule = shown.lines().find(|l| l.starts_with("-A "))?;
    let (_, options) = rule.split_once(&format!(" {} {}", case.flag(), case.name))?;
    Some(options.trim_start().to_owned())
}

/// What `-L` shows after the destination, without the NUL that bpf's listing ends in.
fn listed_words(shown: &str) -> Option<String> {
    let row = shown.lines().nth(2)?;
    let mut rest = row;
    for _ in 0..2 {
        let anywhere = ["anywhere", "0.0.0.0/0", "::/0"];
        let (at, word) = anywhere.iter().filter_map(|w| Some((rest.find(w)?, w))).min()?;
        rest = rest.get(at + word.len()..)?;
    }
    Some(rest.replace('\0', "").trim().to_owned())
}

fn push_line(file: &mut String, case: &Case<'_>, captured: &Captured) {
    let Captured { info, saved, numeric, listed } = captured;
    let (name, rev, hex) = match info {
        Some((name, rev, bytes)) => (name.as_str(), rev.to_string(), hex(bytes)),
        None => (case.name, "-".to_owned(), "native".to_owned()),
    };
    let Case { family, table, rule, .. } = case;
    let fields = [family, table, name, &rev, rule, saved, numeric, listed, &hex];
    file.push_str(&fields.join("\t"));
    file.push('\n');
}

/// Hexadecimal digits; `[N]` stands for N zero bytes.
fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let zeros = rest.iter().take_while(|&&b| b == 0).count();
        // Writing to a String cannot fail.
        if zeros >= SHORTEST_RUN {
            let _ = write!(out, "[{zeros}]");
            rest = rest.get(zeros..).unwrap_or_default();
        } else {
            let _ = write!(out, "{byte:02x}");
            rest = after;
        }
    }
    if out.is_empty() { "[0]".to_owned() } else { out }
}
