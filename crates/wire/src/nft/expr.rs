//! One rule's expressions: writers, and [`Expr`] as borrowed views.
//!
//! Writers append to the open expression list of [`super::rule`], attributes in upstream's order.

mod decode;

pub use decode::Expr;

use super::{Counters, counter_attr};
use crate::nl::Writer;

/// A register's number on the wire: 0 the verdict, 1 to 4 of 16 bytes, 8 to 23 of 4 bytes over the same memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reg(pub u32);

/// `NFT_REG_VERDICT`.
pub const REG_VERDICT: Reg = Reg(0);
/// `NFT_REG_1`.
pub const REG_1: Reg = Reg(1);

/// `NFTA_LIST_ELEM`, `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`.
const LIST_ELEM: u16 = 1;
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
/// `NFTA_DATA_VALUE`, `NFTA_DATA_VERDICT`.
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
/// `NFTA_VERDICT_CODE`, `NFTA_VERDICT_CHAIN`.
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;

/// Keys of the meta expression (`enum nft_meta_keys`) that have a name here; others are numbers.
pub mod meta {
    /// Packet length.
    pub const LEN: u32 = 0;
    /// Ethertype, big-endian.
    pub const PROTOCOL: u32 = 1;
    /// Packet priority.
    pub const PRIORITY: u32 = 2;
    /// Packet mark.
    pub const MARK: u32 = 3;
    /// Input interface index.
    pub const IIF: u32 = 4;
    /// Output interface index.
    pub const OIF: u32 = 5;
    /// Input interface name.
    pub const IIFNAME: u32 = 6;
    /// Output interface name.
    pub const OIFNAME: u32 = 7;
    /// Owner's user id.
    pub const SKUID: u32 = 10;
    /// Owner's group id.
    pub const SKGID: u32 = 11;
    /// The trace bit.
    pub const NFTRACE: u32 = 12;
    /// Netfilter family.
    pub const NFPROTO: u32 = 15;
    /// Layer 4 protocol number.
    pub const L4PROTO: u32 = 16;
    /// Name of the bridge the packet came in by.
    pub const BRI_IIFNAME: u32 = 17;
    /// Name of the bridge the packet goes out by.
    pub const BRI_OIFNAME: u32 = 18;
    /// `PACKET_*` type.
    pub const PKTTYPE: u32 = 19;
    /// CPU number.
    pub const CPU: u32 = 20;
    /// Control group class id.
    pub const CGROUP: u32 = 23;
}

/// Where a payload offset counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// The link layer header.
    Link,
    /// The IP header.
    Network,
    /// The header behind IP.
    Transport,
    /// What follows the transport header.
    Inner,
}

impl Base {
    fn number(self) -> u32 {
        match self {
            Self::Link => 0,
            Self::Network => 1,
            Self::Transport => 2,
            Self::Inner => 3,
        }
    }

    fn from_number(n: u32) -> Option<Self> {
        [Self::Link, Self::Network, Self::Transport, Self::Inner]
            .into_iter()
            .find(|b| b.number() == n)
    }
}

/// `enum nft_cmp_ops`. Orderings compare bytes from the left, so they are numeric for big-endian data only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CmpOp {
    /// Equal.
    Eq,
    /// Not equal.
    Neq,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
}

impl CmpOp {
    fn number(self) -> u32 {
        match self {
            Self::Eq => 0,
            Self::Neq => 1,
            Self::Lt => 2,
            Self::Lte => 3,
            Self::Gt => 4,
            Self::Gte => 5,
        }
    }

    fn from_number(n: u32) -> Option<Self> {
        [Self::Eq, Self::Neq, Self::Lt, Self::Lte, Self::Gt, Self::Gte]
            .into_iter()
            .find(|o| o.number() == n)
    }
}

