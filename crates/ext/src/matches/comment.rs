//! A remark; always true (kernel `net/netfilter/xt_comment.c:comment_mt`).

use crate::abi;
use crate::value::Text;
use crate::*;
use oxtables_base::text;

/// The field is 256 bytes with its NUL.
const LEN: usize = 255;
const COMMENT: Opt<Comment> = Opt::new("comment", "the remark").required();

/// `-m comment`.
///
/// COMPAT: a comment of more than 255 bytes is cut there, as upstream cuts it: it only labels. A line
/// end in it is kept, but written as a blank: upstream writes it as it is, and a restore of that reads
/// what follows as a rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Comment(Box<[u8]>);

impl Comment {
    fn one_line(&self) -> Vec<u8> {
        self.0.iter().map(|&c| if c == b'\n' { b' ' } else { c }).collect()
    }
}

impl Value for Comment {
    const SYNTAX: &'static str = "text";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let cut = word.get(..LEN).unwrap_or(word);
        if cut.contains(&0) { Err(ValueError::Bad) } else { Ok(Self(cut.into())) }
    }

    fn save(&self, out: &mut Vec<u8>) {
        text::push_quoted(out, &self.one_line());
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
        w.word("/* ").bytes().extend_from_slice(&self.one_line());
        w.raw(" */");
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.0);
        out.resize(start + LEN + 1, 0);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = abi::c_text(bytes);
        if text.len() > LEN { Err(DecodeError::Unknown) } else { Ok(Self(text.into())) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands behind the line end must not come back as a line of its own.
    #[test]
    fn a_line_end_stays_in_the_kernel_but_not_in_the_text() {
        let mut bytes = b"a\n-A INPUT -j ACCEPT".to_vec();
        bytes.resize(LEN + 1, 0);
        let cx = DecodeCx { family: Family::Ip4, host: &NoHost };
        let comment = Comment::decode(0, &cx, &bytes).unwrap();
        let (mut saved, mut listed, mut again) = (Vec::new(), Vec::new(), Vec::new());
        Extension::save(&comment, &mut ArgWriter::new(&mut saved, Family::Ip4));
        comment.list(&mut ListWriter::new(&mut listed, Family::Ip4, None, true, &NoHost));
        comment.encode(0, Family::Ip4, &mut again);
        assert_eq!(saved, b" --comment \"a -A INPUT -j ACCEPT\"");
        assert_eq!(listed, b" /* a -A INPUT -j ACCEPT */");
        assert_eq!(again, bytes);
    }
}
