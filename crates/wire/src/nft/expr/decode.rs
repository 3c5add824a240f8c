//! Expressions as borrowed views, all or nothing: one attribute or flag that is not known makes the whole expression
//! [`Expr::Unknown`], so that no reader can mistake it for a wider one.

use super::{
    Base, CmpOp, DATA_VALUE, DATA_VERDICT, EXPR_DATA, EXPR_NAME, LIST_ELEM, Limit, Log,
    REG_VERDICT, Reg, VERDICT_CHAIN, VERDICT_CODE, Verdict,
};
use crate::nft::{Counters, counter_attr};
use crate::nl::{Attr, Attrs, WireError};

/// One expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expr<'a> {
    /// A meta value into a register.
    Meta {
        /// See [`mod@super::meta`].
        key: u32,
        /// Where to.
        dreg: Reg,
    },
    /// A register into a meta value.
    MetaSet {
        /// See [`mod@super::meta`].
        key: u32,
        /// Where from.
        sreg: Reg,
    },
    /// Packet bytes into a register.
    Payload {
        /// Where `offset` counts from.
        base: Base,
        /// Bytes from there.
        offset: u32,
        /// Bytes to load.
        len: u32,
        /// Where to.
        dreg: Reg,
    },
    /// A comparison.
    Cmp {
        /// What to compare.
        sreg: Reg,
        /// How.
        op: CmpOp,
        /// With what; may be shorter than what was loaded.
        data: &'a [u8],
    },
    /// `dreg = (sreg & mask) ^ xor`.
    Bitwise {
        /// From.
        sreg: Reg,
        /// To.
        dreg: Reg,
        /// As long as `xor`.
        mask: &'a [u8],
        /// As long as `mask`.
        xor: &'a [u8],
    },
    /// An interval, both ends included.
    Range {
        /// What to compare.
        sreg: Reg,
        /// Outside instead of inside.
        negated: bool,
        /// Lower end.
        lo: &'a [u8],
        /// Upper end, as long as `lo`.
        hi: &'a [u8],
    },
    /// Constant data into a register.
    Immediate {
        /// Where to.
        dreg: Reg,
        /// The data.
        data: &'a [u8],
    },
    /// A verdict.
    Verdict(Verdict<'a>),
    /// A counter.
    Counter(Counters),
    /// A set lookup.
    Lookup {
        /// The set's name.
        set: &'a [u8],
        /// The key.
        sreg: Reg,
        /// For maps: where the value goes.
        dreg: Option<Reg>,
        /// Match what is not in it.
        inverted: bool,
    },
    /// A rate limit.
    Limit(Limit),
    /// A log.
    Log(Log<'a>),
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
    /// Anything else, or one of the above with something in it that is not known.
    Unknown {
        /// The expression's name.
        name: &'a [u8],
        /// All its attributes.
        data: &'a [u8],
    },
}

impl<'a> Expr<'a> {
    /// The expressions of a rule's list. Only a broken frame is an error, and it ends the list.
    pub fn list(list: Attrs<'a>) -> impl Iterator<Item = Result<Self, WireError>> {
        list.map(|element| element.and_then(|e| Self::read(&e)))
    }

    /// One list element.
    pub fn read(element: &Attr<'a>) -> Result<Self, WireError> {
        if element.kind != LIST_ELEM {
            return Err(WireError::Missing { attr: LIST_ELEM });
        }
        let (mut name, mut data, mut strange) = (None, Attr { kind: EXPR_DATA, data: &[] }, false);
        for attr in element.nested() {
            let attr = attr?;
            match attr.kind {
                EXPR_NAME => name = Some(attr.text()),
                EXPR_DATA => data = attr,
                _ => strange = true,
            }
        }
        let name = name.ok_or(WireError::Missing { attr: EXPR_NAME })?;
        if strange {
            return Ok(Self::Unknown { name, data: element.data });
        }
        let known = match name {
            b"meta" => meta(&data),
            b"payload" => payload(&data),
            b"cmp" => cmp(&data),
            b"bitwise" => bitwise(&data),
            b"range" => range(&data),
            b"immediate" => immediate(&data),
            b"counter" => counter(&data),
            b"lookup" => lookup(&data),
            b"limit" => limit(&data),
            b"log" => log(&data),
            b"match" => xt(&data).map(|(name, rev, info)| Self::Match { name, rev, info }),
            b"target" => xt(&data).map(|(name, rev, info)| Self::Target { name, rev, info }),
            _ => None,
        };
        Ok(known.unwrap_or(Self::Unknown { name, data: data.data }))
    }
}

/// Sorts attributes into slots by type. `None` if one is broken, twice there, or not among `known`.
fn slots<'a, const N: usize>(nest: &Attr<'a>, known: [u16; N]) -> Option<[Option<Attr<'a>>; N]> {
    let mut found = [None; N];
    for attr in nest.nested() {
        let attr = attr.ok()?;
        let slot = known.iter().position(|k| *k == attr.kind)?;
        if found.get_mut(slot)?.replace(attr).is_some() {
            return None;
        }
    }
    Some(found)
}

fn reg(attr: Option<Attr<'_>>) -> Option<Reg> {
    num(attr).map(Reg)
}

fn num(attr: Option<Attr<'_>>) -> Option<u32> {
    attr?.be32().ok()
}

