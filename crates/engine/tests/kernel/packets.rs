//! Random packets: mostly sound, some of them bent.

use std::net::IpAddr;

use oxtables_engine::Arrival;
use oxtables_packet::build::{Extension, Fragment, Ip, Tcp, Transport};
use oxtables_packet::{Family, IfName, Known, Link, Packet, PacketType, checksum, exthdr, proto};

use crate::observer;
use crate::random::Random;
use crate::world::MAC;

/// Where a packet is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// On the wire at eth0.
    Left,
    /// On the wire at eth1.
    Right,
    /// By a program of the firewall.
    Local,
}

/// A packet and how it comes.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    pub(crate) source: Source,
    pub(crate) family: Family,
    /// How its frame is addressed.
    pub(crate) cast: PacketType,
    pub(crate) bytes: Vec<u8>,
    /// Bytes behind it in the frame.
    pub(crate) padding: usize,
}

/// The hardware address of whoever sends on the wires.
const SENDER: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

impl Shot {
    fn side(&self) -> usize {
        usize::from(self.source == Source::Right)
    }

    fn ethertype(&self) -> u16 {
        if self.family == Family::Ip4 { 0x0800 } else { 0x86dd }
    }

    fn to(&self) -> [u8; 6] {
        match self.cast {
            PacketType::Broadcast => [0xff; 6],
            PacketType::Multicast => [1, 0, 0x5e, 0, 0, 1],
            PacketType::OtherHost => [2, 0, 0, 0, 0, 0x55],
            _ => MAC[self.side()],
        }
    }

    /// The Ethernet frame.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let ethertype = self.ethertype().to_be_bytes();
        let padding = vec![0xaa; self.padding];
        [&self.to()[..], &SENDER, &ethertype, &self.bytes, &padding].concat()
    }

    pub(crate) fn destination(&self) -> IpAddr {
        observer::destination(self.family, &self.bytes).unwrap()
    }

    pub(crate) fn arrival(&self) -> Arrival {
        let interface = |name: &[u8]| Arrival::Interface(IfName::new(name).unwrap());
        match self.source {
            Source::Left => interface(b"eth0"),
            Source::Right => interface(b"eth1"),
            Source::Local => Arrival::Local,
        }
    }

    /// The packet with what is known of it beside its bytes; `None` if no hook ever sees it.
    pub(crate) fn packet(&self) -> Option<Packet> {
        let wire = [&self.bytes[..], &vec![0xaa; self.padding]].concat();
        let mut packet = Packet::parse(&wire).ok()?;
        // `ip_rcv_core`, `eth_type_trans`.
        let refused = packet.family() != self.family
            || !packet.header_checksum_is_right()
            || self.cast == PacketType::OtherHost;
        if refused && self.source != Source::Local {
            return None;
        }
        let context = &mut packet.context;
        context.packet_type = Known::Known(self.cast);
        context.physical_in = Known::Absent;
        context.physical_out = Known::Absent;
        context.bridged = Known::Known(false);
        context.link = match self.source {
            Source::Local => Known::Absent,
            _ => Known::Known(Link {
                src: SENDER,
                dst: Some(self.to()),
                ethertype: self.ethertype(),
                vlan: None,
            }),
        };
        Some(packet)
    }
}

/// Addresses of hosts near eth0, near eth1, and far away.
pub(crate) const HOSTS: [[&str; 6]; 2] = [
    ["203.0.113.2", "203.0.113.77", "10.0.0.2", "10.0.0.200", "192.0.2.5", "198.51.100.9"],
    [
        "2001:db8:1::2",
        "2001:db8:1::77",
        "2001:db8:2::2",
        "2001:db8:2::200",
        "2001:db8:5::5",
        "2a00:1:2::9",
    ],
];
/// The firewall's own.
pub(crate) const OWN: [[&str; 3]; 2] = [
    ["203.0.113.1", "203.0.113.10", "10.0.0.1"],
    ["2001:db8:1::1", "2001:db8:2::1", "2001:db8:2::1"],
];
pub(crate) const PORTS: [u16; 10] = [22, 53, 80, 443, 1023, 1024, 5060, 8080, 40000, 65535];
pub(crate) const TOS: [u8; 8] = [0, 0x02, 0x10, 0x28, 0x48, 0xb8, 0xba, 0xff];
pub(crate) const HOPS: [u8; 8] = [2, 3, 31, 63, 64, 64, 128, 255];

