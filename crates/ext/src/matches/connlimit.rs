//! How many connections a host has at once (kernel `net/netfilter/xt_connlimit.c:connlimit_mt`).

use crate::abi::{self, InetAddr, abi};
use crate::value::{Flag, UnionMask};
use crate::*;
use oxtables_base::sample::Rng;

const UPTO: Opt<Neg<u32>> = Opt::neg("connlimit-upto", "so many connections or fewer")
    .within(0, u32::MAX as u64)
    .excludes(&["connlimit-above"]);
const ABOVE: Opt<Neg<u32>> =
    Opt::neg("connlimit-above", "more connections").within(0, u32::MAX as u64);
const MASK: Opt<Mask> = Opt::new("connlimit-mask", "hosts alike so far are one");
const SADDR: Opt<Flag> = Opt::new("connlimit-saddr", "count for the source (so unless told)")
    .excludes(&["connlimit-daddr"]);
const DADDR: Opt<Flag> = Opt::new("connlimit-daddr", "count for the destination");

/// `XT_CONNLIMIT_*`.
const INVERT: u32 = 1;
const BY_DESTINATION: u32 = 2;

/// `-m connlimit`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Connlimit {
    above: bool,
    limit: u32,
    mask: Mask,
    by_destination: bool,
}

/// A contiguous mask, written as its length.
///
/// COMPAT: in IPv4 a length above 32 is refused, where upstream takes it for 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Mask(UnionMask);

impl Mask {
    fn contiguous(mask: UnionMask) -> Option<Self> {
        mask.prefix_len().map(|_| Self(mask))
    }

    fn len(self) -> u8 {
        self.0.prefix_len().unwrap_or(0)
    }
}

impl Value for Mask {
    const SYNTAX: &'static str = "prefix length";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let family = cx.rule.family;
        Self::contiguous(UnionMask::read(word, family)?).ok_or(ValueError::Mask(family.bits()))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, cx.rule.family.bits().into()).to_string().into_bytes()
    }
}

impl Extension for Connlimit {
    const SPEC: Spec = Spec {
        options: &[UPTO.def(), ABOVE.def(), MASK.def(), SADDR.def(), DADDR.def()],
        revisions: &[Revision::new(1, 32).private_from(24), Revision::new(0, 32).private_from(24)],
        doc: "matches by the number of connections that a host or network has",
        cases: &[
            (
                "--connlimit-above 5 --connlimit-mask 24",
                Some("--connlimit-above 5 --connlimit-mask 24 --connlimit-saddr"),
            ),
            (
                "! --connlimit-above 5 --connlimit-daddr --connlimit-mask 0",
                Some("--connlimit-upto 5 --connlimit-mask 0 --connlimit-daddr"),
            ),
            ("--connlimit-mask 24", None),
            ("--connlimit-above 5 --connlimit-upto 5", None),
            ("--connlimit-above 5 --connlimit-saddr --connlimit-daddr", None),
            ("--connlimit-above 5 --connlimit-mask 129", None),
            ("--connlimit-above 4294967296", None),
            ("", None),
        ],
        ..Spec::named("connlimit")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let upto = args.get_neg(&UPTO, cx)?.map(|n| (n.not, n.value));
        let above = args.get_neg(&ABOVE, cx)?.map(|n| (!n.not, n.value));
        let none = "You must specify \"--connlimit-above\" or \"--connlimit-upto\".";
        let (above, limit) = upto.or(above).ok_or(ArgError::own("connlimit", none))?;
        let mask = args.get(&MASK, cx)?.unwrap_or(Mask(UnionMask::host(cx.family)));
        Ok(Self { above, limit, mask, by_destination: args.has(&DADDR) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.name(false, if self.above { ABOVE.def().name } else { UPTO.def().name });
        w.value(&self.limit);
        w.opt(&MASK, &self.mask);
        w.flag(if self.by_destination { &DADDR } else { &SADDR }, true);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let side = if self.by_destination { "#conn dst/" } else { "#conn src/" };
        let comparison = if self.above { " > " } else { " <= " };
        w.word(side).value(&self.mask).raw(comparison).number(self.limit);
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        if rev == 0 && self.by_destination {
            return;
        }
        let invert = if self.above { 0 } else { INVERT };
        let side = if self.by_destination { BY_DESTINATION } else { 0 };
        let mask = self.mask.0.to_union();
        abi::push(out, XtConnlimitInfo { mask, limit: self.limit, flags: invert | side, data: 0 });
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtConnlimitInfo = abi::read(bytes)?;
        let mask = UnionMask::from_union(raw.mask, cx.family).and_then(Mask::contiguous);
        Ok(Self {
            above: raw.flags & INVERT == 0,
            limit: raw.limit,
            mask: mask.ok_or(DecodeError::Unknown)?,
            by_destination: raw.flags & BY_DESTINATION != 0,
        })
    }
}

impl Match for Connlimit {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("how many connections there are is not known")
    }

    fn keeps(&self) -> Option<Keeps> {
        Some(Keeps::Connlimit {
            above: self.above,
            limit: self.limit,
            mask: self.mask.0.address(),
            by_destination: self.by_destination,
        })
    }
}

abi! {
    /// `struct xt_connlimit_info` (linux/netfilter/xt_connlimit.h); the first revision calls its
    /// flags `inverse`. `data` is a pointer of the kernel's.
    struct XtConnlimitInfo[32] { mask: InetAddr = 0, limit: u32 = 16, flags: u32 = 20, data: u64 = 24 }
}
