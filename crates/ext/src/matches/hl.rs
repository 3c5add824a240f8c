//! The hop limit of an IPv6 packet (kernel `net/netfilter/xt_hl.c:hl_mt6`).

use crate::matches::hops::{Byte, Hops, Options};
use crate::*;

/// `-m hl`.
pub type Hl = Hops<HopLimit>;

/// The hop limit, a byte of the IP header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HopLimit;

impl Byte for HopLimit {
    const OPTIONS: Options = Options {
        lt: Opt::new("hl-lt", "less than this").excludes(&["hl-eq", "hl-gt"]),
        gt: Opt::new("hl-gt", "greater than this").excludes(&["hl-eq"]),
        eq: Opt::neg("hl-eq", "this").aliases(&["hl"]),
    };
    const MISSING: &'static str =
        "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'";
    const LISTED: &'static str = "HL";
    const AT: u32 = 7;
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &Self::OPTIONS.defs(),
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
}
