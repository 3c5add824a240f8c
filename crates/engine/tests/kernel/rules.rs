//! Random rule sets, as save files: few values, so that rules meet packets often.

use oxtables_base::sample::Rng;
use std::fmt::Write as _;

const NETS: [&str; 10] = [
    "203.0.113.2",
    "203.0.113.0/24",
    "203.0.113.3/31",
    "10.0.0.0/8",
    "10.0.0.2",
    "10.0.0.2/30",
    "0.0.0.2/0.0.0.3",
    "203.0.113.1",
    "10.0.0.1",
    "198.51.100.7",
];
const PORTS: [u16; 6] = [22, 53, 80, 443, 1234, 8080];
const STATES: [&str; 5] = ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"];

/// What a rule may do in a table.
struct Table {
    name: &'static str,
    chains: &'static [&'static str],
    targets: fn(&mut Rng, &str, &str) -> Option<String>,
}

const TABLES: [Table; 5] = [
    Table { name: "raw", chains: &["PREROUTING"], targets: raw },
    Table {
        name: "mangle",
        chains: &["PREROUTING", "INPUT", "FORWARD", "POSTROUTING"],
        targets: mangle,
    },
    Table { name: "nat", chains: &["PREROUTING", "INPUT", "POSTROUTING"], targets: nat },
    Table { name: "filter", chains: &["INPUT", "FORWARD"], targets: filter },
    Table { name: "security", chains: &["INPUT", "FORWARD"], targets: security },
];

fn one<'a>(rng: &mut Rng, choices: &[&'a str]) -> &'a str {
    rng.pick(choices).copied().unwrap()
}

fn below(rng: &mut Rng, n: u64) -> u64 {
    (rng.bits() >> 5) % n
}

/// A whole save file; tables are left out now and then.
pub(crate) fn save_file(rng: &mut Rng) -> String {
    let mut out = String::new();
    for table in &TABLES {
        if rng.one_in(3) {
            continue;
        }
        let _ = writeln!(out, "*{}", table.name);
        for chain in table.chains {
            // Nothing can be dropped in nat by its policy but first packets; it is left out for what comes after.
            let drop = table.name != "nat" && rng.one_in(8);
            let _ = writeln!(out, ":{chain} {} [0:0]", if drop { "DROP" } else { "ACCEPT" });
        }
        // Chains of one's own are for one built-in chain each, as targets are bound to hooks.
        let own = |chain: &str, n: u64| format!("{chain}_{n}");
        for chain in table.chains {
            for n in 0..3 {
                let _ = writeln!(out, ":{} - [0:0]", own(chain, n));
            }
        }
        for chain in table.chains {
            for level in 0..4u64 {
                let name = if level == 0 { (*chain).to_owned() } else { own(chain, level - 1) };
                for _ in 0..below(rng, if level == 0 { 7 } else { 4 }) {
                    let next = (level < 3).then(|| own(chain, level + below(rng, 3 - level)));
                    let line = rule(rng, table, chain, &name, next);
                    out.push_str(&line);
                }
            }
        }
        out.push_str("COMMIT\n");
    }
    out
}