/// A number that may be absent: `Some(None)` when it is, `None` when it is malformed.
fn maybe<'a, T>(
    attr: Option<Attr<'a>>,
    read: impl FnOnce(Attr<'a>) -> Result<T, WireError>,
) -> Option<Option<T>> {
    match attr {
        None => Some(None),
        Some(attr) => read(attr).ok().map(Some),
    }
}

/// `NFTA_DATA_VALUE` and nothing else.
fn value(attr: Option<Attr<'_>>) -> Option<&[u8]> {
    let [value] = slots(&attr?, [DATA_VALUE])?;
    Some(value?.data)
}

/// Text with exactly one NUL, at its end.
fn text(attr: Option<Attr<'_>>) -> Option<&[u8]> {
    let (last, text) = attr?.data.split_last()?;
    (*last == 0 && !text.contains(&0)).then_some(text)
}

fn maybe_text(attr: Option<Attr<'_>>) -> Option<Option<&[u8]>> {
    if attr.is_none() { Some(None) } else { text(attr).map(Some) }
}

fn meta<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [dreg, key, sreg] = slots(data, [1, 2, 3])?;
    let key = num(key)?;
    match (dreg, sreg) {
        (Some(_), None) => Some(Expr::Meta { key, dreg: reg(dreg)? }),
        (None, Some(_)) => Some(Expr::MetaSet { key, sreg: reg(sreg)? }),
        _ => None,
    }
}

fn payload<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [dreg, base, offset, len] = slots(data, [1, 2, 3, 4])?;
    Some(Expr::Payload {
        base: Base::from_number(num(base)?)?,
        offset: num(offset)?,
        len: num(len)?,
        dreg: reg(dreg)?,
    })
}

fn cmp<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [sreg, op, with] = slots(data, [1, 2, 3])?;
    Some(Expr::Cmp { sreg: reg(sreg)?, op: CmpOp::from_number(num(op)?)?, data: value(with)? })
}

fn bitwise<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [sreg, dreg, len, mask, xor, op] = slots(data, [1, 2, 3, 4, 5, 6])?;
    // NFT_BITWISE_MASK_XOR; old kernels send no operation.
    if maybe(op, Attr::be32)?.is_some_and(|op| op != 0) {
        return None;
    }
    let (mask, xor) = (value(mask)?, value(xor)?);
    let len = usize::try_from(num(len)?).ok()?;
    (mask.len() == len && xor.len() == len).then_some(Expr::Bitwise {
        sreg: reg(sreg)?,
        dreg: reg(dreg)?,
        mask,
        xor,
    })
}

fn range<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [sreg, op, lo, hi] = slots(data, [1, 2, 3, 4])?;
    let (lo, hi) = (value(lo)?, value(hi)?);
    let negated = flag(num(op)?)?;
    (lo.len() == hi.len()).then_some(Expr::Range { sreg: reg(sreg)?, negated, lo, hi })
}

fn immediate<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [dreg, content] = slots(data, [1, 2])?;
    let dreg = reg(dreg)?;
    if dreg != REG_VERDICT {
        return Some(Expr::Immediate { dreg, data: value(content)? });
    }
    let [verdict] = slots(&content?, [DATA_VERDICT])?;
    let [code, chain] = slots(&verdict?, [VERDICT_CODE, VERDICT_CHAIN])?;
    Verdict::from_parts(num(code)?.cast_signed(), maybe_text(chain)?).map(Expr::Verdict)
}

fn counter<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [bytes, packets, _pad] =
        slots(data, [counter_attr::BYTES, counter_attr::PACKETS, counter_attr::PAD])?;
    Some(Expr::Counter(Counters { packets: packets?.be64().ok()?, bytes: bytes?.be64().ok()? }))
}

fn lookup<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [set, sreg, dreg, _id, flags] = slots(data, [1, 2, 3, 4, 5])?;
    Some(Expr::Lookup {
        set: text(set)?,
        sreg: reg(sreg)?,
        dreg: maybe(dreg, Attr::be32)?.map(Reg),
        inverted: flag(maybe(flags, Attr::be32)?.unwrap_or(0))?,
    })
}

fn limit<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [rate, unit, burst, kind, flags, _pad] = slots(data, [1, 2, 3, 4, 5, 6])?;
    Some(Expr::Limit(Limit {
        rate: rate?.be64().ok()?,
        unit: unit?.be64().ok()?,
        burst: num(burst)?,
        bytes: flag(num(kind)?)?,
        inverted: flag(maybe(flags, Attr::be32)?.unwrap_or(0))?,
    }))
}

fn log<'a>(data: &Attr<'a>) -> Option<Expr<'a>> {
    let [group, prefix, snaplen, qthreshold, level, flags] = slots(data, [1, 2, 3, 4, 5, 6])?;
    Some(Expr::Log(Log {
        group: maybe(group, Attr::be16)?,
        prefix: maybe_text(prefix)?,
        snaplen: maybe(snaplen, Attr::be32)?,
        qthreshold: maybe(qthreshold, Attr::be16)?,
        level: maybe(level, Attr::be32)?,
        flags: maybe(flags, Attr::be32)?,
    }))
}

fn xt<'a>(data: &Attr<'a>) -> Option<(&'a [u8], u32, &'a [u8])> {
    let [name, rev, info] = slots(data, [1, 2, 3])?;
    Some((text(name)?, num(rev)?, info?.data))
}

/// A field in which only 0 and 1 are known.
fn flag(n: u32) -> Option<bool> {
    match n {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
