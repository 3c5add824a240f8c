//! The source hardware address (kernel `net/netfilter/xt_mac.c:mac_mt`).

use crate::abi::{self, abi};
use crate::value::MacAddr;
use crate::*;

const SOURCE: Opt<Neg<MacAddr>> =
    Opt::neg("mac-source", "the Ethernet address the packet came from").required();

/// `-m mac`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mac(Neg<MacAddr>);

impl Extension for Mac {
    const SPEC: Spec = Spec {
        options: &[SOURCE.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the Ethernet address a packet came from",
        cases: &[
            ("--mac-source 00:11:AA:bb:CC:0F", Some("--mac-source 00:11:aa:bb:cc:0f")),
            ("! --mac-source 0:1:2:3:4:5", Some("! --mac-source 00:01:02:03:04:05")),
            ("--mac-source 00:11:22:33:44", None),
            ("--mac-source 00:11:22:33:44:5g", None),
            ("--mac-source 000:11:22:33:44:55", None),
            ("--mac-source 00-11-22-33-44-55", None),
            ("", None),
        ],
        ..Spec::named("mac")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&SOURCE, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&SOURCE, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("MAC").raw(if self.0.not { " ! " } else { " " }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtMacInfo { srcaddr: self.0.value.0, invert: self.0.not.into() });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtMacInfo = abi::read(bytes)?;
        Ok(Self(Neg { not: raw.invert != 0, value: MacAddr(raw.srcaddr) }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Mac {
    /// `mac_mt`: a packet without an Ethernet header never matches, inverted or not.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        cx.link.test(|link| (link.src == self.0.value.0) != self.0.not)
    }
}

abi! {
    /// `struct xt_mac_info` (linux/netfilter/xt_mac.h).
    struct XtMacInfo[12] { srcaddr: [u8; 6] = 0, invert: u32 = 8 }
}
