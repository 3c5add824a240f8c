//! `oxtables explain`: the way of one packet through the rules, and which rule decides.

mod json;
mod text;

use crate::packet_text;
use crate::packet_words::{Described, PacketWords};
use crate::ruleset::Rules;
use crate::store::Place;
use crate::surroundings::{self, HostWords, Surroundings};
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_engine::{Arrival, Done, End, Engine, Options, Outcome, RuleRef, Step, Walk};
use oxtables_model::TableName;
use oxtables_packet::pcap::Reader;
use oxtables_packet::{IfName, Known, Moment};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// What `oxtables schema explain` prints: what `--json` writes.
pub(crate) const SCHEMA: &str = include_str!("../schema/explain.json");

const USAGE: &str = "\
Usage: oxtables explain PACKET [--rules FILE] [--rules6 FILE] [HOST] [--json]

Takes one packet through the rules, and shows each rule tried, why it did not fit, and
the one that decides. Nothing is sent and nothing is changed.

PACKET, in iptables' own words:
  -i NAME  -o NAME      it comes in by, it leaves by (-o alone: this host's own packet)
  -s ADDR  -d ADDR      from, to
  -p PROTO --sport PORT --dport PORT --syn --tcp-flags LIST --icmp-type TYPE
  --ctstate STATE --mark N --ttl N --tos N --length N -f
  --mac-source MAC --uid-owner USER --gid-owner GROUP --pkt-type TYPE
or from a capture:
  --pcap FILE:N         packet N of a pcap or pcapng file (with -i or -o)

RULES: without these the live ones (or --backend file:PATH)
  --rules FILE          of a save file, for IPv4
  --rules6 FILE         for IPv6

HOST, to know what is for this host and where packets leave:
  --topology FILE       lines `address IFACE ADDR/LEN', `route NET IFACE', `forwarding off'
  --topology live       this host as it is (so it is with live rules)
  --address IFACE=ADDR/LEN, --route NET=IFACE, --forwarding on|off
                        the same as words; without any, -i and -o tell

  --json                as `oxtables schema explain' describes

The exit code is 0 when the packet is accepted, 1 when it is dropped or rejected, 2 for
wrong words or files, 3 when it cannot be told.
";

/// Everything one packet is asked about.
pub(crate) struct Answer<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) surroundings: Surroundings,
    pub(crate) described: Described,
    pub(crate) walk: Walk,
}

/// What the command line says.
#[derive(Default)]
struct Request {
    packet: PacketWords,
    host: HostWords,
    rules: Vec<(Family, Vec<u8>)>,
    pcap: Option<Vec<u8>>,
    json: bool,
}

/// Runs `oxtables explain` with the words behind it, and gives its exit code.
pub(crate) fn run(words: &[&[u8]]) -> u8 {
    if matches!(words, [] | [b"-h" | b"--help"]) {
        print!("{USAGE}");
        return if words.is_empty() { 2 } else { 0 };
    }
    match explain(words) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("oxtables explain: {why}");
            2
        }
    }
}

fn explain(words: &[&[u8]]) -> Result<u8, String> {
    let (kept, _) = Place::wanted(Family::Ip4, words)?;
    let request = parse(&kept)?;
    let live = request.rules.is_empty();
    let mut host = request.host.clone();
    let described = match &request.pcap {
        Some(place) => captured(place, &request.packet)?,
        None => {
            let family =
                request.packet.destination.map_or(Family::Ip4, oxtables_base::addr::family_of);
            let around = host.around(family, Some(&request.packet), live)?;
            let built = request.packet.clone().build(|a| around.topology.is_local(a));
            built.map_err(|e| e.to_string())?
        }
    };
    let family = described.packet.family();
    if live && request.packet.input.is_some() && request.packet.output.is_some() {
        // Both ends were said; the live routes have no say then.
        host = HostWords::default();
    }
    let mut rules = Rules::default();
    for (of, path) in &request.rules {
        rules.add_file(*of, path)?;
    }
    if live {
        rules.add_live(family, &Place::wanted(family, words)?.1)?;
    } else if rules.file(family).is_none() {
        let (what, option) = match family {
            Family::Ip4 => ("IPv4", "--rules"),
            Family::Ip6 => ("IPv6", "--rules6"),
        };
        return Err(format!(
            "{option}: the packet is {what}, and no file of {what} rules is given"
        ));
    }
    let both = request.packet.input.is_some() && request.packet.output.is_some();
    let surroundings = host.around(family, Some(&request.packet), live && !both)?;
    let answer = ask(&rules, surroundings, described)?;
    let shown = if request.json { json::answer(&answer) } else { text::answer(&answer) };
    print!("{shown}");
    Ok(exit_code(&answer.walk.end))
}

/// Takes the packet through the rules.
///
/// # Errors
/// When the rules make no rule set: jumps in a circle.
pub(crate) fn ask(
    rules: &Rules,
    surroundings: Surroundings,
    described: Described,
) -> Result<Answer<'_>, String> {
    let mut engine =
        Engine::new(&rules.rulesets, surroundings.topology.clone(), Options::default())
            .map_err(|e| e.to_string())?;
    let mut walk = engine.packet(described.packet.clone(), described.arrival, now());
    settle(&mut walk, surroundings.implied);
    Ok(Answer { rules, surroundings, described, walk })
}

/// Of an accepted packet the filter table's decision is the one that is asked for, not that of a table which only
/// translates. And a host that only the packet's words tell of has more routes than those.
pub(crate) fn settle(walk: &mut Walk, implied: bool) {
    if let (End::Accept(_), Some(rule)) = (&walk.end, filtered(&walk.steps)) {
        walk.deciding = Some(rule.clone());
    }
    if implied && walk.end == End::Lost("no route to the destination") {
        let to = walk.packet.dst();
        walk.end = End::Unknown(format!(
            "where {to} is routed is not known: say -o, --address and --route, or --topology"
        ));
    }
}

/// The last rule or policy of the filter table that accepted.
fn filtered(steps: &[Step]) -> Option<&RuleRef> {
    steps.iter().rev().find_map(|step| match step {
        Step::Rule { rule, outcome: Outcome::Fitted(Done::Accept) } | Step::Policy { rule, .. }
            if rule.table == TableName::Filter =>
        {
            Some(rule)
        }
        _ => None,
    })
}

/// The moment, for `-m time` and for what is remembered between packets.
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: since.subsec_nanos(),
    }
}

fn exit_code(end: &End) -> u8 {
    match end.word() {
        "accept" => 0,
        "drop" | "reject" => 1,
        _ => 3,
    }
}

fn parse(words: &[&[u8]]) -> Result<Request, String> {
    let mut request = Request::default();
    let mut rest = words.iter().peekable();
    while let Some(&word) = rest.next() {
        let mut value =
            || rest.next().copied().ok_or_else(|| format!("{}: needs a value", visible(word)));
        match word {
            b"--rules" => request.rules.push((Family::Ip4, value()?.to_vec())),
            b"--rules6" => request.rules.push((Family::Ip6, value()?.to_vec())),
            b"--pcap" => request.pcap = Some(value()?.to_vec()),
            b"--json" => request.json = true,
            _ if surroundings::OPTIONS.contains(&word) => request.host.take(word, value()?)?,
            _ => {
                let taken = request.packet.take(word, &mut rest).map_err(|e| e.to_string())?;
                if !taken {
                    let shown = visible(word);
                    return Err(format!("{shown}: not a word about a packet (--help has them)"));
                }
            }
        }
    }
    Ok(request)
}

/// Packet N of a capture, `FILE:N`.
fn captured(place: &[u8], words: &PacketWords) -> Result<Described, String> {
    let wrong = |why: &str| format!("--pcap {}: {why}", visible(place));
    let at = place.iter().rposition(|&c| c == b':').ok_or(wrong("FILE:N is wanted"))?;
    let (path, number) = place.split_at(at);
    let number = oxtables_base::number::parse_decimal(number.get(1..).unwrap_or_default())
        .filter(|&n| n > 0)
        .ok_or(wrong("the number of the packet, from 1, is missing"))?;
    let bytes = std::fs::read(OsStr::from_bytes(path)).map_err(|e| wrong(&e.to_string()))?;
    let reader = Reader::new(&bytes).map_err(|e| wrong(&e.to_string()))?;
    let mut there = 0u64;
    for frame in reader {
        let frame = frame.map_err(|e| wrong(&e.to_string()))?;
        there = frame.number;
        if frame.number != number {
            continue;
        }
        let packet = frame.packet().map_err(|e| wrong(&e.to_string()))?;
        let arrival = capture_arrival(words, &frame.interface)
            .ok_or(wrong("say -i if the packet comes in, -o if it is this host's own"))?;
        return Ok(Described { packet, arrival, assumed: Vec::new() });
    }
    Err(wrong(&format!("the file has {there} packets")))
}

/// Where a captured packet comes from: as said, else the interface that the capture names.
pub(crate) fn capture_arrival(words: &PacketWords, interface: &Known<IfName>) -> Option<Arrival> {
    match (words.input, words.output, interface) {
        (Some(input), _, _) => Some(Arrival::Interface(input)),
        (None, Some(_), _) => Some(Arrival::Local),
        (None, None, Known::Known(name)) => Some(Arrival::Interface(*name)),
        _ => None,
    }
}

/// What decided, in words, without the verdict: `filter INPUT rule 2, line 7 of rules.v4`.
pub(crate) fn decided_by(answer: &Answer<'_>) -> Option<String> {
    let rule = answer.walk.deciding.as_ref()?;
    let family = answer.described.packet.family();
    let mut text = format!("{} {}", rule.table.word(), visible(rule.chain.bytes()));
    match rule.number {
        0 => text.push_str(" policy"),
        n => text.push_str(&format!(" rule {n}")),
    }
    if let (Some(line), Some(file)) = (rule.line, answer.rules.file(family)) {
        text.push_str(&format!(", line {line} of {file}"));
    }
    Some(text)
}

/// The packet before its way, in one line.
fn packet_line(described: &Described) -> String {
    let line = packet_text::line(&described.packet);
    match described.arrival {
        Arrival::Interface(name) => format!("{line}, in by {}", visible(name.as_bytes())),
        Arrival::Local => format!("{line}, of this host"),
    }
}

/// The verdict with what belongs to it: `rejected with tcp-reset`.
pub(crate) fn verdict_line(end: &End) -> String {
    match end {
        End::Accept(_) => "accepted".to_owned(),
        End::Drop => "dropped".to_owned(),
        End::Reject { with, .. } => format!("rejected with {with}"),
        End::Queue(queue) => format!("unknown: a program decides, at queue {queue}"),
        End::Lost(why) => format!("dropped by no rule: {why}"),
        End::Unknown(why) => format!("unknown: {why}"),
    }
}