/// What an immediate expression does with the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict<'a> {
    /// `NF_DROP`.
    Drop,
    /// `NF_ACCEPT`.
    Accept,
    /// `NFT_CONTINUE`.
    Continue,
    /// `NFT_BREAK`.
    Break,
    /// `NFT_JUMP` to a chain.
    Jump(&'a [u8]),
    /// `NFT_GOTO` a chain.
    Goto(&'a [u8]),
    /// `NFT_RETURN`.
    Return,
}

impl<'a> Verdict<'a> {
    fn code(self) -> i32 {
        match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Continue => -1,
            Self::Break => -2,
            Self::Jump(_) => -3,
            Self::Goto(_) => -4,
            Self::Return => -5,
        }
    }

    fn chain(self) -> Option<&'a [u8]> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            _ => None,
        }
    }

    fn from_parts(code: i32, chain: Option<&'a [u8]>) -> Option<Self> {
        Some(match (code, chain) {
            (0, None) => Self::Drop,
            (1, None) => Self::Accept,
            (-1, None) => Self::Continue,
            (-2, None) => Self::Break,
            (-3, Some(chain)) => Self::Jump(chain),
            (-4, Some(chain)) => Self::Goto(chain),
            (-5, None) => Self::Return,
            _ => return None,
        })
    }
}

/// A token bucket (`nft_limit.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Tokens per `unit`.
    pub rate: u64,
    /// Seconds.
    pub unit: u64,
    /// Tokens on top.
    pub burst: u32,
    /// Count bytes, not packets.
    pub bytes: bool,
    /// Match when over the limit.
    pub inverted: bool,
}

/// The log expression; `None` means the attribute is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log<'a> {
    /// nfnetlink_log group; absent for the kernel log.
    pub group: Option<u16>,
    /// Text before each entry.
    pub prefix: Option<&'a [u8]>,
    /// Bytes of each packet to copy.
    pub snaplen: Option<u32>,
    /// Packets to queue before sending.
    pub qthreshold: Option<u16>,
    /// Syslog level.
    pub level: Option<u32>,
    /// `NF_LOG_*` flags.
    pub flags: Option<u32>,
}

/// Loads a meta value into a register.
pub fn meta(w: &mut Writer, key: u32, dreg: Reg) {
    within(w, b"meta", |w| {
        w.be32(2, key);
        w.be32(1, dreg.0);
    });
}

/// Sets a meta value from a register.
pub fn meta_set(w: &mut Writer, key: u32, sreg: Reg) {
    within(w, b"meta", |w| {
        w.be32(2, key);
        w.be32(3, sreg.0);
    });
}

/// Loads bytes of the packet into a register.
pub fn payload(w: &mut Writer, base: Base, offset: u32, len: u32, dreg: Reg) {
    within(w, b"payload", |w| {
        w.be32(1, dreg.0);
        w.be32(2, base.number());
        w.be32(3, offset);
        w.be32(4, len);
    });
}

/// Ends the rule unless the register compares so with `data`.
pub fn cmp(w: &mut Writer, sreg: Reg, op: CmpOp, data: &[u8]) {
    within(w, b"cmp", |w| {
        w.be32(1, sreg.0);
        w.be32(2, op.number());
        value(w, 3, data);
    });
}

/// `(reg & mask) ^ xor`, in place. Both are `len` bytes long.
pub fn bitwise(w: &mut Writer, reg: Reg, len: u32, mask: &[u8], xor: &[u8]) {
    within(w, b"bitwise", |w| {
        w.be32(1, reg.0);
        w.be32(2, reg.0);
        w.be32(3, len);
        value(w, 4, mask);
        value(w, 5, xor);
    });
}

/// Ends the rule unless the register is within `lo..=hi`, or with `negated` if it is. Both bytes from the left.
pub fn range(w: &mut Writer, sreg: Reg, negated: bool, lo: &[u8], hi: &[u8]) {
    within(w, b"range", |w| {
        w.be32(1, sreg.0);
        w.be32(2, u32::from(negated));
        value(w, 3, lo);
        value(w, 4, hi);
    });
}

/// Puts constant data into a register.
pub fn immediate(w: &mut Writer, dreg: Reg, data: &[u8]) {
    within(w, b"immediate", |w| {
        w.be32(1, dreg.0);
        value(w, 2, data);
    });
}

