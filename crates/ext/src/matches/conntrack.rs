//! What is known of the packet's connection (kernel `net/netfilter/xt_conntrack.c:conntrack_mt`).

mod info;

use crate::value::{GuidedPorts, Keyword, KeywordSet, Keywords, NumRange, Peer, PortRange};
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_base::{names, number};
use oxtables_packet::{CtState, Direction, Known, Tuple, ct_status};

pub(super) use info::{Info, REVISIONS, flag};

const STATE: Opt<Neg<KeywordSet<States>>> =
    Opt::neg("ctstate", "the connection is in one of these states");
const PROTO: Opt<Neg<Protocol>> = Opt::neg("ctproto", "the connection's protocol");
/// In the order of their bits from [`flag::ORIGSRC`] on.
const PEERS: [Opt<Neg<Peer>>; 4] = [
    Opt::neg("ctorigsrc", "who opened the connection"),
    Opt::neg("ctorigdst", "to whom it was opened"),
    Opt::neg("ctreplsrc", "who answers"),
    Opt::neg("ctrepldst", "to whom the answers go"),
];
/// In the order of their bits from [`flag::ORIGSRC_PORT`] on.
const PORTS: [Opt<Neg<GuidedPorts>>; 4] = [
    Opt::neg("ctorigsrcport", "source port of the opening direction"),
    Opt::neg("ctorigdstport", "destination port of the opening direction"),
    Opt::neg("ctreplsrcport", "source port of the answers"),
    Opt::neg("ctrepldstport", "destination port of the answers"),
];
const STATUS: Opt<Neg<KeywordSet<Statuses>>> =
    Opt::neg("ctstatus", "the connection has one of these marks of the kernel's");
const EXPIRE: Opt<Neg<NumRange<u32>>> =
    Opt::neg("ctexpire", "seconds until the connection is forgotten");
const DIR: Opt<Keyword<Directions>> = Opt::new("ctdir", "the direction of the packet");

/// The states in the order saved, with their bits (`XT_CONNTRACK_STATE_*`).
pub(super) const STATES: &[(&str, u32)] = &[
    ("INVALID", 0x01),
    ("NEW", 0x08),
    ("RELATED", 0x04),
    ("ESTABLISHED", 0x02),
    ("UNTRACKED", 0x100),
    ("SNAT", 0x40),
    ("DNAT", 0x80),
];

/// `-m conntrack`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Conntrack(Box<Conditions>);

/// What is asked of the connection; all of it must hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Conditions {
    state: Option<Neg<KeywordSet<States>>>,
    proto: Option<Neg<Protocol>>,
    peers: [Option<Neg<Peer>>; 4],
    ports: [Option<Neg<GuidedPorts>>; 4],
    status: Option<Neg<KeywordSet<Statuses>>>,
    expire: Option<Neg<NumRange<u32>>>,
    dir: Option<Keyword<Directions>>,
}

/// The states of a connection, and whether its addresses were translated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct States;

impl Keywords for States {
    const WORDS: &'static [(&'static str, u32)] = STATES;
    const SYNTAX: &'static str = "state[,state...]";
    const PREFIX: bool = true;
    const UNKNOWN: Option<&'static str> = Some("Bad ctstate \"%\"");
}

/// The marks a connection has in the kernel (`IPS_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Statuses;

impl Keywords for Statuses {
    const WORDS: &'static [(&'static str, u32)] = &[
        ("NONE", 0),
        ("EXPECTED", ct_status::EXPECTED),
        ("SEEN_REPLY", ct_status::SEEN_REPLY),
        ("ASSURED", ct_status::ASSURED),
        ("CONFIRMED", ct_status::CONFIRMED),
    ];
    const SYNTAX: &'static str = "status[,status...]";
    const PREFIX: bool = true;
    const UNKNOWN: Option<&'static str> = Some("Bad ctstatus \"%\"");
}

/// The directions of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Directions;

impl Keywords for Directions {
    const WORDS: &'static [(&'static str, u32)] = &[("ORIGINAL", 0), ("REPLY", 1)];
    const SYNTAX: &'static str = "ORIGINAL|REPLY";
    const UNKNOWN: Option<&'static str> =
        Some("conntrack: Bad value for \"--ctdir\" option: \"%\"");
}

/// A protocol by number or name, but not 0: no connection has that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Protocol(u8);

