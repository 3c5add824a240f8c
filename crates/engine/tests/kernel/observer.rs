//! What the kernel does with a packet: sent for real, and seen where it leaves the last hook and on the far wire.
//!
//! A table of nf_tables that iptables knows nothing of looks at packets behind everything else at INPUT and
//! POSTROUTING and tells us of each (nfnetlink_log, `linux/netfilter/nfnetlink_log.h`), with its mark. What has come
//! through INPUT ends there: the host is to answer nothing. What the host would say by itself (echo replies,
//! expired packets, multicast reports) it may not say; the answers of REJECT pass.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::time::Duration;

use oxtables_packet::Family;
use oxtables_sys::interface;
use oxtables_sys::netlink::Netfilter;
use oxtables_sys::raw::{Frames, Sender, Tap};
use oxtables_wire::nft::expr::{self, Base, CmpOp, Log, REG_1, Verdict, meta};
use oxtables_wire::nft::{self, Chain, Head, Hook, Rule, msg};
use oxtables_wire::nl::{Messages, Writer, flag};

use crate::packets::{Shot, Source};
use crate::world::World;

/// The last hook that a packet came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Input,
    Postrouting,
}

/// A packet behind the last hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) last: Last,
    /// The interface it leaves by.
    pub(crate) output: Option<&'static str>,
    pub(crate) mark: u32,
    pub(crate) bytes: Vec<u8>,
}

