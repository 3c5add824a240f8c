//! Random packets for the tests, from a fixed seed.

use std::net::IpAddr;

use oxtables_packet::build::{Extension, Ip, Tcp, Transport};
use oxtables_packet::exthdr;

/// xorshift64*: the tests must be repeatable, not unguessable.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: u64) -> usize {
        usize::try_from((self.next() >> 16) % n).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    pub(crate) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub(crate) fn long(&mut self) -> u32 {
        (u32::from(self.word()) << 16) | u32::from(self.word())
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    pub(crate) fn some_bytes(&mut self, below: u64) -> Vec<u8> {
        let len = self.below(below);
        self.bytes(len)
    }

    pub(crate) fn address(&mut self, v6: bool) -> IpAddr {
        match v6 {
            true => <[u8; 16]>::try_from(self.bytes(16)).unwrap().into(),
            false => <[u8; 4]>::try_from(self.bytes(4)).unwrap().into(),
        }
    }

    pub(crate) fn ip(&mut self) -> Ip {
        let v6 = self.below(2) == 1;
        let mut ip = Ip::new(self.address(v6), self.address(v6));
        ip.tos = self.byte();
        ip.ttl = self.byte();
        ip.id = u32::from(self.word());
        ip.dont_fragment = self.below(2) == 1;
        ip.flow_label = self.long() & 0xf_ffff;
        ip.options = self.some_bytes(41);
        if v6 {
            // In the order that RFC 8200 4.1 recommends, which the oracle asks for.
            for header in [exthdr::HOP, exthdr::DEST, exthdr::ROUTING] {
                if self.below(3) == 0 {
                    ip.extensions.push(Extension { header, body: self.some_bytes(60) });
                }
            }
        }
        ip
    }

    pub(crate) fn transport(&mut self) -> Transport {
        let (sport, dport) = (self.word(), self.word());
        match self.below(4) {
            0 => Transport::Tcp(Tcp {
                sport,
                dport,
                seq: self.long(),
                ack: self.long(),
                flags: self.byte(),
                window: self.word(),
                options: self.some_bytes(41),
            }),
            1 => Transport::Udp { sport, dport },
            2 => Transport::Icmp {
                // Types whose form the oracle does not look into.
                kind: [0, 8, 100, 128, 129][self.below(5)],
                code: 0,
                rest: self.long().to_be_bytes(),
            },
            _ => Transport::Sctp { sport, dport, tag: self.long() },
        }
    }
}
