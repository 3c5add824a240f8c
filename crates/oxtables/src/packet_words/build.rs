//! Words to a packet.

use super::{NoPacket, PacketWords, fault};
use oxtables_base::{Family, addr};
use oxtables_engine::Arrival;
use oxtables_packet::build::{Fragment, Ip, Tcp, Transport};
use oxtables_packet::{Hook, IfName, Known, Link, Packet, PacketType, Socket, proto};
use std::net::IpAddr;

/// The source port of a packet whose words name none.
const SPORT: u16 = 40_000;

/// A packet that words describe.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// With all that the words say of its context.
    pub(crate) packet: Packet,
    /// Where it comes from.
    pub(crate) arrival: Arrival,
    /// What was assumed, as words that would have said so.
    pub(crate) assumed: Vec<String>,
}

/// What a packet's words leave out, filled in and told.
#[derive(Default)]
struct Assumed(Vec<String>);

impl Assumed {
    fn or<T>(&mut self, given: Option<T>, value: T, words: impl Into<String>) -> T {
        given.unwrap_or_else(|| {
            self.0.push(words.into());
            value
        })
    }
}

impl PacketWords {
    /// The packet. One that nothing says of where it comes from is this host's own if `is_own` says so of its source.
    ///
    /// # Errors
    /// When the words contradict each other or leave out what cannot be assumed.
    pub(crate) fn build(mut self, is_own: impl Fn(IpAddr) -> bool) -> Result<Described, NoPacket> {
        let (family, source, destination) = self.addresses()?;
        let Some(protocol) = self.protocol else {
            // Ports are the more telling fault.
            self.ports()?;
            self.protocol_words(family, None)?;
            return fault("-p", "which protocol the packet has is missing");
        };
        self.ports()?;
        self.protocol_words(family, Some(protocol))?;
        let mut assumed = Assumed::default();
        let arrival = self.arrival(source, is_own)?;
        let ip = Ip {
            tos: self.tos.unwrap_or(0),
            ttl: self.ttl.unwrap_or(64),
            fragment: self.fragment.then_some(Fragment { offset: 185, more: false }),
            ..Ip::new(source, destination)
        };
        let transport = self.transport(family, protocol, &mut assumed)?;
        let payload = self.payload(&ip, &transport)?;
        let built = Packet::build(&ip, &transport, &payload);
        let mut packet = match built {
            Ok(packet) => packet,
            Err(e) => return fault("the packet", e.to_string()),
        };
        self.context(&mut packet, arrival, destination);
        Ok(Described { packet, arrival, assumed: assumed.0 })
    }

    /// These words, and those of `default` for what they do not say.
    pub(crate) fn or(&self, default: &Self) -> Self {
        let [sport, dport] = &self.service;
        let [default_sport, default_dport] = &default.service;
        let word = |own: &Option<Vec<u8>>, other: &Option<Vec<u8>>| {
            own.as_ref().or(other.as_ref()).cloned()
        };
        Self {
            given: self.given.iter().chain(&default.given).copied().collect(),
            family: self.family.or(default.family),
            input: self.input.or(default.input),
            output: self.output.or(default.output),
            source: self.source.or(default.source),
            destination: self.destination.or(default.destination),
            protocol: self.protocol.or(default.protocol),
            sport: self.sport.or(default.sport),
            dport: self.dport.or(default.dport),
            flags: self.flags.or(default.flags),
            icmp: self.icmp.or(default.icmp),
            icmp_word: word(&self.icmp_word, &default.icmp_word),
            service: [word(sport, default_sport), word(dport, default_dport)],
            state: self.state.or(default.state),
            mark: self.mark.or(default.mark),
            fragment: self.fragment || default.fragment,
            mac: self.mac.or(default.mac),
            uid: self.uid.or(default.uid),
            gid: self.gid.or(default.gid),
            ttl: self.ttl.or(default.ttl),
            tos: self.tos.or(default.tos),
            length: self.length.or(default.length),
            packet_type: self.packet_type.or(default.packet_type),
        }
    }

    /// Whether ports are said.
    pub(crate) fn has_ports(&self) -> bool {
        self.service.iter().any(Option::is_some) || self.sport.is_some() || self.dport.is_some()
    }

