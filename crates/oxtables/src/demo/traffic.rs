//! Real packets: sent by a host, and what came of them.

use std::fmt;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use oxtables_packet::build::{Ip, Tcp, Transport};
use oxtables_packet::{Icmp, Packet, proto};
use oxtables_sys::raw::{Sender, Tap};

use super::services::read_greeting;
use super::world::{Host, World, source};

/// What a host sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// A TCP connection to a port, and what the service there says.
    Tcp(u16),
    /// A UDP exchange with a port.
    Udp(u16),
    /// One UDP datagram with TOS 0 and TTL 64, watched for where it arrives.
    Datagram(u16),
    /// An ICMP or ICMPv6 echo request.
    Ping,
    /// An ICMP timestamp request.
    Timestamp,
    /// One TCP segment that belongs to no connection.
    Segment {
        /// TCP flags.
        flags: u8,
        /// Source port, if it matters.
        sport: Option<u16>,
        /// Destination port.
        port: u16,
    },
}

/// What came of it, at the sender except where said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A service answered.
    Answer {
        /// Whose.
        by: Host,
        /// Its port.
        port: u16,
        /// The sender's address as the service saw it.
        seen_as: IpAddr,
    },
    /// A segment with SYN and ACK came back.
    SynAck,
    /// A segment with RST came back.
    Reset,
    /// An ICMP or ICMPv6 error came back.
    Error {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
    },
    /// The answer to a ping came back.
    EchoReply,
    /// The answer to a timestamp request came back.
    TimestampReply,
    /// The datagram was seen on the receiver's wire.
    Arrival {
        /// TOS byte.
        tos: u8,
        /// TTL.
        ttl: u8,
    },
    /// Nothing came within the patience.
    Silence,
}

/// FIN, SYN, RST, PSH, ACK, URG.
pub(super) mod tcp_flag {
    pub(in super::super) const FIN: u8 = 1;
    pub(in super::super) const SYN: u8 = 2;
    pub(in super::super) const RST: u8 = 4;
    pub(in super::super) const PSH: u8 = 8;
    pub(in super::super) const ACK: u8 = 16;
    pub(in super::super) const URG: u8 = 32;
}
use tcp_flag::{ACK, FIN, PSH, RST, SYN, URG};

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "TCP {port}"),
            Self::Udp(port) => write!(f, "UDP {port}"),
            Self::Datagram(port) => write!(f, "UDP {port}, TOS 0, TTL 64"),
            Self::Ping => f.write_str("ping"),
            Self::Timestamp => f.write_str("ICMP timestamp"),
            Self::Segment { flags, sport, port } => {
                let all = [
                    (FIN, "FIN"),
                    (SYN, "SYN"),
                    (RST, "RST"),
                    (PSH, "PSH"),
                    (ACK, "ACK"),
                    (URG, "URG"),
                ];
                let set: Vec<&str> =
                    all.into_iter().filter(|(bit, _)| flags & bit != 0).map(|(_, n)| n).collect();
                let set = if set.is_empty() { "no flags".into() } else { set.join(",") };
                match sport {
                    Some(sport) => write!(f, "TCP {port} {set} from {sport}"),
                    None => write!(f, "TCP {port} {set}"),
                }
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { by, port, seen_as } => write!(f, "{by}:{port} answers {seen_as}"),
            Self::SynAck => f.write_str("SYN,ACK"),
            Self::Reset => f.write_str("TCP reset"),
            // RFC 792, RFC 1812 5.2.7.1 and RFC 4443 3.1.
            Self::Error { kind: 3, code: 3 } | Self::Error { kind: 1, code: 4 } => {
                f.write_str("port unreachable")
            }
            Self::Error { kind: 3, code: 13 } | Self::Error { kind: 1, code: 1 } => {
                f.write_str("prohibited")
            }
            Self::Error { kind, code } => write!(f, "ICMP error {kind}/{code}"),
            Self::EchoReply => f.write_str("echo reply"),
            Self::TimestampReply => f.write_str("timestamp reply"),
            Self::Arrival { tos, ttl } => write!(f, "arrives, TOS {tos:#04x}, TTL {ttl}"),
            Self::Silence => f.write_str("no answer"),
        }
    }
}

