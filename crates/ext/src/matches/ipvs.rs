//! What IPVS, the kernel's load balancer, knows of a packet (kernel
//! `net/netfilter/xt_ipvs.c:ipvs_mt`).

use crate::abi::{self, Be16, InetAddr, abi};
use crate::value::{Flag, Keyword, Keywords, Peer, Port};
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_base::{names, number};

const IPVS: Opt<Neg<Flag>> = Opt::neg("ipvs", "it belongs to a connection of IPVS");
const VPROTO: Opt<Neg<Protocol>> = Opt::neg("vproto", "the protocol of the service");
const VADDR: Opt<Neg<Peer>> = Opt::neg("vaddr", "the address of the service");
const VPORT: Opt<Neg<ServicePort>> = Opt::neg("vport", "the port of the service");
const VDIR: Opt<Keyword<Directions>> = Opt::new("vdir", "to the service or back");
const VMETHOD: Opt<Neg<Keyword<Methods>>> = Opt::neg("vmethod", "how it is forwarded");
const VPORTCTL: Opt<Neg<ServicePort>> =
    Opt::neg("vportctl", "the port of the connection that controls this one (21 for FTP)");

/// `XT_IPVS_*` (linux/netfilter/xt_ipvs.h).
const HAS_IPVS: u8 = 1;
const HAS_PROTO: u8 = 2;
const HAS_ADDR: u8 = 4;
const HAS_PORT: u8 = 8;
const HAS_DIR: u8 = 16;
const HAS_METHOD: u8 = 32;
const HAS_PORTCTL: u8 = 64;

/// `-m ipvs`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ipvs(Box<Conditions>);

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Conditions {
    /// `! --ipvs`, beside which nothing else stands.
    foreign: bool,
    proto: Option<Neg<Protocol>>,
    addr: Option<Neg<Peer>>,
    port: Option<Neg<ServicePort>>,
    dir: Option<Keyword<Directions>>,
    method: Option<Neg<Keyword<Methods>>>,
    portctl: Option<Neg<ServicePort>>,
}

/// The directions of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Directions;

impl Keywords for Directions {
    const WORDS: &'static [(&'static str, u32)] = &[("ORIGINAL", 0), ("REPLY", 1)];
    const SYNTAX: &'static str = "ORIGINAL|REPLY";
    const UNKNOWN: Option<&'static str> = Some("ipvs: Bad value for \"--vdir\" option: \"%\"");
}

/// The ways of forwarding (`IP_VS_CONN_F_*`, linux/ip_vs.h).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Methods;

impl Keywords for Methods {
    const WORDS: &'static [(&'static str, u32)] = &[("MASQ", 0), ("IPIP", 2), ("GATE", 3)];
    const SYNTAX: &'static str = "GATE|IPIP|MASQ";
    const UNKNOWN: Option<&'static str> = Some("ipvs: Bad value for \"--vmethod\" option: \"%\"");
}

/// A protocol by number or name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Protocol(u8);

impl Value for Protocol {
    const SYNTAX: &'static str = "protocol";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let number = match number::parse(word) {
            Some(n) => u8::try_from(n).ok(),
            None => names::protocol_by_name(word),
        };
        number.map(Self).ok_or(ValueError::Own("unknown protocol \"%\" specified"))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        u8::sample(rng, cx)
    }
}

/// A port, refused in the words of upstream's guided parser.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct ServicePort(u16);

impl Value for ServicePort {
    const SYNTAX: &'static str = Port::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Port::parse(word, cx).map(|port| Self(port.0)).map_err(|_| ValueError::PortOfRange)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Port::sample(rng, cx)
    }
}

