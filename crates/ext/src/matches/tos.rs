//! The TOS byte, or traffic class, under a mask (kernel `net/netfilter/xt_dscp.c:tos_mt`).

use crate::abi::{self, abi};
use crate::value::TosMask;
use crate::*;

const TOS: Opt<Neg<TosMask>> =
    Opt::neg("tos", "the byte, compared under the mask, or its old name").required();

/// `-m tos`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tos(Neg<TosMask>);

impl Extension for Tos {
    const SPEC: Spec = Spec {
        options: &[TOS.def()],
        revisions: &[Revision::new(1, 8), Revision::new(0, 8)],
        doc: "matches the type of service of IPv4 or the traffic class of IPv6",
        cases: &[
            ("--tos minimize-delay", Some("--tos 0x10/0x3f")),
            ("! --tos 0", Some("! --tos 0x00/0xff")),
            ("--tos 0x10/0x1c", Some("--tos 0x10/0x1c")),
            ("--tos 1/0", Some("--tos 0x01/0x00")),
            ("--tos 256", None),
            ("--tos 16/", None),
            ("--tos 1/256", None),
            ("--tos Minimize", None),
            ("", None),
        ],
        ..Spec::named("tos")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&TOS, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&TOS, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("tos match").raw(if self.0.not { "!" } else { "" });
        match self.0.value.name().filter(|_| !w.numeric) {
            Some(name) => drop(w.word(name)),
            None => drop(w.value(&self.0.value)),
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Neg { not, value: TosMask { value, mask } } = self.0;
        match rev {
            1 => {
                let invert = not.into();
                abi::push(out, XtTosMatchInfo { tos_mask: mask, tos_value: value, invert });
                out.extend_from_slice(&[0; 5]);
            }
            // Revision 0 compares the whole byte.
            _ if mask != u8::MAX => (),
            _ => {
                abi::push(out, IptTosInfo { tos: value, invert: not.into() });
                out.extend_from_slice(&[0; 6]);
            }
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = match rev {
            1 => abi::read::<XtTosMatchInfo>(bytes)?,
            _ => {
                let IptTosInfo { tos, invert } = abi::read(bytes)?;
                XtTosMatchInfo { tos_mask: u8::MAX, tos_value: tos, invert }
            }
        };
        let value = TosMask { value: raw.tos_value, mask: raw.tos_mask };
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn view(&self) -> View {
        let Neg { not, value: TosMask { value, mask } } = self.0;
        let (mask, value) = (mask.into(), value.into());
        let clause = Clause { field: Field::Tos, mask, lo: value, hi: value, not };
        View::Clauses(smallvec::smallvec![clause])
    }
}

impl Match for Tos {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let TosMask { value, mask } = self.0.value;
        ((packet.tos() & mask == value) != self.0.not).into()
    }
}

abi! {
    /// `struct xt_tos_match_info` (linux/netfilter/xt_dscp.h).
    struct XtTosMatchInfo[3] { tos_mask: u8 = 0, tos_value: u8 = 1, invert: u8 = 2 }
}

abi! {
    /// `struct ipt_tos_info`, revision 0.
    struct IptTosInfo[2] { tos: u8 = 0, invert: u8 = 1 }
}
