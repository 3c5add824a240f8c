//! Any bytes, as words and as files: an exit code of iptables', no panic, and nothing changed by what was refused.

use crate::bed::{Dice, Space, ours, ready};
use crate::corpus;
use crate::text::{bytes, latin};

const CASES: usize = 400;

/// Exit codes that iptables has.
const CODES: [&str; 6] = ["0", "1", "2", "3", "4", "111"];

/// Bytes that mean something somewhere in the two grammars.
const SALT: [&[u8]; 24] = [
    b"!",
    b"-",
    b"--",
    b"-A",
    b"INPUT",
    b"*filter\n",
    b"COMMIT\n",
    b":",
    b"[",
    b"]",
    b"[1:",
    b"\"",
    b"\\",
    b"'",
    b"\n",
    b"\r\n",
    b"\t",
    b"/",
    b",",
    b"18446744073709551616",
    b"-1",
    b"%s%n",
    b"\xff\xfe",
    b"\xf0\x9f\x98\x80",
];

/// Bytes changed, doubled, removed and salted.
fn mutated(dice: &mut Dice, mut text: Vec<u8>) -> Vec<u8> {
    for _ in 0..=dice.below(2) {
        let at = dice.below(text.len() + 1);
        let end = at + dice.below((text.len() - at).min(12) + 1);
        match dice.below(4) {
            0 => drop(text.drain(at..end)),
            1 => {
                let copy = text[at..end].to_vec();
                text.splice(at..at, copy.iter().cycle().take(copy.len() * dice.below(30)).copied());
            }
            2 => drop(text.splice(at..at, dice.pick(&SALT).iter().copied())),
            _ => text[at..end]
                .iter_mut()
                .for_each(|byte| *byte = u8::try_from(dice.below(256)).unwrap()),
        }
    }
    text
}

/// Nothing but noise.
fn noise(dice: &mut Dice, longest: usize) -> Vec<u8> {
    let length = dice.below(longest);
    (0..length).map(|_| u8::try_from(dice.below(256)).unwrap()).collect()
}

/// Whether a restore file goes on after a COMMIT: each table is a transaction of its own, so what comes first stays.
fn commits_early(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.by_ref().any(|line| line == b"COMMIT")
        && lines.any(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// Runs `prepare`d cases; each must end with a code of iptables' and, when refused, leave the kernel's rules alone.
fn survive(
    name: &str,
    space: &mut Space,
    cases: usize,
    mut prepare: impl FnMut(&mut Dice) -> (Vec<u8>, Vec<u8>),
) {
    let mut dice = Dice::thrown(name);
    space.must("iptables -N sentinel && iptables -A INPUT -s 10.9.8.7 -j sentinel && iptables -P FORWARD DROP");
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..cases {
        let (script, shown) = prepare(&mut dice);
        let before = space
            .must("iptables-save -c | grep -v '^#'; ip6tables-save -c | grep -v '^#'; true")
            .stdout;
        let done = space.run_bytes(&script);
        let (output, error) = (done.out(), done.err());
        let code = output.trim();
        assert!(
            CODES.contains(&code),
            "exit {code} after {}\n{error}",
            latin(&shown).escape_debug()
        );
        assert!(
            !error.contains("panicked"),
            "panic after {}\n{error}",
            latin(&shown).escape_debug()
        );
        if code == "0" {
            accepted += 1;
            space.run("iptables -F; ip6tables -F; iptables -X; ip6tables -X; iptables -P FORWARD DROP; iptables -N sentinel; iptables -A INPUT -s 10.9.8.7 -j sentinel");
            continue;
        }
        refused += 1;
        if commits_early(&shown) {
            continue;
        }
        let after = space
            .must("iptables-save -c | grep -v '^#'; ip6tables-save -c | grep -v '^#'; true")
            .stdout;
        assert!(
            before == after,
            "exit {code}, yet the rules changed after {}\n{}",
            latin(&shown).escape_debug(),
            latin(&after)
        );
    }
    eprintln!("{name}: {accepted} accepted, {refused} refused");
    assert!(refused > cases / 4, "too tame: {refused} of {cases} refused");
}

#[test]
fn any_words() {
    if !ready("hostile") {
        return;
    }
    let commands: Vec<Vec<u8>> = corpus::read()
        .iter()
        .flat_map(|s| s.steps.clone())
        .filter(|step| {
            (step.starts_with("iptables -") || step.starts_with("ip6tables -"))
                && !step.contains(['\n', '|', ';', '&', '>', '<', '`', '$'])
        })
        .map(|step| bytes(step.split_once(' ').unwrap().1))
        .collect();
    let mut space = Space::new(ours());
    survive("any_words", &mut space, CASES, |dice| {
        let command = dice.pick(&commands).clone();
        let text = if dice.below(10) == 0 { noise(dice, 300) } else { mutated(dice, command) };
        let mut script = dice
            .pick(&[&b"iptables"[..], b"ip6tables", b"iptables-save", b"ip6tables-restore"])
            .to_vec();
        for word in text.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
            script.extend_from_slice(b" '");
            for byte in word.iter().filter(|byte| **byte != 0) {
                script.extend_from_slice(if *byte == b'\'' {
                    br"'\''"
                } else {
                    std::slice::from_ref(byte)
                });
            }
            script.push(b'\'');
        }
        let shown = script.clone();
        script.extend_from_slice(b" >/dev/null\necho $?");
        (script, shown)
    });
}

#[test]
fn any_file() {
    if !ready("hostile") {
        return;
    }
    let files: Vec<Vec<u8>> = corpus::read()
        .iter()
        .flat_map(|s| s.steps.clone())
        .filter(|step| step.contains("restore") && step.contains('\n'))
        .map(|step| bytes(step.split_once('\n').unwrap().1.trim_end_matches("EOF")))
        .collect();
    assert!(!files.is_empty());
    let mut space = Space::new(ours());
    let dir = space.dir.clone();
    survive("any_file", &mut space, CASES, |dice| {
        let file = dice.pick(&files).clone();
        let text = if dice.below(10) == 0 { noise(dice, 2000) } else { mutated(dice, file) };
        std::fs::write(dir.join("rules"), &text).unwrap();
        let command = dice.pick(&[
            "iptables-restore",
            "ip6tables-restore",
            "iptables-restore --noflush",
            "iptables-restore -c",
        ]);
        (format!("{command} <rules >/dev/null\necho $?").into_bytes(), text)
    });
}
