//! The type of a Mobile IPv6 message (kernel `net/ipv6/netfilter/ip6t_mh.c:mh_mt6`).

use crate::abi::{self, abi};
use crate::value::NumRange;
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use oxtables_packet::exthdr;

const TYPE: Opt<Neg<Types>> = Opt::neg("mh-type", "the message's type, or a range of types");

/// The names of the types in upstream's order, of which the first of a number is listed.
const NAMES: [(&str, u8); 16] = [
    ("binding-refresh-request", 0),
    ("brr", 0),
    ("home-test-init", 1),
    ("hoti", 1),
    ("careof-test-init", 2),
    ("coti", 2),
    ("home-test", 3),
    ("hot", 3),
    ("careof-test", 4),
    ("cot", 4),
    ("binding-update", 5),
    ("bu", 5),
    ("binding-acknowledgement", 6),
    ("ba", 6),
    ("binding-error", 7),
    ("be", 7),
];

/// `-m mh`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mh(Neg<Types>);

/// Types from one to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Types(NumRange<u8>);

const ALL: Neg<Types> = Neg::plain(Types(NumRange::<u8>::ALL));

/// COMPAT: the beginning of a name will do, and of several names the first is meant, as upstream
/// reads them (`home` is home-test-init).
fn one_type(word: &[u8]) -> Result<u8, (&[u8], ValueError)> {
    let exact = NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    let begins = |name: &str| {
        name.as_bytes().get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word))
    };
    let named = exact.or_else(|| NAMES.iter().find(|(name, _)| begins(name)));
    let number = || number::parse_within(word, 0, 255).and_then(|n| u8::try_from(n).ok());
    let found = named.filter(|_| !word.is_empty()).map(|&(_, n)| n).or_else(number);
    found.ok_or((word, ValueError::Own("Invalid MH type `%'")))
}

impl Value for Types {
    const SYNTAX: &'static str = "type[:type]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let mut ends = first.splitn(2, |&c| c == b':');
        let lo = ends.next().unwrap_or_default();
        let Some(hi) = ends.next() else {
            return one_type(lo).map(|n| Self(NumRange { lo: n, hi: n }));
        };
        let lo = if lo.is_empty() { 0 } else { one_type(lo)? };
        let hi = if hi.is_empty() { u8::MAX } else { one_type(hi)? };
        if lo > hi {
            return Err((first, ValueError::Own("Invalid MH type range (min > max)")));
        }
        Ok(Self(NumRange { lo, hi }))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        match rng.pick(&NAMES) {
            Some((name, _)) if rng.one_in(2) => name.as_bytes().to_vec(),
            _ => NumRange::<u8>::sample(rng, cx),
        }
    }
}

impl Extension for Mh {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        implied_by: &[135],
        options: &[TYPE.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the type of a Mobile IPv6 message",
        cases: &[
            ("-p mh", Some("")),
            ("-p mh --mh-type brr:cot", Some("--mh-type 0:4")),
            ("-p mh ! --mh-type binding-ack", Some("! --mh-type 6")),
            ("-p mh --mh-type brr:", Some("")),
            ("-p mh ! --mh-type 0:255", Some("! --mh-type 0:255")),
            ("-p mh --mh-type 256", None),
            ("-p mh --mh-type 5:4", None),
            ("-p mh --mh-type x", None),
        ],
        ..Spec::named("mh")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self(args.get_neg(&TYPE, cx)?.unwrap_or(ALL)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&TYPE, Some(&self.0).filter(|types| **types != ALL));
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("mh");
        if self.0 == ALL {
            return;
        }
        w.raw(if self.0.not { " !" } else { " " });
        let NumRange { lo, hi } = self.0.value.0;
        push_type(w, lo);
        if lo != hi {
            w.raw(":");
            push_type(w, hi);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Types(NumRange { lo, hi }) = self.0.value;
        abi::push(out, Ip6tMh { types: [lo, hi], invflags: self.0.not.into() });
        out.extend_from_slice(&[0; 5]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let Ip6tMh { types: [lo, hi], invflags } = abi::read(bytes)?;
        if lo > hi {
            return Err(DecodeError::Unknown);
        }
        Ok(Self(Neg { not: invflags != 0, value: Types(NumRange { lo, hi }) }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

fn push_type(w: &mut ListWriter<'_>, number: u8) {
    match NAMES.iter().find(|&&(_, n)| n == number) {
        Some((name, _)) if !w.numeric => drop(w.raw(name)),
        _ => drop(w.number(number)),
    }
}

impl Match for Mh {
    /// `mh_mt6`: a message that something follows is dropped on the spot (RFC 6275 6.1.1).
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match packet.mobility() {
            Ok(message) if message.payload_proto != exthdr::NONE => Truth::HotDrop,
            Ok(message) => (self.0.value.0.contains(message.kind) != self.0.not).into(),
            Err(missing) => missing.truth(),
        }
    }
}

abi! {
    /// `struct ip6t_mh` (linux/netfilter_ipv6/ip6t_mh.h).
    struct Ip6tMh[3] { types: [u8; 2] = 0, invflags: u8 = 2 }
}
