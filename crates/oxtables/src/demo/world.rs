//! Three hosts in network namespaces of their own: a client and a server, and the firewall between them.
//!
//! ```text
//! client 203.0.113.2 ---- 203.0.113.1 eth0 [firewall] eth1 10.0.0.1 ---- 10.0.0.2 server
//!        2001:db8:1::2    2001:db8:1::1                    2001:db8:2::1  2001:db8:2::2
//! ```

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use oxtables_sys::links::Links;
use oxtables_sys::namespace;

/// A host of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Client,
    Firewall,
    Server,
}

impl Host {
    pub(super) const ALL: [Self; 3] = [Self::Client, Self::Firewall, Self::Server];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Firewall => "firewall",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

pub(super) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2));
pub(super) const FIREWALL: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
/// The firewall's second address towards the client, for SNAT to show.
pub(super) const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));
pub(super) const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(super) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(super) const CLIENT6: IpAddr = v6(1, 2);
pub(super) const FIREWALL6: IpAddr = v6(1, 1);
pub(super) const INSIDE6: IpAddr = v6(2, 1);
pub(super) const SERVER6: IpAddr = v6(2, 2);

const fn v6(net: u16, host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, host))
}

/// The address with which `from` sends to `to`.
pub(super) fn source(from: Host, to: IpAddr) -> IpAddr {
    match (from, to.is_ipv4()) {
        (Host::Client, true) => CLIENT,
        (Host::Client, false) => CLIENT6,
        (Host::Server, true) => SERVER,
        (Host::Server, false) => SERVER6,
        (Host::Firewall, true) if to == CLIENT => FIREWALL,
        (Host::Firewall, true) => INSIDE,
        (Host::Firewall, false) if to == CLIENT6 => FIREWALL6,
        (Host::Firewall, false) => INSIDE6,
    }
}

/// Why there is no world.
#[derive(Debug)]
pub(super) enum Failed {
    /// The system does not let this process have namespaces of its own.
    Forbidden(io::Error),
    /// They are there, but the step named did not work in them.
    Step(&'static str, io::Error),
}

/// The namespaces. The process is in the firewall's, except within [`World::within`].
pub(super) struct World {
    client: File,
    firewall: File,
    server: File,
    /// Whether this kernel has IPv6.
    pub(super) ipv6: bool,
}

impl World {
    /// Makes the namespaces, lays the cables, gives the addresses and lets the firewall forward.
    ///
    /// The process must have one thread only; it has left its namespaces for good afterwards.
    pub(super) fn make() -> Result<Self, Failed> {
        enter_own().map_err(Failed::Forbidden)?;
        let firewall = current()?;
        let client = another()?;
        let server = another()?;
        let ipv6 = Path::new("/proc/sys/net/ipv6").exists();
        let world = Self { client, firewall, server, ipv6 };
        world.enter(Host::Firewall).map_err(|e| Failed::Step("enter the firewall", e))?;
        world.connect().map_err(|e| Failed::Step("connect the hosts", e))?;
        world.settings().map_err(|e| Failed::Step("let the firewall forward packets", e))?;
        Ok(world)
    }

    /// Runs `work` in a host's namespace.
    pub(super) fn within<T>(
        &self,
        host: Host,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.enter(host)?;
        let result = work();
        self.enter(Host::Firewall)?;
        result
    }

    fn enter(&self, host: Host) -> io::Result<()> {
        namespace::enter_network(match host {
            Host::Client => &self.client,
            Host::Firewall => &self.firewall,
            Host::Server => &self.server,
        })
    }

    fn connect(&self) -> io::Result<()> {
        let firewall = Links::open()?;
        firewall.cable("eth0", &self.client)?;
        firewall.cable("eth1", &self.server)?;
        self.addresses(
            &firewall,
            &[
                ("eth0", FIREWALL, 24),
                ("eth0", SECOND, 24),
                ("eth1", INSIDE, 24),
                ("eth0", FIREWALL6, 64),
                ("eth1", INSIDE6, 64),
            ],
        )?;
        self.within(Host::Client, || self.end_host([(CLIENT, FIREWALL), (CLIENT6, FIREWALL6)]))?;
        self.within(Host::Server, || self.end_host([(SERVER, INSIDE), (SERVER6, INSIDE6)]))
    }

    /// A host with one interface and a gateway, in each family.
    fn end_host(&self, [v4, v6]: [(IpAddr, IpAddr); 2]) -> io::Result<()> {
        let links = Links::open()?;
        self.addresses(&links, &[("eth0", v4.0, 24), ("eth0", v6.0, 64)])?;
        [v4, v6].iter().filter(|g| self.has(g.1)).try_for_each(|g| links.gateway(g.1))
    }

    fn addresses(&self, links: &Links, all: &[(&str, IpAddr, u8)]) -> io::Result<()> {
        links.up("lo")?;
        for (name, address, prefix) in all.iter().filter(|(_, a, _)| self.has(*a)) {
            links.up(name)?;
            links.address(name, *address, *prefix)?;
        }
        Ok(())
    }

    fn has(&self, address: IpAddr) -> bool {
        self.ipv6 || address.is_ipv4()
    }

    /// `/proc/sys/net` shows and sets the namespace of the thread that reads or writes it.
    fn settings(&self) -> io::Result<()> {
        set("ipv4/ip_forward", "1")?;
        if self.ipv6 {
            set("ipv6/conf/all/forwarding", "1")?;
        }
        for host in Host::ALL {
            // Every ICMP error is to be sent, not one a second.
            self.within(host, || set("ipv4/icmp_ratelimit", "0"))?;
            if self.ipv6 {
                self.within(host, || set("ipv6/icmp/ratelimit", "0"))?;
            }
        }
        Ok(())
    }
}

fn set(name: &str, value: &str) -> io::Result<()> {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))
}

/// Root needs no user namespace; where it may not have a network namespace so (a container's root), as others.
fn enter_own() -> io::Result<()> {
    namespace::enter_new_network().or_else(|_| namespace::enter_new_user_and_network())
}

fn current() -> Result<File, Failed> {
    namespace::current_network().map_err(|e| Failed::Step("find the namespace", e))
}

fn another() -> Result<File, Failed> {
    namespace::enter_new_network().map_err(Failed::Forbidden)?;
    current()
}
