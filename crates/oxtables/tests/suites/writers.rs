//! Many at once, and the end at any instant.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::bed::{Dice, Space, ours, ready};

/// How many write at once, and how long.
const WRITERS: usize = 64;
const SECONDS: u64 = 10;

/// A writer: appends rules of its own one by one and notes which commands succeeded; every third rule it deletes again.
const WRITER: &str = r#"
writer() {
    n=0
    while [ ! -e stop ]; do
        n=$((n + 1))
        if iptables -A INPUT -s 10.0.0.0/8 -m comment --comment "w$1-$n" -j ACCEPT 2>>errors.$1
        then echo "+ w$1-$n"; else echo "! w$1-$n"; fi >>log.$1
        [ $((n % 3)) = 0 ] || continue
        if iptables -D INPUT -s 10.0.0.0/8 -m comment --comment "w$1-$n" -j ACCEPT 2>>errors.$1
        then echo "- w$1-$n"; else echo "! w$1-$n"; fi >>log.$1
    done
}
"#;

#[test]
fn sixty_four_writers_lose_nothing() {
    if !ready("writers") {
        return;
    }
    let mut space = Space::new(ours());
    let starts: String = (0..WRITERS).map(|n| format!("writer {n} &\n")).collect();
    space.run(&format!("{WRITER}\n{starts}\nsleep {SECONDS}; : >stop; wait"));
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    let (mut succeeded, mut failed) = (0, 0);
    for n in 0..WRITERS {
        for line in fs::read_to_string(space.dir.join(format!("log.{n}"))).unwrap().lines() {
            let (what, name) = line.split_once(' ').unwrap();
            match what {
                "+" => wanted.insert(name.to_owned(), 1),
                "-" => wanted.remove(name),
                _ => None,
            };
            if what == "!" { failed += 1 } else { succeeded += 1 }
        }
    }
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    for line in space.must("iptables -S INPUT").out().lines() {
        if let Some((_, rest)) = line.split_once("--comment ") {
            *there
                .entry(rest.split(' ').next().unwrap().trim_matches('"').to_owned())
                .or_default() += 1;
        }
    }
    eprintln!("{succeeded} commands succeeded, {failed} said that they failed");
    let said = space.run("cat errors.* | sort | uniq -c | sort -rn | head -5").out();
    assert!(succeeded > WRITERS, "hardly anything succeeded: {said}");
    assert_eq!(wanted, there, "an update was lost or came unasked; errors: {said}");
    assert_eq!(failed, 0, "commands that upstream repeats until they succeed: {said}");
}

/// Rules in the table that is being replaced, before and after.
const RULES: usize = 2000;
const KILLS: usize = 200;

#[test]
fn killed_restores_leave_old_or_new() {
    if !ready("killed") {
        return;
    }
    let mut dice = Dice::thrown("killed_restores_leave_old_or_new");
    let mut space = Space::new(ours());
    for word in ["one", "two"] {
        let mut text = format!("*filter\n:INPUT ACCEPT [0:0]\n:{word} - [0:0]\n");
        for n in 0..RULES {
            text.push_str(&format!("-A {word} -s 10.{}.{}.1/32 -p tcp -m tcp --dport {n} -m comment --comment {word} -j ACCEPT\n", n / 256, n % 256));
        }
        text.push_str("COMMIT\n");
        space.file(word, text);
        space.must(&format!(
            "iptables-restore < {word} && iptables-save -t filter | grep -v '^#' >{word}.saved"
        ));
    }
    let measured = (0..3).map(|_| {
        let began = Instant::now();
        space.must("iptables-restore < one");
        began.elapsed()
    });
    let span = measured.min().unwrap() + Duration::from_millis(3);
    let (mut old, mut new) = (0, 0);
    let (mut current, mut other) = ("one", "two");
    for round in 0..KILLS {
        let after = span.mul_f64(f64::from(u32::try_from(dice.below(1200)).unwrap()) / 1000.0);
        let script = format!(
            "iptables-restore < {other} & victim=$!; sleep {:.4}; kill -KILL $victim; wait $victim\n\
             iptables-save -t filter | grep -v '^#' >now; cmp -s now {current}.saved && echo old; cmp -s now {other}.saved && echo new",
            after.as_secs_f64()
        );
        let done = space.run(&script);
        match done.out().trim() {
            "old" => old += 1,
            "new" => {
                new += 1;
                std::mem::swap(&mut current, &mut other);
            }
            _ => panic!(
                "round {round}, killed after {after:?}: neither the old state nor the new one\n{}",
                space.run("head -5 now; wc -l now").out()
            ),
        }
    }
    eprintln!(
        "{KILLS} restores of {RULES} rules killed within {span:?}: {old} left the old state, {new} the new one"
    );
    assert!(old > 0 && new > 0, "the instants were badly chosen: {old} old, {new} new");
}
