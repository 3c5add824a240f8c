//! A line in the kernel's log (kernel `net/netfilter/xt_LOG.c:log_tg`).

use crate::abi::{self, abi};
use crate::value::{Flag, Keyword, Keywords, Text};
use crate::*;

/// The field is 30 bytes with its NUL.
const PREFIX_LEN: usize = 29;
/// The level of a rule that names none.
const WARNING: u32 = 4;

const LEVEL: Opt<Keyword<Levels>> = Opt::new("log-level", "how urgent the line is");
const PREFIX: Opt<Prefix> = Opt::new("log-prefix", "what the line begins with");
const TCP_SEQUENCE: Opt<Flag> = Opt::new("log-tcp-sequence", "the TCP sequence numbers too");
const TCP_OPTIONS: Opt<Flag> = Opt::new("log-tcp-options", "the TCP options too");
const IP_OPTIONS: Opt<Flag> = Opt::new("log-ip-options", "the IP options too");
const UID: Opt<Flag> = Opt::new("log-uid", "the user who owns the local socket too");
const MACDECODE: Opt<Flag> = Opt::new("log-macdecode", "the hardware addresses taken apart");

/// The words of a listing for the levels, which are not those that are typed.
const LISTED_LEVELS: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// The flags in the order saved, with their bits (`XT_LOG_*`, linux/netfilter/xt_LOG.h).
const FLAGS: [(&Opt<Flag>, u8); 5] = [
    (&TCP_SEQUENCE, 0x01),
    (&TCP_OPTIONS, 0x02),
    (&IP_OPTIONS, 0x04),
    (&UID, 0x08),
    (&MACDECODE, 0x20),
];

/// `-j LOG`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Log {
    /// The level.
    pub level: Keyword<Levels>,
    /// What the line begins with.
    pub prefix: Prefix,
    /// `XT_LOG_*`.
    pub flags: u8,
}

/// The levels of `syslog(3)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Levels;

impl Keywords for Levels {
    const WORDS: &'static [(&'static str, u32)] = &[
        ("emerg", 0),
        ("panic", 0),
        ("alert", 1),
        ("crit", 2),
        ("error", 3),
        ("warning", 4),
        ("notice", 5),
        ("info", 6),
        ("debug", 7),
    ];
    const SYNTAX: &'static str = "level";
    const UNKNOWN: Option<&'static str> = Some("log level \"%\" unknown\n");
    const NUMERIC: Option<(u64, u64)> = Some((0, 7));
}

/// COMPAT: a prefix of more than 29 bytes is cut there, as upstream cuts it: it only labels.
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
            return Err(ValueError::Own("Argument must have a minimum length of 1 characters"));
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

impl Extension for Log {
    const SPEC: Spec = Spec {
        options: &[
            LEVEL.def(),
            PREFIX.def(),
            TCP_SEQUENCE.def(),
            TCP_OPTIONS.def(),
            IP_OPTIONS.def(),
            UID.def(),
            MACDECODE.def(),
        ],
        revisions: &[Revision::new(0, 32)],
        doc: "writes a line about the packet to the kernel's log, and goes on with the next rule",
        cases: &[
            ("", Some("")),
            ("--log-prefix hello", Some("--log-prefix hello")),
            ("--log-level warn", None),
            ("--log-level debug", Some("--log-level 7")),
            ("--log-level 4", Some("")),
            ("--log-uid --log-ip-options", Some("--log-ip-options --log-uid")),
            ("--log-level 8", None),
        ],
        ..Spec::named("LOG")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            level: args.get(&LEVEL, cx)?.unwrap_or(Keyword::of(WARNING)),
            prefix: args.get(&PREFIX, cx)?.unwrap_or_default(),
            flags: args.bits(FLAGS),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        if !self.prefix.bytes().is_empty() {
            w.opt(&PREFIX, &self.prefix);
        }
        if self.level.number != WARNING {
            w.name(false, LEVEL.def().name);
            w.value(&self.level.number);
        }
        for (opt, bit) in FLAGS {
            w.flag(opt, self.flags & bit != 0);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        if w.numeric {
            w.word("LOG flags ").number(self.flags).raw(" level ").number(self.level.number);
        } else {
            w.word("LOG level ").raw(LISTED_LEVELS.get(self.level.index()).unwrap_or(&""));
            for (opt, _) in FLAGS.iter().filter(|&&(_, bit)| self.flags & bit != 0) {
                w.word(opt.def().name.trim_start_matches("log-"));
            }
        }
        if !self.prefix.bytes().is_empty() {
            w.word("prefix \"").bytes().extend_from_slice(self.prefix.bytes());
            w.raw("\"");
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let level = u8::try_from(self.level.number).unwrap_or(7);
        let prefix = abi::c_string(self.prefix.bytes()).unwrap_or([0; 30]);
        abi::push(out, XtLogInfo { level, logflags: self.flags, prefix });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtLogInfo = abi::read(bytes)?;
        let known = signs::all(FLAGS.map(|(_, bit)| bit));
        if raw.logflags & !known != 0 {
            return Err(DecodeError::Unknown);
        }
        Ok(Self {
            level: Keyword::from_number(raw.level.into()).ok_or(DecodeError::Unknown)?,
            prefix: Prefix(Text::new(abi::c_text(&raw.prefix)).ok_or(DecodeError::Unknown)?),
            flags: raw.logflags,
        })
    }

    fn effect(&self) -> Effect {
        Effect::Log { prefix: self.prefix.bytes().to_vec() }
    }
}

abi! {
    /// `struct xt_log_info` (linux/netfilter/xt_LOG.h).
    struct XtLogInfo[32] { level: u8 = 0, logflags: u8 = 1, prefix: [u8; 30] = 2 }
}
