//! The packet sent to a program that listens to a netlink group (kernel
//! `net/netfilter/xt_NFLOG.c:nflog_tg`, `net/netfilter/nft_log.c`).

use crate::abi::{self, abi};
use crate::value::Text;
use crate::*;
use oxtables_wire::nft::expr::{self, Log};
use std::hash::Hasher;

/// The native field is 128 bytes with its NUL (`NF_LOG_PREFIXLEN`), that of the struct 64.
const PREFIX_LEN: usize = 127;
const INFO_PREFIX_LEN: usize = 63;
/// `XT_NFLOG_F_COPY_LEN`: `len` counts.
const COPY_LEN: u16 = 1;

const GROUP: Opt<u16> = Opt::new("nflog-group", "the netlink group").within(0, 65535);
const PREFIX: Opt<Prefix> = Opt::new("nflog-prefix", "what the program is told about the rule");
const RANGE: Opt<u32> = Opt::new("nflog-range", "without effect; see --nflog-size")
    .within(0, u32::MAX as u64)
    .excludes(&["nflog-size"]);
const SIZE: Opt<u32> =
    Opt::new("nflog-size", "how many bytes of the packet are sent").within(0, u32::MAX as u64);
const THRESHOLD: Opt<u16> =
    Opt::new("nflog-threshold", "how many packets are sent at once").within(0, 65535);

/// `-j NFLOG`.
#[derive(Clone, Debug)]
pub struct Nflog {
    /// The group.
    pub group: u16,
    /// What the program is told.
    pub prefix: Prefix,
    /// How many bytes are sent; `None`: as many as the program wants.
    pub size: Option<u32>,
    /// How many packets are sent at once; 0: as many as the program wants.
    pub threshold: u16,
    /// What `--nflog-range` said. Nothing looks at it: native expressions have no place for it, and
    /// two rules that differ in nothing else are equal.
    range: u32,
}

impl Nflog {
    const fn counts(&self) -> (u16, &Prefix, Option<u32>, u16) {
        (self.group, &self.prefix, self.size, self.threshold)
    }
}

impl PartialEq for Nflog {
    fn eq(&self, other: &Self) -> bool {
        self.counts() == other.counts()
    }
}

impl Eq for Nflog {}

impl Hash for Nflog {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.counts().hash(state);
    }
}

/// COMPAT: a prefix of more than 127 bytes (in the legacy tables 63) is cut there, as upstream cuts
/// it: it only labels.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Prefix(Text<PREFIX_LEN>);

impl Prefix {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Value for Prefix {
    const SYNTAX: &'static str = "text";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word.is_empty() {
            return Err(ValueError::Empty);
        }
        if word.contains(&b'\n') {
            return Err(ValueError::Own("Newlines not allowed in --log-prefix"));
        }
        let cut = word.get(..PREFIX_LEN).unwrap_or(word);
        Text::new(cut).map(Self).ok_or(ValueError::Bad)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut oxtables_base::sample::Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<PREFIX_LEN>::sample(rng, cx)
    }
}

impl Extension for Nflog {
    const SPEC: Spec = Spec {
        options: &[GROUP.def(), PREFIX.def(), RANGE.def(), SIZE.def(), THRESHOLD.def()],
        revisions: &[Revision::new(0, 80)],
        doc: "sends the packet to a program that logs, and goes on with the next rule",
        cases: &[
            ("", Some("")),
            ("--nflog-group 0 --nflog-threshold 0", Some("")),
            (
                "--nflog-threshold 2 --nflog-size 0 --nflog-group 5 --nflog-prefix \"a b\"",
                Some("--nflog-prefix \"a b\" --nflog-group 5 --nflog-size 0 --nflog-threshold 2"),
            ),
            ("--nflog-group 65536", None),
            ("--nflog-prefix \"\"", None),
            ("--nflog-size 5 --nflog-range 5", None),
        ],
        ..Spec::named("NFLOG")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let range = args.get(&RANGE, cx)?;
        if range.is_some() {
            cx.host.warn(
                "warn: --nflog-range has never worked and is no longer supported, \
                 please use --nflog-size instead",
            );
        }
        Ok(Self {
            group: args.get(&GROUP, cx)?.unwrap_or(0),
            prefix: args.get(&PREFIX, cx)?.unwrap_or_default(),
            size: args.get(&SIZE, cx)?,
            threshold: args.get(&THRESHOLD, cx)?.unwrap_or(0),
            range: range.unwrap_or(0),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let given = |n| (n != 0).then_some(n);
        w.opt_if(&PREFIX, Some(&self.prefix).filter(|p| !p.bytes().is_empty()));
        w.opt_if(&GROUP, given(self.group).as_ref());
        w.opt_if(&RANGE, (self.range != 0).then_some(&self.range));
        w.opt_if(&SIZE, self.size.as_ref());
        w.opt_if(&THRESHOLD, given(self.threshold).as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        if !self.prefix.bytes().is_empty() {
            w.word("nflog-prefix ").value(&self.prefix);
        }
        let numbers = [
            ("nflog-group ", (self.group != 0).then_some(u32::from(self.group))),
            ("nflog-range ", (self.range != 0).then_some(self.range)),
            ("nflog-size ", self.size),
            ("nflog-threshold ", (self.threshold != 0).then_some(u32::from(self.threshold))),
        ];
        for (word, number) in numbers {
            if let Some(number) = number {
                w.word(word).number(number);
            }
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let prefix = self.prefix.bytes();
        let cut = prefix.get(..INFO_PREFIX_LEN).unwrap_or(prefix);
        let raw = XtNflogInfo {
            len: self.size.unwrap_or(self.range),
            group: self.group,
            threshold: self.threshold,
            flags: if self.size.is_some() { COPY_LEN } else { 0 },
            pad: 0,
            prefix: abi::c_string(cut).unwrap_or([0; 64]),
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtNflogInfo = abi::read(bytes)?;
        let prefix = abi::c_text(&raw.prefix);
        let counts = raw.flags & COPY_LEN != 0;
        Ok(Self {
            group: raw.group,
            prefix: Prefix(Text::new(prefix).ok_or(DecodeError::Unknown)?),
            size: counts.then_some(raw.len),
            threshold: raw.threshold,
            range: if counts { 0 } else { raw.len },
        })
    }

    fn lower(&self, w: &mut Writer, _cx: &NativeCx) -> bool {
        let prefix = self.prefix.bytes();
        let log = Log {
            group: Some(self.group),
            prefix: (!prefix.is_empty()).then_some(prefix),
            snaplen: self.size,
            qthreshold: (self.threshold != 0).then_some(self.threshold),
            ..Log::default()
        };
        expr::log(w, &log);
        true
    }

    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        let [Item::Log(log @ Log { group: Some(group), level: None, flags: None, .. }), ..] = items
        else {
            return None;
        };
        let value = Self {
            group: *group,
            prefix: Prefix(Text::new(log.prefix.unwrap_or_default())?),
            size: log.snaplen,
            threshold: log.qthreshold.unwrap_or(0),
            range: 0,
        };
        Some((value, 1))
    }

    fn effect(&self) -> Effect {
        Effect::Report { group: self.group, prefix: self.prefix.bytes().to_vec() }
    }
}

abi! {
    /// `struct xt_nflog_info` (linux/netfilter/xt_NFLOG.h).
    struct XtNflogInfo[76] {
        len: u32 = 0,
        group: u16 = 4,
        threshold: u16 = 6,
        flags: u16 = 8,
        pad: u16 = 10,
        prefix: [u8; 64] = 12,
    }
}
