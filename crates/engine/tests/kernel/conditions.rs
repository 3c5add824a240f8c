//! Random rules: conditions that packets of [`crate::packets`] have a good chance to meet, and actions.

use oxtables_packet::Family;

use crate::packets::{HOPS, PORTS, TOS};
use crate::random::Random;
use crate::rules::Flavour;

/// Where a rule is to stand.
pub(crate) struct Place<'a> {
    pub(crate) family: Family,
    pub(crate) table: &'a str,
    pub(crate) chain: &'a str,
    /// Whether the chain is a built-in one.
    pub(crate) base: bool,
    /// The chains it may jump to.
    pub(crate) onward: &'a [&'a str],
}

impl Place<'_> {
    fn v6(&self) -> bool {
        self.family == Family::Ip6
    }
}

pub(crate) fn rule(r: &mut Random, place: &Place<'_>, flavour: Flavour) -> String {
    let mut words: Vec<String> = Vec::new();
    for option in ["-s", "-d"] {
        if r.chance(25) {
            let net = net(r, place.v6());
            // The kernel refuses none at all.
            let not = if net.ends_with("/0") { "" } else { not(r, 25) };
            words.push(format!("{not}{option} {net}"));
        }
    }
    if r.chance(20) && !(place.base && matches!(place.chain, "OUTPUT" | "POSTROUTING")) {
        words.push(format!("{}-i {}", not(r, 25), interface(r)));
    }
    if r.chance(20) && !(place.base && matches!(place.chain, "INPUT" | "PREROUTING")) {
        words.push(format!("{}-o {}", not(r, 25), interface(r)));
    }
    if !place.v6() && r.chance(5) {
        words.push(format!("{}-f", not(r, 40)));
    }
    let action = action(r, place, flavour);
    let protocol = match &action {
        // What the target asks for.
        Action { protocol: Some(wanted), .. } => {
            words.push((*wanted).to_owned());
            wanted.split(' ').nth(1).unwrap_or("").to_owned()
        }
        _ => protocol(r, place, &mut words),
    };
    if r.chance(45) {
        words.extend(by_protocol(r, &protocol, place));
    }
    for _ in 0..*r.pick(&[0, 0, 0, 1, 1, 2]) {
        words.push(condition(r, place, flavour));
    }
    words.push(action.text);
    words.join(" ")
}

fn not(r: &mut Random, percent: usize) -> &'static str {
    if r.chance(percent) { "! " } else { "" }
}

fn net(r: &mut Random, v6: bool) -> &'static str {
    let nets: &[&'static str] = match v6 {
        false => &[
            "203.0.113.0/24",
            "203.0.113.2",
            "203.0.113.1",
            "10.0.0.0/8",
            "10.0.0.2",
            "10.0.0.0/30",
            "192.0.2.0/255.255.255.0",
            "0.0.0.0/0",
            "203.0.0.2/255.255.0.255",
            "128.0.0.0/1",
        ],
        true => &[
            "2001:db8:1::/64",
            "2001:db8:1::2",
            "2001:db8:2::1",
            "2001:db8::/32",
            "2001:db8:2::/63",
            "2a00::/12",
            "::/0",
            "::2/::ffff",
            "2001:db8:1::/61",
        ],
    };
    nets[r.below(nets.len())]
}

fn interface(r: &mut Random) -> &'static str {
    const NAMES: &[&str] = &["eth0", "eth0", "eth1", "eth+", "lo", "e+", "eth2", "eth0+"];
    NAMES[r.below(NAMES.len())]
}

fn protocol(r: &mut Random, place: &Place<'_>, words: &mut Vec<String>) -> String {
    if r.chance(45) {
        return String::new();
    }
    let icmp = if place.v6() { "ipv6-icmp" } else { "icmp" };
    let all = ["tcp", "tcp", "udp", icmp, "sctp", "esp", "47", "200", "2"];
    let chosen = *r.pick(&all);
    let not = not(r, 12);
    words.push(format!("{not}-p {chosen}"));
    if not.is_empty() { chosen.to_owned() } else { String::new() }
}

