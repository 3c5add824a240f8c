//! What the TTL and hop limit matches share: one comparison of a byte.

use crate::abi::{self, abi};
use crate::*;
use oxtables_wire::nft::cond::{Cond, Load, Op};
use oxtables_wire::nft::expr::{Base, CmpOp};
use std::marker::PhantomData;

/// How it compares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Mode {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Greater.
    Gt,
}

/// The byte that is compared.
pub trait Byte: Copy + Eq + Hash + Debug + 'static {
    /// The description of the match.
    const SPEC: Spec;
    /// Its options.
    const OPTIONS: Options;
    /// Upstream's sentence when none of them is given.
    const MISSING: &'static str;
    /// Its name in listings.
    const LISTED: &'static str;
    /// Where it is in the IP header.
    const AT: u32;
}

/// A comparison with a number of hops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hops<B> {
    mode: Mode,
    count: u8,
    byte: PhantomData<B>,
}

/// The three options of one family.
pub struct Options {
    pub(super) lt: Opt<u8>,
    pub(super) gt: Opt<u8>,
    pub(super) eq: Opt<Neg<u8>>,
}

impl Options {
    /// The declarations, in the order help shows them.
    pub(super) const fn defs(&self) -> [OptDef; 3] {
        [self.lt.def(), self.gt.def(), self.eq.def()]
    }
}

impl<B: Byte> Hops<B> {
    const fn new(mode: Mode, count: u8) -> Self {
        Self { mode, count, byte: PhantomData }
    }
}

impl<B: Byte> Extension for Hops<B> {
    const SPEC: Spec = B::SPEC;

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let Options { lt, gt, eq } = B::OPTIONS;
        if let Some(Neg { not, value }) = args.get_neg(&eq, cx)? {
            return Ok(Self::new(if not { Mode::Ne } else { Mode::Eq }, value));
        }
        let lt = args.get(&lt, cx)?.map(|count| Self::new(Mode::Lt, count));
        let gt = args.get(&gt, cx)?.map(|count| Self::new(Mode::Gt, count));
        lt.or(gt).ok_or(ArgError::own(B::SPEC.name, B::MISSING))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        match self.mode {
            Mode::Eq => w.neg(&B::OPTIONS.eq, &Neg::plain(self.count)),
            Mode::Ne => w.neg(&B::OPTIONS.eq, &Neg { not: true, value: self.count }),
            Mode::Lt => w.opt(&B::OPTIONS.lt, &self.count),
            Mode::Gt => w.opt(&B::OPTIONS.gt, &self.count),
        }
    }

    /// ` TTL match TTL == 64`
    fn list(&self, w: &mut ListWriter<'_>) {
        let sign = match self.mode {
            Mode::Eq => "==",
            Mode::Ne => "!=",
            Mode::Lt => "<",
            Mode::Gt => ">",
        };
        w.word(B::LISTED).word("match").word(B::LISTED).word(sign).raw(" ").number(self.count);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let mode = match self.mode {
            Mode::Eq => 0,
            Mode::Ne => 1,
            Mode::Lt => 2,
            Mode::Gt => 3,
        };
        abi::push(out, IptTtlInfo { mode, ttl: self.count });
        out.extend_from_slice(&[0; 6]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: IptTtlInfo = abi::read(bytes)?;
        let mode = match raw.mode {
            0 => Mode::Eq,
            1 => Mode::Ne,
            2 => Mode::Lt,
            3 => Mode::Gt,
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Self::new(mode, raw.ttl))
    }

    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        let Item::Cond(Cond {
            load: Load::Payload { base: Base::Network, offset, len: 1 },
            mask: None,
            op: Op::Cmp(op),
            lo: &[n],
            ..
        }) = *items.first()?
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
        (offset == B::AT).then_some((Self::new(mode, count), 1))
    }

    fn view(&self) -> View {
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
}

impl<B: Byte> Match for Hops<B> {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
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
