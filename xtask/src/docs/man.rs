//! The manual. What is the same in every version of the tables stands as roff in files beside.

use super::table::{self, Entry};
use oxtables_base::names::protocol_name;
use oxtables_ext::{Families, Spec};
use oxtables_syntax::help::{UPSTREAM_VERSION, USAGE, option_head, option_phrase};
use oxtables_syntax::options::{OWN, SPELLINGS, Spelling};

/// So many examples an extension.
const EXAMPLES: usize = 3;

/// The pages: path and text.
pub(super) fn pages() -> Vec<(String, String)> {
    let page = |name: &str, text| (format!("docs/man/{name}"), text);
    vec![
        page("iptables.8", editor()),
        page("ip6tables.8", ".so man8/iptables.8\n".to_owned()),
        page("iptables-extensions.8", extensions()),
        page("oxtables.1", include_str!("oxtables.roff").to_owned()),
    ]
}

fn editor() -> String {
    let usage: Vec<String> =
        USAGE.iter().map(|usage| format!(".br\n.B iptables\n{}\n", roff(usage))).collect();
    let shown = |commands: bool| {
        let wanted = SPELLINGS.iter().filter(|s| !s.help.is_empty() && s.is_command() == commands);
        wanted.map(base).collect::<String>()
    };
    let own: String =
        OWN.iter().map(|(name, value, help)| item(&format!("--{name} {value}"), help)).collect();
    include_str!("iptables.roff")
        .replace("@VERSION@", UPSTREAM_VERSION)
        .replace("@USAGE@\n", usage.concat().trim_start_matches(".br\n"))
        .replace("@COMMANDS@\n", &shown(true))
        .replace("@OPTIONS@\n", &shown(false))
        .replace("@OWN@\n", &own)
}

fn base(spelling: &Spelling) -> String {
    let not = if spelling.is_invertible() { "[!] " } else { "" };
    let short = spelling.short.map(|s| format!("-{}, ", char::from(s))).unwrap_or_default();
    let names = format!("{not}{short}--{}", spelling.long);
    item(&format!("{names} {}", spelling.value), spelling.help)
}

fn extensions() -> String {
    let section = |flag, entries: Vec<Entry>| -> String {
        entries.iter().map(|entry| extension(entry, flag)).collect()
    };
    include_str!("iptables-extensions.roff")
        .replace("@VERSION@", UPSTREAM_VERSION)
        .replace("@MATCHES@\n", &section("-m", table::matches()))
        .replace("@TARGETS@\n", &section("-j", table::targets()))
}

fn extension(entry: &Entry, flag: &str) -> String {
    let spec = entry.spec;
    let families = match entry.families {
        Families::Both => "",
        Families::Ip4 => " (iptables)",
        Families::Ip6 => " (ip6tables)",
    };
    let mut text = format!(".SS {}{families}\n{}", roff(spec.name), sentence(spec.doc));
    if let Some(name) = spec.implied_by.first().and_then(|&p| protocol_name(p)) {
        text += &format!("It need not be named after\n.BR \"{} {}\" .\n", roff("-p"), roff(name));
    }
    for def in spec.options {
        text += &item(&option_head(def), &option_phrase(def));
    }
    text + &examples(spec, flag)
}

fn examples(spec: &Spec, flag: &str) -> String {
    let accepted = spec.cases.iter().filter(|(typed, saved)| saved.is_some() && !typed.is_empty());
    let lines: String = accepted
        .take(EXAMPLES)
        .map(|(typed, _)| {
            let (protocol, options) = protocol(typed);
            roff(&format!("{protocol}{flag} {} {options}\n", spec.name))
        })
        .collect();
    if lines.is_empty() { lines } else { format!(".PP\nExamples:\n.PP\n.nf\n{lines}.fi\n") }
}

/// `-p PROTO ` at the start of an example stands for the rule's protocol.
fn protocol(typed: &str) -> (&str, &str) {
    let value = typed.strip_prefix("! -p ").or_else(|| typed.strip_prefix("-p "));
    let Some(value) = value else { return ("", typed) };
    let rest = value.split_once(' ').map_or("", |(_, rest)| rest);
    (typed.strip_suffix(rest).unwrap_or_default(), rest)
}

fn item(head: &str, phrase: &str) -> String {
    format!(".TP\n.B {}\n{}", roff(head.trim_end()), sentence(phrase))
}

/// A phrase as a sentence on a line of its own.
fn sentence(phrase: &str) -> String {
    let mut chars = phrase.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    roff(&format!("{first}{}.\n", chars.as_str()))
}

/// Text as roff shows it unchanged.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    let text = text.replace('\'', "\\(aq").replace('`', "\\(ga");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
