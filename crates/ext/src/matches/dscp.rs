//! The differentiated services code point (kernel `net/netfilter/xt_dscp.c:dscp_mt`).

use crate::abi::{self, abi};
use crate::value::{Dscp as CodePoint, DscpClass};
use crate::*;

const DSCP: Opt<Neg<CodePoint>> = Opt::neg("dscp", "the code point").excludes(&["dscp-class"]);
const CLASS: Opt<Neg<DscpClass>> = Opt::neg("dscp-class", "the code point by its class");

/// `-m dscp`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Dscp(Neg<CodePoint>);

impl Extension for Dscp {
    const SPEC: Spec = Spec {
        options: &[DSCP.def(), CLASS.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the upper six bits of the TOS byte or traffic class",
        cases: &[
            ("--dscp 0", Some("--dscp 0x00")),
            ("! --dscp 0x3f", Some("! --dscp 0x3f")),
            ("--dscp-class ef", Some("--dscp 0x2e")),
            ("! --dscp-class AF43", Some("! --dscp 0x26")),
            ("--dscp 64", None),
            ("--dscp-class CS8", None),
            ("--dscp 1 --dscp-class EF", None),
            ("", None),
        ],
        ..Spec::named("dscp")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let class = args.get_neg(&CLASS, cx)?.map(|class| class.map(|c| c.0));
        let point = args.get_neg(&DSCP, cx)?.or(class);
        let missing = ArgError::own("dscp", "DSCP match: Parameter --dscp is required");
        point.map(Self).ok_or(missing)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&DSCP, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("DSCP match ").raw(if self.0.not { "!" } else { "" }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtDscpInfo { dscp: self.0.value.number(), invert: self.0.not.into() });
        out.extend_from_slice(&[0; 6]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtDscpInfo = abi::read(bytes)?;
        let value = CodePoint::new(raw.dscp).ok_or(DecodeError::Unknown)?;
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn view(&self) -> View {
        let wanted = u32::from(self.0.value.number()) << 2;
        let not = self.0.not;
        let clause = Clause { field: Field::Tos, mask: 0xfc, lo: wanted, hi: wanted, not };
        View::Clauses(smallvec::smallvec![clause])
    }
}

impl Match for Dscp {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        ((packet.tos() >> 2 == self.0.value.number()) != self.0.not).into()
    }
}

abi! {
    /// `struct xt_dscp_info` (linux/netfilter/xt_dscp.h).
    struct XtDscpInfo[2] { dscp: u8 = 0, invert: u8 = 1 }
}
