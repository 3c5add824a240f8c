//! Entries of a set of `ipset(8)` added and deleted, or what an entry says put on the packet
//! (kernel `net/netfilter/xt_set.c:set_target_v3`).

use crate::abi::{self, abi};
use crate::value::{Flag, SetDirs, SetInfo, SetInfoV0};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

/// `IPSET_FLAG_*` (linux/netfilter/ipset/ip_set.h).
mod flag {
    pub(super) const EXIST: u32 = 1;
    pub(super) const MAP_SKBMARK: u32 = 1 << 8;
    pub(super) const MAP_SKBPRIO: u32 = 1 << 9;
    pub(super) const MAP_SKBQUEUE: u32 = 1 << 10;
    pub(super) const MAP: u32 = MAP_SKBMARK | MAP_SKBPRIO | MAP_SKBQUEUE;
}

/// The set's own timeout.
const NO_TIMEOUT: u32 = u32::MAX;

const ADD: Opt<SetDirs> =
    Opt::new("add-set", "add an entry to the set").once("--add-set can be specified only once");
const DEL: Opt<SetDirs> = Opt::new("del-set", "delete an entry from the set")
    .once("--del-set can be specified only once");
const MAP: Opt<SetDirs> = Opt::new("map-set", "look up the entry in the set")
    .once("--map-set can be specified only once");
const EXIST: Opt<Flag> = Opt::new("exist", "renew the timeout of an entry that is there").many();
const TIMEOUT: Opt<Timeout> = Opt::new("timeout", "seconds the added entry lives").many();
const MAP_MARK: Opt<Flag> = Opt::new("map-mark", "take over the entry's mark").many();
const MAP_PRIO: Opt<Flag> = Opt::new("map-prio", "take over the entry's priority").many();
const MAP_QUEUE: Opt<Flag> = Opt::new("map-queue", "take over the entry's queue").many();

/// What may be taken over, in the order saved, with upstream's sentence for it without a set.
const MAPPED: [(&Opt<Flag>, u32, &str); 3] = [
    (&MAP_MARK, flag::MAP_SKBMARK, "Flag `--map-mark' can be used with `--map-set' only"),
    (&MAP_PRIO, flag::MAP_SKBPRIO, "Flag `--map-prio' can be used with `--map-set' only"),
    (&MAP_QUEUE, flag::MAP_SKBQUEUE, "Flag `--map-queue' can be used with `--map-set' only"),
];

/// `-j SET`.
///
/// COMPAT: upstream takes a `!` before any of the options and forgets it; it is refused here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Set(Box<Parts>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Parts {
    add: Option<SetDirs>,
    del: Option<SetDirs>,
    map: Option<SetDirs>,
    /// `IPSET_FLAG_*`.
    flags: u32,
    /// Seconds; [`NO_TIMEOUT`]: the set's own.
    timeout: u32,
}

/// Seconds an entry lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Timeout(u32);

impl Value for Timeout {
    const SYNTAX: &'static str = "seconds";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let wrong = "Invalid value for option --timeout or out of range 0-4294967294";
        let n = number::parse(word).and_then(|n| u32::try_from(n).ok());
        n.filter(|&n| n != NO_TIMEOUT).map(Self).ok_or(ValueError::Own(wrong))
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.0.into());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, u64::from(NO_TIMEOUT) - 1).to_string().into_bytes()
    }
}

impl Set {
    /// The set an entry is added to.
    #[must_use]
    pub fn add(&self) -> Option<&SetDirs> {
        self.0.add.as_ref()
    }

    /// The set an entry is deleted from.
    #[must_use]
    pub fn del(&self) -> Option<&SetDirs> {
        self.0.del.as_ref()
    }

    /// The set an entry is looked up in.
    #[must_use]
    pub fn map(&self) -> Option<&SetDirs> {
        self.0.map.as_ref()
    }

