//! The destination options of IPv6 (kernel `net/ipv6/netfilter/ip6t_hbh.c:hbh_mt6`).

use crate::matches::ipv6_options::{Header, HeaderOptions, OptionList};
use crate::*;
use oxtables_packet::exthdr;

/// `-m dst`.
pub type Dst = HeaderOptions<Destination>;

/// The header of the destination options.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Destination;

impl Header for Destination {
    const LEN: Opt<Neg<u32>> = Opt::neg("dst-len", "bytes of the header").within(0, 0xffff_ffff);
    const OPTIONS: Opt<OptionList<Self>> =
        Opt::new("dst-opts", "the header begins with these options, in this order");
    const NUMBER: u8 = exthdr::DEST;
    const BAD_TYPE: &'static str = "dst: no valid digits in opt `%'";
    const BAD_LENGTH: &'static str = "dst: no valid digits in length `%'";
    const TRAILING: &'static str = "dst: error parsing length `%'";
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[Self::LEN.def(), Self::OPTIONS.def()],
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
}
