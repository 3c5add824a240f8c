//! Packets counted by a rate estimator (kernel `net/netfilter/xt_RATEEST.c:xt_rateest_tg`).

use crate::abi::{self, abi};
use crate::value::Name;
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// `IFNAMSIZ` less the NUL.
const NAME_LEN: usize = 15;
/// What the kernel calls interval -2, in microseconds; each next is twice as long.
const SHORTEST: u64 = 250_000;
/// The kernel's smallest and largest intervals (`net/core/gen_estimator.c:gen_new_estimator`).
const INTERVALS: std::ops::RangeInclusive<i8> = -2..=3;
const EWMA_LOGS: std::ops::RangeInclusive<u8> = 1..=30;

const BAD_EWMALOG: &str = "RATEEST: ewmalog value is out of range";

const NAME: Opt<Name<NAME_LEN>> = Opt::new("rateest-name", "the estimator's name");
const INTERVAL: Opt<Interval> = Opt::new("rateest-interval", "how often the rate is measured");
const EWMALOG: Opt<TimeConstant> =
    Opt::new("rateest-ewmalog", "the time over which the rate is averaged");

/// `-j RATEEST`.
///
/// COMPAT: upstream counts times in 32 bits of microseconds, so that an average over more than 71
/// minutes wraps around in what is set and what is shown; here it does not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rateest {
    name: Name<NAME_LEN>,
    /// The interval is 2 to the power of this, in seconds.
    interval: i8,
    /// A measurement weighs 1 / 2 to the power of this in the average.
    ewma_log: u8,
}

/// Microseconds of `--rateest-interval`.
struct Interval(u64);
/// Microseconds of `--rateest-ewmalog`.
struct TimeConstant(u64);

/// Microseconds of a time: `N[.N]` with `s`, `ms` or `us` after it, or nothing for microseconds.
///
/// COMPAT: upstream reads what `strtod` does; exponents and hexadecimal are refused here.
fn micros(word: &[u8]) -> Option<u64> {
    let (whole, mut rest) = number::digits_of(word, 10)?;
    let mut fraction: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        let len = after.iter().take_while(|c| c.is_ascii_digit()).count();
        (fraction, rest) = after.split_at(len);
    }
    let unit = rest.to_ascii_lowercase();
    let scale: u64 = match unit.as_slice() {
        b"" | b"us" | b"usec" | b"usecs" => 1,
        b"ms" | b"msec" | b"msecs" => 1_000,
        b"s" | b"sec" | b"secs" => 1_000_000,
        _ => return None,
    };
    let (mut parts, mut place) = (0, scale);
    for &digit in fraction {
        place /= 10;
        parts += u64::from(digit - b'0') * place;
    }
    whole.checked_mul(scale)?.checked_add(parts)
}

/// A power of two of quarter seconds, as upstream writes it.
fn push_time(out: &mut Vec<u8>, quarters_log: u32) {
    let ms = (SHORTEST / 1_000) << quarters_log;
    let (n, unit) = if ms < 1_000 { (ms, "ms") } else { (ms / 1_000, "s") };
    out.extend_from_slice(format!("{n}.0{unit}").as_bytes());
}

impl Value for Interval {
    const SYNTAX: &'static str = "time";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        micros(word).map(Self).ok_or(ValueError::Own("RATEEST: bad interval value \"%\""))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}us", self.0).as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        format!("{}ms", rng.within(1, 8_000)).into_bytes()
    }
}

impl Value for TimeConstant {
    const SYNTAX: &'static str = "time";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        micros(word).map(Self).ok_or(ValueError::Own("RATEEST: bad ewmalog value \"%\""))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}us", self.0).as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        format!("{}.5s", rng.within(1, 9_000)).into_bytes()
    }
}

/// The first of the kernel's intervals that is at least `us`.
fn kernel_interval(us: u64) -> Option<i8> {
    INTERVALS.zip(0..).find(|&(_, log)| us <= SHORTEST << log).map(|(interval, _)| interval)
}

/// The largest weight whose average, measured every `interval`, settles within `constant`: an
/// exponential average with weight w has the time constant `interval / -ln(1 - w)`.
fn ewma_log(interval: u64, constant: u64) -> Option<u8> {
    let float = |n: u64| {
        let half = |n: u64| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        half(n >> 32).mul_add(4_294_967_296.0, half(n & 0xffff_ffff))
    };
    let (interval, constant) = (float(interval), float(constant));
    let settles = |log: &u8| {
        let weight = (-f64::from(*log)).exp2();
        interval / -(-weight).ln_1p() <= constant
    };
    let log = (1..=u8::MAX).take_while(|log| *log < 32 && settles(log)).last()?;
    EWMA_LOGS.contains(&log).then_some(log)
}

