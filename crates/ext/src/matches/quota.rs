//! So many bytes, counted down (kernel `net/netfilter/xt_quota.c:quota_mt`).

use crate::abi::{self, abi};
use crate::*;

const QUOTA: Opt<Neg<u64>> =
    Opt::neg("quota", "so many bytes in all").within(0, u64::MAX).required();

/// `XT_QUOTA_INVERT`.
const INVERT: u32 = 1;

/// `-m quota`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Quota(Neg<u64>);

impl Extension for Quota {
    const SPEC: Spec = Spec {
        options: &[QUOTA.def()],
        revisions: &[Revision::new(0, 24).private_from(16)],
        doc: "matches until so many bytes have gone by",
        cases: &[
            ("--quota 1000", Some("--quota 1000")),
            ("! --quota 0x10", Some("! --quota 16")),
            ("--quota 18446744073709551616", None),
            ("--quota -1", None),
            ("", None),
        ],
        ..Spec::named("quota")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&QUOTA, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&QUOTA, &self.0);
    }

    /// COMPAT: upstream's `-L` leaves out that the sense is turned round; here it is told.
    fn list(&self, w: &mut ListWriter<'_>) {
        w.raw(if self.0.not { " !" } else { "" });
        w.word("quota: ").number(self.0.value).raw(" bytes");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let flags = if self.0.not { INVERT } else { 0 };
        abi::push(out, XtQuotaInfo { flags, quota: self.0.value, master: 0 });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtQuotaInfo = abi::read(bytes)?;
        Ok(Self(Neg { not: raw.flags & INVERT != 0, value: raw.quota }))
    }
}

impl Match for Quota {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("how much of the quota is used up is not known")
    }

    fn keeps(&self) -> Option<Keeps> {
        Some(Keeps::Quota { not: self.0.not, bytes: self.0.value })
    }
}

abi! {
    /// `struct xt_quota_info` (linux/netfilter/xt_quota.h); `master` is a pointer of the kernel's.
    struct XtQuotaInfo[24] { flags: u32 = 0, quota: u64 = 8, master: u64 = 16 }
}
