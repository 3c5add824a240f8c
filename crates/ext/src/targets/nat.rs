//! What the NAT targets share: addresses and ports to translate to, as options, in listings, and as
//! the three structs the kernel has had for them (`net/netfilter/xt_nat.c`).

use crate::abi::{self, Be16, InetAddr, abi};
use crate::value::Flag;
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_base::{addr, names, number};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `NF_NAT_RANGE_*` (linux/netfilter/nf_nat.h).
mod bit {
    pub(super) const MAP_IPS: u32 = 1;
    pub(super) const PROTO_SPECIFIED: u32 = 1 << 1;
    pub(super) const PROTO_RANDOM: u32 = 1 << 2;
    pub(super) const PERSISTENT: u32 = 1 << 3;
    pub(super) const PROTO_RANDOM_FULLY: u32 = 1 << 4;
    pub(super) const PROTO_OFFSET: u32 = 1 << 5;
}

pub(super) const RANDOM: Opt<Flag> = Opt::new("random", "choose ports at random");
pub(super) const RANDOM_FULLY: Opt<Flag> = Opt::new("random-fully", "choose ports fully at random");
pub(super) const PERSISTENT: Opt<Flag> =
    Opt::new("persistent", "give a client the same address each time");

/// The flags in the order saved, with their bits.
const FLAGS: [(&Opt<Flag>, u32); 3] = [
    (&RANDOM, bit::PROTO_RANDOM),
    (&RANDOM_FULLY, bit::PROTO_RANDOM_FULLY),
    (&PERSISTENT, bit::PERSISTENT),
];

/// Protocols whose rules may name ports. COMPAT: upstream's list: it has ICMP (whose ids the kernel
/// treats as ports) but neither UDP-Lite nor ICMPv6, and does not ask whether `!` stood before `-p`.
const WITH_PORTS: [u8; 5] = [6, 17, 132, 33, 1];

/// A word to blame and what is wrong with it.
type Blame<'w> = (&'w [u8], ValueError);

/// Addresses from the first to the last; the last may be below the first, as upstream lets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Addresses {
    /// The first.
    pub lo: IpAddr,
    /// The last.
    pub hi: IpAddr,
}

/// Ports of `lo..=hi` (ids for ICMP).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ports {
    /// The lowest.
    pub lo: u16,
    /// The highest.
    pub hi: u16,
    /// The original port that is mapped to the lowest; those above it follow in step.
    pub base: Option<u16>,
}

/// What a packet is translated to; at least one part is there when it is typed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct To {
    /// The addresses; `None` leaves the address as it is, or to the target.
    pub addresses: Option<Addresses>,
    /// The ports; `None` leaves them to the kernel.
    pub ports: Option<Ports>,
}

/// `struct nf_nat_range2`, in all its ages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Range {
    /// What the packet is translated to.
    pub to: To,
    /// `NF_NAT_RANGE_PROTO_RANDOM`, `NF_NAT_RANGE_PERSISTENT` and `NF_NAT_RANGE_PROTO_RANDOM_FULLY`.
    pub flags: u32,
}

/// The structs a range has been sent in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    /// `struct nf_nat_ipv4_multi_range_compat`, 24 bytes as sent, IPv4 only.
    Multi,
    /// `struct nf_nat_range`, 40 bytes.
    Range,
    /// `struct nf_nat_range2`, 48 bytes.
    Range2,
}

impl Layout {
    /// The layout of revision 0 of the targets that never had another.
    pub(super) const fn first(family: Family) -> Self {
        match family {
            Family::Ip4 => Self::Multi,
            Family::Ip6 => Self::Range,
        }
    }

    /// The layout of revision `rev` of `SNAT` and `DNAT`.
    pub(super) const fn of(rev: u8) -> Self {
        match rev {
            0 => Self::Multi,
            1 => Self::Range,
            _ => Self::Range2,
        }
    }
}

impl Range {
    /// The range typed as `to` and with the flags in `args`.
    pub(super) fn new(to: To, args: &Args<'_>) -> Self {
        Self { to, flags: args.bits(FLAGS) }
    }

    /// Writes the flags given.
    pub(super) fn save_flags(&self, w: &mut ArgWriter<'_>) {
        for (opt, bit) in FLAGS {
            w.flag(opt, self.flags & bit != 0);
        }
    }

