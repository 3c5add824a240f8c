//! What the TCP and UDP matches share: port ranges in the kernel's struct, in listings and as native
//! nf_tables expressions.

use crate::value::PortRange;
use crate::{Clause, DecodeError, Field, ListWriter};
use oxtables_base::{Neg, names};
use oxtables_wire::nft::cond::{Cond, Item, Load, Op};
use oxtables_wire::nft::expr::{self, Base, CmpOp, REG_1};
use oxtables_wire::nl::Writer;

type Ports = Option<Neg<PortRange>>;

/// The `spts` or `dpts` field and its inversion bit.
pub(super) fn bounds(ports: Ports) -> ([u16; 2], bool) {
    let Neg { not, value } = ports.unwrap_or(Neg::plain(PortRange::ALL));
    ([value.lo, value.hi], not)
}

/// The inverse of [`bounds`]; a range that ends before it begins cannot be written down.
pub(super) fn from_bounds([lo, hi]: [u16; 2], not: bool) -> Result<Ports, DecodeError> {
    if lo > hi {
        return Err(DecodeError::Unknown);
    }
    Ok(condition(Some(Neg { not, value: PortRange { lo, hi } })))
}

/// The condition typed, as it comes back from native expressions.
///
/// COMPAT: "not up to N" is written as "greater than N", which reads "N+1 and up": upstream lists
/// `! --dport 0:1023` as `--dport 1024:65535`.
pub(super) fn typed(ports: Ports) -> Ports {
    match ports {
        Some(Neg { not: true, value: PortRange { lo: 0, hi } }) if hi < u16::MAX && hi > 0 => {
            Some(Neg::plain(PortRange { lo: hi + 1, hi: u16::MAX }))
        }
        other => condition(other),
    }
}

/// The whole range is no condition, unless it is inverted: then it never holds.
pub(super) fn condition(ports: Ports) -> Ports {
    ports.filter(|p| *p != Neg::plain(PortRange::ALL))
}

/// Whether `port` fits.
pub(super) fn contain(ports: Ports, port: u16) -> bool {
    ports.is_none_or(|p| (p.value.lo..=p.value.hi).contains(&port) != p.not)
}

/// The condition as a clause about `field`.
pub(super) fn clause(field: Field, ports: Ports) -> Option<Clause> {
    let Neg { not, value: PortRange { lo, hi } } = ports?;
    Some(Clause { field, mask: 0xffff, lo: lo.into(), hi: hi.into(), not })
}

/// ` dpt:22`, ` dpts:1:10`, ` dpt:!22`; a service's name unless numeric.
pub(super) fn list(w: &mut ListWriter<'_>, word: &str, ports: Ports, protocol: &str) {
    let Some(Neg { not, value: PortRange { lo, hi } }) = ports else { return };
    w.word(word).raw(if lo == hi { ":" } else { "s:" }).raw(if not { "!" } else { "" });
    push_port(w, lo, protocol);
    if lo != hi {
        w.raw(":");
        push_port(w, hi, protocol);
    }
}

fn push_port(w: &mut ListWriter<'_>, port: u16, protocol: &str) {
    let name = if w.numeric { None } else { names::service_name(port, Some(protocol)) };
    match name {
        Some(name) => w.bytes().extend_from_slice(name),
        None => drop(w.number(port)),
    }
}

/// Appends the comparisons of both ports.
pub(super) fn lower(w: &mut Writer, sport: Ports, dport: Ports) {
    if let (Some(s), Some(d)) = (sport, dport)
        && (s.not, d.not) == (false, false)
        && s.value.lo == s.value.hi
        && d.value.lo == d.value.hi
    {
        // COMPAT: upstream reads both ports at once when each is a single one; since 1.8.11 not
        // when inverted, as "not (a and b)" is wider than "not a, and not b".
        let [a, b] = s.value.lo.to_be_bytes();
        let [c, d] = d.value.lo.to_be_bytes();
        expr::payload(w, Base::Transport, 0, 4, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, &[a, b, c, d]);
        return;
    }
    lower_one(w, 0, sport);
    lower_one(w, 2, dport);
}

