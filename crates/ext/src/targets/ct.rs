//! How a connection is tracked, told before it is (kernel `net/netfilter/xt_CT.c:xt_ct_tg_check`).

use crate::abi::{self, abi};
use crate::value::{Flag, KeywordSet, Keywords, Name};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

const NOTRACK: Opt<Flag> = Opt::new("notrack", "do not track it");
const HELPER: Opt<Name<15>> = Opt::new("helper", "the helper of the connection");
const TIMEOUT: Opt<Timeout> = Opt::new("timeout", "the timeout policy of the connection");
const CTEVENTS: Opt<KeywordSet<Events>> = Opt::new("ctevents", "the only events that are told");
const EXPEVENTS: Opt<KeywordSet<ExpectEvents>> =
    Opt::new("expevents", "the only events of expected connections that are told");
const ZONE: Opt<Zone> =
    Opt::new("zone", "the zone of the connection").excludes(&["zone-orig", "zone-reply"]);
const ZONE_ORIG: Opt<Zone> =
    Opt::new("zone-orig", "its zone in the opening direction only").excludes(&["zone-reply"]);
const ZONE_REPLY: Opt<Zone> = Opt::new("zone-reply", "its zone in the other direction only");

/// `XT_CT_*` of `flags`.
pub(super) mod flag {
    pub(in crate::targets) const NOTRACK: u16 = 1;
    pub(in crate::targets) const NOTRACK_ALIAS: u16 = 2;
    pub(super) const ZONE_DIR_ORIG: u16 = 4;
    pub(super) const ZONE_DIR_REPL: u16 = 8;
    pub(super) const ZONE_MARK: u16 = 16;
}

/// `-j CT`.
///
/// COMPAT: two zones in one rule are refused, as the kernel's struct has room for one: upstream takes
/// the last for both directions. An empty helper or timeout is refused, which upstream takes for
/// none.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ct(Box<Tracking>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Tracking {
    notrack: bool,
    helper: Option<Name<15>>,
    timeout: Option<Timeout>,
    ctevents: KeywordSet<Events>,
    expevents: KeywordSet<ExpectEvents>,
    zone: Option<(Direction, Zone)>,
}

/// The name of a timeout policy.
///
/// COMPAT: the kernel tells no more than the first four bytes of it again (`usersize` is that of the
/// struct before there were policies), and upstream shows these. Here a rule with such a rest of a
/// name is not understood.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Timeout(Name<31>);

/// So much of a name the kernel tells.
const TOLD: usize = 4;

impl Timeout {
    fn read(field: &[u8]) -> Result<Option<Self>, DecodeError> {
        match abi::c_text(field) {
            [] => Ok(None),
            cut if cut.len() == TOLD => Err(DecodeError::Unknown),
            name => Name::new(name).map(|name| Some(Self(name))).ok_or(DecodeError::Unknown),
        }
    }
}

impl Value for Timeout {
    const SYNTAX: &'static str = "name";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Name::parse(word, cx).map(Self)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    /// Never one of which it cannot be told whether it is whole.
    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let mut name = Name::<31>::sample(rng, cx);
        if name.len() == TOLD {
            name.push(b'x');
        }
        name
    }
}

/// The directions a zone counts for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Direction {
    Both,
    Original,
    Reply,
}

impl Direction {
    const ALL: [Self; 3] = [Self::Both, Self::Original, Self::Reply];

    fn opt(self) -> &'static Opt<Zone> {
        match self {
            Self::Both => &ZONE,
            Self::Original => &ZONE_ORIG,
            Self::Reply => &ZONE_REPLY,
        }
    }

    fn flag(self) -> u16 {
        match self {
            Self::Both => 0,
            Self::Original => flag::ZONE_DIR_ORIG,
            Self::Reply => flag::ZONE_DIR_REPL,
        }
    }
}

/// A zone's number, or that the packet's mark is the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Zone {
    Id(u16),
    Mark,
}

impl Value for Zone {
    const SYNTAX: &'static str = "number|mark";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word.eq_ignore_ascii_case(b"mark") {
            return Ok(Self::Mark);
        }
        let id = number::parse(word).and_then(|n| u16::try_from(n).ok());
        id.map(Self::Id).ok_or(ValueError::Own("Cannot parse % as a zone ID"))
    }

    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Id(id) => id.save(out),
            Self::Mark => out.extend_from_slice(b"mark"),
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        if rng.one_in(4) { b"mark".to_vec() } else { rng.within(0, 65535).to_string().into_bytes() }
    }
}

