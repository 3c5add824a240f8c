//! The TOS byte of IP: bits under a mask, old symbolic names, DSCP classes.

use super::{Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// A TOS byte and the mask it is compared or set under; a symbolic name has the mask 0x3f.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TosMask {
    /// The value.
    pub value: u8,
    /// The mask; all ones when a number is given alone.
    pub mask: u8,
}

/// The types of service of RFC 1349.
const TOS_NAMES: [(&str, u8); 5] = [
    ("Minimize-Delay", 0x10),
    ("Maximize-Throughput", 0x08),
    ("Maximize-Reliability", 0x04),
    ("Minimize-Cost", 0x02),
    ("Normal-Service", 0x00),
];
const TOS_NAME_MASK: u8 = 0x3f;

impl TosMask {
    /// The symbolic name, when value and mask have one.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        let named = TOS_NAMES.iter().find(|&&(_, v)| v == self.value);
        named.filter(|_| self.mask == TOS_NAME_MASK).map(|&(name, _)| name)
    }
}

fn byte(word: &[u8]) -> Option<u8> {
    number::parse(word).and_then(|n| u8::try_from(n).ok())
}

impl Value for TosMask {
    const SYNTAX: &'static str = "value[/mask]|name";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let narrow = |n: u64| u8::try_from(n).ok();
        let number = number::prefix(word).and_then(|(n, rest)| Some((narrow(n)?, rest)));
        let Some((value, rest)) = number else {
            let named = TOS_NAMES.iter().find(|(n, _)| n.as_bytes().eq_ignore_ascii_case(word));
            return named
                .map(|&(_, value)| Self { value, mask: TOS_NAME_MASK })
                .ok_or(ValueError::Own("Symbolic name \"%\" is unknown"));
        };
        let mask = match rest {
            [] => Some(u8::MAX),
            [b'/', mask @ ..] => byte(mask),
            _ => None,
        };
        mask.map(|mask| Self { value, mask }).ok_or(ValueError::Own("Illegal value: \"%\""))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:#04x}/{:#04x}", self.value, self.mask).as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let (value, mask) = (rng.within(0, 255), rng.within(0, 255));
        match rng.bits() % 3 {
            0 => rng.pick(&TOS_NAMES).map_or_else(Vec::new, |(name, _)| name.as_bytes().to_vec()),
            1 => value.to_string().into_bytes(),
            _ => format!("{value:#x}/{mask}").into_bytes(),
        }
    }
}

/// A differentiated services code point, 0 to 63 (RFC 2474), as a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Dscp(u8);

/// The same by the name of its class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DscpClass(pub Dscp);

/// RFC 2474 (CS), RFC 2597 (AF), RFC 3246 (EF).
const CLASSES: [(&str, u8); 22] = [
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
const DSCP_MAX: u8 = 63;

impl Dscp {
    /// The code point `n`, when it is one.
    #[must_use]
    pub const fn new(n: u8) -> Option<Self> {
        if n <= DSCP_MAX { Some(Self(n)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Value for Dscp {
    const SYNTAX: &'static str = "0-63";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        byte(word).and_then(Self::new).ok_or(ValueError::Range(0, DSCP_MAX.into()))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:#04x}", self.0).as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, DSCP_MAX.into()).to_string().into_bytes()
    }
}

impl Value for DscpClass {
    const SYNTAX: &'static str = "class";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let class = CLASSES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
        class.map(|&(_, n)| Self(Dscp(n))).ok_or(ValueError::Own("Invalid DSCP value `%'"))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.pick(&CLASSES).map_or_else(Vec::new, |(name, _)| name.as_bytes().to_vec())
    }
}