/// Decides about the packet.
pub fn verdict(w: &mut Writer, verdict: Verdict<'_>) {
    within(w, b"immediate", |w| {
        w.be32(1, REG_VERDICT.0);
        let n = w.nest(2);
        let inner = w.nest(DATA_VERDICT);
        w.be32(VERDICT_CODE, verdict.code().cast_unsigned());
        if let Some(chain) = verdict.chain() {
            w.text(VERDICT_CHAIN, chain);
        }
        w.close(inner);
        w.close(n);
    });
}

/// Counts, from these numbers on.
pub fn counter(w: &mut Writer, counters: Counters) {
    within(w, b"counter", |w| {
        w.be64(counter_attr::BYTES, counters.bytes);
        w.be64(counter_attr::PACKETS, counters.packets);
    });
}

/// Ends the rule when over (or with `inverted` within) the limit.
pub fn limit(w: &mut Writer, limit: Limit) {
    within(w, b"limit", |w| {
        w.be64(1, limit.rate);
        w.be64(2, limit.unit);
        w.be32(3, limit.burst);
        w.be32(4, u32::from(limit.bytes));
        w.be32(5, u32::from(limit.inverted));
    });
}

/// Logs.
pub fn log(w: &mut Writer, log: &Log<'_>) {
    within(w, b"log", |w| {
        if let Some(prefix) = log.prefix {
            w.text(2, prefix);
        }
        if let Some(group) = log.group {
            w.be16(1, group);
        }
        if let Some(snaplen) = log.snaplen {
            w.be32(3, snaplen);
        }
        if let Some(qthreshold) = log.qthreshold {
            w.be16(4, qthreshold);
        }
        if let Some(level) = log.level {
            w.be32(5, level);
        }
        if let Some(flags) = log.flags {
            w.be32(6, flags);
        }
    });
}

/// Ends the rule unless the register's value is in a set, or with `inverted` if it is.
pub fn lookup(w: &mut Writer, sreg: Reg, set: &[u8], set_id: Option<u32>, inverted: bool) {
    within(w, b"lookup", |w| {
        w.be32(2, sreg.0);
        w.text(1, set);
        if let Some(id) = set_id {
            w.be32(4, id);
        }
        if inverted {
            w.be32(5, 1);
        }
    });
}

/// An xtables match; `info` appends its struct, padded to 8 bytes by whoever writes it.
pub fn xt_match(w: &mut Writer, name: &[u8], rev: u32, info: impl FnOnce(&mut Vec<u8>)) {
    xt(w, b"match", name, rev, info);
}

/// An xtables target; `info` appends its struct, padded to 8 bytes by whoever writes it.
pub fn xt_target(w: &mut Writer, name: &[u8], rev: u32, info: impl FnOnce(&mut Vec<u8>)) {
    xt(w, b"target", name, rev, info);
}

fn xt(w: &mut Writer, kind: &[u8], name: &[u8], rev: u32, info: impl FnOnce(&mut Vec<u8>)) {
    within(w, kind, |w| {
        w.text(1, name);
        w.be32(2, rev);
        w.fill(3, info);
    });
}

/// A list element read before, written again as it was.
pub fn copy_element(w: &mut Writer, element: &crate::nl::Attr<'_>) {
    let n = w.nest(element.kind);
    w.raw(element.data);
    w.close(n);
}

/// An expression read before, written again as it was.
pub fn copy(w: &mut Writer, name: &[u8], data: &[u8]) {
    within(w, name, |w| w.raw(data));
}

fn within(w: &mut Writer, name: &[u8], fill: impl FnOnce(&mut Writer)) {
    let element = w.nest(LIST_ELEM);
    w.text(EXPR_NAME, name);
    let data = w.nest(EXPR_DATA);
    fill(w);
    w.close(data);
    w.close(element);
}

fn value(w: &mut Writer, attr: u16, data: &[u8]) {
    let n = w.nest(attr);
    w.bytes(DATA_VALUE, data);
    w.close(n);
}
