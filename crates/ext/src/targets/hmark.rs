//! A mark made from a hash of addresses, protocol and ports
//! (kernel `net/netfilter/xt_HMARK.c:hmark_tg_v4`, `hmark_tg_v6`).

use crate::abi::{self, InetAddr, abi};
use crate::value::UnionMask;
use crate::*;
use oxtables_base::addr;
use oxtables_base::sample::Rng;

/// The bits of `XT_HMARK_*` (linux/netfilter/xt_HMARK.h).
mod bit {
    pub(super) const SADDR_MASK: u32 = 1;
    pub(super) const DADDR_MASK: u32 = 1 << 1;
    pub(super) const SPI: u32 = 1 << 2;
    pub(super) const SPI_MASK: u32 = 1 << 3;
    pub(super) const SPORT: u32 = 1 << 4;
    pub(super) const DPORT: u32 = 1 << 5;
    pub(super) const SPORT_MASK: u32 = 1 << 6;
    pub(super) const DPORT_MASK: u32 = 1 << 7;
    pub(super) const PROTO_MASK: u32 = 1 << 8;
    pub(super) const RND: u32 = 1 << 9;
    pub(super) const MODULUS: u32 = 1 << 10;
    pub(super) const OFFSET: u32 = 1 << 11;
    pub(super) const CT: u32 = 1 << 12;
}

const MAX32: u64 = u32::MAX as u64;

const TUPLE: Opt<Tuple> = Opt::new("hmark-tuple", "what is hashed, whole");
const SRC: Opt<Prefix> = Opt::new("hmark-src-prefix", "how much of the source is hashed");
const DST: Opt<Prefix> = Opt::new("hmark-dst-prefix", "how much of the destination is hashed");
const MODULUS: Opt<u32> = Opt::new("hmark-mod", "how many marks there are").within(1, MAX32);
const OFFSET: Opt<u32> = Opt::new("hmark-offset", "the first mark").within(0, MAX32);
const RND: Opt<u32> = Opt::new("hmark-rnd", "the seed of the hash").within(0, MAX32);

/// A number that is hashed or masks what is: its option, its bit, and the digits it is saved with.
struct Field {
    opt: Opt<u32>,
    bit: u32,
    digits: usize,
}

/// The index of each field in [`FIELDS`].
const SPORT_MASK: usize = 0;
const DPORT_MASK: usize = 1;
const SPI_MASK: usize = 2;
const SPORT: usize = 3;
const DPORT: usize = 4;
const SPI: usize = 5;
const PROTO_MASK: usize = 6;

/// The fields in the order saved.
const FIELDS: [Field; 7] = [
    Field {
        opt: Opt::new("hmark-sport-mask", "the bits of the source port").within(0, 0xffff),
        bit: bit::SPORT_MASK,
        digits: 4,
    },
    Field {
        opt: Opt::new("hmark-dport-mask", "the bits of the destination port").within(0, 0xffff),
        bit: bit::DPORT_MASK,
        digits: 4,
    },
    Field {
        opt: Opt::new("hmark-spi-mask", "the bits of the SPI of AH or ESP").within(0, MAX32),
        bit: bit::SPI_MASK,
        digits: 8,
    },
    Field {
        opt: Opt::new("hmark-sport", "bits set in the source port").within(0, 0xffff),
        bit: bit::SPORT,
        digits: 4,
    },
    Field {
        opt: Opt::new("hmark-dport", "bits set in the destination port").within(0, 0xffff),
        bit: bit::DPORT,
        digits: 4,
    },
    Field {
        opt: Opt::new("hmark-spi", "bits set in the SPI").within(0, MAX32),
        bit: bit::SPI,
        digits: 8,
    },
    Field {
        opt: Opt::new("hmark-proto-mask", "the bits of the protocol").within(0, 0xffff),
        bit: bit::PROTO_MASK,
        digits: 2,
    },
];

/// `-j HMARK`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hmark(Box<Parts>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Parts {
    src: Option<Prefix>,
    dst: Option<Prefix>,
    /// As in [`FIELDS`].
    fields: [Option<u32>; 7],
    /// Whether the addresses and ports are those the connection began with.
    conntrack: bool,
    rnd: u32,
    modulus: u32,
    offset: Option<u32>,
}

/// How much of an address is hashed.
///
/// COMPAT: upstream saves a mask that is no prefix as `-1`; it is written as a mask here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Prefix(UnionMask);

