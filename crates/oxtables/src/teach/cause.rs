//! Why something went wrong, and what to do: for each kind of fault that people make.

use oxtables_backend::{BackendError, Problem, Refusal};
use oxtables_base::text::visible;
use oxtables_base::{Family, names};
use oxtables_ext::{ArgErrorKind, MATCHES, TARGETS, ValueError};
use oxtables_model::{Edit, Hook, TableName, VERDICTS};
use oxtables_syntax::UsageErrorKind as Kind;
use oxtables_syntax::restore::RestoreErrorKind;

/// A cause and a fix, as far as they are known.
#[derive(Default)]
pub(super) struct Advice {
    pub(super) cause: Option<String>,
    pub(super) fix: Option<String>,
    /// The word to point at, when the error does not say.
    pub(super) word: Option<String>,
}

fn advice(cause: impl Into<String>, fix: impl Into<String>) -> Advice {
    Advice { cause: Some(cause.into()), fix: Some(fix.into()), word: None }
}

/// The word a kind of fault names, to find it among the words.
pub(super) fn blamed_word(kind: &Kind) -> Option<&[u8]> {
    match kind {
        Kind::UnknownOption(w)
        | Kind::StrayWord(w)
        | Kind::UnknownMatch(w)
        | Kind::UnknownTarget(w)
        | Kind::UnknownProtocol(w)
        | Kind::UnknownTable(w)
        | Kind::TargetLong(w)
        | Kind::MatchLong(w)
        | Kind::ChainTooLong(w)
        | Kind::InterfaceLong(w)
        | Kind::InterfaceControl(w) => Some(w),
        _ => None,
    }
}

/// About the words of a command line.
pub(super) fn of_usage(family: Family, kind: &Kind) -> Advice {
    match kind {
        Kind::UnknownOption(option) => unknown_option(family, option),
        Kind::UnknownMatch(name) => suggestion(
            "there is no match of this name",
            name,
            MATCHES.iter().filter(|k| k.spec.families.has(family)).map(|k| k.spec.name),
            "see `iptables -h` for the matches there are",
        ),
        Kind::UnknownTarget(name) => unknown_target(family, name),
        Kind::UnknownTable(name) => suggestion(
            "there is no table of this name",
            name,
            TableName::ALL.iter().map(|t| t.word()),
            "the tables are filter, nat, mangle, raw and security",
        ),
        Kind::UnknownProtocol(name) => suggestion(
            "no protocol of this name is built in or in /etc/protocols",
            name,
            ["tcp", "udp", "icmp", "ipv6-icmp", "sctp", "esp", "ah", "all"].into_iter(),
            "give its number",
        ),
        Kind::ChainTooLong(_) | Kind::TargetLong(_) | Kind::MatchLong(_) => advice(
            "a name has at most 28 bytes: that is the room the kernel's struct has",
            "choose a shorter name",
        ),
        Kind::InterfaceLong(_) => advice(
            "an interface name has at most 15 bytes (IFNAMSIZ)",
            "shorten it, or match its beginning with `+`: `-i verylong+`",
        ),
        Kind::NoCommand => advice(
            "nothing says what to do with the rule",
            "begin with -A CHAIN (append), -I CHAIN (insert), -D CHAIN (delete), -L (list) ...",
        ),
        Kind::NeedsArgument(_) => advice("the option needs a value after it", "add the value"),
        Kind::StrayWord(_) => advice(
            "the word belongs to no option",
            "a `!` stands before its option (`! -s 10.0.0.0/8`); a text with blanks needs quotes",
        ),
        Kind::IllegalOption(_) => {
            advice("the command does not use this option", "leave it out, or use another command")
        }
        Kind::WrongInterface(..) => advice(
            "packets in this chain have no such interface yet, or no more",
            "use -i in PREROUTING, INPUT and FORWARD, and -o in FORWARD, OUTPUT and POSTROUTING",
        ),
        Kind::DropInNat => advice(
            "only the first packet of a connection is seen in nat, so dropping there protects nothing",
            "drop in the filter table",
        ),
        Kind::UnknownHost(_) => advice(
            "it is no address of this family, and no name that resolves",
            format!("give an {} address", family_name(family)),
        ),
        Kind::OtherFamily => {
            advice("the option asks for the other family", "use the program of that family")
        }
        Kind::Extension(error) => of_extension(error),
        _ => Advice::default(),
    }
}

const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ip4 => "IPv4",
        Family::Ip6 => "IPv6",
    }
}

fn of_extension(error: &oxtables_ext::ArgError) -> Advice {
    let name = error.extension;
    match &error.kind {
        ArgErrorKind::Missing => {
            advice(format!("{name} says nothing without it"), format!("add --{}", error.option))
        }
        ArgErrorKind::NotInvertible => advice("this option has no opposite", "leave the `!` out"),
        ArgErrorKind::Value(ValueError::Port) => {
            let near =
                nearest(&error.word, ["ssh", "http", "https", "domain", "smtp", "ntp"].into_iter());
            let fix = near.map_or_else(
                || "give a number from 0 to 65535, or a name of /etc/services".to_owned(),
                |n| format!("did you mean {n}?"),
            );
            advice("it is neither a port nor a service", fix)
        }
        _ => Advice::default(),
    }
}

