//! `cargo xtask fuzz-seeds`: what the fuzz targets begin with, from the tests' own cases, captures and
//! rule sets, each input in the form its target reads (see `fuzz/fuzz_targets/`).

use crate::tidy::Repository;
use oxtables_ext::{Families, MATCHES, Spec, TARGETS};
use oxtables_packet::Packet;
use oxtables_packet::build::{Extension, Ip, Tcp, Transport};
use oxtables_packet::pcap::{self, link_type};
use oxtables_wire::nft::{self, Head, Rule, expr, msg};
use oxtables_wire::nl::Writer;
use std::net::IpAddr;

/// Inputs of one target.
type Inputs = Vec<Vec<u8>>;

/// Runs the chore.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if !args.is_empty() {
        return Err("usage: cargo xtask fuzz-seeds".to_owned());
    }
    let repository = Repository::open()?;
    let blobs = blobs(&repository)?;
    let targets: [(&str, Inputs); 5] = [
        ("argv", command_lines(&repository)?),
        ("restore", files(&repository)?),
        ("blob", blobs.iter().filter_map(Blob::input).collect()),
        ("dump", dumps(&repository, &blobs)?),
        ("packet", packets().ok_or("no packet can be built")?),
    ];
    for (target, inputs) in targets {
        let folder = repository.root.join("fuzz/corpus").join(target);
        let failed = |e| format!("{}: {e}", folder.display());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for (n, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{n:04}")), input).map_err(failed)?;
        }
        println!("{target}: {} inputs", inputs.len());
    }
    Ok(())
}

/// Every example of every extension as the words of a rule: its specification, and `-A ...` in text.
fn examples() -> Vec<(&'static Spec, String)> {
    let matches = MATCHES.iter().map(|k| (k.spec, "-m"));
    let targets = TARGETS.iter().map(|k| (k.spec, "-j"));
    let mut lines = Vec::new();
    for (spec, option) in matches.chain(targets) {
        for (typed, _) in spec.cases {
            let (protocol, options) = match typed.strip_prefix("-p ") {
                Some(rest) => rest.split_once(' ').unwrap_or((rest, "")),
                None => ("", *typed),
            };
            let protocol = match protocol {
                "" => String::new(),
                name => format!("-p {name} "),
            };
            lines.push((spec, format!("-A INPUT {protocol}{option} {} {options}", spec.name)));
        }
    }
    lines
}

/// The words of a line, split as a shell splits plain ones.
fn words(line: &str) -> Vec<u8> {
    let (mut words, mut quote) = (Vec::new(), None);
    for c in line.trim().bytes() {
        match quote {
            None if matches!(c, b'"' | b'\'') => quote = Some(c),
            None if c == b' ' => words.push(0),
            Some(q) if c == q => quote = None,
            _ => words.push(c),
        }
    }
    words
}

fn command_lines(repository: &Repository) -> Result<Inputs, String> {
    let mut inputs: Inputs = examples().iter().map(|(_, line)| words(line)).collect();
    for file in named(repository, "crates/oxtables/tests/corpus/", ".txt") {
        let text = repository.text(file)?;
        let programs = ["iptables ", "ip6tables "];
        let lines = text.lines().filter_map(|l| programs.iter().find_map(|p| l.strip_prefix(p)));
        inputs.extend(lines.map(words));
    }
    Ok(inputs)
}

fn files(repository: &Repository) -> Result<Inputs, String> {
    let mut inputs = Inputs::new();
    for (spec, line) in examples() {
        let first = if spec.families == Families::Ip6 { '6' } else { '4' };
        for table in ["filter", "mangle", "nat"] {
            inputs.push(format!("{first}*{table}\n:x - [0:0]\n[1:2] {line}\nCOMMIT\n").into());
        }
    }
    for file in named(repository, "crates/oxtables/tests/rulesets/", "") {
        let first = if file.ends_with(".v6") { '7' } else { '5' };
        inputs.push(format!("{first}{}", repository.text(file)?).into_bytes());
    }
    for file in named(repository, "crates/oxtables/tests/corpus/", ".txt") {
        let text = repository.text(file)?;
        for part in text.split("iptables-restore").skip(1) {
            let body = part.split_once("EOF").and_then(|(_, b)| b.split_once('\n'));
            let body = body.and_then(|(_, b)| b.split_once("\nEOF")).map(|(b, _)| b);
            inputs.extend(body.map(|b| format!("4{b}\n").into_bytes()));
        }
    }
    Ok(inputs)
}

