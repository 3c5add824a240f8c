//! Completions for bash, zsh and fish. What does not come from the tables stands in files beside.

use super::table::{self, Entry};
use oxtables_base::Family;
use oxtables_ext::args::OptDef;
use oxtables_syntax::options::{OWN, SPELLINGS, Spelling};

const VERDICTS: [&str; 4] = ["ACCEPT", "DROP", "QUEUE", "RETURN"];

/// The scripts: path and text.
pub(super) fn scripts() -> Vec<(String, String)> {
    vec![
        ("completions/bash/iptables".to_owned(), bash()),
        ("completions/zsh/_iptables".to_owned(), zsh()),
        ("completions/fish/iptables.fish".to_owned(), fish()),
    ]
}

fn spellings() -> impl Iterator<Item = &'static Spelling> {
    SPELLINGS.iter()
}

fn has(entry: &Entry, family: Family) -> bool {
    entry.families.has(family)
}

fn bash() -> String {
    let own = OWN.iter().map(|(name, ..)| *name);
    let longs: Vec<String> =
        spellings().map(|s| s.long).chain(own).map(|long| format!("--{long}")).collect();
    let names = |entries: &[Entry], family| -> Vec<&str> {
        entries.iter().filter(|e| has(e, family)).map(|e| e.spec.name).collect()
    };
    let (matches, targets) = (table::matches(), table::targets());
    let cases = |entries: &[Entry]| -> String {
        let mut lines: Vec<String> = Vec::new();
        for entry in entries.iter().filter(|e| !e.spec.options.is_empty()) {
            let options: Vec<String> =
                entry.option_names().map(|(n, _)| format!("--{n}")).collect();
            let line = format!("    {}) echo '{}' ;;\n", entry.spec.name, options.join(" "));
            // Where the families differ, the first has the fuller list or the same names.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines.concat()
    };
    include_str!("completion.bash")
        .replace("@OPTIONS@", &longs.join(" "))
        .replace("@MATCHES4@", &names(&matches, Family::Ip4).join(" "))
        .replace("@MATCHES6@", &names(&matches, Family::Ip6).join(" "))
        .replace("@TARGETS4@", &with_verdicts(names(&targets, Family::Ip4)).join(" "))
        .replace("@TARGETS6@", &with_verdicts(names(&targets, Family::Ip6)).join(" "))
        .replace("@CASES@\n", &(cases(&matches) + &cases(&targets)))
}

fn with_verdicts(mut targets: Vec<&str>) -> Vec<&str> {
    targets.splice(0..0, VERDICTS);
    targets
}

fn zsh() -> String {
    let (matches, targets) = (table::matches(), table::targets());
    let describe = |name: &str, text: &str| format!("  '{name}:{}'\n", quoted(text, "'\\''"));
    let base = spellings().filter(|s| !s.help.is_empty()).map(|s| {
        let long = describe(&format!("--{}", s.long), s.help);
        let short = s.short.map(|c| describe(&format!("-{}", char::from(c)), s.help));
        long + &short.unwrap_or_default()
    });
    let own = OWN.iter().map(|(name, _, help)| describe(&format!("--{name}"), help));
    let names = |entries: &[Entry]| -> String {
        unique(entries).map(|e| describe(e.spec.name, e.spec.doc)).collect()
    };
    let cases = |entries: &[Entry]| -> String {
        let one = |entry: &Entry| {
            let options: String = entry
                .option_names()
                .map(|(name, def)| format!("  {}", describe(&format!("--{name}"), def.help)))
                .collect();
            format!("  {}) options+=(\n{options}  ) ;;\n", entry.spec.name)
        };
        unique(entries).filter(|e| !e.spec.options.is_empty()).map(one).collect()
    };
    let verdicts: String = VERDICTS.iter().map(|v| describe(v, "verdict")).collect();
    include_str!("completion.zsh")
        .replace("@BASE@\n", &base.chain(own).collect::<String>())
        .replace("@MATCHES@\n", &names(&matches))
        .replace("@TARGETS@\n", &(verdicts + &names(&targets)))
        .replace("@CASES@\n", &(cases(&matches) + &cases(&targets)))
}

/// The first entry of each name.
fn unique(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    let mut last = "";
    entries.iter().filter(move |e| std::mem::replace(&mut last, e.spec.name) != e.spec.name)
}

fn fish() -> String {
    let (matches, targets) = (table::matches(), table::targets());
    let mut out = include_str!("completion.fish").to_owned();
    for s in spellings().filter(|s| !s.help.is_empty()) {
        let short = s.short.map(|c| format!(" -s {}", char::from(c))).unwrap_or_default();
        let what = match s.long {
            "match" => format!(" -x -a \"{}\"", words(&matches, &[])),
            "jump" => format!(" -x -a \"(__oxtables_chains) {}\"", words(&targets, &VERDICTS)),
            "table" => " -x -a \"filter nat mangle raw security\"".to_owned(),
            "in-interface" | "out-interface" => " -x -a \"(__fish_print_interfaces)\"".to_owned(),
            _ if s.value.contains("chain") => " -x -a \"(__oxtables_chains)\"".to_owned(),
            _ if s.value.is_empty() => String::new(),
            _ => " -x".to_owned(),
        };
        out += &format!("__oxtables -l {}{short}{what} -d '{}'\n", s.long, quoted(s.help, "\\'"));
    }
    for (name, value, help) in OWN {
        let what = if value.is_empty() { "" } else { " -x" };
        out += &format!("__oxtables -l {name}{what} -d '{}'\n", quoted(help, "\\'"));
    }
    for (entries, flag) in [(&matches, "m match"), (&targets, "j jump")] {
        for entry in unique(entries) {
            for (name, def) in entry.option_names() {
                out += &fish_option(entry.spec.name, flag, name, def);
            }
        }
    }
    out
}

fn fish_option(extension: &str, flag: &str, name: &str, def: &OptDef) -> String {
    let value = if def.syntax.is_empty() { "" } else { " -x" };
    let help = quoted(def.help, "\\'");
    format!("__oxtables -n '__oxtables_loaded {flag} {extension}' -l {name}{value} -d '{help}'\n")
}

fn words(entries: &[Entry], before: &[&str]) -> String {
    let names = unique(entries).map(|e| e.spec.name);
    before.iter().copied().chain(names).collect::<Vec<_>>().join(" ")
}

/// Text inside single quotes, a quote within it being `quote`.
fn quoted(text: &str, quote: &str) -> String {
    text.replace('\'', quote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The shells of the machine read what is made for them; bash is always there.
    #[test]
    fn shells_read_their_scripts() {
        for ((file, text), shell) in scripts().into_iter().zip(["bash", "zsh", "fish"]) {
            let there = Command::new(shell).args(["-c", "true"]).output().is_ok();
            assert!(there || shell != "bash", "no bash");
            if !there {
                eprintln!("skipped: there is no {shell} to read {file}");
                continue;
            }
            let out = Command::new(shell).args(["-n", "-c", &text]).output().unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success() && said.is_empty(), "{file}: {said}");
        }
    }

    /// bash, asked as readline would, offers what the tables hold.
    #[test]
    fn bash_completes_extensions_and_their_options() {
        let ask = |line: &str| {
            let script = format!(
                "{}\nCOMP_WORDS=({line} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
                 _oxtables_editor; echo \"${{COMPREPLY[@]}}\"",
                bash()
            );
            let out = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
            String::from_utf8(out.stdout).unwrap()
        };
        let offers = |line: &str, word: &str| ask(line).split_whitespace().any(|w| w == word);
        assert!(offers("iptables -m", "comment"));
        assert!(offers("iptables -A INPUT -p tcp -m tcp", "--dport"));
        assert!(offers("iptables -A INPUT -p tcp", "--dport"));
        assert!(!offers("iptables -A INPUT -p udp", "--tcp-flags"));
        assert!(offers("iptables -j", "DROP"));
        assert!(offers("iptables -t", "mangle"));
        assert!(offers("ip6tables -t nat -A", "POSTROUTING"));
        assert!(offers("iptables -m", "icmp") && !offers("ip6tables -m", "icmp"));
    }
}
