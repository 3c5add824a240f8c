//! `oxtables trace` in a namespace of its own: what packets meet, and that its rules go however it ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use serde_json::Value;
use std::process::Command;

/// Rules that drop UDP to port 9 by way of a chain, and shell functions.
const PREPARE: &str = "\
ip link set lo up
ox() { \"$OX\" \"$@\"; }
ox iptables -N guard
ox iptables -A INPUT -p udp --dport 9 -j guard
ox iptables -A guard -s 127.0.0.1 -j DROP
traces() { ox iptables -t raw -S | grep -c 'oxtables trace'; }
# Until the temporary rules are there, or gone.
await() { n=0; while [ \"$(traces)\" != \"$1\" ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done; }
send() { echo x > /dev/udp/127.0.0.1/$1; }
";

/// Runs a script where everything is allowed and nothing is of this host; `None` where that is forbidden.
fn run(script: &str) -> Option<String> {
    let probe = Command::new("unshare").args(["-Urn", "ip", "link", "set", "lo", "up"]).output();
    if !probe.is_ok_and(|o| o.status.success()) {
        println!("SKIPPED: namespaces are forbidden here (unshare -Urn), or there is no ip");
        return None;
    }
    let output = Command::new("unshare")
        .args(["-Urn", "bash", "-c", &format!("{PREPARE}{script}")])
        .env("OX", env!("CARGO_BIN_EXE_oxtables"))
        .output()
        .unwrap();
    let all = [output.stdout, output.stderr].concat();
    Some(String::from_utf8(all).unwrap())
}

#[test]
fn a_dropped_packet_is_shown_with_the_rules_it_met() {
    let Some(out) = run(
        "ox trace -p udp --for 2s & t=$!; await 2; send 9; send 10; wait $t; echo \"exit $?\"; traces",
    ) else {
        return;
    };
    for wanted in [
        "127.0.0.1:9, in lo\n",
        "  filter INPUT 1: jumps to guard  -A INPUT -p udp -m udp --dport 9 -j guard\n",
        "  filter guard 1: DROP  -A guard -s 127.0.0.1/32 -j DROP\n  = dropped by filter guard 1\n",
        "  filter INPUT policy: ACCEPT\n  = accepted\n",
        "exit 0\n0\n",
    ] {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
}

#[test]
fn dropped_packets_alone_as_json() {
    let Some(out) =
        run("ox trace -p udp --for 2s --dropped --json & t=$!; await 2; send 10; send 9; wait $t")
    else {
        return;
    };
    let [line] = out.lines().collect::<Vec<_>>()[..] else { panic!("one packet: {out}") };
    let json: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&json["verdict"], &json["chain"], &json["rule"]),
        (&"drop".into(), &"guard".into(), &1.into())
    );
    assert!(json["packet"].as_str().unwrap().contains("-> 127.0.0.1:9, in lo"), "{out}");
}

#[test]
fn killed_it_leaves_nothing() {
    let Some(out) = run(
        "\"$OX\" trace -p udp --for 20s > /dev/null & t=$!; await 2; echo \"there $(traces)\"; kill -9 $t; await 0; echo \"left $(traces)\"",
    ) else {
        return;
    };
    assert!(out.contains("there 2") && out.contains("left 0"), "{out}");
}

#[test]
fn what_another_left_behind_is_removed_and_what_is_not_ours_stays() {
    // No process has this number: it is above the kernel's largest.
    let Some(out) =
        run("ox iptables -t raw -A OUTPUT -m comment --comment 'oxtables trace 999999999' -j TRACE
         ox iptables -t raw -A OUTPUT -m comment --comment 'my trace 1' -j TRACE
         ox trace -p udp --for 300ms; ox iptables -t raw -S OUTPUT")
    else {
        return;
    };
    assert!(out.contains("my trace 1") && !out.contains("999999999"), "{out}");
}

#[test]
fn wrong_words_are_told() {
    for (words, wanted) in [
        (&["-j", "DROP"][..], "-j: MATCH has no table, chain, target or command"),
        (&["--for", "soon"], "--for soon: not a time"),
        (&["--dport", "22"], "--dport"),
        (&["-i", "a", "-o", "b"], "-i and -o"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxtables"));
        let output = command.arg("trace").args(words).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), text.contains(wanted)),
            (Some(2), true),
            "{words:?}: {text}"
        );
    }
}
