//! Addresses, alone and under masks, of the rule's family.

use super::{Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;
use oxtables_base::{Family, HostMask, addr};
use std::net::IpAddr;

fn first_address(word: &[u8], cx: &ValueCx<'_>) -> Result<IpAddr, ValueError> {
    if let Some(a) = addr::parse_host(cx.rule.family, word) {
        return Ok(a);
    }
    let found = cx.rule.host.resolve(word, cx.rule.family).map_err(|_| ValueError::Host)?;
    found.first().copied().ok_or(ValueError::Host)
}

impl Value for IpAddr {
    const SYNTAX: &'static str = "address";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        first_address(word, cx)
    }

    fn save(&self, out: &mut Vec<u8>) {
        addr::push_addr(out, *self);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let bytes = [rng.bits().to_ne_bytes(), rng.bits().to_ne_bytes()].concat();
        let len = usize::from(cx.rule.family.bits() / 8);
        let mut out = Vec::new();
        if let Some(a) = bytes.get(..len).and_then(addr::from_octets) {
            addr::push_addr(&mut out, a);
        }
        out
    }
}

/// Saved without the mask of a single host, as most extensions write addresses.
impl Value for HostMask {
    const SYNTAX: &'static str = "address[/mask]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let family = cx.rule.family;
        let mut parts = word.splitn(2, |&c| c == b'/');
        let host = parts.next().unwrap_or_default();
        let mask = match parts.next() {
            Some(mask) => addr::parse_mask(family, mask).ok_or(ValueError::Mask(family.bits()))?,
            None => addr::prefix_mask(family, family.bits()),
        };
        if addr::prefix_len(mask) == Some(0) {
            // COMPAT: under /0 the address does not matter, and upstream does not even look it up.
            return Self::new(addr::unspecified(family), mask)
                .ok_or(ValueError::Mask(family.bits()));
        }
        Self::new(first_address(host, cx)?, mask).ok_or(ValueError::Mask(family.bits()))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.save_short(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let mut out = IpAddr::sample(rng, cx);
        match rng.bits() % 3 {
            0 => (),
            1 => {
                let len = rng.within(0, u64::from(cx.rule.family.bits()));
                out.extend_from_slice(format!("/{len}").as_bytes());
            }
            _ if cx.rule.family == Family::Ip4 => out.extend_from_slice(b"/255.0.255.0"),
            _ => out.extend_from_slice(b"/ffff::ff"),
        }
        out
    }
}
