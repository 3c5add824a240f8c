//! The destination options of IPv6 (kernel `net/ipv6/netfilter/ip6t_hbh.c:hbh_mt6`).

use crate::matches::ipv6_options::{HeaderOptions, OptionList};
use crate::*;
use oxtables_packet::exthdr;

const LEN: Opt<Neg<u32>> = Opt::neg("dst-len", "bytes of the header").within(0, 0xffff_ffff);
const OPTIONS: Opt<OptionList> =
    Opt::new("dst-opts", "the header begins with these options, in this order");

/// `-m dst`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Dst(HeaderOptions);

impl Extension for Dst {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[LEN.def(), OPTIONS.def()],
        revisions: &[Revision::new(0, 40)],
        doc: "matches the destination options of an IPv6 packet",
        cases: &[
            ("", Some("")),
            ("! --dst-len 0 --dst-opts 1,0x2:3,0", Some("! --dst-len 0 --dst-opts 1,2:3,0")),
            ("--dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", {
                Some("--dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16")
            }),
            ("--dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", None),
            ("--dst-opts 256", None),
            ("--dst-opts 1:255", None),
            ("--dst-opts 0:0", None),
            ("--dst-opts 1,", None),
            ("! --dst-opts 1", None),
        ],
        ..Spec::named("dst")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let (len, options) = (args.get_neg(&LEN, cx)?, args.get(&OPTIONS, cx)?);
        Ok(Self(HeaderOptions { len, options }))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&LEN, self.0.len.as_ref());
        w.opt_if(&OPTIONS, self.0.options.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        self.0.list(w, "dst");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        HeaderOptions::decode(bytes).map(Self)
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Match for Dst {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        self.0.test(packet, exthdr::DEST)
    }
}
