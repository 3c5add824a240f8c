//! Both ways: theirs reads, checks and deletes what ours wrote, and ours what theirs wrote, over every rule of the corpus.

use crate::bed::{Multi, Space, in_parallel, ours, ready, skipped, theirs};
use crate::corpus::Sequence;
use crate::known::{self, Difference};
use crate::parity::{apart, runnable};
use crate::text::{bytes, latin, normal, shell_words, words};

#[test]
fn each_reads_checks_and_deletes_the_others_rules() {
    if !ready("interop") {
        return;
    }
    let theirs = theirs().unwrap();
    if !known::covers(theirs) {
        return skipped(
            "interop",
            &format!("the differences of iptables {:?} are not written down", theirs.version),
        );
    }
    let (mut sequences, _) = runnable();
    sequences.retain(|sequence| !sequence.alone);
    let results = in_parallel(&sequences, |sequence| {
        let (mut found, one) = one_way(sequence, ours(), "THEIRS", "theirs-after-ours");
        let (more, two) = one_way(sequence, theirs, "OURS", "ours-after-theirs");
        found.extend(more);
        (found, one + two)
    });
    let rules: usize = results.iter().map(|(_, rules)| rules).sum();
    let found: Vec<Difference> = results.into_iter().flat_map(|(found, _)| found).collect();
    let ran: Vec<String> = sequences.iter().map(|s| s.name.clone()).collect();
    eprintln!("{rules} rules checked and deleted by the other tool");
    known::settle(theirs, &found, &ran, |step| {
        step.ends_with("-after-ours") || step.ends_with("-after-theirs")
    });
}

/// Writes with one tool; reads, checks and deletes with the other. Also how many rules that were.
fn one_way(
    sequence: &Sequence,
    writer: &Multi,
    reader: &str,
    step: &str,
) -> (Vec<Difference>, usize) {
    let mut space = Space::new(writer);
    for line in &sequence.steps {
        space.run(line);
    }
    let mut text = String::new();
    let mut rules = 0;
    for family in ["iptables", "ip6tables"] {
        let mine = space.run(&format!("{family}-save"));
        let other = space.run(&format!("${reader}/{family}-save"));
        let (mine, other) = (normal(&mine.stdout, &space.dir), normal(&other.stdout, &space.dir));
        if mine != other {
            text.push_str(&format!(
                "  $ {family}-save (theirs: the reader's)\n{}",
                apart(&mine, &other)
            ));
        }
        let (script, count) = check_and_delete(&mine, &format!("${reader}/{family}"));
        rules += count;
        let done = space.run_bytes(&bytes(&script));
        text.push_str(&latin(&done.stdout));
        let left = space.run(&format!("${reader}/{family}-save"));
        for line in left.out().lines().filter(|line| line.starts_with("-A ")) {
            text.push_str(&format!("  left over: {line}\n"));
        }
    }
    let found = Difference { sequence: sequence.name.clone(), step: step.to_owned(), text };
    let found = if found.text.is_empty() { vec![] } else { vec![found] };
    (found, rules)
}

/// Lines of shell that check and then delete every rule of a save text, and say which failed.
fn check_and_delete(save: &str, command: &str) -> (String, usize) {
    let (mut check, mut delete) = (String::new(), String::new());
    let (mut table, mut rules) = (String::new(), 0);
    for line in save.lines() {
        if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
        } else if line.starts_with("-A ") {
            let rule = words(line);
            for (letter, script) in [("-C", &mut check), ("-D", &mut delete)] {
                let mut rule = rule.clone();
                letter.clone_into(&mut rule[0]);
                let rule = shell_words(&rule);
                script.push_str(&format!("{command} -t {table} {rule} >said 2>&1 || {{ printf ' %s' '' -t {table} {rule} : ; head -1 said; }}\n"));
            }
            rules += 1;
        }
    }
    (check + &delete, rules)
}
