//! Chunks of SCTP: which of them, and what flags they carry.

use crate::abi::abi;
use crate::args::Arity;
use crate::value::{Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;
use oxtables_packet::{Missing, SctpChunk};

/// How many chunks the kernel's struct can look at the flags of.
pub(super) const FLAG_SLOTS: usize = 4;

/// Types with their names and the letters of their flags, the lowest bit last. Upstream's order,
/// with the last ones sorted by number, as they are saved.
const TYPES: [(&str, u8, &str); 22] = [
    ("DATA", 0, "IUBE"),
    ("INIT", 1, ""),
    ("INIT_ACK", 2, ""),
    ("SACK", 3, ""),
    ("HEARTBEAT", 4, ""),
    ("HEARTBEAT_ACK", 5, ""),
    ("ABORT", 6, "T"),
    ("SHUTDOWN", 7, ""),
    ("SHUTDOWN_ACK", 8, ""),
    ("ERROR", 9, ""),
    ("COOKIE_ECHO", 10, ""),
    ("COOKIE_ACK", 11, ""),
    ("ECN_ECNE", 12, ""),
    ("ECN_CWR", 13, ""),
    ("SHUTDOWN_COMPLETE", 14, "T"),
    ("I_DATA", 64, "IUBE"),
    ("ASCONF_ACK", 128, ""),
    ("RE_CONFIG", 130, ""),
    ("PAD", 132, ""),
    ("FORWARD_TSN", 192, ""),
    ("ASCONF", 193, ""),
    ("I_FORWARD_TSN", 194, ""),
];

/// How the chunks of a packet are compared with those named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) enum Which {
    /// One of them is there.
    #[default]
    Any,
    /// All of them are there.
    All,
    /// No others are there.
    Only,
}

impl Which {
    const WORDS: [(Self, &'static str, u32); 3] =
        [(Self::Any, "any", 1), (Self::All, "all", 2), (Self::Only, "only", 4)];

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(which, ..)| *which == self).map_or("", |(_, word, _)| word)
    }

    /// `SCTP_CHUNK_MATCH_*`.
    pub(super) fn number(self) -> u32 {
        Self::WORDS.iter().find(|(which, ..)| *which == self).map_or(0, |&(_, _, n)| n)
    }

    /// The inverse of [`Self::number`].
    pub(super) fn from_number(number: u32) -> Option<Self> {
        Self::WORDS.iter().find(|&&(.., n)| n == number).map(|&(which, ..)| which)
    }
}

/// Chunks by type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(in crate::matches) struct Chunks {
    which: Which,
    /// A bit a type.
    map: [u32; 8],
    /// `ALL` was named, which is more than every type: the kernel's map has room for more.
    all: bool,
    /// At most [`FLAG_SLOTS`], in the order of the kernel's struct; none with `mask` 0.
    flags: Box<[FlagInfo]>,
}

abi! {
    /// `struct xt_sctp_flag_info` (linux/netfilter/xt_sctp.h).
    #[derive(Hash)]
    struct FlagInfo[3] { chunktype: u8 = 0, flag: u8 = 1, flag_mask: u8 = 2 }
}

impl FlagInfo {
    /// A slot without a chunk, as upstream fills it.
    pub(super) const UNUSED: Self = Self { chunktype: 0xff, flag: 0, flag_mask: 0 };
}

fn bit(kind: u8) -> (usize, u32) {
    (usize::from(kind / 32), 1 << (kind % 32))
}

impl Chunks {
    /// Chunks as the kernel has them; `None` when they cannot be written down.
    pub(super) fn from_parts(
        which: Which,
        map: [u32; 8],
        all: bool,
        flags: &[FlagInfo],
    ) -> Option<Self> {
        let chunks = Self { which, map, all, flags: flags.into() };
        let named = TYPES.iter().fold([0u32; 8], |mut named, &(_, kind, _)| {
            let (word, bit) = bit(kind);
            if let Some(word) = named.get_mut(word) {
                *word |= bit;
            }
            named
        });
        let in_range = map.iter().zip(named).all(|(have, named)| all || have & !named == 0);
        let whole = !all || (map == [u32::MAX; 8] && flags.is_empty());
        let flags_named = flags.iter().enumerate().all(|(i, f)| {
            let letters = TYPES.iter().find(|&&(_, kind, _)| kind == f.chunktype);
            let room = letters.map_or(0, |(.., letters)| letters.len());
            let first = flags.iter().position(|g| g.chunktype == f.chunktype) == Some(i);
            let clean = f.flag & !f.flag_mask == 0 && f.flag_mask >> room == 0;
            chunks.has(f.chunktype) && first && clean && f.flag_mask != 0
        });
        (in_range && whole && flags_named).then_some(chunks)
    }

    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    pub(super) fn which(&self) -> Which {
        self.which
    }

    pub(super) fn map(&self) -> [u32; 8] {
        self.map
    }

    pub(super) fn flags(&self) -> &[FlagInfo] {
        &self.flags
    }

