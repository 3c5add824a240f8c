//! The time to live of an IPv4 packet (kernel `net/netfilter/xt_hl.c:ttl_mt`).

use crate::matches::hops::{Hops, Options};
use crate::*;

const OPTIONS: Options = Options {
    lt: Opt::new("ttl-lt", "less than this").excludes(&["ttl-eq", "ttl-gt"]),
    gt: Opt::new("ttl-gt", "greater than this").excludes(&["ttl-eq"]),
    eq: Opt::neg("ttl-eq", "this").aliases(&["ttl"]),
};
/// Where the byte is in the IP header.
const AT: u32 = 8;

/// `-m ttl`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ttl(Hops);

impl Extension for Ttl {
    const SPEC: Spec = Spec {
        families: Families::Ip4,
        options: &[OPTIONS.lt.def(), OPTIONS.gt.def(), OPTIONS.eq.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the time to live of an IPv4 packet",
        cases: &[
            ("--ttl 64", Some("--ttl-eq 64")),
            ("! --ttl-eq 255", Some("! --ttl-eq 255")),
            ("--ttl-lt 0", Some("--ttl-lt 0")),
            ("--ttl-gt 255", Some("--ttl-gt 255")),
            ("! --ttl-lt 5", None),
            ("--ttl-eq 256", None),
            ("--ttl-eq 5 --ttl-lt 6", None),
            ("", None),
        ],
        ..Spec::named("ttl")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let missing = "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt";
        Hops::parse(args, cx, &OPTIONS)?.map(Self).ok_or(ArgError::own("ttl", missing))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.0.save(w, &OPTIONS);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        self.0.list(w, "TTL");
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

impl Match for Ttl {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        self.0.test(packet)
    }
}
