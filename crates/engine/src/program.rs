//! A rule set turned into what is asked of each packet: flat arrays of small comparisons.
//!
//! Conditions are taken from the very expressions that `backend` sends to the kernel (`Extension::lower`), so
//! that a header that is cut short ends a rule where the kernel's load would.

use crate::fields::{NO_NAME, field};
use crate::ruleset::{RuleDef, Ruleset, RulesetError, RulesetErrorKind, TableDef};
use oxtables_base::addr::octets;
use oxtables_base::{Counters, Family, HostMask, Interface, Neg};
use oxtables_ext::{AnyMatch, AnyTarget, Effect, Keeps, NativeCx};
use oxtables_model::{Action, BaseChain, ChainName, Entry, Policy, Rule, TableName};
use oxtables_packet::{Hook, IfName};
use oxtables_wire::nft::cond::{self, Cond, Item, Load, Op};
use oxtables_wire::nft::expr::{Base, CmpOp, meta};
use oxtables_wire::nl::{Attrs, Writer};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// `(value & mask) - lo <= span`, turned round if `not`. For fields from [`field::SLOW`] on, `lo` is a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) field: u8,
    pub(crate) not: bool,
    pub(crate) part: Part,
    pub(crate) mask: u32,
    pub(crate) lo: u32,
    pub(crate) span: u32,
}

/// The condition of the rule that a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Source,
    Destination,
    In,
    Out,
    Protocol,
    Fragment,
    /// The match with this number; higher ones are cut, for they only name.
    Match(u8),
}

/// A match that is asked as such.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) test: AnyMatch,
    /// What it keeps between packets.
    pub(crate) keeps: Option<Keeps>,
}

/// An inverted IPv6 address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) source: bool,
    pub(crate) host: HostMask,
}

/// What a rule does, with chains as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Continue,
    Accept,
    Drop,
    Return,
    Queue,
    Jump(usize),
    Goto(usize),
    /// The effect with this number.
    Target(usize),
    Foreign,
}

/// A rule as it is walked.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// The first of its checks.
    pub(crate) first: u32,
    /// One behind its last.
    pub(crate) end: u32,
    pub(crate) act: Act,
    pub(crate) counters: Counters,
}

/// A chain as it is walked.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) table: TableName,
    pub(crate) name: Arc<ChainName>,
    pub(crate) base: Option<BaseChain>,
    pub(crate) policy: Policy,
    pub(crate) counters: Counters,
    pub(crate) line: Option<u32>,
    pub(crate) rules: Vec<Compiled>,
    /// The first check of each rule: what most rules fail at, side by side.
    pub(crate) gates: Vec<Check>,
    pub(crate) defs: Vec<Arc<RuleDef>>,
}

/// A family's rules, ready.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) family: Family,
    pub(crate) lanes: Vec<Lane>,
    /// For each hook what is called there, in order of priority.
    pub(crate) hooks: [Vec<(i32, Station)>; 5],
    pub(crate) checks: Vec<Check>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) patterns: Vec<Interface>,
    pub(crate) addresses: Vec<Address>,
    names: FxHashMap<IfName, u32>,
    /// Whether something in it makes the kernel track connections.
    pub(crate) tracks: bool,
}

/// What a packet comes by at a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Station {
    /// Fragments are put together (`NF_IP_PRI_CONNTRACK_DEFRAG`).
    Defragment,
    /// Connection tracking (`NF_IP_PRI_CONNTRACK`).
    Track,
    /// A built-in chain.
    Table(usize),
    /// Translation, with the nat table's chain if it has one here.
    Nat(Option<usize>),
    /// The connection becomes one (`NF_IP_PRI_CONNTRACK_CONFIRM`).
    Confirm,
}

const MAX_DEPTH: usize = 16;

impl Program {
    pub(crate) fn new(ruleset: &Ruleset) -> Result<Self, RulesetError> {
        let mut program = Self::empty(ruleset.family);
        for table in &ruleset.tables {
            program.table(table)?;
        }
        program.stations();
        for hook in &mut program.hooks {
            hook.sort_by_key(|&(priority, _)| priority);
        }
        Ok(program)
    }

    /// No rules.
    pub(crate) fn empty(family: Family) -> Self {
        Self {
            family,
            lanes: Vec::new(),
            hooks: Default::default(),
            checks: Vec::new(),
            asked: Vec::new(),
            effects: Vec::new(),
            patterns: Vec::new(),
            addresses: Vec::new(),
            names: FxHashMap::default(),
            tracks: false,
        }
    }

