//! The rtnetlink messages (`linux/rtnetlink.h`, `linux/if_link.h`, `linux/veth.h`) that lay cables and give addresses.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use oxtables_wire::nl::{Open, Writer, flag};

use crate::interface;
use crate::route::Route;

/// The namespace in which [`Links`] works: that of the thread which opened it.
#[derive(Debug)]
pub struct Links {
    route: Route,
}

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_NET_NS_FD: u16 = 28;
const VETH_INFO_PEER: u16 = 1;
const IFF_UP: u32 = 1;
const IFF_NOARP: u32 = 0x80;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// No duplicate address detection: the address can be used at once.
const IFA_F_NODAD: u8 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RTN_UNICAST: u8 = 1;
const RT_SCOPE_LINK: u8 = 253;

impl Links {
    /// Opens a connection to the calling thread's network namespace.
    pub fn open() -> io::Result<Self> {
        Ok(Self { route: Route::open()? })
    }

    /// A veth pair: `name` here, its other end as `eth0` in `peer`.
    pub fn cable(&self, name: &str, peer: &impl AsRawFd) -> io::Result<()> {
        let peer = u32::try_from(peer.as_raw_fd()).map_err(io::Error::other)?;
        let mut w = Writer::new();
        let open = w.begin_with(RTM_NEWLINK, NEW, 1, link(0, 0));
        w.text(IFLA_IFNAME, name.as_bytes());
        let info = w.nest(IFLA_LINKINFO);
        w.text(IFLA_INFO_KIND, b"veth");
        let data = w.nest(IFLA_INFO_DATA);
        let other_end = w.nest(VETH_INFO_PEER);
        w.raw(&link(0, 0));
        w.text(IFLA_IFNAME, b"eth0");
        w.native32(IFLA_NET_NS_FD, peer);
        w.close(other_end);
        w.close(data);
        w.close(info);
        self.request(w, open)
    }

    /// Switches an interface on.
    pub fn up(&self, name: &str) -> io::Result<()> {
        let mut w = Writer::new();
        let header = link(interface::index(name.as_bytes())?, IFF_UP);
        let open = w.begin_with(RTM_NEWLINK, flag::REQUEST | flag::ACK, 1, header);
        self.request(w, open)
    }

    /// Lets an interface send to every address without asking for its hardware address first.
    pub fn no_neighbours(&self, name: &str) -> io::Result<()> {
        let mut w = Writer::new();
        let header = link(interface::index(name.as_bytes())?, IFF_NOARP);
        let open = w.begin_with(RTM_NEWLINK, flag::REQUEST | flag::ACK, 1, header);
        self.request(w, open)
    }

    /// Gives an interface a hardware address.
    pub fn hardware_address(&self, name: &str, address: [u8; 6]) -> io::Result<()> {
        let mut w = Writer::new();
        let header = link(interface::index(name.as_bytes())?, 0);
        let open = w.begin_with(RTM_NEWLINK, flag::REQUEST | flag::ACK, 1, header);
        w.bytes(IFLA_ADDRESS, &address);
        self.request(w, open)
    }

    /// Gives an interface an address.
    pub fn address(&self, name: &str, address: IpAddr, prefix: u8) -> io::Result<()> {
        let [a, b, c, d] = interface::index(name.as_bytes())?.to_ne_bytes();
        let header = [family(address), prefix, IFA_F_NODAD, 0, a, b, c, d];
        let mut w = Writer::new();
        let open = w.begin_with(RTM_NEWADDR, NEW, 1, header);
        for attr in [IFA_LOCAL, IFA_ADDRESS] {
            w.bytes(attr, &octets(address));
        }
        self.request(w, open)
    }

    /// Sends all that is not nearby to a gateway.
    pub fn gateway(&self, gateway: IpAddr) -> io::Result<()> {
        let (table, protocol, kind) = (RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST);
        let header = [family(gateway), 0, 0, 0, table, protocol, 0, kind, 0, 0, 0, 0];
        let mut w = Writer::new();
        let open = w.begin_with(RTM_NEWROUTE, NEW, 1, header);
        w.bytes(RTA_GATEWAY, &octets(gateway));
        self.request(w, open)
    }

    /// Sends all that is not nearby out by an interface, as if it were nearby.
    pub fn all_nearby(&self, name: &str, ipv6: bool) -> io::Result<()> {
        let (table, protocol, kind) = (RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST);
        let family = if ipv6 { 10 } else { 2 };
        let scope = if ipv6 { 0 } else { RT_SCOPE_LINK };
        let header = [family, 0, 0, 0, table, protocol, scope, kind, 0, 0, 0, 0];
        let mut w = Writer::new();
        let open = w.begin_with(RTM_NEWROUTE, NEW, 1, header);
        w.native32(RTA_OIF, interface::index(name.as_bytes())?);
        self.request(w, open)
    }

    fn request(&self, mut w: Writer, open: Open) -> io::Result<()> {
        w.end(open).map_err(io::Error::other)?;
        self.route.request(w.as_bytes())
    }
}

const NEW: u16 = flag::REQUEST | flag::ACK | flag::CREATE | flag::EXCL;

/// `struct ifinfomsg`: family, padding, type, index, flags, change mask.
fn link(index: u32, flags: u32) -> [u8; 16] {
    let ([a, b, c, d], [e, f, g, h]) = (index.to_ne_bytes(), flags.to_ne_bytes());
    [0, 0, 0, 0, a, b, c, d, e, f, g, h, e, f, g, h]
}

/// `AF_INET` or `AF_INET6`.
fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}
