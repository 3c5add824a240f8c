//! The routing header of IPv6 (kernel `net/ipv6/netfilter/ip6t_rt.c:rt_mt6`).

use crate::abi::{self, InetAddr, abi};
use crate::matches::spis::FlaggedSpis;
use crate::value::{Flag, NumRange};
use crate::*;
use oxtables_base::addr;
use oxtables_base::sample::Rng;
use oxtables_packet::{Missing, exthdr};
use std::net::{IpAddr, Ipv6Addr};

const TYPE: Opt<Neg<u32>> = Opt::neg("rt-type", "the type of the header").within(0, U32_MAX);
const SEGMENTS: Opt<Neg<NumRange<u32>>> = Opt::neg("rt-segsleft", "how many segments are left");
const LEN: Opt<Neg<u32>> = Opt::neg("rt-len", "bytes of the header").within(0, U32_MAX);
const RESERVED: Opt<Flag> = Opt::new("rt-0-res", "the reserved field of type 0 is zero");
const ADDRS: Opt<Addrs> = Opt::new("rt-0-addrs", "the addresses of type 0 are these");
const NOT_STRICT: Opt<Flag> = Opt::new("rt-0-not-strict", "others may stand between them");

const U32_MAX: u64 = 0xffff_ffff;
/// `IP6T_RT_HOPS`.
const HOPS: usize = 16;

/// `IP6T_RT_*` (linux/netfilter_ipv6/ip6t_rt.h); inversion has the same bits.
mod flag {
    pub(super) const TYP: u8 = 0x01;
    pub(super) const SGS: u8 = 0x02;
    pub(super) const LEN: u8 = 0x04;
    pub(super) const RES: u8 = 0x08;
    pub(super) const FST: u8 = 0x10;
    pub(super) const FST_NSTRICT: u8 = 0x20;
}

/// `-m rt`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rt(Box<Header>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Header {
    kind: Option<Neg<u32>>,
    segments: FlaggedSpis,
    len: Option<Neg<u32>>,
    reserved: bool,
    addrs: Option<Addrs>,
    /// Only with `addrs`.
    not_strict: bool,
}

/// Addresses, at least one, at most `HOPS`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Addrs(Box<[Ipv6Addr]>);

impl Value for Addrs {
    const SYNTAX: &'static str = "address[,address...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let one = |part: &'w [u8]| match addr::parse(Family::Ip6, part) {
            Some(IpAddr::V6(addr)) => Ok(addr),
            _ => Err((part, ValueError::Own("bad address: %"))),
        };
        let addrs: Result<Box<[_]>, _> = first.split(|&c| c == b',').map(one).collect();
        let addrs = addrs?;
        if addrs.len() > HOPS {
            return Err((first, ValueError::Own("too many addresses specified")));
        }
        Ok(Self(addrs))
    }

    fn save(&self, out: &mut Vec<u8>) {
        for (i, &a) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            addr::push_addr(out, a.into());
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let count = rng.within(1, 16);
        let addrs: Vec<Vec<u8>> = (0..count).map(|_| IpAddr::sample(rng, cx)).collect();
        addrs.join(&b',')
    }
}

