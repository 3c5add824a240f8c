//! The way of a packet: hooks, and at each hook the tables in their order of priority.

use crate::chain::{Trip, Verdict, World};
use crate::conntrack::nat::{SetUp, manip};
use crate::conntrack::{Connections, Tracked};
use crate::effect::differences;
use crate::fields::Fields;
use crate::program::{Program, Station, hook_index};
use crate::reception;
use crate::ruleset::{Ruleset, RulesetError};
use crate::state::State;
use crate::topology::{Routed, Topology};
use crate::walk::{Arrival, Destination, End, RuleRef, Step, Walk};
use oxtables_base::{Counters, Family};
use oxtables_model::{ChainName, TableName};
use oxtables_packet::{
    Conntrack, CtState, Hook, IfName, Known, Moment, Packet, PacketType, Tuple, proto,
};
use std::net::IpAddr;
use std::sync::Arc;

/// What is assumed of the kernel.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ticks a second (`CONFIG_HZ`), in which hashlimit and recent measure time.
    pub hz: u32,
    /// Whether limits, lists, quotas and connections begin empty, as after a restore. Otherwise what a match
    /// keeps between packets is not known at first.
    pub fresh: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { hz: 250, fresh: true }
    }
}

/// Rules, a place in the network, and what is remembered between packets.
#[derive(Debug)]
pub struct Engine {
    programs: Vec<Program>,
    topology: Arc<Topology>,
    options: Options,
    /// Of IPv4 and IPv6.
    memory: [Memory; 2],
}

/// What a family remembers between packets.
#[derive(Debug, Default)]
struct Memory {
    state: State,
    connections: Connections,
}

impl Engine {
    /// An engine with rules of one family or both; a family without rules lets all pass.
    ///
    /// # Errors
    /// When a rule jumps to nowhere, in a circle, or too deep, as the kernel would refuse.
    pub fn new(
        rulesets: &[Ruleset],
        topology: Topology,
        options: Options,
    ) -> Result<Self, RulesetError> {
        let programs = rulesets.iter().map(Program::new).collect::<Result<_, _>>()?;
        Ok(Self { programs, topology: Arc::new(topology), options, memory: Default::default() })
    }

    /// What is assumed of the kernel.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The packet's whole way, each step recorded.
    ///
    /// What its context already knows is taken as it is: a connection state that is given is not tracked, an
    /// `out_interface` that is given (or absent: to this host) is the routing decision.
    pub fn packet(&mut self, packet: Packet, arrival: Arrival, time: Moment) -> Walk {
        self.walk(packet, arrival, time, true)
    }

    /// As [`Engine::packet`], without the steps: for many packets.
    pub fn verdict(&mut self, packet: Packet, arrival: Arrival, time: Moment) -> Walk {
        self.walk(packet, arrival, time, false)
    }

