//! Random packets: connections that begin, go on, are answered and broken off, and what belongs to none.

use oxtables_base::sample::Rng;
use oxtables_packet::build::{Fragment, Ip, Tcp, Transport};
use oxtables_packet::{Packet, proto};
use std::net::IpAddr;

/// A packet to be sent, and by which end.
pub(crate) struct Sent {
    pub(crate) side: usize,
    pub(crate) bytes: Vec<u8>,
}

/// A connection under way.
struct Flow {
    side: usize,
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    sport: u16,
    dport: u16,
    /// The next sequence number of each end.
    seq: [u32; 2],
    /// The latest packet of this connection that came out on the other side: which side, and how.
    arrived: Option<(usize, Packet)>,
}

/// Makes packets one after the other, told what became of each.
pub(crate) struct Traffic {
    flows: Vec<Flow>,
    ports: u16,
    number: u16,
    last: Option<usize>,
}

const CLIENTS: [&str; 4] = ["203.0.113.2", "203.0.113.3", "203.0.113.4", "198.51.100.7"];
const SERVERS: [&str; 4] = ["10.0.0.2", "10.0.0.3", "10.0.0.5", "10.0.0.66"];
const OWN: [&str; 3] = ["203.0.113.1", "203.0.113.10", "10.0.0.1"];
const PORTS: [u16; 6] = [22, 53, 80, 443, 1234, 8080];
const OTHERS: [u8; 6] = [47, proto::ESP, proto::AH, proto::UDPLITE, 136, 47];

fn address(rng: &mut Rng, choices: &[&str]) -> IpAddr {
    rng.pick(choices).unwrap().parse().unwrap()
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self { flows: Vec::new(), ports: 20_000, number: 0, last: None }
    }

    /// The next packet. Its IPv4 identification is its number, by which it is known again.
    pub(crate) fn next(&mut self, rng: &mut Rng) -> Sent {
        self.number += 1;
        if self.flows.is_empty() || rng.one_in(4) {
            let flow = self.begin(rng);
            self.flows.push(flow);
        }
        let at = match rng.one_in(3) {
            true => usize::try_from(rng.bits() >> 9).unwrap_or(0) % self.flows.len(),
            false => {
                self.flows.len()
                    - 1
                    - usize::try_from((rng.bits() >> 9) % 4).unwrap_or(0).min(self.flows.len() - 1)
            }
        };
        self.last = Some(at);
        let number = self.number;
        let flow = &mut self.flows[at];
        let sent = match flow.arrived.clone() {
            Some((side, packet)) if rng.one_in(2) => flow.back(rng, side, &packet, number),
            _ => flow.on(rng, number),
        };
        sent.unwrap_or_else(|| flow.on(rng, number).unwrap())
    }

    /// The packet came out on a side (0, 1) so.
    pub(crate) fn arrived(&mut self, side: usize, packet: &Packet, from: usize) {
        if let Some(at) = self.last
            && self.flows[at].side == from
        {
            self.flows[at].arrived = Some((side, packet.clone()));
        }
    }

    fn begin(&mut self, rng: &mut Rng) -> Flow {
        let side = usize::from(rng.one_in(4));
        let ends = [&CLIENTS, &SERVERS];
        let src = address(rng, &ends[side][..3]);
        let src = if side == 0 && rng.one_in(12) { address(rng, &CLIENTS) } else { src };
        let dst = match rng.one_in(3) {
            true => address(rng, &OWN),
            false => address(rng, ends[1 - side]),
        };
        let protocol = match rng.bits() % 16 {
            0..=6 => proto::TCP,
            7..=11 => proto::UDP,
            12..=14 => proto::ICMP,
            _ => *rng.pick(&OTHERS).unwrap(),
        };
        self.ports += 1;
        let seq =
            [u32::try_from(rng.bits() >> 33).unwrap(), u32::try_from(rng.bits() >> 33).unwrap()];
        let (sport, dport) = (self.ports, *rng.pick(&PORTS).unwrap());
        Flow { side, src, dst, protocol, sport, dport, seq, arrived: None }
    }
}

impl Flow {
    /// A packet in the direction in which it began.
    fn on(&mut self, rng: &mut Rng, number: u16) -> Option<Sent> {
        let ip = header(rng, self.src, self.dst, number);
        let ports = (self.sport, self.dport);
        let bytes = self.packet(rng, &ip, ports, 0, (8, self.sport))?;
        Some(Sent { side: self.side, bytes })
    }

    /// An answer to what arrived, or an error about it.
    fn back(&mut self, rng: &mut Rng, side: usize, packet: &Packet, number: u16) -> Option<Sent> {
        let ip = header(rng, packet.dst(), packet.src(), number);
        if rng.one_in(6) {
            let kinds = [(3, 1), (3, 3), (11, 0), (3, 4), (5, 1)];
            let (kind, code) = *rng.pick(&kinds).unwrap();
            let all = packet.bytes();
            let some = if rng.one_in(2) { all.get(..28).unwrap_or(all) } else { all };
            let transport = Transport::Icmp { kind, code, rest: [0; 4] };
            let error = Packet::build(&ip, &transport, some).ok()?;
            return Some(Sent { side, bytes: error.bytes().to_vec() });
        }
        let (sport, dport) = packet.ports().unwrap_or((0, 0));
        let id = packet.icmp().and_then(|i| i.id(packet)).unwrap_or(0);
        let bytes = self.packet(rng, &ip, (dport, sport), 1, (0, id))?;
        Some(Sent { side, bytes })
    }

