//! The rates and bursts of hashlimit, as typed and as the kernel keeps them.

use super::{MAX_BURST, SCALE, own};
use crate::value::{PacketRate, RateError, Unseen};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// A rate of packets or of bytes.
///
/// COMPAT: upstream takes an unknown unit of bytes (`1gb/s`, `1Kb/s`) for no bytes at all, bytes of
/// another time than a second (`1kb/m`) for packets, and less than 16 bytes for a rate that it
/// cannot read again; all are refused here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Rate {
    /// The rate, and the seconds of the unit it was typed in, which other options default to.
    Packets(PacketRate, Unseen<u64>),
    Bytes(ByteRate),
}

impl Value for Rate {
    const SYNTAX: &'static str = "rate[/second|/minute|/hour|/day] or bytes[k|m]b/s";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if let Some(bytes) = ByteRate::read(word) {
            return bytes.map(Self::Bytes).ok_or(ValueError::Word);
        }
        match PacketRate::read(word, SCALE) {
            Ok((credits, unit)) => PacketRate::from_credits(credits, SCALE)
                .map(|rate| Self::Packets(rate, Unseen(unit)))
                .ok_or(ValueError::Word),
            Err(RateError::Form) => Err(ValueError::Word),
            Err(RateError::TooFast) => Err(ValueError::Own("Rate too fast \"%\"")),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Packets(rate, _) => rate.push(out),
            Self::Bytes(rate) => rate.push(out),
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        if rng.one_in(2) {
            return PacketRate::sample(rng, SCALE);
        }
        let unit = *rng.pick(&["b", "kb", "mb"]).unwrap_or(&"b");
        format!("{}{unit}/s", rng.within(16, 4000)).into_bytes()
    }
}

/// A rate of bytes a second, as what sixteen of them cost: the kernel has no finer one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ByteRate(pub(super) u32);

impl ByteRate {
    fn from_bytes(bytes: u64) -> Option<Self> {
        let portions = u32::try_from(bytes >> 4).ok()?.checked_add(1)?;
        (portions > 1).then_some(Self(u32::MAX / portions))
    }

    /// The bytes that the kernel makes of the cost (`xt_hashlimit.c:user2rate_bytes`).
    pub(super) fn bytes(self) -> u64 {
        let portions = u32::MAX.checked_div(self.0).unwrap_or(u32::MAX);
        u64::from(portions.saturating_sub(1)) << 4
    }

    /// `None` when the word is no rate of bytes, `Some(None)` when it is a bad one.
    fn read(word: &[u8]) -> Option<Option<Self>> {
        let (n, rest) = number::digits_of(word, 10)?;
        let unit_end = rest.iter().position(|&c| c == b'/').unwrap_or(rest.len());
        let (unit, time) = rest.split_at(unit_end);
        if unit.is_empty() {
            return None;
        }
        let second = matches!(time, [b'/', s @ ..] if !s.is_empty() && b"second".starts_with(s));
        let bytes = unit_size(unit, false).filter(|_| second).and_then(|size| n.checked_mul(size));
        Some(bytes.and_then(Self::from_bytes))
    }

    /// Appends the rate in the longest unit that says the same.
    ///
    /// COMPAT: from 4 GiB a second on it is always said in bytes.
    fn push(self, out: &mut Vec<u8>) {
        push_bytes(out, self.bytes(), |bytes| {
            bytes <= u64::from(u32::MAX) && Self::from_bytes(bytes) == Some(self)
        });
        out.extend_from_slice(b"/s");
    }
}

/// The bytes of a unit; in a burst its `b` may be left out.
fn unit_size(unit: &[u8], short: bool) -> Option<u64> {
    match unit {
        b"b" => Some(1),
        b"kb" => Some(1 << 10),
        b"mb" => Some(1 << 20),
        b"k" if short => Some(1 << 10),
        b"m" if short => Some(1 << 20),
        _ => None,
    }
}

/// Appends `bytes` in the longest unit in which they are the `same` when rounded down.
pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: u64, same: impl Fn(u64) -> bool) {
    let fits = |&(size, _): &(u64, &str)| bytes >= size && same(bytes / size * size);
    let (size, unit) =
        [(1 << 20, "mb"), (1 << 10, "kb")].into_iter().find(fits).unwrap_or((1, "b"));
    number::push_decimal(out, bytes / size);
    out.extend_from_slice(unit.as_bytes());
}

