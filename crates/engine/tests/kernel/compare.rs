//! One rule set and its packets, by the kernel and by the engine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use oxtables_backend::{Backend, BackendError, Scope, Transaction};
use oxtables_base::Counters;
use oxtables_engine::Outcome::Unknown;
use oxtables_engine::{Arrival, Destination, End, Engine, Options, Ruleset, Step, Walk};
use oxtables_ext::NoHost;
use oxtables_model::{Edit, TableName};
use oxtables_packet::{Family, Hook, Known, Moment, Packet};
use oxtables_syntax::Request;
use oxtables_syntax::restore::{self, Item, RestoreError, RestoreOptions};

use crate::observer::{Last, Observer, Seen};
use crate::packets::Shot;
use crate::rules::Rules;
use crate::world::World;

/// What came of a rule set and its packets.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The kernel refused the rule set: why.
    pub(crate) refused: Option<String>,
    /// Pairs of this rule set and a packet that were compared.
    pub(crate) pairs: usize,
    /// Packets of which the engine says that it cannot tell: why, and how many.
    pub(crate) unknown: BTreeMap<String, usize>,
    /// Packets the kernel would not send.
    pub(crate) unsent: usize,
    /// Where they differ.
    pub(crate) differences: Vec<String>,
    /// Rules that packets fitted, with how many.
    pub(crate) fitted: Vec<(String, u64)>,
    /// How many packets ended how.
    pub(crate) ends: BTreeMap<&'static str, usize>,
}

pub(crate) struct Bench {
    pub(crate) observer: Observer,
    /// The tables that have something in them.
    filled: Vec<(Family, TableName)>,
}

type Counted = BTreeMap<(&'static str, String, u32), Counters>;

impl Bench {
    pub(crate) fn new(observer: Observer) -> Self {
        Self { observer, filled: Vec::new() }
    }

    pub(crate) fn compare(&mut self, rules: &Rules, shots: &[Shot]) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        let text = rules.text();
        if let Err(why) = self.load(rules.family, &text)? {
            outcome.refused = Some(why);
            return Ok(outcome);
        }
        let shots = self.told(rules.family, &text, shots, &mut outcome);
        let mut engine = engine(rules.family, &text);
        let mut sent: [Vec<Vec<u8>>; 2] = Default::default();
        for shot in &shots {
            let Some(seen) = self.observer.shoot(shot)? else {
                outcome.unsent += 1;
                continue;
            };
            outcome.pairs += 1;
            let (expected, walk) = walk(&mut engine, shot, false);
            *outcome.ends.entry(walk.as_ref().map_or("not seen", |w| w.end.word())).or_default() +=
                1;
            for s in &seen {
                match s.output {
                    Some("eth0") => sent[0].push(s.bytes.clone()),
                    Some("eth1") => sent[1].push(s.bytes.clone()),
                    _ => {}
                }
            }
            // What stays on this host is seen once more when it comes in.
            let seen: Vec<Seen> = seen.into_iter().filter(|s| s.output != Some("lo")).collect();
            let canonical = |all: &[Seen]| all.iter().map(without_checksum).collect::<Vec<_>>();
            if canonical(&seen) != canonical(&expected) {
                let told = describe(shot, &seen, &expected, walk.as_ref());
                outcome.differences.push(told);
                break;
            }
        }
        if outcome.differences.is_empty() {
            self.wires(rules.family, &sent, &mut outcome)?;
            self.counters(rules, &engine, &mut outcome)?;
        } else {
            for wire in 0..2 {
                self.observer.arrived(wire, rules.family)?;
            }
        }
        Ok(outcome)
    }

    /// The packets of which the engine can tell what becomes of them.
    fn told(&self, family: Family, text: &str, shots: &[Shot], outcome: &mut Outcome) -> Vec<Shot> {
        let mut shots = shots.to_vec();
        loop {
            let before = shots.len();
            let mut engine = engine(family, text);
            shots.retain(|shot| {
                let (_, walk) = walk(&mut engine, shot, true);
                let Some(unknown) = walk.as_ref().and_then(untold) else { return true };
                *outcome.unknown.entry(unknown).or_default() += 1;
                false
            });
            if shots.len() == before {
                return shots;
            }
        }
    }

    /// Empties what was there and puts the rules in; the inner error is a refusal.
    fn load(&mut self, family: Family, text: &str) -> io::Result<Result<(), String>> {
        for (family, table) in std::mem::take(&mut self.filled) {
            let mut backend = Backend::open(family, &NoHost).map_err(wrong)?;
            let mut transaction = Transaction::new(table);
            backend.push(&mut transaction, Edit::Clear, 0).map_err(wrong)?;
            backend.commit(transaction).map_err(wrong)?;
        }
        self.observer.forget_connections(family)?;
        let mut backend = Backend::open(family, &NoHost).map_err(wrong)?;
        for (table, edits) in edits(family, text) {
            let mut transaction = Transaction::new(table);
            backend.push(&mut transaction, Edit::Clear, 0).map_err(wrong)?;
            for (line, edit) in edits {
                backend.push(&mut transaction, edit, line).map_err(wrong)?;
            }
            if let Err(why) = backend.commit(transaction) {
                return Ok(Err(refusal(&why, text)));
            }
            self.filled.push((family, table));
        }
        Ok(Ok(()))
    }

    /// What came out of the last hook has arrived on the other side, and nothing else.
    fn wires(
        &mut self,
        family: Family,
        sent: &[Vec<Vec<u8>>; 2],
        out: &mut Outcome,
    ) -> io::Result<()> {
        for (wire, sent) in sent.iter().enumerate() {
            let arrived = self.observer.arrived(wire, family)?;
            let plain = |all: &[Vec<u8>]| all.iter().map(|b| unsummed(b)).collect::<Vec<_>>();
            if plain(&arrived) != plain(sent) {
                let (a, s) = (arrived.len(), sent.len());
                let text = format!("eth{wire}: {s} packets were sent, {a} arrived on the wire");
                out.differences.push(text);
            }
        }
        Ok(())
    }

    fn counters(&mut self, rules: &Rules, engine: &Engine, out: &mut Outcome) -> io::Result<()> {
        let kernel = self.counted(rules.family)?;
        let mut ours = Counted::new();
        for (rule, counters) in engine.counters(rules.family) {
            let key = (rule.table.word(), rule.chain.to_string(), rule.number);
            ours.insert(key, counters);
        }
        for (key, theirs) in &kernel {
            let ours = ours.remove(key).unwrap_or_default();
            if ours != *theirs {
                let (table, chain, number) = key;
                out.differences.push(format!(
                    "{table} {chain} {number}: the kernel counted {}:{}, the engine {}:{}",
                    theirs.packets, theirs.bytes, ours.packets, ours.bytes
                ));
            }
        }
        out.differences.extend(ours.keys().map(|key| format!("the kernel has no {key:?}")));
        for table in &rules.tables {
            let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
            for (chain, text) in &table.rules {
                let number = numbers.entry(chain).and_modify(|n| *n += 1).or_insert(1);
                let counted = kernel.get(&(table.name, chain.clone(), *number));
                out.fitted.push((text.clone(), counted.map_or(0, |c| c.packets)));
            }
        }
        Ok(())
    }

    fn counted(&self, family: Family) -> io::Result<Counted> {
        let mut all = Counted::new();
        let mut backend = Backend::open(family, &NoHost).map_err(wrong)?;
        for (_, table) in &self.filled {
            let listing = backend.list(*table, Scope::All).map_err(wrong)?;
            for chain in listing.chains.iter().filter(|c| c.exists) {
                let name = chain.name.to_string();
                if let Some(base) = chain.base {
                    all.insert((table.word(), name.clone(), 0), base.counters);
                }
                for (number, rule) in (1..).zip(&chain.rules) {
                    all.insert((table.word(), name.clone(), number), rule.entry.counters());
                }
            }
        }
        Ok(all)
    }
}

