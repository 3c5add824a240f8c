//! Where the host is: its interfaces with their addresses, and its routes.

use oxtables_base::addr::{family_of, prefix_mask};
use oxtables_base::{Family, HostMask};
use oxtables_packet::{AddressType, Host, IfName, Known, Packet, SetQuery, Truth};
use std::net::{IpAddr, Ipv6Addr};

/// An interface of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: IfName,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Its group (`ip link set ... group`).
    pub group: u32,
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which destinations.
    pub destination: HostMask,
    /// The interface they are behind.
    pub interface: IfName,
    /// The next host on the way, if the destination is not next to us.
    pub gateway: Option<IpAddr>,
    /// Of several routes as narrow, the one with the least is taken.
    pub metric: u32,
}

/// A routing decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// To this host itself.
    Local,
    /// Out by this interface.
    Out(IfName),
    /// No route, or one that refuses.
    Nowhere,
}

/// The host's place in the network. One without interfaces knows nothing and answers so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// Routes beyond those that addresses bring with them.
    pub routes: Vec<Route>,
    /// Whether packets for others are passed on.
    pub forwarding: bool,
}

const UNKNOWN: &str = "the routes of the host are not known";

impl Default for Topology {
    fn default() -> Self {
        Self { interfaces: Vec::new(), routes: Vec::new(), forwarding: true }
    }
}

impl Topology {
    /// A host with `lo` and its addresses, that passes packets on.
    #[must_use]
    pub fn with_loopback() -> Self {
        let mut topology = Self::default();
        if let Some(lo) = IfName::new(b"lo") {
            topology.address(lo, IpAddr::from([127, 0, 0, 1]), 8);
            topology.address(lo, IpAddr::from(1u128.to_be_bytes()), 128);
        }
        topology
    }

    /// Adds an interface, if it is not there.
    pub fn interface(&mut self, name: IfName) -> &mut Interface {
        let at = self.interfaces.iter().position(|i| i.name == name).unwrap_or_else(|| {
            self.interfaces.push(Interface { name, addresses: Vec::new(), group: 0 });
            self.interfaces.len() - 1
        });
        // Found or pushed just now.
        #[allow(clippy::indexing_slicing)]
        &mut self.interfaces[at]
    }

    /// Gives an interface an address; what the prefix covers is then behind the interface.
    pub fn address(&mut self, interface: IfName, address: IpAddr, prefix: u8) {
        self.interface(interface).addresses.push((address, prefix));
    }

    /// Adds a route to what the prefix of `to` covers, without a gateway.
    pub fn route(&mut self, to: IpAddr, prefix: u8, interface: IfName) {
        self.interface(interface);
        if let Some(destination) = HostMask::new(to, prefix_mask(family_of(to), prefix)) {
            self.routes.push(Route { destination, interface, gateway: None, metric: 0 });
        }
    }

    /// Whether an address is this host's.
    #[must_use]
    pub fn is_local(&self, address: IpAddr) -> bool {
        let loopback = matches!(address, IpAddr::V4(a) if a.is_loopback());
        loopback && self.has_loopback()
            || self.interfaces.iter().any(|i| i.addresses.iter().any(|&(a, _)| a == address))
    }

    fn has_loopback(&self) -> bool {
        self.interfaces.iter().any(|i| i.name.as_bytes() == b"lo")
    }

    /// Where a packet to `destination` goes: `net/ipv4/fib_trie.c:fib_table_lookup`, the narrowest prefix wins.
    #[must_use]
    pub fn lookup(&self, destination: IpAddr) -> Known<Routed> {
        if self.interfaces.is_empty() {
            return Known::Unknown(UNKNOWN);
        }
        match self.kind(destination, None) {
            AddressType::Local | AddressType::Broadcast => return Known::Known(Routed::Local),
            _ => {}
        }
        let best = self.best(destination);
        Known::Known(best.map_or(Routed::Nowhere, |r| Routed::Out(r.interface)))
    }

    fn best(&self, destination: IpAddr) -> Option<Route> {
        let connected = self.interfaces.iter().flat_map(|i| {
            i.addresses.iter().filter_map(|&(address, prefix)| {
                let net = HostMask::new(address, prefix_mask(family_of(address), prefix))?;
                Some(Route { destination: net, interface: i.name, gateway: None, metric: 0 })
            })
        });
        let all = connected.chain(self.routes.iter().copied());
        let fits = all.filter(|r| r.destination.contains(destination));
        fits.min_by_key(|r| {
            let len = r.destination.prefix_len().unwrap_or(0);
            (u8::MAX - len, r.metric)
        })
    }

    /// The address that speaks to `destination` by an interface: the first in whose network the next host is, else the
    /// first (`net/ipv4/devinet.c:inet_select_addr`); in IPv6 any of this host's that fits best
    /// (`net/ipv6/addrconf.c:ipv6_dev_get_saddr`: rules 1, 2, 5 and 8 of RFC 6724 5).
    #[must_use]
    pub fn source_towards(&self, out: &IfName, destination: IpAddr) -> Option<IpAddr> {
        if let IpAddr::V6(to) = destination {
            let own = self.interfaces.iter().flat_map(|i| {
                i.addresses.iter().filter_map(move |(a, prefix)| match a {
                    IpAddr::V6(a) => Some((*a, *prefix, i.name == *out)),
                    IpAddr::V4(_) => None,
                })
            });
            let rank = |&(a, prefix, on_out): &(Ipv6Addr, u8, bool)| {
                let alike = (a.to_bits() ^ to.to_bits()).leading_zeros().min(prefix.into());
                let (mine, wanted) = (scope(a), scope(to));
                // The smallest that is large enough, else the largest.
                let reach = if mine >= wanted { (1, -mine) } else { (0, mine) };
                (a == to, reach, on_out, alike)
            };
            return own.max_by_key(rank).map(|(a, ..)| a.into());
        }
        let next = self.best(destination).and_then(|r| r.gateway).unwrap_or(destination);
        // Addresses of the host alone are for nobody else; one without others takes another interface's.
        let others = |(a, _): &(IpAddr, u8)| family_of(*a) == Family::Ip4 && !a.is_loopback();
        let mut own: Vec<(IpAddr, u8)> = self.addresses_of(out).filter(others).collect();
        if own.is_empty() {
            let all = self.interfaces.iter().flat_map(|i| i.addresses.iter().copied());
            own.extend(all.filter(others).take(1));
        }
        let near = own.iter().find(|(a, prefix)| {
            HostMask::new(*a, prefix_mask(family_of(*a), *prefix)).is_some_and(|n| n.contains(next))
        });
        near.or(own.first()).map(|(a, _)| *a)
    }

