//! Hardware addresses.

use super::{Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;

/// An Ethernet address: six groups of one or two hexadecimal digits, saved in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MacAddr(pub [u8; 6]);

fn octet(group: &[u8]) -> Option<u8> {
    if !matches!(group.len(), 1 | 2) || !group.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()
}

impl Value for MacAddr {
    const SYNTAX: &'static str = "XX:XX:XX:XX:XX:XX";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let octets: Option<Vec<u8>> = word.split(|&c| c == b':').map(octet).collect();
        let octets = octets.and_then(|o| <[u8; 6]>::try_from(o).ok());
        octets.map(Self).ok_or(ValueError::Own("Invalid MAC address specified."))
    }

    fn save(&self, out: &mut Vec<u8>) {
        let [a, b, c, d, e, f] = self.0;
        let text = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
        out.extend_from_slice(text.as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let [a, b, c, d, e, f, ..] = rng.bits().to_ne_bytes();
        format!("{a:02X}:{b:x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}").into_bytes()
    }
}
