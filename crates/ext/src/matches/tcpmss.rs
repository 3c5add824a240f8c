//! The maximum segment size option of TCP (kernel `net/netfilter/xt_tcpmss.c:tcpmss_mt`).

use crate::abi::{self, abi};
use crate::value::NumRange;
use crate::*;

const MSS: Opt<Neg<NumRange<u16>>> =
    Opt::neg("mss", "the size that the segment's MSS option states").required();

/// `-m tcpmss`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TcpMss(Neg<NumRange<u16>>);

impl Extension for TcpMss {
    const SPEC: Spec = Spec {
        options: &[MSS.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the maximum segment size that a TCP segment states",
        cases: &[
            ("-p tcp --mss 42:", Some("--mss 42:65535")),
            ("-p tcp ! --mss 5", Some("! --mss 5")),
            ("-p tcp --mss :", Some("--mss 0:65535")),
            ("-p tcp --mss 65536", None),
            ("-p tcp --mss 5:4", None),
            ("-p tcp", None),
        ],
        ..Spec::named("tcpmss")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&MSS, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&MSS, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("tcpmss match ").raw(if self.0.not { "!" } else { "" }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Neg { not, value: NumRange { lo: mss_min, hi: mss_max } } = self.0;
        abi::push(out, XtTcpmssMatchInfo { mss_min, mss_max, invert: not.into() });
        out.extend_from_slice(&[0; 2]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtTcpmssMatchInfo = abi::read(bytes)?;
        if raw.mss_min > raw.mss_max {
            return Err(DecodeError::Unknown);
        }
        let value = NumRange { lo: raw.mss_min, hi: raw.mss_max };
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Match for TcpMss {
    /// `tcpmss_mt`: a segment without the option matches when inverted, as any size would.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match packet.tcp_even_in_fragments().and_then(|tcp| tcp.mss()) {
            Ok(mss) => (mss.is_some_and(|mss| self.0.value.contains(mss)) != self.0.not).into(),
            Err(missing) => missing.truth(),
        }
    }
}

abi! {
    /// `struct xt_tcpmss_match_info` (linux/netfilter/xt_tcpmss.h).
    struct XtTcpmssMatchInfo[6] { mss_min: u16 = 0, mss_max: u16 = 2, invert: u8 = 4 }
}
