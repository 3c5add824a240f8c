//! What kind of address the routing table says it is (kernel
//! `net/netfilter/xt_addrtype.c:addrtype_mt_v1`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_packet::{AddressType, IfName, Known};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SOURCE: Opt<Neg<Types>> = Opt::neg("src-type", "the source address is of one of these");
const DESTINATION: Opt<Neg<Types>> =
    Opt::neg("dst-type", "the destination address is of one of these");
const LIMIT_IN: Opt<Flag> =
    Opt::new("limit-iface-in", "as seen on the interface the packet came in by")
        .excludes(&["limit-iface-out"]);
const LIMIT_OUT: Opt<Flag> =
    Opt::new("limit-iface-out", "as seen on the interface the packet leaves by");

/// The names of the types; the place is the bit's number (`XT_ADDRTYPE_*`, `RTN_*`).
const NAMES: [&str; 12] = [
    "UNSPEC",
    "UNICAST",
    "LOCAL",
    "BROADCAST",
    "ANYCAST",
    "MULTICAST",
    "BLACKHOLE",
    "UNREACHABLE",
    "PROHIBIT",
    "THROW",
    "NAT",
    "XRESOLVE",
];

/// `XT_ADDRTYPE_*` flags of revision 1.
mod flag {
    pub(super) const INVERT_SOURCE: u32 = 1;
    pub(super) const INVERT_DEST: u32 = 2;
    pub(super) const LIMIT_IFACE_IN: u32 = 4;
    pub(super) const LIMIT_IFACE_OUT: u32 = 8;
}

/// `-m addrtype`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AddrType {
    source: Option<Neg<Types>>,
    destination: Option<Neg<Types>>,
    limit: Option<Limit>,
}

/// The interface that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Limit {
    In,
    Out,
}

/// Types of addresses, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Types(u16);

impl Types {
    fn has(self, kind: AddressType) -> bool {
        self.0 & 1 << kind.number() != 0
    }

    /// `None` for no type at all.
    fn from_bits(bits: u16) -> Result<Option<Self>, DecodeError> {
        let known = bits >> NAMES.len() == 0;
        if known { Ok((bits != 0).then_some(Self(bits))) } else { Err(DecodeError::Unknown) }
    }
}

/// COMPAT: the beginning of a name will do, and of several names the first in the list is meant
/// (`U` and `UN` are UNSPEC, `B` is BROADCAST), as upstream reads them.
fn type_number(word: &[u8]) -> Option<usize> {
    let begins = |name: &&str| {
        name.as_bytes().get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word))
    };
    NAMES.iter().position(|name| !word.is_empty() && begins(name))
}