fn unknown_option(family: Family, option: &[u8]) -> Advice {
    let text = visible(option);
    let name = text.trim_start_matches('-');
    let name = name.split('=').next().unwrap_or(name);
    let mut owners: Vec<&str> = Vec::new();
    let matches = MATCHES.iter().map(|k| (k.spec, "-m"));
    let targets = TARGETS.iter().map(|k| (k.spec, "-j"));
    for (spec, letter) in matches.chain(targets) {
        if spec.families.has(family) && spec.options.iter().any(|o| o.is_called(name)) {
            if letter == "-m" && !spec.implied_by.is_empty() {
                owners.extend(spec.implied_by.iter().filter_map(|&p| names::protocol_name(p)));
            } else {
                return advice(
                    format!("the option belongs to {letter} {}", spec.name),
                    format!("put {letter} {} before it", spec.name),
                );
            }
        }
    }
    if let Some(first) = owners.first() {
        let all: Vec<String> = owners.iter().take(3).map(|p| format!("-p {p}")).collect();
        return advice(
            format!("only some protocols have this: {}", all.join(", ")),
            format!("put -p {first} before it"),
        );
    }
    let base = oxtables_syntax::argv::option_names();
    let specs = MATCHES.iter().map(|k| k.spec).chain(TARGETS.iter().map(|k| k.spec));
    let known = specs.flat_map(|s| s.options.iter().map(|o| o.name));
    match nearest(name.as_bytes(), base.chain(known)) {
        Some(near) => advice("there is no such option", format!("did you mean --{near}?")),
        None => advice("there is no such option", "see `iptables -h`"),
    }
}

fn unknown_target(family: Family, name: &[u8]) -> Advice {
    let verdicts = VERDICTS.iter().map(|(w, _)| *w);
    let targets = TARGETS.iter().filter(|k| k.spec.families.has(family)).map(|k| k.spec.name);
    suggestion(
        "it is neither a target nor a chain of this table",
        name,
        verdicts.chain(targets),
        &format!("make the chain first: {} -N {}", family.program(), visible(name)),
    )
}

fn suggestion<'a>(
    cause: &str,
    word: &[u8],
    known: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> Advice {
    let fix = nearest(word, known)
        .map_or_else(|| otherwise.to_owned(), |near| format!("did you mean {near}?"));
    advice(cause, fix)
}

/// The known word that `word` most likely stands for.
fn nearest<'a>(word: &[u8], known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = visible(word).to_lowercase();
    let far = 1 + word.chars().count() / 4;
    let scored = known.map(|k| (strsim::damerau_levenshtein(&word, &k.to_lowercase()), k));
    scored.filter(|&(d, _)| d <= far).min_by_key(|&(d, _)| d).map(|(_, k)| k)
}

/// About what the kernel, or what is in it, does not allow.
pub(super) fn of_backend(
    family: Family,
    table: &str,
    edits: &[Edit],
    error: &BackendError,
) -> Advice {
    match error {
        BackendError::Problem { problem, .. } => of_problem(table, edits, *problem, family),
        BackendError::Refused(refusals) => {
            refusals.first().map_or_else(Advice::default, |r| of_refusal(table, r))
        }
        BackendError::Os { error, .. } if matches!(error.raw_os_error(), Some(1 | 13)) => advice(
            "changing or reading the rules needs CAP_NET_ADMIN in the network namespace",
            "run it as root (sudo), or try rules in a namespace of your own: unshare -Urn",
        ),
        _ => Advice::default(),
    }
}

fn of_problem(table: &str, edits: &[Edit], problem: Problem, family: Family) -> Advice {
    match problem {
        Problem::NoSuchChain => {
            let name = edits.iter().find_map(edit_chain);
            let shown = name.map(visible).unwrap_or_default();
            let known = Hook::ALL.iter().map(|h| h.chain());
            let own = TableName::parse(table.as_bytes()).map_or(&[][..], |t| t.base_chains());
            let fix = match name.and_then(|n| nearest(n, known)) {
                Some(near) if near.as_bytes() != name.unwrap_or_default() => {
                    format!("did you mean {near}?")
                }
                Some(_) => {
                    let own: Vec<&str> = own.iter().map(|b| b.hook.chain()).collect();
                    format!("the built-in chains of {table} are {}", own.join(", "))
                }
                None => format!("make it first: {} -t {table} -N {shown}", family.program()),
            };
            Advice { word: Some(shown), ..advice(format!("table {table} has no such chain"), fix) }
        }
        Problem::NoSuchRule => advice(
            "no rule of the chain says exactly this",
            format!("compare with {} -t {table} -S", family.program()),
        ),
        Problem::NumberBeyondEnd | Problem::ReplaceBeyondEnd | Problem::InsertBeyondEnd => advice(
            "the chain has fewer rules",
            format!("see {} -t {table} -L -n --line-numbers", family.program()),
        ),
        Problem::NotBuiltin => {
            advice("only built-in chains have a policy", "end the chain with a rule that drops")
        }
        _ => Advice::default(),
    }
}

