//! The packet's way through the rules reported (kernel `net/netfilter/nft_meta.c:nft_meta_set_eval`,
//! `net/netfilter/xt_TRACE.c`).

use crate::*;
use oxtables_wire::nft::cond;
use oxtables_wire::nft::expr::{self, Reg, meta};

/// `NFT_REG32_01`, which upstream uses here.
const REG32_01: Reg = Reg(9);

/// `-j TRACE`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Trace;

impl Extension for Trace {
    const SPEC: Spec = Spec {
        revisions: &[Revision::new(0, 0)],
        doc: "reports every rule the packet meets from here on",
        cases: &[("", Some(""))],
        ..Spec::named("TRACE")
    };

    fn parse(_args: &Args<'_>, _cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self)
    }

    fn save(&self, _w: &mut ArgWriter<'_>) {}

    fn encode(&self, _rev: u8, _family: Family, _out: &mut Vec<u8>) {}

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, _bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self)
    }

    fn lower(&self, w: &mut Writer, _cx: &NativeCx) -> bool {
        expr::immediate(w, REG32_01, &[1]);
        expr::meta_set(w, meta::NFTRACE, REG32_01);
        true
    }

    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        match items {
            [Item::MetaSet { key: meta::NFTRACE, value: cond::Value::Const([1]) }, ..] => {
                Some((Self, 1))
            }
            _ => None,
        }
    }

    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}
