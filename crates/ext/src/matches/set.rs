//! Addresses, ports and the like that are in a set of `ipset(8)`
//! (kernel `net/netfilter/xt_set.c:set_match_v4`).

use crate::abi::{self, abi};
use crate::value::{Flag, SetDirs, SetInfo, SetInfoV0};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use oxtables_packet::SetQuery;

/// `IPSET_FLAG_*` (linux/netfilter/ipset/ip_set.h).
mod flag {
    pub(super) const SKIP_COUNTER_UPDATE: u32 = 1 << 3;
    pub(super) const SKIP_SUBCOUNTER_UPDATE: u32 = 1 << 4;
    pub(super) const RETURN_NOMATCH: u32 = 1 << 7;
}

const PACKETS_ONCE: &str = "only one of the --packets-[eq|lt|gt] is allowed";
const BYTES_ONCE: &str = "only one of the --bytes-[eq|lt|gt] is allowed";

const MATCH_SET: Opt<Neg<SetDirs>> = Opt::neg("match-set", "the set, and what is looked up in it")
    .once("--match-set can be specified only once");
const OLD_SET: Opt<Neg<SetDirs>> = Opt::neg("set", "the old name of --match-set");
const RETURN_NOMATCH: Opt<Neg<Flag>> =
    Opt::neg("return-nomatch", "what fits an entry marked nomatch fits").many();
const UPDATE_COUNTERS: Opt<Neg<Flag>> =
    Opt::neg("update-counters", "count the packet in the set").many();
const UPDATE_SUBCOUNTERS: Opt<Neg<Flag>> =
    Opt::neg("update-subcounters", "count the packet in the member sets of a list").many();

/// A counter's comparisons, in the order saved.
struct Comparisons {
    eq: Opt<Neg<Count>>,
    lt: Opt<Neg<Count>>,
    gt: Opt<Neg<Count>>,
    once: &'static str,
    lt_not: &'static str,
    gt_not: &'static str,
}

const PACKETS: Comparisons = Comparisons {
    eq: Opt::neg("packets-eq", "the packet counter of the entry is this").once(PACKETS_ONCE),
    lt: Opt::neg("packets-lt", "the packet counter of the entry is less").once(PACKETS_ONCE),
    gt: Opt::neg("packets-gt", "the packet counter of the entry is greater").once(PACKETS_ONCE),
    once: PACKETS_ONCE,
    lt_not: "--packets-lt option cannot be inverted",
    gt_not: "--packets-gt option cannot be inverted",
};
const BYTES: Comparisons = Comparisons {
    eq: Opt::neg("bytes-eq", "the byte counter of the entry is this").once(BYTES_ONCE),
    lt: Opt::neg("bytes-lt", "the byte counter of the entry is less").once(BYTES_ONCE),
    gt: Opt::neg("bytes-gt", "the byte counter of the entry is greater").once(BYTES_ONCE),
    once: BYTES_ONCE,
    lt_not: "--bytes-lt option cannot be inverted",
    gt_not: "--bytes-gt option cannot be inverted",
};

/// `-m set`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Set(Box<Parts>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Parts {
    set: Neg<SetDirs>,
    packets: Option<Counter>,
    bytes: Option<Counter>,
    /// `IPSET_FLAG_*`.
    flags: u32,
}

/// What a counter of the entry is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Counter {
    op: Comparison,
    value: u64,
}

/// How a counter is compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Comparison {
    Eq,
    Ne,
    Lt,
    Gt,
}

/// A number of packets or bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Count(u64);

impl Value for Count {
    const SYNTAX: &'static str = "number";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        number::parse(word).map(Self).ok_or(ValueError::Own("Cannot parse % as a counter value"))
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.0);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, u64::MAX).to_string().into_bytes()
    }
}

