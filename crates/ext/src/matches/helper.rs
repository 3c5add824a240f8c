//! The helper that expected the connection (kernel `net/netfilter/xt_helper.c:helper_mt`).

use crate::abi::{self, abi};
use crate::value::Text;
use crate::*;
use oxtables_packet::ct_status;

const HELPER: Opt<Neg<Text<29>>> =
    Opt::neg("helper", "its name, then perhaps `-PORT`; empty: any helper").required();

/// `-m helper`.
///
/// COMPAT: a name of more than 29 bytes is refused, where upstream cuts it. Upstream compares no byte
/// of it when it looks for a rule (`-C`, `-D`), so that any two are the same; here the name counts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Helper(Neg<Text<29>>);

impl Extension for Helper {
    const SPEC: Spec = Spec {
        options: &[HELPER.def()],
        revisions: &[Revision::new(0, 40)],
        doc: "matches connections that a conntrack helper expected",
        cases: &[
            ("--helper ftp-2121", Some("--helper ftp-2121")),
            ("! --helper \"\"", Some("! --helper \"\"")),
            ("--helper \"a b\"", Some("--helper \"a b\"")),
            ("--helper aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None),
            ("--helper a --helper b", None),
            ("", None),
        ],
        ..Spec::named("helper")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&HELPER, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&HELPER, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("helper match").raw(if self.0.not { " ! \"" } else { " \"" });
        w.bytes().extend_from_slice(self.0.value.bytes());
        w.raw("\"");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let name = abi::c_string(self.0.value.bytes()).unwrap_or([0; 30]);
        abi::push(out, XtHelperInfo { invert: self.0.not.into(), name });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtHelperInfo = abi::read(bytes)?;
        let value = Text::new(abi::c_text(&raw.name)).ok_or(DecodeError::Unknown)?;
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Helper {
    /// Only a connection that another expected has such a helper; the name typed may go on after the
    /// helper's.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let Neg { not, value } = &self.0;
        let ct = &cx.conntrack;
        let named = |helper: &Vec<u8>| {
            value.bytes().is_empty() || value.bytes().starts_with(helper.as_slice())
        };
        let expected = || ct.status.test(|status| status & ct_status::EXPECTED != 0);
        let found = ct.has_entry().and_then(expected).and_then(|| ct.helper.test(named));
        found.invert_if(*not)
    }
}

abi! {
    /// `struct xt_helper_info` (linux/netfilter/xt_helper.h).
    struct XtHelperInfo[36] { invert: i32 = 0, name: [u8; 30] = 4 }
}