    /// Writes the flags' words.
    pub(super) fn list_flags(&self, w: &mut ListWriter<'_>) {
        for (opt, _) in FLAGS.iter().filter(|&&(_, bit)| self.flags & bit != 0) {
            w.word(opt.def().name);
        }
    }

    /// Appends the struct; nothing when it cannot hold the range.
    pub(super) fn encode(&self, layout: Layout, family: Family, out: &mut Vec<u8>) {
        let To { addresses, ports } = self.to;
        let mut flags = self.flags;
        if addresses.is_some() {
            flags |= bit::MAP_IPS;
        }
        if ports.is_some() {
            flags |= bit::PROTO_SPECIFIED;
        }
        let base = ports.and_then(|p| p.base);
        if base.is_some() {
            flags |= bit::PROTO_OFFSET;
        }
        let (lo, hi) = addresses.map_or_else(
            || (addr::unspecified(family), addr::unspecified(family)),
            |a| (a.lo, a.hi),
        );
        let (min_proto, max_proto) = ports.map_or((0, 0), |p| (p.lo, p.hi));
        let (min_proto, max_proto) = (Be16::new(min_proto), Be16::new(max_proto));
        let (min_addr, max_addr) = (InetAddr::new(lo), InetAddr::new(hi));
        match (layout, base) {
            (Layout::Multi, None) => {
                let (IpAddr::V4(lo), IpAddr::V4(hi)) = (lo, hi) else { return };
                let (min_ip, max_ip) = (lo.octets(), hi.octets());
                let (min, max) = (min_proto, max_proto);
                let raw = MultiRangeCompat { rangesize: 1, flags, min_ip, max_ip, min, max };
                abi::push(out, raw);
            }
            (Layout::Range, None) => {
                abi::push(out, NatRange { flags, min_addr, max_addr, min_proto, max_proto });
                return;
            }
            (Layout::Range2, _) => {
                let base_proto = Be16::new(base.unwrap_or(0));
                let range = NatRange { flags, min_addr, max_addr, min_proto, max_proto };
                abi::push(out, NatRange2 { range, base_proto });
            }
            _ => return,
        }
        out.extend_from_slice(&[0; 4]);
    }

    /// Reads the struct; flags other than `options` and those for addresses and ports are unknown.
    pub(super) fn decode(
        layout: Layout,
        cx: &DecodeCx<'_>,
        options: &[&Opt<Flag>],
        bytes: &[u8],
    ) -> Result<Self, DecodeError> {
        let range = match layout {
            Layout::Multi => {
                let raw: MultiRangeCompat = abi::read(bytes)?;
                if cx.family != Family::Ip4 {
                    return Err(DecodeError::Unknown);
                }
                let v4 = |octets| InetAddr::new(IpAddr::V4(Ipv4Addr::from(octets)));
                NatRange {
                    flags: raw.flags,
                    min_addr: v4(raw.min_ip),
                    max_addr: v4(raw.max_ip),
                    min_proto: raw.min,
                    max_proto: raw.max,
                }
            }
            Layout::Range => abi::read(bytes)?,
            Layout::Range2 => abi::read::<NatRange2>(bytes)?.range,
        };
        let has = |bit| range.flags & bit != 0;
        let base = match layout {
            Layout::Range2 if has(bit::PROTO_OFFSET) => {
                let base = abi::read::<NatRange2>(bytes)?.base_proto.value();
                // A base port 0 cannot be written down.
                Some(base).filter(|&base| base > 0)
            }
            _ => None,
        };
        let address = |a: InetAddr| a.get_addr(cx.family).ok_or(DecodeError::Unknown);
        let addresses = match has(bit::MAP_IPS) {
            true => Some(Addresses { lo: address(range.min_addr)?, hi: address(range.max_addr)? }),
            false => None,
        };
        let (lo, hi) = (range.min_proto.value(), range.max_proto.value());
        if lo > hi {
            return Err(DecodeError::Unknown);
        }
        let ports = has(bit::PROTO_SPECIFIED).then_some(Ports { lo, hi, base });
        let named = |opt: &Opt<Flag>| options.iter().any(|o| o.def().name == opt.def().name);
        let allowed =
            signs::all(FLAGS.into_iter().filter(|(opt, _)| named(opt)).map(|(_, bit)| bit));
        // A flag outside `allowed` is lost here, and found missing when the bytes are compared.
        Ok(Self { to: To { addresses, ports }, flags: range.flags & allowed })
    }
}