    /// What every rule and policy of a family has counted, in the order of the rule set.
    pub fn counters(&self, family: Family) -> impl Iterator<Item = (RuleRef, Counters)> + '_ {
        let programs = self.programs.iter().filter(move |p| p.family == family);
        programs.flat_map(|program| {
            program.lanes.iter().enumerate().flat_map(move |(at, lane)| {
                let policy = lane.base.map(|_| {
                    let chain = Arc::clone(&lane.name);
                    let rule = RuleRef { table: lane.table, chain, number: 0, line: lane.line };
                    (rule, lane.counters)
                });
                let rules = lane.rules.iter().enumerate();
                let rules =
                    rules.filter_map(move |(n, r)| Some((program.rule_ref(at, n)?, r.counters)));
                policy.into_iter().chain(rules)
            })
        })
    }

    /// What the rules of one chain have counted, in order.
    #[must_use]
    pub fn chain_counters(
        &self,
        family: Family,
        table: TableName,
        chain: &ChainName,
    ) -> Option<Vec<Counters>> {
        let program = self.programs.iter().find(|p| p.family == family)?;
        let lane = program.lanes.iter().find(|l| l.table == table && *l.name == *chain)?;
        Some(lane.rules.iter().map(|r| r.counters).collect())
    }

    /// Forgets every connection and all that matches keep; counters stay.
    pub fn forget(&mut self) {
        for family in &mut self.memory {
            *family = Memory::default();
        }
    }

    fn walk(&mut self, mut packet: Packet, arrival: Arrival, time: Moment, record: bool) -> Walk {
        let given = packet.context.out_interface;
        let family = packet.family();
        let context = &mut packet.context;
        let known = matches!(context.conntrack.state, Known::Known(_));
        let given_state = known.then(|| context.conntrack.clone());
        context.time = Known::Known(time);
        context.host = Arc::clone(&self.topology) as Arc<dyn oxtables_packet::Host>;
        context.in_interface = match arrival {
            Arrival::Interface(name) => Known::Known(name),
            Arrival::Local => Known::Absent,
        };
        let local = arrival == Arrival::Local;
        assume(&mut packet, local);
        let mut nothing = Program::empty(family);
        let program = self.programs.iter_mut().find(|p| p.family == family).unwrap_or(&mut nothing);
        let [v4, v6] = &mut self.memory;
        let memory = if family == Family::Ip4 { v4 } else { v6 };
        let world = World {
            state: &mut memory.state,
            connections: &mut memory.connections,
            topology: &self.topology,
            time: nanoseconds(time),
            hz: self.options.hz,
            fresh: self.options.fresh,
        };
        let trip = Trip {
            packet,
            fields: Fields::default(),
            steps: Vec::new(),
            record,
            deciding: None,
            tracked: None,
            helper: None,
            local,
            seen: None,
        };
        let mut way = Way { program, world, trip, given, given_state };
        if way.program.tracks {
            way.describe();
        }
        let end = match arrival {
            Arrival::Interface(_) => way.arrived(),
            Arrival::Local => way.made_here(),
        };
        way.finish(end.unwrap_or_else(|end| end))
    }
}

/// What is so for routed packets of an ordinary host, where the caller did not say otherwise.
fn assume(packet: &mut Packet, local: bool) {
    let dst = packet.dst();
    let context = &mut packet.context;
    let kind = match dst {
        _ if local => PacketType::Host,
        IpAddr::V4(a) if a.is_broadcast() => PacketType::Broadcast,
        _ if dst.is_multicast() => PacketType::Multicast,
        _ => PacketType::Host,
    };
    if matches!(context.packet_type, Known::Unknown(_)) {
        context.packet_type = Known::Known(kind);
    }
    for physical in [&mut context.physical_in, &mut context.physical_out] {
        if matches!(physical, Known::Unknown(_)) {
            *physical = Known::Absent;
        }
    }
    if matches!(context.bridged, Known::Unknown(_)) {
        context.bridged = Known::Known(false);
    }
    if matches!(context.priority, Known::Unknown(_)) {
        context.priority = Known::Known(0);
    }
}

/// A moment as nanoseconds since 1970; before it is 0.
fn nanoseconds(time: Moment) -> u64 {
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(time.nanos.into())
}

/// One packet's way.
struct Way<'e> {
    program: &'e mut Program,
    world: World<'e>,
    trip: Trip,
    /// The routing decision, if it came with the packet.
    given: Known<IfName>,
    /// The connection's state, if it came with the packet.
    given_state: Option<Conntrack>,
}