fn rule(rng: &mut Rng, table: &Table, hook: &str, chain: &str, next: Option<String>) -> String {
    let mut out = format!("-A {chain}");
    let protocol = match below(rng, 10) {
        0..=2 => "tcp",
        3..=5 => "udp",
        6 => "icmp",
        7 => one(rng, &["sctp", "gre", "esp", "ah", "udplite"]),
        _ => "",
    };
    let target = match below(rng, 10) {
        0..=2 => next.map(|n| format!(" {} {n}", if rng.one_in(3) { "-g" } else { "-j" })),
        3 => Some(" -j RETURN".to_owned()),
        4 => None,
        5 if table.name != "nat" => Some(" -j ACCEPT".to_owned()),
        _ => (table.targets)(rng, hook, protocol),
    };
    // What names ports or drops needs a protocol, or would end everything.
    for (option, odds) in [("-s", 4), ("-d", 4)] {
        if rng.one_in(odds) {
            let _ = write!(out, "{} {option} {}", not(rng, 4), one(rng, &NETS));
        }
    }
    if rng.one_in(5) && hook != "POSTROUTING" {
        let _ =
            write!(out, "{} -i {}", not(rng, 4), one(rng, &["eth0", "eth1", "eth+", "lo", "e+"]));
    }
    if rng.one_in(5) && matches!(hook, "FORWARD" | "POSTROUTING") {
        let _ = write!(out, "{} -o {}", not(rng, 4), one(rng, &["eth0", "eth1", "eth+"]));
    }
    let tcp_only = target.as_ref().is_some_and(|t| t.contains("TCPMSS") || t.contains("tcp-reset"));
    let inverted = !protocol.is_empty()
        && !tcp_only
        && !target.as_ref().is_some_and(|t| t.contains("--to") || t.contains("ECN"))
        && rng.one_in(8);
    if inverted {
        let _ = write!(out, " ! -p {protocol}");
    } else if !protocol.is_empty() {
        let _ = write!(out, " -p {protocol}");
        if rng.one_in(2) {
            out.push_str(&of_protocol(rng, protocol));
        }
    }
    if rng.one_in(16) {
        let _ = write!(out, "{} -f", not(rng, 2));
    }
    let ported = !inverted && matches!(protocol, "tcp" | "udp" | "sctp" | "udplite");
    for _ in 0..below(rng, 3) {
        out.push_str(&of_any(rng, table.name, hook, ported));
    }
    out.push_str(&target.unwrap_or_default());
    out.push('\n');
    out
}

fn not(rng: &mut Rng, odds: u64) -> &'static str {
    if rng.one_in(odds) { " !" } else { "" }
}

fn port(rng: &mut Rng) -> u16 {
    *rng.pick(&PORTS).unwrap()
}

fn port_range(rng: &mut Rng) -> String {
    match below(rng, 4) {
        0 => format!("{}:{}", below(rng, 100), 100 + below(rng, 2000)),
        1 => format!(":{}", port(rng)),
        2 => format!("{}:", port(rng)),
        _ => port(rng).to_string(),
    }
}

fn of_protocol(rng: &mut Rng, protocol: &str) -> String {
    match protocol {
        "tcp" => match below(rng, 8) {
            0 => format!(" -m tcp{} --syn", not(rng, 3)),
            1 => format!(
                " -m tcp{} --tcp-flags {} {}",
                not(rng, 3),
                one(rng, &["SYN,ACK", "ALL", "RST,FIN", "SYN,RST,ACK,FIN"]),
                one(rng, &["SYN", "ACK", "NONE", "SYN,ACK"])
            ),
            2 => format!(" -m tcp{} --tcp-option {}", not(rng, 3), one(rng, &["2", "3", "8"])),
            3 => format!(" -m tcp{} --sport {}", not(rng, 3), port_range(rng)),
            4 => format!(" -m tcpmss{} --mss {}", not(rng, 3), one(rng, &["1460", "500:1400"])),
            _ => format!(" -m tcp{} --dport {}", not(rng, 4), port_range(rng)),
        },
        "udp" => format!(
            " -m udp{} --{}port {}",
            not(rng, 4),
            one(rng, &["s", "d", "d"]),
            port_range(rng)
        ),
        "icmp" => format!(
            " -m icmp{} --icmp-type {}",
            not(rng, 4),
            one(rng, &["8", "0", "3/1", "any", "3"])
        ),
        "sctp" => format!(" -m sctp{} --dport {}", not(rng, 4), port_range(rng)),
        "esp" => format!(" -m esp --espspi {}", one(rng, &["0:100", "7"])),
        "ah" => format!(" -m ah --ahspi {}", one(rng, &["0:100", "7"])),
        _ => String::new(),
    }
}