/// Why the engine does not know the packet's end, or whether a rule fits that only counts.
fn untold(walk: &Walk) -> Option<String> {
    match &walk.end {
        End::Unknown(why) => return Some(why.clone()),
        End::Queue(_) => return Some("queued".to_owned()),
        _ => {}
    }
    walk.steps.iter().find_map(|step| match step {
        Step::Rule { outcome: Unknown { condition, why }, .. } => {
            Some(format!("{condition}: {why}"))
        }
        _ => None,
    })
}

fn wrong(e: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("{e:?}"))
}

/// The errors and the lines they are about.
fn refusal(why: &BackendError, text: &str) -> String {
    let BackendError::Refused(refusals) = why else { return format!("{why:?}") };
    let line = |tag: u32| text.lines().nth(tag as usize - 1).unwrap_or("");
    let one = |r: &oxtables_backend::Refusal| format!("errno {}: {}", r.errno, line(r.tag));
    refusals.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn edits(family: Family, text: &str) -> Vec<(TableName, Vec<(u32, Edit)>)> {
    let mut tables: Vec<(TableName, Vec<(u32, Edit)>)> = Vec::new();
    let options = RestoreOptions { family, counters: true, table: None, host: &NoHost };
    let read = restore::read(text.as_bytes(), &options, |line, item| {
        match item {
            Item::Begin(name) => tables.push((name, Vec::new())),
            Item::Declare { edit, .. } => tables.last_mut().unwrap().1.push((line, edit)),
            Item::Command(invocation) => match invocation.request {
                Request::Edit(edits) => {
                    let edits = edits.into_iter().map(|edit| (line, edit));
                    tables.last_mut().unwrap().1.extend(edits);
                }
                other => panic!("{other:?}"),
            },
            _ => {}
        }
        Ok::<(), RestoreError>(())
    });
    if let Err(why) = read {
        panic!("{why:?}: {:?}\n{text}", text.lines().nth(why.line as usize - 1));
    }
    tables
}

pub(crate) fn engine(family: Family, text: &str) -> Engine {
    let mut rules = Ruleset::new(family);
    for (table, edits) in edits(family, text) {
        for (line, edit) in &edits {
            rules.edit(table, edit, Some(*line)).unwrap();
        }
    }
    Engine::new(&[rules], World::topology(), Options::default()).unwrap()
}

fn now() -> Moment {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment { seconds: now.as_secs().try_into().unwrap(), nanos: now.subsec_nanos() }
}

/// What the engine expects to be seen; no walk if no hook sees the packet.
pub(crate) fn walk(engine: &mut Engine, shot: &Shot, record: bool) -> (Vec<Seen>, Option<Walk>) {
    let Some(packet) = shot.packet() else { return (Vec::new(), None) };
    let time = now();
    let walk = match record {
        true => engine.packet(packet, shot.arrival(), time),
        false => engine.verdict(packet, shot.arrival(), time),
    };
    let mut seen = Vec::new();
    expect(engine, &walk, time, &mut seen);
    (seen, Some(walk))
}

fn expect(engine: &mut Engine, walk: &Walk, time: Moment, seen: &mut Vec<Seen>) {
    let mark = walk.packet.context.mark.get().copied().unwrap_or(0);
    let bytes = walk.packet.bytes().to_vec();
    match &walk.end {
        End::Accept(Destination::Local) => {
            seen.push(Seen { last: Last::Input, output: None, mark, bytes });
        }
        End::Accept(Destination::Interface(name)) => {
            let output = ["eth0", "eth1"].into_iter().find(|n| n.as_bytes() == name.as_bytes());
            seen.push(Seen { last: Last::Postrouting, output, mark, bytes });
        }
        // The answer goes the way of all that this host sends.
        End::Reject { answer: Some(answer), .. } => {
            let mut packet = Packet::parse(answer).unwrap();
            packet.context.packet_type = Known::Known(oxtables_packet::PacketType::Host);
            packet.context.link = Known::Absent;
            let answered = engine.verdict(packet, Arrival::Local, time);
            expect(engine, &answered, time, seen);
        }
        _ => {}
    }
}

/// Without what cannot be told: the sum of a reset's TCP header is left to the interface, and the identification of an
/// error of the host's own is any.
fn without_checksum(seen: &Seen) -> Seen {
    Seen { bytes: unsummed(&seen.bytes), ..seen.clone() }
}

fn unsummed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let Ok(packet) = Packet::parse(&bytes) else { return bytes };
    let Ok(transport) = packet.transport() else { return bytes };
    let reset = packet.tcp().is_ok_and(|tcp| tcp.flags() & 4 != 0);
    let error = packet.icmp().is_ok_and(|icmp| icmp.kind == 3) && packet.tos() & 0xe0 == 0xc0;
    if reset {
        bytes[transport.offset + 16..][..2].fill(0);
    }
    // An error of ICMPv6 has a flow label by chance.
    if packet.icmpv6().is_ok_and(|icmp| icmp.kind == 1) {
        bytes[1..4].fill(0);
    }
    if error {
        bytes[4..6].fill(0);
        bytes[10..12].fill(0);
    }
    bytes
}

