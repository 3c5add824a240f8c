//! The rates that the target RATEEST has measured (kernel
//! `net/netfilter/xt_rateest.c:xt_rateest_mt`).

mod rate;

use crate::abi::{self, abi};
use crate::args::Arity;
use crate::value::{Flag, Name};
use crate::*;
use rate::{Bytes, Packets, Rate};

const FIRST: Opt<Name<15>> = Opt::new("rateest1", "the estimator")
    .aliases(&["rateest"])
    .required()
    .once("rateest: can't specify --rateest1 twice");
const SECOND: Opt<Name<15>> = Opt::new("rateest2", "the estimator it is compared with")
    .once("rateest: can't specify --rateest2 twice");
const DELTA: Opt<Flag> = Opt::new("rateest-delta", "how far the rate is below the given one");
const BPS1: Opt<Bytes> = Opt::new("rateest-bps1", "bits a second, of the first").optional();
const BPS2: Opt<Bytes> =
    Opt::new("rateest-bps2", "bits a second, of the second, or to compare with")
        .aliases(&["rateest-bps"])
        .optional();
const PPS1: Opt<Packets> = Opt::new("rateest-pps1", "packets a second, of the first").optional();
const PPS2: Opt<Packets> =
    Opt::new("rateest-pps2", "packets a second, of the second, or to compare with")
        .aliases(&["rateest-pps"])
        .optional();
const LT: Opt<Neg<Flag>> = Opt::neg("rateest-lt", "the rate is lower").many();
const GT: Opt<Neg<Flag>> = Opt::neg("rateest-gt", "the rate is higher").many();
const EQ: Opt<Neg<Flag>> = Opt::neg("rateest-eq", "the rate is the same").many();

/// The comparisons, their word in listings and their number (`XT_RATEEST_MATCH_EQ` ...).
const MODES: [(&Opt<Neg<Flag>>, &str, u16); 3] = [(&EQ, "eq", 1), (&LT, "lt", 2), (&GT, "gt", 3)];

/// `XT_RATEEST_MATCH_*` (linux/netfilter/xt_rateest.h).
const INVERT: u16 = 1;
const ABSOLUTE: u16 = 2;
const RELATIVE: u16 = 4;
const IS_DELTA: u16 = 8;
const HAS_BPS: u16 = 16;
const HAS_PPS: u16 = 32;

/// `-m rateest`.
///
/// COMPAT: a rule is taken only while rules with the target RATEEST keep the estimators it names; the
/// kernel refuses it else (`No such file or directory`), ours as upstream's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rateest(Box<Comparison>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Comparison {
    first: Name<15>,
    /// The estimator it is compared with; `None`: given rates.
    second: Option<Name<15>>,
    delta: bool,
    /// In bytes a second, of the first and the second side.
    bps: Option<[u32; 2]>,
    pps: Option<[u32; 2]>,
    mode: u16,
    not: bool,
}

const fn own(sentence: &'static str) -> ArgError {
    ArgError::own("rateest", sentence)
}

/// The two sides of a rate.
///
/// COMPAT: upstream passes over numbers that the kernel does not look at: of the first side without
/// `--rateest-delta`, and of both where two estimators are compared. Here they are refused, as the
/// rule would not do what it says.
fn sides<R: Rate>(
    args: &Args<'_>,
    cx: &ParseCx<'_>,
    first: &Opt<R>,
    second: &Opt<R>,
) -> Result<Option<[u32; 2]>, ArgError> {
    if !args.has(first) && !args.has(second) {
        return Ok(None);
    }
    let given = [args.get(first, cx)?, args.get(second, cx)?].map(|r| r.and_then(|r| r.number()));
    if !args.has(&DELTA) {
        if given[0].is_some() {
            return Err(own("rateest: a rate of the first estimator needs --rateest-delta"));
        }
        if given[1].is_some() && args.has(&SECOND) {
            return Err(own("rateest: a rate to compare two estimators needs --rateest-delta"));
        }
    }
    Ok(Some(given.map(|rate| rate.unwrap_or(0))))
}

