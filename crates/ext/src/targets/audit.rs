//! A record for the audit log (kernel `net/netfilter/xt_AUDIT.c:audit_tg`).

use crate::abi::{self, abi};
use crate::value::{Keyword, Keywords};
use crate::*;

const TYPE: Opt<Keyword<Types>> = Opt::new("type", "what the record says was done").required();

/// `-j AUDIT`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Audit(Keyword<Types>);

/// `XT_AUDIT_TYPE_*` (linux/netfilter/xt_AUDIT.h).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Types;

impl Keywords for Types {
    const WORDS: &'static [(&'static str, u32)] = &[("accept", 0), ("drop", 1), ("reject", 2)];
    const SYNTAX: &'static str = "accept|drop|reject";
    const UNKNOWN: Option<&'static str> = Some("Bad action type value \"%\"");
}

impl Extension for Audit {
    const SPEC: Spec = Spec {
        options: &[TYPE.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "writes an audit record about the packet, and goes on with the next rule",
        cases: &[
            ("--type accept", Some("--type accept")),
            ("--type DROP", Some("--type drop")),
            ("--type acc", None),
            ("", None),
        ],
        ..Spec::named("AUDIT")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need(&TYPE, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&TYPE, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("AUDIT ").value(&self.0);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtAuditInfo { kind: u8::try_from(self.0.number).unwrap_or(0) });
        out.extend_from_slice(&[0; 7]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtAuditInfo = abi::read(bytes)?;
        Keyword::from_number(raw.kind.into()).map(Self).ok_or(DecodeError::Unknown)
    }

    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct xt_audit_info` (linux/netfilter/xt_AUDIT.h); `kind` is its `type`.
    struct XtAuditInfo[1] { kind: u8 = 0 }
}