impl Extension for Ipvs {
    const SPEC: Spec = Spec {
        options: &[
            IPVS.def(),
            VPROTO.def(),
            VADDR.def(),
            VPORT.def(),
            VDIR.def(),
            VMETHOD.def(),
            VPORTCTL.def(),
        ],
        revisions: &[Revision::new(0, 40)],
        doc: "matches what IPVS, the kernel's load balancer, knows of a packet",
        cases: &[
            ("--ipvs", Some("--ipvs")),
            ("! --ipvs", Some("! --ipvs")),
            ("--ipvs --vproto tcp", Some("--vproto 6")),
            (
                "--vdir REPLY ! --vmethod GATE --vportctl 21 ! --vport 80",
                Some("! --vport 80 --vdir REPLY ! --vmethod GATE --vportctl 21"),
            ),
            ("! --ipvs --vport 80", None),
            ("--vmethod NAT", None),
            ("--vport nosuch", None),
            ("", None),
        ],
        ..Spec::named("ipvs")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let made = Conditions {
            foreign: args.find(&IPVS).is_some_and(|seen| seen.not),
            proto: args.get_neg(&VPROTO, cx)?,
            addr: args.get_neg(&VADDR, cx)?,
            port: args.get_neg(&VPORT, cx)?,
            dir: args.get(&VDIR, cx)?,
            method: args.get_neg(&VMETHOD, cx)?,
            portctl: args.get_neg(&VPORTCTL, cx)?,
        };
        if args.seen().is_empty() {
            return Err(ArgError::own("ipvs", "IPVS: At least one option is required"));
        }
        if made.foreign && args.seen().len() > 1 {
            let together = "! --ipvs cannot be together with other options";
            return Err(ArgError::own("ipvs", together));
        }
        Ok(Self(Box::new(made)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let made = &*self.0;
        if made.bits().0 == HAS_IPVS {
            w.name(made.foreign, IPVS.def().name);
        }
        w.neg_if(&VPROTO, made.proto.as_ref());
        w.neg_if(&VADDR, made.addr.as_ref());
        w.neg_if(&VPORT, made.port.as_ref());
        w.opt_if(&VDIR, made.dir.as_ref());
        w.neg_if(&VMETHOD, made.method.as_ref());
        w.neg_if(&VPORTCTL, made.portctl.as_ref());
    }

    /// The options without their dashes.
    fn list(&self, w: &mut ListWriter<'_>) {
        let mut saved = Vec::new();
        self.save(&mut ArgWriter::new(&mut saved, w.family));
        for word in saved.split(|&c| c == b' ').filter(|word| !word.is_empty()) {
            let word = word.strip_prefix(b"--").unwrap_or(word);
            w.word("").bytes().extend_from_slice(word);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let made = &*self.0;
        let (bits, invert) = made.bits();
        let empty = [InetAddr([0; 16]); 2];
        let port = |port: Option<Neg<ServicePort>>| Be16::new(port.map_or(0, |p| p.value.0));
        let method = made.method.map_or(0, |m| m.value.number);
        let info = XtIpvsMtinfo {
            addr: made.addr.map_or(empty, |a| a.value.to_unions()),
            port: port(made.port),
            proto: made.proto.map_or(0, |p| p.value.0),
            method: u8::try_from(method).unwrap_or(0),
            portctl: port(made.portctl),
            invert,
            bits,
        };
        abi::push(out, info);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtIpvsMtinfo = abi::read(bytes)?;
        let given = |bit| raw.bits & bit != 0;
        let not = |bit| raw.invert & bit != 0;
        let unknown = DecodeError::Unknown;
        let port = |port: Be16, bit| {
            given(bit).then_some(Neg { not: not(bit), value: ServicePort(port.value()) })
        };
        let [addr, mask] = raw.addr;
        let addr = match given(HAS_ADDR) {
            true => Some(Neg {
                not: not(HAS_ADDR),
                value: Peer::from_unions(addr, mask, cx.family).ok_or(unknown)?,
            }),
            false => None,
        };
        let method = match given(HAS_METHOD) {
            true => Some(Neg {
                not: not(HAS_METHOD),
                value: Keyword::from_number(raw.method.into()).ok_or(unknown)?,
            }),
            false => None,
        };
        let proto = Neg { not: not(HAS_PROTO), value: Protocol(raw.proto) };
        let made = Conditions {
            foreign: not(HAS_IPVS),
            proto: given(HAS_PROTO).then_some(proto),
            addr,
            port: port(raw.port, HAS_PORT),
            dir: given(HAS_DIR).then_some(Keyword::of(not(HAS_DIR).into())),
            method,
            portctl: port(raw.portctl, HAS_PORTCTL),
        };
        if made.foreign && raw.bits != HAS_IPVS {
            return Err(unknown);
        }
        Ok(Self(Box::new(made)))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Conditions {
    /// The `bitmask` and `invert` fields; the inversion of the direction is its reply.
    fn bits(&self) -> (u8, u8) {
        signs::bits([
            (HAS_IPVS, Some(self.foreign)),
            (HAS_PROTO, self.proto.map(|p| p.not)),
            (HAS_ADDR, self.addr.map(|a| a.not)),
            (HAS_PORT, self.port.map(|p| p.not)),
            (HAS_DIR, self.dir.map(|d| d.number == 1)),
            (HAS_METHOD, self.method.map(|m| m.not)),
            (HAS_PORTCTL, self.portctl.map(|p| p.not)),
        ])
    }
}

impl Match for Ipvs {
    fn test(&self, _packet: &Packet, _cx: &Context) -> Truth {
        Truth::Unknown("the connections of IPVS are not known")
    }
}

abi! {
    /// `struct xt_ipvs_mtinfo` (linux/netfilter/xt_ipvs.h).
    struct XtIpvsMtinfo[40] {
        addr: [InetAddr; 2] = 0,
        port: Be16 = 32,
        proto: u8 = 34,
        method: u8 = 35,
        portctl: Be16 = 36,
        invert: u8 = 38,
        bits: u8 = 39,
    }
}
