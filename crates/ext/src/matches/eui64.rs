//! Whether the source address was made from the Ethernet address, as IPv6's automatic
//! configuration does (kernel `net/ipv6/netfilter/ip6t_eui64.c:eui64_mt6`).

use crate::*;
use std::net::IpAddr;

/// `-m eui64`.
///
/// COMPAT: listings show nothing for it, as iptables-nft does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Eui64;

/// EtherType of IPv6.
const ETH_P_IPV6: u16 = 0x86dd;
/// The kernel asks for the size of an `int` and uses none of it.
const SIZE: usize = 8;

impl Extension for Eui64 {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        revisions: &[Revision::new(0, SIZE)],
        doc: "matches source addresses whose lower half is made from the sender's Ethernet address",
        cases: &[("", Some(""))],
        ..Spec::named("eui64")
    };

    fn parse(_args: &Args<'_>, _cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self)
    }

    fn save(&self, _w: &mut ArgWriter<'_>) {}

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; SIZE]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, _bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self)
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Eui64 {
    fn test(&self, packet: &Packet, cx: &Context) -> Truth {
        let IpAddr::V6(source) = packet.src() else { return Truth::No };
        let [_, _, _, _, _, _, _, _, lower @ ..] = source.octets();
        cx.link.test(|link| {
            let [a, b, c, d, e, f] = link.src;
            link.ethertype == ETH_P_IPV6 && lower == [a ^ 2, b, c, 0xff, 0xfe, d, e, f]
        })
    }
}