fn named<'r>(
    repository: &'r Repository,
    folder: &'r str,
    end: &'r str,
) -> impl Iterator<Item = &'r str> {
    let files = repository.files.iter().map(String::as_str);
    files.filter(move |f| f.starts_with(folder) && f.ends_with(end))
}

/// A captured struct of an extension.
struct Blob {
    is_match: bool,
    v6: bool,
    kernel: String,
    rev: u8,
    bytes: Vec<u8>,
}

impl Blob {
    /// As the target `blob` reads it: which extension in the lists, which revision and family.
    fn input(&self) -> Option<Vec<u8>> {
        let kernels: Vec<&Spec> = match self.is_match {
            true => MATCHES.iter().map(|k| k.spec).collect(),
            false => TARGETS.iter().map(|k| k.spec).collect(),
        };
        let fits = |s: &&Spec| {
            s.kernel == self.kernel
                && s.families != (if self.v6 { Families::Ip4 } else { Families::Ip6 })
        };
        let place = kernels.iter().position(fits)?;
        let rev = kernels.get(place)?.revisions.iter().position(|r| r.rev == self.rev)?;
        let before = if self.is_match { 0 } else { MATCHES.len() };
        let which = u8::try_from(place + before).ok()?;
        let how = u8::try_from(rev << 1).ok()? | u8::from(self.v6);
        Some([&[which, how], self.bytes.as_slice()].concat())
    }
}

fn blobs(repository: &Repository) -> Result<Vec<Blob>, String> {
    let mut blobs = Vec::new();
    for file in named(repository, "crates/ext/tests/golden/", ".hex") {
        for line in repository.text(file)?.lines().filter(|l| !l.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [family, _, kernel, rev, .., hex] = fields.as_slice() else { continue };
            let Ok(rev) = rev.parse() else { continue };
            let bytes = unhex(hex).ok_or_else(|| format!("{file}: {hex}"))?;
            let is_match = file.contains("/match-");
            blobs.push(Blob {
                is_match,
                v6: *family == "ip6",
                kernel: (*kernel).into(),
                rev,
                bytes,
            });
        }
    }
    Ok(blobs)
}

/// Hexadecimal digits, `[N]` being N zero bytes, blanks between them.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(run) = rest.strip_prefix('[') {
            let (count, after) = run.split_once(']')?;
            out.resize(out.len() + count.parse::<usize>().ok()?, 0);
            rest = after.trim_start();
        } else {
            let (digits, after) = rest.split_at_checked(2)?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after.trim_start();
        }
    }
    Some(out)
}

fn dumps(repository: &Repository, blobs: &[Blob]) -> Result<Inputs, String> {
    let mut inputs = Inputs::new();
    for file in named(repository, "crates/wire/tests/golden/", ".hex") {
        let text = repository.text(file)?;
        let hex: String = text.lines().filter(|l| !l.starts_with('#')).collect();
        let bytes = unhex(&hex).ok_or_else(|| format!("{file}: not hexadecimal"))?;
        inputs.push([&b"4"[..], &bytes].concat());
        inputs.push([&b"6"[..], &bytes].concat());
    }
    for blob in blobs {
        let (first, family) = if blob.v6 { (b'6', 10) } else { (b'4', 2) };
        let mut w = Writer::new();
        let place = Rule { table: b"filter", chain: b"INPUT", ..Rule::default() };
        let (name, rev) = (blob.kernel.as_bytes(), u32::from(blob.rev));
        let info = |out: &mut Vec<u8>| out.extend_from_slice(&blob.bytes);
        let head = Head { flags: 0, seq: 1, family };
        nft::rule(&mut w, msg::NEWRULE, head, &place, |w| {
            if blob.is_match {
                expr::xt_match(w, name, rev, info);
            }
            expr::counter(w, nft::Counters { packets: 1, bytes: 2 });
            if !blob.is_match {
                expr::xt_target(w, name, rev, info);
            }
        })
        .map_err(|e| format!("{}: {e:?}", blob.kernel))?;
        inputs.push([&[first], w.as_bytes()].concat());
    }
    Ok(inputs)
}

