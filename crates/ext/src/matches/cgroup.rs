//! The control group of the local socket of a packet (kernel
//! `net/netfilter/xt_cgroup.c:cgroup_mt_v2`).

use crate::abi::{self, abi};
use crate::value::Text;
use crate::*;
use oxtables_packet::Known;

const PATH: Opt<Neg<Path>> =
    Opt::neg("path", "the group (version 2) or one below it").excludes(&["cgroup"]);
const CGROUP: Opt<Neg<u32>> =
    Opt::neg("cgroup", "the class of the group (version 1)").within(0, 0xffff_ffff);

/// The field is 512 bytes with its NUL (`XT_CGROUP_PATH_MAX`, linux/netfilter/xt_cgroup.h).
const PATH_LEN: usize = 511;
/// The field of the second revision (`PATH_MAX`).
const OLD_PATH: usize = 4096;

/// `-m cgroup`.
///
/// COMPAT: upstream sends a rule with neither option or both, which the kernel does not take; here
/// they are refused before.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Cgroup {
    /// `--path`.
    Path(Neg<Path>),
    /// `--cgroup`.
    Class(Neg<u32>),
}

/// A path from the root of the hierarchy; always saved in quotes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Path(Text<PATH_LEN>);

impl Value for Path {
    const SYNTAX: &'static str = "path";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Text::parse(word, cx).map(Self)
    }

    fn save(&self, out: &mut Vec<u8>) {
        // The empty text is quoted by itself, a bare word is not.
        let bare = !self.0.bytes().is_empty() && {
            let mut quoted = Vec::new();
            self.0.save(&mut quoted);
            quoted.first() != Some(&b'"')
        };
        let mark = if bare { &b"\""[..] } else { b"" };
        out.extend_from_slice(mark);
        self.0.save(out);
        out.extend_from_slice(mark);
    }

    fn sample(rng: &mut oxtables_base::sample::Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<PATH_LEN>::sample(rng, cx)
    }
}

impl Extension for Cgroup {
    const SPEC: Spec = Spec {
        options: &[PATH.def(), CGROUP.def()],
        revisions: &[
            Revision::new(2, 528).private_from(520),
            Revision::new(1, 4112).private_from(4104),
            Revision::new(0, 8),
        ],
        doc: "matches the control group of the local socket that a packet comes from",
        cases: &[
            ("--cgroup 0x10", Some("--cgroup 16")),
            ("! --path user.slice/a", Some("! --path \"user.slice/a\"")),
            ("--path plain", Some("--path \"plain\"")),
            ("--cgroup 4294967296", None),
            ("--path / --cgroup 1", None),
            ("", None),
        ],
        ..Spec::named("cgroup")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let path = args.get_neg(&PATH, cx)?.map(Self::Path);
        let class = args.get_neg(&CGROUP, cx)?.map(Self::Class);
        let none = "cgroup: At least one of --path or --cgroup is required";
        path.or(class).ok_or(ArgError::own("cgroup", none))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        match self {
            Self::Path(path) => w.neg(&PATH, path),
            Self::Class(class) => w.neg(&CGROUP, class),
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let sign = |not| if not { "cgroup ! " } else { "cgroup " };
        match self {
            Self::Path(Neg { not, value }) => {
                oxtables_base::text::push_visible(w.word(sign(*not)).bytes(), value.0.bytes());
            }
            Self::Class(Neg { not, value }) => drop(w.word(sign(*not)).number(*value)),
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        if rev == 0 {
            if let Self::Class(Neg { not, value }) = *self {
                abi::push(out, XtCgroupInfoV0 { id: value, invert: not.into() });
            }
            return;
        }
        let start = out.len();
        match self {
            Self::Path(Neg { not, value }) => {
                out.extend_from_slice(&[1, 0, u8::from(*not), 0]);
                out.extend_from_slice(value.0.bytes());
            }
            Self::Class(Neg { not, value }) => {
                out.extend_from_slice(&[0, 1, 0, u8::from(*not)]);
                // In the second revision the class lies behind the path, in the third in its place.
                out.resize(out.len() + if rev == 1 { OLD_PATH } else { 0 }, 0);
                out.extend_from_slice(&value.to_ne_bytes());
            }
        }
        // The kernel's own pointer comes last.
        out.resize(start + Self::SPEC.revision(rev).map_or(0, |r| r.size), 0);
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        if rev == 0 {
            let raw: XtCgroupInfoV0 = abi::read(bytes)?;
            return Ok(Self::Class(Neg { not: raw.invert != 0, value: raw.id }));
        }
        let room = if rev == 1 { OLD_PATH } else { PATH_LEN + 1 };
        let Some((&head, rest)) = bytes.split_first_chunk::<4>() else {
            return Err(DecodeError::Length);
        };
        let path = rest.get(..room).ok_or(DecodeError::Length)?;
        match head {
            [1, 0, not, 0] => {
                let value = Text::new(abi::c_text(path)).ok_or(DecodeError::Unknown)?;
                Ok(Self::Path(Neg { not: not != 0, value: Path(value) }))
            }
            [0, 1, 0, not] => {
                let at = if rev == 1 { room } else { 0 };
                let class = rest.get(at..).and_then(|r| r.first_chunk());
                let value = u32::from_ne_bytes(*class.ok_or(DecodeError::Length)?);
                Ok(Self::Class(Neg { not: not != 0, value }))
            }
            _ => Err(DecodeError::Unknown),
        }
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

/// Whether the group at `path` is the one at `root` or below it.
fn is_below(path: &[u8], root: &[u8]) -> bool {
    fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
        path.split(|&c| c == b'/').filter(|part| !part.is_empty())
    }
    let mut path = parts(path);
    parts(root).all(|part| path.next() == Some(part))
}

impl Match for Cgroup {
    /// `cgroup_mt_v2`: a packet without a socket never matches, inverted or not.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let socket = match &cx.socket {
            Known::Known(socket) => socket,
            Known::Absent => return Truth::No,
            Known::Unknown(why) => return Truth::Unknown(why),
        };
        match self {
            Self::Path(Neg { not, value }) => {
                let below = socket.cgroup_path.test(|path| is_below(path, value.0.bytes()));
                below.invert_if(*not)
            }
            Self::Class(Neg { not, value }) => {
                socket.cgroup_class.test(|class| class == value).invert_if(*not)
            }
        }
    }
}

abi! {
    /// `struct xt_cgroup_info_v0` (linux/netfilter/xt_cgroup.h).
    struct XtCgroupInfoV0[8] { id: u32 = 0, invert: u32 = 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_below_itself_and_the_groups_above() {
        assert!(is_below(b"/a/b", b"a"));
        assert!(is_below(b"/a/b", b"/a/b/"));
        assert!(is_below(b"/a", b"/"));
        assert!(!is_below(b"/ab", b"/a"));
        assert!(!is_below(b"/a", b"/a/b"));
    }
}
