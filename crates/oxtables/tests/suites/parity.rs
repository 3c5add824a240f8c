//! Ours | theirs: every sequence of the corpus through both tools, each in a fresh namespace; what is printed, the exit code, the
//! first line of an error and in the end the kernel's own view must agree.

use crate::bed::{Multi, Space, find, in_parallel, ours, ready, skipped, theirs, wanted};
use crate::corpus::{self, Sequence};
use crate::known::{self, Difference};
use crate::text::{first_line, kernel_view, modern_listing, normal};

/// What the kernel says of its rules, to be normalised by [`kernel_view`].
const KERNEL: &str = "nft --debug=netlink list ruleset 2>/dev/null";

#[test]
fn ours_and_theirs_agree() {
    if !ready("parity") {
        return;
    }
    let theirs = theirs().unwrap();
    if !known::covers(theirs) {
        return skipped(
            "parity",
            &format!("the differences of iptables {:?} are not written down", theirs.version),
        );
    }
    let (sequences, left_out) = runnable();
    for (name, program) in &left_out {
        skipped(name, &format!("{program} is not installed"));
    }
    let found: Vec<Difference> =
        in_parallel(&sequences, |s| compare(s, theirs)).into_iter().flatten().collect();
    let ran: Vec<String> = sequences.iter().map(|s| s.name.clone()).collect();
    eprintln!(
        "{} sequences, {} steps",
        ran.len(),
        sequences.iter().map(|s| s.steps.len()).sum::<usize>()
    );
    known::settle(theirs, &found, &ran, |step| {
        step == "kernel" || step.bytes().all(|b| b.is_ascii_digit())
    });
}

/// The sequences that can run here, and those that cannot with the program they miss.
pub(crate) fn runnable() -> (Vec<Sequence>, Vec<(String, String)>) {
    let mut left_out = Vec::new();
    let mut sequences: Vec<Sequence> =
        corpus::read().into_iter().filter(|s| wanted(&s.name)).collect();
    sequences.retain(|sequence| {
        let missing = sequence.needs.iter().find(|program| find(program).is_none());
        left_out.extend(missing.map(|program| (sequence.name.clone(), program.clone())));
        missing.is_none()
    });
    (sequences, left_out)
}

/// One sequence through both.
fn compare(sequence: &Sequence, theirs: &Multi) -> Vec<Difference> {
    let (mut a, mut b) = (Space::new(ours()), Space::new(theirs));
    let mut found = Vec::new();
    let mut differ = |step: String, text: String| {
        found.push(Difference { sequence: sequence.name.clone(), step, text })
    };
    for (index, step) in sequence.steps.iter().enumerate() {
        let (one, two) = (shown(&mut a, step, false), shown(&mut b, step, !theirs.is_target()));
        if one != two {
            differ(
                (index + 1).to_string(),
                format!("  $ {}\n{}", step.replace('\n', "\n  > "), apart(&one, &two)),
            );
        }
    }
    let exact = theirs.is_target();
    let view = |space: &mut Space| kernel_view(&space.run(KERNEL).stdout, exact);
    let (one, two) = (view(&mut a), view(&mut b));
    if one != two {
        differ("kernel".to_owned(), apart(&one, &two));
    }
    found
}

/// What a step shows: exit code, first line of its errors, output.
fn shown(space: &mut Space, step: &str, old: bool) -> String {
    let done = space.run(step);
    let error = normal(&done.stderr, &space.dir);
    let output = normal(&done.stdout, &space.dir);
    let output = if old { modern_listing(&output) } else { output };
    format!("exit {}\n! {}\n{}", done.code, first_line(&error), output)
}

/// Two texts with the lines that only one has marked.
pub(crate) fn apart(ours: &str, theirs: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let same_start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let same_end = a[same_start..]
        .iter()
        .rev()
        .zip(b[same_start..].iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let mut out = String::new();
    let mut put = |mark: &str, lines: &[&str]| {
        lines.iter().for_each(|line| out.push_str(&format!("  {mark} {}\n", line.escape_debug())))
    };
    put(" ", &a[same_start.saturating_sub(2)..same_start]);
    put("ours  ", &a[same_start..a.len() - same_end]);
    put("theirs", &b[same_start..b.len() - same_end]);
    if out.trim().is_empty() {
        out.push_str("  (only the last line break differs)\n");
    }
    out
}
