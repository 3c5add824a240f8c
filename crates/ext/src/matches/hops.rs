//! What the TTL and hop limit matches share: one comparison of a byte.

use crate::abi::{self, abi};
use crate::*;
use oxtables_wire::nft::cond::{Cond, Load, Op};
use oxtables_wire::nft::expr::{Base, CmpOp};

/// How it compares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Mode {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Greater.
    Gt,
}

/// A comparison with a number of hops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Hops {
    pub(super) mode: Mode,
    pub(super) count: u8,
}

/// The three options of one family.
pub(super) struct Options {
    pub(super) lt: Opt<u8>,
    pub(super) gt: Opt<u8>,
    pub(super) eq: Opt<Neg<u8>>,
}

impl Hops {
    /// The comparison given; `None` when none is.
    pub(super) fn parse(
        args: &Args<'_>,
        cx: &ParseCx<'_>,
        options: &Options,
    ) -> Result<Option<Self>, ArgError> {
        if let Some(Neg { not, value }) = args.get_neg(&options.eq, cx)? {
            return Ok(Some(Self { mode: if not { Mode::Ne } else { Mode::Eq }, count: value }));
        }
        let lt = args.get(&options.lt, cx)?.map(|count| Self { mode: Mode::Lt, count });
        let gt = args.get(&options.gt, cx)?.map(|count| Self { mode: Mode::Gt, count });
        Ok(lt.or(gt))
    }

    pub(super) fn save(self, w: &mut ArgWriter<'_>, options: &Options) {
        match self.mode {
            Mode::Eq | Mode::Ne => {
                w.neg(&options.eq, &Neg { not: self.mode == Mode::Ne, value: self.count });
            }
            Mode::Lt => w.opt(&options.lt, &self.count),
            Mode::Gt => w.opt(&options.gt, &self.count),
        }
    }

    /// ` TTL match TTL == 64`, `name` being `TTL` or `HL`.
    pub(super) fn list(self, w: &mut ListWriter<'_>, name: &str) {
        let sign = match self.mode {
            Mode::Eq => "==",
            Mode::Ne => "!=",
            Mode::Lt => "<",
            Mode::Gt => ">",
        };
        w.word(name).word("match").word(name).word(sign).raw(" ").number(self.count);
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        let mode = match self.mode {
            Mode::Eq => 0,
            Mode::Ne => 1,
            Mode::Lt => 2,
            Mode::Gt => 3,
        };
        abi::push(out, IptTtlInfo { mode, ttl: self.count });
        out.extend_from_slice(&[0; 6]);
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: IptTtlInfo = abi::read(bytes)?;
        let mode = match raw.mode {
            0 => Mode::Eq,
            1 => Mode::Ne,
            2 => Mode::Lt,
            3 => Mode::Gt,
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Self { mode, count: raw.ttl })
    }

    /// Reads a native comparison of the byte at `at` of the IP header.
    pub(super) fn raise(item: &Item<'_>, at: u32) -> Option<Self> {
        let Item::Cond(Cond {
            load: Load::Payload { base: Base::Network, offset, len: 1 },
            mask: None,
            op: Op::Cmp(op),
            lo: &[n],
            ..
        }) = *item
        else {
            return None;
        };
        let (mode, count) = match op {
            CmpOp::Eq => (Mode::Eq, n),
            CmpOp::Neq => (Mode::Ne, n),
            CmpOp::Lt => (Mode::Lt, n),
            CmpOp::Gt => (Mode::Gt, n),
            CmpOp::Lte => (Mode::Lt, n.checked_add(1)?),
            CmpOp::Gte => (Mode::Gt, n.checked_sub(1)?),
        };
        (offset == at).then_some(Self { mode, count })
    }

    pub(super) fn view(self) -> View {
        let n = u32::from(self.count);
        // "Less than 0" and "greater than 255" are nothing: all, turned round.
        let (range, not) = match self.mode {
            Mode::Eq => (Some((n, n)), false),
            Mode::Ne => (Some((n, n)), true),
            Mode::Lt => (n.checked_sub(1).map(|hi| (0, hi)), false),
            Mode::Gt => ((n < 255).then_some((n + 1, 255)), false),
        };
        let (lo, hi) = range.unwrap_or((0, 255));
        let clause = Clause { field: Field::Ttl, mask: 0xff, lo, hi, not: not || range.is_none() };
        View::Clauses(smallvec::smallvec![clause])
    }

    pub(super) fn test(self, packet: &Packet) -> Truth {
        let have = packet.ttl();
        match self.mode {
            Mode::Eq => have == self.count,
            Mode::Ne => have != self.count,
            Mode::Lt => have < self.count,
            Mode::Gt => have > self.count,
        }
        .into()
    }
}

abi! {
    /// `struct ipt_ttl_info` (linux/netfilter_ipv4/ipt_ttl.h) and `struct ip6t_hl_info`
    /// (linux/netfilter_ipv6/ip6t_hl.h).
    struct IptTtlInfo[2] { mode: u8 = 0, ttl: u8 = 1 }
}
