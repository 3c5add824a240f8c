//! A packet through the chains of one table at one hook (`net/netfilter/nf_tables_core.c:nft_do_chain`).

use crate::conntrack::{Connections, Tracked};
use crate::effect;
use crate::fields::{Fields, field};
use crate::mismatch;
use crate::program::{Act, Asked, Check, Part, Program};
use crate::ruleset::RuleDef;
use crate::state::{Now, State};
use crate::topology::Topology;
use crate::walk::{Done, End, Outcome, RuleRef, Step};
use oxtables_model::Policy;
use oxtables_packet::{Known, Packet, Truth};
use smallvec::SmallVec;
use std::sync::Arc;

/// A packet under way.
#[derive(Debug)]
pub(crate) struct Trip {
    pub(crate) packet: Packet,
    pub(crate) fields: Fields,
    pub(crate) steps: Vec<Step>,
    /// Whether steps are kept.
    pub(crate) record: bool,
    /// The rule that decided last.
    pub(crate) deciding: Option<RuleRef>,
    /// How connection tracking sees it; `None` before it has.
    pub(crate) tracked: Option<Tracked>,
    /// The helper its connection shall have, if it is a new one.
    pub(crate) helper: Option<Vec<u8>>,
    /// Whether it was made by this host.
    pub(crate) local: bool,
    /// The packet as it is now, for steps that tell of it; made again after a change.
    pub(crate) seen: Option<Arc<Packet>>,
}

/// What is beside the rules and the packet.
#[derive(Debug)]
pub(crate) struct World<'e> {
    pub(crate) state: &'e mut State,
    pub(crate) connections: &'e mut Connections,
    pub(crate) topology: &'e Topology,
    /// Nanoseconds.
    pub(crate) time: u64,
    /// Ticks a second.
    pub(crate) hz: u32,
    /// Whether matches begin with nothing kept; otherwise what they keep is not known.
    pub(crate) fresh: bool,
}

impl Trip {
    /// Sets the mark, where rules look for it too.
    pub(crate) fn set_mark(&mut self, mark: Known<u32>) {
        self.packet.context.mark = mark;
        self.fields.mark(&mark);
    }

    /// The transport header was changed.
    pub(crate) fn refresh_transport(&mut self) {
        self.fields.transport(&self.packet);
    }
}

/// What a table says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// On to the next table.
    Accept,
    /// This is the packet's end.
    End(End),
}

/// What came of a rule's conditions.
enum Asking {
    Fits,
    /// The number of the check that failed.
    Not(u32),
    HotDrop,
    Unknown(u32, &'static str),
}

/// What follows a rule that fitted.
pub(crate) enum Next {
    Rule,
    Return,
    Jump(usize),
    Goto(usize),
    Verdict(Verdict),
}

impl Program {
    /// The packet through a built-in chain and those it jumps to.
    pub(crate) fn run(&mut self, base: usize, trip: &mut Trip, world: &mut World<'_>) -> Verdict {
        let mut stack: SmallVec<[(usize, usize); 16]> = SmallVec::new();
        let (mut lane, mut at) = (base, 0);
        loop {
            let Some(found) = self.next_fitting(lane, at, trip, world) else {
                // The end of a chain: back to where it was jumped from.
                let Some(back) = stack.pop() else { return self.policy(base, trip) };
                (lane, at) = back;
                continue;
            };
            let (rule, next) = found;
            at = rule + 1;
            match next {
                Next::Rule => {}
                Next::Return => match stack.pop() {
                    Some(back) => (lane, at) = back,
                    None => return self.policy(base, trip),
                },
                Next::Jump(to) => {
                    stack.push((lane, at));
                    (lane, at) = (to, 0);
                }
                Next::Goto(to) => (lane, at) = (to, 0),
                Next::Verdict(verdict) => return verdict,
            }
        }
    }

    /// The first rule from `at` on that fits, counted and carried out, and what follows.
    fn next_fitting(
        &mut self,
        lane: usize,
        at: usize,
        trip: &mut Trip,
        world: &mut World<'_>,
    ) -> Option<(usize, Next)> {
        let mut at = at;
        loop {
            let lane_now = self.lanes.get(lane)?;
            // The hot loop: rules that do not fit, unrecorded, touch nothing but their first check.
            if !trip.record {
                let gates = lane_now.gates.get(at..)?;
                at += gates.iter().position(|gate| !shut(gate, &trip.fields))?;
            }
            let compiled = lane_now.rules.get(at)?;
            let (rule, asking) = (at, self.ask(compiled.first, compiled.end, trip, world));
            match asking {
                Asking::Not(check) => {
                    if trip.record {
                        self.missed(lane, rule, check, trip);
                    }
                    at = rule + 1;
                }
                Asking::Fits => return Some((rule, self.fitted(lane, rule, trip, world))),
                Asking::HotDrop => {
                    self.note(lane, rule, trip, Done::HotDrop);
                    return Some((rule, self.end(lane, rule, trip, End::Drop)));
                }
                Asking::Unknown(check, why) => match self.unknown(lane, rule, check, why, trip) {
                    Some(next) => return Some((rule, next)),
                    None => at = rule + 1,
                },
            }
        }
    }