impl Rateest {
    /// The quarter seconds of the interval, and those of the average, as powers of two.
    fn quarters_logs(&self) -> (u32, u32) {
        let interval = u32::try_from(self.interval + 2).unwrap_or(0);
        (interval, interval + u32::from(self.ewma_log))
    }
}

impl Extension for Rateest {
    const SPEC: Spec = Spec {
        options: &[NAME.def(), INTERVAL.def(), EWMALOG.def()],
        revisions: &[Revision::new(0, 32).private_from(24)],
        doc: "counts the packet in a rate estimator, and goes on with the next rule",
        cases: &[
            (
                "--rateest-name x --rateest-interval 250ms --rateest-ewmalog 500ms",
                Some("--rateest-name x --rateest-interval 250.0ms --rateest-ewmalog 500.0ms"),
            ),
            (
                "--rateest-name x --rateest-interval 0.6s --rateest-ewmalog 7999msec",
                Some("--rateest-name x --rateest-interval 1.0s --rateest-ewmalog 8.0s"),
            ),
            (
                "--rateest-name x --rateest-interval 1000000 --rateest-ewmalog 3Secs",
                Some("--rateest-name x --rateest-interval 1.0s --rateest-ewmalog 2.0s"),
            ),
            ("--rateest-name x --rateest-interval 8.1s --rateest-ewmalog 60s", None),
            ("--rateest-name x --rateest-interval 5s --rateest-ewmalog 5s", None),
            ("--rateest-name x --rateest-interval 0 --rateest-ewmalog 5s", None),
            ("--rateest-name x --rateest-interval 1m --rateest-ewmalog 60s", None),
            ("--rateest-interval 1s --rateest-ewmalog 60s", None),
            ("--rateest-name x", None),
        ],
        ..Spec::named("RATEEST")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let own = |sentence| ArgError::own("RATEEST", sentence);
        let name = args.get(&NAME, cx)?;
        let interval = args.get(&INTERVAL, cx)?.map_or(0, |i| i.0);
        let constant = args.get(&EWMALOG, cx)?.map_or(0, |c| c.0);
        let kernel = kernel_interval(interval);
        let kernel = kernel.ok_or(own("RATEEST: interval value is too large"))?;
        let ewma_log = ewma_log(interval, constant).ok_or(own(BAD_EWMALOG))?;
        match name {
            Some(name) => Ok(Self { name, interval: kernel, ewma_log }),
            None => Err(ArgError { kind: ArgErrorKind::Missing, ..own("") }.at(&NAME.def(), b"")),
        }
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let (interval, average) = self.quarters_logs();
        w.opt(&NAME, &self.name);
        for (opt, time) in [(INTERVAL.def().name, interval), (EWMALOG.def().name, average)] {
            w.name(false, opt);
            w.bytes().push(b' ');
            push_time(w.bytes(), time);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let (interval, average) = self.quarters_logs();
        w.word("name ").bytes().extend_from_slice(self.name.bytes());
        push_time(w.word("interval ").bytes(), interval);
        push_time(w.word("ewmalog ").bytes(), average);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Self { interval, ewma_log, .. } = *self;
        let name = abi::c_string(self.name.bytes()).unwrap_or([0; 16]);
        abi::push(out, XtRateestTargetInfo { name, interval, ewma_log });
        out.extend_from_slice(&[0; 14]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let XtRateestTargetInfo { name, interval, ewma_log } = abi::read(bytes)?;
        if !INTERVALS.contains(&interval) || !EWMA_LOGS.contains(&ewma_log) {
            return Err(DecodeError::Unknown);
        }
        let name = Name::new(abi::c_text(&name)).ok_or(DecodeError::Unknown)?;
        Ok(Self { name, interval, ewma_log })
    }

    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct xt_rateest_target_info` (linux/netfilter/xt_RATEEST.h) without the kernel's pointer.
    struct XtRateestTargetInfo[18] { name: [u8; 16] = 0, interval: i8 = 16, ewma_log: u8 = 17 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_saved_says_the_same_numbers_again() {
        for interval in INTERVALS {
            for log in EWMA_LOGS {
                let quarters = u32::try_from(interval + 2).unwrap();
                let times = [quarters, quarters + u32::from(log)].map(|quarters| {
                    let mut out = Vec::new();
                    push_time(&mut out, quarters);
                    micros(&out).unwrap()
                });
                assert_eq!(kernel_interval(times[0]), Some(interval));
                assert_eq!(ewma_log(times[0], times[1]), Some(log));
            }
        }
    }
}
