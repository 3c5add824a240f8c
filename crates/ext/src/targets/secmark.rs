//! A security label on the packet (kernel `net/netfilter/xt_SECMARK.c:secmark_tg_v1`).

use crate::abi::{self, abi};
use crate::value::Name;
use crate::*;

/// `SECMARK_SECCTX_MAX` less the NUL (linux/netfilter/xt_SECMARK.h).
const CONTEXT_LEN: usize = 255;
/// `SECMARK_MODE_SEL`: a context of SELinux.
const MODE_SEL: u8 = 1;

const SELCTX: Opt<Name<CONTEXT_LEN>> = Opt::new("selctx", "the security context").required();

/// `-j SECMARK`.
///
/// COMPAT: revision 0 is not read: it holds the kernel's own number of the label in its midst.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Secmark(Name<CONTEXT_LEN>);

impl Extension for Secmark {
    const SPEC: Spec = Spec {
        options: &[SELCTX.def()],
        revisions: &[Revision::new(1, 264).private_from(260)],
        doc: "labels the packet for SELinux",
        cases: &[
            ("--selctx system_u:object_r:x_t:s0", Some("--selctx system_u:object_r:x_t:s0")),
            ("--selctx \"\"", None),
            ("", None),
        ],
        ..Spec::named("SECMARK")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need(&SELCTX, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&SELCTX, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("SECMARK selctx ").bytes().extend_from_slice(self.0.bytes());
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let secctx = abi::c_string(self.0.bytes()).unwrap_or([0; 256]);
        abi::push(out, XtSecmarkTargetInfoV1 { mode: MODE_SEL, secctx, secid: 0 });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtSecmarkTargetInfoV1 = abi::read(bytes)?;
        Name::new(abi::c_text(&raw.secctx)).map(Self).ok_or(DecodeError::Unknown)
    }

    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct xt_secmark_target_info_v1` (linux/netfilter/xt_SECMARK.h).
    struct XtSecmarkTargetInfoV1[264] { mode: u8 = 0, secctx: [u8; 256] = 1, secid: u32 = 260 }
}