    /// Writes each option with `write`: its name, and its value.
    fn each(&self, mut write: impl FnMut(&'static str, Option<&dyn Fn(&mut Vec<u8>)>)) {
        let Parts { add, del, map, flags, timeout } = &*self.0;
        if let Some(set) = add {
            write(ADD.def().name, Some(&|out| set.save(out)));
            if flags & flag::EXIST != 0 {
                write(EXIST.def().name, None);
            }
            if *timeout != NO_TIMEOUT {
                write(TIMEOUT.def().name, Some(&|out| Timeout(*timeout).save(out)));
            }
        }
        if let Some(set) = del {
            write(DEL.def().name, Some(&|out| set.save(out)));
        }
        if let Some(set) = map {
            write(MAP.def().name, Some(&|out| set.save(out)));
            for (opt, ..) in MAPPED.iter().filter(|(_, bit, _)| flags & bit != 0) {
                write(opt.def().name, None);
            }
        }
    }

    /// What the options cannot say is not the value of any.
    fn is_sayable(&self) -> bool {
        let Parts { add, del, map, flags, timeout } = &*self.0;
        let added = flags & flag::EXIST != 0 || *timeout != NO_TIMEOUT;
        let mapped = flags & flag::MAP != 0;
        (add.is_some() || !added)
            && map.is_some() == mapped
            && (add.is_some() || del.is_some() || mapped)
    }
}

impl Extension for Set {
    const SPEC: Spec = Spec {
        options: &[
            ADD.def(),
            DEL.def(),
            MAP.def(),
            EXIST.def(),
            TIMEOUT.def(),
            MAP_MARK.def(),
            MAP_PRIO.def(),
            MAP_QUEUE.def(),
        ],
        revisions: &[
            Revision::new(3, 24),
            Revision::new(2, 16),
            Revision::new(1, 8),
            Revision::new(0, 64),
        ],
        doc: "adds the packet's addresses or ports to a set of ipset(8), or deletes them from one",
        cases: &[
            (
                "--del-set foo dst --timeout 0 --exist --add-set foo src",
                Some("--add-set foo src --exist --timeout 0 --del-set foo dst"),
            ),
            (
                "--map-set foo src --map-queue --map-mark",
                Some("--map-set foo src --map-mark --map-queue"),
            ),
            ("--map-set foo src", None),
            ("--add-set foo src --map-mark", None),
            ("--del-set foo src --timeout 5", None),
            ("--del-set foo src --exist", None),
            ("--add-set foo src --timeout 4294967295", None),
            ("! --add-set foo src", None),
            ("--add-set nosuch src", None),
            ("--exist", None),
        ],
        ..Spec::named("SET")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let own = |sentence| Err(ArgError::own("SET", sentence));
        let (add, del) = (args.get(&ADD, cx)?, args.get(&DEL, cx)?);
        let map = args.get(&MAP, cx)?;
        let timeout = args.get(&TIMEOUT, cx)?;
        if add.is_none() && del.is_none() && map.is_none() {
            return own("You must specify either `--add-set' or `--del-set' or `--map-set'");
        }
        if add.is_none() && args.has(&EXIST) {
            return own("Flag `--exist' can be used with `--add-set' only");
        }
        if add.is_none() && timeout.is_some() {
            return own("Option `--timeout' can be used with `--add-set' only");
        }
        let mut flags = if args.has(&EXIST) { flag::EXIST } else { 0 };
        for (_, bit, alone) in MAPPED.iter().filter(|(opt, ..)| args.has(opt)) {
            if map.is_none() {
                return own(alone);
            }
            flags |= bit;
        }
        if map.is_some() && flags & flag::MAP == 0 {
            return own("You must specify flags `--map-mark' or '--map-prio` or `--map-queue'");
        }
        let timeout = timeout.map_or(NO_TIMEOUT, |t| t.0);
        Ok(Self(Box::new(Parts { add, del, map, flags, timeout })))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.each(|name, value| {
            w.name(false, name);
            if let Some(value) = value {
                w.bytes().push(b' ');
                value(w.bytes());
            }
        });
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        self.each(|name, value| {
            w.word(name);
            if let Some(value) = value {
                w.raw(" ");
                value(w.bytes());
            }
        });
    }

    /// Revisions before 3 have no map, 1 and 0 neither flags nor timeout.
    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Parts { add, del, map, flags, timeout } = &*self.0;
        let info = |set: &Option<SetDirs>| {
            set.as_ref().map_or(SetInfo::NONE, |set| set.info(false, false))
        };
        let (add_set, del_set, map_set) = (info(add), info(del), info(map));
        let (flags, timeout) = (*flags, *timeout);
        let plain = flags == 0 && timeout == NO_TIMEOUT;
        match rev {
            3 => {
                abi::push(out, TargetV3 { add_set, del_set, map_set, flags, timeout });
                out.extend_from_slice(&[0; 4]);
            }
            2 if map.is_none() => {
                abi::push(out, TargetV2 { add_set, del_set, flags, timeout });
            }
            1 if map.is_none() && plain => abi::push(out, [add_set, del_set]),
            0 if map.is_none() && plain => {
                let info = |set: &Option<SetDirs>| match set {
                    Some(set) => set.info_v0(false),
                    None => Some(SetInfoV0::NONE),
                };
                if let (Some(add), Some(del)) = (info(add), info(del)) {
                    abi::push(out, [add, del]);
                }
            }
            _ => (),
        }
    }

    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let none = TargetV3 {
            add_set: SetInfo::NONE,
            del_set: SetInfo::NONE,
            map_set: SetInfo::NONE,
            flags: 0,
            timeout: NO_TIMEOUT,
        };
        let raw = match rev {
            3 => abi::read(bytes)?,
            2 => {
                let TargetV2 { add_set, del_set, flags, timeout } = abi::read(bytes)?;
                TargetV3 { add_set, del_set, flags, timeout, ..none }
            }
            1 => {
                let [add_set, del_set] = abi::read(bytes)?;
                TargetV3 { add_set, del_set, ..none }
            }
            _ => {
                let [add, del]: [SetInfoV0; 2] = abi::read(bytes)?;
                TargetV3 { add_set: add.later(), del_set: del.later(), ..none }
            }
        };
        let set = |info: SetInfo| match info {
            SetInfo::NONE => Ok(None),
            info => SetDirs::from_info(info, cx).map(|(set, ..)| Some(set)),
        };
        let value = Self(Box::new(Parts {
            add: set(raw.add_set)?,
            del: set(raw.del_set)?,
            map: set(raw.map_set)?,
            flags: raw.flags & (flag::EXIST | flag::MAP),
            timeout: raw.timeout,
        }));
        if value.is_sayable() { Ok(value) } else { Err(DecodeError::Unknown) }
    }

    /// An entry added is not in the sets that are asked: they are as they were given.
    fn effect(&self) -> Effect {
        match self.0.map {
            Some(_) => Effect::Unknown("the content of the ipset is not known"),
            None => Effect::Nothing,
        }
    }
}

abi! {
    /// `struct xt_set_info_target_v3` (linux/netfilter/xt_set.h).
    struct TargetV3[20] {
        add_set: SetInfo = 0,
        del_set: SetInfo = 4,
        map_set: SetInfo = 8,
        flags: u32 = 12,
        timeout: u32 = 16,
    }
}

abi! {
    /// `struct xt_set_info_target_v2` (linux/netfilter/xt_set.h); that of revision 1 is its
    /// beginning.
    struct TargetV2[16] {
        add_set: SetInfo = 0,
        del_set: SetInfo = 4,
        flags: u32 = 8,
        timeout: u32 = 12,
    }
}
