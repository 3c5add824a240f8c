//! Explicit congestion notification in the IP and TCP headers (kernel
//! `net/netfilter/xt_ecn.c:ecn_mt4`, `ecn_mt6`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_packet::Missing;

const CWR: Opt<Neg<Flag>> = Opt::neg("ecn-tcp-cwr", "the CWR bit of TCP is set");
const ECE: Opt<Neg<Flag>> = Opt::neg("ecn-tcp-ece", "the ECE bit of TCP is set");
const ECT: Opt<Neg<u8>> = Opt::neg("ecn-ip-ect", "the two ECN bits of the IP header").within(0, 3);

/// `XT_ECN_OP_MATCH_*` (linux/netfilter/xt_ecn.h).
mod op {
    pub(super) const IP: u8 = 0x01;
    pub(super) const ECE: u8 = 0x10;
    pub(super) const CWR: u8 = 0x20;
}
/// The bits among the flags of TCP.
const TCP_ECE: u8 = 0x40;
const TCP_CWR: u8 = 0x80;

/// `-m ecn`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ecn {
    ece: Option<Neg<Flag>>,
    cwr: Option<Neg<Flag>>,
    ect: Option<Neg<u8>>,
}

impl Extension for Ecn {
    const SPEC: Spec = Spec {
        options: &[CWR.def(), ECE.def(), ECT.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the congestion notification bits of the IP and TCP headers",
        cases: &[
            ("-p tcp --ecn-tcp-cwr ! --ecn-tcp-ece --ecn-ip-ect 2", {
                Some("! --ecn-tcp-ece --ecn-tcp-cwr --ecn-ip-ect 2")
            }),
            ("! --ecn-ip-ect 0", Some("! --ecn-ip-ect 0")),
            ("--ecn-ip-ect 4", None),
            ("", None),
        ],
        ..Spec::named("ecn")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let ecn = Self {
            ece: args.get_neg(&ECE, cx)?,
            cwr: args.get_neg(&CWR, cx)?,
            ect: args.get_neg(&ECT, cx)?,
        };
        if ecn.ece.is_none() && ecn.cwr.is_none() && ecn.ect.is_none() {
            return Err(ArgError::own("ecn", "ECN match: some option required"));
        }
        Ok(ecn)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        for (option, bit) in [(&ECE, self.ece), (&CWR, self.cwr)] {
            if let Some(Neg { not, .. }) = bit {
                w.name(not, option.def().name);
            }
        }
        w.neg_if(&ECT, self.ect.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("ECN match");
        for (word, bit) in [("ECE", self.ece), ("CWR", self.cwr)] {
            if let Some(Neg { not, .. }) = bit {
                w.raw(if not { " !" } else { " " }).raw(word);
            }
        }
        if let Some(Neg { not, value }) = self.ect {
            w.raw(if not { " !" } else { " " }).raw("ECT=").number(value);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (operation, invert) = signs::bits([
            (op::ECE, self.ece.map(|e| e.not)),
            (op::CWR, self.cwr.map(|c| c.not)),
            (op::IP, self.ect.map(|e| e.not)),
        ]);
        let ip_ect = self.ect.map_or(0, |e| e.value);
        abi::push(out, XtEcnInfo { operation, invert, ip_ect, tcp_ect: 0 });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtEcnInfo = abi::read(bytes)?;
        if raw.operation == 0 || raw.ip_ect > 3 {
            return Err(DecodeError::Unknown);
        }
        let sign = |bit| signs::sign(bit, (raw.operation, raw.invert));
        let flag = |bit| sign(bit).map(|not| Neg { not, value: Flag });
        Ok(Self {
            ece: flag(op::ECE),
            cwr: flag(op::CWR),
            ect: sign(op::IP).map(|not| Neg { not, value: raw.ip_ect }),
        })
    }

    fn view(&self) -> View {
        let bit = |bit: u8, flag: Option<Neg<Flag>>| {
            let (field, mask) = (Field::TcpFlags, bit.into());
            flag.map(|f| Clause { field, mask, lo: mask, hi: mask, not: f.not })
        };
        let ect = self.ect.map(|Neg { not, value }| {
            let value = value.into();
            Clause { field: Field::Tos, mask: 3, lo: value, hi: value, not }
        });
        let clauses = [ect, bit(TCP_ECE, self.ece), bit(TCP_CWR, self.cwr)];
        View::Clauses(clauses.into_iter().flatten().collect())
    }
}

impl Match for Ecn {
    /// `ecn_mt4`: no TCP header is no match here, not a drop.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        if self.ect.is_some_and(|e| (packet.tos() & 3 == e.value) == e.not) {
            return Truth::No;
        }
        if self.ece.is_none() && self.cwr.is_none() {
            return Truth::Yes;
        }
        let flags = match packet.tcp_even_in_fragments() {
            Ok(tcp) => tcp.flags(),
            Err(Missing::Truncated | Missing::Absent) => return Truth::No,
            Err(missing) => return missing.truth(),
        };
        let fits = |bit: u8, wanted: Option<Neg<Flag>>| {
            wanted.is_none_or(|wanted| (flags & bit != 0) != wanted.not)
        };
        (fits(TCP_ECE, self.ece) && fits(TCP_CWR, self.cwr)).into()
    }
}

abi! {
    /// `struct xt_ecn_info` (linux/netfilter/xt_ecn.h).
    struct XtEcnInfo[4] { operation: u8 = 0, invert: u8 = 1, ip_ect: u8 = 2, tcp_ect: u8 = 3 }
}
