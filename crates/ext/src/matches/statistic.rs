//! Every so many packets, or one by chance (kernel `net/netfilter/xt_statistic.c:statistic_mt`).

use crate::abi::{self, abi};
use crate::value::{Keyword, Keywords};
use crate::*;
use oxtables_base::sample::Rng;

const MODE: Opt<Keyword<Modes>> = Opt::new("mode", "by chance, or every Nth packet");
const PROBABILITY: Opt<Neg<Probability>> =
    Opt::neg("probability", "how likely, in mode random").excludes(&["every", "packet"]);
const EVERY: Opt<Neg<u32>> =
    Opt::neg("every", "one of so many packets, in mode nth").within(1, u32::MAX as u64);
const PACKET: Opt<u32> = Opt::new("packet", "which of them, from 0 on").within(0, u32::MAX as u64);

const RANDOM: u32 = 0;
const NTH: u32 = 1;
const INVERT: u16 = 1;

/// `-m statistic`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Statistic {
    /// `--mode random`.
    Random(Neg<Probability>),
    /// `--mode nth`.
    Nth {
        /// One of so many packets; inverted all but one.
        every: Neg<u32>,
        /// Which of them, counted from 0, is the first that matches; below `every`.
        packet: u32,
    },
}

/// The modes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Modes;

impl Keywords for Modes {
    const WORDS: &'static [(&'static str, u32)] = &[("random", RANDOM), ("nth", NTH)];
    const SYNTAX: &'static str = "random|nth";
    const EXACT: bool = true;
    const UNKNOWN: Option<&'static str> = Some("Bad mode \"%\"");
}

/// A probability in parts of 2^31.
///
/// COMPAT: a number that is none (`nan`) is refused, where upstream takes it for 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Probability(u32);

impl Probability {
    const CERTAIN: u32 = 1 << 31;

    fn new(parts: u32) -> Option<Self> {
        (parts <= Self::CERTAIN).then_some(Self(parts))
    }
}

impl Value for Probability {
    const SYNTAX: &'static str = "number from 0 to 1";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let number =
            std::str::from_utf8(word.trim_ascii_start()).ok().and_then(|w| w.parse::<f64>().ok());
        let number = number.filter(|p| (0.0..=1.0).contains(p)).ok_or(ValueError::Range(0, 1))?;
        // COMPAT: rounded to the nearest part, a half away from zero.
        let parts = (number.abs() * f64::from(Self::CERTAIN)).round();
        let parts = format!("{parts:.0}").parse().map_err(|_| ValueError::Range(0, 1))?;
        Self::new(parts).ok_or(ValueError::Range(0, 1))
    }

    fn save(&self, out: &mut Vec<u8>) {
        let number = f64::from(self.0) / f64::from(Self::CERTAIN);
        out.extend_from_slice(format!("{number:.11}").as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        format!("0.{:011}", rng.within(0, 99_999_999_999)).into_bytes()
    }
}

fn own(sentence: &'static str) -> ArgError {
    ArgError::own("statistic", sentence)
}

impl Extension for Statistic {
    const SPEC: Spec = Spec {
        options: &[MODE.def(), PROBABILITY.def(), EVERY.def(), PACKET.def()],
        revisions: &[Revision::new(0, 24).private_from(12)],
        doc: "matches packets by chance, or every Nth of them",
        cases: &[
            ("--mode random --probability 0.1", Some("--mode random --probability 0.10000000009")),
            (
                "--mode random ! --probability 1",
                Some("--mode random ! --probability 1.00000000000"),
            ),
            ("--mode nth --every 5 --packet 4", Some("--mode nth --every 5 --packet 4")),
            ("--mode nth ! --every 5 --packet 0", Some("--mode nth ! --every 5 --packet 0")),
            ("--mode nth --every 5", None),
            ("--mode nth --every 5 --packet 5", None),
            ("--mode nth --every 0 --packet 0", None),
            ("--mode random --probability 1.1", None),
            ("--mode random --probability nan", None),
            ("--mode random", None),
            ("--probability 0.5", None),
            ("--mode Random --probability 0.5", None),
            ("", None),
        ],
        ..Spec::named("statistic")
    };

