//! `oxtables explain`: verdicts, the deciding rule with its line, exit codes, and the published form of `--json`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_oxtables");

const RULES: &str = "\
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -s 192.0.2.66 -j DROP
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:guard - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -p tcp --dport 22 -j guard
-A INPUT -p tcp --dport 23 -j REJECT --reject-with tcp-reset
-A FORWARD -i eth0 -o eth1 -p udp -j ACCEPT
-A OUTPUT -m owner --uid-owner 1000 -j DROP
-A guard -s 203.0.113.0/24 -j ACCEPT
-A guard -j DROP
COMMIT
";

/// A file of this test's own, gone with it.
struct Rules(PathBuf);

impl Rules {
    fn new(name: &str, text: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("oxtables-explain-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn explain(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::new(BINARY);
        command.arg("explain").args(line.split(' ')).arg("--rules").arg(&self.0);
        let output = command.output().unwrap();
        let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn each_packet_is_decided_by_its_rule() {
    let rules = Rules::new("decided", RULES);
    let to =
        |what: &str| format!("-i eth0 -s 203.0.113.9 -d 192.0.2.10 {what} --ctstate NEW --json");
    let from = |source: &str| {
        format!("-i eth0 -s {source} -d 192.0.2.10 -p tcp --dport 22 --ctstate NEW --json")
    };
    for (line, code, verdict, table, chain, rule, at) in [
        (to("-p tcp --dport 22"), 0, "accept", "filter", "guard", 1, Some(16)),
        (from("198.51.100.7"), 1, "drop", "filter", "guard", 2, Some(17)),
        (from("192.0.2.66"), 1, "drop", "raw", "PREROUTING", 1, Some(3)),
        (to("-p tcp --dport 23"), 1, "reject", "filter", "INPUT", 4, Some(13)),
        (to("-p udp --dport 23"), 1, "drop", "filter", "INPUT", 0, Some(6)),
        (to("-o eth1 -p udp --dport 23"), 0, "accept", "filter", "FORWARD", 1, Some(14)),
        (
            "-o eth0 -s 192.0.2.10 -d 192.0.2.1 -p udp --dport 1 --uid-owner 1000 --json".into(),
            1,
            "drop",
            "filter",
            "OUTPUT",
            1,
            Some(15),
        ),
        (
            "-o eth0 -s 192.0.2.10 -d 192.0.2.1 -p udp --dport 1 --json".into(),
            3,
            "unknown",
            "filter",
            "OUTPUT",
            1,
            Some(15),
        ),
    ] {
        let (got, stdout, stderr) = rules.explain(&line);
        assert_eq!(got, code, "{line}\n{stdout}{stderr}");
        let json: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(json["verdict"], verdict, "{line}\n{stdout}");
        assert_eq!(
            (&json["table"], &json["chain"], &json["rule"], &json["line"]),
            (&table.into(), &chain.into(), &rule.into(), &at.into()),
            "{line}\n{stdout}"
        );
    }
}

#[test]
fn the_text_shows_each_rule_tried_and_why_it_did_not_fit() {
    let rules = Rules::new("text", RULES);
    let (_, text, _) = rules
        .explain("-i eth0 -s 198.51.100.7 -d 192.0.2.10 -p tcp --dport 22 --syn --ctstate NEW");
    for wanted in [
        "packet   TCP 198.51.100.7:40000 -> 192.0.2.10:22 SYN, in by eth0",
        "assumed  --sport 40000\n",
        "-i lo: the packet has eth0",
        "YES    3  -A INPUT -p tcp -m tcp --dport 22 -j guard",
        "-s 203.0.113.0/24: the packet has 198.51.100.7",
        "Dropped by filter guard rule 2, line 17 of ",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

#[test]
fn wrong_words_and_files_are_told() {
    let rules = Rules::new("wrong", RULES);
    for (line, wanted) in [
        ("-i eth0 -s 1.1.1.1 -d 2.2.2.2 --dport 22", "--dport 22: only TCP, UDP"),
        ("-i eth0 -s 1.1.1.1 -d 2.2.2.2 -p tcp --dprt 22", "--dprt: not a word about a packet"),
        ("-i eth0 -s 2001:db8::1 -d 2001:db8::2 -p tcp --dport 22", "--rules6: the packet is IPv6"),
        ("--pcap /nonexistent:1 -i eth0", "--pcap /nonexistent:1: "),
        ("--pcap nothing -i eth0", "FILE:N is wanted"),
    ] {
        let (code, stdout, stderr) = rules.explain(line);
        assert_eq!(code, 2, "{line}\n{stdout}{stderr}");
        assert!(stderr.contains(wanted) && stdout.is_empty(), "{line}\n{stderr}");
    }
    let broken = Rules::new("broken", "*filter\n-A INPUT -p tcp --dport x -j DROP\nCOMMIT\n");
    let (code, _, stderr) = broken.explain("-i eth0 -s 1.1.1.1 -d 2.2.2.2 -p tcp --dport 22");
    assert_eq!(code, 2);
    assert!(stderr.contains(": line 2: ") && stderr.contains('^'), "{stderr}");
}

#[test]
fn a_packet_of_a_capture_is_explained() {
    let rules = Rules::new("capture", RULES);
    // Little-endian pcap, raw IPv4 (link type 228), one UDP packet of 28 bytes.
    let mut pcap =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 228, 0, 0, 0];
    pcap.extend([0; 8]);
    pcap.extend([28, 0, 0, 0, 28, 0, 0, 0]);
    pcap.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0xf6, 0x84, 192, 0, 2, 66, 192, 0, 2, 10]);
    pcap.extend([0, 9, 0, 10, 0, 8, 0, 0]);
    let file = Rules::new("pcap", "");
    std::fs::write(&file.0, &pcap).unwrap();
    let at = |n: u32| format!("--pcap {}:{n} -i eth0", file.0.display());
    let (code, stdout, _) = rules.explain(&at(1));
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("Dropped by raw PREROUTING rule 1"), "{stdout}");
    let (code, _, stderr) = rules.explain(&at(2));
    assert_eq!((code, stderr.contains("the file has 1 packets")), (2, true), "{stderr}");
    std::fs::write(&file.0, &pcap[..60]).unwrap();
    let (code, _, stderr) = rules.explain(&at(1));
    assert_eq!((code, stderr.contains("the file ends within a block")), (2, true), "{stderr}");
}

#[test]
fn the_schema_is_what_is_written() {
    let output = Command::new(BINARY).args(["schema", "explain"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = Rules::new("schema", RULES);
    for line in [
        "-i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --dport 22 --ctstate NEW --json",
        "-i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --dport 23 --ctstate NEW --json",
        "-o eth0 -s 192.0.2.10 -d 192.0.2.1 -p udp --dport 1 --json",
        "-o lo -s 127.0.0.1 -d 127.0.0.1 -p icmp --ctstate NEW --json",
    ] {
        let (_, stdout, _) = rules.explain(line);
        let json: Value = serde_json::from_str(&stdout).unwrap();
        conforms(&schema, &schema, &json, "").unwrap_or_else(|e| panic!("{line}: {e}\n{stdout}"));
    }
    // The check itself can fail.
    let wrong = serde_json::json!({ "verdict": "perhaps" });
    assert!(conforms(&schema, &schema, &wrong, "").is_err());
}

/// Checks as much of JSON Schema as the schema uses; anything else in it is a fault too.
fn conforms(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (key, wanted) in schema.as_object().unwrap() {
        match key.as_str() {
            "$schema" | "title" | "description" | "$defs" | "additionalProperties" => {}
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                conforms(root, &root["$defs"][name], value, at)?;
            }
            "type" => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let fits = match wanted {
                    Value::Array(kinds) => kinds.iter().any(|k| k == kind),
                    one => one == kind,
                };
                fits.then_some(()).ok_or(format!("{at}: {kind}"))?;
            }
            "enum" => {
                let fits = wanted.as_array().unwrap().contains(value);
                fits.then_some(()).ok_or(format!("{at}: {value}"))?;
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    value.get(name.as_str().unwrap()).ok_or(format!("{at}: {name} is missing"))?;
                }
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    let schema = wanted.get(name).ok_or(format!("{at}: {name} is not known"))?;
                    conforms(root, schema, inner, &format!("{at}/{name}"))?;
                }
            }
            "items" => {
                for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
                    conforms(root, wanted, inner, &format!("{at}/{n}"))?;
                }
            }
            other => return Err(format!("{at}: the check does not know {other}")),
        }
    }
    Ok(())
}
