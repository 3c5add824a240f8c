//! The largest segment size a TCP SYN offers (kernel `net/netfilter/xt_TCPMSS.c:tcpmss_mangle_packet`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// `XT_TCPMSS_CLAMP_PMTU` (linux/netfilter/xt_TCPMSS.h).
const CLAMP_PMTU: u16 = 0xffff;

const SET: Opt<Mss> = Opt::new("set-mss", "the size, unless a smaller one is offered");
const CLAMP: Opt<Flag> =
    Opt::new("clamp-mss-to-pmtu", "what the path carries, less the IP and TCP headers");

/// `-j TCPMSS`: the size that is set; `None`: as the path allows.
///
/// COMPAT: given both, upstream forgets the size.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tcpmss(pub Option<Mss>);

/// A size that fits a packet beside the headers of IP (20 or 40 bytes) and TCP (20).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mss(u16);

impl Mss {
    const fn max(family: Family) -> u16 {
        match family {
            Family::Ip4 => u16::MAX - 20,
            Family::Ip6 => u16::MAX - 40,
        }
    }

    fn new(n: u16, family: Family) -> Option<Self> {
        (n <= Self::max(family)).then_some(Self(n))
    }

    /// The size in bytes.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl Value for Mss {
    const SYNTAX: &'static str = "number";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let family = cx.rule.family;
        let n = number::parse(word).and_then(|n| u16::try_from(n).ok());
        let max = u64::from(Self::max(family));
        n.and_then(|n| Self::new(n, family)).ok_or(ValueError::Range(0, max))
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.0.into());
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, Self::max(cx.rule.family).into()).to_string().into_bytes()
    }
}

impl Extension for Tcpmss {
    const SPEC: Spec = Spec {
        options: &[SET.def(), CLAMP.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "lowers the largest segment size that a TCP SYN offers",
        cases: &[
            ("--set-mss 1400", Some("--set-mss 1400")),
            ("--clamp-mss-to-pmtu", Some("--clamp-mss-to-pmtu")),
            ("--set-mss 5 --clamp-mss-to-pmtu", Some("--clamp-mss-to-pmtu")),
            ("--set-mss 0", Some("--set-mss 0")),
            ("--set-mss 65516", None),
            ("", None),
        ],
        ..Spec::named("TCPMSS")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let set = args.get(&SET, cx)?;
        let clamp = args.has(&CLAMP);
        if set.is_none() && !clamp {
            let none = "TCPMSS target: At least one parameter is required";
            return Err(ArgError::own("TCPMSS", none));
        }
        Ok(Self(set.filter(|_| !clamp)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt_if(&SET, self.0.as_ref());
        w.flag(&CLAMP, self.0.is_none());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        match self.0 {
            Some(mss) => drop(w.word("TCPMSS set ").number(mss.0)),
            None => drop(w.word("TCPMSS clamp to PMTU")),
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtTcpmssInfo { mss: self.0.map_or(CLAMP_PMTU, Mss::number) });
        out.extend_from_slice(&[0; 6]);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let XtTcpmssInfo { mss } = abi::read(bytes)?;
        match (mss, Mss::new(mss, cx.family)) {
            (CLAMP_PMTU, _) => Ok(Self(None)),
            (_, Some(mss)) => Ok(Self(Some(mss))),
            (_, None) => Err(DecodeError::Unknown),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Mss(self.0.map(Mss::number))
    }
}

abi! {
    /// `struct xt_tcpmss_info` (linux/netfilter/xt_TCPMSS.h).
    struct XtTcpmssInfo[2] { mss: u16 = 0 }
}