const UNKNOWN_EVENT: Option<&str> = Some("Unknown event type \"%\"");

/// The events of a connection (`IPCT_*`, linux/netfilter/nf_conntrack_common.h).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Events;

impl Keywords for Events {
    const WORDS: &'static [(&'static str, u32)] = &[
        ("new", 1 << 0),
        ("related", 1 << 1),
        ("destroy", 1 << 2),
        ("reply", 1 << 3),
        ("assured", 1 << 4),
        ("protoinfo", 1 << 5),
        ("helper", 1 << 6),
        ("mark", 1 << 7),
        ("natseqinfo", 1 << 8),
        ("secmark", 1 << 9),
    ];
    const SYNTAX: &'static str = "event[,event...]";
    const EXACT: bool = true;
    const UNKNOWN: Option<&'static str> = UNKNOWN_EVENT;
}

/// The events of an expected connection (`IPEXP_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct ExpectEvents;

impl Keywords for ExpectEvents {
    const WORDS: &'static [(&'static str, u32)] = &[("new", 1)];
    const SYNTAX: &'static str = "new";
    const EXACT: bool = true;
    const UNKNOWN: Option<&'static str> = UNKNOWN_EVENT;
}

fn events<K: Keywords>(
    args: &Args<'_>,
    opt: &Opt<KeywordSet<K>>,
    cx: &ParseCx<'_>,
) -> Result<KeywordSet<K>, ArgError> {
    // Upstream blames the one word alone.
    let one = |word: &[u8]| word.split(|&c| c == b',').next().unwrap_or_default().to_vec();
    let events = args.get(opt, cx).map_err(|e| ArgError { word: one(&e.word), ..e })?;
    Ok(events.unwrap_or(KeywordSet::EMPTY))
}