    /// The number that a rule which names this interface whole compares with.
    pub(crate) fn name(&self, name: &IfName) -> u32 {
        self.names.get(name).copied().unwrap_or(NO_NAME)
    }

    /// Adds what is called beside the tables' chains.
    fn stations(&mut self) {
        let nat = |hook: &Vec<(i32, Station)>| {
            hook.iter().any(|(_, station)| matches!(station, Station::Nat(_)))
        };
        let translates = self.hooks.iter().any(nat);
        let tracks = self.tracks;
        for base in TableName::Nat.base_chains() {
            let Some(hook) = self.hooks.get_mut(hook_index(base.hook)) else { continue };
            if translates && !nat(hook) {
                hook.push((base.priority, Station::Nat(None)));
            }
            let more: &[(i32, Station)] = match base.hook {
                Hook::Prerouting | Hook::Output => {
                    &[(-400, Station::Defragment), (-200, Station::Track)]
                }
                _ => &[(i32::MAX, Station::Confirm)],
            };
            if tracks {
                hook.extend_from_slice(more);
            }
        }
    }

    fn table(&mut self, table: &TableDef) -> Result<(), RulesetError> {
        let first = self.lanes.len();
        depths(table)?;
        for chain in &table.chains {
            let base = table.name.base_chain(chain.name.bytes());
            if let Some(hooks) = base.and_then(|b| self.hooks.get_mut(hook_index(b.hook))) {
                let at = self.lanes.len();
                let nat = table.name == TableName::Nat;
                let station = if nat { Station::Nat(Some(at)) } else { Station::Table(at) };
                hooks.push((base.map_or(0, |b| b.priority), station));
            }
            let mut rules = Vec::with_capacity(chain.rules.len());
            for def in &chain.rules {
                rules.push(self.rule(table, first, def));
            }
            let gates = rules.iter().map(|r| self.gate(r)).collect();
            self.lanes.push(Lane {
                table: table.name,
                name: Arc::clone(&chain.name),
                base,
                policy: chain.policy,
                counters: chain.counters,
                line: chain.line,
                rules,
                gates,
                defs: chain.rules.clone(),
            });
        }
        Ok(())
    }

    /// The first check of a rule, or for one without any a check that always holds.
    fn gate(&self, rule: &Compiled) -> Check {
        let first = usize::try_from(rule.first).ok().filter(|_| rule.first < rule.end);
        let none = Check {
            field: field::SRC,
            not: false,
            part: Part::Source,
            mask: 0,
            lo: 0,
            span: u32::MAX,
        };
        first.and_then(|at| self.checks.get(at)).copied().unwrap_or(none)
    }

    fn rule(&mut self, table: &TableDef, first_lane: usize, def: &RuleDef) -> Compiled {
        let first = number(self.checks.len());
        let Entry::Rule(rule) = &def.entry else {
            let counters = def.entry.counters();
            return Compiled { first, end: first, act: Act::Foreign, counters };
        };
        self.conditions(rule);
        self.tracks |= tracks(rule);
        let chain = |name| table.chain(name).map_or(usize::MAX, |at| first_lane + at);
        let act = match &rule.action {
            Action::Continue => Act::Continue,
            Action::Accept => Act::Accept,
            Action::Drop => Act::Drop,
            Action::Return => Act::Return,
            Action::Queue => Act::Queue,
            Action::Jump(name) => Act::Jump(chain(name)),
            Action::Goto(name) => Act::Goto(chain(name)),
            Action::Target(target) => {
                self.effects.push(target.effect());
                Act::Target(self.effects.len() - 1)
            }
        };
        Compiled { first, end: number(self.checks.len()), act, counters: rule.counters }
    }

    /// In the order in which `backend` writes them.
    fn conditions(&mut self, rule: &Rule) {
        self.address(field::SRC, Part::Source, rule.source);
        self.address(field::DST, Part::Destination, rule.destination);
        self.interface(field::IN, Part::In, rule.in_interface);
        self.interface(field::OUT, Part::Out, rule.out_interface);
        if let Some(Neg { not, value }) = rule.protocol {
            self.push(field::PROTO, not, Part::Protocol, 0xff, value.into(), 0);
        }
        if let Some(Neg { not, .. }) = rule.fragment {
            self.push(field::FRAGMENT, !not, Part::Fragment, 0x1fff, 0, 0);
        }
        let cx = NativeCx { family: self.family, proto: rule.protocol };
        for (at, m) in rule.matches.iter().enumerate() {
            let part = Part::Match(u8::try_from(at).unwrap_or(u8::MAX));
            if !self.native(m, &cx, part) {
                let asked = number(self.asked.len());
                self.asked.push(Asked { test: m.clone(), keeps: m.keeps() });
                self.push(field::MATCH, false, part, 0, asked, 0);
            }
        }
    }

