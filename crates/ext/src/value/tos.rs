//! The TOS byte (IPv6: traffic class) with its mask: `V`, `V/M`, or one of five names.

use super::{Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// The mask a name stands for.
const NAMED: u8 = 0x3f;

/// The names of RFC 1349 with their values.
const NAMES: [(&str, u8); 5] = [
    ("Minimize-Delay", 0x10),
    ("Maximize-Throughput", 0x08),
    ("Maximize-Reliability", 0x04),
    ("Minimize-Cost", 0x02),
    ("Normal-Service", 0x00),
];

/// A value of the byte and the mask it is compared or set under.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TosMask {
    /// The value.
    pub value: u8,
    /// The mask; all ones when none is written.
    pub mask: u8,
}

impl TosMask {
    /// The name that stands for exactly this value and mask.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        let named = |&&(_, value): &&(&str, u8)| self.mask == NAMED && self.value == value;
        NAMES.iter().find(named).map(|&(name, _)| name)
    }
}

impl Value for TosMask {
    const SYNTAX: &'static str = "value[/mask]|name";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let byte = |n: u64| u8::try_from(n).ok();
        let number = number::prefix(word).and_then(|(n, rest)| Some((byte(n)?, rest)));
        let Some((value, rest)) = number else {
            let named = NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
            return named
                .map(|&(_, value)| Self { value, mask: NAMED })
                .ok_or(ValueError::Own("Symbolic name \"%\" is unknown"));
        };
        let mask = match rest {
            [] => Some(u8::MAX),
            [b'/', mask @ ..] => number::parse(mask).and_then(byte),
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
            0 => rng.pick(&NAMES).map_or_else(String::new, |(name, _)| (*name).to_owned()),
            1 => value.to_string(),
            _ => format!("{value:#x}/{mask:#x}"),
        }
        .into_bytes()
    }
}
