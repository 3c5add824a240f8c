//! The class of a queueing discipline (kernel `net/netfilter/xt_CLASSIFY.c:classify_tg`).

use crate::abi::{self, abi};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

const SET: Opt<TrafficClass> =
    Opt::new("set-class", "the class, both parts hexadecimal").required();

/// `-j CLASSIFY`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Classify(pub TrafficClass);

/// A class as `tc(8)` writes it: the packet's priority, the major number above the minor one.
///
/// COMPAT: upstream cuts the parts to 16 bits and overlooks what follows them; both are refused
/// here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TrafficClass {
    /// The major number.
    pub major: u16,
    /// The minor number.
    pub minor: u16,
}

impl TrafficClass {
    /// The packet's priority.
    #[must_use]
    pub fn priority(self) -> u32 {
        u32::from(self.major) << 16 | u32::from(self.minor)
    }

    fn from_priority(priority: u32) -> Self {
        let [a, b, c, d] = priority.to_be_bytes();
        Self { major: u16::from_be_bytes([a, b]), minor: u16::from_be_bytes([c, d]) }
    }
}

fn part(word: &[u8]) -> Option<u16> {
    let digits = word.strip_prefix(b"0x").or(word.strip_prefix(b"0X")).unwrap_or(word);
    match number::digits_of(digits, 16)? {
        (n, []) => u16::try_from(n).ok(),
        _ => None,
    }
}

impl Value for TrafficClass {
    const SYNTAX: &'static str = "major:minor";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let mut parts = word.splitn(2, |&c| c == b':').map(part);
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(ValueError::Own("Bad class value \"%\"")),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:04x}:{:04x}", self.major, self.minor).as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        format!("{:x}:{:x}", rng.within(0, 0xffff), rng.within(0, 0xffff)).into_bytes()
    }
}

impl Extension for Classify {
    const SPEC: Spec = Spec {
        options: &[SET.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "puts the packet into a class of a queueing discipline",
        cases: &[
            ("--set-class 1:ffff", Some("--set-class 0001:ffff")),
            ("--set-class 0x1:0", Some("--set-class 0001:0000")),
            ("--set-class 10000:1", None),
            ("--set-class 1:2x", None),
            ("--set-class 1", None),
            ("", None),
        ],
        ..Spec::named("CLASSIFY")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need(&SET, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&SET, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let TrafficClass { major, minor } = self.0;
        w.word(&format!("CLASSIFY set {major:x}:{minor:x}"));
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtClassifyTargetInfo { priority: self.0.priority() });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtClassifyTargetInfo = abi::read(bytes)?;
        Ok(Self(TrafficClass::from_priority(raw.priority)))
    }

    fn effect(&self) -> Effect {
        Effect::Priority(self.0.priority())
    }
}

abi! {
    /// `struct xt_classify_target_info` (linux/netfilter/xt_CLASSIFY.h).
    struct XtClassifyTargetInfo[4] { priority: u32 = 0 }
}
