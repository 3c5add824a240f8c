//! Fields of the TCP header (kernel `net/netfilter/xt_tcpudp.c:tcp_mt`).

use crate::abi::{self, abi};
use crate::args::Arity;
use crate::matches::native_ports;
use crate::value::{Flag, KeywordSet, Keywords, PortRange};
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_wire::nft::cond::{Cond, Load, Op};
use oxtables_wire::nft::expr::{self, Base, CmpOp, REG_1};

const SPORT: Opt<Neg<PortRange>> = Opt::neg("sport", "source port or ports")
    .formally(&["source-port"])
    .once("Only one `--source-port' allowed");
const DPORT: Opt<Neg<PortRange>> = Opt::neg("dport", "destination port or ports")
    .formally(&["destination-port"])
    .once("Only one `--destination-port' allowed");
const TCP_OPTION: Opt<Neg<TcpOption>> =
    Opt::neg("tcp-option", "the TCP option is there").once("Only one `--tcp-option' allowed");
const TCP_FLAGS: Opt<Neg<Flags>> =
    Opt::neg("tcp-flags", "of the flags in MASK, exactly those in SET are set").once(TWICE);
const SYN: Opt<Neg<Flag>> =
    Opt::neg("syn", "the same as --tcp-flags FIN,SYN,RST,ACK SYN").once(TWICE);
const TWICE: &str = "Only one of `--syn' or `--tcp-flags'  allowed";

/// The byte of the TCP header that holds the flags.
const FLAGS_AT: u32 = 13;

/// `-m tcp`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tcp {
    /// The source port.
    pub sport: Option<Neg<PortRange>>,
    /// The destination port.
    pub dport: Option<Neg<PortRange>>,
    /// An option that must be there.
    pub option: Option<Neg<u8>>,
    /// The flags.
    pub flags: Option<Neg<Flags>>,
}

/// The number of a TCP option, 1 to 255.
#[derive(Clone, Copy, Debug)]
struct TcpOption(u8);

impl Value for TcpOption {
    const SYNTAX: &'static str = "number";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let kind = oxtables_base::number::parse_within(word, 1, 255);
        let kind = kind.and_then(|n| u8::try_from(n).ok());
        kind.map(Self).ok_or(ValueError::Own("Bad TCP option \"%\""))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(1, 255).to_string().into_bytes()
    }
}

/// Flags looked at, and which of them are set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flags {
    /// The flags looked at.
    pub mask: KeywordSet<FlagNames>,
    /// Those of them that are set.
    pub set: KeywordSet<FlagNames>,
}

/// The names of the flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlagNames;

impl Keywords for FlagNames {
    const WORDS: &'static [(&'static str, u32)] = &[
        ("FIN", 1),
        ("SYN", 2),
        ("RST", 4),
        ("PSH", 8),
        ("ACK", 0x10),
        ("URG", 0x20),
        ("ALL", 0x3f),
        ("NONE", 0),
    ];
    const SYNTAX: &'static str = "flag[,flag...]";
}

fn push_flags(out: &mut Vec<u8>, flags: KeywordSet<FlagNames>) {
    if flags.bits == 0 { out.extend_from_slice(b"NONE") } else { flags.save(out) }
}

/// Nothing between two commas is no flag, but a list must have one.
fn read_flags<'w>(
    list: &'w [u8],
    cx: &ValueCx<'_>,
) -> Result<KeywordSet<FlagNames>, (&'w [u8], ValueError)> {
    let unknown = |word| (word, ValueError::Own("Unknown TCP flag `%'"));
    let mut flags = None;
    for part in list.split(|&c| c == b',').filter(|part| !part.is_empty()) {
        let read = KeywordSet::<FlagNames>::parse(part, cx).map_err(|_| unknown(part))?;
        flags = KeywordSet::from_bits(read.bits | flags.map_or(0, |f: KeywordSet<_>| f.bits));
    }
    flags.ok_or(unknown(list))
}

impl Value for Flags {
    const SYNTAX: &'static str = "mask set";
    const ARITY: Arity = Arity::Two;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let mask = KeywordSet::parse(word, cx)?;
        Ok(Self { mask, set: mask })
    }

    fn parse_words<'w>(
        first: &'w [u8],
        second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        Ok(Self { mask: read_flags(first, cx)?, set: read_flags(second, cx)? })
    }

    fn save(&self, out: &mut Vec<u8>) {
        push_flags(out, self.mask);
        out.push(b' ');
        push_flags(out, self.set);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let (mask, set) =
            (KeywordSet::<FlagNames>::sample(rng, cx), KeywordSet::<FlagNames>::sample(rng, cx));
        [mask, set].join(&b' ')
    }
}