    fn packet(
        &mut self,
        rng: &mut Rng,
        ip: &Ip,
        ports: (u16, u16),
        dir: usize,
        echo: (u8, u16),
    ) -> Option<Vec<u8>> {
        let (sport, dport) = ports;
        let payload =
            &b"abcabc0123456789zz--------------"[..usize::try_from(rng.bits() % 32).ok()?];
        let built = match self.protocol {
            proto::TCP => {
                let tcp = self.segment(rng, sport, dport, dir, payload.len());
                let payload = if tcp.flags & 2 != 0 { &[][..] } else { payload };
                Packet::build(ip, &Transport::Tcp(tcp), payload)
            }
            proto::UDP => Packet::build(ip, &Transport::Udp { sport, dport }, payload),
            proto::ICMP => {
                let (kind, id) = echo;
                let kind =
                    if rng.one_in(12) { *rng.pick(&[13, 17, 8, 0, 5, 42]).unwrap() } else { kind };
                let [a, b] = id.to_be_bytes();
                Packet::build(ip, &Transport::Icmp { kind, code: 0, rest: [a, b, 0, 1] }, payload)
            }
            proto::UDPLITE => {
                let head = [sport.to_be_bytes(), dport.to_be_bytes(), [0; 2], [0; 2]].concat();
                Packet::build(ip, &Transport::Other(proto::UDPLITE), &[&head, payload].concat())
            }
            other => {
                let head = [0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0, 0];
                Packet::build(ip, &Transport::Other(other), &[&head, payload].concat())
            }
        };
        let mut bytes = built.ok()?.bytes().to_vec();
        if rng.one_in(40) {
            cut(rng, &mut bytes);
        } else if rng.one_in(40)
            && let Some(last) = bytes.last_mut()
        {
            // A wrong checksum of the transport, if it has one.
            *last ^= 0x55;
        }
        Some(bytes)
    }

    fn segment(
        &mut self,
        rng: &mut Rng,
        sport: u16,
        dport: u16,
        dir: usize,
        payload: usize,
    ) -> Tcp {
        let mut flags = match (dir, rng.bits() % 12) {
            (0, 0..=4) => 2,
            (1, 0..=4) => 18,
            (_, 5..=7) => 16,
            (_, 8) => 17,
            (_, 9) => 4,
            (_, 10) => 20,
            _ => *rng.pick(&[0, 3, 1, 24, 63, 18, 2]).unwrap(),
        };
        if rng.one_in(10) {
            flags |= 0x40;
        }
        let (seq, ack) = (self.seq[dir], self.seq[1 - dir]);
        let jump = match rng.bits() % 12 {
            0 => 100_000,
            1 => 1,
            2 => 0u32.wrapping_sub(100_000),
            3 => 0u32.wrapping_sub(3),
            _ => 0,
        };
        let seq = seq.wrapping_add(jump);
        let len = if flags & 2 != 0 { 1 } else { u32::try_from(payload).unwrap() };
        if jump == 0 || rng.one_in(4) {
            self.seq[dir] = seq.wrapping_add(len).wrapping_add(u32::from(flags & 1));
        }
        let options: &[u8] = match rng.bits() % 4 {
            0 if flags & 2 != 0 => &[2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2],
            1 if flags & 2 != 0 => &[2, 4, 1, 0],
            2 => &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0],
            _ => &[],
        };
        let ack = if flags & 16 != 0 { ack } else { 0 };
        let window = *rng.pick(&[0, 100, 1000, 65535]).unwrap();
        Tcp { sport, dport, seq, ack, flags, window, options: options.to_vec() }
    }
}

fn header(rng: &mut Rng, src: IpAddr, dst: IpAddr, number: u16) -> Ip {
    let mut ip = Ip::new(src, dst);
    ip.id = number.into();
    ip.tos = *rng.pick(&[0, 0, 0x10, 0x08, 0x02, 0xb8, 0x03]).unwrap();
    ip.ttl = *rng.pick(&[64, 64, 64, 9, 10, 2, 1, 128]).unwrap();
    if rng.one_in(40) {
        let offset = *rng.pick(&[0, 1, 10]).unwrap();
        ip.fragment = Some(Fragment { offset, more: rng.one_in(2) });
    }
    ip
}

/// The packet ends within its transport header; the IP header says so.
fn cut(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let keep = 20 + usize::try_from(rng.bits() % 21).unwrap();
    bytes.truncate(keep.max(20));
    let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&len);
    bytes[10..12].fill(0);
    let sum = oxtables_packet::checksum(&bytes[..20]).to_be_bytes();
    bytes[10..12].copy_from_slice(&sum);
}
