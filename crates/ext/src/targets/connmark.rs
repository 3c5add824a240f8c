//! The connection's mark changed, or copied to or from the packet's (kernel
//! `net/netfilter/xt_connmark.c:connmark_tg_shift`).

use crate::abi::{self, abi};
use crate::value::{Flag, MarkMask, Unseen};
use crate::*;

const ALL: u64 = u32::MAX as u64;
const SET_XMARK: Opt<MarkMask> =
    Opt::new("set-xmark", "clear the bits of the mask, then flip those of the value").excludes(&[
        "set-mark",
        "and-mark",
        "or-mark",
        "xor-mark",
        "save-mark",
        "restore-mark",
    ]);
const SET_MARK: Opt<MarkMask> =
    Opt::new("set-mark", "clear the bits of the mask, then set those of the value").excludes(&[
        "and-mark",
        "or-mark",
        "xor-mark",
        "save-mark",
        "restore-mark",
    ]);
const AND_MARK: Opt<u32> = Opt::new("and-mark", "keep these bits only").within(0, ALL).excludes(&[
    "or-mark",
    "xor-mark",
    "save-mark",
    "restore-mark",
]);
const OR_MARK: Opt<u32> = Opt::new("or-mark", "set these bits").within(0, ALL).excludes(&[
    "xor-mark",
    "save-mark",
    "restore-mark",
]);
const XOR_MARK: Opt<u32> =
    Opt::new("xor-mark", "flip these bits").within(0, ALL).excludes(&["save-mark", "restore-mark"]);
const SAVE: Opt<Flag> =
    Opt::new("save-mark", "copy the packet's mark to the connection").excludes(&["restore-mark"]);
const RESTORE: Opt<Flag> = Opt::new("restore-mark", "copy the connection's mark to the packet");
const LEFT: Opt<u8> = Opt::new("left-shift-mark", "shift so many bits to the left").within(0, 32);
const RIGHT: Opt<u8> =
    Opt::new("right-shift-mark", "shift so many bits to the right").within(0, 32);
const CTMASK: Opt<u32> =
    Opt::new("ctmask", "the connection's bits concerned").within(0, ALL).excludes(&["mask"]);
const NFMASK: Opt<u32> =
    Opt::new("nfmask", "the packet's bits concerned").within(0, ALL).excludes(&["mask"]);
const MASK: Opt<u32> = Opt::new("mask", "both masks at once").within(0, ALL);

/// The options that say what is done; of several only one can be given.
const CHANGES: [&str; 7] =
    ["set-xmark", "set-mark", "and-mark", "or-mark", "xor-mark", "save-mark", "restore-mark"];

/// `XT_CONNMARK_*` of `mode`.
mod mode {
    pub(super) const SET: u8 = 0;
    pub(super) const SAVE: u8 = 1;
    pub(super) const RESTORE: u8 = 2;
}

/// `-j CONNMARK`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Connmark {
    /// What is done.
    pub change: Change,
    /// By how much the mark is shifted.
    pub shift: Shift,
}

/// What CONNMARK does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Change {
    /// The connection's mark becomes `(mark & ~mask) ^ value`, and is then shifted.
    ///
    /// COMPAT: upstream sends a mask for the packet too, which the kernel does not look at here.
    Set(MarkMask, Unseen<u32>),
    /// The packet's bits of `nfmask`, shifted, come in the place of the connection's of `ctmask`.
    Save {
        /// The packet's bits.
        nfmask: u32,
        /// The connection's bits.
        ctmask: u32,
    },
    /// The connection's bits of `ctmask`, shifted, come in the place of the packet's of `nfmask`.
    Restore {
        /// The packet's bits.
        nfmask: u32,
        /// The connection's bits.
        ctmask: u32,
    },
}

/// A shift by 0 to 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shift {
    right: bool,
    bits: u8,
    /// The direction sent; of a shift by no bits it is all that is left.
    sent_right: Unseen<bool>,
}

impl Shift {
    const fn new(right: bool, bits: u8) -> Self {
        Self { right: right && bits != 0, bits, sent_right: Unseen(right) }
    }

    /// `mark` shifted.
    #[must_use]
    pub fn of(self, mark: u32) -> u32 {
        let bits = self.bits.into();
        let shifted = if self.right { mark.checked_shr(bits) } else { mark.checked_shl(bits) };
        shifted.unwrap_or(0)
    }

    fn opt(self) -> &'static Opt<u8> {
        if self.right { &RIGHT } else { &LEFT }
    }
}

