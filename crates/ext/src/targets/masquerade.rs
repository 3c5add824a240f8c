//! The address of the interface it leaves by as the source of a connection
//! (kernel `net/netfilter/xt_MASQUERADE.c:masquerade_tg`).

use super::nat::{Layout, Ports, RANDOM, RANDOM_FULLY, Range, To};
use crate::*;

const TO_PORTS: Opt<Ports> = Opt::new("to-ports", "the new source port or ports");

/// `-j MASQUERADE`, of IPv4 (`V6 = false`) or IPv6: two structs of one revision.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Masquerade<const V6: bool>(pub Range);

impl<const V6: bool> Extension for Masquerade<V6> {
    const SPEC: Spec = Spec {
        families: if V6 { Families::Ip6 } else { Families::Ip4 },
        options: &[TO_PORTS.def(), RANDOM.def(), RANDOM_FULLY.def()],
        revisions: if V6 { &[Revision::new(0, 40)] } else { &[Revision::new(0, 24)] },
        doc: "makes the connection come from the address of the interface it leaves by",
        cases: &[
            ("", Some("")),
            ("--random-fully --random", Some("--random --random-fully")),
            ("-p tcp --to-ports 0", Some("--to-ports 0")),
            ("-p tcp --to-ports 5-6", Some("--to-ports 5-6")),
            ("-p udplite --to-ports 5", None),
            ("-p tcp --to-ports 5:6", None),
            ("-p tcp --to-ports 5-6/6", None),
            ("--to-ports 5", None),
        ],
        ..Spec::named("MASQUERADE")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let to = To { addresses: None, ports: args.get(&TO_PORTS, cx)? };
        Ok(Self(Range::new(to, args)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt_if(&TO_PORTS, self.0.to.ports.as_ref());
        self.0.save_flags(w);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        if let Some(ports) = &self.0.to.ports {
            w.word("masq ports: ").value(ports);
        }
        self.0.list_flags(w);
    }

    fn encode(&self, _rev: u8, family: Family, out: &mut Vec<u8>) {
        self.0.encode(Layout::first(family), family, out);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let flags = [&RANDOM, &RANDOM_FULLY];
        let range = Range::decode(Layout::first(cx.family), cx, &flags, bytes)?;
        let addressed = range.to.addresses.is_some();
        if addressed { Err(DecodeError::Unknown) } else { Ok(Self(range)) }
    }

    fn effect(&self) -> Effect {
        Effect::Nat(NatKind::Masquerade, self.0)
    }
}
