//! What a target does, carried out.

use crate::chain::{Next, Trip, Verdict, World};
use crate::conntrack::nat::{SetUp, manip};
use crate::conntrack::{Tracked, tuple};
use crate::log;
use crate::mismatch::address;
use crate::walk::{Change, Done, End};
use oxtables_base::addr::{and, from_octets, octets};
use oxtables_base::{Family, HostMask};
use oxtables_ext::targets::ecn::Ecn;
use oxtables_ext::targets::hop_limit;
use oxtables_ext::targets::nat::{Addresses, Range};
use oxtables_ext::{Effect, NatKind};
use oxtables_packet::{CtState, Hook, Known, Missing, Packet, Tuple};
use std::net::IpAddr;

type Outcome = (Done, Next);

/// Carries out a target on the packet, its marks and its connection.
pub(crate) fn carry_out(effect: &Effect, trip: &mut Trip, world: &mut World<'_>) -> Outcome {
    match effect {
        Effect::Nothing => (Done::Counted, Next::Rule),
        Effect::Mark { value, mask } => mark(trip, *value, *mask),
        Effect::Connmark(target) => connmark(target, trip, world),
        Effect::Priority(class) => priority(trip, *class),
        Effect::Tos { value, mask } => tos(trip, |old| (old & !mask) ^ value),
        Effect::Dscp(dscp) => tos(trip, |old| (dscp << 2) | (old & 3)),
        Effect::Ecn(ecn) => congestion(trip, ecn),
        Effect::HopLimit(how, by) => hop_limit(trip, *how, *by),
        Effect::Mss(Some(mss)) => {
            let before = mss_of(&trip.packet);
            let result = trip.packet.set_tcp_mss(*mss);
            let after = mss_of(&trip.packet);
            trip.refresh_transport();
            segment(result, Change { what: "maximum segment size", old: before, new: after })
        }
        Effect::Mss(None) => unknown("the MTU of the path is not known"),
        Effect::StripOptions(options) => {
            let strip: Vec<u8> = options.numbers().collect();
            strip_options(trip, &strip)
        }
        Effect::Nat(kind, range) => translate(*kind, range, trip, world),
        Effect::Netmap(network) => netmap(network, trip, world),
        Effect::Reject { with } => {
            let answer = crate::answer::to(&trip.packet, with, world.topology);
            if let (Some(_), &"tcp-reset", Some(Tracked::Link(link))) =
                (&answer, with, trip.tracked)
            {
                world.connections.close(link.id, world.time);
            }
            let end = End::Reject { with, answer };
            (Done::Reject(with), Next::Verdict(Verdict::End(end)))
        }
        Effect::Log { prefix } => (Done::Logged(log::line(prefix, &trip.packet)), Next::Rule),
        Effect::Report { group, prefix } => {
            let prefix = oxtables_base::text::visible(prefix);
            (Done::Logged(format!("group {group}: {prefix}")), Next::Rule)
        }
        Effect::Queue(first, _) => {
            (Done::Queue(*first), Next::Verdict(Verdict::End(End::Queue(*first))))
        }
        Effect::Notrack => notrack(trip, world),
        Effect::Helper(name) => {
            if trip.tracked.is_none() {
                trip.helper = Some(name.clone());
            }
            (Done::Counted, Next::Rule)
        }
        Effect::Unknown(why) => unknown(why),
    }
}

fn priority(trip: &mut Trip, class: u32) -> Outcome {
    trip.packet.context.priority = Known::Known(class);
    let (old, new) = (String::new(), format!("{:x}:{:x}", class >> 16, class & 0xffff));
    (Done::Changed(vec![Change { what: "priority", old, new }]), Next::Rule)
}

fn congestion(trip: &mut Trip, ecn: &Ecn) -> Outcome {
    let mut changes = Vec::new();
    if let Some(ect) = ecn.ect {
        let old = trip.packet.tos();
        let result = trip.packet.set_ecn(ect);
        changes.push(change("tos", hex(old), hex(trip.packet.tos()), result));
    }
    let bit = |set: Option<bool>, bit: u8| set.map_or((0, 0), |s| (bit, if s { bit } else { 0 }));
    let (ece, cwr) = (bit(ecn.ece, 0x40), bit(ecn.cwr, 0x80));
    if ecn.ece.is_some() || ecn.cwr.is_some() {
        let result = trip.packet.set_tcp_flags(ece.0 | cwr.0, ece.1 | cwr.1);
        changes.push(change("ECN flags", String::new(), String::new(), result));
    }
    trip.refresh_transport();
    changed(changes)
}

fn strip_options(trip: &mut Trip, strip: &[u8]) -> Outcome {
    let result = trip.packet.strip_tcp_options(|kind| strip.contains(&kind));
    let what = "TCP options";
    segment(result, Change { what, old: String::new(), new: "stripped".to_owned() })
}