impl Extension for Rt {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[
            TYPE.def(),
            SEGMENTS.def(),
            LEN.def(),
            RESERVED.def(),
            ADDRS.def(),
            NOT_STRICT.def(),
        ],
        revisions: &[Revision::new(0, 280)],
        doc: "matches the routing header of an IPv6 packet",
        cases: &[
            ("", Some("")),
            ("--rt-type 0 --rt-segsleft 1:23 --rt-len 42 --rt-0-res --rt-0-addrs ::1,::2", {
                Some("--rt-type 0 --rt-segsleft 1:23 --rt-len 42 --rt-0-res --rt-0-addrs ::1,::2")
            }),
            ("! --rt-type 5 ! --rt-segsleft 7 ! --rt-len 3", {
                Some("! --rt-type 5 ! --rt-segsleft 7 ! --rt-len 3")
            }),
            ("--rt-segsleft :", Some("")),
            ("--rt-type 0 --rt-0-addrs ::1 --rt-0-not-strict", {
                Some("--rt-type 0 --rt-0-addrs ::1 --rt-0-not-strict")
            }),
            ("--rt-0-res", None),
            ("! --rt-type 0 --rt-0-res", None),
            ("--rt-type 1 --rt-0-addrs ::1", None),
            ("--rt-type 0 --rt-0-addrs 1.2.3.4", None),
            ("--rt-type 0 --rt-0-not-strict", None),
            ("--rt-segsleft 5:4", None),
        ],
        ..Spec::named("rt")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let header = Header {
            kind: args.get_neg(&TYPE, cx)?,
            segments: FlaggedSpis::new(args.get_neg(&SEGMENTS, cx)?),
            len: args.get_neg(&LEN, cx)?,
            reserved: args.has(&RESERVED),
            addrs: args.get(&ADDRS, cx)?,
            not_strict: args.has(&NOT_STRICT),
        };
        let error = |sentence| Err(ArgError::own("rt", sentence));
        if header.reserved && !header.is_type_0() {
            return error("`--rt-type 0' required before `--rt-0-res'");
        }
        if header.addrs.is_some() && !header.is_type_0() {
            return error("`--rt-type 0' required before `--rt-0-addrs'");
        }
        if header.not_strict && header.addrs.is_none() {
            return error("`--rt-0-addr ...' required before `--rt-0-not-strict'");
        }
        Ok(Self(Box::new(header)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&TYPE, self.0.kind.as_ref());
        self.0.segments.spis().save(w, &SEGMENTS);
        w.neg_if(&LEN, self.0.len.as_ref());
        w.flag(&RESERVED, self.0.reserved);
        w.opt_if(&ADDRS, self.0.addrs.as_ref());
        w.flag(&NOT_STRICT, self.0.not_strict);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let sign = |not| if not { "!" } else { "" };
        w.word("rt");
        if let Some(Neg { not, value }) = self.0.kind {
            w.word("type:").raw(sign(not)).number(value);
        }
        let segments = self.0.segments.spis();
        if !segments.is_all() {
            w.raw(" ");
            segments.list(w, "segsleft");
        }
        if let Some(Neg { not, value }) = self.0.len {
            w.word("length:").raw(sign(not)).number(value);
        }
        w.raw(if self.0.reserved { " reserved" } else { "" });
        if let Some(addrs) = &self.0.addrs {
            w.word("0-addrs ").value(addrs);
        }
        w.raw(if self.0.not_strict { " 0-not-strict" } else { "" });
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let header = &self.0;
        let (flags, invflags) = signs::bits([
            (flag::TYP, header.kind.map(|k| k.not)),
            (flag::SGS, header.segments.sign()),
            (flag::LEN, header.len.map(|l| l.not)),
            (flag::RES, header.reserved.then_some(false)),
            (flag::FST, header.addrs.as_ref().map(|_| false)),
            (flag::FST_NSTRICT, header.not_strict.then_some(false)),
        ]);
        let list: &[Ipv6Addr] = header.addrs.as_ref().map_or(&[], |a| &a.0);
        let mut addrs = [InetAddr([0; 16]); HOPS];
        for (slot, addr) in addrs.iter_mut().zip(list) {
            *slot = InetAddr(addr.octets());
        }
        let raw = Ip6tRt {
            rt_type: header.kind.map_or(0, |k| k.value),
            segsleft: header.segments.spis().bounds(),
            hdrlen: header.len.map_or(0, |l| l.value),
            flags,
            invflags,
            addrs,
            addrnr: u8::try_from(list.len()).unwrap_or(0),
        };
        abi::push(out, raw);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: Ip6tRt = abi::read(bytes)?;
        let sign = |bit| signs::sign(bit, (raw.flags, raw.invflags));
        let neg = |bit, value| sign(bit).map(|not| Neg { not, value });
        let addrs: Box<[_]> =
            raw.addrs.iter().take(raw.addrnr.into()).map(|a| Ipv6Addr::from(a.0)).collect();
        let header = Header {
            kind: neg(flag::TYP, raw.rt_type),
            segments: FlaggedSpis::from_bounds(raw.segsleft, sign(flag::SGS))?,
            len: neg(flag::LEN, raw.hdrlen),
            reserved: sign(flag::RES).is_some(),
            addrs: sign(flag::FST).filter(|_| !addrs.is_empty()).map(|_| Addrs(addrs)),
            not_strict: sign(flag::FST_NSTRICT).is_some(),
        };
        let of_type_0 = header.reserved || header.addrs.is_some();
        if of_type_0 && !header.is_type_0() || header.not_strict && header.addrs.is_none() {
            return Err(DecodeError::Unknown);
        }
        Ok(Self(Box::new(header)))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Header {
    fn is_type_0(&self) -> bool {
        self.kind == Some(Neg::plain(0))
    }

    fn try_test(&self, packet: &Packet) -> Result<bool, Missing> {
        let at = packet.find_ipv6_header(exthdr::ROUTING)?.offset;
        let [_, units, kind, left] = packet.array_at(at)?;
        let len = (u32::from(units) + 1) * 8;
        let number =
            |wanted: Option<Neg<u32>>, have| wanted.is_none_or(|w| (w.value == have) != w.not);
        // As of Linux 6.18 a header longer than its packet is a drop, before that it was no match.
        if packet.total_len() < at + (usize::from(units) + 1) * 8 {
            return Err(Missing::Truncated);
        }
        let fits = self.segments.spis().fits(left.into())
            && number(self.len, len)
            && number(self.kind, kind.into());
        if !fits {
            return Ok(false);
        }
        if self.reserved && packet.array_at::<4>(at + 4)? != [0; 4] {
            return Ok(false);
        }
        let Some(Addrs(wanted)) = &self.addrs else { return Ok(true) };
        let there = packet.bytes_at(at + 8, (usize::from(units) / 2) * 16)?;
        let mut there = there.chunks_exact(16);
        if self.not_strict {
            return Ok(wanted.iter().all(|w| there.any(|have| have == w.octets())));
        }
        let same = wanted.len() == there.len();
        Ok(same && wanted.iter().zip(there).all(|(w, have)| have == w.octets()))
    }
}

impl Match for Rt {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        self.0.try_test(packet).map_or_else(Missing::truth, Truth::from)
    }
}

abi! {
    /// `struct ip6t_rt` (linux/netfilter_ipv6/ip6t_rt.h).
    struct Ip6tRt[280] {
        rt_type: u32 = 0,
        segsleft: [u32; 2] = 4,
        hdrlen: u32 = 12,
        flags: u8 = 16,
        invflags: u8 = 17,
        addrs: [InetAddr; HOPS] = 20,
        addrnr: u8 = 276,
    }
}
