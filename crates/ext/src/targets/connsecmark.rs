//! The security mark copied between packet and connection (kernel
//! `net/netfilter/xt_CONNSECMARK.c:connsecmark_tg`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;

const SAVE: Opt<Flag> =
    Opt::new("save", "copy the packet's to the connection").excludes(&["restore"]);
const RESTORE: Opt<Flag> = Opt::new("restore", "copy the connection's to the packet");

/// `CONNSECMARK_SAVE`, `CONNSECMARK_RESTORE`.
const MODE_SAVE: u8 = 1;
const MODE_RESTORE: u8 = 2;

/// `-j CONNSECMARK`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Connsecmark {
    /// To the connection, if the packet is marked and the connection is not.
    Save,
    /// To the packet, if the connection is marked and the packet is not.
    Restore,
}

impl Connsecmark {
    fn opt(self) -> &'static Opt<Flag> {
        match self {
            Self::Save => &SAVE,
            Self::Restore => &RESTORE,
        }
    }
}

impl Extension for Connsecmark {
    const SPEC: Spec = Spec {
        options: &[SAVE.def(), RESTORE.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "copies the security mark between packet and connection",
        cases: &[
            ("--save", Some("--save")),
            ("--restore", Some("--restore")),
            ("--save --restore", None),
            ("! --save", None),
            ("", None),
        ],
        ..Spec::named("CONNSECMARK")
    };

    fn parse(args: &Args<'_>, _cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let none = "CONNSECMARK target: parameter required";
        match (args.has(&SAVE), args.has(&RESTORE)) {
            (true, _) => Ok(Self::Save),
            (_, true) => Ok(Self::Restore),
            _ => Err(ArgError::own("CONNSECMARK", none)),
        }
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.flag(self.opt(), true);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("CONNSECMARK ").raw(self.opt().def().name);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let mode = if *self == Self::Save { MODE_SAVE } else { MODE_RESTORE };
        abi::push(out, XtConnsecmarkTargetInfo { mode });
        out.extend_from_slice(&[0; 7]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtConnsecmarkTargetInfo = abi::read(bytes)?;
        match raw.mode {
            MODE_SAVE => Ok(Self::Save),
            MODE_RESTORE => Ok(Self::Restore),
            _ => Err(DecodeError::Unknown),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct xt_connsecmark_target_info` (linux/netfilter/xt_CONNSECMARK.h).
    struct XtConnsecmarkTargetInfo[1] { mode: u8 = 0 }
}
