//! A bucket of tokens for each address, port or connection (kernel
//! `net/netfilter/xt_hashlimit.c:hashlimit_mt_common`).

use crate::abi::{self, abi};
use crate::value::{Flag, Keyword, KeywordSet, Keywords, Name, PrefixLen, Unseen};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use rates::{BURST_RANGE, Burst, Interval, Rate, push_bytes};

mod rates;

const UPTO: Opt<Neg<Rate>> = Opt::neg("hashlimit-upto", "the rate is not higher")
    .aliases(&["hashlimit"])
    .excludes(&["hashlimit-above"]);
const ABOVE: Opt<Neg<Rate>> = Opt::neg("hashlimit-above", "the rate is higher");
const BURST: Opt<Burst> = Opt::new("hashlimit-burst", "so much at once (5 packets)");
const MODE: Opt<ModeSet> = Opt::new("hashlimit-mode", "what has a bucket of its own");
const NAME: Opt<Name<254>> =
    Opt::new("hashlimit-name", "the table of buckets, as in /proc/net/ipt_hashlimit");
const SRCMASK: Opt<PrefixLen> =
    Opt::new("hashlimit-srcmask", "sources alike so far share a bucket");
const DSTMASK: Opt<PrefixLen> =
    Opt::new("hashlimit-dstmask", "destinations alike so far share a bucket");
const SIZE: Opt<u32> = Opt::new("hashlimit-htable-size", "buckets of the hash table");
const MAX: Opt<u32> = Opt::new("hashlimit-htable-max", "entries of the hash table at most");
const GC_INTERVAL: Opt<u32> =
    Opt::new("hashlimit-htable-gcinterval", "milliseconds between clean-ups (1000)");
const EXPIRE: Opt<u32> =
    Opt::new("hashlimit-htable-expire", "milliseconds after which an idle entry goes");
const RATE_MATCH: Opt<Flag> =
    Opt::new("hashlimit-rate-match", "ask how fast it was, without a bucket");
const INTERVAL: Opt<Interval> =
    Opt::new("hashlimit-rate-interval", "seconds over which --hashlimit-rate-match looks");

/// `XT_HASHLIMIT_SCALE_v2`; the first revision has the scale of limit.
const SCALE: u64 = 1_000_000;
const SCALE_V1: u64 = 10_000;
const DEFAULT_BURST: u64 = 5;
const MAX_BURST: u64 = 1_000_000;
const DEFAULT_GC: u32 = 1000;

/// `XT_HASHLIMIT_*` of `mode`, beside those of [`Modes`].
const INVERT: u32 = 1 << 4;
const BYTES: u32 = 1 << 5;
const RATE_MATCHES: u32 = 1 << 6;

/// `-m hashlimit`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hashlimit(Box<Table>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Table {
    above: bool,
    rate: Rate,
    /// Packets; for a rate of bytes, so many seconds of them, none being 0.
    burst: u64,
    mode: ModeSet,
    name: Name<254>,
    size: u32,
    max: u32,
    gc_interval: u32,
    expire: u32,
    srcmask: PrefixLen,
    dstmask: PrefixLen,
    /// `--hashlimit-rate-match`, over so many seconds: the rate is then that of all these seconds
    /// together, and is said as if it were of one.
    interval: Option<Interval>,
    /// COMPAT: `--hashlimit-rate-interval` without `--hashlimit-rate-match` means nothing, but is
    /// sent to the kernel as upstream sends it. It is not saved.
    idle_interval: Unseen<u32>,
}

/// What has a bucket of its own. Empty words between commas are nothing, as upstream reads them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct ModeSet(KeywordSet<Modes>);

impl Value for ModeSet {
    const SYNTAX: &'static str = Modes::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let mut bits = 0;
        for part in word.split(|&c| c == b',').filter(|part| !part.is_empty()) {
            bits |= Keyword::<Modes>::parse(part, cx)?.number;
        }
        KeywordSet::from_bits(bits).map(Self).ok_or(ValueError::Word)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        KeywordSet::<Modes>::sample(rng, cx)
    }
}

/// The words of [`ModeSet`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Modes;

impl Keywords for Modes {
    const WORDS: &'static [(&'static str, u32)] =
        &[("srcip", 1 << 2), ("srcport", 1 << 3), ("dstip", 1 << 0), ("dstport", 1 << 1)];
    const SYNTAX: &'static str = "srcip|srcport|dstip|dstport[,...]";
    const EXACT: bool = true;
    const UNKNOWN: Option<&'static str> =
        Some("hashlimit: Bad value for \"--hashlimit-mode\" option: \"%\"");
}

