//! The DiffServ code point changed (kernel `net/netfilter/xt_DSCP.c:dscp_tg`).

use crate::abi::{self, abi};
use crate::value::{Dscp as CodePoint, DscpClass};
use crate::*;

const SET: Opt<CodePoint> =
    Opt::new("set-dscp", "the new code point, 0 to 63").excludes(&["set-dscp-class"]);
const SET_CLASS: Opt<DscpClass> =
    Opt::new("set-dscp-class", "the new code point by its class").excludes(&["set-dscp"]);

/// `-j DSCP`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Dscp(pub CodePoint);

impl Extension for Dscp {
    const SPEC: Spec = Spec {
        options: &[SET.def(), SET_CLASS.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "changes the DiffServ code point of the IP header",
        cases: &[
            ("--set-dscp 0", Some("--set-dscp 0x00")),
            ("--set-dscp 0x3f", Some("--set-dscp 0x3f")),
            ("--set-dscp-class ef", Some("--set-dscp 0x2e")),
            ("--set-dscp 64", None),
            ("--set-dscp-class CS8", None),
            ("--set-dscp 5 --set-dscp-class EF", None),
            ("", None),
        ],
        ..Spec::named("DSCP")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let class = args.get(&SET_CLASS, cx)?.map(|class| class.0);
        let point = args.get(&SET, cx)?.or(class);
        let none = "DSCP target: Parameter --set-dscp is required";
        point.map(Self).ok_or(ArgError::own("DSCP", none))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&SET, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("DSCP set ").value(&self.0);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtDscpInfo { dscp: self.0.number() });
        out.extend_from_slice(&[0; 7]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtDscpInfo = abi::read(bytes)?;
        CodePoint::new(raw.dscp).map(Self).ok_or(DecodeError::Unknown)
    }

    fn effect(&self) -> Effect {
        Effect::Dscp(self.0.number())
    }
}

abi! {
    /// `struct xt_DSCP_info` (linux/netfilter/xt_DSCP.h).
    struct XtDscpInfo[1] { dscp: u8 = 0 }
}