impl Comparisons {
    fn parse(&self, args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Option<Counter>, ArgError> {
        let eq = args.get_neg(&self.eq, cx)?;
        let lt = args.get_neg(&self.lt, cx)?;
        let gt = args.get_neg(&self.gt, cx)?;
        let own = |sentence| Err(ArgError::own("set", sentence));
        match (eq, lt, gt) {
            (Some(n), None, None) => {
                let op = if n.not { Comparison::Ne } else { Comparison::Eq };
                Ok(Some(Counter { op, value: n.value.0 }))
            }
            (None, Some(n), None) if n.not => own(self.lt_not),
            (None, Some(n), None) => Ok(Some(Counter { op: Comparison::Lt, value: n.value.0 })),
            (None, None, Some(n)) if n.not => own(self.gt_not),
            (None, None, Some(n)) => Ok(Some(Counter { op: Comparison::Gt, value: n.value.0 })),
            (None, None, None) => Ok(None),
            _ => own(self.once),
        }
    }

    /// The option that says `counter`, and its value.
    fn option(&self, counter: Counter) -> (&Opt<Neg<Count>>, Neg<Count>) {
        let Counter { op, value } = counter;
        let opt = match op {
            Comparison::Eq | Comparison::Ne => &self.eq,
            Comparison::Lt => &self.lt,
            Comparison::Gt => &self.gt,
        };
        (opt, Neg { not: op == Comparison::Ne, value: Count(value) })
    }
}

impl Counter {
    fn from_raw(op: u8, value: u64) -> Result<Option<Self>, DecodeError> {
        if op == 0 {
            return Ok(None);
        }
        let op = Comparison::ALL.into_iter().find(|known| known.number() == op);
        Ok(Some(Self { op: op.ok_or(DecodeError::Unknown)?, value }))
    }

    fn raw(counter: Option<Self>) -> CounterMatch {
        counter.map_or_else(abi::zeroed, |c| CounterMatch { value: c.value, op: c.op.number() })
    }
}

impl Comparison {
    const ALL: [Self; 4] = [Self::Eq, Self::Ne, Self::Lt, Self::Gt];

    /// `IPSET_COUNTER_*` (linux/netfilter/ipset/ip_set.h).
    const fn number(self) -> u8 {
        match self {
            Self::Eq => 1,
            Self::Ne => 2,
            Self::Lt => 3,
            Self::Gt => 4,
        }
    }
}

impl Set {
    /// The set and whether the sense is turned round.
    #[must_use]
    pub fn set(&self) -> &Neg<SetDirs> {
        &self.0.set
    }

    fn has(&self, flag: u32) -> bool {
        self.0.flags & flag != 0
    }

    /// The last three flags with the words that say them.
    fn flags(&self) -> impl Iterator<Item = (bool, &'static str)> {
        let all = [
            (flag::RETURN_NOMATCH, false, RETURN_NOMATCH.def().name),
            (flag::SKIP_COUNTER_UPDATE, true, UPDATE_COUNTERS.def().name),
            (flag::SKIP_SUBCOUNTER_UPDATE, true, UPDATE_SUBCOUNTERS.def().name),
        ];
        let flags = self.0.flags;
        all.into_iter().filter(move |(bit, ..)| flags & bit != 0).map(|(_, not, name)| (not, name))
    }

