//! Connection tracking (`net/netfilter/nf_conntrack_core.c`).
//!
//! One zone, no helpers and so no expectations, accounting off (the kernel's default). SCTP and DCCP have no
//! tracker here: their packets' state is unknown.

pub(crate) mod nat;
mod tcp;
pub(crate) mod tuple;

use oxtables_packet::{
    Conntrack, CtState, Direction, Family, Known, Packet, Tuple, checksum, ct_status, proto,
    pseudo_header_sum,
};
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// `IPS_SRC_NAT_DONE`, `IPS_DST_NAT_DONE` (linux/netfilter/nf_conntrack_common.h).
pub(crate) const SRC_NAT_DONE: u32 = 1 << 7;
pub(crate) const DST_NAT_DONE: u32 = 1 << 8;

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) original: Tuple,
    pub(crate) reply: Tuple,
    pub(crate) status: u32,
    pub(crate) mark: u32,
    pub(crate) helper: Option<Vec<u8>>,
    expires: u64,
    tcp: Option<tcp::Tcp>,
    /// From when on a UDP exchange is a stream.
    stream_from: u64,
}

/// A packet's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: u32,
    pub(crate) direction: Direction,
    pub(crate) state: CtState,
}

/// What tracking made of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracked {
    /// It belongs to a connection.
    Link(Link),
    /// To none: INVALID, or UNTRACKED.
    Without(CtState),
    /// It cannot be told.
    Unknown(&'static str),
}

/// The connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections {
    entries: FxHashMap<u32, Entry>,
    names: FxHashMap<Tuple, (u32, Direction)>,
    /// For each source of a connection that SNAT has looked at, those that have it, the latest last.
    sources: FxHashMap<(IpAddr, u8, u16), Vec<u32>>,
    last: u32,
}

impl Connections {
    pub(crate) fn get(&self, id: u32) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    /// `nf_conntrack_in`. `verify`: the packet is at PREROUTING, so its checksum counts.
    pub(crate) fn track(&mut self, packet: &Packet, now: u64, verify: bool) -> Tracked {
        let invalid = Tracked::Without(CtState::Invalid);
        let Some((protocol, _)) = tuple::transport(packet) else { return invalid };
        let v6 = packet.family() == Family::Ip6;
        if matches!(protocol, proto::SCTP | proto::DCCP) {
            return Tracked::Unknown("connections of SCTP and DCCP are not modelled");
        }
        if protocol == (if v6 { proto::ICMPV6 } else { proto::ICMP })
            && let Some(tracked) = self.icmp_error(packet, now, verify)
        {
            return tracked;
        }
        for _ in 0..2 {
            let Some(link) = self.resolve(packet, now) else { return invalid };
            match self.handle(packet, link, now, verify) {
                tcp::Judged::Invalid => {
                    self.forget_unconfirmed(link.id);
                    return invalid;
                }
                tcp::Judged::Reopened => {
                    self.remove(link.id);
                    continue;
                }
                tcp::Judged::Killed => {
                    // The packet still has it, but nobody finds it any more.
                    self.unname(link.id);
                }
                tcp::Judged::Valid(seconds) => {
                    if let (Some(seconds), Some(entry)) = (seconds, self.entries.get_mut(&link.id))
                    {
                        entry.expires = now.saturating_add(u64::from(seconds) * SECOND);
                    }
                }
            }
            if link.direction == Direction::Reply
                && let Some(entry) = self.entries.get_mut(&link.id)
            {
                entry.status |= ct_status::SEEN_REPLY;
            }
            return Tracked::Link(link);
        }
        invalid
    }

    /// A packet whose state was given: a new connection is made, others are taken at their word.
    pub(crate) fn take(&mut self, packet: &Packet, state: CtState, now: u64) -> Tracked {
        match (state, self.resolve(packet, now)) {
            (CtState::New, Some(link)) => {
                if let Some(entry) = self.entries.get_mut(&link.id) {
                    entry.expires = now.saturating_add(30 * SECOND);
                }
                Tracked::Link(Link { state, ..link })
            }
            (_, link) => {
                link.into_iter().for_each(|link| self.forget_unconfirmed(link.id));
                Tracked::Without(state)
            }
        }
    }