/// What kinds of packets are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taste {
    /// Out of a hundred, how many are fragments, bent, and addressed to all.
    pub(crate) fragments: usize,
    pub(crate) bent: usize,
    pub(crate) cast: usize,
}

pub(crate) fn shot(r: &mut Random, family: Family, taste: Taste) -> Shot {
    let side = usize::from(family == Family::Ip6);
    let source = *r.pick(&[Source::Left, Source::Left, Source::Right, Source::Local]);
    let own = |r: &mut Random| r.pick(&OWN[side]).parse().unwrap();
    let host = |r: &mut Random| r.pick(&HOSTS[side]).parse().unwrap();
    let src: IpAddr = if source == Source::Local { own(r) } else { host(r) };
    let mut dst: IpAddr = match source {
        Source::Local if r.chance(85) => host(r),
        Source::Local => own(r),
        _ if r.chance(45) => own(r),
        _ => host(r),
    };
    // To oneself from the very same address: a connection whose reply has its own name.
    while dst == src {
        dst = host(r);
    }
    let mut ip = Ip::new(src, dst);
    header(r, &mut ip, family, taste);
    let payload_len = *r.pick(&[0, 0, 1, 8, 20, 33, 100, 200]);
    let mut payload = r.bytes(payload_len);
    let transport = transport(r, family, &mut payload);
    let packet = Packet::build(&ip, &transport, &payload).unwrap();
    let mut shot =
        Shot { source, family, cast: PacketType::Host, bytes: packet.bytes().to_vec(), padding: 0 };
    if source != Source::Local {
        if r.chance(taste.cast) {
            let casts = [PacketType::Broadcast, PacketType::Multicast, PacketType::OtherHost];
            shot.cast = *r.pick(&casts);
        }
        if r.chance(10) {
            shot.padding = r.within(1, 30);
        }
    }
    if r.chance(taste.bent) {
        bend(r, &mut shot);
    }
    shot
}

fn header(r: &mut Random, ip: &mut Ip, family: Family, taste: Taste) {
    ip.tos = *r.pick(&TOS);
    ip.ttl = *r.pick(&HOPS);
    // The kernel gives a number to what has none.
    ip.id = u32::from(r.word().max(1));
    ip.dont_fragment = r.chance(40);
    if r.chance(taste.fragments) {
        let (offset, more) = *r.pick(&[(0, true), (1, true), (1, false), (3, false), (185, false)]);
        ip.fragment = Some(Fragment { offset, more });
        ip.dont_fragment = false;
    }
    match family {
        // No operation, end of list, router alert: options that hosts on the way do not write to.
        Family::Ip4 if r.chance(5) => {
            ip.options = r.pick(&[&[1, 1, 1, 0][..], &[0x94, 4, 0, 0], &[1; 12]]).to_vec();
        }
        Family::Ip6 => {
            ip.flow_label = r.long() & 0xf_ffff;
            for (header, percent) in [(exthdr::HOP, 6), (exthdr::DEST, 8)] {
                if r.chance(percent) {
                    // PadN over the rest.
                    let pad = *r.pick(&[4, 12]);
                    let body = [vec![1, pad], vec![0; pad.into()]].concat();
                    ip.extensions.push(Extension { header, body });
                }
            }
        }
        Family::Ip4 => {}
    }
}

