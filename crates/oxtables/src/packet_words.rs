//! A packet in iptables' own words: `-i eth0 -s 203.0.113.9 -d 192.0.2.10 -p tcp --dport 22 --syn`.
//!
//! The words say what the packet *is*, so each option stands at most once, without `!`, ranges or masks. What they leave
//! out and a packet must have (a source port, flags) is assumed and told; addresses and the protocol are never assumed.

mod build;

pub(crate) use build::Described;

use crate::machine::Machine;
use oxtables_base::text::visible;
use oxtables_base::{Family, addr, names, number};
use oxtables_model::TableName;
use oxtables_packet::{CtState, IfName, PacketType, proto};
use oxtables_syntax::{Parsed, Request, Setting};
use std::net::IpAddr;

/// Why words describe no packet: safe to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NoPacket {
    /// The words to blame.
    pub(crate) words: String,
    /// Why.
    pub(crate) why: String,
}

impl std::fmt::Display for NoPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.words, self.why)
    }
}

/// A fault with the words to blame.
fn fault<T>(words: impl Into<String>, why: impl Into<String>) -> Result<T, NoPacket> {
    Err(NoPacket { words: words.into(), why: why.into() })
}

/// What words say of a packet so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct PacketWords {
    /// The options given, as typed first.
    given: Vec<&'static str>,
    pub(crate) family: Option<Family>,
    pub(crate) input: Option<IfName>,
    pub(crate) output: Option<IfName>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: Option<IpAddr>,
    pub(crate) protocol: Option<u8>,
    pub(crate) sport: Option<u16>,
    pub(crate) dport: Option<u16>,
    /// TCP flags.
    pub(crate) flags: Option<u8>,
    icmp: Option<(u8, u8)>,
    icmp_word: Option<Vec<u8>>,
    /// Port words are looked up when the protocol is known.
    service: [Option<Vec<u8>>; 2],
    pub(crate) state: Option<CtState>,
    mark: Option<u32>,
    fragment: bool,
    mac: Option<[u8; 6]>,
    uid: Option<u32>,
    gid: Option<u32>,
    ttl: Option<u8>,
    tos: Option<u8>,
    length: Option<u16>,
    packet_type: Option<PacketType>,
}

/// One option: its spellings, whether a value follows, and what it is in the packet.
const OPTIONS: &[(&[&str], bool)] = &[
    (&["-i", "--in-interface"], true),
    (&["-o", "--out-interface"], true),
    (&["-s", "--source", "--src"], true),
    (&["-d", "--destination", "--dst"], true),
    (&["-p", "--protocol"], true),
    (&["--sport", "--source-port"], true),
    (&["--dport", "--destination-port"], true),
    (&["--syn"], false),
    (&["--tcp-flags"], true),
    (&["--icmp-type", "--icmpv6-type"], true),
    (&["--ctstate", "--state"], true),
    (&["--mark"], true),
    (&["-f", "--fragment", "--fragments"], false),
    (&["--mac-source"], true),
    (&["--uid-owner"], true),
    (&["--gid-owner"], true),
    (&["--ttl", "--ttl-eq", "--hl-eq", "--hl"], true),
    (&["--tos"], true),
    (&["--length"], true),
    (&["--pkt-type"], true),
    (&["-m", "--match"], true),
    (&["-4", "--ipv4"], false),
    (&["-6", "--ipv6"], false),
];

/// The rest of a command line, word by word.
pub(crate) type Rest<'w, 'a> = std::iter::Peekable<std::slice::Iter<'w, &'a [u8]>>;

impl PacketWords {
    /// Takes `word` and what belongs to it of `rest`; `false` when it is no word about a packet.
    ///
    /// # Errors
    /// See [`NoPacket`].
    pub(crate) fn take(&mut self, word: &[u8], rest: &mut Rest<'_, '_>) -> Result<bool, NoPacket> {
        if word == b"!" {
            let next = rest.peek().map_or_else(String::new, |w| format!(" {}", visible(w)));
            return fault(
                format!("!{next}"),
                "a packet has one value; say which, not which it has not",
            );
        }
        let mut halves = word.splitn(2, |&c| c == b'=');
        let name = halves.next().unwrap_or_default();
        let glued = halves.next().filter(|_| name.starts_with(b"--"));
        let name = if glued.is_some() { name } else { word };
        let Some((spellings, has_value)) =
            OPTIONS.iter().find(|(names, _)| names.iter().any(|n| n.as_bytes() == name))
        else {
            return Ok(false);
        };
        let option = spellings.first().copied().unwrap_or_default();
        let shown = visible(name);
        let value = match (glued, has_value) {
            (Some(glued), true) => glued,
            (Some(_), false) => return fault(shown, "takes no value"),
            (None, false) => b"",
            (None, true) => match rest.next() {
                Some(value) => value,
                None => return fault(shown, "needs a value"),
            },
        };
        if option == "-m" {
            // `-m tcp` says nothing of a packet that `-p tcp` does not.
            return Ok(true);
        }
        if self.given.contains(&option) {
            return fault(shown, "is given twice, and a packet has one value");
        }
        self.given.push(option);
        let words = if *has_value { format!("{shown} {}", visible(value)) } else { shown };
        self.set(option, value, rest)
            .map_err(|why| NoPacket { words, why: why.to_owned() })
            .map(|()| true)
    }

