//! What matches keep between packets, with the kernel's arithmetic.

use crate::conntrack::{Connections, Tracked, tuple};
use oxtables_base::Family;
use oxtables_base::addr::{and, prefix_mask};
use oxtables_ext::Keeps;
use oxtables_ext::keeps::{HashBuckets, RecentList};
use oxtables_packet::{Missing, Packet, Truth, Tuple, proto};
use rustc_hash::FxHashMap;
use std::net::IpAddr;

const SECOND: u64 = 1_000_000_000;

/// What one match of one rule keeps.
#[derive(Clone, Debug)]
enum Slot {
    /// Nothing yet.
    Empty,
    /// `struct nft_limit`: tokens, and when they were counted.
    Limit { tokens: u64, last: u64 },
    /// `struct xt_statistic_priv`.
    Count(u32),
    /// `struct xt_quota_priv`.
    Quota(u64),
    /// `struct nf_conncount_data`: the connections of each network, by their original names.
    Connections(FxHashMap<IpAddr, Vec<Tuple>>),
}

/// An entry of a hashlimit table: `struct dsthash_ent`.
#[derive(Clone, Debug)]
struct Bucket {
    expires: u64,
    prev: u64,
    credit: u64,
    credit_cap: u64,
    cost: u64,
    current_rate: u64,
    over_before: bool,
}

/// Addresses and ports that share a bucket.
type Key = (Option<IpAddr>, Option<IpAddr>, u16, u16);

/// An entry of a recent list: `struct recent_entry`.
#[derive(Clone, Debug)]
struct Seen {
    address: IpAddr,
    ttl: u8,
    stamps: Vec<u64>,
    next: usize,
}

/// The state of all matches of a family.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    slots: Vec<Slot>,
    buckets: FxHashMap<Vec<u8>, FxHashMap<Key, Bucket>>,
    /// Each list from the entry seen longest ago.
    recent: FxHashMap<Vec<u8>, Vec<Seen>>,
}

/// What is known beside the packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Nanoseconds.
    pub(crate) time: u64,
    /// Ticks a second.
    pub(crate) hz: u32,
    /// How the packet is tracked.
    pub(crate) tracked: Tracked,
    /// Whether it was made here.
    pub(crate) local: bool,
}

impl Now {
    /// `jiffies`.
    fn ticks(self) -> u64 {
        (self.time / SECOND) * u64::from(self.hz)
            + (self.time % SECOND) * u64::from(self.hz) / SECOND
    }
}

impl State {
    /// The answer of the match with this number, and what it keeps is brought up to date.
    pub(crate) fn ask(
        &mut self,
        slot: usize,
        keeps: &Keeps,
        packet: &Packet,
        connections: &Connections,
        now: Now,
    ) -> Truth {
        match keeps {
            Keeps::Hashlimit(wanted) => return self.hashlimit(wanted, packet, now),
            Keeps::Recent(wanted) => return self.recent(wanted, packet, now),
            _ => {}
        }
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, Slot::Empty);
        }
        let Some(kept) = self.slots.get_mut(slot) else { return Truth::No };
        match *keeps {
            Keeps::Limit { rate, unit, burst } => limit(kept, rate, unit, burst, now.time),
            Keeps::Nth { not, every, packet } => nth(kept, not, every, packet),
            Keeps::Quota { not, bytes } => {
                let size = u64::try_from(packet.total_len()).unwrap_or(u64::MAX);
                quota(kept, not, bytes, size)
            }
            Keeps::Connlimit { above, limit, mask, by_destination } => {
                let address = if by_destination { packet.dst() } else { packet.src() };
                let key = and(address, mask).unwrap_or(address);
                match count(kept, key, packet, connections, now) {
                    Some(count) => ((count > u64::from(limit)) == above).into(),
                    None => Truth::HotDrop,
                }
            }
            Keeps::Hashlimit(_) | Keeps::Recent(_) => Truth::No,
        }
    }
}

/// `net/netfilter/nft_limit.c:nft_limit_eval`, for packets.
fn limit(slot: &mut Slot, rate: u64, unit: u64, burst: u32, now: u64) -> Truth {
    let cost = unit.saturating_mul(SECOND).checked_div(rate).unwrap_or(u64::MAX);
    let most = cost.saturating_mul(burst.into());
    let (tokens, last) = match *slot {
        Slot::Limit { tokens, last } => (tokens, last),
        _ => (most, now),
    };
    let tokens = tokens.saturating_add(now.saturating_sub(last)).min(most);
    let (tokens, fits) = match tokens.checked_sub(cost) {
        Some(rest) => (rest, true),
        None => (tokens, false),
    };
    *slot = Slot::Limit { tokens, last: now };
    fits.into()
}