    fn has(&self, kind: u8) -> bool {
        let (word, bit) = bit(kind);
        self.map.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn flags_of(&self, kind: u8) -> Option<&FlagInfo> {
        self.flags.iter().find(|f| f.chunktype == kind)
    }

    /// `any DATA:Be,INIT`, or `any 0x0000:Be,0x0001`.
    pub(super) fn write(&self, out: &mut Vec<u8>, numeric: bool) {
        out.extend_from_slice(self.which.word().as_bytes());
        out.push(b' ');
        if self.all || self.map == [0; 8] {
            out.extend_from_slice(if self.all { b"ALL" } else { b"NONE" });
            return;
        }
        let there = TYPES.iter().filter(|&&(_, kind, _)| self.has(kind));
        for (i, &(name, kind, letters)) in there.enumerate() {
            if i > 0 {
                out.push(b',');
            }
            match numeric {
                true => out.extend_from_slice(format!("0x{kind:04X}").as_bytes()),
                false => out.extend_from_slice(name.as_bytes()),
            }
            let Some(info) = self.flags_of(kind) else { continue };
            out.push(b':');
            for (n, letter) in letters.bytes().rev().enumerate().rev() {
                if info.flag_mask & 1 << n != 0 {
                    let wanted = info.flag & 1 << n != 0;
                    out.push(if wanted { letter } else { letter.to_ascii_lowercase() });
                }
            }
        }
    }

    /// Adds `NAME` or `NAME:FLAGS`.
    fn add<'w>(
        &mut self,
        part: &'w [u8],
        flags: &mut Vec<FlagInfo>,
    ) -> Result<(), (&'w [u8], ValueError)> {
        let mut pieces = part.splitn(2, |&c| c == b':');
        let name = pieces.next().unwrap_or_default();
        let known = TYPES.iter().find(|(n, ..)| n.as_bytes().eq_ignore_ascii_case(name));
        let Some(&(_, kind, letters)) = known else {
            return Err((name, ValueError::Own("Unknown sctp chunk `%'")));
        };
        let (word, bit) = bit(kind);
        if let Some(word) = self.map.get_mut(word) {
            *word |= bit;
        }
        for c in pieces.next().unwrap_or_default() {
            let place = letters.bytes().rev().position(|l| l.eq_ignore_ascii_case(c));
            let invalid = ValueError::OwnNumber("Invalid flags for chunk type %", kind.into());
            let bit = 1u8 << place.ok_or((part, invalid))?;
            if !flags.iter().any(|f| f.chunktype == kind) {
                flags.push(FlagInfo { chunktype: kind, ..FlagInfo::UNUSED });
            }
            if let Some(info) = flags.iter_mut().find(|f| f.chunktype == kind) {
                info.flag_mask |= bit;
                info.flag |= if c.is_ascii_uppercase() { bit } else { 0 };
            }
        }
        Ok(())
    }

    /// Whether the chunks of a packet fit: `match_packet`.
    pub(super) fn fit(
        &self,
        chunks: impl Iterator<Item = Result<SctpChunk, Missing>>,
    ) -> Result<bool, Missing> {
        let mut left = self.map;
        for chunk in chunks {
            let SctpChunk { kind, flags, .. } = chunk?;
            let there = self.has(kind);
            let flags_fit = self.flags_of(kind).is_none_or(|f| flags & f.flag_mask == f.flag);
            match self.which {
                Which::Any if there && flags_fit => return Ok(true),
                Which::Only if !(there && flags_fit) => return Ok(false),
                Which::All if there && flags_fit => {
                    let (word, bit) = bit(kind);
                    if let Some(word) = left.get_mut(word) {
                        *word &= !bit;
                    }
                }
                _ => (),
            }
        }
        Ok(match self.which {
            Which::Any => false,
            Which::Only => true,
            // The kernel's map has bits beyond all types, which nothing clears.
            Which::All => left == [0; 8] && !self.all,
        })
    }
}

/// COMPAT: upstream writes the flags of `I_DATA` under the number 15, where they have no effect, and
/// does not save them; here they are those of `I_DATA`, and saved.
impl Value for Chunks {
    const SYNTAX: &'static str = "all|any|only chunk[:flags][,chunk[:flags]...]";
    const ARITY: Arity = Arity::Two;

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let which = Which::WORDS.iter().find(|(_, w, _)| w.as_bytes().eq_ignore_ascii_case(word));
        let bad = "Match type has to be one of \"ALL\", \"ANY\" or \"ONLY\"";
        let &(which, ..) = which.ok_or(ValueError::Own(bad))?;
        Ok(Self { which, ..Self::default() })
    }

    fn parse_words<'w>(
        first: &'w [u8],
        second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let mut chunks = Self::parse(first, cx).map_err(|e| (first, e))?;
        if second.eq_ignore_ascii_case(b"ALL") {
            return Ok(Self { map: [u32::MAX; 8], all: true, ..chunks });
        }
        if second.eq_ignore_ascii_case(b"NONE") {
            return Ok(chunks);
        }
        let mut flags = Vec::new();
        // COMPAT: as upstream, nothing between two commas is no chunk.
        for part in second.split(|&c| c == b',').filter(|part| !part.is_empty()) {
            chunks.add(part, &mut flags)?;
        }
        flags.sort_by_key(|f| f.chunktype);
        Ok(Self { flags: flags.into(), ..chunks })
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.write(out, false);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let which = rng.pick(&Which::WORDS).map_or("any", |(_, word, _)| word);
        let mut names: Vec<String> = Vec::new();
        for (name, _, letters) in TYPES {
            if !rng.one_in(5) {
                continue;
            }
            let flags: String = letters.chars().filter(|_| rng.one_in(2)).collect();
            let flags = if rng.one_in(2) { flags.to_lowercase() } else { flags };
            names.push(if flags.is_empty() { name.to_owned() } else { format!("{name}:{flags}") });
        }
        if names.is_empty() {
            names.push(if rng.one_in(2) { "ALL" } else { "NONE" }.to_owned());
        }
        format!("{which} {}", names.join(",")).into_bytes()
    }
}
