//! The way of a packet: hooks, and at each hook the tables in their order of priority.

use crate::chain::{Trip, Verdict};
use crate::fields::Fields;
use crate::program::{Program, hook_index};
use crate::ruleset::{Ruleset, RulesetError};
use crate::topology::{Routed, Topology};
use crate::walk::{Arrival, Destination, End, RuleRef, Step, Walk};
use oxtables_base::{Counters, Family};
use oxtables_model::{ChainName, TableName};
use oxtables_packet::{Hook, IfName, Known, Moment, Packet};
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
        Ok(Self { programs, topology: Arc::new(topology), options })
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

    fn walk(&mut self, mut packet: Packet, arrival: Arrival, time: Moment, record: bool) -> Walk {
        let given = packet.context.out_interface;
        let context = &mut packet.context;
        context.time = Known::Known(time);
        context.host = Arc::clone(&self.topology) as Arc<dyn oxtables_packet::Host>;
        context.in_interface = match arrival {
            Arrival::Interface(name) => Known::Known(name),
            Arrival::Local => Known::Absent,
        };
        let family = packet.family();
        let mut nothing = Program::empty(family);
        let program = self.programs.iter_mut().find(|p| p.family == family).unwrap_or(&mut nothing);
        let mut way = Way {
            program,
            topology: &self.topology,
            trip: Trip {
                packet,
                fields: Fields::default(),
                steps: Vec::new(),
                record,
                deciding: None,
            },
            given,
        };
        let end = match arrival {
            Arrival::Interface(_) => way.arrived(),
            Arrival::Local => way.made_here(),
        };
        let Trip { packet, steps, deciding, .. } = way.trip;
        let end = end.unwrap_or_else(|end| end);
        Walk { end, deciding, steps, packet, connection: None }
    }
}

/// One packet's way.
struct Way<'e> {
    program: &'e mut Program,
    topology: &'e Topology,
    trip: Trip,
    /// The routing decision, if it came with the packet.
    given: Known<IfName>,
}

impl Way<'_> {
    /// `net/ipv4/ip_input.c:ip_rcv`: PREROUTING, routing, then INPUT or FORWARD and POSTROUTING.
    fn arrived(&mut self) -> Result<End, End> {
        self.hook(Hook::Prerouting, Known::Absent)?;
        match self.route()? {
            Routed::Local => {
                self.hook(Hook::Input, Known::Absent)?;
                Ok(End::Accept(Destination::Local))
            }
            Routed::Nowhere => Err(End::Lost("no route to the destination")),
            Routed::Out(out) => {
                if !self.topology.forwarding {
                    return Err(End::Lost("this host does not pass packets on"));
                }
                self.forward(out)
            }
        }
    }

    /// `net/ipv4/ip_forward.c:ip_forward`: the TTL is looked at before the hook and lowered before it.
    fn forward(&mut self, out: IfName) -> Result<End, End> {
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
        let out = match self.route()? {
            Routed::Out(out) => out,
            Routed::Local => match IfName::new(b"lo") {
                Some(lo) => lo,
                None => return Err(End::Lost("no route to the destination")),
            },
            Routed::Nowhere => return Err(End::Lost("no route to the destination")),
        };
        self.hook(Hook::Output, Known::Known(out))?;
        self.hook(Hook::Postrouting, Known::Known(out))?;
        if out.as_bytes() == b"lo" {
            self.trip.packet.context.in_interface = Known::Known(out);
            self.given = Known::Absent;
            return self.arrived();
        }
        Ok(End::Accept(Destination::Interface(out)))
    }

    fn route(&mut self) -> Result<Routed, End> {
        let routed = match self.given {
            Known::Known(out) => Routed::Out(out),
            Known::Absent => Routed::Local,
            Known::Unknown(_) => match self.topology.lookup(self.trip.packet.dst()) {
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

    /// The tables at a hook, in their order.
    fn hook(&mut self, hook: Hook, out: Known<IfName>) -> Result<(), End> {
        let context = &mut self.trip.packet.context;
        context.hook = hook;
        context.out_interface = out;
        if matches!(hook, Hook::Postrouting | Hook::Output) {
            context.in_interface = Known::Absent;
        }
        if self.trip.record {
            let step = Step::Hook {
                hook,
                in_interface: context.in_interface.get().copied(),
                out_interface: context.out_interface.get().copied(),
            };
            self.trip.steps.push(step);
        }
        let program = &self.program;
        self.trip.fields = Fields::of(&self.trip.packet, |name| program.name(name));
        let mut at = 0;
        while let Some(&(_, lane)) =
            self.program.hooks.get(hook_index(hook)).and_then(|lanes| lanes.get(at))
        {
            at += 1;
            self.table(lane)?;
        }
        Ok(())
    }

    fn table(&mut self, lane: usize) -> Result<(), End> {
        let Some(base) = self.program.lanes.get(lane) else { return Ok(()) };
        self.trip.packet.context.table = base.table.word();
        if self.trip.record {
            let chain = Arc::clone(&base.name);
            self.trip.steps.push(Step::Chain { table: base.table, chain });
        }
        match self.program.run(lane, &mut self.trip) {
            Verdict::Accept => Ok(()),
            Verdict::End(end) => Err(end),
        }
    }
}
