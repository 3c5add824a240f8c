//! Whether a local socket takes a packet (kernel `net/netfilter/xt_socket.c:socket_match`).

use crate::value::Flag;
use crate::*;
use oxtables_packet::Known;

const TRANSPARENT: Opt<Flag> = Opt::new("transparent", "only a socket that is transparent");
const NOWILDCARD: Opt<Flag> = Opt::new("nowildcard", "also a socket bound to any address");
const RESTORE_SKMARK: Opt<Flag> = Opt::new("restore-skmark", "gives the packet the socket's mark");

/// `XT_SOCKET_*` (linux/netfilter/xt_socket.h).
mod flag {
    pub(super) const TRANSPARENT: u8 = 1;
    pub(super) const NOWILDCARD: u8 = 2;
    pub(super) const RESTORE_SKMARK: u8 = 4;
}

const FLAGS: [(&Opt<Flag>, u8); 3] = [
    (&TRANSPARENT, flag::TRANSPARENT),
    (&NOWILDCARD, flag::NOWILDCARD),
    (&RESTORE_SKMARK, flag::RESTORE_SKMARK),
];

/// `-m socket`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Socket {
    /// `XT_SOCKET_*`.
    flags: u8,
}

/// Each revision has one flag more than the one before; the first has no struct at all.
const fn known_flags(rev: u8) -> u8 {
    match rev {
        0 => 0,
        1 => flag::TRANSPARENT,
        2 => flag::TRANSPARENT | flag::NOWILDCARD,
        _ => flag::TRANSPARENT | flag::NOWILDCARD | flag::RESTORE_SKMARK,
    }
}

impl Extension for Socket {
    const SPEC: Spec = Spec {
        options: &[TRANSPARENT.def(), NOWILDCARD.def(), RESTORE_SKMARK.def()],
        revisions: &[
            Revision::new(3, 8),
            Revision::new(2, 8),
            Revision::new(1, 8),
            Revision::new(0, 0),
        ],
        doc: "matches packets that a local socket takes",
        cases: &[
            ("", Some("")),
            ("--restore-skmark --transparent", Some("--transparent --restore-skmark")),
            ("--nowildcard", Some("--nowildcard")),
            ("! --transparent", None),
            ("--transparent --transparent", None),
        ],
        ..Spec::named("socket")
    };

    fn parse(args: &Args<'_>, _cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self { flags: args.bits(FLAGS) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        for (opt, bit) in FLAGS {
            w.flag(opt, self.flags & bit != 0);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("socket").as_saved(|args| self.save(args));
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let fits = self.flags & !known_flags(rev) == 0;
        match (rev, fits) {
            (0, true) | (1.., false) => (),
            // One byte is the wrong length, too: revision 0 has none.
            (0, false) => out.push(self.flags),
            (1.., true) => out.extend_from_slice(&[self.flags, 0, 0, 0, 0, 0, 0, 0]),
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let flags = bytes.first().copied().unwrap_or(0);
        if flags & !known_flags(rev) == 0 { Ok(Self { flags }) } else { Err(DecodeError::Unknown) }
    }

    fn view(&self) -> View {
        let sets_mark = self.flags & flag::RESTORE_SKMARK != 0;
        View::Opaque(if sets_mark { Class::Barrier } else { Class::Context })
    }
}

impl Match for Socket {
    /// `socket_match`: a socket bound to any address does not count, unless asked for; one that is
    /// not transparent does, unless the others are asked for.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let socket = match &cx.socket {
            Known::Known(socket) => socket,
            Known::Absent => return Truth::No,
            Known::Unknown(why) => return Truth::Unknown(why),
        };
        let has = |bit| self.flags & bit != 0;
        let bound = match has(flag::NOWILDCARD) {
            true => Truth::Yes,
            false => socket.wildcard.test(|wildcard| !wildcard),
        };
        let takes = bound.and_then(|| match has(flag::TRANSPARENT) {
            true => socket.transparent.test(|&transparent| transparent),
            false => Truth::Yes,
        });
        match takes {
            Truth::Yes if has(flag::RESTORE_SKMARK) => {
                Truth::Unknown("the match changes the packet's mark to that of the socket")
            }
            takes => takes,
        }
    }
}
