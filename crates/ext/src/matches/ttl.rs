//! The time to live of an IPv4 packet (kernel `net/netfilter/xt_hl.c:ttl_mt`).

use crate::matches::hops::{Byte, Hops, Options};
use crate::*;

/// `-m ttl`.
pub type Ttl = Hops<TimeToLive>;

/// The time to live, a byte of the IP header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimeToLive;

impl Byte for TimeToLive {
    const OPTIONS: Options = Options {
        lt: Opt::new("ttl-lt", "less than this").excludes(&["ttl-eq", "ttl-gt"]),
        gt: Opt::new("ttl-gt", "greater than this").excludes(&["ttl-eq"]),
        eq: Opt::neg("ttl-eq", "this").aliases(&["ttl"]),
    };
    const MISSING: &'static str =
        "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt";
    const LISTED: &'static str = "TTL";
    const AT: u32 = 8;
    const SPEC: Spec = Spec {
        families: Families::Ip4,
        options: &Self::OPTIONS.defs(),
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
}
