//! A bucket of tokens filled at a rate (kernel `net/netfilter/xt_limit.c:limit_mt`, and
//! `net/netfilter/nft_limit.c` for the native form).

use crate::abi::{self, abi};
use crate::value::{PacketRate, RateError};
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_wire::nft::expr;

/// `XT_LIMIT_SCALE`: parts of a second.
const SCALE: u64 = 10_000;
const DEFAULT_BURST: u32 = 5;
const MAX_BURST: u32 = 10_000;

const LIMIT: Opt<Rate> = Opt::new("limit", "so many packets on the average (3/hour)");
const BURST: Opt<u32> =
    Opt::new("limit-burst", "so many packets at once (5)").within(0, MAX_BURST as u64);

/// `-m limit`.
///
/// COMPAT: a burst of 0 is 5, as the kernel's native limit takes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Limit {
    rate: Rate,
    burst: u32,
}

/// A rate of at most 10,000 packets a second.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Rate(PacketRate);

impl Rate {
    fn from_credits(credits: u64) -> Option<Self> {
        PacketRate::from_credits(credits, SCALE).map(Self)
    }
}

impl Value for Rate {
    const SYNTAX: &'static str = "rate[/second|/minute|/hour|/day]";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let form = ValueError::Own("bad rate \"%\"'");
        match PacketRate::read(word, SCALE) {
            Ok((credits, _)) => Self::from_credits(credits).ok_or(form),
            Err(RateError::Form) => Err(form),
            Err(RateError::TooFast) => Err(ValueError::Own("Rate too fast \"%\"")),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.push(out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        PacketRate::sample(rng, SCALE)
    }
}

impl Extension for Limit {
    const SPEC: Spec = Spec {
        options: &[LIMIT.def(), BURST.def()],
        revisions: &[Revision::new(0, 40).private_from(8)],
        doc: "matches as long as packets come no faster than the rate",
        cases: &[
            ("", Some("--limit 3/hour")),
            ("--limit 5/s --limit-burst 5", Some("--limit 5/sec")),
            ("--limit 600/m --limit-burst 7", Some("--limit 10/sec --limit-burst 7")),
            ("--limit-burst 0", Some("--limit 3/hour")),
            ("--limit 10001/s", None),
            ("--limit 1/seconds", None),
            ("--limit 0", None),
            ("--limit-burst 10001", None),
            ("! --limit 5/s", None),
        ],
        ..Spec::named("limit")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let three_an_hour = || Rate::from_credits(SCALE * 3600 / 3);
        let rate = args.get(&LIMIT, cx)?.or_else(three_an_hour);
        let burst = args.get(&BURST, cx)?.filter(|&n| n != 0).unwrap_or(DEFAULT_BURST);
        let none = || ArgError::own("limit", "bad rate \"\"'");
        rate.map(|rate| Self { rate, burst }).ok_or_else(none)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&LIMIT, &self.rate);
        w.opt_if(&BURST, Some(&self.burst).filter(|&&n| n != DEFAULT_BURST));
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("limit: avg ").value(&self.rate).raw(" burst ").number(self.burst);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let avg = u32::try_from(self.rate.0.credits(SCALE)).unwrap_or(u32::MAX);
        abi::push(out, XtRateinfo { avg, burst: self.burst });
        out.extend_from_slice(&[0; 32]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtRateinfo = abi::read(bytes)?;
        if !(1..=MAX_BURST).contains(&raw.burst) {
            return Err(DecodeError::Unknown);
        }
        let rate = Rate::from_credits(raw.avg.into()).ok_or(DecodeError::Unknown)?;
        Ok(Self { rate, burst: raw.burst })
    }

    fn lower(&self, w: &mut Writer, _cx: &NativeCx) -> bool {
        let (rate, unit) = (self.rate.0.count(), self.rate.0.seconds());
        expr::limit(
            w,
            expr::Limit { rate, unit, burst: self.burst, bytes: false, inverted: false },
        );
        true
    }

    /// COMPAT: upstream rounds a native limit to what its credits hold; here one that they do not
    /// hold exactly is not this match.
    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        let [Item::Limit(expr::Limit { rate, unit, burst, bytes: false, inverted: false }), ..] =
            *items
        else {
            return None;
        };
        let rate = Rate(PacketRate::new(rate, unit, SCALE)?);
        (1..=MAX_BURST).contains(&burst).then_some((Self { rate, burst }, 1))
    }
}

impl Match for Limit {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("how much of the limit is used up is not known")
    }

    fn keeps(&self) -> Option<Keeps> {
        let rate = &self.rate.0;
        Some(Keeps::Limit { rate: rate.count(), unit: rate.seconds(), burst: self.burst })
    }
}

abi! {
    /// The beginning of `struct xt_rateinfo` (linux/netfilter/xt_limit.h); the rest is the kernel's.
    struct XtRateinfo[8] { avg: u32 = 0, burst: u32 = 4 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxtables_wire::nft::cond::Item;

    #[test]
    fn native_limits_are_read_only_when_they_can_be_said() {
        let cx = NativeCx { family: Family::Ip4, proto: None };
        let read = |rate, unit, burst, bytes| {
            let limit = expr::Limit { rate, unit, burst, bytes, inverted: false };
            Limit::raise(&[Item::Limit(limit)], &cx).map(|(l, _)| {
                let mut out = Vec::new();
                l.save(&mut ArgWriter::new(&mut out, Family::Ip4));
                String::from_utf8(out).unwrap()
            })
        };
        assert_eq!(read(7, 3600, 5, false).as_deref(), Some(" --limit 7/hour"));
        assert_eq!(read(61, 60, 9, false).as_deref(), Some(" --limit 61/min --limit-burst 9"));
        assert_eq!(read(9999, 1, 5, false), None);
        assert_eq!(read(60, 60, 5, false), None);
        assert_eq!(read(7, 7, 5, false), None);
        assert_eq!(read(7, 1, 5, true), None);
        assert_eq!(read(u64::MAX, u64::MAX, 5, false), None);
    }
}