/// `net/netfilter/xt_statistic.c:statistic_mt`; the count begins so that packet number `packet` is hit.
fn nth(slot: &mut Slot, not: bool, every: u32, packet: u32) -> Truth {
    let last = every.saturating_sub(1);
    let count = match *slot {
        Slot::Count(count) => count,
        _ => last.saturating_sub(packet),
    };
    let next = if count == last { 0 } else { count.wrapping_add(1) };
    *slot = Slot::Count(next);
    ((next == 0) != not).into()
}

/// `net/netfilter/xt_quota.c:quota_mt`.
fn quota(slot: &mut Slot, not: bool, bytes: u64, size: u64) -> Truth {
    let left = match *slot {
        Slot::Quota(left) => left,
        _ => bytes,
    };
    let rest = left.checked_sub(size);
    *slot = Slot::Quota(rest.unwrap_or(0));
    (rest.is_some() != not).into()
}

/// `net/netfilter/nf_conncount.c:nf_conncount_count`: connections that are gone are forgotten, this one is added.
fn count(
    slot: &mut Slot,
    key: IpAddr,
    packet: &Packet,
    connections: &Connections,
    now: Now,
) -> Option<u64> {
    if !matches!(slot, Slot::Connections(_)) {
        *slot = Slot::Connections(FxHashMap::default());
    }
    let Slot::Connections(all) = slot else { return None };
    let own = match now.tracked {
        Tracked::Link(link) => connections.get(link.id)?.original,
        _ => tuple::of(packet)?,
    };
    let list = all.entry(key).or_default();
    list.retain(|name| *name == own || connections.is_open(name, now.time));
    if !list.contains(&own) {
        list.push(own);
    }
    u64::try_from(list.len()).ok()
}

/// `XT_HASHLIMIT_*` (linux/netfilter/xt_hashlimit.h).
mod mode {
    pub(super) const DIP: u32 = 1;
    pub(super) const DPT: u32 = 1 << 1;
    pub(super) const SIP: u32 = 1 << 2;
    pub(super) const SPT: u32 = 1 << 3;
    pub(super) const INVERT: u32 = 1 << 4;
    pub(super) const BYTES: u32 = 1 << 5;
    pub(super) const RATE_MATCH: u32 = 1 << 6;
}

/// The power of two at or below `n` (`POW2_BELOW64`).
fn power_below(n: u64) -> u64 {
    n.checked_ilog2().map_or(0, |bits| 1 << bits)
}

/// `CREDITS_PER_JIFFY`.
fn credits_per_tick(hz: u32) -> u64 {
    power_below(u64::MAX / (u64::from(hz.max(1)) * 60 * 60 * 24))
}

/// `CREDITS_PER_JIFFY_BYTES`.
fn byte_credits_per_tick(hz: u32) -> u64 {
    power_below(u64::from(u32::MAX / hz.max(1)))
}

/// `user2credits`, for the scale of revisions 2 and 3.
fn user_to_credits(user: u64, hz: u32) -> u64 {
    const SCALE: u64 = 1_000_000;
    let second = u64::from(hz) * credits_per_tick(hz);
    match SCALE >= second {
        true => user.checked_div(SCALE.checked_div(second).unwrap_or(1)).unwrap_or(0),
        false => user.wrapping_mul(second / SCALE),
    }
}

impl State {
    /// `net/netfilter/xt_hashlimit.c:hashlimit_mt_common`.
    fn hashlimit(&mut self, wanted: &HashBuckets, packet: &Packet, now: Now) -> Truth {
        let Some(key) = key(wanted, packet) else { return Truth::HotDrop };
        let ticks = now.ticks();
        let to_ticks = |ms: u32| (u64::from(ms) * u64::from(now.hz)).div_ceil(1000);
        let table = self.buckets.entry(wanted.name.clone()).or_default();
        let fits = if let Some(bucket) = table.get_mut(&key)
            && ticks <= bucket.expires + to_ticks(wanted.gc_interval)
        {
            bucket.recalculate(wanted, ticks, now.hz);
            bucket.expires = ticks + to_ticks(wanted.expire);
            bucket.take(wanted, packet.total_len(), now.hz)
        } else {
            let mut bucket = Bucket::new(wanted, ticks, now.hz);
            bucket.expires = ticks + to_ticks(wanted.expire);
            let fits = bucket.take(wanted, packet.total_len(), now.hz);
            table.insert(key, bucket);
            fits
        };
        (fits != (wanted.mode & mode::INVERT != 0)).into()
    }

