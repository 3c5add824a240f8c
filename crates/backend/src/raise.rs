//! A rule of the kernel as a rule of ours: the forms of iptables-nft 1.8.9 (`meta l4proto`, interfaces first), of 1.8.10 and later
//! (addresses first, `ip protocol`), and what `nft` users write by hand.
//!
//! Every expression must be understood, or the whole rule is [`Entry::Foreign`]: leaving one out would show, and save, a rule
//! that fits more packets than the real one.

use oxtables_base::{Counters, Family, HostMask, Interface, Neg, addr, text};
use oxtables_ext::{AnyMatch, AnyTarget, DecodeCx, NativeCx};
use oxtables_model::{Action, ChainName, Entry, ForeignRule, Rule};
use oxtables_wire::nft::RuleView;
use oxtables_wire::nft::cond::{Cond, Item, Load, Op, fold};
use oxtables_wire::nft::expr::{Base, CmpOp, Expr, Verdict, meta};

use crate::lower::{FRAGMENT_AT, FRAGMENT_MASK, NO_INTERFACE, PROTOCOL_AT, QUEUE, header};

/// Bytes of `struct xt_comment_info`.
const COMMENT_LEN: usize = 256;

/// A rule read, and the protocol it compares with, which the kernel wants told again when the rule is replaced.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) entry: Entry,
    pub(crate) protocol: Option<Neg<u8>>,
}

/// Reads a rule.
pub(crate) fn rule(view: &RuleView<'_>, cx: &DecodeCx<'_>) -> Raised {
    let mut items = Vec::with_capacity(16);
    let mut raise = Raise { cx, rule: Rule::default(), stage: Stage::Conditions };
    let understood = match fold(view.expressions.clone(), &mut items) {
        Ok(()) => raise.items(&items).and_then(|()| raise.comment(view.userdata)),
        Err(_) => Err("broken expressions".to_owned()),
    };
    let protocol = raise.rule.protocol;
    let entry = match understood {
        Ok(()) => Entry::Rule(raise.rule),
        Err(part) => {
            // An expression that is not known says more than the load before it.
            let part = items.iter().find(|i| matches!(i, Item::Foreign(_))).map_or(part, named);
            Entry::Foreign(ForeignRule { part, counters: counted(&items) })
        }
    };
    Raised { entry, protocol }
}

/// What a rule has counted, understood or not.
fn counted(items: &[Item<'_>]) -> Counters {
    let counter = items.iter().find_map(|i| match i {
        Item::Counter(c) => Some(Counters { packets: c.packets, bytes: c.bytes }),
        _ => None,
    });
    counter.unwrap_or_default()
}

/// How far into a rule we are: iptables has only one order in which a rule does things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Comparisons, whose order does not matter.
    Conditions,
    /// Extensions, which may count or remember what they are asked about.
    Extensions,
    /// Behind the counter.
    Counted,
    /// Behind the action.
    Done,
}

struct Raise<'a> {
    cx: &'a DecodeCx<'a>,
    rule: Rule,
    stage: Stage,
}

/// The name of what was not understood.
type Strange = String;

