//! `oxtables replay`: counts, counters as `-L` has them, the dropped packets, a capture that breaks off.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use oxtables_packet::build::{Ip, Transport};
use oxtables_packet::pcap::{Reader, Writer, link_type};
use oxtables_packet::{Moment, Packet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const RULES: &str = "\
*filter
:INPUT DROP [7:700]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
[5:300] -A INPUT -p udp --dport 53 -j ACCEPT
-A INPUT -s 192.0.2.66 -j DROP
-A FORWARD -o eth1 -p udp -j ACCEPT
COMMIT
";

/// A directory of this test's own, gone with it.
struct Dir(PathBuf);

impl Dir {
    /// With the rules and a capture of UDP packets: source, destination port.
    fn new(name: &str, packets: &[([u8; 4], u16)]) -> Self {
        let dir =
            std::env::temp_dir().join(format!("oxtables-replay-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("fw.v4"), RULES).unwrap();
        let mut writer = Writer::new(Vec::new(), link_type::RAW).unwrap();
        for (seconds, (source, dport)) in (1_700_000_000..).zip(packets) {
            let ip = Ip::new((*source).into(), [192, 0, 2, 10].into());
            let udp = Transport::Udp { sport: 4000, dport: *dport };
            let packet = Packet::build(&ip, &udp, b"12345678").unwrap();
            let bytes = packet.bytes();
            writer.write(link_type::RAW, Moment { seconds, nanos: 5 }, bytes, bytes.len()).unwrap();
        }
        fs::write(dir.join("in.pcap"), writer.finish().unwrap()).unwrap();
        Self(dir)
    }

    fn replay(&self, words: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxtables"));
        command.arg("replay").args(words.split(' ')).current_dir(&self.0);
        let output = command.output().unwrap();
        let text = |b| String::from_utf8(b).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PACKETS: [([u8; 4], u16); 4] =
    [([203, 0, 113, 9], 53), ([192, 0, 2, 66], 99), ([203, 0, 113, 9], 53), ([203, 0, 113, 9], 7)];

/// The words of each line of a listing.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn packets_and_rules_are_counted() {
    let dir = Dir::new("counts", &PACKETS);
    let (code, out, err) =
        dir.replay("in.pcap -i eth0 --rules fw.v4 --dropped out.pcap --verdicts");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let lines = lines(&out);
    for wanted in [
        "1 accepted by filter INPUT rule 1",
        "2 dropped by filter INPUT rule 2",
        "4 dropped by filter INPUT policy",
        "4 packets of in.pcap",
        "2 accept",
        "2 drop",
        "0 reject",
        "Chain INPUT (policy DROP 1 packets, 36 bytes)",
        "1 2 72 ACCEPT udp -- * * 0.0.0.0/0 0.0.0.0/0 udp dpt:53",
        "2 1 36 DROP all -- * * 192.0.2.66 0.0.0.0/0",
        "1 0 0 ACCEPT udp -- * eth1 0.0.0.0/0 0.0.0.0/0",
    ] {
        assert!(lines.iter().any(|l| l == wanted), "{wanted}\n{out}");
    }
    let dropped = fs::read(dir.0.join("out.pcap")).unwrap();
    let kept: Vec<_> =
        Reader::new(&dropped).unwrap().map(|f| f.unwrap().packet().unwrap()).collect();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].src(), std::net::IpAddr::from([192, 0, 2, 66]));
    assert_eq!(kept[1].udp().unwrap().dport(), 7);
}

#[test]
fn the_host_says_where_packets_go() {
    let dir = Dir::new("host", &PACKETS);
    let (code, out, _) = dir.replay("in.pcap -i eth0 -o eth1 --rules fw.v4");
    assert!(code == 0 && lines(&out).contains(&"4 accept".to_owned()), "{out}");
    let host = "--address eth0=203.0.113.1/24 --address eth1=192.0.2.1/24 --rules fw.v4";
    let (code, out, _) = dir.replay(&format!("in.pcap {host}"));
    // The one from 192.0.2.66 came in by eth1 and would go out there again.
    assert!(code == 0 && lines(&out).contains(&"4 accept".to_owned()), "{out}");
    let (code, out, err) = dir.replay("in.pcap --rules fw.v4");
    assert_eq!((code, err.contains("say -i or -o")), (2, true), "{out}{err}");
}

#[test]
fn a_capture_that_breaks_off_is_replayed_up_to_there() {
    let dir = Dir::new("broken", &PACKETS);
    let whole = fs::read(dir.0.join("in.pcap")).unwrap();
    fs::write(dir.0.join("in.pcap"), &whole[..whole.len() - 3]).unwrap();
    let (code, out, err) = dir.replay("in.pcap -i eth0 --rules fw.v4");
    assert_eq!(code, 2);
    assert!(out.contains("3 packets of in.pcap"), "{out}");
    assert!(
        err.contains("the file ends within a block") && err.contains("after 3 packets"),
        "{err}"
    );
    fs::write(dir.0.join("in.pcap"), "no capture at all, just text").unwrap();
    let (code, _, err) = dir.replay("in.pcap -i eth0 --rules fw.v4");
    assert_eq!((code, err.contains("not a pcap or pcapng file")), (2, true), "{err}");
}