fn lower_one(w: &mut Writer, offset: u32, ports: Ports) {
    let Some(Neg { not, value: PortRange { lo, hi } }) = ports else { return };
    expr::payload(w, Base::Transport, offset, 2, REG_1);
    if lo == hi {
        expr::cmp(w, REG_1, if not { CmpOp::Neq } else { CmpOp::Eq }, &lo.to_be_bytes());
    } else if lo == 0 && hi < u16::MAX {
        expr::cmp(w, REG_1, if not { CmpOp::Gt } else { CmpOp::Lte }, &hi.to_be_bytes());
    } else {
        expr::range(w, REG_1, not, &lo.to_be_bytes(), &hi.to_be_bytes());
    }
}

/// Reads the port comparisons at the start of `items`; each port once. How many items they were
/// comes last.
pub(super) fn raise(items: &[Item<'_>]) -> (Ports, Ports, usize) {
    let (mut sport, mut dport, mut used) = (None, None, 0);
    for item in items {
        let Item::Cond(Cond { load: Load::Payload { base, offset, len }, mask: None, op, lo, hi }) =
            item
        else {
            break;
        };
        if *base != Base::Transport {
            break;
        }
        match (offset, len) {
            (0, 4) if *op == Op::EQ && sport.is_none() && dport.is_none() => {
                let &[a, b, c, d] = *lo else { break };
                let single = |n| Some(Neg::plain(PortRange { lo: n, hi: n }));
                sport = single(u16::from_be_bytes([a, b]));
                dport = single(u16::from_be_bytes([c, d]));
            }
            (0, 2) if sport.is_none() && dport.is_none() => {
                sport = raise_one(*op, lo, hi);
                if sport.is_none() {
                    break;
                }
            }
            (2, 2) if dport.is_none() => {
                dport = raise_one(*op, lo, hi);
                if dport.is_none() {
                    break;
                }
            }
            _ => break,
        }
        used += 1;
    }
    (sport, dport, used)
}

fn raise_one(op: Op, lo: &[u8], hi: &[u8]) -> Ports {
    let port = |bytes: &[u8]| Some(u16::from_be_bytes(bytes.try_into().ok()?));
    let (lo, hi) = (port(lo)?, port(hi)?);
    // All ports, asked for, would be saved as a range that is no condition when it is read again;
    // the comparison is one, as it wants a packet that has ports.
    let range = |lo, hi, not| {
        let ports = Neg { not, value: PortRange { lo, hi } };
        (lo <= hi && ports != Neg::plain(PortRange::ALL)).then_some(ports)
    };
    match op {
        Op::Cmp(CmpOp::Eq) => range(lo, lo, false),
        Op::Cmp(CmpOp::Neq) => range(lo, lo, true),
        Op::Cmp(CmpOp::Lte) => range(0, lo, false),
        Op::Cmp(CmpOp::Gt) => range(lo.checked_add(1)?, u16::MAX, false),
        Op::Cmp(CmpOp::Lt) => range(0, lo.checked_sub(1)?, false),
        Op::Cmp(CmpOp::Gte) => range(lo, u16::MAX, false),
        Op::Range { negated } => range(lo, hi, negated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// nft writes such comparisons; no option says them, so the rule is foreign.
    #[test]
    fn comparisons_that_no_option_says_are_left_alone() {
        let read = |op, lo: u16, hi: u16| raise_one(op, &lo.to_be_bytes(), &hi.to_be_bytes());
        assert_eq!(read(Op::Range { negated: false }, 5, 4), None);
        assert_eq!(read(Op::Cmp(CmpOp::Lte), u16::MAX, u16::MAX), None);
        assert_eq!(read(Op::Cmp(CmpOp::Gte), 0, 0), None);
        let all = Neg { not: true, value: PortRange::ALL };
        assert_eq!(read(Op::Range { negated: true }, 0, u16::MAX), Some(all));
        assert!(from_bounds([5, 4], false).is_err());
    }
}
