//! `oxtables test`: what passes, what fails and how it is told, coverage, JUnit, exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

const RULES: &str = "\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -s 192.0.2.66 -m comment --comment \"<bad> & worse\" -j DROP
-A INPUT -p tcp --dport 443 -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A FORWARD -d 10.0.0.0/24 -p udp -j ACCEPT
COMMIT
";

/// A directory of this test's own, gone with it.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("oxtables-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("fw.v4"), RULES).unwrap();
        Self(dir)
    }

    fn test(&self, text: &str, options: &[&str]) -> (i32, String) {
        fs::write(self.0.join("fw.test"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxtables"));
        command.arg("test").arg("fw.test").args(options).current_dir(&self.0);
        let output = command.output().unwrap();
        let all = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(all).unwrap())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const HEAD: &str =
    "rules fw.v4\ndefault -i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --ctstate NEW\n";

#[test]
fn what_is_as_expected_passes() {
    let dir = Dir::new("passes");
    let text = format!(
        "{HEAD}accept --dport 443\ndrop --dport 22\ndrop -s 192.0.2.66 --dport 443\n\
         accept -i eth0 -o eth1 -d 10.0.0.9 -p udp --dport 53\n"
    );
    let (code, out) = dir.test(&text, &["--coverage"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("running 4 tests of fw.test"), "{out}");
    assert!(out.contains("test 3: accept --dport 443 ... ok"), "{out}");
    assert!(out.contains("test result: ok. 4 passed; 0 failed;"), "{out}");
    assert!(out.contains("coverage: 3 of 4 rules are touched by a test; not by any:\n"), "{out}");
    assert!(out.contains("  fw.v4:7: -t filter -A INPUT -i lo -j ACCEPT\n"), "{out}");
    assert_eq!(out.matches("fw.v4:").count(), 1, "{out}");
}

#[test]
fn what_is_not_fails_and_is_explained() {
    let dir = Dir::new("fails");
    let text =
        format!("{HEAD}accept -s 192.0.2.66 --dport 443\nnat --dport 443 -> 10.0.0.2:8080\n");
    let (code, out) = dir.test(&text, &["--junit", "out.xml"]);
    assert_eq!(code, 1, "{out}");
    for wanted in [
        "... FAILED",
        "---- line 3: accept -s 192.0.2.66 --dport 443\n\
         expected accept, but it is dropped by filter INPUT rule 1, line 5 of fw.v4\n",
        "expected the destination 10.0.0.2:8080, but it is 192.0.2.10:443",
        "test result: FAILED. 0 passed; 2 failed;",
    ] {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
    let xml = fs::read_to_string(dir.0.join("out.xml")).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"2\""), "{xml}");
    assert!(xml.contains("&lt;bad&gt; &amp; worse") && !xml.contains("<bad>"), "{xml}");
}

#[test]
fn the_host_decides_between_input_and_forward() {
    let dir = Dir::new("host");
    let text = "rules fw.v4\naddress eth0 192.0.2.10/24\naddress eth1 10.0.0.1/24\n\
                accept -i eth0 -s 203.0.113.9 -d 10.0.0.9 -p udp --dport 53 --ctstate NEW\n\
                drop -i eth0 -s 203.0.113.9 -d 10.0.0.1 -p udp --dport 53 --ctstate NEW\n";
    let (code, out) = dir.test(text, &[]);
    assert_eq!(code, 0, "{out}");
    let (code, out) = dir.test(text, &["--forwarding", "off"]);
    // The command line's host is the one that counts, and it has no addresses at all.
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("no route to the destination"), "{out}");
}

#[test]
fn wrong_files_are_told_with_the_line() {
    let dir = Dir::new("wrong");
    for (text, wanted) in [
        ("allow -d 1.1.1.1\n", "fw.test: line 1: allow: not one of"),
        (
            "rules fw.v4\naccept -i eth0 -s 1.1.1.1 -d 2.2.2.2 --dport 22\n",
            "line 2: --dport 22: only TCP",
        ),
        ("rules gone.v4\n", "gone.v4 cannot be read"),
        (
            "rules fw.v4\naccept -i eth0 -s 2001:db8::1 -d 2001:db8::2 -p esp\n",
            "line 2: there are no rules of",
        ),
    ] {
        let (code, out) = dir.test(text, &[]);
        assert_eq!((code, out.contains(wanted)), (2, true), "{text}\n{out}");
    }
}

const ROUTER: &str = "\
*nat
:PREROUTING ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -d 192.0.2.10 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080
-A POSTROUTING -s 10.0.0.0/24 -o eth0 -j SNAT --to-source 192.0.2.10
COMMIT
*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -d 10.0.0.2 -p tcp --dport 8080 -j ACCEPT
-A FORWARD -i eth1 -p udp -j ACCEPT
-A FORWARD -p icmp -j REJECT --reject-with icmp-admin-prohibited
COMMIT
";

#[test]
fn connections_are_followed_and_translated() {
    let dir = Dir::new("router");
    fs::write(dir.0.join("router.v4"), ROUTER).unwrap();
    let host = "rules router.v4\naddress eth0 192.0.2.10/24\naddress eth1 10.0.0.1/24\nroute 0.0.0.0/0 eth0\n";
    let text = format!(
        "{host}nat -d 192.0.2.10 --dport 80 -> 10.0.0.2:8080\n\
         accept -i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --dport 80\n\
         reply-to -i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --dport 80\n\
         drop -i eth1 -s 10.0.0.2 -d 203.0.113.9 -p tcp --sport 8080 --dport 40000 --tcp-flags SYN,ACK\n\
         nat -i eth1 -s 10.0.0.7 -d 203.0.113.9 -p udp --dport 53 <- 192.0.2.10\n\
         reply-to -i eth1 -s 10.0.0.7 -d 203.0.113.9 -p udp --dport 53\n\
         reject -i eth1 -s 10.0.0.7 -d 203.0.113.9 -p icmp\n"
    );
    let (code, out) = dir.test(&text, &["--coverage"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("7 passed; 0 failed"), "{out}");
    assert!(out.contains("coverage: 6 of 6 rules are touched by a test\n"), "{out}");
    // Without the rule for answers they do not pass.
    let strict = ROUTER.replace("-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n", "");
    fs::write(dir.0.join("router.v4"), strict).unwrap();
    let text =
        format!("{host}reply-to drop -i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --dport 80\n");
    let (code, out) = dir.test(&text, &[]);
    assert_eq!(code, 0, "{out}");
    let (code, out) = dir.test(&text.replace("reply-to drop", "reply-to"), &[]);
    assert!(
        code == 1 && out.contains("the answer: expected accept, but it is dropped by"),
        "{out}"
    );
}