    /// `net/netfilter/xt_recent.c:recent_mt`.
    fn recent(&mut self, wanted: &RecentList, packet: &Packet, now: Now) -> Truth {
        let ticks = now.ticks();
        let address = if wanted.by_destination { packet.dst() } else { packet.src() };
        let address = and(address, wanted.mask).unwrap_or(address);
        // The TTL as it was before forwarding.
        let out = packet.context.out_interface.get().is_some() && !now.local;
        let ttl = packet.ttl().wrapping_add(u8::from(out));
        let asked = if wanted.check_set & check::TTL != 0 { ttl } else { 0 };
        let list = self.recent.entry(wanted.name.clone()).or_default();
        let same = |e: &Seen| e.address == address && (e.ttl == asked || asked == 0 || e.ttl == 0);
        let Some(at) = list.iter().position(same) else {
            if wanted.check_set & check::SET == 0 {
                return wanted.not.into();
            }
            if list.len() >= LIST_LEN {
                list.remove(0);
            }
            list.push(Seen { address, ttl, stamps: vec![ticks], next: 1 });
            return (!wanted.not).into();
        };
        let mut fits = wanted.not;
        if wanted.check_set & check::SET != 0 {
            fits = !fits;
        } else if wanted.check_set & check::REMOVE != 0 {
            list.remove(at);
            return (!fits).into();
        } else {
            let since = ticks.saturating_sub(u64::from(wanted.seconds) * u64::from(now.hz));
            let hits = list.get(at).map_or(0, |e| {
                e.stamps.iter().filter(|&&s| wanted.seconds == 0 || s >= since).count()
            });
            let enough = usize::try_from(wanted.hit_count.max(1)).unwrap_or(usize::MAX);
            if hits >= enough {
                fits = !fits;
            }
            let updates = wanted.check_set & check::UPDATE != 0 && fits;
            if wanted.check_set & check::REAP != 0 && !(at == 0 && updates) {
                let old = list.first().is_some_and(|e| e.last() < since);
                if old {
                    list.remove(0);
                    // The entry itself went, or moved up.
                    return self.seen(wanted, at.checked_sub(1), ttl, ticks, fits);
                }
            }
        }
        self.seen(wanted, Some(at), ttl, ticks, fits)
    }

    /// `recent_entry_update`, where the answer asks for it.
    fn seen(
        &mut self,
        wanted: &RecentList,
        at: Option<usize>,
        ttl: u8,
        ticks: u64,
        fits: bool,
    ) -> Truth {
        let updates =
            wanted.check_set & check::SET != 0 || (wanted.check_set & check::UPDATE != 0 && fits);
        if updates
            && let (Some(list), Some(at)) = (self.recent.get_mut(&wanted.name), at)
            && at < list.len()
        {
            let mut entry = list.remove(at);
            let most = stamps(wanted.hit_count);
            entry.next %= most;
            match entry.stamps.get_mut(entry.next) {
                Some(slot) => *slot = ticks,
                None => entry.stamps.push(ticks),
            }
            entry.next += 1;
            entry.ttl = ttl;
            list.push(entry);
        }
        fits.into()
    }
}

/// `XT_RECENT_*` (linux/netfilter/xt_recent.h).
mod check {
    pub(super) const SET: u8 = 1 << 1;
    pub(super) const UPDATE: u8 = 1 << 2;
    pub(super) const REMOVE: u8 = 1 << 3;
    pub(super) const TTL: u8 = 1 << 4;
    pub(super) const REAP: u8 = 1 << 5;
}

/// `ip_list_tot`: entries of a list.
const LIST_LEN: usize = 100;

/// How many moments an entry has (`ip_pkt_list_tot`, 20, and hit counts above it, rounded up).
fn stamps(hit_count: u32) -> usize {
    usize::try_from(hit_count).unwrap_or(256).clamp(20, 256).next_power_of_two()
}

impl Seen {
    fn last(&self) -> u64 {
        self.next.checked_sub(1).and_then(|at| self.stamps.get(at)).copied().unwrap_or(0)
    }
}