impl Raise<'_> {
    fn items(&mut self, items: &[Item<'_>]) -> Result<(), Strange> {
        let mut rest = items;
        while let Some((first, behind)) = rest.split_first() {
            let used = self.item(first, rest)?;
            rest = if used == 1 { behind } else { rest.get(used..).unwrap_or_default() };
        }
        Ok(())
    }

    /// Takes the first of `rest`, or more of them; how many comes back.
    fn item(&mut self, first: &Item<'_>, rest: &[Item<'_>]) -> Result<usize, Strange> {
        if self.stage == Stage::Done {
            return Err(format!("{} behind the action", named(first)));
        }
        match first {
            Item::Foreign(_) => return Err(named(first)),
            Item::Counter(c) => {
                if self.stage >= Stage::Counted {
                    return Err("a second counter".to_owned());
                }
                self.rule.counters = Counters { packets: c.packets, bytes: c.bytes };
                self.stage = Stage::Counted;
                return Ok(1);
            }
            Item::Verdict(verdict) => {
                return self.act(verdict_action(*verdict).ok_or_else(|| named(first))?);
            }
            Item::Target { name, rev, info } => {
                return self.act(self.target(name, *rev, info).ok_or_else(|| named(first))?);
            }
            // COMPAT: iptables 1.8.9 writes `-i +` as a load that nothing compares.
            Item::Bare(Load::Meta(meta::IIFNAME | meta::OIFNAME)) => return Ok(1),
            _ => {}
        }
        let native = NativeCx { family: self.cx.family, proto: self.rule.protocol };
        if matches!(first, Item::Log(_) | Item::MetaSet { .. })
            && let Some((target, used)) = AnyTarget::raise(rest, &native)
        {
            self.act(Action::Target(target))?;
            return Ok(used.max(1));
        }
        if self.stage >= Stage::Counted {
            return Err(format!("{} behind the counter", named(first)));
        }
        if let Item::Cond(cond) = first
            && let Some(core) = self.core(cond)
        {
            // A comparison behind an extension narrows what the extension sees in no rule iptables can write.
            let early = self.stage == Stage::Conditions;
            return if early && self.put(core) { Ok(1) } else { Err(named(first)) };
        }
        self.extension(first, rest, &native)
    }

    fn extension(
        &mut self,
        first: &Item<'_>,
        rest: &[Item<'_>],
        native: &NativeCx,
    ) -> Result<usize, Strange> {
        if let Item::Match { name, rev, info } = first {
            let rev = u8::try_from(*rev).map_err(|_| named(first))?;
            self.rule.matches.push(AnyMatch::decode(name, rev, self.cx, info));
            self.stage = Stage::Extensions;
            return Ok(1);
        }
        let (found, used) = AnyMatch::raise(rest, native).ok_or_else(|| named(first))?;
        self.rule.matches.push(found);
        if !matches!(first, Item::Cond(_)) {
            self.stage = Stage::Extensions;
        }
        Ok(used.max(1))
    }

    fn act(&mut self, action: Action) -> Result<usize, Strange> {
        self.rule.action = action;
        self.stage = Stage::Done;
        Ok(1)
    }

    fn target(&self, name: &[u8], rev: u32, info: &[u8]) -> Option<Action> {
        if (name, info) == QUEUE && rev == 0 {
            return Some(Action::Queue);
        }
        Some(Action::Target(AnyTarget::decode(name, u8::try_from(rev).ok()?, self.cx, info)))
    }

    /// A comparison of what `-s -d -i -o -p -f` are about, if it is one that they can express.
    fn core(&self, cond: &Cond<'_>) -> Option<Core> {
        let not = match cond.op {
            Op::Cmp(CmpOp::Eq) => false,
            Op::Cmp(CmpOp::Neq) => true,
            _ => return None,
        };
        let family = self.cx.family;
        match (cond.load, cond.mask) {
            (Load::Meta(key @ (meta::IIFNAME | meta::OIFNAME)), None) => {
                let value = interface(cond.lo, not)?;
                Some(if key == meta::IIFNAME { Core::In(value) } else { Core::Out(value) })
            }
            (Load::Meta(key @ (meta::IIF | meta::OIF)), None) => {
                let index = u32::from_ne_bytes(cond.lo.try_into().ok()?);
                let name = oxtables_sys::interface::name(index).ok()?;
                let value = Neg { not, value: exact_interface(&name)? };
                Some(if key == meta::IIF { Core::In(value) } else { Core::Out(value) })
            }
            (Load::Meta(meta::L4PROTO), None) => protocol(cond.lo, not),
            (Load::Meta(meta::NFPROTO), None) if !not && cond.lo == [family.nfproto()] => {
                Some(Core::Always)
            }
            (Load::Payload { base: Base::Network, offset, .. }, mask) => {
                self.header_field(offset, mask, cond.lo, not)
            }
            _ => None,
        }
    }

    fn header_field(&self, offset: u32, mask: Option<&[u8]>, lo: &[u8], not: bool) -> Option<Core> {
        let family = self.cx.family;
        let at = header(family);
        let ip4 = family == Family::Ip4;
        if ip4 && offset == PROTOCOL_AT && mask.is_none() {
            return protocol(lo, not);
        }
        if ip4 && offset == FRAGMENT_AT && mask == Some(&FRAGMENT_MASK) && lo == [0, 0] {
            return Some(Core::Fragment(Neg { not: !not, value: () }));
        }
        let len = usize::try_from(at.address).ok()?;
        // nft reads both addresses at once where it can.
        if offset == at.source && mask.is_none() && !not && lo.len() == len * 2 {
            let (source, destination) = lo.split_at_checked(len)?;
            return Some(Core::Both(
                Neg::plain(network(family, None, source)?),
                Neg::plain(network(family, None, destination)?),
            ));
        }
        let value = Neg { not, value: network(family, mask, lo)? };
        if offset == at.source {
            Some(Core::Source(value))
        } else if offset == at.destination {
            Some(Core::Destination(value))
        } else {
            None
        }
    }

    /// Puts a comparison into the rule; false if another one of its kind is there already.
    fn put(&mut self, core: Core) -> bool {
        /// The same comparison twice is the comparison.
        fn set<T: PartialEq>(slot: &mut Option<T>, value: T) -> bool {
            slot.as_ref().is_none_or(|old| *old == value) && {
                *slot = Some(value);
                true
            }
        }
        let rule = &mut self.rule;
        match core {
            Core::Always => true,
            Core::Source(value) => set(&mut rule.source, value),
            Core::Destination(value) => set(&mut rule.destination, value),
            Core::Both(source, destination) => {
                set(&mut rule.source, source) && set(&mut rule.destination, destination)
            }
            Core::In(value) => set(&mut rule.in_interface, value),
            Core::Out(value) => set(&mut rule.out_interface, value),
            Core::Protocol(value) => set(&mut rule.protocol, value),
            Core::Fragment(value) => set(&mut rule.fragment, value),
        }
    }

    /// A comment that nft keeps beside the expressions is shown as `-m comment`, behind the other matches.
    fn comment(&mut self, mut userdata: &[u8]) -> Result<(), Strange> {
        while let &[kind, len, ref rest @ ..] = userdata {
            let (value, behind) = rest
                .split_at_checked(usize::from(len))
                .ok_or_else(|| "broken user data".to_owned())?;
            if kind == 0 {
                let mut info = [0; COMMENT_LEN];
                for (to, from) in
                    info.iter_mut().zip(value.split(|b| *b == 0).next().unwrap_or_default())
                {
                    *to = *from;
                }
                self.rule.matches.push(AnyMatch::decode(b"comment", 0, self.cx, &info));
            }
            userdata = behind;
        }
        Ok(())
    }
}