/// `net/netfilter/xt_CT.c:xt_ct_target`: a packet that has a connection keeps it.
fn notrack(trip: &mut Trip, world: &mut World<'_>) -> Outcome {
    if trip.tracked.is_none() {
        let tracked = Tracked::Without(CtState::Untracked);
        trip.tracked = Some(tracked);
        trip.packet.context.conntrack = world.connections.describe(tracked, world.time);
    }
    (Done::Counted, Next::Rule)
}

fn unknown(why: &str) -> Outcome {
    let end = End::Unknown(why.to_owned());
    (Done::Unknown(why.to_owned()), Next::Verdict(Verdict::End(end)))
}

fn hex(n: u8) -> String {
    format!("{n:#04x}")
}

/// A change that happened, or why it did not.
fn change(
    what: &'static str,
    old: String,
    new: String,
    result: Result<(), Missing>,
) -> Result<Change, Missing> {
    result.map(|()| Change { what, old, new })
}

/// Changes of which some may not have come about: a target that cannot write drops the packet.
fn changed(changes: Vec<Result<Change, Missing>>) -> Outcome {
    let mut all = Vec::new();
    for change in changes {
        match change {
            Ok(change) => all.push(change),
            Err(Missing::NotCaptured) => {
                return unknown("the capture does not have these bytes of the packet");
            }
            Err(Missing::Absent | Missing::LaterFragment | Missing::OverlappingFragment) => {}
            Err(_) => return (Done::Drop, Next::Verdict(Verdict::End(End::Drop))),
        }
    }
    (Done::Changed(all), Next::Rule)
}

fn segment(result: Result<(), Missing>, done: Change) -> Outcome {
    changed(vec![result.map(|()| done)])
}

/// `net/netfilter/xt_mark.c:mark_tg`.
fn mark(trip: &mut Trip, value: u32, mask: u32) -> Outcome {
    let old = trip.packet.context.mark;
    let new = match old {
        _ if mask == u32::MAX => Known::Known(value),
        Known::Known(old) => Known::Known((old & !mask) ^ value),
        Known::Absent => Known::Known(value),
        Known::Unknown(why) => Known::Unknown(why),
    };
    trip.set_mark(new);
    let say = |mark: Known<u32>| mark.get().map_or("unknown".to_owned(), |m| format!("{m:#x}"));
    (Done::Changed(vec![Change { what: "mark", old: say(old), new: say(new) }]), Next::Rule)
}

/// `net/netfilter/xt_connmark.c:connmark_tg_shift`: nothing without a connection.
fn connmark(
    target: &oxtables_ext::targets::connmark::Connmark,
    trip: &mut Trip,
    world: &mut World<'_>,
) -> Outcome {
    let known = |of: &Known<u32>| match of {
        Known::Known(mark) => Ok(*mark),
        Known::Absent => Err(None),
        Known::Unknown(why) => Err(Some(*why)),
    };
    let context = &trip.packet.context;
    let marks = (known(&context.conntrack.mark), known(&context.mark));
    let (connection, packet) = match marks {
        (Ok(connection), Ok(packet)) => (connection, packet),
        (Err(None), _) | (_, Err(None)) => return (Done::Counted, Next::Rule),
        (Err(Some(why)), _) | (_, Err(Some(why))) => return unknown(why),
    };
    let (new_connection, new_packet) = target.marks(connection, packet);
    let mut changes = Vec::new();
    let mut note = |what, old: u32, new: u32| {
        if old != new {
            let (old, new) = (format!("{old:#x}"), format!("{new:#x}"));
            changes.push(Change { what, old, new });
        }
    };
    note("connection mark", connection, new_connection);
    note("mark", packet, new_packet);
    trip.packet.context.conntrack.mark = Known::Known(new_connection);
    if let Some(Tracked::Link(link)) = trip.tracked
        && let Some(entry) = world.connections.get_mut(link.id)
    {
        entry.mark = new_connection;
    }
    trip.set_mark(Known::Known(new_packet));
    (Done::Changed(changes), Next::Rule)
}

fn tos(trip: &mut Trip, new: impl Fn(u8) -> u8) -> Outcome {
    let old = trip.packet.tos();
    let new = new(old);
    let result = trip.packet.set_tos(new);
    changed(vec![change("tos", hex(old), hex(new), result)])
}

/// `net/netfilter/xt_HL.c:ttl_tg`, `hl_tg6`.
fn hop_limit(trip: &mut Trip, how: hop_limit::Change, by: u8) -> Outcome {
    let old = trip.packet.ttl();
    let new = match how {
        hop_limit::Change::Set => by,
        hop_limit::Change::Increment => old.saturating_add(by),
        hop_limit::Change::Decrement => old.saturating_sub(by),
    };
    let result = trip.packet.set_ttl(new);
    changed(vec![change("ttl", old.to_string(), new.to_string(), result)])
}