fn of_any(rng: &mut Rng, table: &str, hook: &str, ported: bool) -> String {
    let n = not(rng, 4);
    let name = below(rng, 3);
    match below(rng, 34) {
        0 | 1 => format!(" -m mark{n} --mark {}", one(rng, &["0", "1", "2/3", "0x10/0x10"])),
        2 if table != "raw" => format!(" -m connmark{n} --mark {}", one(rng, &["0", "1", "2/3"])),
        3 => format!(" -m conntrack{n} --ctstate {}", one(rng, &["SNAT", "DNAT", "SNAT,NEW"])),
        4..=7 => format!(" -m conntrack{n} --ctstate {}", states(rng)),
        8 => format!(" -m state{n} --state {}", one(rng, &STATES)),
        9 => format!(" -m conntrack{n} --ctproto {}", one(rng, &["6", "17", "1"])),
        10 => format!(
            " -m conntrack{n} --{} {}",
            one(rng, &["ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst"]),
            one(rng, &["203.0.113.0/24", "10.0.0.2", "10.0.0.0/24"])
        ),
        11 => format!(
            " -m conntrack{n} --ctstatus {}",
            one(rng, &["NONE", "SEEN_REPLY", "ASSURED", "CONFIRMED", "NONE,ASSURED"])
        ),
        12 => format!(" -m conntrack --ctdir {}", one(rng, &["ORIGINAL", "REPLY"])),
        13 => format!(" -m conntrack{n} --ctorigdstport {}", port_range(rng).trim_matches(':')),
        14 => format!(
            " -m ttl --ttl-{} {}",
            one(rng, &["eq", "lt", "gt"]),
            one(rng, &["64", "9", "63"])
        ),
        15 => format!(" -m tos{n} --tos {}", one(rng, &["0x10", "0x00/0x08", "0x08"])),
        16 => format!(" -m dscp{n} --dscp {}", one(rng, &["0x00", "0x02", "0x2e"])),
        17 => format!(" -m ecn{n} --ecn-ip-ect {}", below(rng, 4)),
        18 => format!(" -m length{n} --length {}", one(rng, &["0:60", "40", "28:100"])),
        19 => format!(
            " -m iprange{n} --{}-range {}",
            one(rng, &["src", "dst"]),
            one(rng, &["203.0.113.2-203.0.113.4", "10.0.0.0-10.0.0.3"])
        ),
        20 => format!(" -m pkttype{n} --pkt-type {}", one(rng, &["unicast", "broadcast"])),
        21 => format!(
            " -m addrtype{n} --{}-type {}",
            one(rng, &["src", "dst"]),
            one(rng, &["LOCAL", "UNICAST", "LOCAL,BROADCAST"])
        ),
        22 => format!(" -m limit --limit 1/hour --limit-burst {}", 1 + below(rng, 20)),
        23 => format!(
            " -m hashlimit --hashlimit-{} 1/hour --hashlimit-burst {} --hashlimit-mode {} --hashlimit-name h{hook}{}",
            one(rng, &["upto", "above"]),
            1 + below(rng, 5),
            one(rng, &["srcip", "dstip", "srcip,dstport", "srcip,dstip,srcport,dstport"]),
            rng.bits() % 1_000_000
        ),
        24 => format!(
            " -m recent{n} --{} --name r{name}",
            one(rng, &["set", "rcheck", "update", "remove"])
        ),
        25 => format!(
            " -m recent{n} --{} --hitcount {} --name r{name}",
            one(rng, &["rcheck", "update"]),
            1 + below(rng, 4)
        ),
        26 => format!(" -m statistic --mode nth{n} --every 3 --packet {}", below(rng, 3)),
        27 => format!(" -m quota{n} --quota {}", below(rng, 4000)),
        29 => format!(
            " -m u32{n} --u32 \"{}\"",
            one(rng, &["6&0xFF=6", "0>>22&0x3C@0>>16=22:80", "8&0xff=1:200"])
        ),
        30 => format!(" -m string --algo bm{n} --string {} --to 65535", one(rng, &["abc", "zz"])),
        31 if ported => format!(
            " -m multiport{n} --{} {}",
            one(rng, &["dports", "sports", "ports"]),
            one(rng, &["22,80", "53,1000:9000", "1234"])
        ),
        32 if matches!(hook, "PREROUTING") && matches!(table, "raw" | "mangle") => {
            format!(" -m rpfilter{}", one(rng, &["", " --loose", " --invert"]))
        }
        _ => " -m comment --comment x".to_owned(),
    }
}

