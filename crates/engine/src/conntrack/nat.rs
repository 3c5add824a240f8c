//! Translation of addresses and ports (`net/netfilter/nf_nat_core.c`).
//!
//! Where the kernel takes a random port, or spreads over several addresses by a hash, the answer is unknown and
//! names the range: it is never guessed.

use super::{Connections, DST_NAT_DONE, Link, SRC_NAT_DONE, tuple};
use oxtables_ext::targets::nat::{Addresses, Ports, Range};
use oxtables_packet::{
    CtState, Direction, Hook, Missing, Packet, Tuple, checksum, ct_status, proto,
};
use std::net::IpAddr;

/// Which end is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manip {
    Source,
    Destination,
}

/// `HOOK2MANIP`.
pub(crate) const fn manip(hook: Hook) -> Manip {
    match hook {
        Hook::Postrouting | Hook::Input => Manip::Source,
        _ => Manip::Destination,
    }
}

/// What asking for a translation came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SetUp {
    Done,
    /// It cannot be told.
    Unknown(String),
}

/// Random ports: `NF_NAT_RANGE_PROTO_RANDOM`, `NF_NAT_RANGE_PROTO_RANDOM_FULLY`.
const RANDOM: u32 = 1 << 2 | 1 << 4;

impl Manip {
    const fn done(self) -> u32 {
        match self {
            Self::Source => SRC_NAT_DONE,
            Self::Destination => DST_NAT_DONE,
        }
    }