    /// The address with which this host speaks to itself at `own`: the first of its network on that interface, which is
    /// the preferred source of its local route (`net/ipv4/fib_frontend.c:fib_add_ifaddr`).
    #[must_use]
    pub fn source_to_itself(&self, own: IpAddr) -> Option<IpAddr> {
        let has = |i: &&Interface| i.addresses.iter().any(|(a, _)| *a == own);
        let on = self.interfaces.iter().find(has).map(|i| i.name);
        on.map_or(Some(own), |on| self.source_towards(&on, own))
    }

    /// The addresses of an interface, first the one it is known by.
    pub fn addresses_of(&self, name: &IfName) -> impl Iterator<Item = (IpAddr, u8)> + '_ {
        let name = *name;
        self.interfaces
            .iter()
            .filter(move |i| i.name == name)
            .flat_map(|i| i.addresses.iter().copied())
    }

    fn kind(&self, address: IpAddr, interface: Option<&IfName>) -> AddressType {
        match address {
            IpAddr::V4(a) if a.is_broadcast() || a.is_unspecified() => {
                return AddressType::Broadcast;
            }
            _ if address.is_multicast() => return AddressType::Multicast,
            _ => {}
        }
        let on = |i: &&Interface| interface.is_none_or(|name| i.name == *name);
        let loopback = matches!(address, IpAddr::V4(a) if a.is_loopback()) && self.has_loopback();
        let local = |i: &Interface| {
            let lo = i.name.as_bytes() == b"lo";
            (lo && loopback) || i.addresses.iter().any(|&(a, _)| a == address)
        };
        if self.interfaces.iter().filter(on).any(local) {
            return AddressType::Local;
        }
        if self.interfaces.iter().filter(on).any(|i| is_broadcast(i, address)) {
            return AddressType::Broadcast;
        }
        AddressType::Unicast
    }
}

/// How far an IPv6 address reaches (`ipv6_addr_scope2type`): this host, this link, all.
fn scope(address: Ipv6Addr) -> i8 {
    match address {
        _ if address.is_loopback() => 1,
        _ if address.is_unicast_link_local() => 2,
        _ => 14,
    }
}

/// The last address of an IPv4 prefix shorter than 31 (`net/ipv4/fib_frontend.c:fib_add_ifaddr`).
fn is_broadcast(interface: &Interface, address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    interface.addresses.iter().any(|&(own, prefix)| match own {
        IpAddr::V4(own) if prefix < 31 && !own.is_loopback() => {
            let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            own.to_bits() | host == address.to_bits()
        }
        _ => false,
    })
}

impl Host for Topology {
    /// `net/netfilter/xt_addrtype.c:match_type` by `inet_dev_addr_type`.
    fn address_type(&self, address: IpAddr, interface: Option<&IfName>) -> Known<AddressType> {
        if self.interfaces.is_empty() {
            return Known::Unknown(UNKNOWN);
        }
        let kind = self.kind(address, interface);
        if kind == AddressType::Unicast && self.lookup(address) == Known::Known(Routed::Nowhere) {
            return Known::Known(match address {
                IpAddr::V4(_) => AddressType::Unicast,
                IpAddr::V6(_) => AddressType::Unreachable,
            });
        }
        Known::Known(kind)
    }

    fn in_set(&self, _packet: &Packet, _query: &SetQuery<'_>) -> Truth {
        Truth::Unknown("the content of the ipset is not known")
    }

    /// `net/ipv4/netfilter/ipt_rpfilter.c:rpfilter_mt`: the way back must lead out where it came in.
    fn reverse_path(&self, packet: &Packet, loose: bool, valid_mark: bool, local: bool) -> Truth {
        let Some(input) = packet.context.in_interface.get() else {
            return Truth::Unknown("the incoming interface is not known");
        };
        if input.as_bytes() == b"lo" {
            return Truth::Yes;
        }
        if valid_mark {
            return Truth::Unknown("routing by marks is not modelled");
        }
        let source = packet.src();
        if let IpAddr::V4(a) = source
            && a.is_unspecified()
        {
            let dst = packet.dst();
            return (dst.is_multicast() || dst == IpAddr::from([255; 4])).into();
        }
        match self.lookup(source) {
            Known::Known(Routed::Local) => local.into(),
            Known::Known(Routed::Out(back)) => (loose || back == *input).into(),
            Known::Known(Routed::Nowhere) => Truth::No,
            Known::Absent | Known::Unknown(_) => Truth::Unknown(UNKNOWN),
        }
    }

    fn interface_group(&self, interface: &IfName) -> Known<u32> {
        match self.interfaces.iter().find(|i| i.name == *interface) {
            Some(found) => Known::Known(found.group),
            None => Known::Unknown("the group of the interface is not known"),
        }
    }
}
