//! Bytes from rules, files and the kernel never reach a terminal raw; into a file they go as they are.

use crate::bed::{Space, ours, ready};
use crate::text::latin;

/// What a hostile comment can hold: a title change, a screen clear, the bell, a carriage return, C1 controls raw and as UTF-8, DEL.
const EVIL: [&[u8]; 7] = [
    b"a\x1b]0;owned\x07b",
    b"\x1b[2J\x1b[H",
    b"bell\x07",
    b"over\rwrite",
    b"c1\x9b31mraw",
    b"c1\xc2\x9b31mutf",
    b"del\x7f\x08\x08",
];

/// A space in which every evil text is in a comment and, cut, in a log prefix.
fn evil_space() -> Space {
    let mut space = Space::new(ours());
    let mut script: Vec<u8> = Vec::new();
    for evil in EVIL {
        let prefix = &evil[..evil.len().min(20)];
        for part in [
            &b"iptables -A INPUT -m comment --comment '"[..],
            evil,
            b"' -j LOG --log-prefix '",
            prefix,
            b"' || exit 1\n",
        ] {
            script.extend_from_slice(part);
        }
    }
    let done = space.run_bytes(&script);
    assert_eq!(done.code, 0, "{}", done.err());
    space
}

/// What a command prints to a terminal.
fn on_a_terminal(space: &mut Space, command: &str) -> Vec<u8> {
    let done = space.run(&format!("script -qec '{command}' /dev/null"));
    assert!(!done.stdout.is_empty(), "{command} printed nothing: {}", done.err());
    done.stdout
}

/// The bytes of control characters in a terminal's output, other than line ends and tabs; C1 also as UTF-8.
fn controls(output: &[u8]) -> Vec<String> {
    let lone_return = output
        .windows(2)
        .filter(|pair| pair[0] == b'\r' && !matches!(pair[1], b'\n' | b'\r'))
        .map(|_| "a lone CR".to_owned());
    let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t') || byte == 0x7f;
    let plain = output.iter().filter(|byte| control(**byte)).map(|byte| format!("{byte:#04x}"));
    let c1 = match std::str::from_utf8(output) {
        Ok(text) => text
            .chars()
            .filter(|c| ('\u{80}'..='\u{9f}').contains(c))
            .map(|c| format!("{c:?}"))
            .collect(),
        Err(_) => vec!["not UTF-8".to_owned()],
    };
    plain.chain(c1).chain(lone_return).collect()
}

#[test]
fn listings_are_escaped_on_a_terminal() {
    if !ready("terminal") {
        return;
    }
    let mut space = evil_space();
    for command in [
        "iptables -L",
        "iptables -L -n -v",
        "iptables -L INPUT 1 -n",
        "iptables -S",
        "iptables -S INPUT 2",
        "iptables-save",
    ] {
        let output = on_a_terminal(&mut space, command);
        assert_eq!(
            controls(&output),
            Vec::<String>::new(),
            "{command}\n{}",
            latin(&output).escape_debug()
        );
    }
}

#[test]
fn errors_about_a_file_are_escaped_on_a_terminal() {
    if !ready("terminal") {
        return;
    }
    let mut space = Space::new(ours());
    for evil in EVIL {
        let evil = evil.to_vec();
        let lines: [Vec<u8>; 4] = [
            [&b"*filter\n-A INPUT -j "[..], &evil, b"\nCOMMIT\n"].concat(),
            [&b"*filter\n-A INPUT --"[..], &evil, b" x\nCOMMIT\n"].concat(),
            [&b"*"[..], &evil, b"\nCOMMIT\n"].concat(),
            [&b"*filter\n-A INPUT -s "[..], &evil, b" -j DROP\nCOMMIT\n"].concat(),
        ];
        for text in lines {
            space.file("rules", &text);
            let output = on_a_terminal(&mut space, "iptables-restore rules");
            assert_eq!(
                controls(&output),
                Vec::<String>::new(),
                "{}\n{}",
                latin(&text).escape_debug(),
                latin(&output).escape_debug()
            );
        }
    }
}

#[test]
fn files_stay_exact() {
    if !ready("terminal") {
        return;
    }
    let mut space = evil_space();
    let done = space.must("iptables -S INPUT");
    for evil in EVIL {
        let found = done.stdout.windows(evil.len()).any(|window| window == evil);
        assert!(found, "{} is not in\n{}", latin(evil).escape_debug(), done.out().escape_debug());
    }
    space.must("iptables-save >one && iptables-restore <one && iptables-save >two");
    let done = space.run("grep -v '^#' one >a; grep -v '^#' two >b; cmp a b");
    assert_eq!(done.code, 0, "saved again it differs: {}", done.out());
}
