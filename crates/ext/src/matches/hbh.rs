//! The hop-by-hop options of IPv6 (kernel `net/ipv6/netfilter/ip6t_hbh.c:hbh_mt6`).

use crate::matches::ipv6_options::{Header, HeaderOptions, OptionList};
use crate::*;
use oxtables_packet::exthdr;

/// `-m hbh`.
pub type Hbh = HeaderOptions<HopByHop>;

/// The header of the hop-by-hop options.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HopByHop;

impl Header for HopByHop {
    const LEN: Opt<Neg<u32>> = Opt::neg("hbh-len", "bytes of the header").within(0, 0xffff_ffff);
    const OPTIONS: Opt<OptionList<Self>> =
        Opt::new("hbh-opts", "the header begins with these options, in this order");
    const NUMBER: u8 = exthdr::HOP;
    const BAD_TYPE: &'static str = "hbh: no valid digits in opt `%'";
    const BAD_LENGTH: &'static str = "hbh: no valid digits in length `%'";
    const TRAILING: &'static str = "hbh: error parsing length `%'";
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[Self::LEN.def(), Self::OPTIONS.def()],
        revisions: &[Revision::new(0, 40)],
        doc: "matches the hop-by-hop options of an IPv6 packet",
        cases: &[
            ("", Some("")),
            ("! --hbh-len 0 --hbh-opts 1,0x2:3,0", Some("! --hbh-len 0 --hbh-opts 1,2:3,0")),
            ("--hbh-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", {
                Some("--hbh-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16")
            }),
            ("--hbh-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", None),
            ("--hbh-opts 256", None),
            ("--hbh-opts 1:255", None),
            ("--hbh-opts 0:0", None),
            ("--hbh-opts 1,", None),
            ("! --hbh-opts 1", None),
        ],
        ..Spec::named("hbh")
    };
}