/// `NFPROTO_INET`.
const INET: u8 = 1;
const TABLE: &[u8] = b"oracle";
const GROUP: u16 = 4711;
/// `NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET`, `| NFULNL_MSG_CONFIG`.
const MSG_PACKET: u16 = 4 << 8;
const MSG_CONFIG: u16 = MSG_PACKET + 1;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`.
const MSG_CT_DELETE: u16 = 1 << 8 | 2;
/// `SO_PRIORITY` of what is sent by hand.
const OURS: u32 = 0xfab;
/// An EtherType of nobody (IEEE 802 local experimental).
const BARRIER: u16 = 0x88b5;
const NOW: Duration = Duration::ZERO;
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Observer {
    log: Netfilter,
    sides: [Frames; 2],
    local: [Option<Sender>; 2],
    barrier: Tap,
    barriers: u64,
    /// What left the firewall, by interface and family.
    wires: [[Option<Tap>; 2]; 2],
    names: Vec<(u32, &'static str)>,
}

fn side(family: Family) -> usize {
    usize::from(family == Family::Ip6)
}

impl Observer {
    pub(crate) fn open(world: &World) -> io::Result<Self> {
        let frames = || Frames::open(interface::index(b"eth0")?);
        let wires = || -> io::Result<[Option<Tap>; 2]> {
            let v6 = if world.ipv6 { Some(Tap::received(0x86dd)?) } else { None };
            Ok([Some(Tap::received(0x0800)?), v6])
        };
        let left = world.within(&world.left, || Ok((frames()?, wires()?)))?;
        let right = world.within(&world.right, || Ok((frames()?, wires()?)))?;
        let sender = |v6| -> io::Result<Option<Sender>> {
            let sender = Sender::open(v6)?;
            sender.set_priority(i32::try_from(OURS).unwrap())?;
            Ok(Some(sender))
        };
        let mut names = Vec::new();
        for name in ["lo", "eth0", "eth1"] {
            names.push((interface::index(name.as_bytes())?, name));
        }
        let mut observer = Self {
            log: Netfilter::open()?,
            sides: [left.0, right.0],
            local: [sender(false)?, if world.ipv6 { sender(true)? } else { None }],
            barrier: Tap::received(BARRIER)?,
            barriers: 0,
            wires: [left.1, right.1],
            names,
        };
        observer.listen()?;
        observer.table()?;
        Ok(observer)
    }

    /// Binds to the group; every packet is told at once and whole.
    fn listen(&mut self) -> io::Result<()> {
        let mut w = Writer::new();
        // NFULA_CFG_CMD 1: NFULNL_CFG_CMD_BIND 1. NFULA_CFG_MODE 2: range, NFULNL_COPY_PACKET 2. NFULA_CFG_QTHRESH 5.
        let m = w.begin(MSG_CONFIG, flag::REQUEST | flag::ACK, 1, 0, GROUP);
        w.u8(1, 1);
        w.bytes(2, &[0, 0, 0xff, 0xff, 2, 0]);
        w.be32(5, 1);
        w.end(m).map_err(io::Error::other)?;
        self.log.send(w.as_bytes())?;
        acknowledged(&mut self.log)
    }

    /// The table that sees what is left of packets.
    fn table(&mut self) -> io::Result<()> {
        let mut w = Writer::new();
        let head = |flags| Head { flags, seq: 1, family: INET };
        let create = flag::CREATE | flag::ACK;
        let wrong = io::Error::other;
        nft::batch_begin(&mut w, 1, None).map_err(wrong)?;
        nft::table(&mut w, msg::NEWTABLE, head(create), TABLE).map_err(wrong)?;
        // Registered before conntrack's own last hook of the same priority, it runs behind that.
        let chains: [(&[u8], u32, i32); 3] =
            [(b"input", 1, i32::MAX), (b"output", 3, i32::MIN), (b"postrouting", 4, i32::MAX)];
        for (name, number, priority) in chains {
            let hook = Some(Hook { number, priority });
            let (kind, policy) = (&b"filter"[..], Some(1));
            let chain = Chain { table: TABLE, name, hook, policy, kind, ..Chain::default() };
            nft::chain(&mut w, msg::NEWCHAIN, head(create), &chain).map_err(wrong)?;
        }
        let mut rule = |chain: &'static [u8], expressions: &dyn Fn(&mut Writer)| {
            let rule = Rule { table: TABLE, chain, ..Rule::default() };
            let head = head(create | flag::APPEND);
            nft::rule(&mut w, msg::NEWRULE, head, &rule, expressions).map_err(wrong)
        };
        let log = Log { group: Some(GROUP), snaplen: None, qthreshold: Some(1), ..Log::default() };
        rule(b"input", &|w| {
            expr::log(w, &log);
            expr::verdict(w, Verdict::Drop);
        })?;
        rule(b"postrouting", &|w| expr::log(w, &log))?;
        let accept = |w: &mut Writer, conditions: &[(u32, &[u8])], first: Option<u8>| {
            for (key, value) in conditions {
                expr::meta(w, *key, REG_1);
                expr::cmp(w, REG_1, CmpOp::Eq, value);
            }
            if let Some(first) = first {
                expr::payload(w, Base::Transport, 0, 1, REG_1);
                expr::cmp(w, REG_1, CmpOp::Eq, &[first]);
            }
            expr::verdict(w, Verdict::Accept);
        };
        rule(b"output", &|w| accept(w, &[(meta::PRIORITY, &OURS.to_ne_bytes())], None))?;
        rule(b"output", &|w| accept(w, &[(meta::L4PROTO, &[6])], None))?;
        rule(b"output", &|w| accept(w, &[(meta::L4PROTO, &[1])], Some(3)))?;
        rule(b"output", &|w| accept(w, &[(meta::L4PROTO, &[58])], Some(1)))?;
        rule(b"output", &|w| expr::verdict(w, Verdict::Drop))?;
        nft::batch_end(&mut w, 1).map_err(wrong)?;
        let mut socket = Netfilter::open()?;
        socket.send_batch(&[IoSlice::new(w.as_bytes())], 16).map_err(io::Error::other)?;
        acknowledged(&mut socket)
    }

    /// Forgets every connection.
    pub(crate) fn forget_connections(&mut self, family: Family) -> io::Result<()> {
        let mut w = Writer::new();
        let m = w.begin(MSG_CT_DELETE, flag::REQUEST | flag::ACK, 1, family.nfproto(), 0);
        w.end(m).map_err(io::Error::other)?;
        let mut socket = Netfilter::open()?;
        socket.send(w.as_bytes())?;
        acknowledged(&mut socket)
    }

    /// Sends a packet and gives all that came of it; `None` if this kernel does not send such a packet.
    pub(crate) fn shoot(&mut self, shot: &Shot) -> io::Result<Option<Vec<Seen>>> {
        match shot.source {
            Source::Left => self.sides[0].send(&shot.frame())?,
            Source::Right => self.sides[1].send(&shot.frame())?,
            Source::Local => {
                let Some(sender) = &self.local[side(shot.family)] else { return Ok(None) };
                let to = shot.destination();
                match sender.send(&shot.bytes, to) {
                    Ok(()) => {}
                    // Dropped at OUTPUT or behind it.
                    Err(e) if e.raw_os_error() == Some(1) => {}
                    Err(_) => return Ok(None),
                }
            }
        }
        self.settle()?;
        self.logged().map(Some)
    }

    /// Waits until the firewall has done all it was sent: two frames that it does nothing with come behind, the second
    /// behind all that the first found on the way.
    fn settle(&mut self) -> io::Result<()> {
        for _ in 0..2 {
            self.barriers += 1;
            let number = self.barriers.to_be_bytes();
            let ethertype = BARRIER.to_be_bytes();
            let frame = [&crate::world::MAC[0][..], &[2, 0, 0, 0, 0, 9], &ethertype, &number];
            self.sides[0].send(&frame.concat())?;
            loop {
                match self.barrier.next(PATIENCE)? {
                    None => return Err(io::Error::other("the firewall does not receive frames")),
                    Some(seen) if seen.get(..8) == Some(&number[..]) => break,
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    fn logged(&mut self) -> io::Result<Vec<Seen>> {
        let mut all = Vec::new();
        while let Some(datagram) = self.log.recv_now()? {
            for m in Messages::new(datagram) {
                let m = m.map_err(io::Error::other)?;
                if m.kind != MSG_PACKET {
                    continue;
                }
                let attrs = m.attrs().map_err(io::Error::other)?;
                let index = |kind| attrs.clone().find_kind(kind).and_then(|a| a.be32()).ok();
                // NFULA_PACKET_HDR 1: EtherType, hook. NFULA_MARK 2, NFULA_IFINDEX_OUTDEV 5, NFULA_PAYLOAD 9.
                let head = attrs.clone().find_kind(1).map_err(io::Error::other)?;
                let last = match head.data {
                    [_, _, 1, ..] => Last::Input,
                    _ => Last::Postrouting,
                };
                let named = |i| self.names.iter().find(|n| n.0 == i).map(|n| n.1);
                let output = index(5).and_then(named);
                let payload = attrs.clone().find_kind(9).map_err(io::Error::other)?;
                let bytes = payload.data.to_vec();
                all.push(Seen { last, output, mark: index(2).unwrap_or(0), bytes });
            }
        }
        Ok(all)
    }

    /// All that has arrived on a wire since it was last read: 0 left, 1 right.
    pub(crate) fn arrived(&mut self, wire: usize, family: Family) -> io::Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        let Some(tap) = &mut self.wires[wire][side(family)] else { return Ok(all) };
        while let Some(bytes) = tap.next(NOW)? {
            all.push(bytes.to_vec());
        }
        Ok(all)
    }
}

/// The first refusal among the answers, which are all there.
fn acknowledged(socket: &mut Netfilter) -> io::Result<()> {
    let mut failed = None;
    while let Some(datagram) = socket.recv_now()? {
        for m in Messages::new(datagram) {
            let m = m.map_err(io::Error::other)?;
            if m.kind == oxtables_wire::nl::kind::ERROR {
                let errno = oxtables_wire::nl::Failure::read(&m).map_err(io::Error::other)?.errno;
                if errno != 0 {
                    failed = failed.or(Some(errno));
                }
            }
        }
    }
    failed.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
}

/// The destination that an IP header names.
pub(crate) fn destination(family: Family, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        Family::Ip4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes.get(16..20)?).ok()?)),
        Family::Ip6 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes.get(24..40)?).ok()?)),
    }
}