fn own(sentence: &'static str) -> ArgError {
    ArgError::own("hashlimit", sentence)
}

/// The burst in the kernel's terms: packets, or seconds of the rate, rounded up.
fn burst_of(given: Option<Burst>, rate: Rate) -> Result<u64, ArgError> {
    match (given, rate) {
        (None, Rate::Packets(..)) => Ok(DEFAULT_BURST),
        (None, Rate::Bytes(_)) => Ok(0),
        (Some(burst), Rate::Packets(..)) if burst.amount <= MAX_BURST => Ok(burst.amount),
        (Some(_), Rate::Packets(..)) => Err(own(BURST_RANGE)),
        (Some(burst), Rate::Bytes(rate)) if burst.amount >= rate.bytes() => {
            Ok(burst.amount.div_ceil(rate.bytes().max(1)))
        }
        (Some(_), Rate::Bytes(rate)) => {
            let least = rate.bytes().to_string();
            Err(own("burst cannot be smaller than %b").at(&BURST.def(), least.as_bytes()))
        }
    }
}

impl Extension for Hashlimit {
    const SPEC: Spec = Spec {
        options: &[
            UPTO.def(),
            ABOVE.def(),
            BURST.def(),
            MODE.def(),
            NAME.def(),
            SRCMASK.def(),
            DSTMASK.def(),
            SIZE.def(),
            MAX.def(),
            GC_INTERVAL.def(),
            EXPIRE.def(),
            RATE_MATCH.def(),
            INTERVAL.def(),
        ],
        revisions: &[
            Revision::new(3, 312).private_from(304),
            Revision::new(2, 304).private_from(296),
            Revision::new(1, 56).private_from(48),
        ],
        doc: "matches as long as each source, destination or port comes no faster than the rate",
        cases: CASES,
        ..Spec::named("hashlimit")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let upto = args.get_neg(&UPTO, cx)?;
        let above = args.get_neg(&ABOVE, cx)?.map(|above| Neg { not: !above.not, ..above });
        let Some(Neg { not, value: rate }) = upto.or(above) else {
            return Err(own("You have to specify --hashlimit"));
        };
        let name = args.need(&NAME, cx)?;
        let given_burst = args.get(&BURST, cx)?;
        let unit = if let Rate::Packets(_, Unseen(unit)) = rate { unit } else { 1 };
        let given_interval = args.get(&INTERVAL, cx)?;
        let interval = given_interval.or(Interval::new(unit)).filter(|_| args.has(&RATE_MATCH));
        let burst = burst_of(given_burst, rate)?;
        let rate = if interval.is_some() { rate.of_interval()? } else { rate };
        let whole = PrefixLen(cx.family.bits());
        let seconds = rate.idle_seconds(burst, unit);
        Ok(Self(Box::new(Table {
            above: not,
            rate,
            burst,
            mode: args.get(&MODE, cx)?.unwrap_or(ModeSet(KeywordSet::EMPTY)),
            name,
            size: args.get(&SIZE, cx)?.unwrap_or(0),
            max: args.get(&MAX, cx)?.unwrap_or(0),
            gc_interval: args.get(&GC_INTERVAL, cx)?.unwrap_or(DEFAULT_GC),
            expire: args.get(&EXPIRE, cx)?.unwrap_or(seconds * 1000),
            srcmask: args.get(&SRCMASK, cx)?.unwrap_or(whole),
            dstmask: args.get(&DSTMASK, cx)?.unwrap_or(whole),
            interval,
            idle_interval: Unseen(given_interval.map_or(0, |i| i.0)),
        })))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let table = &*self.0;
        let whole = PrefixLen(w.family().bits());
        w.opt(if table.above { &ABOVE_PLAIN } else { &UPTO_PLAIN }, &table.rate);
        if table.has_burst() {
            w.name(false, BURST.def().name);
            w.bytes().push(b' ');
            table.push_burst(w.bytes());
        }
        w.opt_if(&MODE, Some(&table.mode).filter(|m| m.0.bits != 0));
        w.opt(&NAME, &table.name);
        w.opt_if(&SIZE, Some(&table.size).filter(|&&n| n != 0));
        w.opt_if(&MAX, Some(&table.max).filter(|&&n| n != 0));
        w.opt_if(&GC_INTERVAL, Some(&table.gc_interval).filter(|&&n| n != DEFAULT_GC));
        let idle = table.rate.idle_seconds(table.burst, table.rate.unit());
        w.opt_if(&EXPIRE, Some(&table.expire).filter(|&&n| n != idle * 1000));
        w.opt_if(&SRCMASK, Some(&table.srcmask).filter(|&&m| m != whole));
        w.opt_if(&DSTMASK, Some(&table.dstmask).filter(|&&m| m != whole));
        w.flag(&RATE_MATCH, table.interval.is_some());
        w.opt_if(&INTERVAL, table.interval.as_ref().filter(|i| i.0 != 1));
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let table = &*self.0;
        let rate = table.rate.a_second(table.interval);
        w.word("limit: ").raw(if table.above { "above " } else { "up to " }).value(&rate);
        if table.has_burst() {
            w.raw(" burst ");
            table.push_burst(w.bytes());
        }
        if table.mode.0.bits != 0 {
            w.raw(" mode ");
            table.mode.0.save_with(w.bytes(), "-");
        }
        let whole = w.family.bits();
        let idle = rate.idle_seconds(table.burst, rate.unit());
        let interval = table.interval.map_or(1, |i| i.0);
        let mut number = |word: &str, n: u32, default: u32| {
            if n != default {
                w.word(word).raw(" ").number(n);
            }
        };
        number("htable-size", table.size, 0);
        number("htable-max", table.max, 0);
        number("htable-gcinterval", table.gc_interval, DEFAULT_GC);
        number("htable-expire", table.expire, idle * 1000);
        number("srcmask", table.srcmask.0.into(), whole.into());
        number("dstmask", table.dstmask.0.into(), whole.into());
        if table.interval.is_some() {
            w.word("rate-match");
        }
        if interval != 1 {
            w.word("rate-interval ").number(interval);
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        match rev {
            3 => self.0.push_v3(out),
            2 => self.0.push_v2(out),
            _ => self.0.push_v1(out),
        }
    }

    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let table = match rev {
            3 => Table::read_v3(abi::read(bytes)?),
            2 => Table::read_v2(abi::read(bytes)?),
            _ => Table::read_v1(abi::read(bytes)?),
        };
        let fits = |table: &Table| table.srcmask.0.max(table.dstmask.0) <= cx.family.bits();
        table.filter(fits).map(|t| Self(Box::new(t))).ok_or(DecodeError::Unknown)
    }
}