/// Sends probes, each with ports and identifiers that none had before, so that no connection is mistaken for another.
pub(super) struct Traffic<'a> {
    world: &'a World,
    /// Closing a tap waits for all processors, so each host keeps one.
    taps: [Tap; 3],
    fresh: u16,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(world: &'a World) -> io::Result<Self> {
        let tap = |host| world.within(host, Tap::open);
        let taps = [tap(Host::Client)?, tap(Host::Firewall)?, tap(Host::Server)?];
        // Below the ports that the kernel gives to connections by itself (32768 and up).
        Ok(Self { world, taps, fresh: 20_000 })
    }

    /// Sends `probe` from a host and waits up to `patience` for what comes of it.
    pub(super) fn send(
        &mut self,
        from: Host,
        probe: Probe,
        to: IpAddr,
        patience: Duration,
    ) -> io::Result<Outcome> {
        for tap in &mut self.taps {
            while tap.next(Duration::ZERO)?.is_some() {}
        }
        let world = self.world;
        let tap = self.tap(from);
        match probe {
            Probe::Tcp(port) => {
                world.within(from, || connect(tap, from, SocketAddr::new(to, port), patience))
            }
            Probe::Udp(port) => {
                world.within(from, || exchange(tap, from, SocketAddr::new(to, port), patience))
            }
            Probe::Datagram(port) => self.datagram(from, SocketAddr::new(to, port), patience),
            Probe::Ping => {
                let (ask, reply) = if to.is_ipv4() { (8, 0) } else { (128, 129) };
                self.icmp(from, to, ask, (reply, Outcome::EchoReply), patience)
            }
            Probe::Timestamp => self.icmp(from, to, 13, (14, Outcome::TimestampReply), patience),
            Probe::Segment { flags, sport, port } => {
                let sport = sport.unwrap_or_else(|| self.next());
                let tcp = Tcp { sport, dport: port, seq: 1, flags, window: 1024, ..Tcp::default() };
                self.raw(from, to, &Transport::Tcp(tcp), &[])?;
                let to = SocketAddr::new(to, port);
                watch(self.tap(from), patience, |p| back_to(from, to, p))
            }
        }
    }

    fn tap(&mut self, host: Host) -> &mut Tap {
        let [client, firewall, server] = &mut self.taps;
        match host {
            Host::Client => client,
            Host::Firewall => firewall,
            Host::Server => server,
        }
    }

    fn next(&mut self) -> u16 {
        let next = self.fresh.wrapping_add(1);
        std::mem::replace(&mut self.fresh, next)
    }

    /// Sends a packet made by hand.
    fn raw(&self, from: Host, to: IpAddr, transport: &Transport, payload: &[u8]) -> io::Result<()> {
        let ip = Ip::new(source(from, to), to);
        let packet = Packet::build(&ip, transport, payload).map_err(io::Error::other)?;
        self.world.within(from, || Sender::open(!to.is_ipv4())?.send(packet.bytes(), to))
    }

    fn datagram(&mut self, from: Host, to: SocketAddr, patience: Duration) -> io::Result<Outcome> {
        let sport = self.next();
        let udp = Transport::Udp { sport, dport: to.port() };
        self.raw(from, to.ip(), &udp, b"hello")?;
        let receiver = Host::ALL.into_iter().find(|h| source(*h, source(from, to.ip())) == to.ip());
        let receiver = receiver.ok_or_else(|| io::Error::other("no host has that address"))?;
        watch(self.tap(receiver), patience, |p| match p.udp() {
            Ok(udp) if (udp.sport(), udp.dport(), p.dst()) == (sport, to.port(), to.ip()) => {
                Some(Outcome::Arrival { tos: p.tos(), ttl: p.ttl() })
            }
            _ => None,
        })
    }

    fn icmp(
        &mut self,
        from: Host,
        to: IpAddr,
        kind: u8,
        (reply, outcome): (u8, Outcome),
        patience: Duration,
    ) -> io::Result<Outcome> {
        let [a, b] = self.next().to_be_bytes();
        let rest = [a, b, 0, 1];
        // A timestamp request has three timestamps behind (RFC 792); an echo may carry anything.
        self.raw(from, to, &Transport::Icmp { kind, code: 0, rest }, &[0; 12])?;
        watch(self.tap(from), patience, |p| {
            if p.dst() != source(from, to) {
                return None;
            }
            let got = p.icmp().or_else(|_| p.icmpv6()).ok()?;
            if got.kind == reply {
                return (p.array_at(got.offset + 4) == Ok(rest)).then_some(outcome);
            }
            let quoted = quoted(&got, p)?;
            let offset = quoted.transport().ok()?.offset;
            (quoted.array_at(offset + 4) == Ok(rest))
                .then_some(Outcome::Error { kind: got.kind, code: got.code })
        })
    }
}