    fn counters(&self) -> impl Iterator<Item = (&'static Comparisons, Counter)> {
        let packets = self.0.packets.map(|c| (&PACKETS, c));
        packets.into_iter().chain(self.0.bytes.map(|c| (&BYTES, c)))
    }
}

impl Extension for Set {
    const SPEC: Spec = Spec {
        options: &[
            MATCH_SET.def(),
            OLD_SET.def(),
            RETURN_NOMATCH.def(),
            UPDATE_COUNTERS.def(),
            UPDATE_SUBCOUNTERS.def(),
            PACKETS.eq.def(),
            PACKETS.lt.def(),
            PACKETS.gt.def(),
            BYTES.eq.def(),
            BYTES.lt.def(),
            BYTES.gt.def(),
        ],
        revisions: &[
            Revision::new(4, 48),
            Revision::new(3, 48),
            Revision::new(2, 8),
            Revision::new(1, 8),
            Revision::new(0, 32),
        ],
        doc: "matches what is in a set of ipset(8)",
        cases: &[
            ("--match-set foo src", Some("--match-set foo src")),
            ("! --set foo dst,src", Some("! --match-set foo dst,src")),
            (
                "--match-set foo src --bytes-gt 0x10 ! --packets-eq 5 ! --update-counters",
                Some("--match-set foo src ! --update-counters ! --packets-eq 5 --bytes-gt 16"),
            ),
            ("--match-set foo src --update-counters", Some("--match-set foo src")),
            ("--match-set nosuch src", None),
            ("--match-set foo srcx", None),
            ("--match-set foo src,src,src,src,src,src,src", None),
            ("--match-set foo src --packets-eq 1 --packets-gt 1", None),
            ("--match-set foo src ! --return-nomatch", None),
            ("--match-set foo src ! --bytes-lt 5", None),
            ("--return-nomatch", None),
        ],
        ..Spec::named("set")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let own = |sentence| ArgError::own("set", sentence);
        if args.has(&OLD_SET) {
            cx.host.warn("--set option deprecated, please use --match-set");
        }
        let set = args.get_neg(&MATCH_SET, cx)?;
        let old = args.get_neg(&OLD_SET, cx)?;
        if set.is_some() && old.is_some() {
            return Err(own("--match-set can be specified only once"));
        }
        let set = set.or(old);
        let set = set.ok_or(own("You must specify `--match-set' with proper arguments"))?;
        let return_nomatch = args.get_neg(&RETURN_NOMATCH, cx)?;
        if return_nomatch.is_some_and(|f| f.not) {
            return Err(own("--return-nomatch flag cannot be inverted"));
        }
        // Without a `!` these say what holds anyway.
        let skipped = |opt: &Opt<Neg<Flag>>, bit| {
            let not = args.seen().iter().any(|s| s.def.name == opt.def().name && s.not);
            if not { bit } else { 0 }
        };
        let flags = skipped(&UPDATE_COUNTERS, flag::SKIP_COUNTER_UPDATE)
            | skipped(&UPDATE_SUBCOUNTERS, flag::SKIP_SUBCOUNTER_UPDATE)
            | return_nomatch.map_or(0, |_| flag::RETURN_NOMATCH);
        let (packets, bytes) = (PACKETS.parse(args, cx)?, BYTES.parse(args, cx)?);
        Ok(Self(Box::new(Parts { set, packets, bytes, flags })))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&MATCH_SET, &self.0.set);
        for (not, name) in self.flags() {
            w.name(not, name);
        }
        for (comparisons, counter) in self.counters() {
            let (opt, value) = comparisons.option(counter);
            w.neg(opt, &value);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let bang = |not| if not { "! " } else { "" };
        w.word(bang(self.0.set.not)).raw("match-set ").value(&self.0.set.value);
        for (not, name) in self.flags() {
            w.word(bang(not)).raw(name);
        }
        for (comparisons, counter) in self.counters() {
            let (opt, value) = comparisons.option(counter);
            w.word(bang(value.not)).raw(opt.def().name).raw(" ").number(value.value.0);
        }
    }

