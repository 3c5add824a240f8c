//! The groups of the interfaces a packet came in by and leaves by (kernel
//! `net/netfilter/xt_devgroup.c:devgroup_mt`).

use crate::abi::{self, abi};
use crate::value::{MarkMask, NameFile, NamedMask};
use crate::*;
use oxtables_base::names::NumberedNames;
use oxtables_packet::{IfName, Known};
use std::sync::OnceLock;

const SRC: Opt<Neg<Group>> = Opt::neg("src-group", "the group of the interface it came in by");
const DST: Opt<Neg<Group>> = Opt::neg("dst-group", "the group of the interface it leaves by");

/// `XT_DEVGROUP_*` (linux/netfilter/xt_devgroup.h).
const MATCH_SRC: u32 = 1;
const INVERT_SRC: u32 = 2;
const MATCH_DST: u32 = 4;
const INVERT_DST: u32 = 8;

type Group = NamedMask<GroupFile>;

/// The names of groups: `/etc/iproute2/group`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GroupFile;

impl NameFile for GroupFile {
    const SYNTAX: &'static str = "group[/mask]";

    fn names() -> &'static NumberedNames {
        static NAMES: OnceLock<NumberedNames> = OnceLock::new();
        NAMES.get_or_init(|| NumberedNames::read("/etc/iproute2/group"))
    }
}

/// `-m devgroup`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Devgroup {
    /// The group of the interface it came in by.
    pub src: Option<Neg<Group>>,
    /// The group of the interface it leaves by.
    pub dst: Option<Neg<Group>>,
}

impl Extension for Devgroup {
    const SPEC: Spec = Spec {
        options: &[SRC.def(), DST.def()],
        revisions: &[Revision::new(0, 24)],
        doc: "matches the groups of the interfaces a packet came in by and leaves by",
        cases: &[
            ("--src-group 0x123", Some("--src-group 0x123")),
            (
                "--dst-group 1/0xf ! --src-group 0x20/255",
                Some("! --src-group 0x20/0xff --dst-group 0x1/0xf"),
            ),
            ("--src-group 1/", None),
            ("--src-group 4294967296", None),
            ("--dst-group no-such-group", None),
            ("", None),
        ],
        ..Spec::named("devgroup")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let made = Self { src: args.get_neg(&SRC, cx)?, dst: args.get_neg(&DST, cx)? };
        if made.src.is_none() && made.dst.is_none() {
            let none = "devgroup match: You must specify either '--src-group' or '--dst-group'";
            return Err(ArgError::own("devgroup", none));
        }
        Ok(made)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&SRC, self.src.as_ref());
        w.neg_if(&DST, self.dst.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        for (opt, group) in [(SRC, self.src), (DST, self.dst)] {
            let Some(Neg { not, value }) = group else { continue };
            w.raw(if not { " !" } else { "" }).word(opt.def().name).raw(" ");
            if w.numeric {
                w.value(&value.number)
            } else {
                w.value(&value)
            };
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let bits = |group: Option<Neg<Group>>, given: u32, not: u32| {
            group.map_or(0, |g| given | if g.not { not } else { 0 })
        };
        let flags = bits(self.src, MATCH_SRC, INVERT_SRC) | bits(self.dst, MATCH_DST, INVERT_DST);
        let pair = |group: Option<Neg<Group>>| {
            group.map_or([0; 2], |g| [g.value.number.value, g.value.number.mask])
        };
        abi::push(out, XtDevgroupInfo { flags, src: pair(self.src), dst: pair(self.dst) });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let XtDevgroupInfo { flags, src, dst } = abi::read(bytes)?;
        let group = |[value, mask]: [u32; 2], given: u32, not: u32| {
            let value = NamedMask::new(MarkMask { value, mask });
            (flags & given != 0).then_some(Neg { not: flags & not != 0, value })
        };
        if flags & (MATCH_SRC | MATCH_DST) == 0 {
            return Err(DecodeError::Unknown);
        }
        Ok(Self { src: group(src, MATCH_SRC, INVERT_SRC), dst: group(dst, MATCH_DST, INVERT_DST) })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Devgroup {
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let fits = |group: Option<Neg<Group>>, interface: &Known<IfName>| {
            let Some(Neg { not, value }) = group else { return Truth::Yes };
            let MarkMask { value, mask } = value.number;
            let of = interface.as_ref().and_then(|name| cx.host.interface_group(name));
            of.test(|group| group & mask == value).invert_if(not)
        };
        fits(self.src, &cx.in_interface).and_then(|| fits(self.dst, &cx.out_interface))
    }
}

abi! {
    /// `struct xt_devgroup_info` (linux/netfilter/xt_devgroup.h).
    struct XtDevgroupInfo[20] { flags: u32 = 0, src: [u32; 2] = 4, dst: [u32; 2] = 12 }
}