/// A burst as typed: packets or bytes, as the rate is.
///
/// COMPAT: a unit that upstream does not know, and ignores, is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Burst {
    pub(super) amount: u64,
    has_unit: bool,
}

pub(super) const BURST_RANGE: &str =
    "bad value for option \"--hashlimit-burst\", or out of range (1-1000000).";

impl Value for Burst {
    const SYNTAX: &'static str = "packets or bytes[k|m]b";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let read = || {
            let (n, unit) = number::digits_of(word, 10)?;
            let size = if unit.is_empty() { 1 } else { unit_size(unit, true)? };
            let amount = n.checked_mul(size).filter(|&n| n > 0)?;
            let has_unit = !unit.is_empty();
            (has_unit || amount <= MAX_BURST).then_some(Self { amount, has_unit })
        };
        read().ok_or(ValueError::Own(BURST_RANGE))
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.amount);
        out.extend_from_slice(if self.has_unit { b"b" } else { b"" });
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let unit = *rng.pick(&["", "", "b", "mb"]).unwrap_or(&"");
        format!("{}{unit}", rng.within(1, 1000)).into_bytes()
    }
}

/// Seconds, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Interval(pub(super) u32);

impl Interval {
    pub(super) fn new(seconds: u64) -> Option<Self> {
        u32::try_from(seconds).ok().filter(|n| (1..u32::MAX).contains(n)).map(Self)
    }
}

impl Value for Interval {
    const SYNTAX: &'static str = "seconds";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        number::parse(word).and_then(Self::new).ok_or(ValueError::Word)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(1, 100_000).to_string().into_bytes()
    }
}

impl Rate {
    /// The rate of a whole interval, written as one of a second.
    pub(super) fn of_interval(self) -> Result<Self, ArgError> {
        let Self::Packets(rate, typed) = self else { return Ok(self) };
        let credits = rate.credits(SCALE) / typed.0.max(1);
        let rate = PacketRate::from_credits(credits, SCALE);
        rate.map(|rate| Self::Packets(rate, typed)).ok_or(own("Rate too fast \"\""))
    }

    /// The rate itself, of what [`Self::of_interval`] has made of it.
    ///
    /// COMPAT: upstream lists a rate slower than one packet a day as `0/day`; here as it is saved.
    pub(super) fn a_second(self, interval: Option<Interval>) -> Self {
        let (Self::Packets(rate, typed), Some(Interval(seconds))) = (self, interval) else {
            return self;
        };
        let credits = rate.credits(SCALE).saturating_mul(seconds.into());
        PacketRate::from_credits(credits, SCALE).map_or(self, |rate| Self::Packets(rate, typed))
    }

    /// The seconds of the unit it is said in.
    pub(super) fn unit(self) -> u64 {
        if let Self::Packets(rate, _) = self { rate.seconds() } else { 1 }
    }

    /// The seconds an idle entry stays unless told otherwise.
    pub(super) fn idle_seconds(self, burst: u64, unit: u64) -> u32 {
        match self {
            Self::Packets(..) => u32::try_from(unit).unwrap_or(u32::MAX / 1000),
            Self::Bytes(_) if burst == 0 => 15,
            Self::Bytes(_) => 60,
        }
    }

    /// The kernel's `avg` at `scale`, `None` if it cannot hold the rate.
    pub(super) fn avg(self, scale: u64) -> Option<u64> {
        match self {
            Self::Bytes(ByteRate(cost)) => Some(cost.into()),
            Self::Packets(rate, _) => {
                let credits = rate.credits(scale);
                (PacketRate::from_credits(credits, scale) == Some(rate)).then_some(credits)
            }
        }
    }

    pub(super) fn from_avg(avg: u64, bytes: bool, scale: u64) -> Option<Self> {
        if bytes {
            let rate = ByteRate(u32::try_from(avg).ok()?);
            return (ByteRate::from_bytes(rate.bytes()) == Some(rate)).then_some(Self::Bytes(rate));
        }
        let rate = PacketRate::from_credits(avg, scale)?;
        Some(Self::Packets(rate, Unseen(rate.seconds())))
    }
}