/// What stands behind the IP header: every protocol that is looked into, `quoted` in an ICMP error.
fn transports(quoted: &[u8]) -> [(Transport, &[u8]); 12] {
    let tcp = Tcp {
        sport: 1024,
        dport: 22,
        flags: 2,
        options: vec![2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0],
        ..Tcp::default()
    };
    [
        (Transport::Tcp(tcp), b"GET / HTTP/1.0\r\n"),
        (Transport::Udp { sport: 53, dport: 4000 }, b"\x12\x34\x81\x80"),
        (Transport::Icmp { kind: 8, code: 0, rest: [0, 1, 0, 2] }, b"ping"),
        (Transport::Icmp { kind: 3, code: 4, rest: [0, 0, 5, 0] }, quoted),
        (Transport::Icmp { kind: 128, code: 0, rest: [0; 4] }, b"ping"),
        (
            Transport::Sctp { sport: 9, dport: 80, tag: 7 },
            b"\x01\0\0\x14\0\0\0\x01\0\0\x10\0\0\x01\0\x01\0\0\0\x02\0\x03\0\x05x\0\0\0",
        ),
        (Transport::Other(33), b"\0\x50\x10\0\x04\0\0\0\0\0\0\x01\0\0\0\0\x01\x02\x03\0"),
        (Transport::Other(50), b"\0\0\x01\0\0\0\0\x01encrypted"),
        (Transport::Other(51), b"\x06\x04\0\0\0\0\x01\0\0\0\0\x01digestdigest"),
        (Transport::Other(108), b"\x06\0\0\x02compressed"),
        (Transport::Other(135), b"\x3b\x01\x05\0\0\0\0\0\0\0\0\x40\x01\x02\0\0"),
        (Transport::Other(136), b"\0\x50\x10\0\0\x08\0\0"),
    ]
}

/// Packets of every protocol that is looked into, bare and as captures.
fn packets() -> Option<Inputs> {
    let quoted = Packet::build(
        &Ip::new(IpAddr::from([10, 0, 0, 2]), IpAddr::from([10, 0, 0, 1])),
        &Transport::Udp { sport: 53, dport: 4000 },
        b"12345678",
    );
    let quoted = quoted.ok()?.bytes().to_vec();
    let transports = transports(&quoted);
    let addresses = [
        (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])),
        (
            IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
            IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 2]),
        ),
    ];
    let mut packets = Vec::new();
    for (src, dst) in addresses {
        for (transport, payload) in &transports {
            for ip in headers(src, dst) {
                packets.extend(
                    Packet::build(&ip, transport, payload).ok().map(|p| p.bytes().to_vec()),
                );
            }
        }
    }
    let mut inputs: Inputs = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        inputs.push([&[u8::try_from(n & 7).ok()?], packet.as_slice()].concat());
    }
    inputs.push([&[1], capture(&packets)?.as_slice()].concat());
    inputs.push([&[1], sections(packets.first()?)?.as_slice()].concat());
    Some(inputs)
}

/// A plain header, and one with all that may come with it.
fn headers(src: IpAddr, dst: IpAddr) -> [Ip; 2] {
    let ip = Ip::new(src, dst);
    let header = |header, body: &[u8]| Extension { header, body: body.to_vec() };
    let extensions = vec![
        header(0, b"\x05\x02\0\0\x01\0"),
        header(43, &[&[4, 1, 0, 0, 0, 0], &[0x11; 16][..]].concat()),
        header(60, b"\x01\x04abcd"),
    ];
    let options = b"\x94\x04\0\0".to_vec();
    let more = Ip { extensions, options, tos: 0xb8, ..ip.clone() };
    [ip, more]
}

/// Some of the packets as a pcap file.
fn capture(packets: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut writer = pcap::Writer::new(Vec::new(), link_type::RAW).ok()?;
    for packet in packets.iter().step_by(9) {
        let time = oxtables_packet::Moment { seconds: 1, nanos: 2 };
        writer.write(link_type::RAW, time, packet, packet.len()).ok()?;
    }
    writer.finish().ok()
}

/// A pcapng file with one packet on Ethernet, behind a VLAN tag.
fn sections(packet: &[u8]) -> Option<Vec<u8>> {
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = u32::try_from(body.len() + 12).ok()?.to_le_bytes();
        Some([&kind.to_le_bytes()[..], &len, &body, &len].concat())
    };
    let frame = [&[2; 12][..], b"\x81\0\0\x05\x08\0", packet].concat();
    let len = u32::try_from(frame.len()).ok()?.to_le_bytes();
    let section = [&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    // `if_name`, `if_tsresol` of nanoseconds, the end of the options.
    let interface = b"\x01\0\0\0\0\0\x04\0\x02\0\x04\0eth0\x09\0\x01\0\x09\0\0\0\0\0\0\0";
    let enhanced = [&[0; 8][..], &[1, 0, 0, 0], &len, &len, &frame].concat();
    let blocks = [block(0x0a0d_0d0a, &section)?, block(1, interface)?, block(6, &enhanced)?];
    Some(blocks.concat())
}