impl Match for Hashlimit {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("how much of the hashlimit is used up is not known")
    }

    fn keeps(&self) -> Option<Keeps> {
        let table = &*self.0;
        Some(Keeps::Hashlimit(Box::new(keeps::HashBuckets {
            name: table.name.bytes().to_vec(),
            mode: table.mode_bits(),
            avg: table.rate.avg(SCALE)?,
            burst: table.burst,
            max: table.max,
            expire: table.expire,
            gc_interval: table.gc_interval,
            srcmask: table.srcmask.0,
            dstmask: table.dstmask.0,
            interval: table.interval.map_or(0, |i| i.0),
        })))
    }
}

/// The two options of a rate, to write it with its sense told by the option alone.
const UPTO_PLAIN: Opt<Rate> = Opt::new("hashlimit-upto", "");
const ABOVE_PLAIN: Opt<Rate> = Opt::new("hashlimit-above", "");

impl Table {
    fn has_burst(&self) -> bool {
        self.burst != 0 || matches!(self.rate, Rate::Packets(..))
    }

    /// COMPAT: upstream rounds a burst of bytes down to the longest unit, and may so save a smaller
    /// one; here the unit is the longest that says the same.
    fn push_burst(&self, out: &mut Vec<u8>) {
        let Rate::Bytes(rate) = self.rate else { return number::push_decimal(out, self.burst) };
        let second = rate.bytes().max(1);
        let bytes = second.saturating_mul(self.burst);
        push_bytes(out, bytes, |n| n >= second && n.div_ceil(second) == self.burst);
    }

    fn mode_bits(&self) -> u32 {
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        self.mode.0.bits
            | bit(self.above, INVERT)
            | bit(matches!(self.rate, Rate::Bytes(_)), BYTES)
            | bit(self.interval.is_some(), RATE_MATCHES)
    }

    fn push_v3(&self, out: &mut Vec<u8>) {
        let (Some(name), Some(avg)) = (abi::c_string(self.name.bytes()), self.rate.avg(SCALE))
        else {
            return;
        };
        let cfg = HashlimitCfg3 {
            avg,
            burst: self.burst,
            mode: self.mode_bits(),
            size: self.size,
            max: self.max,
            gc_interval: self.gc_interval,
            expire: self.expire,
            interval: self.interval.map_or(self.idle_interval.0, |i| i.0),
            srcmask: self.srcmask.0,
            dstmask: self.dstmask.0,
        };
        abi::push(out, XtHashlimitMtinfo3 { name, cfg, hinfo: 0 });
    }