fn transport(r: &mut Random, family: Family, payload: &mut Vec<u8>) -> Transport {
    let (sport, dport) = (*r.pick(&PORTS), *r.pick(&PORTS));
    match r.below(20) {
        0..=7 => Transport::Tcp(Tcp {
            sport,
            dport,
            seq: r.long(),
            ack: r.long(),
            flags: *r.pick(&[2, 2, 2, 0x12, 0x10, 0x18, 0x11, 4, 0x14, 0, 0x29, 0x3f, 0xc2]),
            window: r.word(),
            options: tcp_options(r),
        }),
        8..=12 => Transport::Udp { sport, dport },
        13..=16 => {
            let kinds: &[(u8, u8)] = match family {
                Family::Ip4 => &[(8, 0), (0, 0), (3, 1), (3, 3), (3, 4), (11, 0), (13, 0), (5, 1)],
                Family::Ip6 => &[(128, 0), (129, 0), (1, 0), (1, 4), (2, 0), (3, 0), (4, 1)],
            };
            let (kind, code) = *r.pick(kinds);
            Transport::Icmp { kind, code, rest: r.long().to_be_bytes() }
        }
        17 => Transport::Sctp { sport, dport, tag: r.long() },
        18 => {
            payload.splice(..0, r.bytes(24));
            // DCCP, ESP, AH in IPv4 alone (a header of its own in IPv6), GRE, UDP-Lite, none of them known.
            Transport::Other(*r.pick(&[33, 50, 47, 136, 2, 200]))
        }
        _ => Transport::Other(*r.pick(&[proto::TCP, proto::UDP, proto::ICMP])),
    }
}

fn tcp_options(r: &mut Random) -> Vec<u8> {
    match r.below(5) {
        0 => vec![2, 4, 5, 0xb4],
        1 => vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        2 => vec![2, 4, 5, 0xb4, 4, 2, 3, 3, 7],
        _ => Vec::new(),
    }
}

/// Makes something wrong with a packet, in most cases with a right header checksum.
fn bend(r: &mut Random, shot: &mut Shot) {
    let head = if shot.family == Family::Ip4 { 20 } else { 40 };
    // What a program sends has its length and checksum put right, or is not sent.
    let local = shot.source == Source::Local;
    let kinds = if local { 4 } else { 8 };
    match r.below(kinds) {
        // Cut, with a length that says so.
        0 | 1 => {
            let len = r.within(head, shot.bytes.len());
            shot.bytes.truncate(len);
            set_length(shot, len);
        }
        // Something else in the transport header.
        2 | 3 => {
            let at = head + r.below(20);
            if let Some(byte) = shot.bytes.get_mut(at) {
                *byte = r.byte();
            }
        }
        // Cut on the wire alone.
        4 => {
            let len = r.below(shot.bytes.len() + 1);
            shot.bytes.truncate(len);
        }
        // A wrong length.
        5 => {
            let len = (shot.bytes.len() + r.below(40)).saturating_sub(20);
            set_length(shot, len);
        }
        // Something else in the IP header, but for the addresses, which would lead astray, and the TTL.
        6 => {
            let fields: &[usize] =
                if shot.family == Family::Ip4 { &[0, 1, 2, 3, 4, 9, 10] } else { &[0, 1, 4, 5, 6] };
            let at = *r.pick(fields);
            let bit = 1 << r.below(8);
            if let Some(byte) = shot.bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        // Nothing but a wrong checksum.
        _ => {
            if let Some(byte) = shot.bytes.get_mut(10) {
                *byte ^= 0x40;
            }
            return;
        }
    }
    if local || r.chance(85) {
        fix_checksum(shot);
    }
}

fn set_length(shot: &mut Shot, len: usize) {
    let (at, len) = match shot.family {
        Family::Ip4 => (2, len),
        Family::Ip6 => (4, len.saturating_sub(40)),
    };
    if let Some(field) = shot.bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
    }
}

fn fix_checksum(shot: &mut Shot) {
    if shot.family == Family::Ip6 || shot.bytes.len() < 20 {
        return;
    }
    let len = (usize::from(shot.bytes[0] & 15) * 4).clamp(20, shot.bytes.len());
    shot.bytes[10..12].fill(0);
    let sum = checksum(&shot.bytes[..len]);
    shot.bytes[10..12].copy_from_slice(&sum.to_be_bytes());
}
