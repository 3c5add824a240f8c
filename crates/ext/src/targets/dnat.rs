//! Another destination for a connection (kernel `net/netfilter/xt_nat.c:xt_dnat_target_v2`).

use super::nat::{Layout, PERSISTENT, RANDOM, Range, To};
use crate::*;

const TO: Opt<To> = Opt::new("to-destination", "the new destination")
    .required()
    .shown_as("[address[-address]][:port[-port[/base]]]");

/// `-j DNAT`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Dnat(pub Range);

impl Extension for Dnat {
    const SPEC: Spec = Spec {
        options: &[TO.def(), RANDOM.def(), PERSISTENT.def()],
        revisions: &[Revision::new(2, 48), Revision::new(1, 40), Revision::new(0, 24)],
        doc: "sends the connection to another address or port",
        cases: &[
            ("-p tcp --to-destination :80", Some("--to-destination :80")),
            ("-p udp --to-destination :80-0x60/81", Some("--to-destination :80-96/81")),
            ("-p tcp --to-destination :80-80/81", Some("--to-destination :80-80/81")),
            ("-p icmp --to-destination :0-0 --random", Some("--to-destination :0 --random")),
            ("--to-destination :80", None),
            ("-p udplite --to-destination :80", None),
            ("-p tcp --to-destination :90-80", None),
            ("-p tcp --to-destination :80-90/0", None),
            ("-p tcp --to-destination :80-90/85x", None),
            ("-p tcp --to-destination :80/85", None),
            ("-p tcp --to-destination [::1]80", None),
            ("--to-destination 1.2.3", None),
            ("--persistent", None),
        ],
        ..Spec::named("DNAT")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self(Range::new(args.need(&TO, cx)?, args)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&TO, &self.0.to);
        self.0.save_flags(w);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("to:").value(&self.0.to);
        self.0.list_flags(w);
    }

    fn encode(&self, rev: u8, family: Family, out: &mut Vec<u8>) {
        self.0.encode(Layout::of(rev), family, out);
    }

    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let range = Range::decode(Layout::of(rev), cx, &[&RANDOM, &PERSISTENT], bytes)?;
        if range.to == To::default() { Err(DecodeError::Unknown) } else { Ok(Self(range)) }
    }

    fn effect(&self) -> Effect {
        Effect::Nat(NatKind::Destination, self.0)
    }
}