    /// The second revision has no `--hashlimit-rate-match`.
    fn push_v2(&self, out: &mut Vec<u8>) {
        let (Some(name), Some(avg), None) =
            (abi::c_string(self.name.bytes()), self.rate.avg(SCALE), self.interval)
        else {
            return;
        };
        let cfg = HashlimitCfg2 {
            avg,
            burst: self.burst,
            mode: self.mode_bits(),
            size: self.size,
            max: self.max,
            gc_interval: self.gc_interval,
            expire: self.expire,
            srcmask: self.srcmask.0,
            dstmask: self.dstmask.0,
        };
        abi::push(out, XtHashlimitMtinfo2 { name, cfg, hinfo: 0 });
    }

    /// The first has shorter names and coarser rates besides.
    fn push_v1(&self, out: &mut Vec<u8>) {
        let narrow = |n: u64| u32::try_from(n).ok();
        let avg = self.rate.avg(SCALE_V1).and_then(narrow);
        let (Some(name), Some(avg), Some(burst), None) =
            (abi::c_string(self.name.bytes()), avg, narrow(self.burst), self.interval)
        else {
            return;
        };
        let cfg = HashlimitCfg1 {
            mode: self.mode_bits(),
            avg,
            burst,
            size: self.size,
            max: self.max,
            gc_interval: self.gc_interval,
            expire: self.expire,
            srcmask: self.srcmask.0,
            dstmask: self.dstmask.0,
        };
        abi::push(out, XtHashlimitMtinfo1 { name, cfg, hinfo: 0 });
    }

    fn read_v3(raw: XtHashlimitMtinfo3) -> Option<Self> {
        let cfg = raw.cfg;
        let mode = cfg.mode & !RATE_MATCHES;
        let plain = HashlimitCfg2 {
            avg: cfg.avg,
            burst: cfg.burst,
            mode,
            size: cfg.size,
            max: cfg.max,
            gc_interval: cfg.gc_interval,
            expire: cfg.expire,
            srcmask: cfg.srcmask,
            dstmask: cfg.dstmask,
        };
        let table = Self::read(&raw.name, &plain, SCALE)?;
        if cfg.mode & RATE_MATCHES == 0 {
            return Some(Self { idle_interval: Unseen(cfg.interval), ..table });
        }
        let interval = Some(Interval::new(cfg.interval.into())?);
        (table.rate.unit() == 1).then_some(Self { interval, ..table })
    }

    fn read_v2(raw: XtHashlimitMtinfo2) -> Option<Self> {
        Self::read(&raw.name, &raw.cfg, SCALE)
    }

    fn read_v1(raw: XtHashlimitMtinfo1) -> Option<Self> {
        let cfg = HashlimitCfg2 {
            avg: raw.cfg.avg.into(),
            burst: raw.cfg.burst.into(),
            mode: raw.cfg.mode,
            size: raw.cfg.size,
            max: raw.cfg.max,
            gc_interval: raw.cfg.gc_interval,
            expire: raw.cfg.expire,
            srcmask: raw.cfg.srcmask,
            dstmask: raw.cfg.dstmask,
        };
        Self::read(&raw.name, &cfg, SCALE_V1)
    }

    fn read(name: &[u8], cfg: &HashlimitCfg2, scale: u64) -> Option<Self> {
        let bytes = cfg.mode & BYTES != 0;
        let rate = Rate::from_avg(cfg.avg, bytes, scale)?;
        let longest =
            if let Rate::Bytes(rate) = rate { u64::MAX / rate.bytes() } else { MAX_BURST };
        let least = u64::from(!bytes);
        (least..=longest).contains(&cfg.burst).then_some(())?;
        Some(Self {
            above: cfg.mode & INVERT != 0,
            rate,
            burst: cfg.burst,
            mode: KeywordSet::from_bits(cfg.mode & !(INVERT | BYTES)).map(ModeSet)?,
            name: Name::new(abi::c_text(name))?,
            size: cfg.size,
            max: cfg.max,
            gc_interval: cfg.gc_interval,
            expire: cfg.expire,
            srcmask: PrefixLen(cfg.srcmask),
            dstmask: PrefixLen(cfg.dstmask),
            interval: None,
            idle_interval: Unseen(0),
        })
    }
}

