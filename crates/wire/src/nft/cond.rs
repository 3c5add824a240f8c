//! A rule's expressions folded into conditions and actions: `payload; bitwise; cmp` through a register becomes one [`Cond`].
//!
//! Registers are followed as the kernel keeps them: sixteen words of four bytes, of which numbers 8 to 23 name one each and
//! the old numbers 1 to 4 name four each (`nf_tables_api.c:nft_parse_register`). What cannot be followed becomes
//! [`Item::Foreign`]; nothing is left out, so a rule without foreign items is understood whole.

use super::Counters;
use super::expr::{Base, CmpOp, Expr, Limit, Log, Reg, Verdict, meta};
use crate::nl::{Attrs, WireError};

/// Where a condition's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Load {
    /// A meta value, see [`mod@super::expr::meta`].
    Meta(u32),
    /// Bytes of the packet.
    Payload {
        /// Where `offset` counts from.
        base: Base,
        /// Bytes from there.
        offset: u32,
        /// Bytes compared.
        len: u32,
    },
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// With `lo`.
    Cmp(CmpOp),
    /// Within `lo..=hi`.
    Range {
        /// Outside instead.
        negated: bool,
    },
}

impl Op {
    /// Equal to `lo`.
    pub const EQ: Self = Self::Cmp(CmpOp::Eq);
    /// Not equal to `lo`.
    pub const NEQ: Self = Self::Cmp(CmpOp::Neq);
}

/// One condition: `load & mask op lo`, bytes compared from the left.
///
/// A payload's length equals `lo.len()`. A meta value is compared whole, except for the interface names (16 bytes), of
/// which only the first `lo.len()` are: `lo` with a NUL at its end is a whole name, without one it is a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cond<'a> {
    /// What is compared.
    pub load: Load,
    /// As long as `lo`; `None` for all ones.
    pub mask: Option<&'a [u8]>,
    /// How.
    pub op: Op,
    /// With what, or the lower end.
    pub lo: &'a [u8],
    /// The upper end of a range, else equal to `lo`.
    pub hi: &'a [u8],
}

/// What a meta value is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// A constant.
    Const(&'a [u8]),
    /// `(load & mask) ^ xor`.
    Changed {
        /// The value changed.
        load: Load,
        /// As long as `xor`.
        mask: &'a [u8],
        /// As long as `mask`.
        xor: &'a [u8],
    },
}