    const fn bit(self) -> u32 {
        match self {
            Self::Source => ct_status::SRC_NAT,
            Self::Destination => ct_status::DST_NAT,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    fn address(self, tuple: &mut Tuple) -> &mut IpAddr {
        match self {
            Self::Source => &mut tuple.src,
            Self::Destination => &mut tuple.dst,
        }
    }

    /// The port that is changed; ICMP has one identifier for both ends.
    fn port(self, tuple: &mut Tuple) -> Option<&mut u16> {
        match (tuple.protocol, self) {
            (proto::ICMP | proto::ICMPV6, _) => Some(&mut tuple.sport),
            (proto::TCP | proto::UDP | proto::UDPLITE | proto::SCTP | proto::DCCP, end) => {
                Some(match end {
                    Self::Source => &mut tuple.sport,
                    Self::Destination => &mut tuple.dport,
                })
            }
            _ => None,
        }
    }
}

impl Connections {
    /// Whether this end was looked at for the connection (`nf_nat_initialized`).
    pub(crate) fn is_set_up(&self, id: u32, manip: Manip) -> bool {
        self.get(id).is_none_or(|e| e.status & manip.done() != 0)
    }

    /// `nf_nat_setup_info`.
    pub(crate) fn set_up(&mut self, id: u32, range: &Range, manip: Manip, now: u64) -> SetUp {
        let Some(entry) = self.get(id) else { return SetUp::Done };
        if entry.status & ct_status::CONFIRMED != 0 {
            return SetUp::Done;
        }
        let Some(current) = tuple::inverted(&entry.reply) else { return SetUp::Done };
        let chosen = match self.unique(id, current, range, manip, now) {
            Ok(chosen) => chosen,
            Err(why) => return SetUp::Unknown(why),
        };
        let Some(reply) = tuple::inverted(&chosen) else { return SetUp::Done };
        if let Some(entry) = self.get_mut(id) {
            if chosen != current {
                entry.reply = reply;
                entry.status |= manip.bit();
            }
            entry.status |= manip.done();
        }
        SetUp::Done
    }

    /// `nf_nat_alloc_null_binding`: the end stays as it is, unless another connection has the name.
    pub(crate) fn set_up_nothing(&mut self, id: u32, manip: Manip, now: u64) -> SetUp {
        let Some(entry) = self.get(id) else { return SetUp::Done };
        let mut now_is = match tuple::inverted(&entry.reply) {
            Some(current) => current,
            None => return SetUp::Done,
        };
        let address = *manip.address(&mut now_is);
        let mut range = Range::default();
        range.to.addresses = Some(Addresses { lo: address, hi: address });
        self.set_up(id, &range, manip, now)
    }

    /// `get_unique_tuple`.
    fn unique(
        &self,
        id: u32,
        current: Tuple,
        range: &Range,
        manip: Manip,
        now: u64,
    ) -> Result<Tuple, String> {
        let random = range.flags & RANDOM != 0;
        let used =
            |name: &Tuple| tuple::inverted(name).is_none_or(|reply| self.is_taken(&reply, id, now));
        if manip == Manip::Source && !random {
            if in_range(&current, range) {
                if !used(&current) {
                    return Ok(current);
                }
            } else if let Some(same) = self.same_source(&current, range)
                && !used(&same)
            {
                return Ok(same);
            }
        }
        let mut name = current;
        if let Some(Addresses { lo, hi }) = range.to.addresses {
            if lo != hi {
                return Err(format!("the new address is one of {lo}-{hi}, by the kernel's hash"));
            }
            *manip.address(&mut name) = lo;
        }
        if !random {
            match range.to.ports {
                Some(ports) => {
                    let fits = ports.base.is_none() && port_in_range(&name, ports, manip);
                    if fits && (ports.lo == ports.hi || !used(&name)) {
                        return Ok(name);
                    }
                }
                None if !used(&name) => return Ok(name),
                None => {}
            }
        }
        choose_port(name, range, manip, random, used)
    }

    /// `find_appropriate_src`: where the same source is mapped already, if that is in the range.
    fn same_source(&self, name: &Tuple, range: &Range) -> Option<Tuple> {
        let ids = self.sources.get(&(name.src, name.protocol, name.sport))?;
        ids.iter().rev().find_map(|id| {
            let mapped = tuple::inverted(&self.get(*id)?.reply)?;
            let same = Tuple { src: mapped.src, sport: mapped.sport, ..*name };
            in_range(&same, range).then_some(same)
        })
    }

    /// `nf_nat_packet`, and for ICMP errors `nf_nat_icmp_reply_translation`. An error: the packet is dropped.
    pub(crate) fn translate(
        &self,
        packet: &mut Packet,
        link: Link,
        hook: Hook,
    ) -> Result<(), Missing> {
        let Some(entry) = self.get(link.id) else { return Ok(()) };
        let manip = manip(hook);
        let error = link.state == CtState::Related
            && matches!(packet.protocol(), Some(proto::ICMP | proto::ICMPV6));
        if error && is_redirect(packet) {
            // Where addresses are translated a redirect would mislead.
            let (done, any) =
                (SRC_NAT_DONE | DST_NAT_DONE, ct_status::SRC_NAT | ct_status::DST_NAT);
            if entry.status & done != done || entry.status & any != 0 {
                return Err(Missing::Malformed);
            }
        }
        let bit = match link.direction {
            Direction::Original => manip.bit(),
            Direction::Reply => manip.other().bit(),
        };
        if entry.status & bit == 0 {
            return Ok(());
        }
        let there = match link.direction {
            Direction::Original => entry.reply,
            Direction::Reply => entry.original,
        };
        let Some(target) = tuple::inverted(&there) else { return Ok(()) };
        if error {
            quoted(packet, &there, manip.other())?;
            return match manip {
                Manip::Source => packet.set_src(target.src),
                Manip::Destination => packet.set_dst(target.dst),
            };
        }
        rewrite(packet, &target, manip)
    }
}

fn is_redirect(packet: &Packet) -> bool {
    packet.icmp().is_ok_and(|icmp| icmp.kind == 5)
        || packet.icmpv6().is_ok_and(|icmp| icmp.kind == 137)
}

/// `nf_nat_manip_pkt`.
fn rewrite(packet: &mut Packet, target: &Tuple, manip: Manip) -> Result<(), Missing> {
    match packet.protocol() {
        Some(proto::ICMP | proto::ICMPV6) => packet.set_icmp_id(target.sport)?,
        Some(proto::TCP | proto::UDP | proto::UDPLITE | proto::SCTP | proto::DCCP) => match manip {
            Manip::Source => packet.set_sport(target.sport)?,
            Manip::Destination => packet.set_dport(target.dport)?,
        },
        // `gre_manip_pkt`: calls keep their numbers, and other versions than 0 and 1 cannot be.
        Some(tuple::GRE) => {
            let transport = packet.transport()?;
            let head: [u8; 8] = packet.array_at(transport.offset)?;
            if manip == Manip::Destination && head[1] & 7 > 1 {
                return Err(Missing::Malformed);
            }
        }
        _ => {}
    }
    match manip {
        Manip::Source => packet.set_src(target.src),
        Manip::Destination => packet.set_dst(target.dst),
    }
}

/// The packet that an ICMP error carries, translated the other way round, and the error's checksum.
fn quoted(packet: &mut Packet, target: &Tuple, manip: Manip) -> Result<(), Missing> {
    let v6 = packet.ipv6().is_some();
    let icmp = if v6 { packet.icmpv6()? } else { packet.icmp()? };
    let start = icmp.offset + 8;
    let whole = packet.bytes().to_vec();
    let Some(bytes) = whole.get(start..) else { return Ok(()) };
    let Some(mut inner) = super::inner(bytes) else { return Ok(()) };
    // Only 8 bytes of it need be there: then there is no checksum to be kept right.
    let cut = match rewrite(&mut inner, target, manip) {
        Ok(()) => inner.bytes().to_vec(),
        Err(_) => {
            rewrite_cut(bytes, inner.header_len(), target, manip).ok_or(Missing::Truncated)?
        }
    };
    let mut out = whole.get(..start).unwrap_or(&[]).to_vec();
    out.extend_from_slice(&cut);
    out.extend_from_slice(whole.get(out.len()..).unwrap_or(&[]));
    let context = packet.context.clone();
    let mut changed = Packet::parse(&out).map_err(|_| Missing::Malformed)?;
    changed.fill_checksums()?;
    changed.context = context;
    *packet = changed;
    Ok(())
}

/// Addresses and ports of a packet whose transport checksum is not there.
fn rewrite_cut(bytes: &[u8], header: usize, target: &Tuple, manip: Manip) -> Option<Vec<u8>> {
    let mut out = bytes.to_vec();
    let (port_at, port, address) = match manip {
        Manip::Source => (0, target.sport, target.src),
        Manip::Destination => (2, target.dport, target.dst),
    };
    let has_ports = matches!(
        target.protocol,
        proto::TCP | proto::UDP | proto::UDPLITE | proto::SCTP | proto::DCCP
    );
    if has_ports {
        let at = header + port_at;
        out.get_mut(at..at + 2)?.copy_from_slice(&port.to_be_bytes());
    }
    match address {
        IpAddr::V4(a) => {
            let at = if manip == Manip::Source { 12 } else { 16 };
            out.get_mut(at..at + 4)?.copy_from_slice(&a.octets());
            out.get_mut(10..12)?.copy_from_slice(&[0, 0]);
            let sum = checksum(out.get(..header)?);
            out.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
        }
        IpAddr::V6(a) => {
            let at = if manip == Manip::Source { 8 } else { 24 };
            out.get_mut(at..at + 16)?.copy_from_slice(&a.octets());
        }
    }
    Some(out)
}

/// `nf_in_range`, of the source.
fn in_range(name: &Tuple, range: &Range) -> bool {
    let address =
        range.to.addresses.is_none_or(|Addresses { lo, hi }| (lo..=hi).contains(&name.src));
    address && range.to.ports.is_none_or(|ports| port_in_range(name, ports, Manip::Source))
}

/// `l4proto_in_range`; a protocol without ports is in every range.
fn port_in_range(name: &Tuple, ports: Ports, manip: Manip) -> bool {
    let mut name = *name;
    manip.port(&mut name).is_none_or(|port| (ports.lo..=ports.hi).contains(port))
}

/// `nf_nat_l4proto_unique_tuple`.
fn choose_port(
    name: Tuple,
    range: &Range,
    manip: Manip,
    random: bool,
    used: impl Fn(&Tuple) -> bool,
) -> Result<Tuple, String> {
    let mut name = name;
    let Some(&mut port) = manip.port(&mut name) else { return Ok(name) };
    let icmp = matches!(name.protocol, proto::ICMP | proto::ICMPV6);
    let (low, high) = match range.to.ports {
        Some(Ports { lo, hi, .. }) => (lo.min(hi), lo.max(hi)),
        None if icmp => (0, u16::MAX),
        None if manip == Manip::Destination => return Ok(name),
        None if port < 512 => (1, 511),
        None if port < 1024 => (600, 1023),
        None => (1024, u16::MAX),
    };
    let size = u32::from(high - low) + 1;
    let first = match range.to.ports.and_then(|p| p.base) {
        Some(base) => u32::from(port.wrapping_sub(base)),
        _ if size == 1 => 0,
        _ if random || manip == Manip::Source => {
            return Err(format!("the new port is one of {low}-{high}, at random"));
        }
        _ => 0,
    };
    let attempts = size.min(128);
    for step in 0..attempts {
        let offset = u16::try_from(first.wrapping_add(step) % size).unwrap_or(0);
        if let Some(slot) = manip.port(&mut name) {
            *slot = low.wrapping_add(offset);
        }
        if !used(&name) {
            return Ok(name);
        }
    }
    if attempts >= size {
        // Every one is taken: the last that was tried stays, and the packet is lost when it is confirmed.
        return Ok(name);
    }
    Err(format!("the new port is one of {low}-{high}, at random"))
}