const CASES: &[spec::Case] = &[
    (
        "--hashlimit 1/s --hashlimit-name x",
        Some("--hashlimit-upto 1/sec --hashlimit-burst 5 --hashlimit-name x"),
    ),
    (
        "! --hashlimit-above 60/min --hashlimit-mode dstport,srcip --hashlimit-name x",
        Some(
            "--hashlimit-upto 1/sec --hashlimit-burst 5 --hashlimit-mode srcip,dstport \
             --hashlimit-name x --hashlimit-htable-expire 60000",
        ),
    ),
    (
        "--hashlimit-above 7/hour --hashlimit-name x --hashlimit-rate-match",
        Some(
            "--hashlimit-above 7/sec --hashlimit-burst 5 --hashlimit-name x \
             --hashlimit-htable-expire 3600000 --hashlimit-rate-match --hashlimit-rate-interval 3600",
        ),
    ),
    (
        "--hashlimit-above 60/min --hashlimit-mode srcip,, --hashlimit-name x --hashlimit-rate-match",
        Some(
            "--hashlimit-above 60/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name x \
             --hashlimit-htable-expire 60000 --hashlimit-rate-match --hashlimit-rate-interval 60",
        ),
    ),
    ("--hashlimit-above 1500000/min --hashlimit-name x --hashlimit-rate-match", None),
    (
        "--hashlimit-above 512kb/s --hashlimit-burst 1mb --hashlimit-name x",
        Some("--hashlimit-above 512kb/s --hashlimit-burst 1mb --hashlimit-name x"),
    ),
    (
        "--hashlimit-upto 16b/s --hashlimit-burst 1600 --hashlimit-name x",
        Some("--hashlimit-upto 16b/s --hashlimit-burst 1600b --hashlimit-name x"),
    ),
    ("--hashlimit-upto 1/s", None),
    ("--hashlimit-name x", None),
    ("--hashlimit-upto 1000001/s --hashlimit-name x", None),
    ("--hashlimit-upto 1kb/m --hashlimit-name x", None),
    ("--hashlimit-upto 15b/s --hashlimit-name x", None),
    ("--hashlimit-upto 1mb/s --hashlimit-burst 100 --hashlimit-name x", None),
    ("--hashlimit-upto 1/s --hashlimit-above 1/s --hashlimit-name x", None),
    ("--hashlimit-upto 1/s --hashlimit-name x --hashlimit-rate-interval 0", None),
];

abi! {
    /// `struct hashlimit_cfg1` (linux/netfilter/xt_hashlimit.h).
    struct HashlimitCfg1[32] {
        mode: u32 = 0,
        avg: u32 = 4,
        burst: u32 = 8,
        size: u32 = 12,
        max: u32 = 16,
        gc_interval: u32 = 20,
        expire: u32 = 24,
        srcmask: u8 = 28,
        dstmask: u8 = 29,
    }
}

abi! {
    /// `struct hashlimit_cfg2`.
    struct HashlimitCfg2[40] {
        avg: u64 = 0,
        burst: u64 = 8,
        mode: u32 = 16,
        size: u32 = 20,
        max: u32 = 24,
        gc_interval: u32 = 28,
        expire: u32 = 32,
        srcmask: u8 = 36,
        dstmask: u8 = 37,
    }
}

abi! {
    /// `struct hashlimit_cfg3`.
    struct HashlimitCfg3[48] {
        avg: u64 = 0,
        burst: u64 = 8,
        mode: u32 = 16,
        size: u32 = 20,
        max: u32 = 24,
        gc_interval: u32 = 28,
        expire: u32 = 32,
        interval: u32 = 36,
        srcmask: u8 = 40,
        dstmask: u8 = 41,
    }
}

abi! {
    /// `struct xt_hashlimit_mtinfo1`; `hinfo` is a pointer of the kernel's.
    struct XtHashlimitMtinfo1[56] { name: [u8; 16] = 0, cfg: HashlimitCfg1 = 16, hinfo: u64 = 48 }
}

abi! {
    /// `struct xt_hashlimit_mtinfo2`.
    struct XtHashlimitMtinfo2[304] { name: [u8; 255] = 0, cfg: HashlimitCfg2 = 256, hinfo: u64 = 296 }
}

abi! {
    /// `struct xt_hashlimit_mtinfo3`.
    struct XtHashlimitMtinfo3[312] { name: [u8; 255] = 0, cfg: HashlimitCfg3 = 256, hinfo: u64 = 304 }
}