/// A rule is a list of these, in the order the kernel goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item<'a> {
    /// A condition.
    Cond(Cond<'a>),
    /// A value loaded and never used. Loading a payload can end the rule (the packet is too short), so it is a condition
    /// too: "there are that many bytes".
    Bare(Load),
    /// An xtables match.
    Match {
        /// Its name.
        name: &'a [u8],
        /// Its revision.
        rev: u32,
        /// Its struct.
        info: &'a [u8],
    },
    /// An xtables target.
    Target {
        /// Its name.
        name: &'a [u8],
        /// Its revision.
        rev: u32,
        /// Its struct.
        info: &'a [u8],
    },
    /// A counter.
    Counter(Counters),
    /// A rate limit.
    Limit(Limit),
    /// A log.
    Log(Log<'a>),
    /// A verdict.
    Verdict(Verdict<'a>),
    /// A meta value set.
    MetaSet {
        /// See [`mod@super::expr::meta`].
        key: u32,
        /// To what.
        value: Value<'a>,
    },
    /// An expression that does not fit.
    Foreign(Expr<'a>),
}

/// Folds a rule's expressions into `items`, which is cleared first.
pub fn fold<'a>(expressions: Attrs<'a>, items: &mut Vec<Item<'a>>) -> Result<(), WireError> {
    items.clear();
    let mut fold = Fold { items, words: [None; WORDS], used: 0 };
    for expr in Expr::list(expressions) {
        fold.step(expr?);
    }
    fold.finish();
    Ok(())
}

/// Words of four bytes in the register file.
const WORDS: usize = 16;

/// What a run of registers holds, kept at its first word.
#[derive(Clone, Copy, Debug)]
struct Slot<'a> {
    from: From<'a>,
    /// Bytes held.
    len: usize,
    /// Mask and xor applied since; as long as `len`.
    changed: Option<(&'a [u8], &'a [u8])>,
    /// Index of the load's [`Item::Bare`].
    item: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum From<'a> {
    Load(Load),
    Const(&'a [u8]),
}

struct Fold<'a, 'i> {
    items: &'i mut Vec<Item<'a>>,
    words: [Option<Slot<'a>>; WORDS],
    /// Bit n: the [`Item::Bare`] at index n has been used. Later ones stay, so that the rule counts as not understood.
    used: u128,
}

impl<'a> Fold<'a, '_> {
    fn step(&mut self, expr: Expr<'a>) {
        if self.try_step(expr).is_none() {
            // Whatever it writes, no register is known after it.
            self.words = [None; WORDS];
            self.items.push(Item::Foreign(expr));
        }
    }

    fn try_step(&mut self, expr: Expr<'a>) -> Option<()> {
        let item = match expr {
            Expr::Meta { key, dreg } => return self.load(Load::Meta(key), meta_len(key)?, dreg),
            Expr::Payload { base, offset, len, dreg } => {
                return self.load(
                    Load::Payload { base, offset, len },
                    usize::try_from(len).ok()?,
                    dreg,
                );
            }
            Expr::Immediate { dreg, data } => {
                let slot =
                    Slot { from: From::Const(data), len: data.len(), changed: None, item: None };
                return self.put(dreg, slot);
            }
            Expr::Bitwise { sreg, dreg, mask, xor } => return self.change(sreg, dreg, mask, xor),
            Expr::Cmp { sreg, op, data } => Item::Cond(self.cond(sreg, Op::Cmp(op), data, data)?),
            Expr::Range { sreg, negated, lo, hi } => {
                Item::Cond(self.cond(sreg, Op::Range { negated }, lo, hi)?)
            }
            Expr::MetaSet { key, sreg } => Item::MetaSet { key, value: self.value(key, sreg)? },
            Expr::Match { name, rev, info } => Item::Match { name, rev, info },
            Expr::Target { name, rev, info } => Item::Target { name, rev, info },
            Expr::Counter(counters) => Item::Counter(counters),
            Expr::Limit(limit) => Item::Limit(limit),
            Expr::Log(log) => Item::Log(log),
            Expr::Verdict(verdict) => Item::Verdict(verdict),
            Expr::Lookup { .. } | Expr::Unknown { .. } => return None,
        };
        self.items.push(item);
        Some(())
    }

    fn load(&mut self, load: Load, len: usize, dreg: Reg) -> Option<()> {
        let item = self.items.len();
        self.put(dreg, Slot { from: From::Load(load), len, changed: None, item: Some(item) })?;
        self.items.push(Item::Bare(load));
        Some(())
    }

    fn change(&mut self, sreg: Reg, dreg: Reg, mask: &'a [u8], xor: &'a [u8]) -> Option<()> {
        let slot = self.get(sreg)?;
        // A second change, or one of more than was loaded, has no place in a `Cond`.
        if slot.changed.is_some() || mask.len() > slot.len {
            return None;
        }
        self.put(dreg, Slot { changed: Some((mask, xor)), len: mask.len(), ..slot })
    }

    fn cond(&mut self, sreg: Reg, op: Op, lo: &'a [u8], hi: &'a [u8]) -> Option<Cond<'a>> {
        let slot = self.get(sreg)?;
        let From::Load(load) = slot.from else { return None };
        if lo.is_empty() || lo.len() > slot.len {
            return None;
        }
        let load = match load {
            Load::Payload { base, offset, .. } => {
                Load::Payload { base, offset, len: u32::try_from(lo.len()).ok()? }
            }
            Load::Meta(key) if lo.len() == meta_len(key)? || is_name(key) => load,
            Load::Meta(_) => return None,
        };
        let mask = match slot.changed {
            None => None,
            Some((mask, xor)) if xor.iter().all(|b| *b == 0) => Some(mask.get(..lo.len())?),
            Some(_) => return None,
        };
        // Comparing less than was loaded is only the same as loading less if the packet cannot end in between.
        if matches!(load, Load::Payload { .. }) && slot.len != lo.len() && !within_header(slot.from)
        {
            return None;
        }
        self.used(&slot);
        Some(Cond { load, mask, op, lo, hi })
    }

    fn value(&mut self, key: u32, sreg: Reg) -> Option<Value<'a>> {
        let slot = self.get(sreg)?;
        if slot.len < meta_len(key)? {
            return None;
        }
        let value = match (slot.from, slot.changed) {
            (From::Const(data), None) => Value::Const(data),
            (From::Load(load), Some((mask, xor))) => Value::Changed { load, mask, xor },
            _ => return None,
        };
        self.used(&slot);
        Some(value)
    }

    fn used(&mut self, slot: &Slot<'a>) {
        if let Some(bit) =
            slot.item.and_then(|i| u32::try_from(i).ok()).and_then(|i| 1u128.checked_shl(i))
        {
            self.used |= bit;
        }
    }

    /// Takes out the loads that a condition used.
    fn finish(self) {
        let (mut index, used) = (0u32, self.used);
        self.items.retain(|item| {
            let bit = 1u128.checked_shl(index).unwrap_or(0);
            index = index.saturating_add(1);
            !(matches!(item, Item::Bare(_)) && used & bit != 0)
        });
    }

    fn get(&self, reg: Reg) -> Option<Slot<'a>> {
        *self.words.get(first_word(reg)?)?
    }

    /// Writes a register; what it overlaps is no longer known.
    fn put(&mut self, reg: Reg, slot: Slot<'a>) -> Option<()> {
        let first = first_word(reg)?;
        let end = first.checked_add(slot.len.div_ceil(4))?;
        if end > WORDS || slot.len == 0 {
            return None;
        }
        for (at, word) in self.words.iter_mut().enumerate() {
            if word.is_some_and(|old| at < end && first < at.saturating_add(old.len.div_ceil(4))) {
                *word = None;
            }
        }
        *self.words.get_mut(first)? = Some(slot);
        Some(())
    }
}

