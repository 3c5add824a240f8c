//! The compression parameter index of IPComp (kernel `net/netfilter/xt_ipcomp.c:comp_mt`).

use crate::abi::{self, abi};
use crate::matches::spis::Spis;
use crate::value::{Flag, NumRange};
use crate::*;

const SPI: Opt<Neg<NumRange<u32>>> = Opt::neg("ipcompspi", "the compression parameter index");
const RESERVED: Opt<Flag> =
    Opt::new("compres", "the reserved field is zero (the kernel does not look)");

/// `-m ipcomp`.
///
/// COMPAT: without `--ipcompspi` index 0 is meant, not all of them, as upstream sends and saves it.
/// Upstream saves the range of all indexes as no option at all, which restores to index 0: here it
/// is written out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IpComp {
    spis: Spis,
    reserved: bool,
}

impl Extension for IpComp {
    const SPEC: Spec = Spec {
        implied_by: &[108],
        options: &[SPI.def(), RESERVED.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the compression parameter index of a compressed (IPComp) packet",
        cases: &[
            ("-p ipcomp", Some("--ipcompspi 0")),
            ("-p ipcomp --compres", Some("--ipcompspi 0 --compres")),
            ("-p ipcomp --ipcompspi :", Some("--ipcompspi 0:4294967295")),
            ("-p ipcomp ! --ipcompspi 0x10:", Some("! --ipcompspi 16:4294967295")),
            ("-p ipcomp --ipcompspi 5:4", None),
            ("-p ipcomp ! --compres", None),
        ],
        ..Spec::named("ipcomp")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let zero = Neg::plain(NumRange { lo: 0, hi: 0 });
        let spis = Spis(args.get_neg(&SPI, cx)?.unwrap_or(zero));
        Ok(Self { spis, reserved: args.has(&RESERVED) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&SPI, &self.spis.0);
        w.flag(&RESERVED, self.reserved);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("comp ");
        self.spis.list(w, "spi");
        w.raw(if self.reserved { " reserved" } else { "" });
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (invflags, hdrres) = (self.spis.0.not.into(), self.reserved.into());
        abi::push(out, XtIpcomp { spis: self.spis.bounds(), invflags, hdrres });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtIpcomp = abi::read(bytes)?;
        let spis = Spis::from_bounds(raw.spis, raw.invflags != 0)?;
        Ok(Self { spis, reserved: raw.hdrres != 0 })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Match for IpComp {
    /// `comp_mt`, which does not look at the reserved field whatever the rule says.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match packet.ipcomp() {
            Ok(header) => self.spis.fits(header.cpi.into()).into(),
            Err(missing) => missing.truth(),
        }
    }
}

abi! {
    /// `struct xt_ipcomp` (linux/netfilter/xt_ipcomp.h).
    struct XtIpcomp[12] { spis: [u32; 2] = 0, invflags: u8 = 8, hdrres: u8 = 9 }
}