    #[inline]
    fn ask(&self, first: u32, end: u32, trip: &Trip, world: &mut World<'_>) -> Asking {
        let range = usize::try_from(first).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        let checks = self.checks.get(range).unwrap_or(&[]);
        let mut open: Option<(u32, &'static str)> = None;
        for (number, check) in (first..).zip(checks) {
            let truth = match check.field < field::SLOW {
                true => plain(check, &trip.fields),
                false => self.slow(check, trip, world),
            };
            match truth {
                Truth::Yes => {}
                Truth::No => return Asking::Not(number),
                Truth::HotDrop if open.is_none() => return Asking::HotDrop,
                Truth::HotDrop => {}
                Truth::Unknown(why) => open = open.or(Some((number, why))),
            }
        }
        open.map_or(Asking::Fits, |(number, why)| Asking::Unknown(number, why))
    }

    #[cold]
    fn slow(&self, check: &Check, trip: &Trip, world: &mut World<'_>) -> Truth {
        let at = usize::try_from(check.lo).unwrap_or(usize::MAX);
        let context = &trip.packet.context;
        let pattern = |name: &Known<oxtables_packet::IfName>| match (self.patterns.get(at), name) {
            (Some(pattern), Known::Known(name)) => pattern.matches(name.as_bytes()).into(),
            (_, Known::Unknown(why)) => Truth::Unknown(why),
            _ => Truth::No,
        };
        let truth = match check.field {
            field::IN_PATTERN => pattern(&context.in_interface),
            field::OUT_PATTERN => pattern(&context.out_interface),
            field::ADDRESS => self.addresses.get(at).map_or(Truth::No, |a| {
                let seen = if a.source { trip.packet.src() } else { trip.packet.dst() };
                a.host.contains(seen).into()
            }),
            field::MATCH => self.asked.get(at).map_or(Truth::No, |a| asked(a, at, trip, world)),
            _ => Truth::No,
        };
        truth.invert_if(check.not)
    }

    /// Counts and carries out a rule that fits.
    fn fitted(&mut self, lane: usize, rule: usize, trip: &mut Trip, world: &mut World<'_>) -> Next {
        let bytes = u64::try_from(trip.packet.total_len()).unwrap_or(u64::MAX);
        let Some(compiled) = self.lanes.get_mut(lane).and_then(|l| l.rules.get_mut(rule)) else {
            return Next::Rule;
        };
        compiled.counters.packets = compiled.counters.packets.wrapping_add(1);
        compiled.counters.bytes = compiled.counters.bytes.wrapping_add(bytes);
        let act = compiled.act;
        // Whatever the rule does, what steps told before is of the packet before.
        if matches!(act, Act::Target(_)) {
            trip.seen = None;
        }
        let chain = |to: usize| self.lanes.get(to).map(|l| Arc::clone(&l.name));
        let (done, next) = match act {
            Act::Continue => (Done::Counted, Next::Rule),
            Act::Accept => (Done::Accept, Next::Verdict(Verdict::Accept)),
            Act::Drop => (Done::Drop, Next::Verdict(Verdict::End(End::Drop))),
            Act::Return => (Done::Return, Next::Return),
            Act::Queue => (Done::Queue(0), Next::Verdict(Verdict::End(End::Queue(0)))),
            Act::Jump(to) => match chain(to) {
                Some(name) => (Done::Jump(name), Next::Jump(to)),
                None => return Next::Rule,
            },
            Act::Goto(to) => match chain(to) {
                Some(name) => (Done::Goto(name), Next::Goto(to)),
                None => return Next::Rule,
            },
            Act::Target(effect) => match self.effects.get(effect) {
                Some(effect) => effect::carry_out(effect, trip, world),
                None => return Next::Rule,
            },
            Act::Foreign => {
                let why = "the rule is not understood by oxtables".to_owned();
                let end = End::Unknown(why.clone());
                (Done::Unknown(why), Next::Verdict(Verdict::End(end)))
            }
        };
        self.note(lane, rule, trip, done);
        if let Next::Verdict(_) = next {
            trip.deciding = self.rule_ref(lane, rule);
        }
        next
    }

    /// A rule of which it cannot be told whether it fits. One that only counts changes nothing.
    fn unknown(
        &mut self,
        lane: usize,
        rule: usize,
        check: u32,
        why: &str,
        trip: &mut Trip,
    ) -> Option<Next> {
        let condition = self.condition(lane, rule, check);
        let act = self.lanes.get(lane).and_then(|l| l.rules.get(rule)).map(|r| r.act);
        let text = format!("{condition}: {why}");
        if trip.record
            && let Some(rule) = self.rule_ref(lane, rule)
        {
            let outcome = Outcome::Unknown { condition, why: why.to_owned() };
            trip.steps.push(Step::Rule { rule, outcome });
        }
        if act == Some(Act::Continue) {
            return None;
        }
        Some(self.end(lane, rule, trip, End::Unknown(text)))
    }

    fn end(&self, lane: usize, rule: usize, trip: &mut Trip, end: End) -> Next {
        trip.deciding = self.rule_ref(lane, rule);
        Next::Verdict(Verdict::End(end))
    }

    fn policy(&mut self, base: usize, trip: &mut Trip) -> Verdict {
        let bytes = u64::try_from(trip.packet.total_len()).unwrap_or(u64::MAX);
        let Some(lane) = self.lanes.get_mut(base) else { return Verdict::Accept };
        lane.counters.packets = lane.counters.packets.wrapping_add(1);
        lane.counters.bytes = lane.counters.bytes.wrapping_add(bytes);
        let policy = lane.policy;
        let rule = RuleRef {
            table: lane.table,
            chain: Arc::clone(&lane.name),
            number: 0,
            line: lane.line,
        };
        if trip.record {
            trip.steps.push(Step::Policy { rule: rule.clone(), policy });
        }
        trip.deciding = Some(rule);
        match policy {
            Policy::Accept => Verdict::Accept,
            Policy::Drop => Verdict::End(End::Drop),
        }
    }

    /// Records what a rule did.
    pub(crate) fn note(&self, lane: usize, rule: usize, trip: &mut Trip, done: Done) {
        if trip.record
            && let Some(rule) = self.rule_ref(lane, rule)
        {
            trip.steps.push(Step::Rule { rule, outcome: Outcome::Fitted(done) });
        }
    }

    fn missed(&self, lane: usize, rule: usize, check: u32, trip: &mut Trip) {
        let Some(at) = self.rule_ref(lane, rule) else { return };
        let Some((part, definition)) = self.blamed(lane, rule, check) else { return };
        let packet = Arc::clone(trip.seen.get_or_insert_with(|| Arc::new(trip.packet.clone())));
        let outcome =
            Outcome::Missed(crate::Mismatch { rule: Arc::clone(definition), part, packet });
        trip.steps.push(Step::Rule { rule: at, outcome });
    }

    fn blamed(&self, lane: usize, rule: usize, check: u32) -> Option<(Part, &Arc<RuleDef>)> {
        let part = self.checks.get(usize::try_from(check).ok()?)?.part;
        Some((part, self.lanes.get(lane)?.defs.get(rule)?))
    }

    fn condition(&self, lane: usize, rule: usize, check: u32) -> String {
        let blamed = self.blamed(lane, rule, check);
        blamed.map_or(String::new(), |(part, rule)| mismatch::wanted(part, rule, self.family))
    }

    /// The name of a rule by its place.
    pub(crate) fn rule_ref(&self, lane: usize, rule: usize) -> Option<RuleRef> {
        let lane = self.lanes.get(lane)?;
        Some(RuleRef {
            table: lane.table,
            chain: Arc::clone(&lane.name),
            number: u32::try_from(rule).ok()?.checked_add(1)?,
            line: lane.defs.get(rule)?.line,
        })
    }
}

/// Whether a plain check certainly fails.
#[inline]
fn shut(check: &Check, fields: &Fields) -> bool {
    check.field < field::SLOW && plain(check, fields) == Truth::No
}

/// A comparison of a field; one that is not there ends the rule.
#[inline]
fn plain(check: &Check, fields: &Fields) -> Truth {
    let bit = 1u32 << (check.field & 31);
    if fields.there & bit == 0 {
        return match fields.unknown & bit {
            0 => Truth::No,
            _ => Truth::Unknown("it is not known of this packet"),
        };
    }
    let value = fields.value.get(usize::from(check.field & 31)).copied().unwrap_or(0);
    let within = (value & check.mask).wrapping_sub(check.lo) <= check.span;
    (within != check.not).into()
}

fn asked(asked: &Asked, slot: usize, trip: &Trip, world: &mut World<'_>) -> Truth {
    match &asked.keeps {
        Some(keeps) if world.fresh => {
            let tracked =
                trip.tracked.unwrap_or(Tracked::Without(oxtables_packet::CtState::Invalid));
            let now = Now { time: world.time, hz: world.hz, tracked, local: trip.local };
            world.state.ask(slot, keeps, &trip.packet, world.connections, now)
        }
        _ => asked.test.test(&trip.packet, &trip.packet.context),
    }
}