impl Flags {
    fn from_bits(mask: u8, set: u8) -> Option<Self> {
        let mask = KeywordSet::from_bits(mask.into())?;
        Some(Self { mask, set: KeywordSet::from_bits(set.into())? })
    }

    fn bits(&self) -> (u8, u8) {
        let byte = |bits: u32| u8::try_from(bits).unwrap_or(0);
        (byte(self.mask.bits), byte(self.set.bits))
    }
}

impl Extension for Tcp {
    const SPEC: Spec = Spec {
        implied_by: &[6],
        options: &[SPORT.def(), DPORT.def(), TCP_OPTION.def(), TCP_FLAGS.def(), SYN.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the ports, flags and options of a TCP segment",
        cases: &[
            ("-p tcp --dport 22", Some("--dport 22")),
            ("-p tcp ! --sport :1023", Some("--sport 1024:65535")),
            ("-p tcp --syn", Some("--tcp-flags FIN,SYN,RST,ACK SYN")),
            ("-p tcp --tcp-flags ,SYN,,ACK SYN,", Some("--tcp-flags SYN,ACK SYN")),
            ("-p tcp --tcp-flags , SYN", None),
            ("-p tcp --tcp-flags ALL NONE", Some("--tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE")),
            ("-p tcp --tcp-option 0", None),
            ("-p tcp --dport 65536", None),
            ("-p tcp --dport 5:1", None),
        ],
        ..Spec::named("tcp")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let syn = args
            .get_neg(&SYN, cx)?
            .and_then(|s| Some(Neg { not: s.not, value: Flags::from_bits(0x17, 0x02)? }));
        let flags = args.get_neg(&TCP_FLAGS, cx)?;
        if syn.is_some() && flags.is_some() {
            return Err(ArgError::own("tcp", TWICE));
        }
        // Only without a TCP option is the match written natively.
        let ports =
            if args.has(&TCP_OPTION) { native_ports::condition } else { native_ports::typed };
        let looks = args.has(&SPORT) || args.has(&DPORT) || syn.is_some() || flags.is_some();
        // COMPAT: since 1.8.9 nf_tables reads ports and flags at fixed places, so upstream asks for
        // the protocol itself; `! -p tcp` passes too.
        if looks && !args.has(&TCP_OPTION) && cx.proto.is_none_or(|p| p.value != 6) {
            return Err(ArgError::own("tcp", "TCP match requires '-p tcp'"));
        }
        Ok(Self {
            sport: ports(args.get_neg(&SPORT, cx)?),
            dport: ports(args.get_neg(&DPORT, cx)?),
            option: args.get_neg(&TCP_OPTION, cx)?.map(|o| o.map(|TcpOption(kind)| kind)),
            flags: syn.or(flags).filter(|f| f.not || f.value.bits() != (0, 0)),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&SPORT, self.sport.as_ref());
        w.neg_if(&DPORT, self.dport.as_ref());
        w.neg_if(&TCP_OPTION, self.option.map(|o| o.map(TcpOption)).as_ref());
        w.neg_if(&TCP_FLAGS, self.flags.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("tcp");
        native_ports::list(w, "spt", self.sport, "tcp");
        native_ports::list(w, "dpt", self.dport, "tcp");
        if let Some(Neg { not, value }) = self.option {
            w.word("option=").raw(if not { "!" } else { "" }).number(value);
        }
        if let Some(Neg { not, value }) = self.flags {
            w.word("flags:").raw(if not { "!" } else { "" });
            if w.numeric {
                let (mask, set) = value.bits();
                w.raw(&format!("0x{mask:02X}/0x{set:02X}"));
            } else {
                push_flags(w.bytes(), value.mask);
                w.raw("/");
                push_flags(w.bytes(), value.set);
            }
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (spts, s_not) = native_ports::bounds(self.sport);
        let (dpts, d_not) = native_ports::bounds(self.dport);
        let (flg_mask, flg_cmp) = self.flags.map_or((0, 0), |f| f.value.bits());
        let f_not = self.flags.is_some_and(|f| f.not);
        let o_not = self.option.is_some_and(|o| o.not);
        let invflags =
            u8::from(s_not) | u8::from(d_not) << 1 | u8::from(f_not) << 2 | u8::from(o_not) << 3;
        let option = self.option.map_or(0, |o| o.value);
        abi::push(out, XtTcp { spts, dpts, option, flg_mask, flg_cmp, invflags });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtTcp = abi::read(bytes)?;
        let inverted = |bit: u8| raw.invflags & 1 << bit != 0;
        let flags = Flags::from_bits(raw.flg_mask, raw.flg_cmp).ok_or(DecodeError::Unknown)?;
        let all_flags = raw.flg_mask == 0 && raw.flg_cmp == 0 && !inverted(2);
        Ok(Self {
            sport: native_ports::from_bounds(raw.spts, inverted(0))?,
            dport: native_ports::from_bounds(raw.dpts, inverted(1))?,
            option: (raw.option != 0).then_some(Neg { not: inverted(3), value: raw.option }),
            flags: (!all_flags).then_some(Neg { not: inverted(2), value: flags }),
        })
    }

    fn lower(&self, w: &mut Writer, cx: &NativeCx) -> bool {
        if self.option.is_some() || cx.proto.is_none_or(|p| p.value != 6) {
            return false;
        }
        if self.sport.is_none() && self.dport.is_none() && self.flags.is_none() {
            return false;
        }
        if let Some(Neg { not, value }) = self.flags {
            let (mask, set) = value.bits();
            expr::payload(w, Base::Transport, FLAGS_AT, 1, REG_1);
            expr::bitwise(w, REG_1, 1, &[mask], &[0]);
            expr::cmp(w, REG_1, if not { CmpOp::Neq } else { CmpOp::Eq }, &[set]);
        }
        native_ports::lower(w, self.sport, self.dport);
        true
    }

    fn raise(items: &[Item<'_>], cx: &NativeCx) -> Option<(Self, usize)> {
        if cx.proto.is_none_or(|p| p.value != 6) {
            return None;
        }
        // 1.8.13 writes the flags before the ports, 1.8.9 after them.
        let mut flags = items.first().and_then(raise_flags);
        let first = usize::from(flags.is_some());
        let rest = items.get(first..).unwrap_or_default();
        let (sport, dport, ports) = native_ports::raise(rest);
        let mut used = first + ports;
        if flags.is_none() {
            flags = items.get(used).and_then(raise_flags);
            used += usize::from(flags.is_some());
        }
        (used > 0).then_some((Self { sport, dport, option: None, flags }, used))
    }

    fn view(&self) -> View {
        if self.option.is_some() {
            return View::Opaque(Class::Packet);
        }
        let flags = self.flags.map(|Neg { not, value }| {
            let (mask, set) = value.bits();
            let field = Field::TcpFlags;
            Clause { field, mask: mask.into(), lo: set.into(), hi: set.into(), not }
        });
        let ports = [
            native_ports::clause(Field::SourcePort, self.sport),
            native_ports::clause(Field::DestinationPort, self.dport),
        ];
        View::Clauses(ports.into_iter().chain([flags]).flatten().collect())
    }
}

fn raise_flags(item: &Item<'_>) -> Option<Neg<Flags>> {
    let Item::Cond(Cond {
        load: Load::Payload { base: Base::Transport, offset: FLAGS_AT, len: 1 },
        mask,
        op,
        lo: [set],
        ..
    }) = item
    else {
        return None;
    };
    let &Some(&[mask]) = mask else { return None };
    let not = match *op {
        Op::EQ => false,
        Op::NEQ => true,
        _ => return None,
    };
    Some(Neg { not, value: Flags::from_bits(mask, *set)? })
}

impl Match for Tcp {
    /// `tcp_mt`: a later fragment never matches, a header cut short is dropped on the spot.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let tcp = match packet.tcp() {
            Ok(tcp) => tcp,
            Err(missing) => return missing.truth(),
        };
        let sport = native_ports::contain(self.sport, tcp.sport());
        if !sport || !native_ports::contain(self.dport, tcp.dport()) {
            return Truth::No;
        }
        if let Some(Neg { not, value }) = self.flags {
            let (mask, set) = value.bits();
            if (tcp.flags() & mask == set) == not {
                return Truth::No;
            }
        }
        match self.option {
            None => Truth::Yes,
            Some(Neg { not, value }) => match tcp.has_option(value) {
                Ok(there) => (there != not).into(),
                Err(missing) => missing.truth(),
            },
        }
    }
}

abi! {
    /// `struct xt_tcp` (linux/netfilter/xt_tcpudp.h).
    struct XtTcp[12] {
        spts: [u16; 2] = 0,
        dpts: [u16; 2] = 4,
        option: u8 = 8,
        flg_mask: u8 = 9,
        flg_cmp: u8 = 10,
        invflags: u8 = 11,
    }
}
