//! A firewall between two bare ends, in network namespaces: what an end sends is exactly what was made, and nothing
//! answers by itself.
//!
//! ```text
//! end 0 ---- eth0 203.0.113.1, 203.0.113.10 [firewall] eth1 10.0.0.1 ---- end 1
//! ```
//!
//! The firewall asks nobody for addresses of the link (`NOARP`), and a chain before all others drops what it sends by
//! itself: answers of its own would be counted.

use std::fs::File;
use std::io;

use oxtables_engine::Topology;
use oxtables_packet::IfName;
use oxtables_sys::netlink::Netfilter;
use oxtables_sys::raw::{Delivered, Wire};
use oxtables_sys::route::Route;
use oxtables_sys::{interface, namespace};
use oxtables_wire::nft::{self, Chain, Head, Hook};
use oxtables_wire::nl::{Writer, flag};

use super::links::Links;

/// The firewall's interfaces: name, hardware address, addresses.
const SIDES: [(&str, [u8; 6], &[&str]); 2] = [
    ("eth0", [2, 0, 0, 0, 0, 1], &["203.0.113.1", "203.0.113.10"]),
    ("eth1", [2, 0, 0, 0, 0, 2], &["10.0.0.1"]),
];
const END: [u8; 6] = [2, 0, 0, 0, 0, 9];
/// Protocols whose packets to the firewall itself are seen.
pub(crate) const PROTOCOLS: [u8; 8] = [1, 6, 17, 47, 50, 51, 132, 136];

const RTM_NEWLINK: u16 = 16;
const IFLA_ADDRESS: u16 = 1;
const IFF_NOARP: u32 = 0x80;

/// The namespaces, while this value lives.
pub(crate) struct Bed {
    _ends: [File; 2],
    pub(crate) wires: [Wire; 2],
    pub(crate) local: Vec<Delivered>,
}

impl Bed {
    /// A new firewall with two new ends; the thread is in the firewall's namespace afterwards.
    pub(crate) fn make() -> io::Result<Self> {
        let end = || {
            namespace::enter_new_network()?;
            quiet()?;
            namespace::current_network()
        };
        let ends = [end()?, end()?];
        namespace::enter_new_network()?;
        quiet()?;
        let firewall = namespace::current_network()?;
        let links = Links::open()?;
        links.up("lo")?;
        for ((name, mac, addresses), end) in SIDES.iter().zip(&ends) {
            links.cable(name, end)?;
            hardware(name, *mac)?;
            links.up(name)?;
            for address in *addresses {
                links.address(name, address.parse().map_err(io::Error::other)?, 24)?;
            }
        }
        let mut wires = Vec::new();
        for end in &ends {
            namespace::enter_network(end)?;
            Links::open()?.up("eth0")?;
            wires.push(Wire::open(interface::index(b"eth0")?)?);
        }
        namespace::enter_network(&firewall)?;
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        silence()?;
        let local = PROTOCOLS.iter().map(|&p| Delivered::open(p)).collect::<io::Result<_>>()?;
        let wires = wires.try_into().map_err(|_| io::Error::other("two ends"))?;
        Ok(Self { _ends: ends, wires, local })
    }

    /// Sends an IPv4 packet from an end to the firewall.
    pub(crate) fn send(&self, side: usize, packet: &[u8]) -> io::Result<()> {
        let frame = [&SIDES[side].1[..], &END, &[8, 0], packet].concat();
        self.wires[side].send(&frame)
    }
}

/// The same place, for the engine.
pub(crate) fn topology() -> Topology {
    let mut topology = Topology::with_loopback();
    for (name, _, addresses) in SIDES {
        for address in addresses {
            let name = IfName::new(name.as_bytes()).unwrap();
            topology.address(name, address.parse().unwrap(), 24);
        }
    }
    topology
}

/// The interface of a side.
pub(crate) fn name(side: usize) -> IfName {
    IfName::new(SIDES[side].0.as_bytes()).unwrap()
}

/// No IPv6 packets of the kernel's own.
fn quiet() -> io::Result<()> {
    match std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1") {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn hardware(name: &str, mac: [u8; 6]) -> io::Result<()> {
    let [a, b, c, d] = interface::index(name.as_bytes())?.to_ne_bytes();
    let [e, f, g, h] = IFF_NOARP.to_ne_bytes();
    let header = [0, 0, 0, 0, a, b, c, d, e, f, g, h, e, f, g, h];
    let mut w = Writer::new();
    let open = w.begin_with(RTM_NEWLINK, flag::REQUEST | flag::ACK, 1, header);
    w.bytes(IFLA_ADDRESS, &mac);
    w.end(open).map_err(io::Error::other)?;
    Route::open()?.request(w.as_bytes())
}

/// Before every table: what the firewall itself would send goes nowhere.
fn silence() -> io::Result<()> {
    let mut w = Writer::new();
    let head = Head { flags: flag::REQUEST | flag::CREATE | flag::ACK, seq: 2, family: 2 };
    let chain = Chain {
        table: b"silence",
        name: b"own",
        hook: Some(Hook { number: 3, priority: -500 }),
        policy: Some(0),
        kind: b"filter",
        ..Chain::default()
    };
    let written = nft::batch_begin(&mut w, 1, None)
        .and_then(|()| nft::table(&mut w, nft::msg::NEWTABLE, head, b"silence"))
        .and_then(|()| nft::chain(&mut w, nft::msg::NEWCHAIN, head, &chain))
        .and_then(|()| nft::batch_end(&mut w, 3));
    written.map_err(io::Error::other)?;
    let mut netlink = Netfilter::open()?;
    netlink.send(w.as_bytes())?;
    for _ in 0..2 {
        let answer = netlink.recv()?;
        // struct nlmsghdr, then the errno, 0 for an acknowledgement.
        let errno = answer.get(16..20).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes);
        match errno {
            Some(0) => {}
            Some(n) => return Err(io::Error::from_raw_os_error(n.saturating_neg())),
            None => return Err(io::Error::other("no answer")),
        }
    }
    Ok(())
}