fn port(r: &mut Random) -> String {
    match r.below(4) {
        0 => {
            let (a, b) = (*r.pick(&PORTS), *r.pick(&PORTS));
            format!("{}:{}", a.min(b), a.max(b))
        }
        1 => format!("{}:", r.pick(&PORTS)),
        _ => r.pick(&PORTS).to_string(),
    }
}

/// Conditions that need their protocol.
fn by_protocol(r: &mut Random, protocol: &str, place: &Place<'_>) -> Vec<String> {
    let mut words = Vec::new();
    match protocol {
        "tcp" | "udp" | "sctp" if r.chance(30) => words.push(multiport(r)),
        "tcp" => {
            let mut text = "-m tcp".to_owned();
            if r.chance(40) {
                text += &format!(" {}--dport {}", not(r, 20), port(r));
            }
            if r.chance(20) {
                text += &format!(" {}--sport {}", not(r, 20), port(r));
            }
            if r.chance(40) {
                let flags = *r.pick(&[
                    "--syn",
                    "--tcp-flags SYN,ACK SYN",
                    "--tcp-flags FIN,SYN,RST,ACK SYN",
                    "--tcp-flags ALL NONE",
                    "--tcp-flags ACK ACK",
                    "--tcp-flags RST,ACK RST",
                ]);
                text += &format!(" {}{flags}", not(r, 20));
            }
            if r.chance(10) {
                text += &format!(" {}--tcp-option {}", not(r, 20), r.pick(&[2, 8, 3, 5]));
            }
            words.push(text);
            if r.chance(10) {
                words.push(format!(
                    "-m tcpmss {}--mss {}",
                    not(r, 30),
                    r.pick(&["1460", "1:1459"])
                ));
            }
            if r.chance(8) {
                let option = *r.pick(&["--ecn-tcp-cwr", "--ecn-tcp-ece"]);
                if !place.v6() {
                    words.push(format!("-m ecn {}{option}", not(r, 30)));
                }
            }
        }
        "udp" => {
            let mut text = "-m udp".to_owned();
            if r.chance(70) {
                text += &format!(" {}--dport {}", not(r, 20), port(r));
            }
            if r.chance(30) {
                text += &format!(" {}--sport {}", not(r, 20), port(r));
            }
            words.push(text);
        }
        "sctp" => words.push(format!("-m sctp {}--dport {}", not(r, 20), port(r))),
        "icmp" => {
            let kind =
                *r.pick(&["8", "0", "3", "3/1", "echo-request", "255", "network-unreachable"]);
            words.push(format!("-m icmp {}--icmp-type {kind}", not(r, 20)));
        }
        "ipv6-icmp" => {
            let kind = *r.pick(&["128", "129", "1", "1/4", "echo-request", "2"]);
            words.push(format!("-m icmp6 {}--icmpv6-type {kind}", not(r, 20)));
        }
        "esp" => words.push(format!("-m esp {}--espspi {}", not(r, 20), "0:2147483647")),
        _ => {}
    }
    words
}

fn multiport(r: &mut Random) -> String {
    let which = *r.pick(&["--dports", "--sports", "--ports"]);
    let ports: Vec<String> = (0..r.within(1, 5))
        .map(|_| {
            let (a, b) = (*r.pick(&PORTS), *r.pick(&PORTS));
            if r.chance(30) && a < b { format!("{a}:{b}") } else { a.to_string() }
        })
        .collect();
    format!("-m multiport {}{which} {}", not(r, 20), ports.join(","))
}

