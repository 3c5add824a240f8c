//! What the kernel keeps beside a packet's bytes.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::{Hook, Known, Packet, Truth};

/// An interface name: 1 to 15 bytes, none of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IfName {
    bytes: [u8; 16],
    len: u8,
}

impl IfName {
    /// The name, if it is one that the kernel can have (`IFNAMSIZ` with the final zero).
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        if name.is_empty() || name.len() > 15 || name.contains(&0) {
            return None;
        }
        let mut bytes = [0; 16];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { bytes, len: u8::try_from(name.len()).ok()? })
    }

    /// The bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The name with zeros behind it, as the kernel compares it under a mask.
    #[must_use]
    pub fn padded(&self) -> &[u8; 16] {
        &self.bytes
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// `skb->pkt_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// `PACKET_HOST`, 0: to us.
    Host,
    /// `PACKET_BROADCAST`, 1.
    Broadcast,
    /// `PACKET_MULTICAST`, 2.
    Multicast,
    /// `PACKET_OTHERHOST`, 3.
    OtherHost,
    /// `PACKET_OUTGOING`, 4.
    Outgoing,
    /// `PACKET_LOOPBACK`, 5.
    Loopback,
}

impl PacketType {
    /// The kernel's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Host => 0,
            Self::Broadcast => 1,
            Self::Multicast => 2,
            Self::OtherHost => 3,
            Self::Outgoing => 4,
            Self::Loopback => 5,
        }
    }

    /// The type of that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        use PacketType::{Broadcast, Host, Loopback, Multicast, OtherHost, Outgoing};
        [Host, Broadcast, Multicast, OtherHost, Outgoing, Loopback]
            .into_iter()
            .find(|t| t.number() == number)
    }
}

/// The Ethernet header in front of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Source MAC address.
    pub src: [u8; 6],
    /// Destination MAC address; `None` where the capture has only the source (Linux cooked).
    pub dst: Option<[u8; 6]>,
    /// EtherType of what follows the tags.
    pub ethertype: u16,
    /// The outermost VLAN tag, if there is one: priority, drop bit and number.
    pub vlan: Option<u16>,
}

/// The state of a packet's connection: `ctinfo`, with what `-m conntrack --ctstate` calls a packet without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CtState {
    /// No connection could be told.
    Invalid,
    /// `IP_CT_NEW`.
    New,
    /// `IP_CT_ESTABLISHED` and its reply.
    Established,
    /// `IP_CT_RELATED` and its reply.
    Related,
    /// `IP_CT_UNTRACKED`: NOTRACK.
    Untracked,
}

impl CtState {
    /// Whether there is a connection (`nf_ct_get` is not `NULL`).
    #[must_use]
    pub fn has_entry(self) -> bool {
        !matches!(self, Self::Invalid | Self::Untracked)
    }
}

/// The direction of a packet in its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// As the first packet: `IP_CT_DIR_ORIGINAL`.
    Original,
    /// Back: `IP_CT_DIR_REPLY`.
    Reply,
}

/// Bits of a connection's status: `enum ip_conntrack_status`.
pub mod ct_status {
    /// An expected connection.
    pub const EXPECTED: u32 = 1;
    /// Packets were seen both ways.
    pub const SEEN_REPLY: u32 = 2;
    /// Never thrown out early.
    pub const ASSURED: u32 = 4;
    /// Its first packet has left the host.
    pub const CONFIRMED: u32 = 8;
    /// Source NAT.
    pub const SRC_NAT: u32 = 16;
    /// Destination NAT.
    pub const DST_NAT: u32 = 32;
}

/// One direction's addresses and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol.
    pub protocol: u8,
    /// Source port; the identifier of an ICMP echo.
    pub sport: u16,
    /// Destination port; for ICMP type and code, high and low byte.
    pub dport: u16,
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What is known of the packet's connection. Without one, `state` tells why and the rest is of no meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Conntrack {
    /// The state.
    pub state: Known<CtState>,
    /// The packet's direction.
    pub direction: Known<Direction>,
    /// The status bits ([`ct_status`]).
    pub status: Known<u32>,
    /// The tuple of the original direction.
    pub original: Known<Tuple>,
    /// The tuple of the reply direction.
    pub reply: Known<Tuple>,
    /// The connection's mark.
    pub mark: Known<u32>,
    /// The labels, bit 0 first (least significant bit of the first byte); absent: none was ever set.
    pub labels: Known<[u8; 16]>,
    /// Seconds until the entry expires.
    pub expires: Known<u32>,
    /// Counters of the original and the reply direction; absent: accounting is off.
    pub counters: Known<[Counters; 2]>,
    /// The zone.
    pub zone: Known<u16>,
    /// The name of the helper that the connection, or the one that expected it, has.
    pub helper: Known<Vec<u8>>,
}

