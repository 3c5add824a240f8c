//! The packet's mark changed (kernel `net/netfilter/xt_mark.c:mark_tg`).

use crate::abi::{self, abi};
use crate::value::MarkMask;
use crate::*;
use oxtables_wire::nft::cond::{self, Load};
use oxtables_wire::nft::expr::meta;

const SET_XMARK: Opt<MarkMask> =
    Opt::new("set-xmark", "clear the bits of the mask, then flip those of the value")
        .excludes(&["set-mark", "and-mark", "or-mark", "xor-mark"]);
const SET_MARK: Opt<MarkMask> =
    Opt::new("set-mark", "clear the bits of the mask, then set those of the value").excludes(&[
        "set-xmark",
        "and-mark",
        "or-mark",
        "xor-mark",
    ]);
const AND_MARK: Opt<u32> = Opt::new("and-mark", "keep these bits only")
    .within(0, u32::MAX as u64)
    .excludes(&["set-xmark", "set-mark", "or-mark", "xor-mark"]);
const OR_MARK: Opt<u32> = Opt::new("or-mark", "set these bits")
    .within(0, u32::MAX as u64)
    .excludes(&["set-xmark", "set-mark", "and-mark", "xor-mark"]);
const XOR_MARK: Opt<u32> = Opt::new("xor-mark", "flip these bits")
    .within(0, u32::MAX as u64)
    .excludes(&["set-xmark", "set-mark", "and-mark", "or-mark"]);

/// `XT_MARK_SET`, `XT_MARK_AND`, `XT_MARK_OR` of revision 1.
mod mode {
    pub(super) const SET: u8 = 0;
    pub(super) const AND: u8 = 1;
    pub(super) const OR: u8 = 2;
}

/// `-j MARK`: the mark becomes `(mark & ~mask) ^ value`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mark(pub MarkMask);

impl Extension for Mark {
    const SPEC: Spec = Spec {
        options: &[SET_XMARK.def(), SET_MARK.def(), AND_MARK.def(), OR_MARK.def(), XOR_MARK.def()],
        revisions: &[Revision::new(2, 8), Revision::new(1, 16), Revision::new(0, 8)],
        doc: "changes the mark a packet carries inside this machine",
        cases: &[
            ("--set-mark 5", Some("--set-xmark 0x5/0xffffffff")),
            ("--set-mark 8/7", Some("--set-xmark 0x8/0xf")),
            ("--set-xmark 8/7", Some("--set-xmark 0x8/0x7")),
            ("--and-mark 0xf0", Some("--set-xmark 0x0/0xffffff0f")),
            ("--or-mark 0xf0", Some("--set-xmark 0xf0/0xf0")),
            ("--xor-mark 0xf0", Some("--set-xmark 0xf0/0x0")),
            ("--set-mark 4294967296", None),
            ("--set-mark 1/", None),
            ("--or-mark 1/2", None),
            ("--set-mark 1 --or-mark 2", None),
            ("", None),
        ],
        ..Spec::named("MARK")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let none = "MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required";
        let change = MarkMask::change(
            args.get(&SET_XMARK, cx)?,
            args.get(&SET_MARK, cx)?,
            [args.get(&AND_MARK, cx)?, args.get(&OR_MARK, cx)?, args.get(&XOR_MARK, cx)?],
        );
        change.map(Self).ok_or(ArgError::own("MARK", none))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.name(false, SET_XMARK.def().name);
        w.word(&self.0.saved_change());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("MARK").word(&self.0.listed_change());
    }

    /// Revision 1 knows three of the changes, revision 0 one.
    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let MarkMask { value, mask } = self.0;
        if rev == 2 {
            return abi::push(out, XtMarkTginfo2 { mark: value, mask });
        }
        let (mode, mark) = match (value, mask) {
            (_, u32::MAX) => (mode::SET, value),
            (0, _) => (mode::AND, !mask),
            _ if value == mask => (mode::OR, value),
            _ => return,
        };
        let mark = u64::from(mark);
        match rev {
            1 => abi::push(out, XtMarkTargetInfoV1 { mark, mode }),
            _ if mode == mode::SET => abi::push(out, mark),
            _ => (),
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        if rev == 2 {
            let raw: XtMarkTginfo2 = abi::read(bytes)?;
            return Ok(Self(MarkMask { value: raw.mark, mask: raw.mask }));
        }
        let (mark, mode) = match rev {
            1 => {
                let raw: XtMarkTargetInfoV1 = abi::read(bytes)?;
                (raw.mark, raw.mode)
            }
            _ => (abi::read(bytes)?, mode::SET),
        };
        let mark = u32::try_from(mark).map_err(|_| DecodeError::Unknown)?;
        Ok(Self(match mode {
            mode::SET => MarkMask { value: mark, mask: u32::MAX },
            mode::AND => MarkMask { value: 0, mask: !mark },
            mode::OR => MarkMask { value: mark, mask: mark },
            _ => return Err(DecodeError::Unknown),
        }))
    }

    /// COMPAT: iptables-nft writes the xtables target, and reads what nft writes.
    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        let [Item::MetaSet { key: meta::MARK, value }, ..] = items else { return None };
        let number = |bytes: &[u8]| Some(u32::from_ne_bytes(bytes.try_into().ok()?));
        let change = match *value {
            cond::Value::Const(data) => MarkMask { value: number(data)?, mask: u32::MAX },
            cond::Value::Changed { load: Load::Meta(meta::MARK), mask, xor } => {
                MarkMask { value: number(xor)?, mask: !number(mask)? }
            }
            cond::Value::Changed { .. } => return None,
        };
        Some((Self(change), 1))
    }

    fn effect(&self) -> Effect {
        let MarkMask { value, mask } = self.0;
        Effect::Mark { value, mask }
    }
}

abi! {
    /// `struct xt_mark_tginfo2` (linux/netfilter/xt_mark.h).
    struct XtMarkTginfo2[8] { mark: u32 = 0, mask: u32 = 4 }
}

abi! {
    /// `struct xt_mark_target_info_v1` (linux/netfilter/xt_MARK.h before Linux 2.6.39); that of
    /// revision 0 was the first field alone, an `unsigned long`.
    struct XtMarkTargetInfoV1[16] { mark: u64 = 0, mode: u8 = 8 }
}
