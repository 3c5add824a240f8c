//! The engine against the running kernel: random rule sets, random packets, sent for real.
//!
//! `OXTABLES_PAIRS` (10,000) and `OXTABLES_SEED` say how much and what; `OXTABLES_CASE` is one rule set alone. One
//! process, one thread (`harness = false`), because a user namespace can only be entered so.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test may"
)]

mod compare;
mod conditions;
mod flows;
mod observer;
mod packets;
mod random;
mod rules;
mod shrink;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use compare::{Bench, Outcome};
use flows::Flows;
use observer::Observer;
use oxtables_packet::Family;
use packets::{Shot, Taste};
use random::Random;
use rules::{Flavour, Rules};
use world::World;

/// Packets for one rule set.
const PACKETS: usize = 200;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

fn main() {
    let required = std::env::var("OXTABLES_REQUIRE_ALL").is_ok_and(|v| v == "1");
    let namespaces = match World::enter() {
        Ok(namespaces) => namespaces,
        Err(why) if required => panic!("no namespaces of our own here: {why}"),
        Err(why) => {
            println!("SKIPPED: no namespaces of our own here: {why}");
            return;
        }
    };
    if !run(namespaces).unwrap() {
        std::process::exit(1);
    }
}

fn case(seed: u64, number: u64, ipv6: bool) -> (Rules, Vec<Shot>) {
    let mut r = Random::new(seed.wrapping_add(number.wrapping_mul(0x1_0000_0001)));
    let family = if ipv6 && number % 2 == 1 { Family::Ip6 } else { Family::Ip4 };
    let flavour = Flavour { stateful: number % 4 >= 2, nat: number % 8 >= 6 };
    let taste = Taste { fragments: 15, bent: 15, cast: 5 };
    let rules = rules::rules(&mut r, family, flavour);
    // Answers are made to what the engine lets through, with the addresses it has then.
    let (mut flows, mut engine) = (Flows::new(family), compare::engine(family, &rules.text()));
    let together = flavour.stateful || flavour.nat;
    let shots = (0..PACKETS).map(|_| {
        if !together || r.chance(40) {
            return packets::shot(&mut r, family, taste);
        }
        let shot = flows.next(&mut r);
        if let (_, Some(walk)) = compare::walk(&mut engine, &shot, false) {
            flows.became(&shot, &walk);
        }
        shot
    });
    let shots = shots.collect();
    (rules, shots)
}

fn run(namespaces: [std::fs::File; 3]) -> io::Result<bool> {
    oxtables_sys::cpu::stay()?;
    let world = World::build(namespaces)?;
    let mut bench = Bench::new(Observer::open(&world)?);
    let pairs = usize::try_from(number("OXTABLES_PAIRS", 10_000)).unwrap();
    let seed = number("OXTABLES_SEED", 1);
    let only = std::env::var("OXTABLES_CASE").ok().map(|_| number("OXTABLES_CASE", 0));
    let mut total = Total::default();
    let (start, mut at) = (Instant::now(), only.unwrap_or(0));
    while total.pairs < pairs {
        let (rules, shots) = case(seed, at, world.ipv6);
        let outcome = bench.compare(&rules, &shots)?;
        if !outcome.differences.is_empty() {
            total.different.push(at);
            report(&mut bench, seed, at, &outcome, rules, shots)?;
        }
        total.add(outcome);
        at += 1;
        if only.is_some() || total.different.len() >= 5 || at > 100_000_000 {
            break;
        }
    }
    total.tell(seed, at, start);
    Ok(total.different.is_empty())
}

fn report(
    bench: &mut Bench,
    seed: u64,
    number: u64,
    outcome: &Outcome,
    rules: Rules,
    shots: Vec<Shot>,
) -> io::Result<()> {
    println!("\nDISAGREEMENT, OXTABLES_SEED={seed} OXTABLES_CASE={number}:");
    let (rules, shots) = shrink::shrink(bench, rules, shots)?;
    let small = bench.compare(&rules, &shots)?;
    let small = if small.differences.is_empty() {
        println!("(gone when repeated: it depends on more than rules and packets)");
        outcome
    } else {
        &small
    };
    println!("{}{} packets", rules.text(), shots.len());
    for difference in &small.differences {
        println!("{difference}");
    }
    if shots.len() <= 3 {
        for shot in &shots {
            println!("{shot:?}");
        }
        print!("the engine's steps:\n{}", compare::steps(&rules, &shots));
    }
    Ok(())
}

#[derive(Default)]
struct Total {
    pairs: usize,
    refused: BTreeMap<String, usize>,
    unknown: BTreeMap<String, usize>,
    unsent: usize,
    ends: BTreeMap<&'static str, usize>,
    different: Vec<u64>,
    /// For each match and target: rules with it, those that packets fitted, and the packets.
    extensions: BTreeMap<String, (usize, usize, u64)>,
}

impl Total {
    fn add(&mut self, outcome: Outcome) {
        self.pairs += outcome.pairs;
        self.unsent += outcome.unsent;
        if let Some(why) = outcome.refused {
            *self.refused.entry(why).or_default() += 1;
        }
        for (why, n) in outcome.unknown {
            *self.unknown.entry(why).or_default() += n;
        }
        for (end, n) in outcome.ends {
            *self.ends.entry(end).or_default() += n;
        }
        for (rule, packets) in outcome.fitted {
            let words: Vec<&str> = rule.split(' ').collect();
            for pair in words.windows(2).filter(|p| matches!(p[0], "-m" | "-j" | "-g")) {
                let name =
                    if pair[1].starts_with('c') && pair[1].len() == 2 { "CHAIN" } else { pair[1] };
                let one = self.extensions.entry(format!("{} {name}", pair[0])).or_default();
                *one = (one.0 + 1, one.1 + usize::from(packets > 0), one.2 + packets);
            }
        }
    }

    fn tell(&self, seed: u64, rule_sets: u64, start: Instant) {
        println!("\nwhat           rules  fitted  packets");
        for (name, (rules, fitted, packets)) in &self.extensions {
            println!("{name:<16}{rules:>6}{fitted:>8}{packets:>9}");
        }
        for (why, n) in &self.unknown {
            println!("{n:>7} left out, for the engine cannot tell: {why}");
        }
        for (why, n) in &self.refused {
            println!("{n:>7} rule sets refused: {why}");
        }
        println!("ends: {:?}; not sent by this kernel: {}", self.ends, self.unsent);
        let (pairs, different) = (self.pairs, self.different.len());
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{pairs} pairs, {rule_sets} rule sets, seed {seed}, {seconds:.1} s: {different} disagreements"
        );
    }
}