impl Default for Conntrack {
    fn default() -> Self {
        Self {
            state: Known::Unknown("the state of the connection is not known"),
            direction: Known::Unknown("the direction of the packet in its connection is not known"),
            status: Known::Unknown("the status of the connection is not known"),
            original: Known::Unknown("the addresses of the connection are not known"),
            reply: Known::Unknown("the addresses of the connection are not known"),
            mark: Known::Unknown("the mark of the connection is not known"),
            labels: Known::Unknown("the labels of the connection are not known"),
            expires: Known::Unknown("the time left of the connection is not known"),
            counters: Known::Unknown("the counters of the connection are not known"),
            zone: Known::Unknown("the zone of the connection is not known"),
            helper: Known::Unknown("the helper of the connection is not known"),
        }
    }
}

impl Conntrack {
    /// Whether the packet has a connection; the kernel's `nf_ct_get` is not `NULL`.
    #[must_use]
    pub fn has_entry(&self) -> Truth {
        self.state.test(|state| state.has_entry())
    }
}

/// The local socket that a packet comes from or goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Socket {
    /// User of its owner.
    pub uid: Known<u32>,
    /// Group of its owner.
    pub gid: Known<u32>,
    /// Supplementary groups of its owner.
    pub groups: Known<Vec<u32>>,
    /// Path of its cgroup (version 2).
    pub cgroup_path: Known<Vec<u8>>,
    /// net_cls class of its cgroup (version 1).
    pub cgroup_class: Known<u32>,
    /// Its mark.
    pub mark: Known<u32>,
    /// Whether it may take packets for other addresses (`IP_TRANSPARENT`).
    pub transparent: Known<bool>,
    /// Whether it is bound to any address.
    pub wildcard: Known<bool>,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            uid: Known::Unknown("the owner of the socket is not known"),
            gid: Known::Unknown("the group of the socket's owner is not known"),
            groups: Known::Unknown("the groups of the socket's owner are not known"),
            cgroup_path: Known::Unknown("the cgroup of the socket is not known"),
            cgroup_class: Known::Unknown("the class of the socket's cgroup is not known"),
            mark: Known::Unknown("the mark of the socket is not known"),
            transparent: Known::Unknown("whether the socket is transparent is not known"),
            wildcard: Known::Unknown("the address of the socket is not known"),
        }
    }
}

/// One IPsec transformation of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XfrmState {
    /// Request id.
    pub reqid: u32,
    /// Security parameters index.
    pub spi: u32,
    /// Protocol: ESP, AH, IPComp.
    pub protocol: u8,
    /// Tunnel mode, else transport mode.
    pub tunnel: bool,
    /// Outer source address.
    pub src: IpAddr,
    /// Outer destination address.
    pub dst: IpAddr,
}

/// A moment, as it is passed in: seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, under 1,000,000,000.
    pub nanos: u32,
}

/// The kind of a route to an address: `RTN_*` in linux/rtnetlink.h, which `-m addrtype` has as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressType {
    /// No route.
    Unspec,
    /// A gateway or direct route.
    Unicast,
    /// An address of this host.
    Local,
    /// Broadcast.
    Broadcast,
    /// Anycast.
    Anycast,
    /// Multicast.
    Multicast,
    /// Dropped.
    Blackhole,
    /// Unreachable.
    Unreachable,
    /// Prohibited.
    Prohibit,
    /// Looked for in another table.
    Throw,
    /// Translated.
    Nat,
    /// An external resolver.
    Xresolve,
}

impl AddressType {
    /// `RTN_*`; the type's bit in `-m addrtype` is `1 << number`.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unspec => 0,
            Self::Unicast => 1,
            Self::Local => 2,
            Self::Broadcast => 3,
            Self::Anycast => 4,
            Self::Multicast => 5,
            Self::Blackhole => 6,
            Self::Unreachable => 7,
            Self::Prohibit => 8,
            Self::Throw => 9,
            Self::Nat => 10,
            Self::Xresolve => 11,
        }
    }
}

/// A question to an ipset, as `-m set` asks it.
#[derive(Clone, Copy, Debug)]
pub struct SetQuery<'a> {
    /// The set's name.
    pub name: &'a [u8],
    /// For each dimension whether the packet's source (`true`) or its destination is meant, 1 to 6 of them.
    pub source: &'a [bool],
    /// `--return-nomatch`: an entry with `nomatch` counts.
    pub return_nomatch: bool,
}

