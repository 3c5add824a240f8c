//! The three hosts on paper: the firewall is the engine on a save file, the others answer as hosts do. For systems that
//! forbid namespaces, with the same lessons and expectations as on real packets.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use oxtables_base::Family;
use oxtables_engine::{
    Arrival, Destination, Done, End, Engine, Options, Outcome as Met, Step, Topology,
};
use oxtables_packet::build::{Ip, Tcp, Transport};
use oxtables_packet::{IfName, Moment, Packet, proto};

use super::services::{TCP, UDP, greeting, read_greeting};
use super::traffic::tcp_flag::{ACK, FIN, PSH, RST, SYN};
use super::traffic::{Outcome, Probe};
use super::world::{
    CLIENT, CLIENT6, FIREWALL, FIREWALL6, Host, INSIDE, INSIDE6, SECOND, SERVER, SERVER6, source,
};
use crate::ruleset::Rules;
use crate::store::set_counters;

/// More packets than any attempt needs: a circle of answers ends here.
const MOST: usize = 32;

/// The hosts, and the directory with the firewall's rules.
pub(super) struct Paper {
    dir: PathBuf,
    /// The next source port.
    port: u16,
    clock: i64,
    /// What LOG wrote since it was asked last.
    log: Vec<String>,
}

impl Paper {
    pub(super) fn make() -> io::Result<Self> {
        let dir = std::env::temp_dir().join(format!("oxtables-demo-{}", std::process::id()));
        std::fs::create_dir(&dir)?;
        Ok(Self { dir, port: 20_000, clock: 1_700_000_000, log: Vec::new() })
    }

    /// The file of the IPv4 rules; those of IPv6 are beside it.
    pub(super) fn rules(&self) -> PathBuf {
        self.dir.join("rules.v4")
    }

    /// Whether LOG wrote a line with this text for the last attempt.
    pub(super) fn logged(&self, text: &str) -> Option<&str> {
        self.log.iter().find(|l| l.contains(text)).map(String::as_str)
    }

    /// Sends what `probe` says and follows every packet that comes of it.
    pub(super) fn send(&mut self, from: Host, probe: Probe, to: IpAddr) -> io::Result<Outcome> {
        self.port = self.port.wrapping_add(1);
        self.clock += 10;
        self.log.clear();
        let mut rules = Rules::default();
        for (family, path) in
            [(Family::Ip4, self.rules()), (Family::Ip6, self.dir.join("rules.v6"))]
        {
            if path.exists() {
                rules
                    .add_file(family, path.as_os_str().as_encoded_bytes())
                    .map_err(io::Error::other)?;
            }
        }
        let engine = Engine::new(&rules.rulesets, topology(), Options::default());
        let mut engine = engine.map_err(io::Error::other)?;
        let attempt = Attempt { from, probe, to, sport: self.port };
        let outcome = attempt.follow(&mut engine, self.clock, &mut self.log)?;
        for (family, path) in
            [(Family::Ip4, self.rules()), (Family::Ip6, self.dir.join("rules.v6"))]
        {
            if rules.file(family).is_some() {
                set_counters(family, &path, &engine)?;
            }
        }
        Ok(outcome)
    }
}

