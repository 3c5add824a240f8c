//! Checksums filled in that hardware was to fill (kernel `net/netfilter/xt_CHECKSUM.c:checksum_tg`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;

/// `XT_CHECKSUM_OP_FILL` (linux/netfilter/xt_CHECKSUM.h), the only operation there is.
const FILL_BIT: u8 = 1;

const FILL: Opt<Flag> = Opt::new("checksum-fill", "fill in the checksum").required();

/// `-j CHECKSUM`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Checksum;

impl Extension for Checksum {
    const SPEC: Spec = Spec {
        options: &[FILL.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "fills in a checksum that was left to hardware",
        cases: &[("--checksum-fill", Some("--checksum-fill")), ("", None)],
        ..Spec::named("CHECKSUM")
    };

    fn parse(_args: &Args<'_>, _cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.flag(&FILL, true);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("CHECKSUM fill");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtChecksumInfo { operation: FILL_BIT });
        out.extend_from_slice(&[0; 7]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtChecksumInfo = abi::read(bytes)?;
        if raw.operation == FILL_BIT { Ok(Self) } else { Err(DecodeError::Unknown) }
    }

    /// What is filled in are checksums left to hardware, which packets on a wire do not lack.
    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct xt_CHECKSUM_info` (linux/netfilter/xt_CHECKSUM.h).
    struct XtChecksumInfo[1] { operation: u8 = 0 }
}