/// What the rule itself, without extensions, can compare.
enum Core {
    /// True for every packet of the family.
    Always,
    Source(Neg<HostMask>),
    Destination(Neg<HostMask>),
    Both(Neg<HostMask>, Neg<HostMask>),
    In(Neg<Interface>),
    Out(Neg<Interface>),
    Protocol(Neg<u8>),
    Fragment(Neg<()>),
}

/// `-p 0` means every protocol, so a comparison with 0 has no words.
fn protocol(lo: &[u8], not: bool) -> Option<Core> {
    match *lo {
        [value] if value != 0 => Some(Core::Protocol(Neg { not, value })),
        _ => None,
    }
}

/// The network that an address under `mask` (or as many whole bytes as there are) is compared with.
fn network(family: Family, mask: Option<&[u8]>, lo: &[u8]) -> Option<HostMask> {
    let len = usize::from(family.bits() / 8);
    if lo.len() > len {
        return None;
    }
    let (mut address, mut bits) = ([0; 16], [0; 16]);
    address.get_mut(..lo.len())?.copy_from_slice(lo);
    match mask {
        Some(mask) => bits.get_mut(..lo.len())?.copy_from_slice(mask.get(..lo.len())?),
        None => bits.get_mut(..lo.len())?.fill(0xff),
    }
    // Bits outside the mask never compare equal, and a network has none; nor has it an empty mask.
    let outside = address.iter().zip(&bits).any(|(a, m)| a & !m != 0);
    if outside || bits.iter().all(|b| *b == 0) {
        return None;
    }
    HostMask::new(addr::from_octets(address.get(..len)?)?, addr::from_octets(bits.get(..len)?)?)
}

/// An interface's name, whole (with its NUL, which may be padded with more) or the beginning of one.
fn interface(lo: &[u8], not: bool) -> Option<Neg<Interface>> {
    if lo == NO_INTERFACE && !not {
        return Some(Neg { not: true, value: Interface::new(b"", true).ok()? });
    }
    let value = match lo.iter().position(|b| *b == 0) {
        Some(end) => {
            let (name, padding) = lo.split_at_checked(end)?;
            if padding.iter().any(|b| *b != 0) {
                return None;
            }
            exact_interface(name)?
        }
        // The beginning is as long as a name can be: it is the name.
        None if lo.len() == 15 => exact_interface(lo)?,
        None => Interface::new(lo, true).ok()?,
    };
    Some(Neg { not, value })
}

/// A name that ends in `+` would be read as the beginning of one.
fn exact_interface(name: &[u8]) -> Option<Interface> {
    if name.is_empty() || name.ends_with(b"+") { None } else { Interface::new(name, false).ok() }
}

fn verdict_action(verdict: Verdict<'_>) -> Option<Action> {
    Some(match verdict {
        Verdict::Accept => Action::Accept,
        Verdict::Drop => Action::Drop,
        Verdict::Return => Action::Return,
        Verdict::Continue => Action::Continue,
        Verdict::Jump(chain) => Action::Jump(ChainName::new(chain)),
        Verdict::Goto(chain) => Action::Goto(ChainName::new(chain)),
        Verdict::Break => return None,
    })
}

/// What to call an item that is not understood, fit for a terminal.
fn named(item: &Item<'_>) -> String {
    let of = |kind: &str, name: &[u8], rev: u32| {
        format!("{kind} {} revision {rev}", text::visible(name))
    };
    match item {
        Item::Cond(Cond { load, .. }) | Item::Bare(load) => match load {
            Load::Meta(key) => format!("comparison of meta {key}"),
            Load::Payload { base, offset, len } => {
                format!("comparison of {len} bytes of the {base:?} header at {offset}")
                    .to_lowercase()
            }
        },
        Item::Match { name, rev, .. } => of("match", name, *rev),
        Item::Target { name, rev, .. } => of("target", name, *rev),
        Item::Counter(_) => "counter".to_owned(),
        Item::Limit(_) => "limit".to_owned(),
        Item::Log(_) => "log".to_owned(),
        Item::Verdict(_) => "verdict".to_owned(),
        Item::MetaSet { key, .. } => format!("setting of meta {key}"),
        Item::Foreign(Expr::Unknown { name, .. }) => text::visible(name),
        Item::Foreign(Expr::Lookup { .. }) => "lookup".to_owned(),
        Item::Foreign(_) => "register use".to_owned(),
    }
}

#[cfg(test)]
mod tests;