impl Way<'_> {
    /// `net/ipv4/ip_input.c:ip_rcv`: PREROUTING, routing, then INPUT or FORWARD and POSTROUTING.
    fn arrived(&mut self) -> Result<End, End> {
        reception::before_hooks(&self.trip.packet)?;
        self.hook(Hook::Prerouting, Known::Absent)?;
        reception::options(&self.trip.packet)?;
        match self.route()? {
            Routed::Local => {
                // net/ipv4/ip_input.c:ip_local_deliver; IPv6 puts together behind the hook.
                if self.trip.packet.family() == Family::Ip4 {
                    reception::defragment(&self.trip.packet)?;
                }
                self.hook(Hook::Input, Known::Absent)?;
                Ok(End::Accept(Destination::Local))
            }
            Routed::Nowhere => Err(End::Lost("no route to the destination")),
            Routed::Out(out) => {
                if !self.world.topology.forwarding {
                    return Err(End::Lost("this host does not pass packets on"));
                }
                self.forward(out)
            }
        }
    }

    /// `net/ipv4/ip_forward.c:ip_forward`: the TTL is looked at before the hook and lowered before it.
    fn forward(&mut self, out: IfName) -> Result<End, End> {
        reception::to_this_host_alone(&self.trip.packet)?;
        let ttl = self.trip.packet.ttl();
        if ttl <= 1 {
            return Err(End::Lost("the time to live is up"));
        }
        // An IP header is always there to be written.
        if self.trip.packet.set_ttl(ttl - 1).is_err() {
            return Err(End::Lost("the IP header cannot be written"));
        }
        self.hook(Hook::Forward, Known::Known(out))?;
        self.hook(Hook::Postrouting, Known::Known(out))?;
        Ok(End::Accept(Destination::Interface(out)))
    }

    /// `net/ipv4/ip_output.c:__ip_local_out`, `ip_output`.
    fn made_here(&mut self) -> Result<End, End> {
        let out = self.route_out()?;
        let to = self.trip.packet.dst();
        self.hook(Hook::Output, Known::Known(out))?;
        // net/netfilter.c:ip_route_me_harder
        let out = if self.trip.packet.dst() == to { out } else { self.route_out()? };
        self.hook(Hook::Postrouting, Known::Known(out))?;
        if out.as_bytes() == b"lo" {
            self.trip.packet.context.in_interface = Known::Known(out);
            self.given = Known::Absent;
            return self.arrived();
        }
        Ok(End::Accept(Destination::Interface(out)))
    }

    /// The interface that a packet made here leaves by.
    fn route_out(&mut self) -> Result<IfName, End> {
        let lost = End::Lost("no route to the destination");
        match self.route()? {
            Routed::Out(out) => Ok(out),
            Routed::Local => IfName::new(b"lo").ok_or(lost),
            Routed::Nowhere => Err(lost),
        }
    }

    fn route(&mut self) -> Result<Routed, End> {
        let routed = match self.given {
            Known::Known(out) => Routed::Out(out),
            Known::Absent => Routed::Local,
            Known::Unknown(_) => match self.world.topology.lookup(self.trip.packet.dst()) {
                Known::Known(routed) => routed,
                Known::Unknown(why) => return Err(End::Unknown(why.to_owned())),
                Known::Absent => Routed::Nowhere,
            },
        };
        if self.trip.record {
            self.trip.steps.push(Step::Routed(match routed {
                Routed::Local => "to this host".to_owned(),
                Routed::Out(out) => format!("out by {out}"),
                Routed::Nowhere => "no route".to_owned(),
            }));
        }
        Ok(routed)
    }

    /// What is called at a hook, in its order.
    fn hook(&mut self, hook: Hook, out: Known<IfName>) -> Result<(), End> {
        let context = &mut self.trip.packet.context;
        context.hook = hook;
        // The incoming one stays, for POSTROUTING too (`net/ipv4/ip_output.c:ip_output`).
        context.out_interface = out;
        let through = matches!(hook, Hook::Forward | Hook::Postrouting) && !self.trip.local;
        if through && matches!(context.socket, Known::Unknown(_)) {
            context.socket = Known::Absent;
        }
        if self.trip.record {
            let step = Step::Hook {
                hook,
                in_interface: context.in_interface.get().copied(),
                out_interface: context.out_interface.get().copied(),
            };
            self.trip.steps.push(step);
        }
        self.refresh();
        let mut at = 0;
        while let Some(&(_, station)) =
            self.program.hooks.get(hook_index(hook)).and_then(|stations| stations.get(at))
        {
            at += 1;
            match station {
                Station::Table(lane) => self.table(lane)?,
                Station::Track => self.track(hook),
                Station::Nat(lane) => self.nat(lane, hook)?,
                Station::Confirm => self.confirm()?,
                Station::Defragment => reception::defragment(&self.trip.packet)?,
            }
        }
        Ok(())
    }

    fn refresh(&mut self) {
        self.trip.seen = None;
        let program = &self.program;
        self.trip.fields = Fields::of(&self.trip.packet, |name| program.name(name));
    }

    fn table(&mut self, lane: usize) -> Result<(), End> {
        let Some(base) = self.program.lanes.get(lane) else { return Ok(()) };
        self.trip.packet.context.table = base.table.word();
        if self.trip.record {
            let chain = Arc::clone(&base.name);
            self.trip.steps.push(Step::Chain { table: base.table, chain });
        }
        match self.program.run(lane, &mut self.trip, &mut self.world) {
            Verdict::Accept => Ok(()),
            Verdict::End(end) => Err(end),
        }
    }

    /// `net/netfilter/nf_conntrack_core.c:nf_conntrack_in`.
    fn track(&mut self, hook: Hook) {
        if self.trip.tracked.is_some() {
            return;
        }
        let (packet, now) = (&self.trip.packet, self.world.time);
        let given = self.given_state.as_ref().map(|given| (given.state, given.mark));
        let tracked = match given {
            Some((Known::Known(state), _)) => self.world.connections.take(packet, state, now),
            _ => self.world.connections.track(packet, now, hook == Hook::Prerouting),
        };
        self.trip.tracked = Some(tracked);
        if let Tracked::Link(link) = tracked
            && let Some(entry) = self.world.connections.get_mut(link.id)
        {
            if entry.helper.is_none() && link.state == CtState::New {
                entry.helper = self.trip.helper.take();
            }
            if let Some((_, Known::Known(mark))) = given {
                entry.mark = mark;
            }
        }
        self.describe();
        if self.trip.record
            && let Known::Known(state) = self.trip.packet.context.conntrack.state
        {
            self.trip.steps.push(Step::Tracked(state));
        }
    }

    /// What the matches are told of the connection; nothing of it before it is tracked.
    fn describe(&mut self) {
        self.trip.seen = None;
        let seen = match (self.trip.tracked, &self.given_state) {
            (Some(_), Some(given)) => given.clone(),
            (tracked, _) => {
                let tracked = tracked.unwrap_or(Tracked::Without(CtState::Invalid));
                self.world.connections.describe(tracked, self.world.time)
            }
        };
        self.trip.packet.context.conntrack = seen;
    }

    /// `net/netfilter/nf_nat_core.c:nf_nat_inet_fn`: only a connection's first packet sees the table.
    fn nat(&mut self, lane: Option<usize>, hook: Hook) -> Result<(), End> {
        let link = match self.trip.tracked {
            Some(Tracked::Link(link)) => link,
            Some(Tracked::Unknown(why)) => return Err(End::Unknown(why.to_owned())),
            Some(Tracked::Without(_)) | None => return Ok(()),
        };
        let (manip, now) = (manip(hook), self.world.time);
        let protocol = self.trip.packet.protocol();
        let error =
            link.state == CtState::Related && matches!(protocol, Some(proto::ICMP | proto::ICMPV6));
        let first = matches!(link.state, CtState::New | CtState::Related) && !error;
        let mut walked = false;
        if first && !self.world.connections.is_set_up(link.id, manip) {
            if let Some(lane) = lane {
                self.table(lane)?;
                walked = true;
            }
            if !self.world.connections.is_set_up(link.id, manip)
                && let SetUp::Unknown(why) =
                    self.world.connections.set_up_nothing(link.id, manip, now)
            {
                return Err(End::Unknown(why));
            }
            self.describe();
        }
        let before = ends(&self.trip.packet);
        if self.world.connections.translate(&mut self.trip.packet, link, hook).is_err() {
            return Err(End::Lost("its headers cannot be translated"));
        }
        let after = ends(&self.trip.packet);
        if before != after {
            self.refresh();
            if self.trip.record && !walked {
                self.trip.steps.push(Step::Translated(differences(&before, &after)));
            }
        }
        Ok(())
    }

    fn confirm(&mut self) -> Result<(), End> {
        match self.trip.tracked {
            Some(Tracked::Link(link)) if !self.world.connections.confirm(link, self.world.time) => {
                Err(End::Lost("another connection took its place meanwhile"))
            }
            _ => Ok(()),
        }
    }

    fn finish(self, end: End) -> Walk {
        let mut connection = None;
        if let Some(Tracked::Link(link)) = self.trip.tracked {
            connection = self.world.connections.get(link.id).map(|e| [e.original, e.reply]);
            self.world.connections.forget_unconfirmed(link.id);
        }
        let Trip { packet, steps, deciding, .. } = self.trip;
        Walk { end, deciding, steps, packet, connection }
    }
}

/// Addresses and ports of a packet.
fn ends(packet: &Packet) -> Tuple {
    let protocol = packet.protocol().unwrap_or(0);
    let (sport, dport) = match protocol {
        proto::ICMP | proto::ICMPV6 => {
            let icmp = packet.icmp().or_else(|_| packet.icmpv6());
            (icmp.and_then(|icmp| icmp.id(packet)).unwrap_or(0), 0)
        }
        _ => packet.ports().unwrap_or((0, 0)),
    };
    Tuple { src: packet.src(), dst: packet.dst(), protocol, sport, dport }
}