    /// The packet that answers `packet`, coming in by `input` or of this host's own; `None` if nothing would.
    pub(crate) fn answer_to(packet: &Packet, input: Option<IfName>) -> Option<Self> {
        let protocol = packet.protocol()?;
        let mut words = Self {
            input,
            source: Some(packet.dst()),
            destination: Some(packet.src()),
            protocol: Some(protocol),
            ..Self::default()
        };
        match protocol {
            proto::TCP | proto::UDP | proto::SCTP => {
                let (sport, dport) = packet.ports().ok()?;
                (words.sport, words.dport) = (Some(dport), Some(sport));
                // SYN is answered by SYN and ACK, anything else by ACK.
                let flags = packet.tcp().map(|tcp| 16 | (tcp.flags() & 2)).ok();
                words.flags = flags;
            }
            proto::ICMP if packet.icmp().ok()?.kind == 8 => words.icmp = Some((0, 0)),
            proto::ICMPV6 if packet.icmpv6().ok()?.kind == 128 => words.icmp = Some((129, 0)),
            _ => return None,
        }
        Some(words)
    }

    /// The family and both addresses.
    fn addresses(&self) -> Result<(Family, IpAddr, IpAddr), NoPacket> {
        let source = self.source.ok_or(("-s", "where the packet comes from is missing"));
        let destination = self.destination.ok_or(("-d", "where the packet goes to is missing"));
        let missing =
            |(words, why): (&str, &str)| NoPacket { words: words.into(), why: why.into() };
        let (source, destination) = (source.map_err(missing)?, destination.map_err(missing)?);
        let family = addr::family_of(destination);
        if addr::family_of(source) != family {
            let words = format!("-s {source} -d {destination}");
            return fault(words, "one is an IPv4 address and the other an IPv6 one");
        }
        match self.family {
            Some(said) if said != family => {
                let option = if said == Family::Ip4 { "-4" } else { "-6" };
                fault(format!("{option} -d {destination}"), "the address is of the other family")
            }
            _ => Ok((family, source, destination)),
        }
    }

    /// Ports by number or name.
    fn ports(&mut self) -> Result<(), NoPacket> {
        let [source, destination] = std::mem::take(&mut self.service);
        for (word, option) in [(&source, "--sport"), (&destination, "--dport")] {
            let Some(word) = word else { continue };
            let port = self.port(option, word)?;
            if self.fragment {
                return fault(format!("-f {option} {port}"), "a later fragment has no ports");
            }
            match option {
                "--sport" => self.sport = Some(port),
                _ => self.dport = Some(port),
            }
        }
        Ok(())
    }

    /// Words that only some protocols have.
    fn protocol_words(&mut self, family: Family, protocol: Option<u8>) -> Result<(), NoPacket> {
        if self.flags.is_some() && protocol != Some(proto::TCP) {
            let option = if self.given.contains(&"--syn") { "--syn" } else { "--tcp-flags" };
            return fault(option, "only TCP has these flags: say -p tcp");
        }
        let Some(word) = self.icmp_word.take() else { return Ok(()) };
        let icmp = match family {
            Family::Ip4 => (proto::ICMP, "icmp"),
            Family::Ip6 => (proto::ICMPV6, "icmpv6"),
        };
        if protocol != Some(icmp.0) {
            let why = format!("only ICMP has types: say -p {}", icmp.1);
            return fault("--icmp-type", why);
        }
        if self.fragment {
            return fault("-f --icmp-type", "a later fragment has no type");
        }
        self.icmp = Some(self.icmp_type(family, &word)?);
        Ok(())
    }