/// Ports are refused unless the rule's protocol has some.
fn need_ports_protocol(cx: &ValueCx<'_>) -> Result<(), ValueError> {
    match cx.rule.proto.is_some_and(|p| WITH_PORTS.contains(&p.value)) {
        true => Ok(()),
        false => Err(ValueError::Own("Need TCP, UDP, SCTP or DCCP with port specification")),
    }
}

fn read_ports(word: &[u8]) -> Result<Ports, Blame<'_>> {
    let invalid = |word| (word, ValueError::Own("Port `%' not valid"));
    let single = |port| Ports { lo: port, hi: port, base: None };
    let Some((lo, rest)) = number::prefix(word) else {
        // What does not begin with a number is the name of one service, whatever its protocol.
        return names::service_by_name(word, None).map(single).ok_or(invalid(word));
    };
    let lo = u16::try_from(lo).map_err(|_| invalid(word))?;
    let last = match rest {
        [] => return Ok(single(lo)),
        [b':', ..] => return Err((rest, ValueError::Own("Invalid port:port syntax - use dash"))),
        [b'-', last @ ..] => last,
        _ => return Err((rest, ValueError::Own("Garbage after port value: `%'"))),
    };
    let (hi, rest) = number::prefix(last).ok_or(invalid(last))?;
    let hi = u16::try_from(hi).map_err(|_| invalid(last))?;
    if lo > hi {
        return Err((last, ValueError::Own("Port range `%' funky")));
    }
    let base = match rest {
        [] => None,
        [b'/', base @ ..] => Some(read_base(base).ok_or(invalid(base))?),
        _ => return Err((rest, ValueError::Own("Garbage after port range: `%'"))),
    };
    Ok(Ports { lo, hi, base })
}

/// COMPAT: upstream drops what follows the number of a base port; it is refused here.
fn read_base(word: &[u8]) -> Option<u16> {
    match number::prefix(word) {
        Some((n, [])) => u16::try_from(n).ok().filter(|&n| n > 0),
        Some(_) => None,
        None => names::service_by_name(word, None),
    }
}

fn read_addresses(family: Family, word: &[u8]) -> Result<Addresses, Blame<'_>> {
    let one = |part| {
        let text = std::str::from_utf8(part).unwrap_or_default();
        let address = match family {
            Family::Ip4 => text.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
            Family::Ip6 => text.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        };
        address.ok_or((part, ValueError::Own("Bad IP address \"%\"")))
    };
    match word.iter().position(|&c| c == b'-') {
        Some(dash) => {
            let (lo, hi) = word.split_at(dash);
            Ok(Addresses { lo: one(lo)?, hi: one(hi.get(1..).unwrap_or_default())? })
        }
        None => one(word).map(|a| Addresses { lo: a, hi: a }),
    }
}

/// The addresses and the ports of `word`.
///
/// COMPAT: upstream overlooks what stands between `]` and a port (`[::1]80`); it is refused here.
fn split_ports(family: Family, word: &[u8]) -> Result<(&[u8], Option<&[u8]>), Blame<'_>> {
    let malformed = (word, ValueError::Own("Invalid address format"));
    if let [b'[', inner @ ..] = word {
        let end = inner.iter().position(|&c| c == b']');
        let Some(end) = end.filter(|_| family == Family::Ip6) else { return Err(malformed) };
        let (addresses, rest) = inner.split_at(end);
        return match rest {
            [_] => Ok((addresses, None)),
            [_, b':', ports @ ..] => Ok((addresses, Some(ports))),
            _ => Err(malformed),
        };
    }
    let mut colons = word.iter().enumerate().filter(|&(_, &c)| c == b':').map(|(at, _)| at);
    Ok(match (colons.next(), colons.next()) {
        (Some(at), None) => {
            let (addresses, ports) = word.split_at(at);
            (addresses, ports.get(1..))
        }
        _ => (word, None),
    })
}

