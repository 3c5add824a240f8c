//! The security parameters index of an authenticated (AH) packet (kernel `net/ipv4/netfilter/ipt_ah.c:ah_mt`).

use crate::matches::spis::Spis;
use crate::value::NumRange;
use crate::*;

const SPI: Opt<Neg<NumRange<u32>>> = Opt::neg("ahspi", "the security parameters index");

/// `-m ah`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ah(Spis);

impl Extension for Ah {
    const SPEC: Spec = Spec {
        families: Families::Ip4,
        implied_by: &[51],
        options: &[SPI.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the security parameters index of an authenticated (AH) packet",
        cases: &[
            ("-p ah --ahspi 256:", Some("--ahspi 256:4294967295")),
            ("-p ah ! --ahspi :7", Some("! --ahspi 0:7")),
            ("-p ah --ahspi :", Some("")),
            ("-p ah ! --ahspi 0:4294967295", Some("! --ahspi 0:4294967295")),
            ("-p ah", Some("")),
            ("-p ah --ahspi 4294967296", None),
            ("-p ah --ahspi 5:4", None),
            ("-p ah --ahspi 1:2:3", None),
        ],
        ..Spec::named("ah")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self(args.get_neg(&SPI, cx)?.map_or(Spis::ALL, Spis)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.0.save(w, &SPI);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("ah ");
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

impl Match for Ah {
    /// A later fragment never matches, a header cut short is dropped on the spot.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match packet.ah() {
            Ok(header) => self.0.fits(header.spi).into(),
            Err(missing) => missing.truth(),
        }
    }
}