impl Extension for Rateest {
    const SPEC: Spec = Spec {
        options: &[
            FIRST.def(),
            SECOND.def(),
            DELTA.def(),
            BPS1.def(),
            PPS1.def(),
            BPS2.def(),
            PPS2.def(),
            LT.def(),
            GT.def(),
            EQ.def(),
        ],
        revisions: &[Revision::new(0, 72).private_from(56)],
        doc: "compares rates that the target RATEEST has measured",
        cases: &[
            (
                "--rateest a --rateest-bps 8kbps --rateest-gt",
                Some("--rateest a --rateest-gt --rateest-bps 64000bit"),
            ),
            (
                "--rateest1 a --rateest2 b ! --rateest-eq --rateest-pps --rateest-bps",
                Some(
                    "--rateest1 a ! --rateest-eq --rateest-bps ! --rateest-eq --rateest-pps --rateest2 b",
                ),
            ),
            (
                "--rateest a --rateest-delta --rateest-pps1 3 --rateest-lt --rateest-pps2 4",
                Some("--rateest-delta --rateest a --rateest-pps1 3 --rateest-lt --rateest-pps2 4"),
            ),
            (
                "--rateest a --rateest-lt --rateest-bps 1234560bit",
                Some("--rateest a --rateest-lt --rateest-bps 1234560bit"),
            ),
            ("--rateest a --rateest-lt --rateest-bps 35gbit", None),
            ("--rateest a --rateest-lt --rateest-pps 1k", None),
            ("--rateest a --rateest-lt --rateest-pps1 1", None),
            ("--rateest a --rateest-bps 5", None),
            ("--rateest a --rateest-lt", None),
            ("--rateest a --rateest-lt --rateest-gt --rateest-bps", None),
            ("--rateest-lt --rateest-bps 5", None),
        ],
        ..Spec::named("rateest")
    };