fn condition(r: &mut Random, place: &Place<'_>, flavour: Flavour) -> String {
    if flavour.stateful && r.chance(40) {
        return stateful(r, place);
    }
    let not = not(r, 25);
    match r.below(14) {
        0 | 1 => format!("-m mark {not}--mark {}", r.pick(&["0x1", "0x0", "0x2/0x2", "0x10/0xf0"])),
        2 => {
            let mask = *r.pick(&["0xff", "0x3f", "0x10", "0xfc"]);
            format!("-m tos {not}--tos {:#x}/{mask}", r.pick(&TOS))
        }
        3 => format!("-m dscp {not}--dscp {:#x}", r.pick(&TOS) >> 2),
        4 => hops(r, place, not),
        5 => {
            format!("-m length {not}--length {}", r.pick(&["0:40", "41:60", "60", "100:", "28:28"]))
        }
        6 => iprange(r, place, not),
        7 => addrtype(r, place, not),
        8 => {
            format!("-m pkttype {not}--pkt-type {}", r.pick(&["unicast", "broadcast", "multicast"]))
        }
        9 => "-m comment --comment \"a few words\"".to_owned(),
        10 => format!("-m ecn {not}--ecn-ip-ect {}", r.below(4)),
        11 => {
            let test = match place.v6() {
                false => *r.pick(&["6&0xFF=1", "9>>24=0:6,17", "0>>22&0x3C@0>>16=22,53"]),
                true => *r.pick(&["4&0xFF=64", "3&0xFF=6,17", "40>>16=22"]),
            };
            format!("-m u32 {not}--u32 \"{test}\"")
        }
        12 if mac_is_known(place) => format!("-m mac {not}--mac-source 02:00:00:00:00:77"),
        _ if place.v6() => headers(r, not),
        _ => format!("-m string {not}--hex-string \"|00|\" --algo bm --from 20 --to 40"),
    }
}

/// The kernel refuses `-m mac` where there is no frame.
fn mac_is_known(place: &Place<'_>) -> bool {
    place.base && matches!(place.chain, "PREROUTING" | "INPUT" | "FORWARD")
}

fn hops(r: &mut Random, place: &Place<'_>, not: &str) -> String {
    let (value, cmp) = (*r.pick(&HOPS), r.below(3));
    match (place.v6(), cmp) {
        (false, 0) => format!("-m ttl {not}--ttl-eq {value}"),
        (false, 1) => format!("-m ttl --ttl-gt {value}"),
        (false, _) => format!("-m ttl --ttl-lt {value}"),
        (true, 0) => format!("-m hl {not}--hl-eq {value}"),
        (true, 1) => format!("-m hl --hl-gt {value}"),
        (true, _) => format!("-m hl --hl-lt {value}"),
    }
}

fn iprange(r: &mut Random, place: &Place<'_>, not: &str) -> String {
    let range = match place.v6() {
        false => {
            *r.pick(&["203.0.113.1-203.0.113.2", "10.0.0.0-10.0.0.255", "0.0.0.0-192.0.2.255"])
        }
        true => {
            *r.pick(&["2001:db8:1::1-2001:db8:1::2", "2001:db8::-2001:db8:1:ffff::", "::-2001::"])
        }
    };
    format!("-m iprange {not}{} {range}", r.pick(&["--src-range", "--dst-range"]))
}

fn addrtype(r: &mut Random, place: &Place<'_>, not: &str) -> String {
    let kinds: &[&str] = match place.v6() {
        false => &["LOCAL", "UNICAST", "BROADCAST", "MULTICAST", "LOCAL,UNICAST"],
        true => &["LOCAL", "UNICAST", "MULTICAST"],
    };
    format!("-m addrtype {not}{} {}", r.pick(&["--src-type", "--dst-type"]), r.pick(kinds))
}