    fn push(&mut self, field: u8, not: bool, part: Part, mask: u32, lo: u32, span: u32) {
        self.checks.push(Check { field, not, part, mask, lo, span });
    }

    fn address(&mut self, first: u8, part: Part, condition: Option<Neg<HostMask>>) {
        let Some(Neg { not, value }) = condition else { return };
        if value.prefix_len() == Some(0) && !not {
            return;
        }
        if not && matches!(value.addr(), IpAddr::V6(_)) {
            let at = number(self.addresses.len());
            self.addresses.push(Address { source: first == field::SRC, host: value });
            return self.push(field::ADDRESS, not, part, 0, at, 0);
        }
        let (addr, mask) = (value.addr(), value.mask());
        let (addr, mask) = (octets(&addr), octets(&mask));
        let words = addr.chunks_exact(4).map(word).zip(mask.chunks_exact(4).map(word));
        for (field, (addr, mask)) in (first..).zip(words) {
            if mask != 0 || not {
                self.push(field, not, part, mask, addr, 0);
            }
        }
    }

    fn interface(&mut self, field: u8, part: Part, condition: Option<Neg<Interface>>) {
        let Some(Neg { not, value }) = condition else { return };
        if value.is_any() {
            if not {
                self.push(field::NEVER, false, part, 0, 0, 0);
            }
            return;
        }
        match IfName::new(value.name()).filter(|_| !value.is_wildcard()) {
            Some(name) => {
                let next = number(self.names.len());
                let number = *self.names.entry(name).or_insert(next);
                self.push(field, not, part, u32::MAX, number, 0);
            }
            None => {
                let at = self.patterns.iter().position(|p| *p == value).unwrap_or_else(|| {
                    self.patterns.push(value);
                    self.patterns.len() - 1
                });
                let pattern =
                    if field == field::IN { field::IN_PATTERN } else { field::OUT_PATTERN };
                self.push(pattern, not, part, 0, number(at), 0);
            }
        }
    }

    /// A match that is sent to the kernel as plain comparisons of what the fields have.
    fn native(&mut self, m: &AnyMatch, cx: &NativeCx, part: Part) -> bool {
        let mut writer = Writer::new();
        if !m.lower(&mut writer, cx) {
            return false;
        }
        let (start, mut items) = (self.checks.len(), Vec::new());
        if cond::fold(Attrs::new(writer.as_bytes()), &mut items).is_err() {
            return false;
        }
        for item in &items {
            let check = match item {
                Item::Cond(cond) => comparison(cond, part),
                _ => None,
            };
            let Some(check) = check else {
                self.checks.truncate(start);
                return false;
            };
            self.checks.push(check);
        }
        true
    }
}

/// Whether a rule makes the kernel track connections (`nf_ct_netns_get` in its extensions' `checkentry`).
fn tracks(rule: &Rule) -> bool {
    const MATCHES: [&str; 9] = [
        "cluster",
        "connbytes",
        "connlabel",
        "connlimit",
        "connmark",
        "conntrack",
        "helper",
        "state",
        "ipvs",
    ];
    // The nat table alone does not: without a translation in it nothing is tracked, and no packet comes to its chains.
    const TARGETS: [&str; 9] = [
        "CONNMARK",
        "CONNSECMARK",
        "CT",
        "DNAT",
        "MASQUERADE",
        "NETMAP",
        "REDIRECT",
        "SNAT",
        "SYNPROXY",
    ];
    let matched = |m: &AnyMatch| m.spec().is_some_and(|s| MATCHES.contains(&s.name));
    let target = |t: &AnyTarget| {
        t.spec().is_some_and(|s| TARGETS.contains(&s.name)) && t.effect() != Effect::Notrack
    };
    rule.matches.iter().any(matched) || matches!(&rule.action, Action::Target(t) if target(t))
}