fn mss_of(packet: &Packet) -> String {
    let mss = packet.tcp().and_then(|tcp| tcp.mss());
    mss.ok().flatten().map_or("none".to_owned(), |n| n.to_string())
}

/// The NAT targets: the end is set up, and the nat table is through with the connection.
fn translate(kind: NatKind, range: &Range, trip: &mut Trip, world: &mut World<'_>) -> Outcome {
    let mut range = *range;
    let hook = trip.packet.context.hook;
    let alone = |address| Some(Addresses { lo: address, hi: address });
    match kind {
        NatKind::Source | NatKind::Destination => {}
        NatKind::Masquerade => {
            if trip.packet.src() == IpAddr::from([0; 4]) {
                return (Done::Accept, Next::Verdict(Verdict::Accept));
            }
            let Some(out) = trip.packet.context.out_interface.get().copied() else {
                return unknown("the outgoing interface is not known");
            };
            match world.topology.source_towards(&out, trip.packet.dst()) {
                Some(address) => range.to.addresses = alone(address),
                None => return (Done::Drop, Next::Verdict(Verdict::End(End::Drop))),
            }
        }
        NatKind::Redirect => match redirected(trip, world) {
            Some(address) => range.to.addresses = alone(address),
            None => return (Done::Drop, Next::Verdict(Verdict::End(End::Drop))),
        },
    }
    set_up(&range, hook, trip, world)
}

/// `net/netfilter/nf_nat_redirect.c`: the first address of the incoming interface, or of loopback.
fn redirected(trip: &Trip, world: &World<'_>) -> Option<IpAddr> {
    let family = trip.packet.family();
    if trip.packet.context.hook == Hook::Output {
        return Some(match family {
            Family::Ip4 => IpAddr::from([127, 0, 0, 1]),
            Family::Ip6 => IpAddr::from(1u128.to_be_bytes()),
        });
    }
    let input = trip.packet.context.in_interface.get()?;
    let of_family = |a: &IpAddr| a.is_ipv4() == (family == Family::Ip4);
    world.topology.addresses_of(input).map(|(a, _)| a).find(of_family)
}

/// `net/netfilter/xt_NETMAP.c`: the host part stays.
fn netmap(network: &HostMask, trip: &mut Trip, world: &mut World<'_>) -> Outcome {
    let hook = trip.packet.context.hook;
    let own = match hook {
        Hook::Prerouting | Hook::Output => trip.packet.dst(),
        _ => trip.packet.src(),
    };
    let mask = network.mask();
    let host: Vec<u8> = octets(&mask).iter().map(|b| !b).collect();
    let host = from_octets(&host).and_then(|inverse| and(own, inverse));
    let Some(host) = host else { return unknown("the address is of the other family") };
    let bits = octets(&host)
        .iter()
        .zip(octets(&network.addr()).iter())
        .map(|(a, b)| a | b)
        .collect::<Vec<u8>>();
    let Some(address) = from_octets(&bits) else {
        return unknown("the address is of the other family");
    };
    let mut range = Range::default();
    range.to.addresses = Some(Addresses { lo: address, hi: address });
    set_up(&range, hook, trip, world)
}

fn set_up(range: &Range, hook: Hook, trip: &mut Trip, world: &mut World<'_>) -> Outcome {
    let Some(Tracked::Link(link)) = trip.tracked else {
        return unknown("the connection of the packet is not known");
    };
    let name =
        |world: &World<'_>| world.connections.get(link.id).and_then(|e| tuple::inverted(&e.reply));
    let before = name(world);
    match world.connections.set_up(link.id, range, manip(hook), world.time) {
        SetUp::Unknown(why) => {
            (Done::Unknown(why.clone()), Next::Verdict(Verdict::End(End::Unknown(why))))
        }
        SetUp::Done => {
            let changes = before.zip(name(world)).map_or(Vec::new(), |(a, b)| differences(&a, &b));
            (Done::Translated(changes), Next::Verdict(Verdict::Accept))
        }
    }
}

/// What differs between two names.
pub(crate) fn differences(old: &Tuple, new: &Tuple) -> Vec<Change> {
    let mut all = Vec::new();
    let mut note = |what, old: String, new: String| {
        if old != new {
            all.push(Change { what, old, new });
        }
    };
    note("source", address(old.src), address(new.src));
    note("source port", old.sport.to_string(), new.sport.to_string());
    note("destination", address(old.dst), address(new.dst));
    note("destination port", old.dport.to_string(), new.dport.to_string());
    all
}