/// Extension headers of IPv6.
fn headers(r: &mut Random, not: &str) -> String {
    match r.below(5) {
        0 => format!(
            "-m ipv6header {not}--header {} --soft",
            r.pick(&["hop", "dst", "frag", "prot"])
        ),
        1 => format!("-m ipv6header {not}--header {}", r.pick(&["none", "hop,prot", "dst,prot"])),
        2 => format!(
            "-m frag --fragid 0:4294967295 {}",
            r.pick(&["--fragfirst", "--fragmore", "--fraglast"])
        ),
        3 => format!("-m dst {not}--dst-len {}", r.pick(&["8", "16"])),
        _ => format!("-m hbh {not}--hbh-len {}", r.pick(&["8", "16"])),
    }
}

/// Conditions on what is kept between packets, connections above all.
fn stateful(r: &mut Random, place: &Place<'_>) -> String {
    const STATES: [&str; 7] =
        ["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "UNTRACKED", "DNAT", "SNAT,NEW"];
    let not = not(r, 20);
    let list = r.below(3);
    match r.below(15) {
        0 => format!("-m state {not}--state {}", r.pick(&STATES[..5])),
        1..=3 => format!("-m conntrack {not}--ctstate {}", r.pick(&STATES)),
        4 => format!("-m conntrack --ctdir {}", r.pick(&["ORIGINAL", "REPLY"])),
        5 => {
            let status = r.pick(&["NONE", "SEEN_REPLY", "ASSURED", "CONFIRMED", "NONE,ASSURED"]);
            format!("-m conntrack {not}--ctstatus {status}")
        }
        6 => {
            let which = *r.pick(&["ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst"]);
            format!("-m conntrack {not}--{which} {}", net(r, place.v6()))
        }
        7 => match r.chance(50) {
            true => format!("-m conntrack {not}--ctproto {}", r.pick(&["6", "17", "1", "58"])),
            false => format!("-m conntrack {not}--ctorigdstport {}", r.pick(&PORTS)),
        },
        8 => format!("-m limit --limit 1/day --limit-burst {}", r.within(1, 20)),
        9 => format!("-m connmark {not}--mark {}", r.pick(&["0x0", "0x1", "0x2/0x2"])),
        10 => {
            let (which, burst) = (*r.pick(&["upto", "above"]), r.within(1, 5));
            let mode = *r.pick(&["srcip", "dstip", "srcip,dstport", "srcip,dstip,srcport,dstport"]);
            // A name is one table, whatever the rule.
            let name = r.long();
            format!(
                "-m hashlimit --hashlimit-{which} 1/hour --hashlimit-burst {burst} \
                 --hashlimit-mode {mode} --hashlimit-name h{name:x}"
            )
        }
        11 => {
            let what = r.pick(&["set", "rcheck", "update", "remove"]);
            format!("-m recent {not}--{what} --name r{list}")
        }
        12 => {
            let (what, hits) = (*r.pick(&["rcheck", "update"]), r.within(1, 4));
            format!("-m recent {not}--{what} --hitcount {hits} --name r{list}")
        }
        13 => format!("-m quota {not}--quota {}", r.below(4000)),
        _ => {
            let every = r.within(1, 5);
            format!("-m statistic --mode nth {not}--every {every} --packet {}", r.below(every))
        }
    }
}

/// What a rule does, and the protocol it then must have.
struct Action {
    protocol: Option<&'static str>,
    text: String,
}

fn plain(text: impl Into<String>) -> Action {
    Action { protocol: None, text: text.into() }
}

fn action(r: &mut Random, place: &Place<'_>, flavour: Flavour) -> Action {
    if !place.onward.is_empty() && r.chance(35) {
        let to = *r.pick(place.onward);
        return plain(format!("-{} {to}", r.pick(&["j", "j", "j", "g"])));
    }
    if r.chance(30) {
        // Counts.
        return plain("");
    }
    match place.table {
        "mangle" if r.chance(70) => mangle(r, place, flavour),
        "filter" if !(flavour.stateful || flavour.nat) && r.chance(25) => reject(r, place),
        "raw" if flavour.stateful && r.chance(40) => plain("-j CT --notrack"),
        "nat" if place.base && r.chance(80) => nat(r, place),
        "nat" => plain(*r.pick(&["-j ACCEPT", "-j RETURN", "-j RETURN"])),
        _ => plain(*r.pick(&["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j RETURN", "-j RETURN"])),
    }
}

fn mangle(r: &mut Random, place: &Place<'_>, flavour: Flavour) -> Action {
    let v6 = place.v6();
    match r.below(10) {
        0..=2 => {
            let how =
                r.pick(&["--set-xmark 0x1/0xffffffff", "--set-xmark 0x2/0x2", "--set-mark 0x10"]);
            plain(format!("-j MARK {how}"))
        }
        3 => plain(format!(
            "-j MARK {}",
            r.pick(&["--or-mark 0x2", "--and-mark 0xf0", "--xor-mark 0x11"])
        )),
        4 => plain(format!(
            "-j TOS --set-tos {:#x}/{}",
            r.pick(&TOS),
            r.pick(&["0xff", "0x3f", "0xfc"])
        )),
        5 => plain(format!("-j DSCP --set-dscp {:#x}", r.pick(&TOS) >> 2)),
        6 if v6 => plain(format!("-j HL {}", r.pick(&["--hl-set 33", "--hl-inc 1", "--hl-dec 2"]))),
        6 => plain(format!("-j TTL {}", r.pick(&["--ttl-set 33", "--ttl-inc 1", "--ttl-dec 2"]))),
        7 => Action {
            protocol: Some("-p tcp -m tcp --tcp-flags SYN,RST SYN"),
            text: format!("-j TCPMSS --set-mss {}", r.pick(&[536, 1400, 9000])),
        },
        8 if !v6 => Action { protocol: Some("-p tcp"), text: "-j ECN --ecn-tcp-remove".to_owned() },
        9 if flavour.stateful => plain(format!(
            "-j CONNMARK {}",
            r.pick(&["--set-xmark 0x1/0xffffffff", "--save-mark", "--restore-mark"])
        )),
        _ => Action {
            protocol: Some("-p tcp"),
            text: "-j TCPOPTSTRIP --strip-options 3,8".to_owned(),
        },
    }
}

fn reject(r: &mut Random, place: &Place<'_>) -> Action {
    if r.chance(30) {
        let text = "-j REJECT --reject-with tcp-reset".to_owned();
        return Action { protocol: Some("-p tcp"), text };
    }
    let with: &[&str] = match place.v6() {
        false => &["icmp-port-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited"],
        true => &["icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-policy-fail"],
    };
    plain(format!("-j REJECT --reject-with {}", r.pick(with)))
}

fn nat(r: &mut Random, place: &Place<'_>) -> Action {
    let v6 = place.v6();
    let protocol = Some(*r.pick(&["-p tcp", "-p udp"]));
    match place.chain {
        "PREROUTING" | "OUTPUT" => match r.below(4) {
            0 => Action { protocol, text: format!("-j REDIRECT --to-ports {}", r.pick(&PORTS)) },
            1 => plain(format!(
                "-j NETMAP --to {}",
                if v6 { "2001:db8:2::/64" } else { "10.0.0.0/24" }
            )),
            _ => {
                let to = if v6 { "[2001:db8:2::2]:8080" } else { "10.0.0.2:8080" };
                Action { protocol, text: format!("-j DNAT --to-destination {to}") }
            }
        },
        _ => match r.below(3) {
            0 if place.chain == "POSTROUTING" => plain("-j MASQUERADE"),
            1 => {
                let to = if v6 { "2001:db8:1::1" } else { "203.0.113.10" };
                plain(format!("-j SNAT --to-source {to}"))
            }
            _ => {
                let to = if v6 { "[2001:db8:1::1]:2000-3000" } else { "203.0.113.10:2000-3000" };
                Action { protocol, text: format!("-j SNAT --to-source {to}") }
            }
        },
    }
}
