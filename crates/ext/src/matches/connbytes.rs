//! How much a connection has carried (kernel `net/netfilter/xt_connbytes.c:connbytes_mt`).

use crate::abi::{self, abi};
use crate::value::{Keyword, Keywords, NumRange};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

const CONNBYTES: Opt<Neg<Bounds>> =
    Opt::neg("connbytes", "so much, or from so much to so much").required();
const DIR: Opt<Keyword<Directions>> =
    Opt::new("connbytes-dir", "the direction that is counted").required();
const MODE: Opt<Keyword<Modes>> = Opt::new("connbytes-mode", "what is counted").required();

/// `-m connbytes`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Connbytes {
    bounds: Neg<Bounds>,
    mode: Keyword<Modes>,
    dir: Keyword<Directions>,
}

/// At least `lo` and at most `hi`; without an end, any number from `lo` on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Bounds(NumRange<u64>);

impl Value for Bounds {
    const SYNTAX: &'static str = "number[:number]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let NumRange { lo, hi } = NumRange::parse_words(first, second, cx)?;
        let hi = if first.contains(&b':') { hi } else { u64::MAX };
        Ok(Self(NumRange { lo, hi }))
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.0.lo);
        if self.0.hi != u64::MAX {
            out.push(b':');
            number::push_decimal(out, self.0.hi);
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        NumRange::<u64>::sample(rng, cx)
    }
}

/// `enum xt_connbytes_what`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Modes;

impl Keywords for Modes {
    const WORDS: &'static [(&'static str, u32)] = &[("packets", 0), ("bytes", 1), ("avgpkt", 2)];
    const SYNTAX: &'static str = "packets|bytes|avgpkt";
    const EXACT: bool = true;
    const UNKNOWN: Option<&'static str> = Some("Unknown --connbytes-mode `%'");
}

/// `enum xt_connbytes_direction`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Directions;

impl Keywords for Directions {
    const WORDS: &'static [(&'static str, u32)] = &[("original", 0), ("reply", 1), ("both", 2)];
    const SYNTAX: &'static str = "original|reply|both";
    const EXACT: bool = true;
    const UNKNOWN: Option<&'static str> = Some("Unknown --connbytes-dir `%'");
}

impl Extension for Connbytes {
    const SPEC: Spec = Spec {
        options: &[CONNBYTES.def(), DIR.def(), MODE.def()],
        revisions: &[Revision::new(0, 24)],
        doc: "matches by the packets or bytes the connection has carried so far",
        cases: &[
            (
                "--connbytes 10: --connbytes-dir both --connbytes-mode packets",
                Some("--connbytes 10 --connbytes-mode packets --connbytes-dir both"),
            ),
            (
                "! --connbytes 10:20 --connbytes-dir original --connbytes-mode avgpkt",
                Some("! --connbytes 10:20 --connbytes-mode avgpkt --connbytes-dir original"),
            ),
            (
                "! --connbytes : --connbytes-dir reply --connbytes-mode bytes",
                Some("! --connbytes 0 --connbytes-mode bytes --connbytes-dir reply"),
            ),
            (
                "--connbytes 10:10 --connbytes-dir reply --connbytes-mode bytes",
                Some("--connbytes 10:10 --connbytes-mode bytes --connbytes-dir reply"),
            ),
            ("! --connbytes 10:10 --connbytes-dir reply --connbytes-mode bytes", None),
            ("--connbytes 5:4 --connbytes-dir both --connbytes-mode bytes", None),
            ("--connbytes 5 --connbytes-dir BOTH --connbytes-mode bytes", None),
            ("--connbytes 5 --connbytes-dir both", None),
            ("", None),
        ],
        ..Spec::named("connbytes")
    };

    /// COMPAT: the kernel's struct tells an inverted range by its ends being swapped, which cannot be
    /// told of a range of one number: it is refused when inverted, where upstream drops the `!`.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let bounds = args.need_neg(&CONNBYTES, cx)?;
        if bounds.not && bounds.value.0.lo == bounds.value.0.hi {
            let sentence = "connbytes: a range of one number cannot be inverted";
            return Err(ArgError::own("connbytes", sentence));
        }
        Ok(Self { bounds, mode: args.need(&MODE, cx)?, dir: args.need(&DIR, cx)? })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&CONNBYTES, &self.bounds);
        w.opt(&MODE, &self.mode);
        w.opt(&DIR, &self.dir);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.raw(if self.bounds.not { " !" } else { "" }).word("connbytes ").value(&self.bounds.value);
        w.word("connbytes mode ").value(&self.mode);
        w.word("connbytes direction ").value(&self.dir);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Neg { not, value: Bounds(NumRange { lo, hi }) } = self.bounds;
        let (from, to) = if not { (hi, lo) } else { (lo, hi) };
        let narrow = |n: u32| u8::try_from(n).unwrap_or(0);
        let (what, direction) = (narrow(self.mode.number), narrow(self.dir.number));
        abi::push(out, XtConnbytesInfo { from, to, what, direction });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let XtConnbytesInfo { from, to, what, direction } = abi::read(bytes)?;
        let (lo, hi) = (from.min(to), from.max(to));
        Ok(Self {
            bounds: Neg { not: from > to, value: Bounds(NumRange { lo, hi }) },
            mode: Keyword::from_number(what.into()).ok_or(DecodeError::Unknown)?,
            dir: Keyword::from_number(direction.into()).ok_or(DecodeError::Unknown)?,
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Connbytes {
    /// Without a connection, or without accounting, it does not match, inverted or not.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let ct = &cx.conntrack;
        let fits = |counters: &[oxtables_packet::Counters; 2]| {
            let [original, reply] = counters;
            let sum = |f: fn(&oxtables_packet::Counters) -> u64| match self.dir.number {
                0 => f(original),
                1 => f(reply),
                _ => f(original).wrapping_add(f(reply)),
            };
            let (packets, bytes) = (sum(|c| c.packets), sum(|c| c.bytes));
            let what = match self.mode.number {
                0 => packets,
                1 => bytes,
                _ => bytes.checked_div(packets).unwrap_or(0),
            };
            self.bounds.value.0.contains(what) != self.bounds.not
        };
        ct.has_entry().and_then(|| ct.counters.test(fits))
    }
}

abi! {
    /// `struct xt_connbytes_info` (linux/netfilter/xt_connbytes.h); `from > to` is the inverse of
    /// `to..=from`.
    struct XtConnbytesInfo[24] { from: u64 = 0, to: u64 = 8, what: u8 = 16, direction: u8 = 17 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxtables_packet::{Counters, CtState, Known};

    #[test]
    fn counts_are_compared_as_the_kernel_compares_them() {
        let packet = Packet::parse(&[&[0x45, 0, 0, 20][..], &[0; 16]].concat()).unwrap();
        let mut cx = Context::default();
        cx.conntrack.state = Known::Known(CtState::Established);
        let carried = |packets, bytes| Counters { packets, bytes };
        cx.conntrack.counters = Known::Known([carried(2, 300), carried(1, 60)]);
        let test = |not, lo, hi, mode, dir| {
            let bounds = Neg { not, value: Bounds(NumRange { lo, hi }) };
            Connbytes { bounds, mode: Keyword::of(mode), dir: Keyword::of(dir) }.test(&packet, &cx)
        };
        assert_eq!(test(false, 3, u64::MAX, 0, 2), Truth::Yes);
        assert_eq!(test(false, 150, 150, 2, 0), Truth::Yes);
        assert_eq!(test(true, 50, 70, 1, 1), Truth::No);
        assert_eq!(test(true, 50, 59, 1, 1), Truth::Yes);
    }
}
