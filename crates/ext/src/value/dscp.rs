//! DiffServ code points: the upper six bits of the TOS byte, as a number or by class (RFC 2474,
//! RFC 2597, RFC 3246).

use super::{Keyword, Keywords, Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// The largest code point.
const MAX: u8 = 63;

/// A code point, saved in hexadecimal with two digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Dscp(u8);

impl Dscp {
    /// The code point `n`, when it fits six bits.
    #[must_use]
    pub const fn new(n: u8) -> Option<Self> {
        if n <= MAX { Some(Self(n)) } else { None }
    }

    /// The code point.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<Keyword<DscpClasses>> for Dscp {
    fn from(class: Keyword<DscpClasses>) -> Self {
        Self(u8::try_from(class.number).unwrap_or(0))
    }
}

impl Value for Dscp {
    const SYNTAX: &'static str = "number";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let n = number::parse(word).and_then(|n| u8::try_from(n).ok());
        n.and_then(Self::new).ok_or(ValueError::Range(0, u64::from(MAX)))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:#04x}", self.0).as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, u64::from(MAX)).to_string().into_bytes()
    }
}

/// The names of classes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DscpClasses;

impl Keywords for DscpClasses {
    const WORDS: &'static [(&'static str, u32)] = &[
        ("CS0", 0x00),
        ("CS1", 0x08),
        ("CS2", 0x10),
        ("CS3", 0x18),
        ("CS4", 0x20),
        ("CS5", 0x28),
        ("CS6", 0x30),
        ("CS7", 0x38),
        ("BE", 0x00),
        ("AF11", 0x0a),
        ("AF12", 0x0c),
        ("AF13", 0x0e),
        ("AF21", 0x12),
        ("AF22", 0x14),
        ("AF23", 0x16),
        ("AF31", 0x1a),
        ("AF32", 0x1c),
        ("AF33", 0x1e),
        ("AF41", 0x22),
        ("AF42", 0x24),
        ("AF43", 0x26),
        ("EF", 0x2e),
    ];
    const SYNTAX: &'static str = "class";
    const UNKNOWN: Option<&'static str> = Some("Invalid DSCP value `%'");
}
