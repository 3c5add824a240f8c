//! `oxtables trace`: live from the kernel, which rules real packets meet.
//!
//! A temporary rule in the raw table sets `nftrace` for the packets asked for; the kernel then tells of each rule they
//! fit. A second process removes the rule when this one ends, however it ends.

mod events;
mod guard;

pub(crate) use guard::run as run_guard;

use crate::message::Program;
use crate::store::{Place, Store};
use events::{Packets, Shown};
use guard::Guard;
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_model::{ChainName, Edit, Rule, TableName};
use oxtables_syntax::{Parsed, Request as Parse, Setting};
use oxtables_sys::netlink::Netfilter;
use oxtables_wire::nft::TraceView;
use oxtables_wire::nl::Messages;
use std::time::{Duration, Instant};

/// `NFNLGRP_NFTRACE`.
const GROUP: i32 = 9;
/// Room for events that come faster than they are shown.
const BUFFER: usize = 8 << 20;
/// Packets a second, unless `--rate` says otherwise.
const RATE: u32 = 50;

const USAGE: &str = "\
Usage: oxtables trace [MATCH] [--for TIME] [--dropped] [--rate N] [--json] [-6]

Shows live which rules packets meet, and which one decides. MATCH is as in a rule, without
a target: -p tcp --dport 22 -s 203.0.113.0/24. A temporary rule in the raw table asks the
kernel to tell of these packets; it is removed when this ends, however it ends.

  --for TIME   end after 10s, 500ms, 2m (else with Ctrl-C)
  --dropped    only packets that a rule or policy drops
  --rate N     at most N packets a second (default 50)
  --json       a line for each packet
  -6           of ip6tables

The exit code is 0, 2 for wrong words, 4 when the kernel refuses.
";

/// What the command line says.
struct Request {
    family: Family,
    rules: Vec<(ChainName, Rule)>,
    end: Option<Instant>,
    shown: Shown,
}

/// Why it ended early, and the exit code.
struct Failed(String, u8);

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self(why, 2)
    }
}

/// Runs `oxtables trace` with the words behind it, and gives its exit code.
pub(crate) fn run(words: &[&[u8]]) -> u8 {
    if matches!(words, [b"-h" | b"--help"]) {
        print!("{USAGE}");
        return 0;
    }
    match trace(words) {
        Ok(()) => 0,
        Err(Failed(why, code)) => {
            eprintln!("oxtables trace: {why}");
            code
        }
    }
}

fn trace(words: &[&[u8]]) -> Result<(), Failed> {
    let request = parse(words)?;
    let family = request.family;
    let kernel = |what: &str, e: std::io::Error| Failed(format!("{what}: {e}"), 4);
    let says = |e| Failed(Program(family.program()).backend(&e, false).0.trim_end().to_owned(), 4);
    let mut store = Store::open(family, &Place::Kernel).map_err(says)?;
    guard::sweep(family, &mut store).map_err(says)?;
    let mut socket = Netfilter::open().map_err(|e| kernel("no netlink socket", e))?;
    socket.join(GROUP, BUFFER).map_err(|e| kernel("the kernel does not tell of traces", e))?;
    // It has to be there before the rules are.
    let guard = Guard::start(family).map_err(|e| kernel("no second process", e))?;
    let mut work = store.begin(TableName::Raw);
    for (chain, rule) in request.rules {
        let edit = Edit::Insert { chain, number: 1, rule };
        store.push(&mut work, edit, 0).map_err(says)?;
    }
    store.commit(work).map_err(says)?;
    let mut packets = Packets::new(family, store, request.shown);
    let watched = watch(&mut socket, &mut packets, request.end);
    guard.end().map_err(|e| kernel("the temporary rules may still be there", e))?;
    watched.map_err(|e| kernel("the kernel's events cannot be read", e))
}

/// Shows events until the time is up, or the reader of our output went away.
fn watch(
    socket: &mut Netfilter,
    packets: &mut Packets,
    end: Option<Instant>,
) -> std::io::Result<()> {
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return packets.finish();
        }
        let pause = left.unwrap_or(Duration::MAX).min(events::IDLE);
        let millis = u32::try_from(pause.as_millis()).unwrap_or(u32::MAX).max(1);
        if socket.readable(millis)? {
            match socket.recv() {
                Ok(datagram) => {
                    for message in Messages::new(datagram).flatten() {
                        if let Ok(event) = TraceView::read(&message) {
                            packets.event(&event);
                        }
                    }
                }
                // ENOBUFS: the kernel had more to tell than there was room for.
                Err(e) if e.raw_os_error() == Some(105) => packets.lost(),
                Err(e) => return Err(e),
            }
        }
        packets.show_idle()?;
    }
}

