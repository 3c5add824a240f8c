//! This host's interfaces, addresses and routes, asked of the kernel (`linux/rtnetlink.h`).

use oxtables_base::addr::from_octets;
use oxtables_base::{Family, HostMask, addr};
use oxtables_engine::{Route as TopologyRoute, Topology};
use oxtables_packet::IfName;
use oxtables_sys::route::Route;
use oxtables_wire::nl::{Attrs, Messages, Writer};
use std::collections::HashMap;
use std::io;

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
/// Answers have the number of their `RTM_NEW...`, two below that of the question.
const ANSWER: u16 = 2;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IFLA_IFNAME: u16 = 3;
const IFLA_GROUP: u16 = 27;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RT_TABLE_MAIN: u8 = 254;
const RTN_UNICAST: u8 = 1;

/// The host as it is now; whether it passes packets on is that of `family`.
pub(super) fn topology(family: Family) -> io::Result<Topology> {
    let route = Route::open()?;
    let mut topology = Topology { forwarding: forwarding(family), ..Topology::default() };
    let mut names: HashMap<u32, IfName> = HashMap::new();
    dump(&route, RTM_GETLINK, [0; 16], |head, attrs| {
        let name = attrs.clone().find_kind(IFLA_IFNAME).ok().and_then(|a| IfName::new(a.text()));
        if let (Some(name), Some(index)) = (name, number(head, 4)) {
            names.insert(index, name);
            let group = attrs.find_kind(IFLA_GROUP).and_then(|a| a.native32());
            topology.interface(name).group = group.unwrap_or(0);
        }
    })?;
    dump(&route, RTM_GETADDR, [0; 8], |head, attrs| {
        // Of a link between two the own address is the local one.
        let local = attrs.clone().find_kind(IFA_LOCAL).or_else(|_| attrs.find_kind(IFA_ADDRESS));
        let address = local.ok().and_then(|a| from_octets(a.data));
        let name = number(head, 4).and_then(|index| names.get(&index));
        if let (Some(address), Some(name), Some(&len)) = (address, name, head.get(1)) {
            topology.address(*name, address, len);
        }
    })?;
    dump(&route, RTM_GETROUTE, [0; 12], |head, attrs| {
        let &[af, len, _, _, RT_TABLE_MAIN, _, _, RTN_UNICAST, ..] = head else { return };
        let any = addr::unspecified(if af == 10 { Family::Ip6 } else { Family::Ip4 });
        let to = attrs.clone().find_kind(RTA_DST).ok().and_then(|a| from_octets(a.data));
        let gateway = attrs.clone().find_kind(RTA_GATEWAY).ok().and_then(|a| from_octets(a.data));
        let out = attrs.clone().find_kind(RTA_OIF).and_then(|a| a.native32());
        let metric = attrs.find_kind(RTA_PRIORITY).and_then(|a| a.native32()).unwrap_or(0);
        let to = to.unwrap_or(any);
        let destination = HostMask::new(to, addr::prefix_mask(addr::family_of(to), len));
        let interface = out.ok().and_then(|index| names.get(&index));
        if let (Some(destination), Some(&interface)) = (destination, interface) {
            topology.routes.push(TopologyRoute { destination, interface, gateway, metric });
        }
    })?;
    Ok(topology)
}

/// Asks for everything of a kind; each answer's fixed head and its attributes.
fn dump<const N: usize>(
    route: &Route,
    kind: u16,
    head: [u8; N],
    mut each: impl FnMut(&[u8], Attrs<'_>),
) -> io::Result<()> {
    let mut w = Writer::new();
    let open = w.begin_with(kind, NLM_F_REQUEST_DUMP, 1, head);
    w.end(open).map_err(|_| io::Error::other("a request does not fit"))?;
    route.dump(w.as_bytes(), |datagram| {
        let answers = Messages::new(datagram).flatten();
        for message in answers.filter(|m| m.kind == kind - ANSWER) {
            if let Some((head, rest)) = message.payload.split_at_checked(N) {
                each(head, Attrs::new(rest));
            }
        }
    })
}

fn number(head: &[u8], at: usize) -> Option<u32> {
    head.get(at..)?.first_chunk::<4>().map(|b| u32::from_ne_bytes(*b))
}

fn forwarding(family: Family) -> bool {
    let path = match family {
        Family::Ip4 => "/proc/sys/net/ipv4/ip_forward",
        Family::Ip6 => "/proc/sys/net/ipv6/conf/all/forwarding",
    };
    std::fs::read(path).is_ok_and(|value| value.trim_ascii() != b"0")
}