/// A TCP connection: greeted, refused, or left alone. The tap tells what the error number of `connect` does not.
fn connect(tap: &mut Tap, from: Host, to: SocketAddr, patience: Duration) -> io::Result<Outcome> {
    let Ok(mut stream) = TcpStream::connect_timeout(&to, patience) else {
        return watch(tap, Duration::ZERO, |p| back_to(from, to, p));
    };
    stream.set_read_timeout(Some(patience))?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    answer(&text)
}

/// A UDP exchange.
fn exchange(tap: &mut Tap, from: Host, to: SocketAddr, patience: Duration) -> io::Result<Outcome> {
    let socket = UdpSocket::bind(SocketAddr::new(source(from, to.ip()), 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(b"hello")?;
    let mut text = [0; 64];
    match socket.recv(&mut text) {
        Ok(len) => answer(text.get(..len).unwrap_or_default()),
        Err(_) => watch(tap, Duration::ZERO, |p| back_to(from, to, p)),
    }
}

fn answer(text: &[u8]) -> io::Result<Outcome> {
    let (by, port, seen_as) = read_greeting(text)
        .ok_or_else(|| io::Error::other("the service's answer cannot be understood"))?;
    Ok(Outcome::Answer { by, port, seen_as })
}

/// Reads the tap until `wanted` finds an outcome or patience ends.
fn watch(
    tap: &mut Tap,
    patience: Duration,
    wanted: impl Fn(&Packet) -> Option<Outcome>,
) -> io::Result<Outcome> {
    let deadline = Instant::now() + patience;
    loop {
        match tap.next(deadline.saturating_duration_since(Instant::now()))? {
            None if Instant::now() >= deadline => return Ok(Outcome::Silence),
            None => {}
            Some(bytes) => {
                // What is not IP (address resolution) passes by.
                if let Some(outcome) = Packet::parse(bytes).ok().as_ref().and_then(&wanted) {
                    return Ok(outcome);
                }
            }
        }
    }
}

/// What a packet to `from` says about a segment or datagram that was sent to `to`.
fn back_to(from: Host, to: SocketAddr, packet: &Packet) -> Option<Outcome> {
    if packet.dst() != source(from, to.ip()) {
        return None;
    }
    match packet.protocol()? {
        proto::TCP => {
            let tcp = packet.tcp().ok()?;
            let flags = tcp.flags();
            match (packet.src(), tcp.sport()) == (to.ip(), to.port()) {
                true if flags & RST != 0 => Some(Outcome::Reset),
                true if flags & (SYN | ACK) == SYN | ACK => Some(Outcome::SynAck),
                _ => None,
            }
        }
        proto::ICMP | proto::ICMPV6 => {
            let icmp = packet.icmp().or_else(|_| packet.icmpv6()).ok()?;
            let quoted = quoted(&icmp, packet)?;
            let (_, port) = quoted.ports().ok()?;
            ((quoted.dst(), port) == (to.ip(), to.port()))
                .then_some(Outcome::Error { kind: icmp.kind, code: icmp.code })
        }
        _ => None,
    }
}

/// The packet an ICMP error is about. Only its beginning is there, so it states a length that it does not have.
fn quoted(error: &Icmp, packet: &Packet) -> Option<Packet> {
    Packet::captured(error.quoted(packet).ok()??, usize::from(u16::MAX)).ok()
}