    /// COMPAT: upstream sends what lacks a name, a rate or a comparison to the kernel, which does
    /// not take it; here it is refused before.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let mut modes =
            MODES.iter().filter_map(|(opt, _, mode)| Some((args.find(opt)?.not, *mode)));
        let one =
            own("rateest: exactly one of --rateest-lt, --rateest-gt, --rateest-eq is required");
        let (not, mode) = modes.next().ok_or(one.clone())?;
        if modes.next().is_some() {
            return Err(one);
        }
        let made = Comparison {
            first: args.need(&FIRST, cx)?,
            second: args.get(&SECOND, cx)?,
            delta: args.has(&DELTA),
            bps: sides(args, cx, &BPS1, &BPS2)?,
            pps: sides(args, cx, &PPS1, &PPS2)?,
            mode,
            not,
        };
        if made.bps.is_none() && made.pps.is_none() {
            return Err(own("rateest: one of --rateest-bps or --rateest-pps is required"));
        }
        Ok(Self(Box::new(made)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let made = &*self.0;
        w.flag(&DELTA, made.delta);
        w.name(false, if made.second.is_some() { "rateest1" } else { "rateest" });
        w.value(&made.first);
        made.save_rate(w, made.bps.map(|sides| sides.map(Bytes::new)), [BPS1, BPS2]);
        made.save_rate(w, made.pps.map(|sides| sides.map(Packets::new)), [PPS1, PPS2]);
        w.opt_if(&SECOND, made.second.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let made = &*self.0;
        oxtables_base::text::push_visible(w.word("rateest match ").bytes(), made.first.bytes());
        if made.delta {
            w.word("delta");
        }
        match &made.second {
            None => made.list_absolute(w),
            Some(second) => {
                made.list_side(w, 0);
                made.list_mode(w);
                oxtables_base::text::push_visible(w.word("").bytes(), second.bytes());
                made.list_side(w, 1);
            }
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let made = &*self.0;
        let flag = |given, bit| if given { bit } else { 0 };
        let name = |name: &Name<15>| abi::c_string(name.bytes()).unwrap_or([0; 16]);
        let ([bps1, bps2], [pps1, pps2]) =
            (made.bps.unwrap_or_default(), made.pps.unwrap_or_default());
        let info = XtRateestMatchInfo {
            names: [name(&made.first), made.second.as_ref().map_or([0; 16], name)],
            flags: flag(made.not, INVERT)
                | flag(made.second.is_none(), ABSOLUTE)
                | flag(made.second.is_some(), RELATIVE)
                | flag(made.delta, IS_DELTA)
                | flag(made.bps.is_some(), HAS_BPS)
                | flag(made.pps.is_some(), HAS_PPS),
            mode: made.mode,
            rates: [bps1, pps1, bps2, pps2],
            estimators: [0; 2],
        };
        abi::push(out, info);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtRateestMatchInfo = abi::read(bytes)?;
        let given = |bit| raw.flags & bit != 0;
        let [bps1, pps1, bps2, pps2] = raw.rates;
        let [first, second] = raw.names.each_ref().map(|name| Name::new(abi::c_text(name)));
        let unknown = DecodeError::Unknown;
        let second = match given(RELATIVE) {
            true => Some(second.ok_or(unknown)?),
            false => None,
        };
        let made = Comparison {
            first: first.ok_or(unknown)?,
            second,
            delta: given(IS_DELTA),
            bps: given(HAS_BPS).then_some([bps1, bps2]),
            pps: given(HAS_PPS).then_some([pps1, pps2]),
            mode: raw.mode,
            not: given(INVERT),
        };
        let compares = MODES.iter().any(|&(_, _, mode)| mode == made.mode);
        let sides = made.bps.iter().chain(&made.pps);
        let used = |&[first, second]: &[u32; 2]| {
            made.delta || (first == 0 && (made.second.is_none() || second == 0))
        };
        if !compares || sides.clone().next().is_none() || !sides.clone().all(used) {
            return Err(unknown);
        }
        Ok(Self(Box::new(made)))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Comparison {
    fn mode(&self) -> (&'static str, &'static str) {
        let listed = MODES.iter().find(|&&(_, _, mode)| mode == self.mode);
        listed.map_or(("", ""), |(opt, word, _)| (opt.def().name, word))
    }

    /// The comparison comes once for each rate.
    fn save_rate<R: Rate>(
        &self,
        w: &mut ArgWriter<'_>,
        sides: Option<[R; 2]>,
        options: [Opt<R>; 2],
    ) {
        let (Some([first, second]), [first_opt, second_opt]) = (sides, options) else { return };
        if self.delta {
            w.opt(&first_opt, &first);
        }
        w.name(self.not, self.mode().0);
        if self.delta {
            w.opt(&second_opt, &second);
            return;
        }
        w.name(false, second_opt.def().name.trim_end_matches('2'));
        if self.second.is_none() {
            w.value(&second);
        }
    }

    fn list_mode(&self, w: &mut ListWriter<'_>) {
        w.word(if self.not { "! " } else { "" }).raw(self.mode().1);
    }

    fn list_bps(w: &mut ListWriter<'_>, rate: u32) {
        w.word("");
        if w.numeric {
            w.number(rate);
        } else {
            rate::push_rounded(w.bytes(), rate);
        }
    }

    /// Two estimators: the rates of one side.
    fn list_side(&self, w: &mut ListWriter<'_>, side: usize) {
        let of = |sides: [u32; 2]| sides.get(side).copied().unwrap_or(0);
        if let Some(bps) = self.bps {
            w.word("bps");
            if self.delta {
                Self::list_bps(w, of(bps));
            }
        }
        if let Some(pps) = self.pps {
            w.word("pps");
            if self.delta {
                w.word("").number(of(pps));
            }
        }
    }

    /// One estimator and given rates. COMPAT: the comparison stands behind the bytes and before the
    /// packets, as upstream has it.
    fn list_absolute(&self, w: &mut ListWriter<'_>) {
        if let Some([first, second]) = self.bps {
            w.word("bps");
            if self.delta {
                Self::list_bps(w, first);
            }
            Self::list_bps(w, second);
            self.list_mode(w);
        }
        if let Some([first, second]) = self.pps {
            w.word("pps");
            if self.delta {
                w.word("").number(first);
            }
            self.list_mode(w);
            w.word("").number(second);
        }
    }
}

impl Match for Rateest {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("the rates that the kernel has measured are not known")
    }
}

abi! {
    /// `struct xt_rateest_match_info` (linux/netfilter/xt_rateest.h); `rates` are `bps1`, `pps1`,
    /// `bps2`, `pps2`.
    struct XtRateestMatchInfo[72] {
        names: [[u8; 16]; 2] = 0,
        flags: u16 = 32,
        mode: u16 = 34,
        rates: [u32; 4] = 36,
        estimators: [u64; 2] = 56,
    }
}