/// Bytes that are always there when their header is: a rule in the ip or ip6 family sees whole IP headers only
/// (`ip_input.c:ip_rcv_core`, `ip6_input.c:ip6_rcv_core`).
fn within_header(from: From<'_>) -> bool {
    match from {
        From::Load(Load::Payload { base: Base::Network, offset, len }) => {
            offset.checked_add(len).is_some_and(|end| end <= 20)
        }
        _ => false,
    }
}

/// The first word of a register, by either numbering.
fn first_word(reg: Reg) -> Option<usize> {
    let word = match reg.0 {
        n @ 1..=4 => (n - 1) * 4,
        n @ 8..=23 => n - 8,
        _ => return None,
    };
    usize::try_from(word).ok()
}

/// Interface names, which may be compared by prefix.
fn is_name(key: u32) -> bool {
    matches!(key, meta::IIFNAME | meta::OIFNAME | meta::BRI_IIFNAME | meta::BRI_OIFNAME)
}

/// Bytes of a meta value in its register (`nft_meta.c:nft_meta_get_init`); `None` for keys not followed here.
fn meta_len(key: u32) -> Option<usize> {
    Some(match key {
        meta::PROTOCOL => 2,
        meta::NFPROTO | meta::L4PROTO | meta::PKTTYPE | meta::NFTRACE => 1,
        meta::LEN | meta::PRIORITY | meta::MARK | meta::IIF | meta::OIF => 4,
        meta::SKUID | meta::SKGID | meta::CPU | meta::CGROUP => 4,
        _ if is_name(key) => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
