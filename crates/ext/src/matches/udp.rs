//! The ports of a UDP datagram (kernel `net/netfilter/xt_tcpudp.c:udp_mt`).

use crate::abi::{self, abi};
use crate::matches::native_ports;
use crate::value::{GuidedPorts, PortRange};
use crate::*;

const SPORT: Opt<Neg<GuidedPorts>> =
    Opt::neg("sport", "source port or ports").formally(&["source-port"]);
const DPORT: Opt<Neg<GuidedPorts>> =
    Opt::neg("dport", "destination port or ports").formally(&["destination-port"]);

/// `-m udp`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Udp {
    /// The source port.
    pub sport: Option<Neg<PortRange>>,
    /// The destination port.
    pub dport: Option<Neg<PortRange>>,
}

impl Extension for Udp {
    const SPEC: Spec = Spec {
        implied_by: &[17],
        options: &[SPORT.def(), DPORT.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the ports of a UDP datagram",
        cases: &[
            ("-p udp --dport 53", Some("--dport 53")),
            ("-p udp --source-port 1: ! --destination-port 7", Some("--sport 1:65535 ! --dport 7")),
            ("-p udp --sport :", Some("")),
            ("-p udp ! --sport 0:65535", Some("! --sport 0:65535")),
            ("-p udp", Some("")),
            ("-p udp --dport 65536", None),
            ("-p udp --dport 5:4", None),
            ("-p tcp --dport 5", None),
            ("--dport 5", None),
        ],
        ..Spec::named("udp")
    };

    /// COMPAT: upstream takes `! -p udp --dport 5` and sends a rule that reads the ports of every
    /// other protocol; here ports are those of UDP, as the kernel's own match insists.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let ports = |option| {
            let given = args.get_neg(option, cx)?;
            Ok(native_ports::typed(given.map(|g| g.map(|p: GuidedPorts| p.0))))
        };
        let (sport, dport) = (ports(&SPORT)?, ports(&DPORT)?);
        if (sport.is_some() || dport.is_some()) && !cx.proto_is(&[17]) {
            return Err(ArgError::own("udp", "UDP match requires '-p udp'"));
        }
        Ok(Self { sport, dport })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&SPORT, self.sport.map(|p| p.map(GuidedPorts)).as_ref());
        w.neg_if(&DPORT, self.dport.map(|p| p.map(GuidedPorts)).as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("udp");
        native_ports::list(w, "spt", self.sport, "udp");
        native_ports::list(w, "dpt", self.dport, "udp");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (spts, s_not) = native_ports::bounds(self.sport);
        let (dpts, d_not) = native_ports::bounds(self.dport);
        let invflags = u8::from(s_not) | u8::from(d_not) << 1;
        abi::push(out, XtUdp { spts, dpts, invflags });
        out.extend_from_slice(&[0; 6]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtUdp = abi::read(bytes)?;
        Ok(Self {
            sport: native_ports::from_bounds(raw.spts, raw.invflags & 1 != 0)?,
            dport: native_ports::from_bounds(raw.dpts, raw.invflags & 2 != 0)?,
        })
    }

    fn lower(&self, w: &mut Writer, cx: &NativeCx) -> bool {
        let all = self.sport.is_none() && self.dport.is_none();
        if all || cx.proto != Some(Neg::plain(17)) {
            return false;
        }
        native_ports::lower(w, self.sport, self.dport);
        true
    }

    fn raise(items: &[Item<'_>], cx: &NativeCx) -> Option<(Self, usize)> {
        if cx.proto != Some(Neg::plain(17)) {
            return None;
        }
        let (sport, dport, used) = native_ports::raise(items);
        (used > 0).then_some((Self { sport, dport }, used))
    }

    fn view(&self) -> View {
        let ports = [(Field::SourcePort, self.sport), (Field::DestinationPort, self.dport)];
        View::Clauses(ports.iter().filter_map(|&(f, p)| native_ports::clause(f, p)).collect())
    }
}

impl Match for Udp {
    /// `udp_mt`: a later fragment never matches, a header cut short is dropped on the spot.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match packet.udp() {
            Ok(udp) => (native_ports::contain(self.sport, udp.sport())
                && native_ports::contain(self.dport, udp.dport()))
            .into(),
            Err(missing) => missing.truth(),
        }
    }
}

abi! {
    /// `struct xt_udp` (linux/netfilter/xt_tcpudp.h).
    struct XtUdp[10] { spts: [u16; 2] = 0, dpts: [u16; 2] = 4, invflags: u8 = 8 }
}