    /// `resolve_normal_ct`.
    fn resolve(&mut self, packet: &Packet, now: u64) -> Option<Link> {
        let name = tuple::of(packet)?;
        if let Some((id, direction)) = self.find(&name, now) {
            let status = self.entries.get(&id).map_or(0, |e| e.status);
            let replied = status & ct_status::SEEN_REPLY != 0;
            let state = match direction {
                Direction::Reply => CtState::Established,
                Direction::Original if replied => CtState::Established,
                Direction::Original if status & ct_status::EXPECTED != 0 => CtState::Related,
                Direction::Original => CtState::New,
            };
            return Some(Link { id, direction, state });
        }
        let reply = tuple::inverted(&name)?;
        self.last = self.last.wrapping_add(1);
        let id = self.last;
        let entry = Entry {
            original: name,
            reply,
            status: 0,
            mark: 0,
            helper: None,
            expires: 0,
            tcp: None,
            stream_from: 0,
        };
        self.entries.insert(id, entry);
        Some(Link { id, direction: Direction::Original, state: CtState::New })
    }

    fn find(&mut self, name: &Tuple, now: u64) -> Option<(u32, Direction)> {
        let found = *self.names.get(name)?;
        if self.entries.get(&found.0).is_some_and(|e| e.expires > now) {
            return Some(found);
        }
        self.remove(found.0);
        None
    }

    /// `nf_conntrack_handle_packet`.
    fn handle(&mut self, packet: &Packet, link: Link, now: u64, verify: bool) -> tcp::Judged {
        let Some(entry) = self.entries.get_mut(&link.id) else { return tcp::Judged::Invalid };
        match entry.original.protocol {
            proto::TCP => {
                let status = tcp::Status {
                    confirmed: entry.status & ct_status::CONFIRMED != 0,
                    seen_reply: entry.status & ct_status::SEEN_REPLY != 0,
                    assured: entry.status & ct_status::ASSURED != 0,
                };
                let (judged, assured) =
                    tcp::judge(&mut entry.tcp, packet, link.direction, status, verify);
                if assured {
                    entry.status |= ct_status::ASSURED;
                }
                judged
            }
            proto::UDP => {
                let sound = udp_is_sound(packet) && (!verify || checksum_is_right(packet));
                if sound { entry.datagram(now) } else { tcp::Judged::Invalid }
            }
            proto::UDPLITE => {
                let sound = udplite_is_sound(packet, verify);
                if sound { entry.datagram(now) } else { tcp::Judged::Invalid }
            }
            proto::ICMP | proto::ICMPV6 => {
                let v6 = packet.family() == Family::Ip6;
                if (entry.original.protocol == proto::ICMPV6) != v6 {
                    // nf_conntrack_proto_icmp.c:nf_conntrack_icmp_packet
                    return tcp::Judged::Invalid;
                }
                let [kind, _] = entry.original.dport.to_be_bytes();
                let new = entry.status & ct_status::CONFIRMED == 0;
                if new && !tuple::may_begin(kind, v6) {
                    return tcp::Judged::Invalid;
                }
                tcp::Judged::Valid(Some(30))
            }
            // nf_conntrack_proto_gre.c: nf_conntrack_gre_packet
            47 if entry.status & ct_status::SEEN_REPLY != 0 => {
                entry.status |= ct_status::ASSURED;
                tcp::Judged::Valid(Some(180))
            }
            47 => tcp::Judged::Valid(Some(30)),
            // nf_conntrack_proto_generic.c
            _ => tcp::Judged::Valid(Some(600)),
        }
    }

    /// `nf_conntrack_handle_icmp`: `None` for a query, which is tracked as others.
    fn icmp_error(&mut self, packet: &Packet, now: u64, verify: bool) -> Option<Tracked> {
        let invalid = Some(Tracked::Without(CtState::Invalid));
        let v6 = packet.family() == Family::Ip6;
        let Ok(icmp) = (if v6 { packet.icmpv6() } else { packet.icmp() }) else { return invalid };
        if verify && !checksum_is_right(packet) {
            return invalid;
        }
        if v6 && matches!(icmp.kind, 130..=136 | 143) {
            return Some(Tracked::Without(CtState::Untracked));
        }
        if !v6 && icmp.kind > 18 {
            return invalid;
        }
        let quoted = icmp.quoted(packet).ok()??;
        let Some(name) = inner(quoted).and_then(|inner| tuple::of(&inner)) else { return invalid };
        let Some(back) = tuple::inverted(&name) else { return invalid };
        let Some((id, direction)) = self.find(&back, now) else { return invalid };
        let entry = self.entries.get(&id)?;
        let expected = match direction {
            Direction::Original => entry.original.dst,
            Direction::Reply => entry.reply.dst,
        };
        if packet.dst() != expected {
            return invalid;
        }
        Some(Tracked::Link(Link { id, direction, state: CtState::Related }))
    }

