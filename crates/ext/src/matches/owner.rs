//! The user and group that own the local socket of a packet (kernel
//! `net/netfilter/xt_owner.c:owner_mt`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_base::{names, number};
use oxtables_packet::Known;

const UID: Opt<Neg<Users>> = Opt::neg("uid-owner", "who owns the socket");
const GID: Opt<Neg<Groups>> = Opt::neg("gid-owner", "the group that owns the socket");
const SOCKET: Opt<Neg<Flag>> = Opt::neg("socket-exists", "the packet has a local socket");
const SUPPL_GROUPS: Opt<Flag> =
    Opt::new("suppl-groups", "the owner's other groups count for --gid-owner too");

/// `XT_OWNER_*` (linux/netfilter/xt_owner.h).
const MATCH_UID: u8 = 1;
const MATCH_GID: u8 = 2;
const MATCH_SOCKET: u8 = 4;
const MATCH_SUPPL_GROUPS: u8 = 8;

/// The number that means "no such user" to the kernel, and can be no owner.
const NOBODY: u64 = 0xffff_ffff;

/// `-m owner`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Owner {
    /// The user.
    pub uid: Option<Neg<Users>>,
    /// The group.
    pub gid: Option<Neg<Groups>>,
    /// Whether there must be a socket.
    pub socket: Option<Neg<Flag>>,
    /// Whether supplementary groups count.
    pub suppl_groups: bool,
}

/// User numbers.
pub type Users = Ids<false>;
/// Group numbers.
pub type Groups = Ids<true>;

/// The numbers of `lo..=hi`, of groups or of users. One may be typed by its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ids<const GROUPS: bool> {
    /// The lowest.
    pub lo: u32,
    /// The highest.
    pub hi: u32,
}

impl<const GROUPS: bool> Ids<GROUPS> {
    fn has(&self, id: u32) -> bool {
        (self.lo..=self.hi).contains(&id)
    }

    fn push_name(&self, w: &mut ListWriter<'_>) {
        let name = match (w.numeric || self.lo != self.hi, GROUPS) {
            (true, _) => None,
            (false, true) => names::group_name(self.lo).map(<[u8]>::to_vec),
            (false, false) => names::user_name(self.lo),
        };
        match name {
            Some(name) => oxtables_base::text::push_visible(w.bytes(), &name),
            None => drop(w.value(self)),
        }
    }
}

impl<const GROUPS: bool> Value for Ids<GROUPS> {
    const SYNTAX: &'static str = if GROUPS { "group[-group]" } else { "user[-user]" };

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let bad = ValueError::Own(match GROUPS {
            true => "owner: Bad value for \"--gid-owner\" option: \"%\"",
            false => "owner: Bad value for \"--uid-owner\" option: \"%\"",
        });
        let named = if GROUPS { names::group_by_name(word) } else { names::user_by_name(word) };
        if let Some(id) = named {
            return Ok(Self { lo: id, hi: id });
        }
        let read = || {
            let id = |n: u64| if n < NOBODY { u32::try_from(n).ok() } else { None };
            let (lo, rest) = number::prefix(word)?;
            let hi = match rest {
                [] => lo,
                [b'-' | b':', hi @ ..] => number::parse(hi)?,
                _ => return None,
            };
            Some(Self { lo: id(lo)?, hi: id(hi)? })
        };
        read().ok_or(bad)
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_decimal(out, self.lo.into());
        if self.lo != self.hi {
            out.push(b'-');
            number::push_decimal(out, self.hi.into());
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let lo = rng.within(0, NOBODY - 1);
        let hi = rng.within(lo, NOBODY - 1);
        if rng.one_in(2) { lo.to_string() } else { format!("{lo}-{hi}") }.into_bytes()
    }
}

