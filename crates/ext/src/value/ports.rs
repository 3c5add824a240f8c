//! Ports and ranges of them, by number or by service name.

use super::{Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;
use oxtables_base::{names, number};

/// One port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Port(pub u16);

impl Value for Port {
    const SYNTAX: &'static str = "port";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        if let Some(n) = number::parse(word) {
            return u16::try_from(n).map(Self).map_err(|_| ValueError::Port);
        }
        let service = names::service_by_name(word, cx.rule.service_protocol());
        service.map(Self).ok_or(ValueError::Port)
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, u64::from(self.0));
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, 65535).to_string().into_bytes()
    }
}

/// The ports of `lo..=hi`: `80`, `1024:2048`, `:1023`, `1024:`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PortRange {
    /// The lowest.
    pub lo: u16,
    /// The highest.
    pub hi: u16,
}

impl PortRange {
    /// Every port: what an absent option stands for in the kernel's structs.
    pub const ALL: Self = Self { lo: 0, hi: u16::MAX };
}

impl Value for PortRange {
    const SYNTAX: &'static str = "port[:port]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let end = |part: &'w [u8], open: u16| match part {
            [] => Ok(open),
            _ => Port::parse(part, cx).map(|p| p.0).map_err(|e| (part, e)),
        };
        let Some(colon) = first.iter().position(|&c| c == b':') else {
            let port = Port::parse(first, cx).map_err(|e| (first, e))?.0;
            return Ok(Self { lo: port, hi: port });
        };
        let (low, rest) = first.split_at(colon);
        let lo = end(low, 0)?;
        let hi = end(rest.get(1..).unwrap_or_default(), u16::MAX)?;
        if lo > hi { Err((first, ValueError::PortOrder)) } else { Ok(Self { lo, hi }) }
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, u64::from(self.lo));
        if self.lo != self.hi {
            out.push(b':');
            number::push_decimal(out, u64::from(self.hi));
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let lo = rng.within(0, 65535);
        let hi = rng.within(lo, 65535);
        match rng.bits() % 4 {
            0 => format!("{lo}"),
            1 => format!(":{hi}"),
            2 => format!("{lo}:"),
            _ => format!("{lo}:{hi}"),
        }
        .into_bytes()
    }
}

/// A [`PortRange`] as upstream's guided parser reads it: other sentences, services of any protocol,
/// the same text.
///
/// COMPAT: a port above 65535 is refused, where upstream cuts it to its low 16 bits; so is an empty
/// word, which upstream takes for port 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GuidedPorts(pub PortRange);

impl Value for GuidedPorts {
    const SYNTAX: &'static str = PortRange::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let port = |part: &[u8]| match number::parse(part) {
            Some(n) => u16::try_from(n).ok(),
            None => names::service_by_name(part, None),
        };
        let end = |part: &'w [u8], open: Option<u16>| match (part, open) {
            ([], Some(open)) => Ok(open),
            _ => port(part).ok_or((part, ValueError::PortOfRange)),
        };
        let mut parts = first.split(|&c| c == b':').peekable();
        let lo = parts.next().unwrap_or_default();
        let lo = end(lo, parts.peek().map(|_| 0))?;
        let hi = parts.next().map_or(Ok(lo), |hi| end(hi, Some(u16::MAX)))?;
        match parts.next() {
            Some(_) => Err((first, ValueError::Parts(2))),
            None if lo > hi => Err((first, ValueError::PortRangeOrder)),
            None => Ok(Self(PortRange { lo, hi })),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        PortRange::sample(rng, cx)
    }
}
