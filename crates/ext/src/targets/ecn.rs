//! The bits of Explicit Congestion Notification, RFC 3168 (kernel `net/ipv4/netfilter/ipt_ECN.c`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;

/// `IPT_ECN_OP_*` (linux/netfilter_ipv4/ipt_ECN.h).
mod op {
    pub(super) const SET_IP: u8 = 0x01;
    pub(super) const SET_ECE: u8 = 0x10;
    pub(super) const SET_CWR: u8 = 0x20;
}
/// The bit fields of `proto.tcp`.
const ECE_BIT: u8 = 1;
const CWR_BIT: u8 = 2;

const REMOVE: Opt<Flag> = Opt::new("ecn-tcp-remove", "clear both bits of the TCP header")
    .excludes(&["ecn-tcp-cwr", "ecn-tcp-ece"]);
const CWR: Opt<u8> =
    Opt::new("ecn-tcp-cwr", "set the CWR bit to this").within(0, 1).excludes(&["ecn-tcp-remove"]);
const ECE: Opt<u8> =
    Opt::new("ecn-tcp-ece", "set the ECE bit to this").within(0, 1).excludes(&["ecn-tcp-remove"]);
const ECT: Opt<u8> = Opt::new("ecn-ip-ect", "set the codepoint of the IP header").within(0, 3);

/// `-j ECN`: what each field is set to; `None` leaves it.
///
/// COMPAT: upstream forgets an `--ecn-ip-ect` that stands before `--ecn-tcp-remove`; here it counts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ecn {
    /// ECE of the TCP header.
    pub ece: Option<bool>,
    /// CWR of the TCP header.
    pub cwr: Option<bool>,
    /// The codepoint of the IP header.
    pub ect: Option<u8>,
}

impl Ecn {
    /// Whether it is what `--ecn-tcp-remove` alone says.
    fn removes(&self) -> bool {
        *self == Self { ece: Some(false), cwr: Some(false), ect: None }
    }
}

impl Extension for Ecn {
    const SPEC: Spec = Spec {
        families: Families::Ip4,
        options: &[REMOVE.def(), CWR.def(), ECE.def(), ECT.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "changes the bits of Explicit Congestion Notification",
        cases: &[
            ("--ecn-tcp-remove", Some("--ecn-tcp-remove")),
            ("--ecn-tcp-cwr 1 --ecn-tcp-ece 0", Some("--ecn-tcp-ece 0 --ecn-tcp-cwr 1")),
            (
                "--ecn-ip-ect 3 --ecn-tcp-remove",
                Some("--ecn-tcp-ece 0 --ecn-tcp-cwr 0 --ecn-ip-ect 3"),
            ),
            ("--ecn-tcp-cwr 2", None),
            ("--ecn-ip-ect 4", None),
            ("--ecn-tcp-remove --ecn-tcp-cwr 1", None),
            ("", None),
        ],
        ..Spec::named("ECN")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let removed = args.has(&REMOVE).then_some(false);
        let bit = |opt| Ok(args.get(opt, cx)?.map(|bit| bit != 0).or(removed));
        let value = Self { ece: bit(&ECE)?, cwr: bit(&CWR)?, ect: args.get(&ECT, cx)? };
        if value == (Self { ece: None, cwr: None, ect: None }) {
            return Err(ArgError::own("ECN", "ECN target: An operation is required"));
        }
        Ok(value)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        if self.removes() {
            return w.flag(&REMOVE, true);
        }
        w.opt_if(&ECE, self.ece.map(u8::from).as_ref());
        w.opt_if(&CWR, self.cwr.map(u8::from).as_ref());
        w.opt_if(&ECT, self.ect.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("ECN");
        if self.removes() {
            w.word("TCP remove");
            return;
        }
        let fields = [
            ("ECE=", self.ece.map(u8::from)),
            ("CWR=", self.cwr.map(u8::from)),
            ("ECT codepoint=", self.ect),
        ];
        for (word, value) in fields {
            if let Some(value) = value {
                w.word(word).number(value);
            }
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let set = |given: bool, bit: u8| if given { bit } else { 0 };
        let raw = IptEcnInfo {
            operation: set(self.ect.is_some(), op::SET_IP)
                | set(self.ece.is_some(), op::SET_ECE)
                | set(self.cwr.is_some(), op::SET_CWR),
            ip_ect: self.ect.unwrap_or(0),
            tcp: set(self.ece == Some(true), ECE_BIT) | set(self.cwr == Some(true), CWR_BIT),
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 5]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let IptEcnInfo { operation, ip_ect, tcp } = abi::read(bytes)?;
        let bit = |op, bit| (operation & op != 0).then_some(tcp & bit != 0);
        if operation == 0 || ip_ect > 3 {
            return Err(DecodeError::Unknown);
        }
        Ok(Self {
            ece: bit(op::SET_ECE, ECE_BIT),
            cwr: bit(op::SET_CWR, CWR_BIT),
            ect: (operation & op::SET_IP != 0).then_some(ip_ect),
        })
    }

    fn effect(&self) -> Effect {
        Effect::Ecn(self.clone())
    }
}

abi! {
    /// `struct ipt_ECN_info` (linux/netfilter_ipv4/ipt_ECN.h); `tcp` is its `proto.tcp`.
    struct IptEcnInfo[3] { operation: u8 = 0, ip_ect: u8 = 1, tcp: u8 = 2 }
}
