//! The TOS byte, or IPv6's traffic class, changed (kernel `net/netfilter/xt_DSCP.c:tos_tg`).

use crate::abi::{self, abi};
use crate::value::TosMask;
use crate::*;

const SET: Opt<TosMask> =
    Opt::new("set-tos", "clear the bits of the mask, then flip those of the value")
        .excludes(&["and-tos", "or-tos", "xor-tos"]);
const AND: Opt<u8> = Opt::new("and-tos", "keep these bits only")
    .within(0, 255)
    .excludes(&["set-tos", "or-tos", "xor-tos"]);
const OR: Opt<u8> = Opt::new("or-tos", "set these bits")
    .within(0, 255)
    .excludes(&["set-tos", "and-tos", "xor-tos"]);
const XOR: Opt<u8> = Opt::new("xor-tos", "flip these bits")
    .within(0, 255)
    .excludes(&["set-tos", "and-tos", "or-tos"]);

/// `-j TOS`: the byte becomes `(byte & ~mask) ^ value`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tos(pub TosMask);

impl Extension for Tos {
    const SPEC: Spec = Spec {
        options: &[SET.def(), AND.def(), OR.def(), XOR.def()],
        revisions: &[Revision::new(1, 8)],
        doc: "changes the TOS byte of the IPv4 header, or the traffic class of the IPv6 header",
        cases: &[
            ("--set-tos 5", Some("--set-tos 0x05/0xff")),
            ("--set-tos minimize-delay", Some("--set-tos 0x10/0x3f")),
            ("--set-tos 8/7", Some("--set-tos 0x08/0x07")),
            ("--and-tos 0xf", Some("--set-tos 0x00/0xf0")),
            ("--or-tos 0xf", Some("--set-tos 0x0f/0x0f")),
            ("--xor-tos 0xf", Some("--set-tos 0x0f/0x00")),
            ("--set-tos 256", None),
            ("--set-tos 5/256", None),
            ("--set-tos Minimize", None),
            ("", None),
        ],
        ..Spec::named("TOS")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let change = if let Some(tos) = args.get(&SET, cx)? {
            tos
        } else if let Some(bits) = args.get(&AND, cx)? {
            TosMask { value: 0, mask: !bits }
        } else if let Some(bits) = args.get(&OR, cx)? {
            TosMask { value: bits, mask: bits }
        } else if let Some(bits) = args.get(&XOR, cx)? {
            TosMask { value: bits, mask: 0 }
        } else {
            return Err(ArgError::own("TOS", "TOS: An action is required"));
        };
        Ok(Self(change))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&SET, &self.0);
    }

    /// COMPAT: upstream has two blanks before a name and none after `set`.
    fn list(&self, w: &mut ListWriter<'_>) {
        let TosMask { value, mask } = self.0;
        if w.numeric {
            w.word("TOS set ").value(&self.0);
        } else if let Some(name) = self.0.name() {
            w.word(" TOS set").raw(name);
        } else if value == 0 {
            w.word(&format!("TOS and {:#04x}", !mask));
        } else if value == mask {
            w.word(&format!("TOS or {value:#04x}"));
        } else if mask == 0 {
            w.word(&format!("TOS xor {value:#04x}"));
        } else {
            w.word("TOS set ").value(&self.0);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let TosMask { value: tos_value, mask: tos_mask } = self.0;
        abi::push(out, XtTosTargetInfo { tos_value, tos_mask });
        out.extend_from_slice(&[0; 6]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtTosTargetInfo = abi::read(bytes)?;
        Ok(Self(TosMask { value: raw.tos_value, mask: raw.tos_mask }))
    }

    fn effect(&self) -> Effect {
        let TosMask { value, mask } = self.0;
        Effect::Tos { value, mask }
    }
}

abi! {
    /// `struct xt_tos_target_info` (linux/netfilter/xt_DSCP.h).
    struct XtTosTargetInfo[2] { tos_value: u8 = 0, tos_mask: u8 = 1 }
}