impl Value for Prefix {
    const SYNTAX: &'static str = "length";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        UnionMask::read(word, cx.rule.family).map(Self)
    }

    fn save(&self, out: &mut Vec<u8>) {
        match self.0.prefix_len() {
            Some(len) => len.save(out),
            None => addr::push_addr(out, self.0.address()),
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, cx.rule.family.bits().into()).to_string().into_bytes()
    }
}

/// The parts of a packet that are hashed whole, as bits of the options that say so.
struct Tuple(u32);

/// COMPAT: the beginning of a word is enough; the first word that begins so is meant.
const TUPLE_WORDS: [(&str, u32); 7] = [
    ("src", bit::SADDR_MASK),
    ("dst", bit::DADDR_MASK),
    ("sport", bit::SPORT_MASK),
    ("dport", bit::DPORT_MASK),
    ("spi", bit::SPI_MASK),
    ("proto", bit::PROTO_MASK),
    ("ct", bit::CT),
];

impl Value for Tuple {
    const SYNTAX: &'static str = "src|dst|sport|dport|spi|proto|ct[,...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let mut bits = 0;
        let mut rest = Some(first);
        while let Some(list) = rest {
            let end = list.iter().position(|&c| c == b',');
            let (part, after) = list.split_at(end.unwrap_or(list.len()));
            if list.is_empty() {
                let empty = "\"--hmark-tuple\" requires a list of types with no spaces, e.g. \
                             src,dst,sport,dport,proto";
                return Err((list, ValueError::Own(empty)));
            }
            let begins = |word: &str| {
                let head = word.as_bytes().get(..part.len());
                !part.is_empty() && head.is_some_and(|head| head.eq_ignore_ascii_case(part))
            };
            let found = TUPLE_WORDS.iter().find(|(word, _)| begins(word));
            bits |= found.ok_or((list, ValueError::Own("Bad type \"%\"")))?.1;
            rest = after.get(1..);
        }
        Ok(Self(bits))
    }

    fn save(&self, out: &mut Vec<u8>) {
        let words = TUPLE_WORDS.iter().filter(|(_, bit)| self.0 & bit != 0).map(|&(word, _)| word);
        out.extend_from_slice(words.collect::<Vec<_>>().join(",").as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let bits = rng.bits() | 1;
        let bits = u32::try_from(bits & 0x11c3).unwrap_or(bit::CT);
        let mut out = Vec::new();
        Self(bits).save(&mut out);
        out
    }
}

impl Parts {
    fn field(&self, index: usize) -> Option<u32> {
        self.fields.get(index).copied().flatten()
    }

    /// The fields that are there.
    fn fields(&self) -> impl Iterator<Item = (&'static Field, u32)> {
        static ALL: [Field; 7] = FIELDS;
        ALL.iter().zip(self.fields).filter_map(|(field, value)| Some((field, value?)))
    }

    /// Four bytes of the struct that are an SPI or two ports; `None` when both are wanted.
    fn word(&self, spi: usize, sport: usize, dport: usize) -> Option<[u8; 4]> {
        let (sport, dport) = (self.field(sport), self.field(dport));
        match self.field(spi) {
            Some(spi) if sport.is_none() && dport.is_none() => Some(spi.to_be_bytes()),
            Some(_) => None,
            None => Some((sport.unwrap_or(0) << 16 | dport.unwrap_or(0)).to_be_bytes()),
        }
    }

    /// Takes what the tuple says.
    fn apply(&mut self, tuple: &Tuple, family: Family) {
        let has = |bit| tuple.0 & bit != 0;
        let whole = Some(Prefix(UnionMask::host(family)));
        if has(bit::SADDR_MASK) {
            self.src = whole;
        }
        if has(bit::DADDR_MASK) {
            self.dst = whole;
        }
        for (field, value) in FIELDS.iter().zip(&mut self.fields).filter(|(f, _)| has(f.bit)) {
            *value = Some(if field.bit == bit::SPI_MASK { u32::MAX } else { 0xffff });
        }
        self.conntrack |= has(bit::CT);
    }
}

/// Refuses an option after a tuple that says the same; before it, the tuple wins.
fn once(args: &Args<'_>, tuple: &Tuple) -> Result<(), ArgError> {
    let place = |name| args.seen().iter().rposition(|seen| seen.def.name == name);
    let options = [(SRC.def(), bit::SADDR_MASK), (DST.def(), bit::DADDR_MASK)];
    let fields = FIELDS.iter().map(|field| (field.opt.def(), field.bit));
    for (def, bit) in options.into_iter().chain(fields) {
        if tuple.0 & bit != 0 && place(def.name) > place(TUPLE.def().name) {
            let twice = ArgError { kind: ArgErrorKind::Twice, ..ArgError::own("HMARK", "") };
            return Err(twice.at(&def, b""));
        }
    }
    Ok(())
}

