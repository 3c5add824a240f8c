//! The packet handed to a program that decides (kernel `net/netfilter/xt_NFQUEUE.c:nfqueue_tg_v3`).

use crate::abi::{self, abi};
use crate::value::{Flag, NumRange};
use crate::*;
use oxtables_base::sample::Rng;

/// `NFQ_FLAG_BYPASS`, `NFQ_FLAG_CPU_FANOUT` (linux/netfilter/xt_NFQUEUE.h).
const BYPASS_BIT: u16 = 1;
const CPU_FANOUT_BIT: u16 = 2;

const NUM: Opt<u16> =
    Opt::new("queue-num", "the queue").within(0, 65535).excludes(&["queue-balance"]);
const BALANCE: Opt<Queues> =
    Opt::new("queue-balance", "the queues that connections are spread over")
        .excludes(&["queue-num"]);
const BYPASS: Opt<Flag> = Opt::new("queue-bypass", "accept when no program listens");
const CPU_FANOUT: Opt<Flag> =
    Opt::new("queue-cpu-fanout", "choose the queue by the processor").also(&["queue-balance"]);

/// `-j NFQUEUE`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Nfqueue {
    /// The queue, or those to choose from.
    pub queues: Queues,
    /// Whether packets are accepted when no program listens.
    pub bypass: bool,
    /// Whether the processor chooses the queue, and not the connection.
    pub cpu_fanout: bool,
}

/// The queues of `lo..=hi`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Queues(pub NumRange<u16>);

impl Value for Queues {
    const SYNTAX: &'static str = "first:last";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let Some(colon) = first.iter().position(|&c| c == b':') else {
            return Err((first, ValueError::Own("Bad range \"%\"")));
        };
        let option = OptDef { range: Some((0, 65534)), ..*cx.option };
        let range = NumRange::parse_words(first, second, &ValueCx { option: &option, ..*cx })?;
        if range.lo == range.hi {
            let (lo, hi) = first.split_at(colon);
            let number = if lo.is_empty() { hi.get(1..).unwrap_or_default() } else { lo };
            return Err((number, ValueError::Own("% should be less than %")));
        }
        Ok(Self(range))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let lo = rng.within(0, 65533);
        format!("{lo}:{}", rng.within(lo + 1, 65534)).into_bytes()
    }
}

impl Nfqueue {
    fn total(&self) -> Option<u16> {
        let NumRange { lo, hi } = self.queues.0;
        hi.checked_sub(lo)?.checked_add(1)
    }
}

impl Extension for Nfqueue {
    const SPEC: Spec = Spec {
        options: &[NUM.def(), BALANCE.def(), BYPASS.def(), CPU_FANOUT.def()],
        revisions: &[
            Revision::new(3, 8),
            Revision::new(2, 8),
            Revision::new(1, 8),
            Revision::new(0, 8),
        ],
        doc: "hands the packet to a program that decides about it",
        cases: &[
            ("", Some("--queue-num 0")),
            ("--queue-num 65535 --queue-bypass", Some("--queue-num 65535 --queue-bypass")),
            ("--queue-balance 1:", Some("--queue-balance 1:65534")),
            (
                "--queue-cpu-fanout --queue-balance 1:4",
                Some("--queue-balance 1:4 --queue-cpu-fanout"),
            ),
            ("--queue-balance 5", None),
            ("--queue-balance 5:5", None),
            ("--queue-balance 0:65535", None),
            ("--queue-num 1 --queue-balance 1:2", None),
            ("--queue-num 1 --queue-cpu-fanout", None),
        ],
        ..Spec::named("NFQUEUE")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let one = args.get(&NUM, cx)?.unwrap_or(0);
        let one = Queues(NumRange { lo: one, hi: one });
        Ok(Self {
            queues: args.get(&BALANCE, cx)?.unwrap_or(one),
            bypass: args.has(&BYPASS),
            cpu_fanout: args.has(&CPU_FANOUT),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let NumRange { lo, hi } = self.queues.0;
        if lo == hi {
            w.opt(&NUM, &lo);
        } else {
            w.opt(&BALANCE, &self.queues);
        }
        w.flag(&BYPASS, self.bypass);
        w.flag(&CPU_FANOUT, self.cpu_fanout);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let one = self.queues.0.lo == self.queues.0.hi;
        w.word(if one { "NFQUEUE num " } else { "NFQUEUE balance " }).value(&self.queues);
        w.raw(if self.bypass { " bypass" } else { "" });
        w.raw(if self.cpu_fanout { " cpu-fanout" } else { "" });
    }

    /// Revision 2 has no processor's choice, 1 no bypass either, 0 one queue only.
    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Some(queues_total) = self.total() else { return };
        let fits = match rev {
            0 => queues_total == 1 && !self.bypass && !self.cpu_fanout,
            1 => !self.bypass && !self.cpu_fanout,
            2 => !self.cpu_fanout,
            _ => true,
        };
        if !fits {
            return;
        }
        let bypass = if self.bypass { BYPASS_BIT } else { 0 };
        let fanout = if self.cpu_fanout { CPU_FANOUT_BIT } else { 0 };
        let queues_total = if rev == 0 { 0 } else { queues_total };
        let queuenum = self.queues.0.lo;
        abi::push(out, XtNfqInfoV3 { queuenum, queues_total, flags: bypass | fanout });
        out.extend_from_slice(&[0; 2]);
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let XtNfqInfoV3 { queuenum, queues_total, flags } = abi::read(bytes)?;
        let total = if rev == 0 { 1 } else { queues_total };
        let more = total.checked_sub(1).ok_or(DecodeError::Unknown)?;
        let hi = queuenum.checked_add(more).ok_or(DecodeError::Unknown)?;
        let cpu_fanout = flags & CPU_FANOUT_BIT != 0;
        // What the options cannot say: 65535 as the last of several, and a choice among one.
        if more > 0 && hi == u16::MAX || more == 0 && cpu_fanout {
            return Err(DecodeError::Unknown);
        }
        let queues = Queues(NumRange { lo: queuenum, hi });
        Ok(Self { queues, bypass: flags & BYPASS_BIT != 0, cpu_fanout })
    }

    fn effect(&self) -> Effect {
        Effect::Queue(self.queues.0.lo, self.queues.0.hi)
    }
}

abi! {
    /// `struct xt_NFQ_info_v3` (linux/netfilter/xt_NFQUEUE.h); those of revisions 2, 1 and 0 are its
    /// beginnings, `flags` being `bypass` in revision 2.
    struct XtNfqInfoV3[6] { queuenum: u16 = 0, queues_total: u16 = 2, flags: u16 = 4 }
}