    fn set(
        &mut self,
        option: &str,
        value: &[u8],
        rest: &mut Rest<'_, '_>,
    ) -> Result<(), &'static str> {
        match option {
            "-i" => self.input = Some(interface(value)?),
            "-o" => self.output = Some(interface(value)?),
            "-s" => self.source = Some(address(value)?),
            "-d" => self.destination = Some(address(value)?),
            "-p" => self.protocol = Some(protocol(value)?),
            "--sport" => self.service[0] = Some(value.to_vec()),
            "--dport" => self.service[1] = Some(value.to_vec()),
            "--syn" => self.set_flags(2)?,
            "--tcp-flags" => self.tcp_flags(value, rest)?,
            "--icmp-type" => self.icmp_word = Some(value.to_vec()),
            "--ctstate" => self.state = Some(state(value)?),
            "--mark" => self.mark = Some(number32(value, "is no mark (0 to 4294967295)")?),
            "-f" => self.fragment = true,
            "--mac-source" => self.mac = Some(mac(value).ok_or("is no MAC address")?),
            "--uid-owner" => {
                let uid = names::user_by_name(value);
                self.uid = Some(uid.or_else(|| id(value)).ok_or("is no user")?);
            }
            "--gid-owner" => {
                let gid = names::group_by_name(value);
                self.gid = Some(gid.or_else(|| id(value)).ok_or("is no group")?);
            }
            "--ttl" => self.ttl = Some(within(value, "is no TTL (0 to 255)")?),
            "--tos" => self.tos = Some(within(value, "is no TOS (0 to 255)")?),
            "--length" => self.length = Some(within(value, "is no length (0 to 65535)")?),
            "--pkt-type" => self.packet_type = Some(packet_type(value)?),
            "-4" => self.set_family(Family::Ip4)?,
            "-6" => self.set_family(Family::Ip6)?,
            _ => return Err("is not known"),
        }
        Ok(())
    }

    fn set_family(&mut self, family: Family) -> Result<(), &'static str> {
        match self.family.replace(family) {
            Some(other) if other != family => Err("-4 and -6 cannot both be"),
            _ => Ok(()),
        }
    }

    fn set_flags(&mut self, flags: u8) -> Result<(), &'static str> {
        match self.flags.replace(flags) {
            Some(_) => Err("--syn and --tcp-flags both say which flags it has"),
            None => Ok(()),
        }
    }

    /// `--tcp-flags SYN,ACK`, or as a rule has it `--tcp-flags MASK SET`: the packet has those of SET.
    fn tcp_flags(&mut self, value: &[u8], rest: &mut Rest<'_, '_>) -> Result<(), &'static str> {
        const WRONG: &str = "is no list of SYN, ACK, FIN, RST, URG, PSH, ALL or NONE";
        let set = rest.next_if(|w| !w.starts_with(b"-") && flag_list(w).is_some());
        let flags = flag_list(value).ok_or(WRONG)?;
        self.set_flags(match set {
            Some(set) => flag_list(set).ok_or(WRONG)? & flags,
            None => flags,
        })
    }

    /// The port or protocol a word means, when all words are there.
    fn port(&self, option: &str, word: &[u8]) -> Result<u16, NoPacket> {
        let shown = || format!("{option} {}", visible(word));
        let protocol = match self.protocol {
            Some(proto::TCP) => "tcp",
            Some(proto::UDP) => "udp",
            Some(proto::SCTP) => "sctp",
            Some(proto::DCCP) => "dccp",
            Some(other) => {
                let name =
                    names::protocol_name(other).map_or_else(|| other.to_string(), str::to_owned);
                return fault(format!("-p {name} {option}"), "this protocol has no ports");
            }
            None => {
                return fault(
                    shown(),
                    "only TCP, UDP, SCTP and DCCP have ports: say which with -p",
                );
            }
        };
        if word.contains(&b':') || word.contains(&b',') {
            return fault(shown(), "a packet has one port");
        }
        let port = number::parse(word).and_then(|n| u16::try_from(n).ok());
        match port.or_else(|| names::service_by_name(word, Some(protocol))) {
            Some(port) => Ok(port),
            None => fault(shown(), "is no port (0 to 65535) and no service by name"),
        }
    }

    /// Type and code of an ICMP message, as the match itself reads them.
    fn icmp_type(&self, family: Family, word: &[u8]) -> Result<(u8, u8), NoPacket> {
        let (protocol, option) = match family {
            Family::Ip4 => (&b"icmp"[..], &b"--icmp-type"[..]),
            Family::Ip6 => (&b"icmpv6"[..], &b"--icmpv6-type"[..]),
        };
        let shown = || format!("{} {}", visible(option), visible(word));
        let words: [&[u8]; 6] = [b"-A", b"INPUT", b"-p", protocol, option, word];
        let setting = Setting { family, host: &Machine, restore: Some(TableName::Filter) };
        let parsed = oxtables_syntax::parse(&words, setting);
        let Ok(Parsed::Run(invocation)) = parsed else {
            return fault(shown(), "is no ICMP type");
        };
        let Request::Edit(edits) = invocation.request else {
            return fault(shown(), "is no ICMP type");
        };
        let mut bytes = Vec::new();
        if let Some(m) = edits.first().and_then(|e| e.rule()).and_then(|r| r.matches.first()) {
            m.encode(0, family, &mut bytes);
        }
        // struct ipt_icmp, ip6t_icmp (linux/netfilter_ipv4/ip_tables.h): type, codes from and to.
        match *bytes.as_slice() {
            [255, ..] if family == Family::Ip4 => fault(shown(), "a packet has one type"),
            [kind, from, to, ..] if from == to || (from, to) == (0, 255) => Ok((kind, from)),
            _ => fault(shown(), "a packet has one type and code"),
        }
    }
}