impl Value for Types {
    const SYNTAX: &'static str = "type[,type...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let (mut bits, mut rest) = (0, first);
        loop {
            let comma = rest.iter().position(|&c| c == b',');
            let (part, after) = rest.split_at(comma.unwrap_or(rest.len()));
            // Upstream quotes the last of a list otherwise than the others.
            let sentence = match comma {
                Some(_) => "addrtype: bad type `%'",
                None => "addrtype: bad type \"%\"",
            };
            bits |= 1 << type_number(part).ok_or((rest, ValueError::Own(sentence)))?;
            match after {
                [_, after @ ..] => rest = after,
                [] => return Ok(Self(bits)),
            }
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        let there = NAMES.iter().enumerate().filter(|(i, _)| self.0 & 1 << i != 0);
        for (n, (_, name)) in there.enumerate() {
            out.extend_from_slice(if n > 0 { b"," } else { b"" });
            out.extend_from_slice(name.as_bytes());
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let mut names: Vec<&str> = NAMES.iter().filter(|_| rng.one_in(4)).copied().collect();
        names.extend(rng.pick(&NAMES));
        names.join(",").to_ascii_lowercase().into_bytes()
    }
}

impl Extension for AddrType {
    const SPEC: Spec = Spec {
        options: &[SOURCE.def(), DESTINATION.def(), LIMIT_IN.def(), LIMIT_OUT.def()],
        revisions: &[Revision::new(1, 8), Revision::new(0, 16)],
        doc: "matches the kind of address, as the routing table knows it",
        cases: &[
            ("--src-type LOCAL", Some("--src-type LOCAL")),
            ("--dst-type nat,unspec", Some("--dst-type UNSPEC,NAT")),
            ("--src-type un ! --dst-type B --limit-iface-in", {
                Some("--src-type UNSPEC ! --dst-type BROADCAST --limit-iface-in")
            }),
            ("--src-type LOCAL,", None),
            ("--src-type q", None),
            ("--src-type LOCAL --limit-iface-in --limit-iface-out", None),
            ("--limit-iface-in", None),
            ("", None),
        ],
        ..Spec::named("addrtype")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let source = args.get_neg(&SOURCE, cx)?;
        let destination = args.get_neg(&DESTINATION, cx)?;
        if source.is_none() && destination.is_none() {
            let missing = "addrtype: you must specify --src-type or --dst-type";
            return Err(ArgError::own("addrtype", missing));
        }
        let limit_in = args.has(&LIMIT_IN).then_some(Limit::In);
        let limit = limit_in.or(args.has(&LIMIT_OUT).then_some(Limit::Out));
        Ok(Self { source, destination, limit })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&SOURCE, self.source.as_ref());
        w.neg_if(&DESTINATION, self.destination.as_ref());
        w.flag(&LIMIT_IN, self.limit == Some(Limit::In));
        w.flag(&LIMIT_OUT, self.limit == Some(Limit::Out));
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("ADDRTYPE match");
        for (word, types) in [("src-type ", self.source), ("dst-type ", self.destination)] {
            if let Some(Neg { not, value }) = types {
                w.word(word).raw(if not { "!" } else { "" }).value(&value);
            }
        }
        match self.limit {
            Some(Limit::In) => drop(w.word("limit-in")),
            Some(Limit::Out) => drop(w.word("limit-out")),
            None => (),
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let bits = |types: Option<Neg<Types>>| types.map_or(0, |t| t.value.0);
        let inverted = |types: Option<Neg<Types>>| types.is_some_and(|t| t.not);
        let (source, dest) = (bits(self.source), bits(self.destination));
        let (not_source, not_dest) = (inverted(self.source), inverted(self.destination));
        match (rev, self.limit) {
            (1, limit) => {
                let limit = match limit {
                    Some(Limit::In) => flag::LIMIT_IFACE_IN,
                    Some(Limit::Out) => flag::LIMIT_IFACE_OUT,
                    None => 0,
                };
                let not_source = if not_source { flag::INVERT_SOURCE } else { 0 };
                let not_dest = if not_dest { flag::INVERT_DEST } else { 0 };
                let flags = limit | not_source | not_dest;
                abi::push(out, XtAddrtypeInfoV1 { source, dest, flags });
            }
            // Revision 0 asks no interface.
            (_, Some(_)) => (),
            (_, None) => {
                let (invert_source, invert_dest) = (not_source.into(), not_dest.into());
                abi::push(out, XtAddrtypeInfo { source, dest, invert_source, invert_dest });
                out.extend_from_slice(&[0; 4]);
            }
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (source, dest, flags) = match rev {
            1 => {
                let raw: XtAddrtypeInfoV1 = abi::read(bytes)?;
                (raw.source, raw.dest, raw.flags)
            }
            _ => {
                let raw: XtAddrtypeInfo = abi::read(bytes)?;
                let bit = |invert, bit| if invert == 0 { 0 } else { bit };
                let source = bit(raw.invert_source, flag::INVERT_SOURCE);
                (raw.source, raw.dest, source | bit(raw.invert_dest, flag::INVERT_DEST))
            }
        };
        let types = |bits, inverted: u32| {
            let not = flags & inverted != 0;
            Types::from_bits(bits).map(|types| types.map(|value| Neg { not, value }))
        };
        let value = Self {
            source: types(source, flag::INVERT_SOURCE)?,
            destination: types(dest, flag::INVERT_DEST)?,
            limit: match flags & (flag::LIMIT_IFACE_IN | flag::LIMIT_IFACE_OUT) {
                0 => None,
                flag::LIMIT_IFACE_IN => Some(Limit::In),
                flag::LIMIT_IFACE_OUT => Some(Limit::Out),
                _ => return Err(DecodeError::Unknown),
            },
        };
        let nothing = value.source.is_none() && value.destination.is_none();
        if nothing { Err(DecodeError::Unknown) } else { Ok(value) }
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for AddrType {
    fn test(&self, packet: &Packet, cx: &Context) -> Truth {
        let interface = match self.limit {
            Some(Limit::In) => &cx.in_interface,
            Some(Limit::Out) => &cx.out_interface,
            None => &Known::Absent,
        };
        let interface = match interface {
            Known::Known(name) => Some(name),
            Known::Absent => None,
            Known::Unknown(why) => return Truth::Unknown(why),
        };
        let fits = |types: Option<Neg<Types>>, addr: IpAddr| match (types, addr) {
            (None, _) => Truth::Yes,
            (Some(Neg { not, value }), IpAddr::V4(addr)) => {
                fits_v4(value, addr, interface, cx).invert_if(not)
            }
            (Some(Neg { not, value }), IpAddr::V6(addr)) => {
                fits_v6(value, addr, interface, cx).invert_if(not)
            }
        };
        fits(self.source, packet.src()).and_then(|| fits(self.destination, packet.dst()))
    }
}

/// `match_type`; the first answers are those of `net/ipv4/fib_frontend.c:__inet_dev_addr_type`,
/// which asks no route for them.
fn fits_v4(types: Types, addr: Ipv4Addr, interface: Option<&IfName>, cx: &Context) -> Truth {
    if addr.is_unspecified() || addr.is_broadcast() {
        return types.has(AddressType::Broadcast).into();
    }
    if addr.is_multicast() {
        return types.has(AddressType::Multicast).into();
    }
    cx.host.address_type(addr.into(), interface).test(|&kind| types.has(kind))
}

/// `match_type6`: the types that the address itself tells must all be right.
fn fits_v6(types: Types, addr: Ipv6Addr, interface: Option<&IfName>, cx: &Context) -> Truth {
    let segments = addr.segments();
    // net/ipv6/addrconf_core.c:__ipv6_addr_type
    let mapped = matches!(segments, [0, 0, 0, 0, 0, 0xffff, ..]);
    let unicast = !addr.is_unspecified() && !addr.is_multicast() && !mapped;
    let wrong = types.has(AddressType::Multicast) && !addr.is_multicast()
        || types.has(AddressType::Unicast) && !unicast
        || types.has(AddressType::Unspec) && !addr.is_unspecified();
    if wrong {
        return Truth::No;
    }
    let routed = [AddressType::Local, AddressType::Anycast, AddressType::Unreachable];
    if !routed.iter().any(|&kind| types.has(kind)) {
        return Truth::Yes;
    }
    let kind = cx.host.address_type(addr.into(), interface);
    kind.test(|&kind| routed.contains(&kind) && types.has(kind))
}

abi! {
    /// `struct xt_addrtype_info_v1` (linux/netfilter/xt_addrtype.h).
    struct XtAddrtypeInfoV1[8] { source: u16 = 0, dest: u16 = 2, flags: u32 = 4 }
}

abi! {
    /// `struct xt_addrtype_info` (linux/netfilter/xt_addrtype.h).
    struct XtAddrtypeInfo[12] {
        source: u16 = 0,
        dest: u16 = 2,
        invert_source: u32 = 4,
        invert_dest: u32 = 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_address_itself_tells_needs_no_route() {
        let cx = Context::default();
        let v4 = |kind: AddressType, addr: &str| {
            fits_v4(Types(1 << kind.number()), addr.parse().unwrap(), None, &cx)
        };
        assert_eq!(v4(AddressType::Multicast, "224.0.0.1"), Truth::Yes);
        assert_eq!(v4(AddressType::Local, "255.255.255.255"), Truth::No);
        assert!(matches!(v4(AddressType::Local, "10.0.0.1"), Truth::Unknown(_)));
        let v6 = |kind: AddressType, addr: &str| {
            fits_v6(Types(1 << kind.number()), addr.parse().unwrap(), None, &cx)
        };
        assert_eq!(v6(AddressType::Unicast, "fd00::1"), Truth::Yes);
        assert_eq!(v6(AddressType::Unicast, "::ffff:1.2.3.4"), Truth::No);
        assert_eq!(v6(AddressType::Multicast, "ff02::1"), Truth::Yes);
        assert!(matches!(v6(AddressType::Local, "fd00::1"), Truth::Unknown(_)));
    }
}
