//! The packet's mark, compared under a mask (kernel `net/netfilter/xt_mark.c:mark_mt`).

use crate::abi::{self, abi};
use crate::value::MarkMask;
use crate::*;
use oxtables_wire::nft::cond::{Cond, Load, Op};
use oxtables_wire::nft::expr::{self, CmpOp, REG_1};

const MARK: Opt<Neg<MarkMask>> = Opt::neg("mark", "the mark, compared under the mask").required();

/// `-m mark`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mark(Neg<MarkMask>);

impl Extension for Mark {
    const SPEC: Spec = Spec {
        options: &[MARK.def()],
        revisions: &[Revision::new(1, 16)],
        doc: "matches the mark a packet carries inside this machine",
        cases: &[
            ("--mark 1", Some("--mark 0x1")),
            ("! --mark 0x0/0xff", Some("! --mark 0x0/0xff")),
            ("--mark 5/4294967295", Some("--mark 0x5")),
            ("--mark 4294967296", None),
            ("--mark -1", None),
            ("", None),
        ],
        ..Spec::named("mark")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&MARK, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&MARK, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("mark match").raw(if self.0.not { " ! " } else { " " }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let MarkMask { value, mask } = self.0.value;
        abi::push(out, XtMarkMtinfo1 { mark: value, mask, invert: self.0.not.into() });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtMarkMtinfo1 = abi::read(bytes)?;
        let value = MarkMask { value: raw.mark, mask: raw.mask };
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn lower(&self, w: &mut Writer, _cx: &NativeCx) -> bool {
        let MarkMask { value, mask } = self.0.value;
        expr::meta(w, expr::meta::MARK, REG_1);
        if mask != u32::MAX {
            expr::bitwise(w, REG_1, 4, &mask.to_ne_bytes(), &[0; 4]);
        }
        let op = if self.0.not { CmpOp::Neq } else { CmpOp::Eq };
        expr::cmp(w, REG_1, op, &value.to_ne_bytes());
        true
    }

    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        let [Item::Cond(Cond { load: Load::Meta(expr::meta::MARK), mask, op, lo, .. }), ..] = items
        else {
            return None;
        };
        let number = |bytes: &[u8]| Some(u32::from_ne_bytes(bytes.try_into().ok()?));
        let mask = mask.map_or(Some(u32::MAX), number)?;
        let not = match *op {
            Op::EQ => false,
            Op::NEQ => true,
            _ => return None,
        };
        Some((Self(Neg { not, value: MarkMask { value: number(lo)?, mask } }), 1))
    }

    fn view(&self) -> View {
        let MarkMask { value, mask } = self.0.value;
        let clause = Clause { field: Field::Mark, mask, lo: value, hi: value, not: self.0.not };
        View::Clauses(smallvec::smallvec![clause])
    }
}

impl Match for Mark {
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let MarkMask { value, mask } = self.0.value;
        cx.mark.test(|mark| mark & mask == value).invert_if(self.0.not)
    }
}

abi! {
    /// `struct xt_mark_mtinfo1` (linux/netfilter/xt_mark.h).
    struct XtMarkMtinfo1[12] { mark: u32 = 0, mask: u32 = 4, invert: u8 = 8 }
}
