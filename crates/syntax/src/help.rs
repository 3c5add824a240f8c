//! `-h`: the base help, then that of the extensions named before it; all of it made from the tables
//! that parsing uses.

use crate::options::{OWN, SPELLINGS, Spelling};
use oxtables_base::Family;
use oxtables_ext::{MATCHES, OptDef, Spec, TARGETS};
use std::fmt::Write as _;

/// Where the phrases begin.
const COLUMN: usize = 32;
/// How long a line of names gets.
const WIDTH: usize = 79;

/// The version of iptables whose command language this is.
pub const UPSTREAM_VERSION: &str = "1.8.13";

/// What stands after the program's name in its usage lines.
pub const USAGE: &[&str] = &[
    "-[ACD] chain rule-specification [options]",
    "-I chain [rulenum] rule-specification [options]",
    "-R chain rulenum rule-specification [options]",
    "-D chain rulenum [options]",
    "-[LS] [chain [rulenum]] [options]",
    "-[FZ] [chain] [options]",
    "-[NX] chain",
    "-E old-chain-name new-chain-name",
    "-P chain target [options]",
    "-h (print this help information)",
];

/// The whole text of `-h`, with a line end at its end.
///
/// COMPAT: the layout and the first lines are upstream's, which scripts look at; the phrases are
/// our own.
#[must_use]
pub fn help(family: Family, extensions: &[&Spec]) -> String {
    let program = program(family);
    let mut out = format!("{program} v{UPSTREAM_VERSION} (nf_tables)\n\n");
    for (i, usage) in USAGE.iter().enumerate() {
        let head = if i == 0 { "Usage:" } else { "      " };
        line(&mut out, &format!("{head} {program} {usage}"), "");
    }
    out.push_str("\nCommands:\nLong and short forms mean the same.\n");
    let shown = || SPELLINGS.iter().filter(|s| !s.help.is_empty() && s.is_for(family));
    shown().filter(|s| s.is_command()).for_each(|s| base(&mut out, s));
    out.push_str("\nOptions:\n");
    shown().filter(|s| !s.is_command()).for_each(|s| base(&mut out, s));
    out.push_str("\nOf oxtables alone:\n");
    for (name, value, phrase) in OWN {
        line(&mut out, format!("    --{name} {value}").trim_end(), phrase);
    }
    let names = |specs: &mut dyn Iterator<Item = &'static Spec>| -> Vec<&'static str> {
        specs.filter(|s| s.families.has(family)).map(|s| s.name).collect()
    };
    list(&mut out, "Matches (-m)", &names(&mut MATCHES.iter().map(|k| k.spec)));
    list(&mut out, "Targets (-j)", &names(&mut TARGETS.iter().map(|k| k.spec)));
    for spec in extensions {
        extension(&mut out, spec);
    }
    out
}

/// The name of the family's rule editor.
#[must_use]
pub const fn program(family: Family) -> &'static str {
    match family {
        Family::Ip4 => "iptables",
        Family::Ip6 => "ip6tables",
    }
}

/// `match` or `target`.
#[must_use]
pub fn kind(spec: &Spec) -> &'static str {
    let is_match = MATCHES.iter().any(|k| k.spec.name == spec.name);
    if is_match { "match" } else { "target" }
}

/// The left column of an extension's option: `[!] --name value`.
#[must_use]
pub fn option_head(def: &OptDef) -> String {
    let not = if def.invertible { "[!] " } else { "" };
    let mut head = format!("{not}--{}", def.name);
    if !def.syntax.is_empty() {
        let optional = def.arity == oxtables_ext::args::Arity::Optional;
        let (open, close) = if optional { ("[", "]") } else { ("", "") };
        push(&mut head, format_args!(" {open}{}{close}", def.syntax));
    }
    head
}

/// What is said of an extension's option: its phrase, whether it must be there, its other names.
#[must_use]
pub fn option_phrase(def: &OptDef) -> String {
    let mut phrase = def.help.to_owned();
    let mut remarks = Vec::new();
    if def.required {
        remarks.push("required".to_owned());
    }
    if let Some((lo, hi)) = def.range {
        remarks.push(format!("{lo} to {hi}"));
    }
    remarks.extend(def.aliases.iter().map(|alias| format!("also --{alias}")));
    if !remarks.is_empty() {
        push(&mut phrase, format_args!(" ({})", remarks.join("; ")));
    }
    phrase
}

fn base(out: &mut String, spelling: &Spelling) {
    let not = if spelling.is_invertible() { "[!] " } else { "    " };
    let mut head = format!("{not}--{:<13}", spelling.long);
    match spelling.short {
        Some(short) => push(&mut head, format_args!(" -{}", char::from(short))),
        None => head.push_str("   "),
    }
    push(&mut head, format_args!(" {}", spelling.value));
    line(out, head.trim_end(), spelling.help);
}

fn extension(out: &mut String, spec: &Spec) {
    push(out, format_args!("\n{} {} options:\n", spec.name, kind(spec)));
    line(out, &format!("({})", spec.doc), "");
    for def in spec.options {
        line(out, &option_head(def), &option_phrase(def));
    }
}

/// Names, as many to a line as fit.
fn list(out: &mut String, title: &str, names: &[&str]) {
    push(out, format_args!("\n{title}:"));
    let mut width = WIDTH;
    for name in names {
        if width + 1 + name.len() > WIDTH {
            out.push_str("\n   ");
            width = 3;
        }
        push(out, format_args!(" {name}"));
        width += 1 + name.len();
    }
    out.push('\n');
}

/// One entry; a head too long for its column has its phrase on a line of its own.
fn line(out: &mut String, head: &str, phrase: &str) {
    if phrase.is_empty() {
        push(out, format_args!("{head}\n"));
    } else if head.len() < COLUMN {
        push(out, format_args!("{head:COLUMN$}{phrase}\n"));
    } else {
        push(out, format_args!("{head}\n{:COLUMN$}{phrase}\n", ""));
    }
}

/// Writing to a `String` cannot fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxtables_ext::find_match;

    #[test]
    fn every_option_is_in_the_help_of_its_family() {
        for family in [Family::Ip4, Family::Ip6] {
            let text = help(family, &[]);
            for s in SPELLINGS.iter().filter(|s| !s.help.is_empty()) {
                let long = format!("--{} ", s.long);
                assert_eq!(text.contains(&long), s.is_for(family), "{long}");
            }
        }
    }

    #[test]
    fn begins_as_upstream_does() {
        let text = help(Family::Ip6, &[]);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("ip6tables v1.8.13 (nf_tables)"));
        assert_eq!(lines.next(), Some(""));
        let usage = "Usage: ip6tables -[ACD] chain rule-specification [options]";
        assert_eq!(lines.next(), Some(usage));
    }

    #[test]
    fn extensions_come_after_with_their_options() {
        let tcp = find_match(b"tcp", Family::Ip4).unwrap().spec;
        let text = help(Family::Ip4, &[tcp]);
        let (_, own) = text.split_once("\ntcp match options:\n").unwrap();
        assert!(own.contains("[!] --sport port[:port]"), "{own}");
        assert!(own.contains("also --source-port"), "{own}");
    }
}
