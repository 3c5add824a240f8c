//! This machine as the destination of a connection (kernel `net/netfilter/xt_REDIRECT.c:redirect_tg`).

use super::nat::{Layout, Ports, RANDOM, Range, To};
use crate::*;

const TO_PORTS: Opt<Ports> = Opt::new("to-ports", "the new destination port or ports");

/// `-j REDIRECT`, of IPv4 (`V6 = false`) or IPv6: two structs of one revision.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Redirect<const V6: bool>(pub Range);

impl<const V6: bool> Extension for Redirect<V6> {
    const SPEC: Spec = Spec {
        families: if V6 { Families::Ip6 } else { Families::Ip4 },
        options: &[TO_PORTS.def(), RANDOM.def()],
        revisions: if V6 { &[Revision::new(0, 40)] } else { &[Revision::new(0, 24)] },
        doc: "sends the connection to this machine itself",
        cases: &[
            ("", Some("")),
            ("--random", Some("--random")),
            ("-p tcp --to-ports 1-65535", Some("--to-ports 1-65535")),
            ("-p tcp --to-ports 5-6/6", None),
            ("-p tcp --to-ports 9-5", None),
            ("--to-ports 5", None),
        ],
        ..Spec::named("REDIRECT")
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
            w.word("redir ports ").value(ports);
        }
        self.0.list_flags(w);
    }

    fn encode(&self, _rev: u8, family: Family, out: &mut Vec<u8>) {
        self.0.encode(Layout::first(family), family, out);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let range = Range::decode(Layout::first(cx.family), cx, &[&RANDOM], bytes)?;
        let addressed = range.to.addresses.is_some();
        if addressed { Err(DecodeError::Unknown) } else { Ok(Self(range)) }
    }

    fn effect(&self) -> Effect {
        Effect::Nat(NatKind::Redirect, self.0)
    }
}