impl Value for Protocol {
    const SYNTAX: &'static str = "protocol";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let number = match number::parse(word) {
            Some(n) => u8::try_from(n).ok(),
            None => names::protocol_by_name(word),
        };
        match number.ok_or(ValueError::Own("unknown protocol \"%\" specified"))? {
            0 => Err(ValueError::Own("conntrack: rule would never match protocol")),
            n => Ok(Self(n)),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(1, 255).to_string().into_bytes()
    }
}

/// One condition, to be written down.
enum Part<'a> {
    States(KeywordSet<States>),
    Protocol(Protocol),
    Peer(&'a Peer),
    Ports(GuidedPorts),
    Statuses(KeywordSet<Statuses>),
    Expire(NumRange<u32>),
    Direction(Keyword<Directions>),
}

impl Part<'_> {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::States(states) => states.save(out),
            Self::Protocol(proto) => proto.save(out),
            Self::Peer(peer) => peer.save(out),
            Self::Ports(ports) => ports.save(out),
            Self::Statuses(none) if none.bits == 0 => out.extend_from_slice(b"NONE"),
            Self::Statuses(statuses) => statuses.save(out),
            Self::Expire(range) => range.save(out),
            Self::Direction(dir) => dir.save(out),
        }
    }
}

impl Conditions {
    /// The conditions in the order saved: inverted or not, the option's name, the value.
    fn parts(&self) -> impl Iterator<Item = (bool, &'static str, Part<'_>)> {
        let state = self.state.map(|s| (s.not, STATE.def().name, Part::States(s.value)));
        let proto = self.proto.map(|p| (p.not, PROTO.def().name, Part::Protocol(p.value)));
        let peers = self.peers.iter().zip(&PEERS).filter_map(|(peer, opt)| {
            let peer = peer.as_ref()?;
            Some((peer.not, opt.def().name, Part::Peer(&peer.value)))
        });
        let ports = self.ports.iter().zip(&PORTS).filter_map(|(ports, opt)| {
            let ports = ports.as_ref()?;
            Some((ports.not, opt.def().name, Part::Ports(ports.value)))
        });
        let status = self.status.map(|s| (s.not, STATUS.def().name, Part::Statuses(s.value)));
        let expire = self.expire.map(|e| (e.not, EXPIRE.def().name, Part::Expire(e.value)));
        let dir = self.dir.map(|d| (false, DIR.def().name, Part::Direction(d)));
        let before = state.into_iter().chain(proto).chain(peers).chain(ports);
        before.chain(status).chain(expire).chain(dir)
    }
}

