//! Addresses seen lately (kernel `net/netfilter/xt_recent.c:recent_mt`).

use crate::abi::{self, InetAddr, abi};
use crate::value::{Flag, Name, UnionMask, Unseen};
use crate::*;

const SET: Opt<Neg<Flag>> =
    Opt::neg("set", "put the address in the list").excludes(&["rcheck", "update", "remove"]);
const RCHECK: Opt<Neg<Flag>> =
    Opt::neg("rcheck", "the address is in the list").excludes(&["update", "remove"]);
const UPDATE: Opt<Neg<Flag>> =
    Opt::neg("update", "the same, and note that it was seen again").excludes(&["remove"]);
const REMOVE: Opt<Neg<Flag>> = Opt::neg("remove", "the same, and take it off the list");
const SECONDS: Opt<u32> =
    Opt::new("seconds", "only if it was seen within so many seconds").within(1, u32::MAX as u64);
const REAP: Opt<Flag> = Opt::new("reap", "forget what is older than --seconds").also(&["seconds"]);
const HITCOUNT: Opt<u32> =
    Opt::new("hitcount", "only if it was seen so many times").within(0, u32::MAX as u64);
const RTTL: Opt<Flag> =
    Opt::new("rttl", "only if its TTL is as when it was put there").excludes(&["set", "remove"]);
const NAME: Opt<Name<NAME_LEN>> = Opt::new("name", "the list (DEFAULT)");
const MASK: Opt<UnionMask> = Opt::new("mask", "addresses alike so far are one");
const RSOURCE: Opt<Flag> = Opt::new("rsource", "the source address (so unless told)");
const RDEST: Opt<Flag> = Opt::new("rdest", "the destination address");

/// `XT_RECENT_NAME_LEN` without the NUL.
const NAME_LEN: usize = 199;
const DEFAULT_NAME: &[u8] = b"DEFAULT";

/// What is done, with its bit in `check_set` and its word in a listing.
const ACTIONS: [(&Opt<Neg<Flag>>, u8, &str); 4] =
    [(&SET, 2, "SET"), (&RCHECK, 1, "CHECK"), (&UPDATE, 4, "UPDATE"), (&REMOVE, 8, "REMOVE")];
const TTL: u8 = 16;
const REAPS: u8 = 32;

/// `-m recent`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Recent(Box<Question>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Question {
    not: bool,
    /// The bit of one of [`ACTIONS`].
    action: u8,
    seconds: Option<u32>,
    reap: bool,
    hitcount: u32,
    rttl: bool,
    name: Name<NAME_LEN>,
    /// COMPAT: upstream writes the name over `DEFAULT`, so that the rest of that word stands behind
    /// a short name; not so other programs.
    over_default: Unseen<bool>,
    mask: UnionMask,
    by_destination: bool,
}

impl Question {
    fn name_field(&self) -> Option<[u8; 200]> {
        let mut field: [u8; 200] = abi::c_string(self.name.bytes())?;
        if self.over_default.0 {
            let behind = self.name.bytes().len() + 1;
            let rest = field.iter_mut().zip(DEFAULT_NAME).skip(behind);
            rest.for_each(|(to, from)| *to = *from);
        }
        Some(field)
    }

    fn action(&self) -> (&'static Opt<Neg<Flag>>, &'static str) {
        let found = ACTIONS.iter().find(|&&(_, bit, _)| bit == self.action);
        found.map_or((&RCHECK, "CHECK"), |&(opt, _, word)| (opt, word))
    }

    fn check_set(&self) -> u8 {
        self.action | if self.rttl { TTL } else { 0 } | if self.reap { REAPS } else { 0 }
    }
}

