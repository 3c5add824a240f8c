//! The security parameters index of an encapsulated (ESP) packet (kernel `net/netfilter/xt_esp.c:esp_mt`).

use crate::matches::spis::Spis;
use crate::value::NumRange;
use crate::*;

const SPI: Opt<Neg<NumRange<u32>>> = Opt::neg("espspi", "the security parameters index");

/// `-m esp`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Esp(Spis);

impl Extension for Esp {
    const SPEC: Spec = Spec {
        families: Families::Both,
        implied_by: &[50],
        options: &[SPI.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the security parameters index of an encapsulated (ESP) packet",
        cases: &[
            ("-p esp --espspi 256:", Some("--espspi 256:4294967295")),
            ("-p esp ! --espspi :7", Some("! --espspi 0:7")),
            ("-p esp --espspi :", Some("")),
            ("-p esp ! --espspi 0:4294967295", Some("! --espspi 0:4294967295")),
            ("-p esp", Some("")),
            ("-p esp --espspi 4294967296", None),
            ("-p esp --espspi 5:4", None),
            ("-p esp --espspi 1:2:3", None),
        ],
        ..Spec::named("esp")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self(args.get_neg(&SPI, cx)?.map_or(Spis::ALL, Spis)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.0.save(w, &SPI);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("esp");
        if !self.0.is_all() {
            w.raw(" ");
        }
        self.0.list(w, "spi");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        Spis::decode(bytes).map(Self)
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Match for Esp {
    /// A later fragment never matches, a header cut short is dropped on the spot.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match packet.esp() {
            Ok(header) => self.0.fits(header.spi).into(),
            Err(missing) => missing.truth(),
        }
    }
}