    fn arrival(
        &self,
        source: IpAddr,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Result<Arrival, NoPacket> {
        let owner = ["--uid-owner", "--gid-owner"].into_iter().find(|o| self.given.contains(o));
        match (self.input, owner) {
            (Some(input), Some(owner)) => fault(
                format!("-i {input} {owner}"),
                "a packet that comes in has no owner: only programs of this host have",
            ),
            (Some(input), None) => Ok(Arrival::Interface(input)),
            (None, _) if self.mac.is_some() => fault(
                "--mac-source",
                "a packet of this host has no Ethernet header yet: say -i if it comes in",
            ),
            (None, _) if self.output.is_some() || owner.is_some() || is_own(source) => {
                Ok(Arrival::Local)
            }
            (None, _) => fault(
                "-i or -o",
                "whether the packet comes in (-i) or is this host's own (-o) is missing",
            ),
        }
    }

    fn transport(
        &self,
        family: Family,
        protocol: u8,
        assumed: &mut Assumed,
    ) -> Result<Transport, NoPacket> {
        if self.fragment {
            return Ok(match protocol {
                proto::TCP => Transport::Tcp(Tcp::default()),
                other => Transport::Other(other),
            });
        }
        let mut ports = |me: &Self| {
            let Some(dport) = me.dport else {
                return fault("--dport", "which port the packet goes to is missing");
            };
            Ok((assumed.or(me.sport, SPORT, format!("--sport {SPORT}")), dport))
        };
        Ok(match protocol {
            proto::TCP => {
                let (sport, dport) = ports(self)?;
                let (flags, words) = match self.state {
                    Some(oxtables_packet::CtState::Established) => (16, "--tcp-flags ACK"),
                    _ => (2, "--syn"),
                };
                let flags = assumed.or(self.flags, flags, words);
                Transport::Tcp(Tcp { sport, dport, flags, window: 64_240, ..Tcp::default() })
            }
            proto::UDP => {
                let (sport, dport) = ports(self)?;
                Transport::Udp { sport, dport }
            }
            proto::SCTP => {
                let (sport, dport) = ports(self)?;
                Transport::Sctp { sport, dport, tag: 0 }
            }
            proto::ICMP if family == Family::Ip4 => {
                let (kind, code) = assumed.or(self.icmp, (8, 0), "--icmp-type echo-request");
                Transport::Icmp { kind, code, rest: [0, 1, 0, 1] }
            }
            proto::ICMPV6 if family == Family::Ip6 => {
                let (kind, code) = assumed.or(self.icmp, (128, 0), "--icmpv6-type echo-request");
                Transport::Icmp { kind, code, rest: [0, 1, 0, 1] }
            }
            other => Transport::Other(other),
        })
    }

    /// As much as `--length` leaves behind the headers.
    fn payload(&self, ip: &Ip, transport: &Transport) -> Result<Vec<u8>, NoPacket> {
        let Some(length) = self.length else {
            return Ok(if self.fragment { vec![0; 8] } else { Vec::new() });
        };
        // A fragment at an offset has no header to be counted; the rest is learnt by building it.
        let headers = Packet::build(ip, transport, &[]).map_or(0, |p| p.total_len());
        match usize::from(length).checked_sub(headers) {
            Some(len) => Ok(vec![0; len]),
            None => fault(
                format!("--length {length}"),
                format!("the headers of this packet alone have {headers} bytes"),
            ),
        }
    }

    /// What stands beside the bytes.
    fn context(&self, packet: &mut Packet, arrival: Arrival, destination: IpAddr) {
        let context = &mut packet.context;
        context.hook = match arrival {
            Arrival::Interface(_) => Hook::Prerouting,
            Arrival::Local => Hook::Output,
        };
        if let Some(mark) = self.mark {
            context.mark = Known::Known(mark);
        }
        if let Some(state) = self.state {
            context.conntrack.state = Known::Known(state);
        }
        // No words of iptables speak of a bridge or of IPsec here, so the packet has to do with neither.
        context.bridged = Known::Known(false);
        context.physical_in = Known::Absent;
        context.physical_out = Known::Absent;
        context.ipsec_in = Known::Absent;
        context.ipsec_out = Known::Absent;
        let kind = match destination {
            IpAddr::V4(a) if a.is_broadcast() => PacketType::Broadcast,
            a if a.is_multicast() => PacketType::Multicast,
            _ => PacketType::Host,
        };
        context.packet_type = Known::Known(self.packet_type.unwrap_or(kind));
        match arrival {
            Arrival::Interface(_) => {
                if let Some(src) = self.mac {
                    let ethertype = if destination.is_ipv4() { 0x0800 } else { 0x86dd };
                    context.link = Known::Known(Link { src, dst: None, ethertype, vlan: None });
                }
            }
            Arrival::Local => {
                context.link = Known::Absent;
                if self.uid.is_some() || self.gid.is_some() {
                    let mut socket = Socket::default();
                    socket.uid = self.uid.map_or(socket.uid, Known::Known);
                    socket.gid = self.gid.map_or(socket.gid, Known::Known);
                    context.socket = Known::Known(socket);
                }
            }
        }
    }
}
