//! Packets that belong together: connections that begin, go on, are answered, lose segments and are broken off.

use std::net::IpAddr;

use oxtables_engine::{Destination, End, Walk};
use oxtables_packet::build::{Ip, Tcp, Transport};
use oxtables_packet::{Family, Packet, PacketType, proto};

use crate::packets::{HOSTS, OWN, PORTS, Shot, Source, TOS};
use crate::random::Random;

/// A connection under way.
struct Flow {
    source: Source,
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    sport: u16,
    dport: u16,
    /// The next sequence number of each end.
    seq: [u32; 2],
    /// The latest packet of it that came out: where, and how.
    arrived: Option<(Source, Packet)>,
}

/// Makes packets one after the other, told what became of each.
pub(crate) struct Flows {
    family: Family,
    flows: Vec<Flow>,
    /// The port of the latest.
    port: u16,
    /// Whose packet was made last, and whether it went in the direction in which it began.
    last: Option<usize>,
}

/// GRE.
const GRE: u8 = 47;

impl Flows {
    pub(crate) fn new(family: Family) -> Self {
        Self { family, flows: Vec::new(), port: 20_000, last: None }
    }

    /// The next packet, of one of the latest connections more often than of others.
    pub(crate) fn next(&mut self, r: &mut Random) -> Shot {
        if self.flows.is_empty() || r.chance(25) {
            let flow = self.begin(r);
            self.flows.push(flow);
        }
        let count = self.flows.len();
        let at = if r.chance(33) { r.below(count) } else { count - 1 - r.below(count.min(4)) };
        self.last = Some(at);
        let flow = &mut self.flows[at];
        match flow.arrived.clone() {
            Some((source, packet)) if r.chance(50) => flow.back(r, source, &packet),
            _ => flow.on(r),
        }
    }

    /// What became of the latest packet.
    pub(crate) fn became(&mut self, shot: &Shot, walk: &Walk) {
        let source = match walk.end {
            End::Accept(Destination::Local) => Source::Local,
            End::Accept(Destination::Interface(out)) if out.as_bytes() == b"eth0" => Source::Left,
            End::Accept(Destination::Interface(_)) => Source::Right,
            _ => return,
        };
        if let Some(flow) = self.last.map(|at| &mut self.flows[at])
            && flow.source == shot.source
        {
            flow.arrived = Some((source, walk.packet.clone()));
        }
    }

    fn begin(&mut self, r: &mut Random) -> Flow {
        let side = usize::from(self.family == Family::Ip6);
        let source = *r.pick(&[Source::Left, Source::Left, Source::Right, Source::Local]);
        // Near eth0, near eth1.
        let near = if source == Source::Left { 0..2 } else { 2..4 };
        let src = match source {
            Source::Local => r.pick(&OWN[side]),
            _ => r.pick(&HOSTS[side][near]),
        };
        let dst = match source {
            Source::Left | Source::Right if r.chance(33) => r.pick(&OWN[side]),
            Source::Right => r.pick(&HOSTS[side][..2]),
            _ => r.pick(&HOSTS[side][2..]),
        };
        let icmp = if side == 1 { proto::ICMPV6 } else { proto::ICMP };
        let protocol = match r.below(16) {
            0..=6 => proto::TCP,
            7..=11 => proto::UDP,
            12..=14 => icmp,
            _ => *r.pick(&[GRE, proto::ESP, proto::UDPLITE, 200]),
        };
        self.port += 1;
        Flow {
            source,
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            protocol,
            sport: self.port,
            dport: *r.pick(&PORTS),
            seq: [r.long(), r.long()],
            arrived: None,
        }
    }
}

impl Flow {
    /// A packet in the direction in which it began.
    fn on(&mut self, r: &mut Random) -> Shot {
        let ip = header(r, self.src, self.dst);
        let echo = if self.protocol == proto::ICMPV6 { 128 } else { 8 };
        let packet = self.packet(r, &ip, (self.sport, self.dport), 0, (echo, self.sport));
        self.shot(r, self.source, &packet)
    }

