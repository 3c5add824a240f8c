//! A counter that the kernel keeps by name (kernel `net/netfilter/xt_nfacct.c:nfacct_mt`).

use crate::abi::{self, abi};
use crate::value::Name;
use crate::*;
use oxtables_base::text;

const NAME: Opt<Name<31>> = Opt::new("nfacct-name", "the counter, made with nfacct").required();

/// `-m nfacct`: counts the packet, and matches.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Nfacct(Name<31>);

impl Extension for Nfacct {
    const SPEC: Spec = Spec {
        options: &[NAME.def()],
        revisions: &[Revision::new(1, 40).private_from(32), Revision::new(0, 40).private_from(32)],
        doc: "counts packets in an accounting object of the kernel",
        cases: &[
            ("--nfacct-name web", Some("--nfacct-name  web")),
            ("--nfacct-name \"b b\"", Some("--nfacct-name  \"b b\"")),
            ("--nfacct-name \"\"", None),
            ("--nfacct-name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None),
            ("! --nfacct-name web", None),
            ("", None),
        ],
        ..Spec::named("nfacct")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need(&NAME, cx).map(Self)
    }

    /// COMPAT: upstream writes two blanks before the name.
    fn save(&self, w: &mut ArgWriter<'_>) {
        w.name(false, NAME.def().name);
        w.bytes().push(b' ');
        w.quoted(self.0.bytes());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        text::push_quoted(w.word("nfacct-name  ").bytes(), self.0.bytes());
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let name = abi::c_string(self.0.bytes()).unwrap_or([0; 32]);
        abi::push(out, XtNfacctMatchInfo { name, nfacct: 0 });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtNfacctMatchInfo = abi::read(bytes)?;
        Name::new(abi::c_text(&raw.name)).map(Self).ok_or(DecodeError::Unknown)
    }
}

impl Match for Nfacct {
    /// An object with a quota matches only when that is used up.
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("whether the accounting object has a quota is not known")
    }
}

abi! {
    /// `struct xt_nfacct_match_info` of both revisions (linux/netfilter/xt_nfacct.h); `nfacct` is a
    /// pointer of the kernel's.
    struct XtNfacctMatchInfo[40] { name: [u8; 32] = 0, nfacct: u64 = 32 }
}