impl Extension for Conntrack {
    const SPEC: Spec = Spec {
        options: &[
            STATE.def(),
            PROTO.def(),
            PEERS[0].def(),
            PEERS[1].def(),
            PEERS[2].def(),
            PEERS[3].def(),
            PORTS[0].def(),
            PORTS[1].def(),
            PORTS[2].def(),
            PORTS[3].def(),
            STATUS.def(),
            EXPIRE.def(),
            DIR.def(),
        ],
        revisions: REVISIONS,
        doc: "matches what connection tracking knows of the packet's connection",
        cases: &[
            ("--ctstate new,est", Some("--ctstate NEW,ESTABLISHED")),
            (
                "! --ctstate NEW --ctproto tcp --ctorigsrcport 1:5 --ctexpire 5:10 --ctdir reply",
                Some(
                    "! --ctstate NEW --ctproto 6 --ctorigsrcport 1:5 --ctexpire 5:10 --ctdir REPLY",
                ),
            ),
            ("--ctstatus NONE,ASSURED", Some("--ctstatus ASSURED")),
            ("! --ctstatus none", Some("! --ctstatus NONE")),
            ("! --ctrepldstport :", Some("! --ctrepldstport 0:65535")),
            ("--ctproto 0", None),
            ("--ctstate NEW,", None),
            ("--ctorigsrcport 65536", None),
            ("--ctorigsrcport 5:4", None),
            ("--ctdir ORIG", None),
            ("! --ctdir REPLY", None),
            ("", None),
        ],
        ..Spec::named("conntrack")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let mut conditions = Conditions {
            state: args.get_neg(&STATE, cx)?,
            proto: args.get_neg(&PROTO, cx)?,
            status: args.get_neg(&STATUS, cx)?,
            expire: args.get_neg(&EXPIRE, cx)?,
            dir: args.get(&DIR, cx)?,
            ..Conditions::default()
        };
        for (slot, opt) in conditions.peers.iter_mut().zip(&PEERS) {
            *slot = args.get_neg(opt, cx)?;
        }
        for (slot, opt) in conditions.ports.iter_mut().zip(&PORTS) {
            *slot = args.get_neg(opt, cx)?;
        }
        if conditions == Conditions::default() {
            return Err(ArgError::own("conntrack", "conntrack: At least one option is required"));
        }
        Ok(Self(Box::new(conditions)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        for (not, name, part) in self.0.parts() {
            w.name(not, name);
            w.bytes().push(b' ');
            part.save(w.bytes());
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        for (not, name, part) in self.0.parts() {
            w.raw(if not { " !" } else { "" }).word(name).raw(" ");
            match part {
                Part::Peer(peer) => peer.list(w),
                _ => part.save(w.bytes()),
            }
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        self.0.info().push(rev, out);
    }

    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let info = Info::read(rev, bytes)?;
        if info.match_flags & flag::STATE_ALIAS != 0 {
            return Err(DecodeError::OtherAlias);
        }
        info.conditions(cx.family).map(|c| Self(Box::new(c))).ok_or(DecodeError::Unknown)
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Conntrack {
    /// Without a connection the state alone decides: `--ctstate INVALID --ctproto tcp` is true of
    /// every invalid packet, and without `--ctstate` nothing is.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let ct = &cx.conntrack;
        let asked = self.0.state.is_some();
        let state = self.0.state.map_or(Truth::Yes, |s| test_state(s.map(|s| s.bits), ct));
        state.and_then(|| match ct.has_entry() {
            Truth::Yes => self.0.test_connection(ct),
            Truth::No | Truth::HotDrop => asked.into(),
            unknown @ Truth::Unknown(_) => {
                let connection = self.0.test_connection(ct);
                if connection == asked.into() { connection } else { unknown }
            }
        })
    }
}

/// Whether the state is one of those in `mask`, as `conntrack_mt` asks before anything else.
pub(super) fn test_state(mask: Neg<u32>, ct: &oxtables_packet::Conntrack) -> Truth {
    let bits = mask.value;
    let has = |name: &str| STATES.iter().any(|&(word, bit)| word == name && bits & bit != 0);
    let state = ct.state.test(|state| match state {
        CtState::Invalid => has("INVALID"),
        CtState::New => has("NEW"),
        CtState::Established => has("ESTABLISHED"),
        CtState::Related => has("RELATED"),
        CtState::Untracked => has("UNTRACKED"),
    });
    let mut nat = 0;
    nat |= if has("SNAT") { ct_status::SRC_NAT } else { 0 };
    nat |= if has("DNAT") { ct_status::DST_NAT } else { 0 };
    let translated = || match nat {
        0 => Truth::No,
        _ => ct.has_entry().and_then(|| ct.status.test(|status| status & nat != 0)),
    };
    state.or_else(translated).invert_if(mask.not)
}

impl Conditions {
    /// The conditions beside the state, about a connection that there is.
    fn test_connection(&self, ct: &oxtables_packet::Conntrack) -> Truth {
        let wanted = self.dir.map(|d| match d.number {
            0 => Direction::Original,
            _ => Direction::Reply,
        });
        let mut all = wanted.map_or(Truth::Yes, |d| ct.direction.test(|&dir| dir == d));
        let tuples: [&Known<Tuple>; 4] = [&ct.original, &ct.original, &ct.reply, &ct.reply];
        for (i, (tuple, peer)) in tuples.into_iter().zip(&self.peers).enumerate() {
            let Some(Neg { not, value: Peer { addr, mask } }) = peer else { continue };
            let side = |t: &Tuple| if i % 2 == 0 { t.src } else { t.dst };
            all = all.and_then(|| tuple.test(|t| mask.same(side(t), *addr)).invert_if(*not));
        }
        if let Some(Neg { not, value: Protocol(proto) }) = self.proto {
            all = all.and_then(|| ct.original.test(|t| t.protocol == proto).invert_if(not));
        }
        for (i, (tuple, ports)) in tuples.into_iter().zip(&self.ports).enumerate() {
            let Some(Neg { not, value: GuidedPorts(PortRange { lo, hi }) }) = ports else {
                continue;
            };
            let side = |t: &Tuple| if i % 2 == 0 { t.sport } else { t.dport };
            all = all.and_then(|| tuple.test(|t| (*lo..=*hi).contains(&side(t))).invert_if(*not));
        }
        if let Some(Neg { not, value }) = self.status {
            all = all.and_then(|| ct.status.test(|s| s & value.bits != 0).invert_if(not));
        }
        if let Some(Neg { not, value }) = self.expire {
            all = all.and_then(|| ct.expires.test(|&s| value.contains(s)).invert_if(not));
        }
        all
    }
}

#[cfg(test)]
mod tests;