fn edit_chain(edit: &Edit) -> Option<&[u8]> {
    match edit {
        Edit::Append { chain, .. }
        | Edit::Insert { chain, .. }
        | Edit::Replace { chain, .. }
        | Edit::Delete { chain, .. }
        | Edit::Check { chain, .. }
        | Edit::Policy { chain, .. }
        | Edit::Flush { chain: Some(chain) }
        | Edit::Zero { chain: Some(chain), .. }
        | Edit::DeleteChain { chain: Some(chain) }
        | Edit::RenameChain { from: chain, .. } => Some(chain.bytes()),
        _ => None,
    }
}

/// Where extensions that are often put in the wrong place belong (iptables-extensions(8); the
/// kernel's `.hooks` and `.table`).
const PLACES: &[(&str, &str)] = &[
    ("MASQUERADE", "nat POSTROUTING"),
    ("SNAT", "nat POSTROUTING and nat INPUT"),
    ("DNAT", "nat PREROUTING and nat OUTPUT"),
    ("REDIRECT", "nat PREROUTING and nat OUTPUT"),
    ("NETMAP", "the nat table"),
    ("REJECT", "INPUT, FORWARD and OUTPUT of the filter table"),
    ("TTL", "the mangle table"),
    ("HL", "the mangle table"),
    ("TOS", "the mangle table"),
    ("DSCP", "the mangle table"),
    ("ECN", "the mangle table"),
    ("TCPOPTSTRIP", "the mangle table"),
    ("TPROXY", "mangle PREROUTING"),
    ("CT", "the raw table"),
    ("owner", "OUTPUT and POSTROUTING"),
    ("mac", "PREROUTING, INPUT and FORWARD"),
    ("rpfilter", "PREROUTING of raw and mangle"),
    ("socket", "PREROUTING and INPUT"),
];

fn of_refusal(table: &str, refusal: &Refusal) -> Advice {
    let expression = visible(refusal.expression.as_deref().unwrap_or_default());
    let name = expression.rsplit(' ').next().unwrap_or_default().to_owned();
    let place = PLACES.iter().find(|(n, _)| *n == name).map(|&(_, p)| p);
    let word = (!name.is_empty()).then(|| name.clone());
    let found = match (refusal.errno, place) {
        (22, Some(place)) => advice(
            format!("the kernel does not allow {name} here (table {table})"),
            format!(
                "{name} belongs in {place}; look also whether it needs a protocol (-p tcp ...)"
            ),
        ),
        (22, None) if !name.is_empty() => advice(
            format!("the kernel does not allow {expression} so"),
            "look whether it needs a protocol (-p tcp ...), another chain or another table",
        ),
        (2, _) if !name.is_empty() => advice(
            format!("this kernel has no {expression}, or not the object it names"),
            "load its module (modprobe), or build the kernel with it",
        ),
        (40 | 31, _) => advice("the jumps make a loop", "follow the chains with -S"),
        (95, _) => advice(
            "a built-in chain cannot be jumped to",
            "make a chain of your own (-N) and jump to it from both",
        ),
        (16, _) => advice(
            "the chain is jumped to, or still has rules",
            "delete the jumps to it and flush it first (-F)",
        ),
        _ => Advice::default(),
    };
    Advice { word, ..found }
}

/// About a line of a save file.
pub(super) fn of_line(family: Family, kind: Option<&RestoreErrorKind>) -> Advice {
    match kind {
        Some(RestoreErrorKind::Usage(e)) => of_usage(family, &e.kind),
        Some(RestoreErrorKind::OutsideTable) => advice(
            "rules stand between `*TABLE` and `COMMIT`",
            "put `*filter` (or the table meant) before it",
        ),
        Some(RestoreErrorKind::CommitExpected) => advice(
            "the file ends before its last table is committed, so nothing of that table was done",
            "end each table with a line `COMMIT`",
        ),
        Some(RestoreErrorKind::Table(name)) => of_usage(family, &Kind::UnknownTable(name.clone())),
        Some(RestoreErrorKind::NoPolicy) => advice(
            "a chain line is `:CHAIN POLICY [packets:bytes]`",
            "write `:NAME - [0:0]` for a chain of your own",
        ),
        Some(RestoreErrorKind::PolicyCounters(_)) => {
            advice("counters are `[packets:bytes]`", "write `[0:0]`")
        }
        Some(RestoreErrorKind::Bracket) => advice(
            "a rule's counters are `[packets:bytes]` and a blank",
            "write `[0:0] -A ...`, or leave them out",
        ),
        Some(RestoreErrorKind::Nul) => {
            advice("a NUL byte would hide the rest of the line", "remove it")
        }
        _ => Advice::default(),
    }
}