impl Value for To {
    const SYNTAX: &'static str = "[address[-address]][:port[-port]]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(word: &'w [u8], _: &'w [u8], cx: &ValueCx<'_>) -> Result<Self, Blame<'w>> {
        let family = cx.rule.family;
        let (addresses, ports) = split_ports(family, word)?;
        let ports = match ports {
            Some(ports) => {
                need_ports_protocol(cx).map_err(|e| (ports, e))?;
                Some(read_ports(ports)?)
            }
            None => None,
        };
        let addresses = match addresses {
            [] if ports.is_some() => None,
            _ => Some(read_addresses(family, addresses)?),
        };
        Ok(Self { addresses, ports })
    }

    fn save(&self, out: &mut Vec<u8>) {
        if let Some(Addresses { lo, hi }) = self.addresses {
            let bracket = self.ports.is_some() && matches!(lo, IpAddr::V6(_));
            out.extend_from_slice(if bracket { b"[" } else { b"" });
            addr::push_addr(out, lo);
            if lo != hi {
                out.push(b'-');
                addr::push_addr(out, hi);
            }
            out.extend_from_slice(if bracket { b"]" } else { b"" });
        }
        if let Some(ports) = self.ports {
            out.push(b':');
            ports.save(out);
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let mut out = IpAddr::sample(rng, cx);
        if rng.one_in(2) {
            out.push(b'-');
            out.extend(IpAddr::sample(rng, cx));
        }
        if rng.one_in(2) {
            return out;
        }
        if cx.rule.family == Family::Ip6 {
            out.insert(0, b'[');
            out.push(b']');
        }
        if rng.one_in(4) {
            out.clear();
        }
        out.push(b':');
        out.extend(Ports::sample(rng, cx));
        out
    }
}

impl Value for Ports {
    const SYNTAX: &'static str = "port[-port]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    /// COMPAT: upstream takes a base port where the kernel's struct has no place for one (SNAT,
    /// MASQUERADE) and then shows 0 for it; here it is refused there, as upstream does in REDIRECT.
    fn parse_words<'w>(word: &'w [u8], _: &'w [u8], cx: &ValueCx<'_>) -> Result<Self, Blame<'w>> {
        need_ports_protocol(cx).map_err(|e| (word, e))?;
        let ports = read_ports(word)?;
        no_base(Some(ports)).map_err(|e| (word, e))?;
        Ok(ports)
    }

    /// COMPAT: upstream writes a range of one port with a base as `80/85`, which it does not read;
    /// here it is `80-80/85`.
    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, u64::from(self.lo));
        if self.lo != self.hi || self.base.is_some() {
            out.push(b'-');
            number::push_decimal(out, u64::from(self.hi));
        }
        if let Some(base) = self.base {
            out.push(b'/');
            number::push_decimal(out, u64::from(base));
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let lo = rng.within(0, 65535);
        let hi = rng.within(lo, 65535);
        if rng.one_in(2) { format!("{lo}-{hi}") } else { lo.to_string() }.into_bytes()
    }
}

/// Refuses a base port.
pub(super) fn no_base(ports: Option<Ports>) -> Result<(), ValueError> {
    match ports {
        Some(Ports { base: Some(_), .. }) => {
            Err(ValueError::Own("Shifted portmap ranges not supported with this kernel"))
        }
        _ => Ok(()),
    }
}

abi! {
    /// `struct nf_nat_ipv4_multi_range_compat` (linux/netfilter/nf_nat.h) of one range.
    struct MultiRangeCompat[20] {
        rangesize: u32 = 0,
        flags: u32 = 4,
        min_ip: [u8; 4] = 8,
        max_ip: [u8; 4] = 12,
        min: Be16 = 16,
        max: Be16 = 18,
    }
}

abi! {
    /// `struct nf_nat_range` (linux/netfilter/nf_nat.h).
    struct NatRange[40] {
        flags: u32 = 0,
        min_addr: InetAddr = 4,
        max_addr: InetAddr = 20,
        min_proto: Be16 = 36,
        max_proto: Be16 = 38,
    }
}

abi! {
    /// `struct nf_nat_range2` (linux/netfilter/nf_nat.h).
    struct NatRange2[44] {
        range: NatRange = 0,
        base_proto: Be16 = 40,
    }
}
