//! A firewall between two networks, in network namespaces of our own, with nothing in them that sends by itself.
//!
//! ```text
//! left ---- eth0 [firewall] eth1 ---- right
//! ```
//!
//! The networks have no hosts: frames are put on the wire by hand. The firewall asks nobody for hardware addresses.

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::Path;

use oxtables_engine::Topology;
use oxtables_packet::IfName;
use oxtables_sys::links::Links;
use oxtables_sys::namespace;

/// The firewall's hardware addresses at eth0 and eth1.
pub(crate) const MAC: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

/// The firewall's addresses. All others are behind eth1, but for those near eth0.
pub(crate) const ADDRESSES: [(&str, &str, u8); 5] = [
    ("eth0", "203.0.113.1", 24),
    ("eth0", "203.0.113.10", 24),
    ("eth1", "10.0.0.1", 24),
    ("eth0", "2001:db8:1::1", 64),
    ("eth1", "2001:db8:2::1", 64),
];

/// The namespaces; the process is in the firewall's.
pub(crate) struct World {
    pub(crate) left: File,
    pub(crate) firewall: File,
    pub(crate) right: File,
    pub(crate) ipv6: bool,
}

impl World {
    /// Enters namespaces of our own; the error is the system's refusal.
    pub(crate) fn enter() -> io::Result<[File; 3]> {
        namespace::enter_new_network().or_else(|_| namespace::enter_new_user_and_network())?;
        let firewall = namespace::current_network()?;
        namespace::enter_new_network()?;
        let left = namespace::current_network()?;
        namespace::enter_new_network()?;
        let right = namespace::current_network()?;
        Ok([left, firewall, right])
    }

    pub(crate) fn build([left, firewall, right]: [File; 3]) -> io::Result<Self> {
        let ipv6 = Path::new("/proc/sys/net/ipv6").exists();
        let world = Self { left, firewall, right, ipv6 };
        for side in [&world.left, &world.right] {
            world.within(side, || {
                if ipv6 {
                    set("ipv6/conf/default/disable_ipv6", "1")?;
                    set("ipv6/conf/all/disable_ipv6", "1")?;
                }
                Ok(())
            })?;
        }
        namespace::enter_network(&world.firewall)?;
        if ipv6 {
            // No address of its own, no solicitations, no duplicate address detection.
            set("ipv6/conf/default/addr_gen_mode", "1")?;
            set("ipv6/conf/default/accept_ra", "0")?;
            set("ipv6/conf/default/accept_dad", "0")?;
        }
        let links = Links::open()?;
        links.cable("eth0", &world.left)?;
        links.cable("eth1", &world.right)?;
        links.up("lo")?;
        for (name, mac) in ["eth0", "eth1"].into_iter().zip(MAC) {
            links.hardware_address(name, mac)?;
            links.no_neighbours(name)?;
            links.up(name)?;
        }
        for side in [&world.left, &world.right] {
            world.within(side, || Links::open()?.up("eth0"))?;
        }
        for (name, address, prefix) in ADDRESSES {
            let address: IpAddr = address.parse().unwrap();
            if ipv6 || address.is_ipv4() {
                links.address(name, address, prefix)?;
            }
        }
        links.all_nearby("eth1", false)?;
        if ipv6 {
            links.all_nearby("eth1", true)?;
        }
        settings(ipv6)?;
        Ok(world)
    }

    /// Runs `work` in another namespace than the firewall's.
    pub(crate) fn within<T>(
        &self,
        side: &File,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        namespace::enter_network(side)?;
        let result = work();
        namespace::enter_network(&self.firewall)?;
        result
    }

    /// The firewall as the engine is told of it.
    pub(crate) fn topology() -> Topology {
        let mut topology = Topology::with_loopback();
        let name = |name: &str| IfName::new(name.as_bytes()).unwrap();
        for (interface, address, prefix) in ADDRESSES {
            topology.address(name(interface), address.parse().unwrap(), prefix);
        }
        for any in ["0.0.0.0", "::"] {
            topology.route(any.parse().unwrap(), 0, name("eth1"));
        }
        topology
    }
}

fn settings(ipv6: bool) -> io::Result<()> {
    set("ipv4/ip_forward", "1")?;
    for interface in ["all", "default", "eth0", "eth1", "lo"] {
        for (name, value) in [("rp_filter", "0"), ("send_redirects", "0"), ("accept_local", "1")] {
            set(&format!("ipv4/conf/{interface}/{name}"), value)?;
        }
    }
    // Every ICMP error is to be sent, not one a second.
    set("ipv4/icmp_ratelimit", "0")?;
    set("ipv4/icmp_ratemask", "0")?;
    if ipv6 {
        set("ipv6/conf/all/forwarding", "1")?;
        set("ipv6/icmp/ratelimit", "0")?;
        set("ipv6/icmp/ratemask", "\n")?;
    }
    Ok(())
}

/// `/proc/sys/net` shows and sets the namespace of the thread that reads or writes it.
fn set(name: &str, value: &str) -> io::Result<()> {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))
}
