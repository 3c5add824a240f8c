//! Which extension headers an IPv6 packet has (kernel
//! `net/ipv6/netfilter/ip6t_ipv6header.c:ipv6header_mt6`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_base::{names, number};
use oxtables_packet::{Missing, exthdr};

const HEADER: Opt<Neg<Headers>> =
    Opt::neg("header", "the packet has these headers and no others").required();
const SOFT: Opt<Flag> = Opt::new("soft", "it may have others too");

/// A header: its bit (`MASK_*`, linux/netfilter_ipv6/ip6t_ipv6header.h), number and names. The
/// order is that of upstream's lists.
struct Header {
    bit: u8,
    number: u8,
    names: &'static [&'static str],
}

/// The number upstream gives "any upper-layer protocol".
const PROTO: u8 = 255;
const HEADERS: [Header; 8] = [
    Header { bit: 128, number: exthdr::HOP, names: &["hop-by-hop", "hop"] },
    Header { bit: 64, number: exthdr::DEST, names: &["dst"] },
    Header { bit: 32, number: exthdr::ROUTING, names: &["route"] },
    Header { bit: 16, number: exthdr::FRAGMENT, names: &["frag"] },
    Header { bit: 8, number: exthdr::AUTH, names: &["auth"] },
    Header { bit: 4, number: exthdr::ESP, names: &["esp"] },
    Header { bit: 2, number: exthdr::NONE, names: &["none"] },
    Header { bit: 1, number: PROTO, names: &["protocol", "prot"] },
];

impl Header {
    fn is_called(&self, word: &[u8]) -> bool {
        self.names.iter().any(|name| name.as_bytes() == word)
    }

    fn name(&self) -> &'static [u8] {
        let own = self.names.first().map(|name| name.as_bytes()).unwrap_or_default();
        match self.number {
            exthdr::HOP | PROTO => own,
            number => names::protocol_name_in_file(number).unwrap_or(own),
        }
    }
}

/// `-m ipv6header`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ipv6Header {
    headers: Neg<Headers>,
    soft: bool,
}

/// Headers, at least one. COMPAT: saved by the names of `/etc/protocols` where it has them, as
/// upstream saves them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Headers(u8);

impl Headers {
    fn named(self) -> impl Iterator<Item = &'static Header> {
        HEADERS.iter().filter(move |header| self.0 & header.bit != 0)
    }
}

fn header_bit(word: &[u8]) -> Option<u8> {
    let by_number = || {
        let number = number::parse(word).and_then(|n| u8::try_from(n).ok());
        let number = number.or_else(|| names::protocol_by_name(word))?;
        HEADERS.iter().find(|header| header.number == number)
    };
    let named = HEADERS.iter().find(|header| header.is_called(word));
    named.or_else(by_number).map(|header| header.bit)
}

impl Value for Headers {
    const SYNTAX: &'static str = "header[,header...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let mut bits = 0;
        // COMPAT: as upstream, nothing between two commas is no header.
        for part in first.split(|&c| c == b',').filter(|part| !part.is_empty()) {
            let unknown = ValueError::Own("unknown header `%' specified");
            bits |= header_bit(part).ok_or((part, unknown))?;
        }
        if bits == 0 {
            return Err((first, ValueError::Own("ip6t_ipv6header: cannot parse header names")));
        }
        Ok(Self(bits))
    }

    fn save(&self, out: &mut Vec<u8>) {
        for (i, header) in self.named().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(header.name());
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let mut words: Vec<String> = Vec::new();
        words.extend(HEADERS.iter().filter(|_| rng.one_in(3)).map(|h| h.number.to_string()));
        words.extend(rng.pick(&HEADERS).and_then(|h| h.names.last()).map(|&name| name.to_owned()));
        words.join(",").into_bytes()
    }
}

impl Extension for Ipv6Header {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[HEADER.def(), SOFT.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the kinds of extension headers an IPv6 packet has",
        cases: &[
            ("--header hop,prot", Some("--header hop-by-hop,protocol")),
            ("! --header 0 --soft", Some("! --header hop-by-hop --soft")),
            ("--header HOP", None),
            ("--header tcp", None),
            ("--header 7", None),
            ("--soft", None),
            ("", None),
        ],
        ..Spec::named("ipv6header")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self { headers: args.need_neg(&HEADER, cx)?, soft: args.has(&SOFT) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&HEADER, &self.headers);
        w.flag(&SOFT, self.soft);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("ipv6header flags:").raw(if self.headers.not { "!" } else { "" });
        if w.numeric {
            w.raw(&format!("0x{:02X}", self.headers.value.0));
        } else {
            w.value(&self.headers.value);
        }
        w.raw(if self.soft { " soft" } else { "" });
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let flag = |set| if set { 0xff } else { 0 };
        let (invflags, modeflag) = (flag(self.headers.not), flag(self.soft));
        let matchflags = self.headers.value.0;
        abi::push(out, Ip6tIpv6headerInfo { matchflags, invflags, modeflag });
        out.extend_from_slice(&[0; 5]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: Ip6tIpv6headerInfo = abi::read(bytes)?;
        if raw.matchflags == 0 {
            return Err(DecodeError::Unknown);
        }
        let headers = Neg { not: raw.invflags != 0, value: Headers(raw.matchflags) };
        Ok(Self { headers, soft: raw.modeflag != 0 })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

/// The bits of the headers there are; `None` where the kernel says at once that nothing matches.
fn headers_of(packet: &Packet) -> Result<Option<u8>, Missing> {
    let Some(ipv6) = packet.ipv6() else { return Ok(None) };
    let (mut next, mut at, mut bits) = (ipv6.next_header(), packet.header_len(), 0);
    while let Some(header) = HEADERS.iter().find(|h| h.number == next && next != PROTO) {
        if next != exthdr::NONE && packet.total_len() < at + 2 {
            return Ok(None);
        }
        bits |= header.bit;
        if matches!(next, exthdr::NONE | exthdr::ESP) {
            return Ok(Some(bits));
        }
        let [following, units] = packet.array_at(at)?;
        at += match next {
            exthdr::FRAGMENT => 8,
            exthdr::AUTH => (usize::from(units) + 2) * 4,
            _ => (usize::from(units) + 1) * 8,
        };
        next = following;
        if at > packet.total_len() {
            break;
        }
    }
    // A walk that ran off the packet's end counts what it was promised.
    let ends = matches!(next, exthdr::NONE | exthdr::ESP);
    Ok(Some(if ends { bits } else { bits | 1 }))
}

impl Match for Ipv6Header {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let bits = match headers_of(packet) {
            Ok(Some(bits)) => bits,
            Ok(None) => return Truth::No,
            Err(missing) => return missing.truth(),
        };
        let (wanted, not) = (self.headers.value.0, self.headers.not);
        if self.soft {
            // Inverted, none of the headers named may be there.
            let differing = if not { bits } else { !bits };
            return (differing & wanted == 0).into();
        }
        ((bits == wanted) != not).into()
    }
}

abi! {
    /// `struct ip6t_ipv6header_info` (linux/netfilter_ipv6/ip6t_ipv6header.h).
    struct Ip6tIpv6headerInfo[3] { matchflags: u8 = 0, invflags: u8 = 1, modeflag: u8 = 2 }
}
