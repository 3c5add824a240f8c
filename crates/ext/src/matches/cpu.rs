//! The processor that handles a packet (kernel `net/netfilter/xt_cpu.c:cpu_mt`).

use crate::abi::{self, abi};
use crate::*;

const CPU: Opt<Neg<u32>> =
    Opt::neg("cpu", "the processor that handles the packet").required().within(0, 0xffff_ffff);

/// `-m cpu`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cpu(Neg<u32>);

impl Extension for Cpu {
    const SPEC: Spec = Spec {
        options: &[CPU.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches the processor that handles a packet",
        cases: &[
            ("--cpu 0", Some("--cpu 0")),
            ("! --cpu 0x10", Some("! --cpu 16")),
            ("--cpu 4294967296", None),
            ("--cpu 1:2", None),
            ("", None),
        ],
        ..Spec::named("cpu")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&CPU, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&CPU, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word(if self.0.not { "cpu ! " } else { "cpu " }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtCpuInfo { cpu: self.0.value, invert: self.0.not.into() });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtCpuInfo = abi::read(bytes)?;
        Ok(Self(Neg { not: raw.invert != 0, value: raw.cpu }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Cpu {
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        cx.cpu.test(|&cpu| cpu == self.0.value).invert_if(self.0.not)
    }
}

abi! {
    /// `struct xt_cpu_info` (linux/netfilter/xt_cpu.h).
    struct XtCpuInfo[8] { cpu: u32 = 0, invert: u32 = 4 }
}
