//! The type and code of an ICMP message (kernel `net/netfilter/xt_tcpudp.c:icmp_match`).

use crate::matches::icmp_types::{OfType, Row, TypeCode, Types};
use crate::*;
use oxtables_packet::Missing;

/// `-m icmp`.
pub type Icmp = OfType<Names>;

/// The names of ICMP messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Names;

impl Types for Names {
    const SPEC: Spec = Spec {
        families: Families::Ip4,
        implied_by: &[Self::PROTOCOL],
        options: &[Self::TYPE.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the type and code of an ICMP message",
        cases: &[
            ("-p icmp --icmp-type 8", Some("--icmp-type 8")),
            ("-p icmp ! --icmp-type host-unreach", Some("! --icmp-type 3/1")),
            ("-p icmp --icmp-type PING", Some("--icmp-type 8")),
            ("-p icmp --icmp-type 255", Some("--icmp-type any")),
            ("-p icmp --icmp-type 255/255", Some("--icmp-type 255/255")),
            ("-p icmp --icmp-type 0x8/0", Some("--icmp-type 8/0")),
            ("-p icmp --icmp-type echo", None),
            ("-p icmp --icmp-type 256", None),
            ("-p icmp --icmp-type 8/1:3", Some("--icmp-type 8/1:3")),
            ("-p icmp --icmp-type 255/0:255", Some("--icmp-type any")),
            ("-p icmp --icmp-type 8/3:1", None),
            ("-p icmp --icmp-type 8/", None),
            ("-p icmp --icmp-type 8:9", None),
            ("-p icmp", None),
        ],
        ..Spec::named("icmp")
    };
    const TYPE: Opt<Neg<TypeCode<Self>>> =
        Opt::neg("icmp-type", "the message's type, and code where one is given").required();
    const PROTOCOL: u8 = 1;
    const LISTED: &'static str = "icmp";
    const NAMES: &'static [Row] = &[
        ("any", 255, None),
        ("echo-reply", 0, None),
        ("pong", 0, None),
        ("destination-unreachable", 3, None),
        ("network-unreachable", 3, Some(0)),
        ("host-unreachable", 3, Some(1)),
        ("protocol-unreachable", 3, Some(2)),
        ("port-unreachable", 3, Some(3)),
        ("fragmentation-needed", 3, Some(4)),
        ("source-route-failed", 3, Some(5)),
        ("network-unknown", 3, Some(6)),
        ("host-unknown", 3, Some(7)),
        ("network-prohibited", 3, Some(9)),
        ("host-prohibited", 3, Some(10)),
        ("TOS-network-unreachable", 3, Some(11)),
        ("TOS-host-unreachable", 3, Some(12)),
        ("communication-prohibited", 3, Some(13)),
        ("host-precedence-violation", 3, Some(14)),
        ("precedence-cutoff", 3, Some(15)),
        ("source-quench", 4, None),
        ("redirect", 5, None),
        ("network-redirect", 5, Some(0)),
        ("host-redirect", 5, Some(1)),
        ("TOS-network-redirect", 5, Some(2)),
        ("TOS-host-redirect", 5, Some(3)),
        ("echo-request", 8, None),
        ("ping", 8, None),
        ("router-advertisement", 9, None),
        ("router-solicitation", 10, None),
        ("time-exceeded", 11, None),
        ("ttl-exceeded", 11, None),
        ("ttl-zero-during-transit", 11, Some(0)),
        ("ttl-zero-during-reassembly", 11, Some(1)),
        ("parameter-problem", 12, None),
        ("ip-header-bad", 12, Some(0)),
        ("required-option-missing", 12, Some(1)),
        ("timestamp-request", 13, None),
        ("timestamp-reply", 14, None),
        ("info-request", 15, None),
        ("info-reply", 16, None),
        ("address-mask-request", 17, None),
        ("address-mask-reply", 18, None),
    ];
    const ANY: bool = true;
    const WHAT: &'static str = "ICMP type";
    const UNKNOWN_TYPE: &'static str = "Unknown ICMP type `%'";
    const UNKNOWN_CODE: &'static str = "Unknown ICMP code `%'";
    const NO_RANGE: &'static str = "ICMP type range not supported";

    fn message(packet: &Packet) -> Result<(u8, u8), Missing> {
        packet.icmp().map(|message| (message.kind, message.code))
    }
}