impl Drop for Paper {
    fn drop(&mut self) {
        // What cannot be removed is only a save file among the temporary ones.
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

/// The firewall's.
fn topology() -> Topology {
    let mut topology = Topology::with_loopback();
    let ends = [
        (&b"eth0"[..], [(FIREWALL, 24), (SECOND, 24), (FIREWALL6, 64)].as_slice()),
        (b"eth1", &[(INSIDE, 24), (INSIDE6, 64)]),
    ];
    for (name, addresses) in ends {
        if let Some(name) = IfName::new(name) {
            addresses.iter().for_each(|&(address, len)| topology.address(name, address, len));
        }
    }
    topology
}

/// The interface of the firewall that a host is behind.
fn interface(host: Host) -> Option<IfName> {
    match host {
        Host::Client => IfName::new(b"eth0"),
        Host::Server => IfName::new(b"eth1"),
        Host::Firewall => None,
    }
}

/// One try, with what makes its packets its own.
struct Attempt {
    from: Host,
    probe: Probe,
    to: IpAddr,
    sport: u16,
}

impl Attempt {
    /// Takes packets through the firewall until all is said; what the sender learnt.
    fn follow(
        &self,
        engine: &mut Engine,
        clock: i64,
        log: &mut Vec<String>,
    ) -> io::Result<Outcome> {
        let mut on_way = VecDeque::from([(self.from, self.first()?)]);
        let mut learnt = None;
        for n in 0..MOST {
            let Some((at, packet)) = on_way.pop_front() else { break };
            let arrival = interface(at).map_or(Arrival::Local, Arrival::Interface);
            let time = Moment { seconds: clock, nanos: u32::try_from(n).unwrap_or(0) };
            let walk = engine.packet(packet, arrival, time);
            log.extend(walk.steps.iter().filter_map(logged));
            match &walk.end {
                End::Accept(to) => {
                    let host = host_of(*to, walk.packet.dst());
                    learnt = learnt.or(self.learn(host, &walk.packet));
                    if let Some(answer) = self.answer(host, &walk.packet)? {
                        on_way.push_back((host, answer));
                    }
                }
                End::Reject { answer: Some(bytes), .. } => {
                    let packet = Packet::parse(bytes).map_err(io::Error::other)?;
                    on_way.push_back((Host::Firewall, packet));
                }
                End::Unknown(why) => {
                    return Err(io::Error::other(format!("cannot be told: {why}")));
                }
                _ => {}
            }
        }
        Ok(learnt.unwrap_or(Outcome::Silence))
    }

    fn first(&self) -> io::Result<Packet> {
        let ip = Ip::new(source(self.from, self.to), self.to);
        let (sport, v4) = (self.sport, self.to.is_ipv4());
        let tcp = |flags, sport, dport| {
            Transport::Tcp(Tcp { sport, dport, seq: 1000, flags, window: 64_240, ..Tcp::default() })
        };
        let [a, b] = sport.to_be_bytes();
        let icmp = |kind| Transport::Icmp { kind, code: 0, rest: [a, b, 0, 1] };
        let (transport, payload) = match self.probe {
            Probe::Tcp(port) => (tcp(SYN, sport, port), &b""[..]),
            Probe::Udp(port) | Probe::Datagram(port) => {
                (Transport::Udp { sport, dport: port }, &b"hello"[..])
            }
            Probe::Ping => (icmp(if v4 { 8 } else { 128 }), &[0; 12][..]),
            Probe::Timestamp => (icmp(13), &[0; 12][..]),
            Probe::Segment { flags, sport: own, port } => {
                (tcp(flags, own.unwrap_or(sport), port), &b""[..])
            }
        };
        Packet::build(&ip, &transport, payload).map_err(io::Error::other)
    }

    /// What a packet that came to `host` tells of the attempt.
    fn learn(&self, host: Host, packet: &Packet) -> Option<Outcome> {
        if let (Probe::Datagram(port), Ok(udp)) = (self.probe, packet.udp()) {
            let there = host != self.from && udp.dport() == port;
            return there.then(|| Outcome::Arrival { tos: packet.tos(), ttl: packet.ttl() });
        }
        if host != self.from || packet.dst() != source(self.from, self.to) {
            return None;
        }
        match packet.protocol()? {
            proto::TCP => {
                let tcp = packet.tcp().ok()?;
                let flags = tcp.flags();
                if flags & RST != 0 {
                    return Some(Outcome::Reset);
                }
                let raw = matches!(self.probe, Probe::Segment { .. });
                if raw && flags & (SYN | ACK) == SYN | ACK {
                    return Some(Outcome::SynAck);
                }
                greeted(packet.bytes().get(tcp.offset() + tcp.header_len()..)?)
            }
            proto::UDP => {
                let offset = packet.transport().ok()?.offset + 8;
                greeted(packet.bytes().get(offset..)?)
            }
            proto::ICMP | proto::ICMPV6 => {
                let icmp = packet.icmp().or_else(|_| packet.icmpv6()).ok()?;
                Some(match (icmp.kind, packet.dst().is_ipv4()) {
                    (0, true) | (129, false) => Outcome::EchoReply,
                    (14, true) => Outcome::TimestampReply,
                    (8 | 13, true) | (128, false) => return None,
                    (kind, _) => Outcome::Error { kind, code: icmp.code },
                })
            }
            _ => None,
        }
    }

    /// What a host's own kernel and services answer to a packet.
    fn answer(&self, host: Host, packet: &Packet) -> io::Result<Option<Packet>> {
        let ip = Ip::new(packet.dst(), packet.src());
        let built = |transport: &Transport, payload: &[u8]| {
            Packet::build(&ip, transport, payload).map(Some).map_err(io::Error::other)
        };
        let peer = |port| std::net::SocketAddr::new(packet.src(), port);
        if let Ok(tcp) = packet.tcp() {
            let Some((flags, text)) = self.segment(host, packet) else { return Ok(None) };
            let text =
                text.map_or_else(String::new, |port| greeting(host, port, peer(tcp.sport())));
            let next = tcp.seq().wrapping_add(u32::from(tcp.flags() & (SYN | FIN) != 0));
            // A host that has spoken goes on where the other says it is.
            let seq = if tcp.flags() & ACK == 0 { 5000 } else { tcp.ack() };
            let ack = if flags & ACK == 0 { 0 } else { next };
            let answer = Tcp {
                sport: tcp.dport(),
                dport: tcp.sport(),
                seq,
                ack,
                flags,
                window: 64_240,
                ..Tcp::default()
            };
            return built(&Transport::Tcp(answer), text.as_bytes());
        }
        if let Ok(udp) = packet.udp() {
            if host == self.from {
                return Ok(None);
            }
            let open = UDP.iter().any(|(h, ports)| *h == host && ports.contains(&udp.dport()));
            if open {
                let text = greeting(host, udp.dport(), peer(udp.sport()));
                let answer = Transport::Udp { sport: udp.dport(), dport: udp.sport() };
                return built(&answer, text.as_bytes());
            }
            let (kind, code) = if packet.src().is_ipv4() { (3, 3) } else { (1, 4) };
            return built(&Transport::Icmp { kind, code, rest: [0; 4] }, packet.bytes());
        }
        let Ok(icmp) = packet.icmp().or_else(|_| packet.icmpv6()) else { return Ok(None) };
        let kind = match (icmp.kind, packet.src().is_ipv4()) {
            (8, true) => 0,
            (13, true) => 14,
            (128, false) => 129,
            _ => return Ok(None),
        };
        let rest = packet.array_at(icmp.offset + 4).unwrap_or_default();
        built(&Transport::Icmp { kind, code: 0, rest }, &[0; 12])
    }

    /// The flags of a TCP answer, and the port of the service that speaks with it (RFC 9293 3.10.7).
    fn segment(&self, host: Host, packet: &Packet) -> Option<(u8, Option<u16>)> {
        let tcp = packet.tcp().ok()?;
        let flags = tcp.flags();
        if flags & RST != 0 {
            return None;
        }
        if host == self.from {
            // Of a connection of its own it acknowledges; of a segment made by hand it knows nothing.
            return match (self.probe, flags & (SYN | ACK) == SYN | ACK) {
                (Probe::Tcp(_), true) => Some((ACK, None)),
                (Probe::Tcp(_), false) => None,
                (_, true) => Some((RST, None)),
                _ => None,
            };
        }
        let open = TCP.iter().any(|(h, ports)| *h == host && ports.contains(&tcp.dport()));
        match (open, flags & (SYN | ACK | FIN)) {
            (true, SYN) => Some((SYN | ACK, None)),
            (true, ACK) if matches!(self.probe, Probe::Tcp(_)) => {
                Some((PSH | ACK, Some(tcp.dport())))
            }
            (_, bits) if bits & ACK != 0 => Some((RST, None)),
            (false, bits) if bits & SYN != 0 => Some((RST | ACK, None)),
            _ => None,
        }
    }
}

fn greeted(text: &[u8]) -> Option<Outcome> {
    let (by, port, seen_as) = read_greeting(text)?;
    Some(Outcome::Answer { by, port, seen_as })
}

fn logged(step: &Step) -> Option<String> {
    match step {
        Step::Rule { outcome: Met::Fitted(Done::Logged(line)), .. } => Some(line.clone()),
        _ => None,
    }
}

/// Who gets a packet.
fn host_of(to: Destination, address: IpAddr) -> Host {
    match (to, address) {
        (Destination::Local, _) => Host::Firewall,
        (_, CLIENT | CLIENT6) => Host::Client,
        (_, SERVER | SERVER6) => Host::Server,
        (Destination::Interface(name), _) if name.as_bytes() == b"eth0" => Host::Client,
        _ => Host::Server,
    }
}
