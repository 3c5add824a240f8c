//! Whether the answer to a packet would leave by the interface it came in by (kernel
//! `net/ipv4/netfilter/ipt_rpfilter.c:rpfilter_mt`, `net/ipv6/netfilter/ip6t_rpfilter.c`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;

const LOOSE: Opt<Flag> = Opt::new("loose", "any interface will do");
const VALIDMARK: Opt<Flag> = Opt::new("validmark", "the packet's mark counts for the route");
const ACCEPT_LOCAL: Opt<Flag> = Opt::new("accept-local", "packets from our own addresses pass");
const INVERT: Opt<Flag> = Opt::new("invert", "matches the packets that fail the test");

/// The flags with their bits (`XT_RPFILTER_*`, linux/netfilter/xt_rpfilter.h).
const FLAGS: [(&Opt<Flag>, u8); 4] =
    [(&LOOSE, 1), (&VALIDMARK, 2), (&ACCEPT_LOCAL, 4), (&INVERT, 8)];

/// `-m rpfilter`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rpfilter {
    /// `XT_RPFILTER_*`.
    flags: u8,
}

impl Extension for Rpfilter {
    const SPEC: Spec = Spec {
        options: &[LOOSE.def(), VALIDMARK.def(), ACCEPT_LOCAL.def(), INVERT.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches packets whose answer would leave by the interface they came in by",
        cases: &[
            ("", Some("")),
            ("--invert --loose", Some("--loose --invert")),
            ("--accept-local --validmark", Some("--validmark --accept-local")),
            ("! --loose", None),
            ("--loose --loose", None),
        ],
        ..Spec::named("rpfilter")
    };

    fn parse(args: &Args<'_>, _cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self { flags: args.bits(FLAGS) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        for (opt, bit) in FLAGS {
            w.flag(opt, self.flags & bit != 0);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("rpfilter");
        for (opt, _) in FLAGS.iter().filter(|&&(_, bit)| self.flags & bit != 0) {
            w.word(opt.def().name);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtRpfilterInfo { flags: self.flags });
        out.extend_from_slice(&[0; 7]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let XtRpfilterInfo { flags } = abi::read(bytes)?;
        let known = signs::all(FLAGS.map(|(_, bit)| bit));
        if flags & !known == 0 { Ok(Self { flags }) } else { Err(DecodeError::Unknown) }
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Rpfilter {
    fn test(&self, packet: &Packet, cx: &Context) -> Truth {
        let [loose, valid_mark, accept_local, invert] = FLAGS.map(|(_, bit)| self.flags & bit != 0);
        cx.host.reverse_path(packet, loose, valid_mark, accept_local).invert_if(invert)
    }
}

abi! {
    /// `struct xt_rpfilter_info` (linux/netfilter/xt_rpfilter.h).
    struct XtRpfilterInfo[1] { flags: u8 = 0 }
}
