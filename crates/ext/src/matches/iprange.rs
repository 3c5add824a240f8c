//! Ranges of addresses that need not be networks (kernel `net/netfilter/xt_iprange.c:iprange_mt4`,
//! `iprange_mt6`).

use crate::abi::{self, InetAddr, abi};
use crate::*;
use oxtables_base::addr;
use oxtables_base::sample::Rng;
use std::net::IpAddr;

const SOURCE: Opt<Neg<AddrRange>> = Opt::neg("src-range", "the source address is one of these");
const DESTINATION: Opt<Neg<AddrRange>> =
    Opt::neg("dst-range", "the destination address is one of these");

/// `IPRANGE_*` (linux/netfilter/xt_iprange.h).
mod flag {
    pub(super) const SRC: u8 = 1;
    pub(super) const DST: u8 = 2;
    pub(super) const SRC_INV: u8 = 0x10;
    pub(super) const DST_INV: u8 = 0x20;
}

/// `-m iprange`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IpRange {
    source: Option<Box<Neg<AddrRange>>>,
    destination: Option<Box<Neg<AddrRange>>>,
}

/// The addresses of `lo..=hi`. One that ends before it begins has none: it is kept as typed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AddrRange {
    lo: IpAddr,
    hi: IpAddr,
}

impl Value for AddrRange {
    const SYNTAX: &'static str = "address[-address]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let bad = if cx.option.name == SOURCE.def().name {
            "iprange: Bad value for \"--src-range\" option: \"%\""
        } else {
            "iprange: Bad value for \"--dst-range\" option: \"%\""
        };
        let end = |w: &'w [u8]| addr::parse(cx.rule.family, w).ok_or((w, ValueError::Own(bad)));
        let mut ends = first.splitn(2, |&c| c == b'-');
        let lo = end(ends.next().unwrap_or_default())?;
        let range = Self { lo, hi: ends.next().map_or(Ok(lo), end)? };
        if range.lo > range.hi {
            let Self { lo, hi } = range;
            cx.rule
                .host
                .warn(&format!("xt_iprange: range {lo}-{hi} is reversed and will never match"));
        }
        Ok(range)
    }

    fn save(&self, out: &mut Vec<u8>) {
        addr::push_addr(out, self.lo);
        out.push(b'-');
        addr::push_addr(out, self.hi);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let (lo, hi) = (IpAddr::sample(rng, cx), IpAddr::sample(rng, cx));
        if rng.one_in(3) { lo } else { [lo, hi].join(&b'-') }
    }
}

impl Extension for IpRange {
    const SPEC: Spec = Spec {
        options: &[SOURCE.def(), DESTINATION.def()],
        revisions: &[Revision::new(1, 72)],
        doc: "matches addresses from one to another",
        cases: &[
            ("", None),
            ("--src-range x", None),
            ("--src-range 1.1.1.1-", None),
            ("--src-range 1.1.1.1-1.1.1.2-1.1.1.3", None),
            ("--src-range 1.1.1.1/24", None),
        ],
        ..Spec::named("iprange")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let source = args.get_neg(&SOURCE, cx)?.map(Box::new);
        let destination = args.get_neg(&DESTINATION, cx)?.map(Box::new);
        if source.is_none() && destination.is_none() {
            let missing = "iprange match: You must specify `--src-range' or `--dst-range'";
            return Err(ArgError::own("iprange", missing));
        }
        Ok(Self { source, destination })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&SOURCE, self.source.as_deref());
        w.neg_if(&DESTINATION, self.destination.as_deref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        for (word, range) in [("source", &self.source), ("destination", &self.destination)] {
            if let Some(range) = range {
                w.word(word).raw(" IP range").raw(if range.not { " ! " } else { " " });
                w.value(&range.value);
            }
        }
    }

    fn encode(&self, _rev: u8, family: Family, out: &mut Vec<u8>) {
        let ends = |range: &Option<Box<Neg<AddrRange>>>| match range {
            Some(range) => [range.value.lo, range.value.hi].map(InetAddr::new),
            None => [InetAddr::new(addr::unspecified(family)); 2],
        };
        let bits = |range: &Option<Box<Neg<AddrRange>>>, there, inverted| {
            range.as_ref().map_or(0, |r| if r.not { there | inverted } else { there })
        };
        let flags = bits(&self.source, flag::SRC, flag::SRC_INV)
            | bits(&self.destination, flag::DST, flag::DST_INV);
        abi::push(
            out,
            XtIprangeMtinfo { src: ends(&self.source), dst: ends(&self.destination), flags },
        );
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtIprangeMtinfo = abi::read(bytes)?;
        let read = |ends: [InetAddr; 2], there: u8, inverted: u8| {
            if raw.flags & there == 0 {
                return Ok(None);
            }
            let [lo, hi] = ends.map(|end| end.get_addr(cx.family));
            let (Some(lo), Some(hi)) = (lo, hi) else { return Err(DecodeError::Unknown) };
            Ok(Some(Box::new(Neg { not: raw.flags & inverted != 0, value: AddrRange { lo, hi } })))
        };
        let source = read(raw.src, flag::SRC, flag::SRC_INV)?;
        let destination = read(raw.dst, flag::DST, flag::DST_INV)?;
        let nothing = source.is_none() && destination.is_none();
        if nothing { Err(DecodeError::Unknown) } else { Ok(Self { source, destination }) }
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Match for IpRange {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let fits = |range: &Option<Box<Neg<AddrRange>>>, addr: IpAddr| {
            range.as_ref().is_none_or(|r| (r.value.lo..=r.value.hi).contains(&addr) != r.not)
        };
        (fits(&self.source, packet.src()) && fits(&self.destination, packet.dst())).into()
    }
}

abi! {
    /// `struct xt_iprange_mtinfo` (linux/netfilter/xt_iprange.h).
    struct XtIprangeMtinfo[68] { src: [InetAddr; 2] = 0, dst: [InetAddr; 2] = 32, flags: u8 = 64 }
}
