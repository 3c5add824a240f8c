//! A remark; always true (kernel `net/netfilter/xt_comment.c:comment_mt`).

use crate::abi;
use crate::value::Text;
use crate::*;

/// The field is 256 bytes with its NUL.
const LEN: usize = 255;
const COMMENT: Opt<Comment> = Opt::new("comment", "the remark").required();

/// `-m comment`.
///
/// COMPAT: a comment of more than 255 bytes is cut there, as upstream cuts it: it only labels.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Comment(pub Text<LEN>);

impl Value for Comment {
    const SYNTAX: &'static str = "text";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let cut = word.get(..LEN).unwrap_or(word);
        Text::new(cut).map(Self).ok_or(ValueError::Bad)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut oxtables_base::sample::Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<LEN>::sample(rng, cx)
    }
}

impl Extension for Comment {
    const SPEC: Spec = Spec {
        options: &[COMMENT.def()],
        revisions: &[Revision::new(0, 256)],
        doc: "attaches a remark to a rule; it matches every packet",
        cases: &[
            ("--comment foo", Some("--comment foo")),
            ("--comment a,b", Some("--comment \"a,b\"")),
            ("", None),
        ],
        ..Spec::named("comment")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need(&COMMENT, cx)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&COMMENT, self);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("/* ").bytes().extend_from_slice(self.0.bytes());
        w.raw(" */");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.0.bytes());
        out.resize(start + 256, 0);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        Text::new(abi::c_text(bytes)).map(Self).ok_or(DecodeError::Unknown)
    }

    fn view(&self) -> View {
        View::Clauses(smallvec::smallvec![])
    }
}

impl Match for Comment {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Yes
    }
}
