//! The connection's mark, compared under a mask (kernel `net/netfilter/xt_connmark.c:connmark_mt`).

use crate::abi::{self, abi};
use crate::value::MarkMask;
use crate::*;

const MARK: Opt<Neg<MarkMask>> = Opt::neg("mark", "the mark, compared under the mask").required();

/// `-m connmark`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Connmark(Neg<MarkMask>);

impl Extension for Connmark {
    const SPEC: Spec = Spec {
        options: &[MARK.def()],
        revisions: &[Revision::new(1, 16)],
        doc: "matches the mark of the packet's connection",
        cases: &[
            ("--mark 5", Some("--mark 0x5")),
            ("! --mark 0x10/0xff", Some("! --mark 0x10/0xff")),
            ("--mark 0x100000000", None),
            ("--mark 1/", None),
            ("", None),
        ],
        ..Spec::named("connmark")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&MARK, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&MARK, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        // COMPAT: two blanks where mark has one, unless the sense is turned round.
        w.word("connmark match ").raw(if self.0.not { "! " } else { " " }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let MarkMask { value, mask } = self.0.value;
        abi::push(out, XtConnmarkMtinfo1 { mark: value, mask, invert: self.0.not.into() });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtConnmarkMtinfo1 = abi::read(bytes)?;
        let value = MarkMask { value: raw.mark, mask: raw.mask };
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Connmark {
    /// Without a connection it does not match, inverted or not.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let MarkMask { value, mask } = self.0.value;
        let ct = &cx.conntrack;
        ct.has_entry().and_then(|| ct.mark.test(|mark| mark & mask == value).invert_if(self.0.not))
    }
}

abi! {
    /// `struct xt_connmark_mtinfo1` (linux/netfilter/xt_connmark.h).
    struct XtConnmarkMtinfo1[12] { mark: u32 = 0, mask: u32 = 4, invert: u8 = 8 }
}