fn interface(word: &[u8]) -> Result<IfName, &'static str> {
    if word.ends_with(b"+") {
        return Err("a packet has one interface, not any that begins so");
    }
    IfName::new(word).ok_or("is no interface name (1 to 15 bytes)")
}

fn address(word: &[u8]) -> Result<IpAddr, &'static str> {
    if word.contains(&b'/') || word.contains(&b',') {
        return Err("a packet has one address, without a mask");
    }
    let found = addr::parse(Family::Ip4, word).or_else(|| addr::parse(Family::Ip6, word));
    found.ok_or("is no IPv4 or IPv6 address")
}

fn protocol(word: &[u8]) -> Result<u8, &'static str> {
    let number = number::parse(word).and_then(|n| u8::try_from(n).ok());
    match number.or_else(|| names::protocol_by_name(&word.to_ascii_lowercase())) {
        Some(0) => Err("a packet has one protocol"),
        Some(n) => Ok(n),
        None => Err("is no protocol (a name, or 1 to 255)"),
    }
}

fn state(word: &[u8]) -> Result<CtState, &'static str> {
    match word {
        b"NEW" => Ok(CtState::New),
        b"ESTABLISHED" => Ok(CtState::Established),
        b"RELATED" => Ok(CtState::Related),
        b"INVALID" => Ok(CtState::Invalid),
        b"UNTRACKED" => Ok(CtState::Untracked),
        _ => Err("is not one of NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED"),
    }
}

fn packet_type(word: &[u8]) -> Result<PacketType, &'static str> {
    match word {
        b"unicast" | b"host" => Ok(PacketType::Host),
        b"broadcast" => Ok(PacketType::Broadcast),
        b"multicast" => Ok(PacketType::Multicast),
        _ => Err("is not one of unicast, broadcast, multicast"),
    }
}

fn number32(word: &[u8], why: &'static str) -> Result<u32, &'static str> {
    number::parse(word).and_then(|n| u32::try_from(n).ok()).ok_or(why)
}

fn within<T: TryFrom<u64>>(word: &[u8], why: &'static str) -> Result<T, &'static str> {
    number::parse(word).and_then(|n| T::try_from(n).ok()).ok_or(why)
}

fn id(word: &[u8]) -> Option<u32> {
    number::parse_decimal(word).and_then(|n| u32::try_from(n).ok())
}

fn mac(word: &[u8]) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = word.split(|&c| c == b':');
    for byte in &mut mac {
        let part = std::str::from_utf8(parts.next()?).ok()?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

fn flag_list(word: &[u8]) -> Option<u8> {
    word.split(|&c| c == b',').try_fold(0, |flags, name| {
        Some(
            flags
                | match name.to_ascii_uppercase().as_slice() {
                    b"FIN" => 1,
                    b"SYN" => 2,
                    b"RST" => 4,
                    b"PSH" => 8,
                    b"ACK" => 16,
                    b"URG" => 32,
                    b"ALL" => 63,
                    b"NONE" => 0,
                    _ => return None,
                },
        )
    })
}

#[cfg(test)]
mod tests;
