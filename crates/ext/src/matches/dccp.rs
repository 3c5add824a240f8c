//! Fields of the DCCP header (kernel `net/netfilter/xt_dccp.c:dccp_mt`).

use crate::abi::{self, abi};
use crate::matches::{flagged_ports, native_ports};
use crate::value::{GuidedPorts, KeywordSet, Keywords, PortRange};
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_packet::{Dccp as Header, Missing};

const SPORT: Opt<Neg<GuidedPorts>> =
    Opt::neg("sport", "source port or ports").formally(&["source-port"]);
const DPORT: Opt<Neg<GuidedPorts>> =
    Opt::neg("dport", "destination port or ports").formally(&["destination-port"]);
const TYPES: Opt<Neg<Types>> = Opt::neg("dccp-types", "the packet is of one of these types");
const OPTION: Opt<Neg<u8>> = Opt::neg("dccp-option", "the DCCP option is there").within(1, 255);

/// `XT_DCCP_*` (linux/netfilter/xt_dccp.h).
const FLAG_TYPE: u16 = 4;
const FLAG_OPTION: u16 = 8;

/// The bits of all types that have no name of their own.
const INVALID: u32 = 0xfc00;

/// `-m dccp`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Dccp {
    sport: Option<Neg<PortRange>>,
    dport: Option<Neg<PortRange>>,
    types: Option<Neg<Types>>,
    option: Option<Neg<u8>>,
}

/// The names of the types (RFC 4340 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeNames;

impl Keywords for TypeNames {
    const WORDS: &'static [(&'static str, u32)] = &[
        ("REQUEST", 1),
        ("RESPONSE", 1 << 1),
        ("DATA", 1 << 2),
        ("ACK", 1 << 3),
        ("DATAACK", 1 << 4),
        ("CLOSEREQ", 1 << 5),
        ("CLOSE", 1 << 6),
        ("RESET", 1 << 7),
        ("SYNC", 1 << 8),
        ("SYNCACK", 1 << 9),
        ("INVALID", INVALID),
    ];
    const SYNTAX: &'static str = "type[,type...]";
}

/// Types, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Types(KeywordSet<TypeNames>);

impl Types {
    fn from_bits(bits: u16) -> Option<Self> {
        let bits = u32::from(bits);
        let invalid = bits & INVALID;
        let named = bits != 0 && (invalid == 0 || invalid == INVALID);
        KeywordSet::from_bits(bits).filter(|_| named).map(Self)
    }

    fn bits(self) -> u16 {
        u16::try_from(self.0.bits).unwrap_or(0)
    }
}

impl Value for Types {
    const SYNTAX: &'static str = TypeNames::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let unknown = |part| (part, ValueError::Own("Unknown DCCP type `%'"));
        let mut bits = 0;
        // COMPAT: as upstream, nothing between two commas is no type.
        for part in first.split(|&c| c == b',').filter(|part| !part.is_empty()) {
            bits |= KeywordSet::<TypeNames>::parse(part, cx).map_err(|_| unknown(part))?.bits;
        }
        let types = KeywordSet::from_bits(bits).filter(|_| bits != 0).map(Self);
        types.ok_or(unknown(first))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        KeywordSet::<TypeNames>::sample(rng, cx)
    }
}