fn describe(shot: &Shot, seen: &[Seen], expected: &[Seen], walk: Option<&Walk>) -> String {
    let mut text = format!(
        "packet {:?} {:?} padding {}\n  {}\n",
        shot.source,
        shot.cast,
        shot.padding,
        hex(&shot.bytes)
    );
    for (who, all) in [("kernel", seen), ("engine", expected)] {
        if all.is_empty() {
            let _ = writeln!(text, "  {who}: nothing");
        }
        for s in all {
            let _ = writeln!(
                text,
                "  {who}: {:?} {:?} mark {:#x} {}",
                s.last,
                s.output,
                s.mark,
                hex(&s.bytes)
            );
        }
    }
    let _ = write!(text, "  the engine's end: {:?}", walk.map(|w| &w.end));
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The engine's steps, to be read by people.
pub(crate) fn steps(rules: &Rules, shots: &[Shot]) -> String {
    let mut engine = engine(rules.family, &rules.text());
    let mut text = String::new();
    for shot in shots {
        if let (_, Some(walk)) = walk(&mut engine, shot, true) {
            for step in &walk.steps {
                match step {
                    Step::Hook { hook, .. } if *hook == Hook::Prerouting => {
                        let _ = writeln!(text, "  {step:?}");
                    }
                    _ => {
                        let _ = writeln!(text, "    {step:?}");
                    }
                }
            }
        }
    }
    text
}