impl Extension for Ct {
    const SPEC: Spec = Spec {
        options: &[
            NOTRACK.def(),
            HELPER.def(),
            TIMEOUT.def(),
            CTEVENTS.def(),
            EXPEVENTS.def(),
            ZONE.def(),
            ZONE_ORIG.def(),
            ZONE_REPLY.def(),
        ],
        revisions: &[
            Revision::new(2, 72).private_from(64),
            Revision::new(1, 72).private_from(64),
            Revision::new(0, 40).private_from(32),
        ],
        doc: "sets how the packet's connection is to be tracked",
        cases: &[
            ("", Some("")),
            ("--notrack", Some("--notrack")),
            (
                "--expevents new --ctevents mark,new --helper ftp --zone-reply 3",
                Some("--helper ftp --ctevents new,mark --expevents new --zone-reply 3"),
            ),
            ("--zone MARK --timeout slower", Some("--timeout slower --zone mark")),
            ("--zone 0", Some("")),
            ("--zone 65536", None),
            ("--zone 5 --zone-orig 6", None),
            ("--zone-orig 5 --zone-reply 6", None),
            ("--ctevents NEW", None),
            ("--expevents destroy", None),
            ("--helper aaaaaaaaaaaaaaaa", None),
            ("! --notrack", None),
        ],
        ..Spec::named("CT")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let mut zone = None;
        for direction in Direction::ALL {
            let given = args.get(direction.opt(), cx)?;
            // Zone 0 is where every connection is that has no other.
            let given = given.filter(|&z| z != Zone::Id(0));
            zone = zone.or(given.map(|z| (direction, z)));
        }
        Ok(Self(Box::new(Tracking {
            notrack: args.has(&NOTRACK),
            helper: args.get(&HELPER, cx)?,
            timeout: args.get(&TIMEOUT, cx)?,
            ctevents: events(args, &CTEVENTS, cx)?,
            expevents: events(args, &EXPEVENTS, cx)?,
            zone,
        })))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let ct = &*self.0;
        w.flag(&NOTRACK, ct.notrack);
        w.opt_if(&HELPER, ct.helper.as_ref());
        w.opt_if(&TIMEOUT, ct.timeout.as_ref());
        w.opt_if(&CTEVENTS, Some(&ct.ctevents).filter(|e| e.bits != 0));
        w.opt_if(&EXPEVENTS, Some(&ct.expevents).filter(|e| e.bits != 0));
        if let Some((direction, zone)) = ct.zone {
            w.opt(direction.opt(), &zone);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let ct = &*self.0;
        w.word("CT");
        if ct.notrack {
            w.word("notrack");
        }
        if let Some(helper) = &ct.helper {
            w.word("helper ").bytes().extend_from_slice(helper.bytes());
        }
        if let Some(timeout) = &ct.timeout {
            w.word("timeout ").bytes().extend_from_slice(timeout.0.bytes());
        }
        if ct.ctevents.bits != 0 {
            w.word("ctevents ").value(&ct.ctevents);
        }
        if ct.expevents.bits != 0 {
            w.word("expevents ").value(&ct.expevents);
        }
        if let Some((direction, zone)) = ct.zone {
            w.word(direction.opt().def().name).raw(" ").value(&zone);
        }
    }

    /// Before the second revision a zone has no direction and is no mark, before the first there is
    /// no timeout.
    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let ct = &*self.0;
        let helper = ct.helper.as_ref().map_or(Some([0; 16]), |n| abi::c_string(n.bytes()));
        let timeout = ct.timeout.as_ref().map_or(Some([0; 32]), |n| abi::c_string(n.0.bytes()));
        let (Some(helper), Some(timeout)) = (helper, timeout) else { return };
        let (zone_flags, zone) = match ct.zone {
            None => (0, 0),
            Some((direction, Zone::Id(id))) => (direction.flag(), id),
            Some((direction, Zone::Mark)) => (direction.flag() | flag::ZONE_MARK, 0),
        };
        let head = XtCtTargetHead {
            flags: zone_flags | if ct.notrack { flag::NOTRACK } else { 0 },
            zone,
            ct_events: ct.ctevents.bits,
            exp_events: ct.expevents.bits,
            helper,
        };
        match (rev, zone_flags) {
            (2, _) | (1, 0) => abi::push(out, XtCtTargetInfoV1 { head, timeout, ct: 0 }),
            (0, 0) if ct.timeout.is_none() => abi::push(out, XtCtTargetInfo { head, ct: 0 }),
            _ => (),
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (head, timeout) = match rev {
            0 => (abi::read::<XtCtTargetInfo>(bytes)?.head, [0; 32]),
            _ => {
                let raw: XtCtTargetInfoV1 = abi::read(bytes)?;
                (raw.head, raw.timeout)
            }
        };
        if head.flags & flag::NOTRACK_ALIAS != 0 {
            return Err(DecodeError::OtherAlias);
        }
        let ways = head.flags & (flag::ZONE_DIR_ORIG | flag::ZONE_DIR_REPL);
        let direction = Direction::ALL.into_iter().find(|d| d.flag() == ways);
        let zone = match head.zone {
            0 if head.flags & flag::ZONE_MARK != 0 => Some(Zone::Mark),
            0 => None,
            id => Some(Zone::Id(id)),
        };
        Ok(Self(Box::new(Tracking {
            notrack: head.flags & flag::NOTRACK != 0,
            helper: Name::new(abi::c_text(&head.helper)),
            timeout: Timeout::read(&timeout)?,
            ctevents: KeywordSet::from_bits(head.ct_events).ok_or(DecodeError::Unknown)?,
            expevents: KeywordSet::from_bits(head.exp_events).ok_or(DecodeError::Unknown)?,
            zone: direction.zip(zone),
        })))
    }

    fn effect(&self) -> Effect {
        let tracking = &*self.0;
        match (&tracking.helper, tracking.zone) {
            _ if tracking.notrack => Effect::Notrack,
            (_, Some(_)) => Effect::Unknown("zones of connections are not modelled"),
            (Some(helper), None) => Effect::Helper(helper.bytes().to_vec()),
            (None, None) => Effect::Nothing,
        }
    }
}

impl Ct {
    /// Whether the connection is not to be tracked.
    #[must_use]
    pub fn is_notrack(&self) -> bool {
        self.0.notrack
    }
}

abi! {
    /// The fields that all revisions of `struct xt_ct_target_info` begin with
    /// (linux/netfilter/xt_CT.h).
    struct XtCtTargetHead[28] {
        flags: u16 = 0,
        zone: u16 = 2,
        ct_events: u32 = 4,
        exp_events: u32 = 8,
        helper: [u8; 16] = 12,
    }
}

abi! {
    /// `struct xt_ct_target_info`; `ct` is a pointer of the kernel's.
    struct XtCtTargetInfo[40] { head: XtCtTargetHead = 0, ct: u64 = 32 }
}

abi! {
    /// `struct xt_ct_target_info_v1`, the struct of both later revisions.
    struct XtCtTargetInfoV1[72] { head: XtCtTargetHead = 0, timeout: [u8; 32] = 28, ct: u64 = 64 }
}