    /// The sentences come in upstream's order, which looks at its own rules before the declared.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let error = |option, kind| ArgError { extension: "statistic", option, word: vec![], kind };
        let mode = args.get(&MODE, cx)?;
        let (every, packet) = (args.get_neg(&EVERY, cx)?, args.get(&PACKET, cx)?);
        let probability = args.get_neg(&PROBABILITY, cx)?;
        if mode.is_none_or(|m| m.number == RANDOM) {
            let none = "--probability must be specified when using random mode";
            let probability = probability.ok_or(own(none))?;
            mode.ok_or(error(MODE.def().name, ArgErrorKind::Missing))?;
            return Ok(Self::Random(probability));
        }
        match (every, packet) {
            (None, None) => Err(own("--every and --packet must be specified when using nth mode")),
            (Some(_), None) => Err(error(EVERY.def().name, ArgErrorKind::Alone(PACKET.def().name))),
            (Some(every), Some(packet)) if packet < every.value => Ok(Self::Nth { every, packet }),
            (_, Some(_)) => Err(own("the --packet p must be 0 <= p <= n-1")),
        }
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        match self {
            Self::Random(probability) => {
                w.opt(&MODE, &Keyword::of(RANDOM));
                w.neg(&PROBABILITY, probability);
            }
            Self::Nth { every, packet } => {
                w.opt(&MODE, &Keyword::of(NTH));
                w.neg(&EVERY, every);
                w.opt(&PACKET, packet);
            }
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let sign = |not| if not { " !" } else { "" };
        match self {
            Self::Random(Neg { not, value }) => {
                w.word("statistic mode random").raw(sign(*not)).word("probability ").value(value);
            }
            Self::Nth { every: Neg { not, value }, packet } => {
                w.word("statistic mode nth").raw(sign(*not)).word("every ").number(*value);
                if *packet != 0 {
                    w.word("packet ").number(*packet);
                }
            }
        }
    }

    /// Behind what the kernel tells again lies where its counter begins: so many packets before the
    /// first match (`statistic_mt_check`). Upstream reckons it in both modes.
    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (mode, not, every, packet) = match *self {
            Self::Random(Neg { not, value }) => (0, not, value.0, 0),
            Self::Nth { every, packet } => (1, every.not, every.value.saturating_sub(1), packet),
        };
        let count = every.saturating_sub(packet);
        let flags = if not { INVERT } else { 0 };
        abi::push(out, XtStatisticInfo { mode, flags, every, packet, count, master: 0 });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtStatisticInfo = abi::read(bytes)?;
        let not = raw.flags & INVERT != 0;
        let value = match raw.mode {
            0 => Probability::new(raw.every).map(|value| Self::Random(Neg { not, value })),
            1 if raw.packet <= raw.every => raw
                .every
                .checked_add(1)
                .map(|value| Self::Nth { every: Neg { not, value }, packet: raw.packet }),
            _ => None,
        };
        value.ok_or(DecodeError::Unknown)
    }
}

impl Match for Statistic {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        match *self {
            Self::Random(Neg { not, value: Probability(Probability::CERTAIN) }) => (!not).into(),
            Self::Random(Neg { not, value: Probability(0) }) => not.into(),
            Self::Random(_) => Truth::Unknown("it is left to chance"),
            Self::Nth { every: Neg { not, value: 1 }, .. } => (!not).into(),
            Self::Nth { .. } => Truth::Unknown("how many packets came before is not known"),
        }
    }

    fn keeps(&self) -> Option<Keeps> {
        match *self {
            Self::Nth { every: Neg { not, value }, packet } => {
                Some(Keeps::Nth { not, every: value, packet })
            }
            Self::Random(_) => None,
        }
    }
}

abi! {
    /// `struct xt_statistic_info` (linux/netfilter/xt_statistic.h), its union in the names of mode
    /// nth: `every` is one less than typed, and holds the probability in mode random. `master` is a
    /// pointer of the kernel's.
    struct XtStatisticInfo[24] {
        mode: u16 = 0,
        flags: u16 = 2,
        every: u32 = 4,
        packet: u32 = 8,
        count: u32 = 12,
        master: u64 = 16,
    }
}