    /// `__nf_conntrack_confirm`: the packet leaves or arrives, and the connection is found from now on. False if
    /// another has its name meanwhile: the packet is dropped.
    pub(crate) fn confirm(&mut self, link: Link, now: u64) -> bool {
        let Some(entry) = self.entries.get(&link.id) else { return true };
        let confirmed = entry.status & ct_status::CONFIRMED != 0;
        if confirmed || link.direction == Direction::Reply || entry.expires == 0 {
            return true;
        }
        let names = [entry.original, entry.reply];
        let source = (entry.original.src, entry.original.protocol, entry.original.sport);
        let mapped = entry.status & SRC_NAT_DONE != 0;
        if names.iter().any(|name| self.find(name, now).is_some()) {
            return false;
        }
        let [original, reply] = names;
        self.names.insert(reply, (link.id, Direction::Reply));
        self.names.insert(original, (link.id, Direction::Original));
        if mapped {
            self.sources.entry(source).or_default().push(link.id);
        }
        if let Some(entry) = self.entries.get_mut(&link.id) {
            entry.status |= ct_status::CONFIRMED;
        }
        true
    }

    /// A connection that no packet of has left is no more when its packet is.
    pub(crate) fn forget_unconfirmed(&mut self, id: u32) {
        if self.entries.get(&id).is_some_and(|e| e.status & ct_status::CONFIRMED == 0) {
            self.entries.remove(&id);
        }
    }

    /// The connection was refused with a reset (`nf_conntrack_core.c:nf_conntrack_set_closing`).
    pub(crate) fn close(&mut self, id: u32, now: u64) {
        if let Some(entry) = self.entries.get_mut(&id)
            && let Some(tcp) = &mut entry.tcp
        {
            entry.expires = now.saturating_add(u64::from(tcp.close()) * SECOND);
        }
    }

    fn remove(&mut self, id: u32) {
        self.unname(id);
        self.entries.remove(&id);
    }

    fn unname(&mut self, id: u32) {
        let Some(entry) = self.entries.get(&id) else { return };
        for name in [entry.original, entry.reply] {
            if self.names.get(&name).is_some_and(|&(other, _)| other == id) {
                self.names.remove(&name);
            }
        }
        let source = (entry.original.src, entry.original.protocol, entry.original.sport);
        if let Some(ids) = self.sources.get_mut(&source) {
            ids.retain(|&other| other != id);
        }
    }

    /// Whether another connection is found under this name (`nf_conntrack_tuple_taken`).
    pub(crate) fn is_taken(&self, name: &Tuple, not: u32, now: u64) -> bool {
        self.names.get(name).is_some_and(|&(id, _)| {
            id != not && self.entries.get(&id).is_some_and(|e| e.expires > now)
        })
    }

    /// Whether a connection is there and not closed (`net/netfilter/nf_conncount.c:already_closed`).
    pub(crate) fn is_open(&self, original: &Tuple, now: u64) -> bool {
        let found = self.names.get(original).and_then(|&(id, _)| self.entries.get(&id));
        found.is_some_and(|e| {
            let closed = e.tcp.as_ref().is_some_and(tcp::Tcp::is_closed);
            e.original == *original && e.expires > now && !closed
        })
    }