impl Extension for Dccp {
    const SPEC: Spec = Spec {
        implied_by: &[33],
        options: &[SPORT.def(), DPORT.def(), TYPES.def(), OPTION.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the ports, types and options of a DCCP packet",
        cases: &[
            ("-p dccp", Some("")),
            ("-p dccp --sport 1:5 ! --dport 7", Some("--sport 1:5 ! --dport 7")),
            ("-p dccp --dport 0:65535", Some("--dport 0:65535")),
            ("-p dccp --dccp-types invalid,RESET", Some("--dccp-types RESET,INVALID")),
            ("-p dccp ! --dccp-option 5", Some("! --dccp-option 5")),
            ("-p dccp --dccp-option 0", None),
            ("-p dccp --dccp-types DATA,", Some("--dccp-types DATA")),
            ("-p dccp --dccp-types x", None),
            ("-p dccp --dport 65536", None),
            ("-p dccp --dport 5:4", None),
        ],
        ..Spec::named("dccp")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let ports = |option| {
            let given = args.get_neg(option, cx)?;
            Ok(given.map(|g| g.map(|p: GuidedPorts| p.0)))
        };
        Ok(Self {
            sport: ports(&SPORT)?,
            dport: ports(&DPORT)?,
            types: args.get_neg(&TYPES, cx)?,
            option: args.get_neg(&OPTION, cx)?,
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&SPORT, self.sport.map(|p| p.map(GuidedPorts)).as_ref());
        w.neg_if(&DPORT, self.dport.map(|p| p.map(GuidedPorts)).as_ref());
        w.neg_if(&TYPES, self.types.as_ref());
        w.neg_if(&OPTION, self.option.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("dccp");
        native_ports::list(w, "spt", native_ports::condition(self.sport), "dccp");
        native_ports::list(w, "dpt", native_ports::condition(self.dport), "dccp");
        if let Some(Neg { not, value }) = self.types {
            w.raw(if not { " ! " } else { " " });
            if w.numeric {
                let there = (0..16u32).filter(|n| value.bits() & 1 << n != 0);
                let numbers: Vec<String> = there.map(|n| n.to_string()).collect();
                w.raw(&numbers.join(","));
            } else {
                w.value(&value);
            }
        }
        if let Some(Neg { not, value }) = self.option {
            w.word("option=").raw(if not { "!" } else { "" }).number(value);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (flags, invflags) = signs::bits([
            (flagged_ports::SOURCE, self.sport.map(|s| s.not)),
            (flagged_ports::DESTINATION, self.dport.map(|d| d.not)),
            (FLAG_TYPE, self.types.map(|t| t.not)),
            (FLAG_OPTION, self.option.map(|o| o.not)),
        ]);
        let raw = XtDccpInfo {
            dpts: flagged_ports::bounds(self.dport),
            spts: flagged_ports::bounds(self.sport),
            flags,
            invflags,
            typemask: self.types.map_or(0, |t| t.value.bits()),
            option: self.option.map_or(0, |o| o.value),
        };
        abi::push(out, raw);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtDccpInfo = abi::read(bytes)?;
        let sign = |bit| signs::sign(bit, (raw.flags, raw.invflags));
        let types = match sign(FLAG_TYPE) {
            Some(not) => {
                let value = Types::from_bits(raw.typemask).ok_or(DecodeError::Unknown)?;
                Some(Neg { not, value })
            }
            None => None,
        };
        let option = sign(FLAG_OPTION).map(|not| Neg { not, value: raw.option });
        if option.is_some_and(|o| o.value == 0) {
            return Err(DecodeError::Unknown);
        }
        Ok(Self {
            sport: flagged_ports::from_bounds(raw.spts, sign(flagged_ports::SOURCE))?,
            dport: flagged_ports::from_bounds(raw.dpts, sign(flagged_ports::DESTINATION))?,
            types,
            option,
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Dccp {
    fn fits(&self, dccp: &Header<'_>) -> Result<bool, Missing> {
        let ports = native_ports::contain(self.sport, dccp.sport())
            && native_ports::contain(self.dport, dccp.dport());
        let kind = 1u16 << dccp.kind();
        let types = self.types.is_none_or(|t| (t.value.bits() & kind != 0) != t.not);
        match self.option {
            Some(Neg { not, value }) if ports && types => Ok(dccp.has_option(value)? != not),
            _ => Ok(ports && types),
        }
    }
}

impl Match for Dccp {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let fits = packet.dccp().and_then(|dccp| self.fits(&dccp));
        fits.map_or_else(Missing::truth, Truth::from)
    }
}

abi! {
    /// `struct xt_dccp_info` (linux/netfilter/xt_dccp.h).
    struct XtDccpInfo[16] {
        dpts: [u16; 2] = 0,
        spts: [u16; 2] = 4,
        flags: u16 = 8,
        invflags: u16 = 10,
        typemask: u16 = 12,
        option: u8 = 14,
    }
}