/// What a packet alone cannot tell: the host's addresses, routes, sets and sockets. Every answer is unknown unless
/// it is given.
pub trait Host: fmt::Debug + Send + Sync {
    /// The type of the route to `address`; `interface` limits it to that interface.
    fn address_type(&self, address: IpAddr, interface: Option<&IfName>) -> Known<AddressType> {
        let _ = (address, interface);
        Known::Unknown("the routes of the host are not known")
    }

    /// Whether the packet is in an ipset.
    fn in_set(&self, packet: &Packet, query: &SetQuery<'_>) -> Truth {
        let _ = (packet, query);
        Truth::Unknown("the content of the ipset is not known")
    }

    /// Whether the packet passes the reverse path test of `-m rpfilter`, before `--invert`.
    fn reverse_path(
        &self,
        packet: &Packet,
        loose: bool,
        valid_mark: bool,
        accept_local: bool,
    ) -> Truth {
        let _ = (packet, loose, valid_mark, accept_local);
        Truth::Unknown("the routes of the host are not known")
    }

    /// The group of an interface (`ip link set ... group`).
    fn interface_group(&self, interface: &IfName) -> Known<u32> {
        let _ = interface;
        Known::Unknown("the group of the interface is not known")
    }
}

/// A host of which nothing is known.
#[derive(Debug)]
struct UnknownHost;

impl Host for UnknownHost {}

/// All that is known beside the bytes.
#[derive(Clone, Debug)]
pub struct Context {
    /// The hook where the packet is.
    pub hook: Hook,
    /// The table that is asked: `filter` ...
    pub table: &'static str,
    /// The interface it came in by; absent for a packet of this host.
    pub in_interface: Known<IfName>,
    /// The interface it leaves by; absent before routing and for a packet to this host.
    pub out_interface: Known<IfName>,
    /// The bridge port it came in by; absent if it was not bridged.
    pub physical_in: Known<IfName>,
    /// The bridge port it leaves by; absent if it is not bridged or not known to the kernel yet.
    pub physical_out: Known<IfName>,
    /// Whether the packet is bridged, not routed (`--physdev-is-bridged`).
    pub bridged: Known<bool>,
    /// The packet's mark; zero, as every packet's begins, unless it is given.
    pub mark: Known<u32>,
    /// `skb->priority`: `CLASSIFY`'s class.
    pub priority: Known<u32>,
    /// The packet's type.
    pub packet_type: Known<PacketType>,
    /// The Ethernet header; absent without one.
    pub link: Known<Link>,
    /// The connection.
    pub conntrack: Conntrack,
    /// The local socket; absent if there is none.
    pub socket: Known<Socket>,
    /// The routing realm.
    pub realm: Known<u32>,
    /// The processor.
    pub cpu: Known<u32>,
    /// The IPsec transformations undone on its way in, outermost last; absent: none.
    pub ipsec_in: Known<Vec<XfrmState>>,
    /// The IPsec transformations to come on its way out; absent: none.
    pub ipsec_out: Known<Vec<XfrmState>>,
    /// When the packet is at the hook.
    pub time: Known<Moment>,
    /// Minutes that local time is *behind* UTC (`sys_tz.tz_minuteswest`), for `-m time --kerneltz`.
    pub minutes_west: Known<i32>,
    /// The host around it.
    pub host: Arc<dyn Host>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            hook: Hook::Input,
            table: "filter",
            in_interface: Known::Unknown("the incoming interface is not known"),
            out_interface: Known::Unknown("the outgoing interface is not known"),
            physical_in: Known::Unknown("the incoming bridge port is not known"),
            physical_out: Known::Unknown("the outgoing bridge port is not known"),
            bridged: Known::Unknown("whether the packet is bridged is not known"),
            mark: Known::Known(0),
            priority: Known::Unknown("the priority of the packet is not known"),
            packet_type: Known::Unknown("the type of the packet is not known"),
            link: Known::Unknown("the Ethernet header is not known"),
            conntrack: Conntrack::default(),
            socket: Known::Unknown("the socket of the packet is not known"),
            realm: Known::Unknown("the routing realm is not known"),
            cpu: Known::Unknown("the processor is not known"),
            ipsec_in: Known::Unknown("the IPsec state of the packet is not known"),
            ipsec_out: Known::Unknown("the IPsec state of the packet is not known"),
            time: Known::Unknown("the time is not known"),
            minutes_west: Known::Unknown("the kernel's time zone is not known"),
            host: Arc::new(UnknownHost),
        }
    }
}