/// A condition of an nf_tables rule on one of our fields.
fn comparison(cond: &Cond<'_>, part: Part) -> Option<Check> {
    let (field, native) = match cond.load {
        Load::Meta(meta::MARK) => (field::MARK, true),
        Load::Payload { base: Base::Transport, offset, len } => {
            let field = match (offset, len) {
                (0, 2) => field::SPORT,
                (2, 2) => field::DPORT,
                (0, 4) => field::PORTS,
                (13, 1) => field::FLAGS,
                _ => return None,
            };
            (field, false)
        }
        _ => return None,
    };
    let number = |bytes: &[u8]| -> Option<u32> {
        if native {
            return Some(u32::from_ne_bytes(bytes.try_into().ok()?));
        }
        (bytes.len() <= 4).then(|| word(bytes))
    };
    let whole = match cond.lo.len() {
        1 => 0xff,
        2 => 0xffff,
        4 => u32::MAX,
        _ => return None,
    };
    let mask = cond.mask.map_or(Some(whole), number)?;
    let (lo, hi) = (number(cond.lo)?, number(cond.hi)?);
    let (not, lo, hi) = match cond.op {
        Op::Cmp(CmpOp::Eq) => (false, lo, lo),
        Op::Cmp(CmpOp::Neq) => (true, lo, lo),
        // Other comparisons are of bytes in their order, which is not that of a native number.
        _ if native => return None,
        Op::Cmp(CmpOp::Lte) => (false, 0, lo),
        Op::Cmp(CmpOp::Gt) => (true, 0, lo),
        Op::Cmp(CmpOp::Gte) => (false, lo, u32::MAX),
        Op::Cmp(CmpOp::Lt) => (true, lo, u32::MAX),
        Op::Range { negated } => (negated, lo, hi),
    };
    // A range from above to below holds nothing; `nft_range_init` refuses it.
    let span = hi.checked_sub(lo)?;
    Some(Check { field, not, part, mask, lo, span })
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |all, &b| all << 8 | u32::from(b))
}

/// Rules, chains and checks are counted in words; four thousand million of them are not to be had.
fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The place of a hook in arrays of five.
pub(crate) const fn hook_index(hook: Hook) -> usize {
    match hook {
        Hook::Prerouting => 0,
        Hook::Input => 1,
        Hook::Forward => 2,
        Hook::Output => 3,
        Hook::Postrouting => 4,
    }
}

/// Looks for jumps to nowhere, circles, and too deep jumps (`net/netfilter/nf_tables_api.c:nft_chain_validate`).
fn depths(table: &TableDef) -> Result<(), RulesetError> {
    // For each chain how deep it is from itself down; `None` while it is being walked.
    let mut known: Vec<Option<Option<usize>>> = vec![None; table.chains.len()];
    for start in 0..table.chains.len() {
        let mut path: Vec<(usize, usize, usize)> = vec![(start, 0, 0)];
        if known.get(start).is_some_and(Option::is_some) {
            continue;
        }
        while let Some((chain, next, deepest)) = path.pop() {
            let rules = table.chains.get(chain).map_or(&[][..], |c| &c.rules);
            let jump = rules.iter().enumerate().skip(next).find_map(|(at, def)| match &def.entry {
                Entry::Rule(rule) => Some((at, rule.chain()?)),
                Entry::Foreign(_) => None,
            });
            let Some((at, to)) = jump else {
                set(&mut known, chain, Some(deepest));
                if let Some(above) = path.last_mut() {
                    above.2 = above.2.max(deepest + 1);
                }
                continue;
            };
            let blame = |kind| error(table, chain, at, kind);
            let to = table.chain(to).ok_or_else(|| blame(RulesetErrorKind::NoSuchTarget))?;
            match known.get(to).copied().flatten() {
                Some(None) => return Err(blame(RulesetErrorKind::Loop)),
                Some(Some(depth)) => path.push((chain, at + 1, deepest.max(depth + 1))),
                None if to == chain => return Err(blame(RulesetErrorKind::Loop)),
                None => {
                    set(&mut known, chain, None);
                    path.push((chain, at + 1, deepest));
                    path.push((to, 0, 0));
                }
            }
            if deepest >= MAX_DEPTH || path.len() > MAX_DEPTH {
                return Err(blame(RulesetErrorKind::TooDeep));
            }
        }
    }
    Ok(())
}

fn set(known: &mut [Option<Option<usize>>], chain: usize, value: Option<usize>) {
    if let Some(slot) = known.get_mut(chain) {
        *slot = Some(value);
    }
}

fn error(table: &TableDef, chain: usize, at: usize, kind: RulesetErrorKind) -> RulesetError {
    let chain = table.chains.get(chain);
    RulesetError {
        table: table.name,
        chain: chain.map_or(ChainName::new(b""), |c| ChainName::clone(&c.name)),
        rule: number(at).saturating_add(1),
        line: chain.and_then(|c| c.rules.get(at)).and_then(|r| r.line),
        kind,
    }
}