fn parse(words: &[&[u8]]) -> Result<Request, String> {
    let (mut family, mut rate, mut time) = (Family::Ip4, RATE, None);
    let mut shown = Shown::default();
    let mut of_match: Vec<&[u8]> = Vec::new();
    let mut rest = words.iter();
    while let Some(&word) = rest.next() {
        let mut value =
            || rest.next().copied().ok_or_else(|| format!("{}: needs a value", visible(word)));
        match word {
            b"--for" => time = Some(duration(value()?)?),
            b"--dropped" => shown.dropped = true,
            b"--json" => shown.json = true,
            b"-6" | b"--ipv6" => family = Family::Ip6,
            b"-4" | b"--ipv4" => family = Family::Ip4,
            b"--rate" => {
                let value = value()?;
                rate = oxtables_base::number::parse_within(value, 1, 10_000)
                    .and_then(|n| u32::try_from(n).ok())
                    .ok_or_else(|| format!("--rate {}: not from 1 to 10000", visible(value)))?;
            }
            b"-t" | b"--table" | b"-j" | b"--jump" | b"-g" | b"--goto" | b"-A" | b"-I" | b"-D" => {
                let shown = visible(word);
                return Err(format!("{shown}: MATCH has no table, chain, target or command"));
            }
            _ => of_match.push(word),
        }
    }
    let rules = rules(family, &of_match, rate)?;
    let end = time.map(|time| Instant::now() + time);
    Ok(Request { family, rules, end, shown })
}

/// The temporary rules: in PREROUTING for packets that come in, in OUTPUT for those of this host.
fn rules(family: Family, of_match: &[&[u8]], rate: u32) -> Result<Vec<(ChainName, Rule)>, String> {
    let has = |names: [&[u8]; 2]| of_match.iter().any(|w| names.contains(w));
    let comment = guard::comment(std::process::id());
    let rate = format!("{rate}/second");
    let mut all = Vec::new();
    for (chain, but) in [
        (&b"PREROUTING"[..], [&b"-o"[..], b"--out-interface"]),
        (b"OUTPUT", [b"-i", b"--in-interface"]),
    ] {
        if has(but) {
            continue;
        }
        let mut words: Vec<&[u8]> = vec![b"-A", chain];
        words.extend(of_match);
        words.extend([&b"-m"[..], b"limit", b"--limit", rate.as_bytes(), b"--limit-burst"]);
        words.extend([&b"10"[..], b"-m", b"comment", b"--comment", comment.as_bytes()]);
        words.extend([&b"-j"[..], b"TRACE"]);
        let setting =
            Setting { family, host: &crate::machine::Machine, restore: Some(TableName::Raw) };
        let parsed = oxtables_syntax::parse(&words, setting).map_err(|e| e.kind.to_string())?;
        let Parsed::Run(invocation) = parsed else {
            return Err("-h and -V are no MATCH".to_owned());
        };
        let Parse::Edit(edits) = invocation.request else { continue };
        for edit in edits {
            if let Edit::Append { chain, rule } = edit {
                all.push((chain, rule));
            }
        }
    }
    if all.is_empty() {
        Err("-i and -o: no packet has both in the raw table".to_owned())
    } else {
        Ok(all)
    }
}

/// `10s`, `500ms`, `2m`; a bare number is seconds.
fn duration(word: &[u8]) -> Result<Duration, String> {
    let wrong = || format!("--for {}: not a time (10s, 500ms, 2m)", visible(word));
    let digits = word.iter().take_while(|c| c.is_ascii_digit()).count();
    let (number, unit) = word.split_at(digits);
    let number = oxtables_base::number::parse_decimal(number).ok_or_else(wrong)?;
    let millis = match unit {
        b"" | b"s" => 1000,
        b"ms" => 1,
        b"m" => 60_000,
        b"h" => 3_600_000,
        _ => return Err(wrong()),
    };
    // A year is as good as for ever.
    number.checked_mul(millis).filter(|&n| n < 1 << 35).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(duration(b"500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration(b"2m"), duration(b"120"));
        for bad in ["", "s", "10x", "-1s", "99999999999999999h"] {
            assert!(duration(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_match_goes_where_its_packets_are() {
        let chains = |words: &[&[u8]]| -> Vec<String> {
            let rules = rules(Family::Ip4, words, 5).unwrap();
            rules.iter().map(|(chain, _)| chain.to_string()).collect()
        };
        assert_eq!(chains(&[b"-p", b"tcp"]), ["PREROUTING", "OUTPUT"]);
        assert_eq!(chains(&[b"-i", b"eth0"]), ["PREROUTING"]);
        assert_eq!(chains(&[b"-o", b"eth0"]), ["OUTPUT"]);
        assert!(rules(Family::Ip4, &[b"-i", b"a", b"-o", b"b"], 5).is_err());
        assert!(rules(Family::Ip4, &[b"--dport", b"22"], 5).is_err());
        assert!(parse(&[b"-j", b"DROP"]).is_err());
    }
}
