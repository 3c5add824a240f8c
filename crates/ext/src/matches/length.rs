//! The length of the packet from its IP header on (kernel `net/netfilter/xt_length.c:length_mt`).

use crate::abi::{self, abi};
use crate::value::NumRange;
use crate::*;

const LENGTH: Opt<Neg<NumRange<u16>>> =
    Opt::neg("length", "bytes of the packet, its IP header included").required();

/// `-m length`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Length(Neg<NumRange<u16>>);

impl Extension for Length {
    const SPEC: Spec = Spec {
        options: &[LENGTH.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the length of a packet, its IP header included",
        cases: &[
            ("--length 5:", Some("--length 5:65535")),
            ("--length :70", Some("--length 0:70")),
            ("! --length 1000", Some("! --length 1000")),
            ("--length 0:65535", Some("--length 0:65535")),
            ("--length 0x10", Some("--length 16")),
            ("--length 65536", None),
            ("--length 5:4", None),
            ("--length 1:2:3", None),
            ("", None),
        ],
        ..Spec::named("length")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&LENGTH, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&LENGTH, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("length ").raw(if self.0.not { "!" } else { "" }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Neg { not, value: NumRange { lo: min, hi: max } } = self.0;
        abi::push(out, XtLengthInfo { min, max, invert: not.into() });
        out.extend_from_slice(&[0; 2]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtLengthInfo = abi::read(bytes)?;
        if raw.min > raw.max {
            return Err(DecodeError::Unknown);
        }
        Ok(Self(Neg { not: raw.invert != 0, value: NumRange { lo: raw.min, hi: raw.max } }))
    }

    fn view(&self) -> View {
        let Neg { not, value: NumRange { lo, hi } } = self.0;
        let (lo, hi) = (lo.into(), hi.into());
        let clause = Clause { field: Field::Length, mask: u32::MAX, lo, hi, not };
        View::Clauses(smallvec::smallvec![clause])
    }
}

impl Match for Length {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let fits = u16::try_from(packet.total_len()).is_ok_and(|len| self.0.value.contains(len));
        (fits != self.0.not).into()
    }
}

abi! {
    /// `struct xt_length_info` (linux/netfilter/xt_length.h).
    struct XtLengthInfo[6] { min: u16 = 0, max: u16 = 2, invert: u8 = 4 }
}