impl Extension for Recent {
    const SPEC: Spec = Spec {
        options: &[
            SET.def(),
            RCHECK.def(),
            UPDATE.def(),
            REMOVE.def(),
            SECONDS.def(),
            REAP.def(),
            HITCOUNT.def(),
            RTTL.def(),
            NAME.def(),
            MASK.def(),
            RSOURCE.def(),
            RDEST.def(),
        ],
        revisions: &[Revision::new(1, 232), Revision::new(0, 216)],
        doc: "keeps lists of addresses seen lately, and matches what is in them",
        cases: CASES,
        ..Spec::named("recent")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let given = ACTIONS.iter().find_map(|&(opt, bit, _)| Some((args.find(opt)?.not, bit)));
        let none = "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'";
        let (not, action) = given.ok_or(ArgError::own("recent", none))?;
        let name = match args.get(&NAME, cx)? {
            Some(name) => Some(name),
            None => Name::new(DEFAULT_NAME),
        };
        let side = |name: &str| [RSOURCE.def().name, RDEST.def().name].contains(&name);
        let side = args.seen().iter().rev().find(|seen| side(seen.def.name));
        Ok(Self(Box::new(Question {
            not,
            action,
            seconds: args.get(&SECONDS, cx)?,
            reap: args.has(&REAP),
            hitcount: args.get(&HITCOUNT, cx)?.unwrap_or(0),
            rttl: args.has(&RTTL),
            name: name.ok_or(ArgError::own("recent", none))?,
            over_default: Unseen(true),
            mask: args.get(&MASK, cx)?.unwrap_or(UnionMask::host(cx.family)),
            by_destination: side.is_some_and(|seen| seen.def.name == RDEST.def().name),
        })))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let asked = &*self.0;
        w.name(asked.not, asked.action().0.def().name);
        w.opt_if(&SECONDS, asked.seconds.as_ref());
        w.flag(&REAP, asked.reap);
        w.opt_if(&HITCOUNT, Some(&asked.hitcount).filter(|&&n| n != 0));
        w.flag(&RTTL, asked.rttl);
        w.opt(&NAME, &asked.name);
        w.opt(&MASK, &asked.mask);
        w.flag(if asked.by_destination { &RDEST } else { &RSOURCE }, true);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let asked = &*self.0;
        w.raw(if asked.not { " !" } else { "" }).word("recent: ").raw(asked.action().1);
        if let Some(seconds) = asked.seconds {
            w.word("seconds: ").number(seconds);
        }
        if asked.reap {
            w.word("reap");
        }
        if asked.hitcount != 0 {
            w.word("hit_count: ").number(asked.hitcount);
        }
        if asked.rttl {
            w.word("TTL-Match");
        }
        w.word("name: ").bytes().extend_from_slice(asked.name.bytes());
        let side = if asked.by_destination { "dest" } else { "source" };
        w.word("side: ").raw(side).word("mask: ").value(&asked.mask);
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let asked = &*self.0;
        let Some(name) = asked.name_field() else { return };
        let head = RecentHead {
            seconds: asked.seconds.unwrap_or(0),
            hit_count: asked.hitcount,
            check_set: asked.check_set(),
            invert: asked.not.into(),
            name,
            side: asked.by_destination.into(),
        };
        match rev {
            1 => {
                abi::push(out, XtRecentMtinfoV1 { head, mask: asked.mask.to_union() });
                out.extend_from_slice(&[0; 4]);
            }
            _ if asked.mask.is_host() => {
                abi::push(out, head);
                out.extend_from_slice(&[0; 4]);
            }
            _ => (),
        }
    }

    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (head, mask) = match rev {
            1 => {
                let raw: XtRecentMtinfoV1 = abi::read(bytes)?;
                (raw.head, UnionMask::from_union(raw.mask, cx.family))
            }
            _ => (abi::read(bytes)?, Some(UnionMask::host(cx.family))),
        };
        let action = head.check_set & !(TTL | REAPS);
        let asked = Question {
            not: head.invert != 0,
            action,
            seconds: Some(head.seconds).filter(|&n| n != 0),
            reap: head.check_set & REAPS != 0,
            hitcount: head.hit_count,
            rttl: head.check_set & TTL != 0,
            name: Name::new(abi::c_text(&head.name)).ok_or(DecodeError::Unknown)?,
            over_default: Unseen(head.name.get(6) == Some(&b'T')),
            mask: mask.ok_or(DecodeError::Unknown)?,
            by_destination: head.side != 0,
        };
        let known = ACTIONS.iter().any(|&(_, bit, _)| bit == action);
        let alone = matches!(action, 2 | 8) && asked.rttl || asked.reap && asked.seconds.is_none();
        if known && !alone { Ok(Self(Box::new(asked))) } else { Err(DecodeError::Unknown) }
    }
}

impl Match for Recent {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("the list of recent addresses is not known")
    }

    fn keeps(&self) -> Option<Keeps> {
        let asked = &*self.0;
        Some(Keeps::Recent(Box::new(keeps::RecentList {
            name: asked.name.bytes().to_vec(),
            check_set: asked.check_set(),
            not: asked.not,
            seconds: asked.seconds.unwrap_or(0),
            hit_count: asked.hitcount,
            by_destination: asked.by_destination,
            mask: asked.mask.address(),
        })))
    }
}

/// Only refusals: what is saved holds a mask, which the families write differently. Golden captures
/// and random values cover the rest.
const CASES: &[spec::Case] = &[
    ("--set --rcheck", None),
    ("--rsource", None),
    ("--rcheck --reap", None),
    ("--set --rttl", None),
    ("--rcheck --seconds 0", None),
    ("--set --name x --name y", None),
    ("--set --name \"\"", None),
    ("--set ! --name x", None),
    ("", None),
];

abi! {
    /// `struct xt_recent_mtinfo` (linux/netfilter/xt_recent.h), with which the next begins.
    struct RecentHead[212] {
        seconds: u32 = 0,
        hit_count: u32 = 4,
        check_set: u8 = 8,
        invert: u8 = 9,
        name: [u8; 200] = 10,
        side: u8 = 210,
    }
}

abi! {
    /// `struct xt_recent_mtinfo_v1`.
    struct XtRecentMtinfoV1[228] { head: RecentHead = 0, mask: InetAddr = 212 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name is followed by the rest of `DEFAULT`, as iptables 1.8.13 sends it, or by zeros.
    #[test]
    fn short_names_are_read_with_and_without_what_they_were_written_over() {
        let cx = DecodeCx { family: Family::Ip4, host: &NoHost };
        let sent = |name: &[u8]| {
            let mut bytes = vec![0; 232];
            bytes[8] = 2;
            bytes[10..10 + name.len()].copy_from_slice(name);
            bytes[212..228].fill(0xff);
            bytes
        };
        let mut read = Vec::new();
        for name in [&b"foo\0ULT"[..], b"foo"] {
            let bytes = sent(name);
            let value = Recent::decode(1, &cx, &bytes).unwrap();
            let mut again = Vec::new();
            value.encode(1, Family::Ip4, &mut again);
            assert_eq!(again, bytes);
            read.push(value);
        }
        assert_eq!(read[0], read[1]);
        assert_eq!(read[0].0.name.bytes(), b"foo");
    }
}