    /// An answer to what arrived, or an error about it.
    fn back(&mut self, r: &mut Random, source: Source, arrived: &Packet) -> Shot {
        let ip = header(r, arrived.dst(), arrived.src());
        let v6 = self.protocol == proto::ICMPV6;
        if r.chance(15) {
            let kinds: &[(u8, u8)] = match arrived.family() {
                Family::Ip4 => &[(3, 1), (3, 3), (11, 0), (3, 4), (5, 1)],
                Family::Ip6 => &[(1, 1), (1, 4), (3, 0), (2, 0), (4, 1)],
            };
            let (kind, code) = *r.pick(kinds);
            let all = arrived.bytes();
            let some = if r.chance(50) { all.get(..arrived.header_len() + 8) } else { None };
            let transport = Transport::Icmp { kind, code, rest: [0; 4] };
            let error = Packet::build(&ip, &transport, some.unwrap_or(all)).unwrap();
            return self.shot(r, source, &error);
        }
        let (sport, dport) = arrived.ports().unwrap_or((0, 0));
        let icmp = arrived.icmp().or_else(|_| arrived.icmpv6());
        let id = icmp.and_then(|i| i.id(arrived)).unwrap_or(0);
        let echo = if v6 { 129 } else { 0 };
        let packet = self.packet(r, &ip, (dport, sport), 1, (echo, id));
        self.shot(r, source, &packet)
    }

    fn shot(&self, r: &mut Random, source: Source, packet: &Packet) -> Shot {
        let mut bytes = packet.bytes().to_vec();
        if r.chance(3)
            && let Some(last) = bytes.last_mut()
        {
            // A wrong checksum of the transport, if it has one.
            *last ^= 0x55;
        }
        Shot { source, family: packet.family(), cast: PacketType::Host, bytes, padding: 0 }
    }

    fn packet(
        &mut self,
        r: &mut Random,
        ip: &Ip,
        (sport, dport): (u16, u16),
        dir: usize,
        (echo, id): (u8, u16),
    ) -> Packet {
        let payload = &b"abcabc0123456789zz--------------"[..r.below(32)];
        let built = match self.protocol {
            proto::TCP => {
                let tcp = self.segment(r, sport, dport, dir, payload.len());
                let payload = if tcp.flags & 2 != 0 { &[][..] } else { payload };
                Packet::build(ip, &Transport::Tcp(tcp), payload)
            }
            proto::UDP => Packet::build(ip, &Transport::Udp { sport, dport }, payload),
            proto::ICMP | proto::ICMPV6 => {
                let other: &[u8] =
                    if echo < 128 { &[13, 17, 8, 0, 5, 42] } else { &[128, 129, 139, 1, 100] };
                let kind = if r.chance(8) { *r.pick(other) } else { echo };
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
        built.unwrap()
    }

    /// The next segment of one end, now and then with a sequence number out of the window, or sent again.
    fn segment(
        &mut self,
        r: &mut Random,
        sport: u16,
        dport: u16,
        dir: usize,
        payload: usize,
    ) -> Tcp {
        let mut flags = match (dir, r.below(12)) {
            (0, 0..=4) => 2,
            (1, 0..=4) => 18,
            (_, 5..=7) => 16,
            (_, 8) => 17,
            (_, 9) => 4,
            (_, 10) => 20,
            _ => *r.pick(&[0, 3, 1, 24, 63, 18, 2]),
        };
        if r.chance(10) {
            flags |= 0x40;
        }
        let ack = if flags & 16 != 0 { self.seq[1 - dir] } else { 0 };
        let jump = *r.pick(&[100_000, 1, 0u32.wrapping_sub(100_000), 0u32.wrapping_sub(3), 0, 0]);
        let jump = if r.chance(50) { jump } else { 0 };
        let seq = self.seq[dir].wrapping_add(jump);
        let len = if flags & 2 != 0 { 1 } else { u32::try_from(payload).unwrap() };
        if jump == 0 || r.chance(25) {
            self.seq[dir] = seq.wrapping_add(len).wrapping_add(u32::from(flags & 1));
        }
        let options: &[u8] = match r.below(4) {
            0 if flags & 2 != 0 => &[2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2],
            1 if flags & 2 != 0 => &[2, 4, 1, 0],
            2 => &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0],
            _ => &[],
        };
        let window = *r.pick(&[0, 100, 1000, 65535]);
        Tcp { sport, dport, seq, ack, flags, window, options: options.to_vec() }
    }
}

fn header(r: &mut Random, src: IpAddr, dst: IpAddr) -> Ip {
    let mut ip = Ip::new(src, dst);
    ip.id = u32::from(r.word().max(1));
    ip.tos = *r.pick(&TOS);
    ip.ttl = *r.pick(&[64, 64, 64, 9, 10, 2, 128]);
    ip
}
