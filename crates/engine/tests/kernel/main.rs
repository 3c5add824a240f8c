//! The kernel is the judge: random rule sets and random packets, sent for real, against the engine.
//!
//! Compared for each packet: whether and where it comes out, and its bytes; for each rule set: the counters of every rule
//! and policy. `OXTABLES_PAIRS` says how many (rule set, packet) pairs, `OXTABLES_SEED` where to begin.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod bed;
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the demo's cables, of which some are not needed here")]
#[path = "../../../oxtables/src/demo/links.rs"]
mod links;
mod packets;
mod rules;

use bed::Bed;
use oxtables_backend::{Backend, Scope, Transaction};
use oxtables_base::sample::Rng;
use oxtables_base::{Counters, Family};
use oxtables_engine::{Arrival, Destination, End, Engine, Options, Walk};
use oxtables_ext::NoHost;
use oxtables_model::{Edit, TableName};
use oxtables_packet::{Moment, Packet};
use oxtables_sys::namespace;
use packets::{Sent, Traffic};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Packets for one rule set.
const PACKETS: usize = 200;
/// Where a packet came out: an end, or the firewall itself.
type Place = usize;
const LOCAL: Place = 2;

fn main() {
    if let Err(e) = namespace::enter_new_user_and_network() {
        println!("SKIPPED: engine against kernel: no user namespaces here: {e}");
        return;
    }
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
    };
    let (pairs, seed) = (number("OXTABLES_PAIRS", 10_000), number("OXTABLES_SEED", 1));
    let (mut done, mut set, mut unknown, mut wrong) = (0, 0, 0, 0);
    let begin = Instant::now();
    while done < pairs && wrong < 20 {
        match compare(seed + set) {
            Ok(Compared { packets, unknowns }) => {
                done += u64::try_from(packets).unwrap();
                unknown += unknowns;
            }
            Err(report) => {
                println!("DISAGREEMENT, OXTABLES_SEED={}:\n{report}\n", seed + set);
                wrong += 1;
                done += 200;
            }
        }
        set += 1;
    }
    println!(
        "engine against kernel: {done} pairs, {set} rule sets from seed {seed}, {wrong} disagreements \
         ({unknown} rule sets ended early at what only chance decides), {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    if wrong > 0 {
        std::process::exit(1);
    }
}

struct Compared {
    packets: usize,
    unknowns: usize,
}

fn compare(seed: u64) -> Result<Compared, String> {
    let mut rng = Rng::new(seed);
    for _ in 0..8 {
        rng.bits();
    }
    let text = rules::save_file(&mut rng);
    let mut bed = Bed::make().map_err(|e| format!("no bed: {e}"))?;
    apply(&text)?;
    let ruleset = common::ruleset(Family::Ip4, &text);
    let mut engine = Engine::new(&[ruleset], bed::topology(), Options::default()).unwrap();
    let mut traffic = Traffic::new();
    let mut all: Vec<(Sent, Walk)> = Vec::new();
    let mut got = HashMap::new();
    let mut unknowns = 0;
    for _ in 0..PACKETS {
        let sent = traffic.next(&mut rng);
        let packet = Packet::parse(&sent.bytes).map_err(|e| e.to_string())?;
        let walk = engine.packet(packet, Arrival::Interface(bed::name(sent.side)), now());
        if let End::Unknown(_) = walk.end {
            unknowns = 1;
            break;
        }
        if let End::Accept(Destination::Interface(out)) = walk.end {
            traffic.arrived(usize::from(out == bed::name(1)), &walk.packet, sent.side);
        }
        bed.send(sent.side, &sent.bytes).map_err(|e| format!("send: {e}"))?;
        all.push((sent, walk));
        if all.len().is_multiple_of(32) {
            drain(&mut bed, &mut got)?;
        }
    }
    let wanted = all.iter().filter(|(_, w)| matches!(w.end, End::Accept(_))).count();
    let patience = Instant::now();
    loop {
        drain(&mut bed, &mut got)?;
        if got.len() >= wanted || patience.elapsed() > Duration::from_millis(300) {
            break;
        }
    }
    for (at, (sent, walk)) in all.iter().enumerate() {
        let seen = got.get(&u16::try_from(at + 1).unwrap());
        same(sent, walk, seen).map_err(|why| tell(&text, at, sent, walk, &why))?;
    }
    if unknowns == 0 {
        counters(&engine).map_err(|why| format!("{text}\n{why}"))?;
    }
    Ok(Compared { packets: all.len(), unknowns })
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment { seconds: i64::try_from(since.as_secs()).unwrap(), nanos: since.subsec_nanos() }
}

