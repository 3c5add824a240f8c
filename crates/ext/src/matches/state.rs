//! The state of the packet's connection, in the words of old (kernel
//! `net/netfilter/xt_conntrack.c:conntrack_mt`).

use crate::matches::conntrack::{self, Info};
use crate::value::{KeywordSet, Keywords};
use crate::*;

const STATE: Opt<Neg<KeywordSet<Words>>> =
    Opt::neg("state", "the connection is in one of these states").required();

/// `-m state`: a conntrack match that asks for the state alone, and says by a bit of its own that it
/// is to be shown under this name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State(Neg<KeywordSet<Words>>);

/// The states, without the two that NAT adds for [`conntrack`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Words;

impl Keywords for Words {
    const WORDS: &'static [(&'static str, u32)] = conntrack::STATES.split_at(5).0;
    const SYNTAX: &'static str = "state[,state...]";
    const PREFIX: bool = true;
    const UNKNOWN: Option<&'static str> = Some("Bad state \"%\"");
}

impl Extension for State {
    const SPEC: Spec = Spec {
        kernel: "conntrack",
        options: &[STATE.def()],
        revisions: conntrack::REVISIONS,
        doc: "matches the state of the packet's connection",
        cases: &[
            ("--state RELATED,ESTABLISHED", Some("--state RELATED,ESTABLISHED")),
            ("! --state INVALID,UNTRACKED", Some("! --state INVALID,UNTRACKED")),
            ("--state new,est", Some("--state NEW,ESTABLISHED")),
            ("--state N,I,E,R,U", Some("--state INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED")),
            ("--state SNAT", None),
            ("--state NEW,", None),
            ("", None),
        ],
        ..Spec::named("state")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let sentence =
            "\"--state\" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED";
        args.need_neg(&STATE, cx).map(Self).map_err(|e| match e.kind {
            ArgErrorKind::Value(_) if e.word.is_empty() => ArgError::own("state", sentence),
            _ => e,
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&STATE, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.raw(if self.0.not { " !" } else { "" }).word("state ").value(&self.0.value);
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let state = u16::try_from(self.0.value.bits).unwrap_or(0);
        let invert = if self.0.not { conntrack::flag::STATE } else { 0 };
        let asked = conntrack::flag::STATE | conntrack::flag::STATE_ALIAS;
        Info::of_state(asked, invert, state).push(rev, out);
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let info = Info::read(rev, bytes)?;
        if info.match_flags & conntrack::flag::STATE_ALIAS == 0 {
            return Err(DecodeError::OtherAlias);
        }
        let value = KeywordSet::from_bits(info.state.into()).filter(|s| s.bits != 0);
        let not = info.invert_flags & conntrack::flag::STATE != 0;
        value.map(|value| Self(Neg { not, value })).ok_or(DecodeError::Unknown)
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for State {
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        conntrack::test_state(self.0.map(|s| s.bits), &cx.conntrack)
    }
}
