//! The type and code of an ICMPv6 message (kernel `net/netfilter/xt_tcpudp.c:icmp6_match`).

use crate::matches::icmp_types::{OfType, Row, TypeCode, Types};
use crate::*;
use oxtables_packet::Missing;

/// `-m icmp6`.
pub type Icmp6 = OfType<Names>;

/// The names of ICMPv6 messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Names;

impl Types for Names {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        implied_by: &[Self::PROTOCOL],
        options: &[Self::TYPE.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the type and code of an ICMPv6 message",
        cases: &[
            ("-p icmpv6 --icmpv6-type 128", Some("--icmpv6-type 128")),
            ("-p icmpv6 ! --icmpv6-type bad-header", Some("! --icmpv6-type 4/0")),
            ("-p icmpv6 --icmpv6-type 255", Some("--icmpv6-type 255")),
            ("-p icmpv6 --icmpv6-type 1/3", Some("--icmpv6-type 1/3")),
            ("-p icmpv6 --icmpv6-type neigh", None),
            ("-p icmpv6 --icmpv6-type any", None),
            ("-p icmpv6 --icmpv6-type 1/256", None),
            ("-p icmpv6", None),
        ],
        ..Spec::named("icmp6")
    };
    const TYPE: Opt<Neg<TypeCode<Self>>> =
        Opt::neg("icmpv6-type", "the message's type, and code where one is given").required();
    const PROTOCOL: u8 = 58;
    const LISTED: &'static str = "ipv6-icmp";
    const NAMES: &'static [Row] = &[
        ("destination-unreachable", 1, None),
        ("no-route", 1, Some(0)),
        ("communication-prohibited", 1, Some(1)),
        ("beyond-scope", 1, Some(2)),
        ("address-unreachable", 1, Some(3)),
        ("port-unreachable", 1, Some(4)),
        ("failed-policy", 1, Some(5)),
        ("reject-route", 1, Some(6)),
        ("packet-too-big", 2, None),
        ("time-exceeded", 3, None),
        ("ttl-exceeded", 3, None),
        ("ttl-zero-during-transit", 3, Some(0)),
        ("ttl-zero-during-reassembly", 3, Some(1)),
        ("parameter-problem", 4, None),
        ("bad-header", 4, Some(0)),
        ("unknown-header-type", 4, Some(1)),
        ("unknown-option", 4, Some(2)),
        ("echo-request", 128, None),
        ("ping", 128, None),
        ("echo-reply", 129, None),
        ("pong", 129, None),
        ("mld-listener-query", 130, None),
        ("mld-listener-report", 131, None),
        ("mld-listener-done", 132, None),
        ("mld-listener-reduction", 132, None),
        ("router-solicitation", 133, None),
        ("router-advertisement", 134, None),
        ("neighbour-solicitation", 135, None),
        ("neighbor-solicitation", 135, None),
        ("neighbour-advertisement", 136, None),
        ("neighbor-advertisement", 136, None),
        ("redirect", 137, None),
    ];
    const ANY: bool = false;
    const WHAT: &'static str = "ICMPv6 type";
    const UNKNOWN_TYPE: &'static str = "Unknown ICMPv6 type `%'";
    const UNKNOWN_CODE: &'static str = "Unknown ICMPv6 code `%'";
    const NO_RANGE: &'static str = "ICMPv6 type range not supported";

    fn message(packet: &Packet) -> Result<(u8, u8), Missing> {
        packet.icmpv6().map(|message| (message.kind, message.code))
    }
}