    /// Revisions before 3 have no counters, 1 and 0 no `nomatch`.
    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Parts { set: Neg { not, value: set }, packets, bytes, flags } = &*self.0;
        let (packets, bytes) = (Counter::raw(*packets), Counter::raw(*bytes));
        let match_set = set.info(*not, false);
        let plain = packets == abi::zeroed() && bytes == abi::zeroed();
        match rev {
            4 => abi::push(out, MatchV4 { match_set, packets, bytes, flags: *flags }),
            3 => {
                let old = |c: CounterMatch| CounterMatch0 { op: c.op, value: c.value };
                let (packets, bytes) = (old(packets), old(bytes));
                abi::push(out, MatchV3 { match_set, packets, bytes, flags: *flags });
            }
            2 if plain && flags & !flag::RETURN_NOMATCH == 0 => {
                abi::push(out, set.info(*not, self.has(flag::RETURN_NOMATCH)));
                out.extend_from_slice(&[0; 4]);
            }
            1 if plain && *flags == 0 => {
                abi::push(out, match_set);
                out.extend_from_slice(&[0; 4]);
            }
            0 if plain && *flags == 0 => {
                if let Some(info) = set.info_v0(*not) {
                    abi::push(out, info);
                }
            }
            _ => (),
        }
    }

    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: MatchV4 = match rev {
            4 => abi::read(bytes)?,
            3 => {
                let raw: MatchV3 = abi::read(bytes)?;
                let new = |c: CounterMatch0| CounterMatch { value: c.value, op: c.op };
                MatchV4 {
                    match_set: raw.match_set,
                    packets: new(raw.packets),
                    bytes: new(raw.bytes),
                    flags: raw.flags,
                }
            }
            1 | 2 => MatchV4 { match_set: abi::read(bytes)?, ..abi::zeroed() },
            _ => {
                let match_set = abi::read::<SetInfoV0>(bytes)?.later();
                MatchV4 { match_set, ..abi::zeroed() }
            }
        };
        let known = flag::RETURN_NOMATCH | flag::SKIP_COUNTER_UPDATE | flag::SKIP_SUBCOUNTER_UPDATE;
        let (value, not, nomatch) = SetDirs::from_info(raw.match_set, cx)?;
        let nomatch = if nomatch && rev == 2 { flag::RETURN_NOMATCH } else { 0 };
        Ok(Self(Box::new(Parts {
            set: Neg { not, value },
            packets: Counter::from_raw(raw.packets.op, raw.packets.value)?,
            bytes: Counter::from_raw(raw.bytes.op, raw.bytes.value)?,
            flags: raw.flags & known | nomatch,
        })))
    }

    /// A test counts the packet in the set, unless told not to.
    fn view(&self) -> View {
        let silent = self.has(flag::SKIP_COUNTER_UPDATE);
        View::Opaque(if silent { Class::Context } else { Class::Barrier })
    }
}

impl Match for Set {
    /// `match_set`: the counters belong to the test, the inversion comes last.
    fn test(&self, packet: &Packet, cx: &Context) -> Truth {
        let Neg { not, value } = &self.0.set;
        let source: smallvec::SmallVec<[bool; 6]> = value.sources().collect();
        let query = SetQuery {
            name: value.name(),
            source: &source,
            return_nomatch: self.has(flag::RETURN_NOMATCH),
        };
        let counted = || match self.counters().next() {
            None => Truth::Yes,
            Some(_) => Truth::Unknown("the counters of the set's entry are not known"),
        };
        cx.host.in_set(packet, &query).and_then(counted).invert_if(*not)
    }
}

abi! {
    /// `struct ip_set_counter_match` (linux/netfilter/ipset/ip_set.h).
    struct CounterMatch[16] { value: u64 = 0, op: u8 = 8 }
}

abi! {
    /// `struct ip_set_counter_match0`.
    struct CounterMatch0[16] { op: u8 = 0, value: u64 = 8 }
}

abi! {
    /// `struct xt_set_info_match_v4` (linux/netfilter/xt_set.h).
    struct MatchV4[48] {
        match_set: SetInfo = 0,
        packets: CounterMatch = 8,
        bytes: CounterMatch = 24,
        flags: u32 = 40,
    }
}

abi! {
    /// `struct xt_set_info_match_v3` (linux/netfilter/xt_set.h).
    struct MatchV3[48] {
        match_set: SetInfo = 0,
        packets: CounterMatch0 = 8,
        bytes: CounterMatch0 = 24,
        flags: u32 = 40,
    }
}