impl Connmark {
    /// The marks of connection and packet after the target.
    #[must_use]
    pub fn marks(&self, connection: u32, packet: u32) -> (u32, u32) {
        match self.change {
            Change::Set(change, _) => (self.shift.of(change.changed(connection)), packet),
            Change::Save { nfmask, ctmask } => {
                ((connection & !ctmask) ^ self.shift.of(packet & nfmask), packet)
            }
            Change::Restore { nfmask, ctmask } => {
                (connection, (packet & !nfmask) ^ self.shift.of(connection & ctmask))
            }
        }
    }

    /// What is set, and how far: the masks count only when given after it.
    fn parse_set(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Option<MarkMask>, ArgError> {
        let change = MarkMask::change(
            args.get(&SET_XMARK, cx)?,
            args.get(&SET_MARK, cx)?,
            [args.get(&AND_MARK, cx)?, args.get(&OR_MARK, cx)?, args.get(&XOR_MARK, cx)?],
        );
        let Some(change) = change else { return Ok(None) };
        let at = |names: &[&str]| args.seen().iter().rposition(|s| names.contains(&s.def.name));
        let later = at(&[CTMASK.def().name, MASK.def().name]) > at(&CHANGES);
        let mask = args.get(&CTMASK, cx)?.or(args.get(&MASK, cx)?).filter(|_| later);
        Ok(Some(MarkMask { mask: mask.unwrap_or(change.mask), ..change }))
    }
}

impl Extension for Connmark {
    const SPEC: Spec = Spec {
        options: &[
            SET_XMARK.def(),
            SET_MARK.def(),
            AND_MARK.def(),
            OR_MARK.def(),
            XOR_MARK.def(),
            SAVE.def(),
            RESTORE.def(),
            LEFT.def(),
            RIGHT.def(),
            CTMASK.def(),
            NFMASK.def(),
            MASK.def(),
        ],
        revisions: &[Revision::new(2, 16), Revision::new(1, 16)],
        doc: "changes the mark of the packet's connection, or copies it to or from the packet's",
        cases: CASES,
        ..Spec::named("CONNMARK")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let both = args.get(&MASK, cx)?;
        let nfmask = args.get(&NFMASK, cx)?.or(both).unwrap_or(u32::MAX);
        let ctmask = args.get(&CTMASK, cx)?.or(both).unwrap_or(u32::MAX);
        let change = if args.has(&SAVE) {
            Change::Save { nfmask, ctmask }
        } else if args.has(&RESTORE) {
            Change::Restore { nfmask, ctmask }
        } else {
            let none = ArgError::own("CONNMARK", "CONNMARK target: No operation specified");
            Change::Set(Self::parse_set(args, cx)?.ok_or(none)?, Unseen(nfmask))
        };
        // COMPAT: of two shifts the last one counts.
        let shifts = [LEFT.def().name, RIGHT.def().name];
        let last = args.seen().iter().rev().find(|s| shifts.contains(&s.def.name));
        let right = last.is_some_and(|s| s.def.name == RIGHT.def().name);
        let bits = args.get(if right { &RIGHT } else { &LEFT }, cx)?.unwrap_or(0);
        Ok(Self { change, shift: Shift::new(right, bits) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let hex = |n: u32| format!("{n:#x}");
        match self.change {
            Change::Set(change, _) => {
                w.name(false, SET_XMARK.def().name);
                w.word(&change.saved_change());
            }
            Change::Save { nfmask, ctmask } | Change::Restore { nfmask, ctmask } => {
                let save = matches!(self.change, Change::Save { .. });
                w.flag(if save { &SAVE } else { &RESTORE }, true);
                w.name(false, NFMASK.def().name);
                w.word(&hex(nfmask));
                w.name(false, CTMASK.def().name);
                w.word(&hex(ctmask));
            }
        }
        if self.shift.bits != 0 {
            w.opt(self.shift.opt(), &self.shift.bits);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("CONNMARK ");
        match self.change {
            Change::Set(change, _) => w.raw(&change.listed_change()),
            Change::Save { nfmask, ctmask } if nfmask == ctmask => {
                w.raw("save").raw(&listed_mask(nfmask))
            }
            Change::Restore { nfmask, ctmask } if nfmask == ctmask => {
                w.raw("restore").raw(&listed_mask(nfmask))
            }
            Change::Save { nfmask, ctmask } => {
                w.raw(&format!("save nfmask {nfmask:#x} ctmask ~{ctmask:#x}"))
            }
            Change::Restore { nfmask, ctmask } => {
                w.raw(&format!("restore ctmask {ctmask:#x} nfmask ~{nfmask:#x}"))
            }
        };
        if self.shift.bits != 0 {
            w.word(self.shift.opt().def().name).raw(" ").number(self.shift.bits);
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (mode, ctmark, ctmask, nfmask) = match self.change {
            Change::Set(MarkMask { value, mask }, Unseen(nfmask)) => {
                (mode::SET, value, mask, nfmask)
            }
            Change::Save { nfmask, ctmask } => (mode::SAVE, 0, ctmask, nfmask),
            Change::Restore { nfmask, ctmask } => (mode::RESTORE, 0, ctmask, nfmask),
        };
        let (shift_dir, shift_bits) = (self.shift.sent_right.0.into(), self.shift.bits);
        match rev {
            2 => abi::push(
                out,
                XtConnmarkTginfo2 { ctmark, ctmask, nfmask, shift_dir, shift_bits, mode },
            ),
            _ if shift_bits == 0 => {
                abi::push(out, XtConnmarkTginfo1 { ctmark, ctmask, nfmask, mode });
            }
            _ => (),
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = match rev {
            2 => abi::read(bytes)?,
            _ => {
                let XtConnmarkTginfo1 { ctmark, ctmask, nfmask, mode } = abi::read(bytes)?;
                let (shift_dir, shift_bits) = (0, 0);
                XtConnmarkTginfo2 { ctmark, ctmask, nfmask, shift_dir, shift_bits, mode }
            }
        };
        let XtConnmarkTginfo2 { ctmark, ctmask, nfmask, .. } = raw;
        let change = match raw.mode {
            mode::SET => Change::Set(MarkMask { value: ctmark, mask: ctmask }, Unseen(nfmask)),
            mode::SAVE => Change::Save { nfmask, ctmask },
            mode::RESTORE => Change::Restore { nfmask, ctmask },
            _ => return Err(DecodeError::Unknown),
        };
        if raw.shift_bits > 32 {
            return Err(DecodeError::Unknown);
        }
        Ok(Self { change, shift: Shift::new(raw.shift_dir != 0, raw.shift_bits) })
    }

    fn effect(&self) -> Effect {
        Effect::Connmark(self.clone())
    }
}

fn listed_mask(mask: u32) -> String {
    if mask == u32::MAX { String::new() } else { format!(" mask {mask:#x}") }
}

const CASES: &[spec::Case] = &[
    ("--set-mark 5/7", Some("--set-xmark 0x5/0x7")),
    ("--set-mark 8/7", Some("--set-xmark 0x8/0xf")),
    ("--set-xmark 8/7", Some("--set-xmark 0x8/0x7")),
    ("--and-mark 0xf", Some("--set-xmark 0x0/0xfffffff0")),
    ("--or-mark 0xf", Some("--set-xmark 0xf/0xf")),
    ("--xor-mark 0xf --right-shift-mark 5", Some("--set-xmark 0xf/0x0 --right-shift-mark 5")),
    ("--set-mark 1/3 --mask 5", Some("--set-xmark 0x1/0x5")),
    ("--mask 5 --set-mark 1/3", Some("--set-xmark 0x1/0x3")),
    ("--save-mark", Some("--save-mark --nfmask 0xffffffff --ctmask 0xffffffff")),
    (
        "--restore-mark --mask 5 --left-shift-mark 2 --right-shift-mark 4",
        Some("--restore-mark --nfmask 0x5 --ctmask 0x5 --right-shift-mark 4"),
    ),
    ("--set-mark 1 --or-mark 2", None),
    ("--save-mark --mask 1 --nfmask 2", None),
    ("--set-mark 1 --left-shift-mark 33", None),
    ("--mask 5", None),
    ("", None),
];

abi! {
    /// `struct xt_connmark_tginfo1` (linux/netfilter/xt_connmark.h).
    struct XtConnmarkTginfo1[16] { ctmark: u32 = 0, ctmask: u32 = 4, nfmask: u32 = 8, mode: u8 = 12 }
}

abi! {
    /// `struct xt_connmark_tginfo2`.
    struct XtConnmarkTginfo2[16] {
        ctmark: u32 = 0,
        ctmask: u32 = 4,
        nfmask: u32 = 8,
        shift_dir: u8 = 12,
        shift_bits: u8 = 13,
        mode: u8 = 14,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_move_under_masks_and_shifts() {
        let target = |change, right, bits| Connmark { change, shift: Shift::new(right, bits) };
        let set = Change::Set(MarkMask { value: 0x50, mask: 0xff }, Unseen(0));
        assert_eq!(target(set, false, 0).marks(0x1234, 7), (0x1250, 7));
        assert_eq!(target(set, true, 4).marks(0x1234, 7), (0x125, 7));
        let save = Change::Save { nfmask: 0xf, ctmask: 0xf0 };
        assert_eq!(target(save, false, 4).marks(0xab, 0x17), (0x7b, 0x17));
        let restore = Change::Restore { nfmask: 0xf, ctmask: 0xf0 };
        assert_eq!(target(restore, true, 4).marks(0xab, 0x17), (0xab, 0x1a));
        assert_eq!(target(restore, true, 32).marks(0xab, 0x17), (0xab, 0x10));
    }
}