impl Extension for Hmark {
    const SPEC: Spec = Spec {
        options: &[
            TUPLE.def(),
            SRC.def(),
            DST.def(),
            FIELDS[SPORT_MASK].opt.def(),
            FIELDS[DPORT_MASK].opt.def(),
            FIELDS[SPI_MASK].opt.def(),
            FIELDS[SPORT].opt.def(),
            FIELDS[DPORT].opt.def(),
            FIELDS[SPI].opt.def(),
            FIELDS[PROTO_MASK].opt.def(),
            RND.def(),
            MODULUS.def(),
            OFFSET.def(),
        ],
        revisions: &[Revision::new(0, 64)],
        doc: "marks the packet by a hash of its addresses, protocol and ports",
        cases: &[
            (
                "--hmark-tuple spi,PROTO,ct --hmark-mod 5 --hmark-rnd 5 --hmark-offset 0",
                Some(
                    "--hmark-spi-mask 0xffffffff --hmark-proto-mask 0xffff \
                     --hmark-rnd 0x00000005 --hmark-mod 5 --hmark-offset 0 --hmark-tuple ct",
                ),
            ),
            (
                "--hmark-src-prefix 24 --hmark-sport 5 --hmark-tuple dp --hmark-mod 5 --hmark-rnd 5",
                Some(
                    "--hmark-src-prefix 24 --hmark-dport-mask 0xffff --hmark-sport 0x0005 \
                     --hmark-rnd 0x00000005 --hmark-mod 5",
                ),
            ),
            ("--hmark-tuple sport --hmark-sport-mask 5 --hmark-mod 5 --hmark-rnd 5", None),
            ("--hmark-tuple spi,sport --hmark-mod 5 --hmark-rnd 5", None),
            ("--hmark-src-prefix 129 --hmark-mod 5 --hmark-rnd 5", None),
            ("--hmark-tuple src, --hmark-mod 5 --hmark-rnd 5", None),
            ("--hmark-tuple srcx --hmark-mod 5 --hmark-rnd 5", None),
            ("--hmark-tuple src --hmark-mod 0 --hmark-rnd 5", None),
            ("--hmark-tuple src --hmark-mod 5", None),
            ("--hmark-offset 5 --hmark-mod 5 --hmark-rnd 5", None),
            ("", None),
        ],
        ..Spec::named("HMARK")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let own = |sentence| ArgError::own("HMARK", sentence);
        let mut fields = [None; 7];
        for (field, value) in FIELDS.iter().zip(&mut fields) {
            *value = args.get(&field.opt, cx)?;
        }
        let (modulus, rnd) = (args.get(&MODULUS, cx)?, args.get(&RND, cx)?);
        let tuple = args.get(&TUPLE, cx)?.unwrap_or(Tuple(0));
        once(args, &tuple)?;
        let mut parts = Parts {
            src: args.get(&SRC, cx)?,
            dst: args.get(&DST, cx)?,
            fields,
            conntrack: false,
            modulus: modulus.ok_or(own("--hmark-mod is mandatory"))?,
            rnd: rnd.ok_or(own("--hmark-rnd is mandatory"))?,
            offset: args.get(&OFFSET, cx)?,
        };
        parts.apply(&tuple, cx.family);
        let nothing = parts.src.is_none() && parts.dst.is_none() && parts.fields == [None; 7];
        if nothing && !parts.conntrack {
            return Err(own("you have to specify --hmark-tuple at least"));
        }
        let masks = "you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time";
        parts.word(SPI_MASK, SPORT_MASK, DPORT_MASK).ok_or(own(masks))?;
        // COMPAT: this one upstream leaves to the kernel to refuse; the struct cannot hold both.
        let both = "you cannot use --hmark-spi and --hmark-?port,at the same time";
        parts.word(SPI, SPORT, DPORT).ok_or(own(both))?;
        Ok(Self(Box::new(parts)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt_if(&SRC, self.0.src.as_ref());
        w.opt_if(&DST, self.0.dst.as_ref());
        for (Field { opt, digits, .. }, value) in self.0.fields() {
            w.name(false, opt.def().name);
            w.word(&format!("{value:#0width$x}", width = digits + 2));
        }
        w.name(false, RND.def().name);
        w.word(&format!("{:#010x}", self.0.rnd));
        w.opt(&MODULUS, &self.0.modulus);
        w.opt_if(&OFFSET, self.0.offset.as_ref());
        w.opt_if(&TUPLE, self.0.conntrack.then_some(&Tuple(bit::CT)));
    }

    /// COMPAT: the length of a whole IPv6 address is left out, and a blank stands at the end.
    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("HMARK mod ").number(self.0.modulus);
        if let Some(offset) = self.0.offset {
            w.raw(&format!(" + {offset:#x}"));
        }
        w.raw(if self.0.conntrack { " ct, " } else { " " });
        for (word, prefix) in [("src-prefix ", self.0.src), ("dst-prefix ", self.0.dst)] {
            let Some(prefix) = prefix else { continue };
            w.raw(word);
            if !(w.family == Family::Ip6 && prefix.0.is_host()) {
                w.value(&prefix);
            }
            w.raw(" ");
        }
        for (Field { opt, .. }, value) in self.0.fields() {
            let word = opt.def().name.trim_start_matches("hmark-");
            w.raw(&format!("{word} {value:#x} "));
        }
        w.raw(&format!("rnd {:#x} ", self.0.rnd));
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let parts = &*self.0;
        let mask =
            |prefix: Option<Prefix>| prefix.map_or_else(abi::zeroed, |prefix| prefix.0.to_union());
        let set = |given: bool, bit: u32| if given { bit } else { 0 };
        let fields = parts.fields().fold(0, |all, (field, _)| all | field.bit);
        let raw = XtHmarkInfo {
            src_mask: mask(parts.src),
            dst_mask: mask(parts.dst),
            port_mask: parts.word(SPI_MASK, SPORT_MASK, DPORT_MASK).unwrap_or_default(),
            port_set: parts.word(SPI, SPORT, DPORT).unwrap_or_default(),
            flags: fields
                | set(parts.src.is_some(), bit::SADDR_MASK)
                | set(parts.dst.is_some(), bit::DADDR_MASK)
                | set(parts.conntrack, bit::CT)
                | set(parts.offset.is_some(), bit::OFFSET)
                | bit::RND
                | bit::MODULUS,
            proto_mask: u16::try_from(parts.field(PROTO_MASK).unwrap_or(0)).unwrap_or(0),
            hashrnd: parts.rnd,
            hmodulus: parts.modulus,
            hoffset: parts.offset.unwrap_or(0),
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtHmarkInfo = abi::read(bytes)?;
        let has = |bit| raw.flags & bit != 0;
        let prefix = |bit, mask| match has(bit) {
            true => {
                let mask = UnionMask::from_union(mask, cx.family).ok_or(DecodeError::Unknown)?;
                Ok(Some(Prefix(mask)))
            }
            false => Ok(None),
        };
        let halves =
            |[a, b, c, d]: [u8; 4]| [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        let ([sport_mask, dport_mask], [sport, dport]) =
            (halves(raw.port_mask), halves(raw.port_set));
        let values = [
            sport_mask.into(),
            dport_mask.into(),
            u32::from_be_bytes(raw.port_mask),
            sport.into(),
            dport.into(),
            u32::from_be_bytes(raw.port_set),
            raw.proto_mask.into(),
        ];
        let mut fields = [None; 7];
        for ((field, slot), value) in FIELDS.iter().zip(&mut fields).zip(values) {
            *slot = has(field.bit).then_some(value);
        }
        let parts = Parts {
            src: prefix(bit::SADDR_MASK, raw.src_mask)?,
            dst: prefix(bit::DADDR_MASK, raw.dst_mask)?,
            fields,
            conntrack: has(bit::CT),
            rnd: raw.hashrnd,
            modulus: raw.hmodulus,
            offset: has(bit::OFFSET).then_some(raw.hoffset),
        };
        let hashed = parts.fields != [None; 7] || parts.src.is_some() || parts.dst.is_some();
        let single = parts.word(SPI_MASK, SPORT_MASK, DPORT_MASK).is_some()
            && parts.word(SPI, SPORT, DPORT).is_some();
        match (hashed || parts.conntrack) && single && parts.modulus > 0 {
            true => Ok(Self(Box::new(parts))),
            false => Err(DecodeError::Unknown),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Unknown("the hash of HMARK is not modelled")
    }
}

abi! {
    /// `struct xt_hmark_info` (linux/netfilter/xt_HMARK.h); both `union hmark_ports` are in network
    /// byte order.
    struct XtHmarkInfo[60] {
        src_mask: InetAddr = 0,
        dst_mask: InetAddr = 16,
        port_mask: [u8; 4] = 32,
        port_set: [u8; 4] = 36,
        flags: u32 = 40,
        proto_mask: u16 = 44,
        hashrnd: u32 = 48,
        hmodulus: u32 = 52,
        hoffset: u32 = 56,
    }
}
