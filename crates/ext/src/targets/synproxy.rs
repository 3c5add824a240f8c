//! The TCP handshake done here before the server hears of it
//! (kernel `net/ipv4/netfilter/ipt_SYNPROXY.c:synproxy_tg4`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;

/// `NF_SYNPROXY_OPT_*` (linux/netfilter/nf_synproxy.h).
mod bit {
    pub(super) const MSS: u8 = 0x01;
    pub(super) const WSCALE: u8 = 0x02;
    pub(super) const SACK_PERM: u8 = 0x04;
    pub(super) const TIMESTAMP: u8 = 0x08;
    pub(super) const ECN: u8 = 0x10;
}

const SACK_PERM: Opt<Flag> = Opt::new("sack-perm", "the server understands SACK");
const TIMESTAMP: Opt<Flag> = Opt::new("timestamp", "the server understands timestamps");
const WSCALE: Opt<u8> = Opt::new("wscale", "the server's window scale").within(0, 255);
const MSS: Opt<u16> = Opt::new("mss", "the server's segment size").within(0, 65535);
const ECN: Opt<Flag> = Opt::new("ecn", "the server understands ECN");

/// `-j SYNPROXY`: what the server's answer would say.
///
/// COMPAT: upstream cuts numbers to 8 and 16 bits; they are refused here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Synproxy {
    sack_perm: bool,
    timestamp: bool,
    wscale: Option<u8>,
    mss: Option<u16>,
    ecn: bool,
}

impl Extension for Synproxy {
    const SPEC: Spec = Spec {
        options: &[SACK_PERM.def(), TIMESTAMP.def(), WSCALE.def(), MSS.def(), ECN.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "answers a TCP SYN in the server's place",
        cases: &[
            ("", Some("")),
            (
                "--ecn --mss 1460 --wscale 7 --timestamp --sack-perm",
                Some("--sack-perm --timestamp --wscale 7 --mss 1460 --ecn"),
            ),
            ("--wscale 0 --mss 0", Some("--wscale 0 --mss 0")),
            ("--mss 65536", None),
            ("--wscale 256", None),
        ],
        ..Spec::named("SYNPROXY")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            sack_perm: args.has(&SACK_PERM),
            timestamp: args.has(&TIMESTAMP),
            wscale: args.get(&WSCALE, cx)?,
            mss: args.get(&MSS, cx)?,
            ecn: args.has(&ECN),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.flag(&SACK_PERM, self.sack_perm);
        w.flag(&TIMESTAMP, self.timestamp);
        w.opt_if(&WSCALE, self.wscale.as_ref());
        w.opt_if(&MSS, self.mss.as_ref());
        w.flag(&ECN, self.ecn);
    }

    /// COMPAT: a blank follows every word.
    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("SYNPROXY ");
        w.raw(if self.sack_perm { "sack-perm " } else { "" });
        w.raw(if self.timestamp { "timestamp " } else { "" });
        if let Some(wscale) = self.wscale {
            w.raw("wscale ").number(wscale).raw(" ");
        }
        if let Some(mss) = self.mss {
            w.raw("mss ").number(mss).raw(" ");
        }
        w.raw(if self.ecn { "ecn " } else { "" });
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let set = |given: bool, bit: u8| if given { bit } else { 0 };
        let raw = NfSynproxyInfo {
            options: set(self.mss.is_some(), bit::MSS)
                | set(self.wscale.is_some(), bit::WSCALE)
                | set(self.sack_perm, bit::SACK_PERM)
                | set(self.timestamp, bit::TIMESTAMP)
                | set(self.ecn, bit::ECN),
            wscale: self.wscale.unwrap_or(0),
            mss: self.mss.unwrap_or(0),
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: NfSynproxyInfo = abi::read(bytes)?;
        let has = |bit| raw.options & bit != 0;
        Ok(Self {
            sack_perm: has(bit::SACK_PERM),
            timestamp: has(bit::TIMESTAMP),
            wscale: has(bit::WSCALE).then_some(raw.wscale),
            mss: has(bit::MSS).then_some(raw.mss),
            ecn: has(bit::ECN),
        })
    }

    fn effect(&self) -> Effect {
        Effect::Unknown("the answers of SYNPROXY are not modelled")
    }
}

abi! {
    /// `struct nf_synproxy_info` (linux/netfilter/nf_synproxy.h).
    struct NfSynproxyInfo[4] { options: u8 = 0, wscale: u8 = 1, mss: u16 = 2 }
}