    /// What the matches are told of the packet's connection.
    pub(crate) fn describe(&self, tracked: Tracked, now: u64) -> Conntrack {
        let link = match tracked {
            Tracked::Link(link) => link,
            Tracked::Without(state) => {
                return Conntrack {
                    state: Known::Known(state),
                    direction: Known::Absent,
                    status: Known::Absent,
                    original: Known::Absent,
                    reply: Known::Absent,
                    mark: Known::Absent,
                    labels: Known::Absent,
                    expires: Known::Absent,
                    counters: Known::Absent,
                    zone: Known::Absent,
                    helper: Known::Absent,
                };
            }
            Tracked::Unknown(why) => {
                return Conntrack { state: Known::Unknown(why), ..Conntrack::default() };
            }
        };
        let Some(entry) = self.entries.get(&link.id) else { return Conntrack::default() };
        let left = entry.expires.saturating_sub(now) / SECOND;
        Conntrack {
            state: Known::Known(link.state),
            direction: Known::Known(link.direction),
            status: Known::Known(entry.status),
            original: Known::Known(entry.original),
            reply: Known::Known(entry.reply),
            mark: Known::Known(entry.mark),
            labels: Known::Absent,
            expires: Known::Known(u32::try_from(left).unwrap_or(u32::MAX)),
            counters: Known::Absent,
            zone: Known::Known(0),
            helper: entry.helper.clone().map_or(Known::Absent, Known::Known),
        }
    }
}

impl Entry {
    /// `nf_conntrack_proto_udp.c:nf_conntrack_udp_packet`.
    fn datagram(&mut self, now: u64) -> tcp::Judged {
        if self.status & ct_status::SEEN_REPLY == 0 {
            if self.status & ct_status::CONFIRMED == 0 {
                self.stream_from = now.saturating_add(2 * SECOND);
            }
            return tcp::Judged::Valid(Some(30));
        }
        if now <= self.stream_from {
            return tcp::Judged::Valid(Some(30));
        }
        self.status |= ct_status::ASSURED;
        tcp::Judged::Valid(Some(120))
    }
}

/// The packet that an error carries, as far as it is there.
pub(crate) fn inner(quoted: &[u8]) -> Option<Packet> {
    let stated = match quoted.first()? >> 4 {
        4 => usize::from(u16::from_be_bytes([*quoted.get(2)?, *quoted.get(3)?])),
        _ => usize::from(u16::from_be_bytes([*quoted.get(4)?, *quoted.get(5)?])) + 40,
    };
    Packet::captured(quoted, stated.max(quoted.len())).ok()
}

/// `udp_error`: lengths.
fn udp_is_sound(packet: &Packet) -> bool {
    let Ok(udp) = packet.udp() else { return false };
    let Some((_, at)) = tuple::transport(packet) else { return false };
    let len = usize::from(udp.length());
    len >= 8 && len <= packet.total_len().saturating_sub(at)
}

/// `udplite_error`: the coverage, and a checksum that must be there.
///
/// The kernel asks for the checksum with UDP's number in the pseudo header, so that a right one is wrong to it unless the
/// hardware vouched for it: seen in 6.18, and kept.
fn udplite_is_sound(packet: &Packet, verify: bool) -> bool {
    let Some((_, at)) = tuple::transport(packet) else { return false };
    let Ok([_, _, _, _, a, b, c, d]) = packet.array_at(at) else { return false };
    let (coverage, len) =
        (usize::from(u16::from_be_bytes([a, b])), packet.total_len().saturating_sub(at));
    let coverage = if coverage == 0 { len } else { coverage };
    let sound = coverage >= 8 && coverage <= len && [c, d] != [0, 0];
    sound && (!verify || sums_up(packet, at, coverage, Some(proto::UDP)))
}

/// `nf_checksum` of a whole transport header. What the capture does not have is taken for right.
fn checksum_is_right(packet: &Packet) -> bool {
    let Some((protocol, at)) = tuple::transport(packet) else { return true };
    let len = packet.total_len().saturating_sub(at);
    let pseudo = match protocol {
        // UDP without a checksum.
        proto::UDP if packet.array_at(at + 6) == Ok([0, 0]) => return true,
        proto::TCP | proto::UDP | proto::ICMPV6 => Some(protocol),
        proto::ICMP => None,
        _ => return true,
    };
    sums_up(packet, at, len, pseudo)
}

/// Whether `len` bytes from `at`, with the pseudo header of a protocol, sum up to all ones.
pub(crate) fn sums_up(packet: &Packet, at: usize, len: usize, pseudo: Option<u8>) -> bool {
    let Ok(bytes) = packet.bytes_at(at, len) else { return true };
    let stated = u32::try_from(packet.total_len().saturating_sub(at)).unwrap_or(0);
    let pseudo = pseudo.map_or(0, |p| pseudo_header_sum(packet.src(), packet.dst(), p, stated));
    let sum = u32::from(!checksum(bytes)) + u32::from(pseudo);
    (sum & 0xffff) + (sum >> 16) == 0xffff
}