/// `hashlimit_init_dst`; `None` is a hot drop.
fn key(wanted: &HashBuckets, packet: &Packet) -> Option<Key> {
    let masked = |bit: u32, address: IpAddr, len: u8| {
        (wanted.mode & bit != 0)
            .then(|| and(address, prefix_mask(packet.family(), len)).unwrap_or(address))
    };
    let src = masked(mode::SIP, packet.src(), wanted.srcmask);
    let dst = masked(mode::DIP, packet.dst(), wanted.dstmask);
    if wanted.mode & (mode::SPT | mode::DPT) == 0 {
        return Some((src, dst, 0, 0));
    }
    let (sport, dport) = ports(packet).ok()?;
    let port = |bit: u32, port| if wanted.mode & bit != 0 { port } else { 0 };
    Some((src, dst, port(mode::SPT, sport), port(mode::DPT, dport)))
}

/// Four bytes where the protocol has ports or such (`proto_ports_offset`), else zeros.
fn ports(packet: &Packet) -> Result<(u16, u16), Missing> {
    let Ok(transport) = packet.transport() else { return Err(Missing::Truncated) };
    let offset = match transport.protocol {
        proto::TCP | proto::UDP | proto::DCCP | proto::ESP | proto::SCTP | proto::UDPLITE => 0,
        proto::AH if packet.family() == Family::Ip4 => 4,
        _ => return Ok((0, 0)),
    };
    let [a, b, c, d] = packet.array_at(transport.offset + offset)?;
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

impl Bucket {
    /// `rateinfo_init`.
    fn new(wanted: &HashBuckets, ticks: u64, hz: u32) -> Self {
        let (credit, cost, credit_cap) = if wanted.mode & mode::RATE_MATCH != 0 {
            (0, 0, 0)
        } else if wanted.mode & mode::BYTES != 0 {
            let second = byte_credits_per_tick(hz) * u64::from(hz);
            let cost = wanted.avg.wrapping_mul(second) >> 32;
            (second, cost & u64::from(u32::MAX), wanted.burst)
        } else {
            let credit = user_to_credits(wanted.avg.wrapping_mul(wanted.burst), hz);
            (credit, user_to_credits(wanted.avg, hz), credit)
        };
        Self {
            expires: 0,
            prev: ticks,
            credit,
            credit_cap,
            cost,
            current_rate: 0,
            over_before: false,
        }
    }

    /// `rateinfo_recalc`.
    fn recalculate(&mut self, wanted: &HashBuckets, ticks: u64, hz: u32) {
        let delta = ticks.saturating_sub(self.prev);
        if delta == 0 {
            return;
        }
        if wanted.mode & mode::RATE_MATCH != 0 {
            let interval = u64::from(wanted.interval) * u64::from(hz);
            if delta < interval {
                return;
            }
            self.prev = ticks;
            let rate = Self::rate(wanted);
            self.over_before =
                self.current_rate.saturating_mul(interval) > delta.saturating_mul(rate);
            self.current_rate = 0;
            return;
        }
        self.prev = ticks;
        if wanted.mode & mode::BYTES != 0 {
            let per_tick = byte_credits_per_tick(hz);
            let cap = per_tick * u64::from(hz);
            self.credit = self.credit.saturating_add(per_tick.saturating_mul(delta)).min(cap);
        } else {
            let more = delta.wrapping_mul(credits_per_tick(hz));
            self.credit = self.credit.wrapping_add(more).min(self.credit_cap);
        }
    }

    /// `user2rate`, `user2rate_bytes`: what a rate match compares with.
    fn rate(wanted: &HashBuckets) -> u64 {
        match wanted.mode & mode::BYTES {
            0 => 1_000_000u64.checked_div(wanted.avg).unwrap_or(0),
            _ => u64::from(u32::MAX).checked_div(wanted.avg).unwrap_or(0).saturating_sub(1) << 4,
        }
    }

    /// Whether the packet is under the limit; it is then paid for.
    fn take(&mut self, wanted: &HashBuckets, len: usize, hz: u32) -> bool {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        if wanted.mode & mode::RATE_MATCH != 0 {
            let cost = if wanted.mode & mode::BYTES != 0 { len } else { 1 };
            self.current_rate = self.current_rate.saturating_add(cost);
            return !self.over_before && self.current_rate <= wanted.burst;
        }
        let cost = match wanted.mode & mode::BYTES {
            0 => self.cost,
            _ => self.byte_cost(len, hz),
        };
        match self.credit.checked_sub(cost) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }

    /// `hashlimit_byte_cost`.
    fn byte_cost(&mut self, len: u64, hz: u32) -> u64 {
        let second = byte_credits_per_tick(hz) * u64::from(hz);
        let cost = ((len >> 4) + 1).saturating_mul(self.cost).min(second);
        if self.credit < cost && self.credit_cap > 0 {
            self.credit_cap -= 1;
            self.credit = second;
        }
        cost
    }
}