impl Extension for Owner {
    const SPEC: Spec = Spec {
        options: &[UID.def(), GID.def(), SOCKET.def(), SUPPL_GROUPS.def()],
        revisions: &[Revision::new(1, 24)],
        doc: "matches the owner of the local socket that a packet comes from",
        cases: &[
            ("--uid-owner 1000", Some("--uid-owner 1000")),
            ("! --uid-owner 5-9 --gid-owner 7", Some("! --uid-owner 5-9 --gid-owner 7")),
            (
                "--gid-owner 7:9 --suppl-groups ! --socket-exists",
                Some("! --socket-exists --gid-owner 7-9 --suppl-groups"),
            ),
            ("--uid-owner root", Some("--uid-owner 0")),
            ("--uid-owner root-5", None),
            ("--uid-owner 4294967295", None),
            ("--uid-owner 5-", None),
            ("--suppl-groups", None),
            ("", None),
        ],
        ..Spec::named("owner")
    };

    /// COMPAT: upstream wants `--suppl-groups` behind `--gid-owner`; here the order is free.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        if args.has(&SUPPL_GROUPS) && !args.has(&GID) {
            let first = "owner: Bad value for \"--suppl-groups\" option: \"you need to use \
                         --gid-owner first\"";
            return Err(ArgError::own("owner", first));
        }
        let made = Self {
            uid: args.get_neg(&UID, cx)?,
            gid: args.get_neg(&GID, cx)?,
            socket: args.get_neg(&SOCKET, cx)?,
            suppl_groups: args.has(&SUPPL_GROUPS),
        };
        if made.bits().0 == 0 {
            let none = "owner: At least one of --uid-owner, --gid-owner or --socket-exists is \
                        required";
            return Err(ArgError::own("owner", none));
        }
        Ok(made)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        if let Some(Neg { not, .. }) = self.socket {
            w.name(not, SOCKET.def().name);
        }
        w.neg_if(&UID, self.uid.as_ref());
        w.neg_if(&GID, self.gid.as_ref());
        w.flag(&SUPPL_GROUPS, self.suppl_groups);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let sign = |not| if not { "! owner" } else { "owner" };
        if let Some(Neg { not, .. }) = self.socket {
            w.word(sign(not)).word("socket exists");
        }
        if let Some(Neg { not, value }) = self.uid {
            value.push_name(w.word(sign(not)).word("UID match "));
        }
        if let Some(Neg { not, value }) = self.gid {
            value.push_name(w.word(sign(not)).word("GID match "));
        }
        if self.suppl_groups {
            w.word("incl. suppl. groups");
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let uid = self.uid.map_or([0; 2], |u| [u.value.lo, u.value.hi]);
        let gid = self.gid.map_or([0; 2], |g| [g.value.lo, g.value.hi]);
        let (bits, invert) = self.bits();
        abi::push(out, XtOwnerMatchInfo { uid, gid, bits, invert });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtOwnerMatchInfo = abi::read(bytes)?;
        let [has_uid, has_gid, has_socket, suppl_groups] =
            [MATCH_UID, MATCH_GID, MATCH_SOCKET, MATCH_SUPPL_GROUPS].map(|b| raw.bits & b != 0);
        if raw.bits & 7 == 0 || (suppl_groups && !has_gid) {
            return Err(DecodeError::Unknown);
        }
        let not = |bit| raw.invert & bit != 0;
        let ([uid_lo, uid_hi], [gid_lo, gid_hi]) = (raw.uid, raw.gid);
        if [uid_lo, uid_hi, gid_lo, gid_hi].into_iter().any(|id| u64::from(id) == NOBODY) {
            return Err(DecodeError::Unknown);
        }
        let uid = Neg { not: not(MATCH_UID), value: Ids { lo: uid_lo, hi: uid_hi } };
        let gid = Neg { not: not(MATCH_GID), value: Ids { lo: gid_lo, hi: gid_hi } };
        Ok(Self {
            uid: has_uid.then_some(uid),
            gid: has_gid.then_some(gid),
            socket: has_socket.then_some(Neg { not: not(MATCH_SOCKET), value: Flag }),
            suppl_groups,
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Owner {
    /// The `match` and `invert` fields.
    fn bits(&self) -> (u8, u8) {
        signs::bits([
            (MATCH_UID, self.uid.map(|u| u.not)),
            (MATCH_GID, self.gid.map(|g| g.not)),
            (MATCH_SOCKET, self.socket.map(|s| s.not)),
            (MATCH_SUPPL_GROUPS, self.suppl_groups.then_some(false)),
        ])
    }

    fn group(&self, socket: &oxtables_packet::Socket) -> Truth {
        let Some(Neg { not, value }) = self.gid else { return Truth::Yes };
        let own = socket.gid.test(|&gid| value.has(gid));
        let other = || match self.suppl_groups {
            true => socket.groups.test(|groups| groups.iter().any(|&g| value.has(g))),
            false => Truth::No,
        };
        own.or_else(other).invert_if(not)
    }
}

impl Match for Owner {
    /// `owner_mt`: without a socket only a match whose every condition is inverted holds.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let (bits, invert) = self.bits();
        match &cx.socket {
            Known::Absent => (bits == invert).into(),
            Known::Unknown(why) => Truth::Unknown(why),
            Known::Known(_) if self.socket.is_some_and(|s| s.not) => Truth::No,
            Known::Known(socket) => {
                let user = self.uid.map_or(Truth::Yes, |Neg { not, value }| {
                    socket.uid.test(|&uid| value.has(uid)).invert_if(not)
                });
                user.and_then(|| self.group(socket))
            }
        }
    }
}

abi! {
    /// `struct xt_owner_match_info` (linux/netfilter/xt_owner.h).
    struct XtOwnerMatchInfo[20] { uid: [u32; 2] = 0, gid: [u32; 2] = 8, bits: u8 = 16, invert: u8 = 17 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxtables_packet::Socket;

    fn truth(owner: &Owner, socket: Known<Socket>) -> Truth {
        let packet =
            Packet::parse(&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        owner.test(&packet.unwrap(), &Context { socket, ..Context::default() })
    }

    fn owned(uid: u32, gid: u32, groups: Vec<u32>) -> Known<Socket> {
        let groups = Known::Known(groups);
        Known::Known(Socket { uid: uid.into(), gid: gid.into(), groups, ..Socket::default() })
    }

    const NONE: Owner = Owner { uid: None, gid: None, socket: None, suppl_groups: false };

    #[test]
    fn without_a_socket_only_what_is_inverted_throughout_holds() {
        let user = |not| Some(Neg { not, value: Ids { lo: 5, hi: 9 } });
        let group = |not| Some(Neg { not, value: Ids { lo: 7, hi: 7 } });
        assert_eq!(truth(&Owner { uid: user(true), ..NONE }, Known::Absent), Truth::Yes);
        assert_eq!(truth(&Owner { uid: user(false), ..NONE }, Known::Absent), Truth::No);
        let mixed = Owner { uid: user(true), gid: group(false), ..NONE };
        assert_eq!(truth(&mixed, Known::Absent), Truth::No);
        // The bit of --suppl-groups is never inverted.
        let suppl = Owner { gid: group(true), suppl_groups: true, ..NONE };
        assert_eq!(truth(&suppl, Known::Absent), Truth::No);
        let no_socket = Owner { socket: Some(Neg { not: true, value: Flag }), ..NONE };
        assert_eq!(truth(&no_socket, Known::Absent), Truth::Yes);
        assert_eq!(truth(&no_socket, owned(5, 7, vec![])), Truth::No);
    }

    #[test]
    fn groups_beside_the_first_count_only_when_asked() {
        let gid = Some(Neg::plain(Ids { lo: 7, hi: 7 }));
        let first = Owner { gid, ..NONE };
        let any = Owner { gid, suppl_groups: true, ..NONE };
        assert_eq!(truth(&first, owned(5, 1, vec![7])), Truth::No);
        assert_eq!(truth(&any, owned(5, 1, vec![7])), Truth::Yes);
        assert_eq!(truth(&any, owned(5, 1, vec![8])), Truth::No);
        let unknown = Known::Known(Socket { gid: 1.into(), ..Socket::default() });
        assert!(matches!(truth(&any, unknown), Truth::Unknown(_)));
    }
}
