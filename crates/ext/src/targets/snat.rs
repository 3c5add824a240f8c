//! Another source for a connection (kernel `net/netfilter/xt_nat.c:xt_snat_target_v2`).

use super::nat::{self, Layout, PERSISTENT, RANDOM, RANDOM_FULLY, Range, To};
use crate::*;

const TO: Opt<To> = Opt::new("to-source", "the new source").required();

/// `-j SNAT`, of IPv4 (`V6 = false`) or IPv6.
///
/// COMPAT: the families are two kinds, as upstream writes revision 0 for IPv4 and 1 for IPv6 though
/// the kernel has had revision 2 for both since 4.18; all are read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Snat<const V6: bool>(pub Range);

impl<const V6: bool> Extension for Snat<V6> {
    const SPEC: Spec = Spec {
        families: if V6 { Families::Ip6 } else { Families::Ip4 },
        options: &[TO.def(), RANDOM.def(), RANDOM_FULLY.def(), PERSISTENT.def()],
        revisions: if V6 {
            &[Revision::new(1, 40), Revision::new(2, 48)]
        } else {
            &[Revision::new(0, 24), Revision::new(1, 40), Revision::new(2, 48)]
        },
        doc: "makes the connection come from another address or port",
        cases: &[
            ("-p tcp --to-source :80-90", Some("--to-source :80-90")),
            (
                "-p sctp --to-source :0 --persistent --random-fully --random",
                Some("--to-source :0 --random --random-fully --persistent"),
            ),
            ("-p tcp --to-source :80-90/85", None),
            ("--to-source :80", None),
            ("--to-source ", None),
            ("--random", None),
        ],
        ..Spec::named("SNAT")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let to = args.need(&TO, cx)?;
        nat::no_base(to.ports).map_err(|e| {
            let word = args.find(&TO).map_or(&b""[..], |seen| seen.words[0]);
            let kind = ArgErrorKind::Value(e);
            ArgError { extension: "", option: TO.def().name, word: word.to_vec(), kind }
        })?;
        Ok(Self(Range::new(to, args)))
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
        let flags = [&RANDOM, &RANDOM_FULLY, &PERSISTENT];
        let range = Range::decode(Layout::of(rev), cx, &flags, bytes)?;
        let based = nat::no_base(range.to.ports).is_err();
        if based || range.to == To::default() { Err(DecodeError::Unknown) } else { Ok(Self(range)) }
    }

    fn effect(&self) -> Effect {
        Effect::Nat(NatKind::Source, self.0)
    }
}
