//! Rates that may be left out: bits a second with their units, and packets a second.

use super::Arity;
use crate::value::{Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// A rate as an option has it: `None` when only the option is given.
pub(super) trait Rate: Value {
    /// The rate of a number.
    fn new(number: u32) -> Self;
    /// The number, if there is one.
    fn number(&self) -> Option<u32>;
}

/// Bytes a second, typed and written in bits.
pub(super) struct Bytes(Option<u32>);

/// Packets a second.
pub(super) struct Packets(Option<u32>);

/// The units, in bits a second.
const UNITS: [(&str, u64); 18] = [
    ("bit", 1),
    ("kibit", 1 << 10),
    ("kbit", 1000),
    ("mibit", 1 << 20),
    ("mbit", 1_000_000),
    ("gibit", 1 << 30),
    ("gbit", 1_000_000_000),
    ("tibit", 1 << 40),
    ("tbit", 1_000_000_000_000),
    ("bps", 8),
    ("kibps", 8 << 10),
    ("kbps", 8000),
    ("mibps", 8 << 20),
    ("mbps", 8_000_000),
    ("gibps", 8 << 30),
    ("gbps", 8_000_000_000),
    ("tibps", 8 << 40),
    ("tbps", 8_000_000_000_000),
];

/// COMPAT: upstream lets a rate wrap round at 2^32 bytes a second; here it is refused.
fn read(word: &[u8]) -> Option<u32> {
    let end = word.iter().position(|c| !matches!(c, b'0'..=b'9' | b'.')).unwrap_or(word.len());
    let (digits, unit) = word.split_at_checked(end)?;
    let mut parts = digits.splitn(2, |&c| c == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let number = |digits: &[u8]| match digits {
        [] => Some(0),
        digits => number::parse_decimal(digits).map(u128::from),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let bits = match unit {
        [] => 1,
        unit => UNITS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(unit))?.1,
    };
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let scaled = (number(whole)? * scale + number(fraction)?).checked_mul(bits.into())?;
    u32::try_from(scaled / scale / 8).ok()
}

/// The unit upstream writes a rate in, and how many bits a second it is.
const fn unit(bits: u64) -> (&'static str, u64) {
    match bits {
        1_000_000_000.. => ("Mbit", 1_000_000),
        1_000_000.. => ("Kbit", 1000),
        _ => ("bit", 1),
    }
}

/// Appends a rate as upstream lists it, rounded to its unit.
pub(super) fn push_rounded(out: &mut Vec<u8>, rate: u32) {
    let bits = u64::from(rate) * 8;
    let (name, size) = unit(bits);
    let (whole, rest) = (bits / size, bits % size);
    let up = rest * 2 > size || (rest * 2 == size && whole % 2 == 1);
    number::push_decimal(out, whole + u64::from(up));
    out.extend_from_slice(name.as_bytes());
}

impl Rate for Bytes {
    fn new(number: u32) -> Self {
        Self(Some(number))
    }

    fn number(&self) -> Option<u32> {
        self.0
    }
}

impl Value for Bytes {
    const SYNTAX: &'static str = "rate";
    const ARITY: Arity = Arity::Optional;

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word.is_empty() {
            return Ok(Self(None));
        }
        let rate = read(word).ok_or(ValueError::Own("rateest: could not parse rate `%'"))?;
        Ok(Self(Some(rate)))
    }

    /// COMPAT: upstream rounds to thousands or millions of bits, so that what it saves is another
    /// rate; a rate that would be is written in bits here.
    fn save(&self, out: &mut Vec<u8>) {
        let bits = u64::from(self.0.unwrap_or(0)) * 8;
        let (name, size) = match unit(bits) {
            (name, size) if bits % size == 0 => (name, size),
            _ => ("bit", 1),
        };
        number::push_decimal(out, bits / size);
        out.extend_from_slice(name.as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        match rng.bits() % 3 {
            0 => Vec::new(),
            1 => format!("{}bit", rng.within(0, 8 * u64::from(u32::MAX))).into_bytes(),
            _ => format!("{}.5kbps", rng.within(0, 1000)).into_bytes(),
        }
    }
}

impl Rate for Packets {
    fn new(number: u32) -> Self {
        Self(Some(number))
    }

    fn number(&self) -> Option<u32> {
        self.0
    }
}

impl Value for Packets {
    const SYNTAX: &'static str = "number";
    const ARITY: Arity = Arity::Optional;

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word.is_empty() {
            return Ok(Self(None));
        }
        let rate = number::parse_within(word, 0, u32::MAX.into());
        let rate = rate.and_then(|n| u32::try_from(n).ok());
        rate.map(|n| Self(Some(n))).ok_or(ValueError::Own("rateest: could not parse pps `%'"))
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.0.unwrap_or(0).into());
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        if rng.one_in(3) { Vec::new() } else { u32::sample(rng, cx) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_bits_cut_to_bytes() {
        for (text, bytes) in [
            (".", None),
            ("8", Some(1)),
            ("1.5mbit", Some(187_500)),
            ("1Mibit", Some(131_072)),
            ("1kbps", Some(1000)),
            ("34gbit", Some(4_250_000_000)),
            ("35gbit", None),
            ("1tbit", None),
            ("", None),
            (".", None),
            ("x", None),
            ("1 kbit", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(read(text.as_bytes()), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_saved_is_what_is_read_again_and_what_is_listed_is_rounded() {
        for (rate, saved, listed) in [
            (154_320, "1234560bit", "1235Kbit"),
            (1_000_000, "8000Kbit", "8000Kbit"),
            (125_000_000, "1000Mbit", "1000Mbit"),
            (445_948_416, "3567587328bit", "3568Mbit"),
            (1000, "8000bit", "8000bit"),
        ] {
            let (mut out, mut list) = (Vec::new(), Vec::new());
            Bytes(Some(rate)).save(&mut out);
            push_rounded(&mut list, rate);
            assert_eq!(read(&out), Some(rate));
            assert_eq!((out.as_slice(), list.as_slice()), (saved.as_bytes(), listed.as_bytes()));
        }
    }
}