fn states(rng: &mut Rng) -> String {
    match rng.one_in(3) {
        true => format!("{},{}", one(rng, &STATES), one(rng, &STATES)),
        false => one(rng, &STATES).to_owned(),
    }
}

fn raw(rng: &mut Rng, _: &str, _: &str) -> Option<String> {
    Some(match below(rng, 5) {
        0 => " -j NOTRACK".to_owned(),
        1 => " -j CT --notrack".to_owned(),
        2 => " -j DROP".to_owned(),
        3 => mark(rng),
        _ => return None,
    })
}

fn mark(rng: &mut Rng) -> String {
    format!(
        " -j MARK --{} {}",
        one(rng, &["set-mark", "or-mark", "xor-mark", "and-mark"]),
        one(rng, &["1", "2", "0x10"])
    )
}

fn mangle(rng: &mut Rng, _: &str, protocol: &str) -> Option<String> {
    Some(match below(rng, 9) {
        0 => mark(rng),
        1 => format!(
            " -j CONNMARK --{}",
            one(rng, &["set-mark 1", "save-mark", "restore-mark", "or-mark 2"])
        ),
        2 => format!(" -j TOS --set-tos {}", one(rng, &["0x10", "0x08/0x0f", "0x00/0x10"])),
        3 => format!(" -j DSCP --set-dscp {}", one(rng, &["0x02", "0x2e", "0"])),
        4 => format!(" -j TTL --ttl-{}", one(rng, &["set 9", "inc 3", "dec 2"])),
        5 if protocol == "tcp" => {
            " -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 500".to_owned()
        }
        6 if protocol == "tcp" => " -j ECN --ecn-tcp-remove".to_owned(),
        7 => " -j DROP".to_owned(),
        _ => return None,
    })
}

fn nat(rng: &mut Rng, hook: &str, protocol: &str) -> Option<String> {
    let ported = matches!(protocol, "tcp" | "udp");
    Some(match (hook, below(rng, 5)) {
        ("PREROUTING", 0) => " -j DNAT --to-destination 10.0.0.5".to_owned(),
        ("PREROUTING", 1) if ported => " -j DNAT --to-destination 10.0.0.6:8080".to_owned(),
        ("PREROUTING", 2) if ported => format!(" -j REDIRECT --to-ports {}", port(rng)),
        ("PREROUTING", 2) => " -j REDIRECT".to_owned(),
        ("PREROUTING", 3) if ported => " -j DNAT --to-destination :4000-4100".to_owned(),
        ("PREROUTING", 4) => " -j NETMAP --to 10.0.0.64/26".to_owned(),
        ("POSTROUTING", 0) => " -j MASQUERADE".to_owned(),
        ("POSTROUTING", 1) => " -j SNAT --to-source 10.0.0.99".to_owned(),
        ("POSTROUTING", 2) => " -j NETMAP --to 10.9.0.0/16".to_owned(),
        ("INPUT", 0) => " -j SNAT --to-source 192.0.2.9".to_owned(),
        (_, 3) => " -j ACCEPT".to_owned(),
        _ => return None,
    })
}

fn filter(rng: &mut Rng, _: &str, protocol: &str) -> Option<String> {
    Some(match below(rng, 6) {
        0 | 1 => " -j DROP".to_owned(),
        2 => " -j REJECT".to_owned(),
        3 if protocol == "tcp" => " -j REJECT --reject-with tcp-reset".to_owned(),
        4 => " -j LOG --log-prefix x".to_owned(),
        _ => return None,
    })
}

fn security(rng: &mut Rng, _: &str, _: &str) -> Option<String> {
    rng.one_in(2).then(|| " -j DROP".to_owned())
}