fn drain(bed: &mut Bed, got: &mut HashMap<u16, (Place, Vec<u8>)>) -> Result<(), String> {
    let mut take = |place: Place, packet: &[u8]| {
        if let &[0x40..=0x4f, _, a, b, c, d, ..] = packet {
            let len = usize::from(u16::from_be_bytes([a, b])).min(packet.len());
            got.insert(u16::from_be_bytes([c, d]), (place, packet[..len].to_vec()));
        }
    };
    for (side, wire) in bed.wires.iter_mut().enumerate() {
        while let Some(frame) = wire.received().map_err(|e| e.to_string())? {
            take(side, frame.get(14..).unwrap_or(&[]));
        }
    }
    for local in &mut bed.local {
        while let Some(packet) = local.received().map_err(|e| e.to_string())? {
            take(LOCAL, packet);
        }
    }
    Ok(())
}

fn same(sent: &Sent, walk: &Walk, seen: Option<&(Place, Vec<u8>)>) -> Result<(), String> {
    let expected = match walk.end {
        End::Accept(Destination::Local) => Some(LOCAL),
        End::Accept(Destination::Interface(out)) => Some(usize::from(out == bed::name(1))),
        _ => None,
    };
    let protocol = walk.packet.protocol().unwrap_or(0);
    match (expected, seen) {
        (None, None) => Ok(()),
        (Some(LOCAL), None) if !bed::PROTOCOLS.contains(&protocol) => Ok(()),
        // net/ipv4/raw.c:icmp_filter keeps what has no whole header from sockets.
        (Some(LOCAL), None) if protocol == 1 && walk.packet.icmp().is_err() => Ok(()),
        (Some(place), Some((there, bytes))) if place == *there => {
            match bytes.as_slice() == walk.packet.bytes() {
                true => Ok(()),
                false => Err(format!(
                    "other bytes\nkernel {bytes:02x?}\nengine {:02x?}",
                    walk.packet.bytes()
                )),
            }
        }
        (expected, seen) => Err(format!(
            "side {}: engine says {expected:?}, kernel {:?}",
            sent.side,
            seen.map(|(place, _)| place)
        )),
    }
}

fn tell(text: &str, at: usize, sent: &Sent, walk: &Walk, why: &str) -> String {
    let steps: Vec<String> = walk.steps.iter().map(|s| format!("{s:?}")).collect();
    let (bytes, steps) = (&sent.bytes, steps.join("\n"));
    format!("{text}\npacket {at}: {why}\nsent {bytes:02x?}\nend {:?}\n{steps}\n{why}", walk.end)
}

fn apply(text: &str) -> Result<(), String> {
    let mut backend = Backend::open(Family::Ip4, &NoHost).map_err(|e| format!("{e:?}"))?;
    let mut open: Option<Transaction> = None;
    for (table, edit, line) in common::edits(Family::Ip4, text) {
        if edit == Edit::Clear
            && let Some(last) = open.replace(Transaction::new(table))
        {
            backend.commit(last).map_err(|e| format!("{e:?}\n{text}"))?;
        }
        let transaction = open.get_or_insert_with(|| Transaction::new(table));
        backend.push(transaction, edit, line).map_err(|e| format!("{e:?}\n{text}"))?;
    }
    match open {
        Some(last) => backend.commit(last).map_err(|e| {
            let line = |e: &oxtables_backend::BackendError| match e {
                oxtables_backend::BackendError::Refused(r) => r[0].tag,
                _ => 0,
            };
            format!(
                "{e:?}: {:?}",
                text.lines().nth(usize::try_from(line(&e)).unwrap().wrapping_sub(1))
            )
        }),
        None => Ok(()),
    }
}

fn counters(engine: &Engine) -> Result<(), String> {
    let mut backend = Backend::open(Family::Ip4, &NoHost).map_err(|e| format!("{e:?}"))?;
    let ours: HashMap<(TableName, Vec<u8>, u32), Counters> = engine
        .counters(Family::Ip4)
        .map(|(rule, counters)| ((rule.table, rule.chain.bytes().to_vec(), rule.number), counters))
        .collect();
    let mut wrong = Vec::new();
    for table in TableName::ALL {
        let listing = backend.list(table, Scope::All).map_err(|e| format!("{e:?}"))?;
        for chain in listing.chains.iter().filter(|c| c.exists) {
            let policy = chain.base.map(|b| b.counters).into_iter();
            let policy = policy.map(|counters| (0, counters));
            let rules = chain.rules.iter().map(|r| r.entry.counters());
            for (number, theirs) in policy.chain((1..).zip(rules)) {
                let key = (table, chain.name.bytes().to_vec(), number);
                let own = ours.get(&key).copied().unwrap_or_default();
                if own != theirs {
                    wrong.push(format!(
                        "{} {} {number}: kernel {theirs:?}, engine {own:?}",
                        table.word(),
                        chain.name
                    ));
                }
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
