//! Rates of packets: so many a second, minute, hour or day.

use oxtables_base::number;
use oxtables_base::sample::Rng;

/// The units from the longest on: the word, what is saved, seconds.
const UNITS: [(&str, &str, u64); 4] =
    [("day", "day", 86400), ("hour", "hour", 3600), ("minute", "min", 60), ("second", "sec", 1)];

/// So many packets a unit of time.
///
/// The kernel keeps rates as credits, the `scale`th parts of a second that one packet costs, so not
/// every rate can be held; a value is always one that its credits say again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PacketRate {
    count: u64,
    seconds: u64,
}

/// Why a word is not a rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateError {
    /// It has not the form of one.
    Form,
    /// A packet would cost less than one credit.
    TooFast,
}

impl PacketRate {
    /// The rate of `count` packets a day, hour, minute or second, as far as it can be held at
    /// `scale`.
    #[must_use]
    pub fn new(count: u64, seconds: u64, scale: u64) -> Option<Self> {
        let credits = scale.checked_mul(seconds)?.checked_div(count)?;
        let rate = Self::from_credits(credits, scale)?;
        (rate == Self { count, seconds }).then_some(rate)
    }

    /// The rate at which one packet costs `credits`: in the shortest unit in which a packet more or
    /// less makes the greater difference than what is left over.
    #[must_use]
    pub fn from_credits(credits: u64, scale: u64) -> Option<Self> {
        let rates = UNITS.iter().map(|&(_, _, seconds)| {
            let whole = scale * seconds;
            let (count, rest) = (whole.checked_div(credits)?, whole.checked_rem(credits)?);
            Some((Self { count, seconds }, count >= rest))
        });
        let mut rates = rates.flatten();
        let (longest, _) = rates.next()?;
        let (best, _) = rates.take_while(|&(_, exact)| exact).last().unwrap_or((longest, true));
        (best.count > 0).then_some(best)
    }

    /// What one packet costs. Exact for a rate made at the same scale.
    #[must_use]
    pub fn credits(&self, scale: u64) -> u64 {
        (scale * self.seconds).checked_div(self.count).unwrap_or(0)
    }

    /// How many packets.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The length of the unit, in seconds.
    #[must_use]
    pub const fn seconds(&self) -> u64 {
        self.seconds
    }

    /// Reads `N`, `N/second`, `N/minute`, `N/hour` or `N/day`, units by their beginnings: the credits
    /// of a packet, and the seconds of the unit typed.
    ///
    /// COMPAT: upstream takes anything between number and slash for nothing (`1.5/s`, `5x/s`); here
    /// it is refused.
    ///
    /// # Errors
    /// See [`RateError`].
    pub fn read(word: &[u8], scale: u64) -> Result<(u64, u64), RateError> {
        let word = word.trim_ascii_start();
        if word.starts_with(b"-") {
            return Err(RateError::TooFast);
        }
        let word = word.strip_prefix(b"+").unwrap_or(word);
        let (count, unit) = number::digits_of(word, 10).ok_or(RateError::Form)?;
        let seconds = match unit {
            [] => 1,
            [b'/', unit @ ..] if !unit.is_empty() => unit_seconds(unit).ok_or(RateError::Form)?,
            _ => return Err(RateError::Form),
        };
        match (scale * seconds).checked_div(count) {
            None => Err(RateError::Form),
            Some(0) => Err(RateError::TooFast),
            Some(credits) => Ok((credits, seconds)),
        }
    }

    /// Appends `N/UNIT`.
    pub fn push(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.count);
        let unit = UNITS.iter().find(|u| u.2 == self.seconds).map_or("", |u| u.1);
        out.push(b'/');
        out.extend_from_slice(unit.as_bytes());
    }

    /// Random text of a rate of at most `fastest` a second.
    pub fn sample(rng: &mut Rng, fastest: u64) -> Vec<u8> {
        let (word, _, seconds) = rng.pick(&UNITS).copied().unwrap_or(("second", "sec", 1));
        format!("{}/{word}", rng.within(1, fastest * seconds)).into_bytes()
    }
}

/// The seconds of the unit that begins with `word`, in any case of letters.
pub(crate) fn unit_seconds(word: &[u8]) -> Option<u64> {
    let begins = |unit: &str| {
        unit.as_bytes().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    UNITS.iter().find(|(unit, ..)| begins(unit)).map(|&(.., seconds)| seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(word: &str, scale: u64) -> String {
        let (credits, _) = PacketRate::read(word.as_bytes(), scale).unwrap();
        let mut out = Vec::new();
        PacketRate::from_credits(credits, scale).unwrap().push(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Typed and shown by iptables 1.8.13.
    #[test]
    fn rates_are_said_as_upstream_says_them() {
        for (typed, shown) in [
            ("9999/s", "10000/sec"),
            ("60/m", "1/sec"),
            ("59/minute", "59/min"),
            ("3601/h", "3601/hour"),
            ("35999/hour", "10/sec"),
            ("123456/day", "5144/hour"),
            ("24/d", "1/hour"),
            ("25/d", "25/day"),
            ("7001/day", "7001/day"),
            ("5", "5/sec"),
        ] {
            assert_eq!(said(typed, 10_000), shown, "{typed}");
        }
        assert_eq!(said("77777/s", 1_000_000), "83333/sec");
        assert_eq!(said("86405/day", 1_000_000), "86405/day");
    }

    #[test]
    fn what_is_no_rate_is_told_from_what_is_too_fast() {
        for bad in ["", "x", "0", "0/s", "1/", "1/x", "1/seconds", "1.5/s", "5/s/m", "0x5/s"] {
            assert_eq!(PacketRate::read(bad.as_bytes(), 10_000), Err(RateError::Form), "{bad}");
        }
        for fast in ["10001/s", "600001/m", "-1/s", "99999999999/d"] {
            assert_eq!(PacketRate::read(fast.as_bytes(), 10_000), Err(RateError::TooFast));
        }
    }
}
