//! The hop limit of an IPv6 packet (kernel `net/netfilter/xt_hl.c:hl_mt6`).

use crate::matches::hops::{Hops, Options};
use crate::*;

const OPTIONS: Options = Options {
    lt: Opt::new("hl-lt", "less than this").excludes(&["hl-eq", "hl-gt"]),
    gt: Opt::new("hl-gt", "greater than this").excludes(&["hl-eq"]),
    eq: Opt::neg("hl-eq", "this").aliases(&["hl"]),
};
/// Where the byte is in the IP header.
const AT: u32 = 7;

/// `-m hl`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hl(Hops);

impl Extension for Hl {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[OPTIONS.lt.def(), OPTIONS.gt.def(), OPTIONS.eq.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the hop limit of an IPv6 packet",
        cases: &[
            ("--hl 64", Some("--hl-eq 64")),
            ("! --hl-eq 255", Some("! --hl-eq 255")),
            ("--hl-lt 0", Some("--hl-lt 0")),
            ("--hl-gt 255", Some("--hl-gt 255")),
            ("! --hl-lt 5", None),
            ("--hl-eq 256", None),
            ("--hl-eq 5 --hl-lt 6", None),
            ("", None),
        ],
        ..Spec::named("hl")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let missing = "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'";
        Hops::parse(args, cx, &OPTIONS)?.map(Self).ok_or(ArgError::own("hl", missing))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.0.save(w, &OPTIONS);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        self.0.list(w, "HL");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        Hops::decode(bytes).map(Self)
    }

    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        Hops::raise(items.first()?, AT).map(|hops| (Self(hops), 1))
    }

    fn view(&self) -> View {
        self.0.view()
    }
}

impl Match for Hl {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        self.0.test(packet)
    }
}
