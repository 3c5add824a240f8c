//! No tracking of the connection (kernel `net/netfilter/xt_CT.c:notrack_tg`).

use super::ct::flag;
use crate::abi::Plain;
use crate::*;

const FLAGS: u16 = flag::NOTRACK | flag::NOTRACK_ALIAS;

/// `-j NOTRACK`: a CT target that only says `--notrack`, and by a bit of its own that it is to be
/// shown under this name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Notrack;

impl Extension for Notrack {
    const SPEC: Spec = Spec {
        kernel: "CT",
        revisions: &[Revision::new(2, 72).private_from(64)],
        doc: "keeps the packet's connection from being tracked",
        cases: &[("", Some(""))],
        ..Spec::named("NOTRACK")
    };

    fn parse(_args: &Args<'_>, _cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self)
    }

    fn save(&self, _w: &mut ArgWriter<'_>) {}

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("NOTRACK");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        out.extend_from_slice(&FLAGS.to_ne_bytes());
        out.extend_from_slice(&[0; 70]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        if u16::get(bytes) & flag::NOTRACK_ALIAS == 0 {
            return Err(DecodeError::OtherAlias);
        }
        Ok(Self)
    }

    fn effect(&self) -> Effect {
        Effect::Notrack
    }
}
