//! Several ports at once (kernel `net/netfilter/xt_multiport.c:multiport_mt`).

use crate::abi::{self, abi};
use crate::value::{Port, PortRange};
use crate::*;
use oxtables_base::names;
use oxtables_base::sample::Rng;

const SOURCE: Opt<Neg<Ports>> = Opt::neg("sports", "one of these is the source port")
    .formally(&["source-ports"])
    .excludes(&["dports", "ports"]);
const DESTINATION: Opt<Neg<Ports>> = Opt::neg("dports", "one of these is the destination port")
    .formally(&["destination-ports"])
    .excludes(&["ports"]);
const EITHER: Opt<Neg<Ports>> =
    Opt::neg("ports", "one of these is the source port or the destination port");

/// How many numbers the kernel's struct has room for; a range takes two.
const SLOTS: usize = 15;

/// TCP, UDP, UDP-Lite, SCTP, DCCP.
const PROTOCOLS: [u8; 5] = [6, 17, 136, 132, 33];

/// `-m multiport`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Multiport {
    side: Side,
    ports: Neg<Ports>,
}

/// Which port is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Side {
    Source,
    Destination,
    Either,
}

impl Side {
    const ALL: [Self; 3] = [Self::Source, Self::Destination, Self::Either];

    const fn number(self) -> u8 {
        match self {
            Self::Source => 0,
            Self::Destination => 1,
            Self::Either => 2,
        }
    }

    const fn option(self) -> &'static Opt<Neg<Ports>> {
        match self {
            Self::Source => &SOURCE,
            Self::Destination => &DESTINATION,
            Self::Either => &EITHER,
        }
    }
}

/// Ports and ranges of them, of two different ports each, in the order given.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ports(Box<[PortRange]>);

impl Ports {
    fn slots(&self) -> usize {
        self.0.iter().map(|p| if p.lo == p.hi { 1 } else { 2 }).sum()
    }

    fn contain(&self, port: u16) -> bool {
        self.0.iter().any(|p| (p.lo..=p.hi).contains(&port))
    }

    fn write(&self, out: &mut Vec<u8>, mut push: impl FnMut(&mut Vec<u8>, u16)) {
        for (i, ports) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            push(out, ports.lo);
            if ports.lo != ports.hi {
                out.push(b':');
                push(out, ports.hi);
            }
        }
    }
}

fn range<'w>(part: &'w [u8], cx: &ValueCx<'_>) -> Result<PortRange, (&'w [u8], ValueError)> {
    let port = |word: &'w [u8]| Port::parse(word, cx).map(|p| p.0).map_err(|e| (word, e));
    let mut ends = part.splitn(2, |&c| c == b':');
    let lo = port(ends.next().unwrap_or_default())?;
    let Some(hi) = ends.next() else { return Ok(PortRange { lo, hi: lo }) };
    let hi = port(hi)?;
    if lo >= hi {
        return Err((part, ValueError::Own("invalid portrange specified")));
    }
    Ok(PortRange { lo, hi })
}

impl Value for Ports {
    const SYNTAX: &'static str = "port[:port][,port[:port]...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let ports: Result<_, _> = first.split(|&c| c == b',').map(|part| range(part, cx)).collect();
        let ports = Self(ports?);
        if ports.slots() > SLOTS {
            return Err((first, ValueError::Own("too many ports specified")));
        }
        Ok(ports)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.write(out, |out, port| Port(port).save(out));
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let count = rng.within(1, 7);
        let one = |rng: &mut Rng| {
            let lo = rng.within(0, 65534);
            if rng.one_in(3) {
                format!("{lo}:{}", rng.within(lo + 1, 65535))
            } else {
                lo.to_string()
            }
        };
        let parts: Vec<String> = (0..count).map(|_| one(rng)).collect();
        parts.join(",").into_bytes()
    }
}

impl Extension for Multiport {
    const SPEC: Spec = Spec {
        options: &[SOURCE.def(), DESTINATION.def(), EITHER.def()],
        revisions: &[Revision::new(1, 48), Revision::new(0, 32)],
        doc: "matches the ports of TCP, UDP, UDP-Lite, SCTP or DCCP against a list of up to 15",
        cases: &[
            ("-p tcp --sports 80,443,1000:2000", Some("--sports 80,443,1000:2000")),
            ("-p udp ! --destination-ports 53", Some("! --dports 53")),
            ("-p tcp --ports 0:65535", Some("--ports 0:65535")),
            ("-p tcp --ports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15", {
                Some("--ports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15")
            }),
            ("-p tcp --ports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16", None),
            ("-p tcp --ports 5:5", None),
            ("-p tcp --ports 5:", None),
            ("-p tcp --ports 1,,2", None),
            ("-p tcp --sports 1 --dports 2", None),
            ("-p tcp", None),
            ("-p icmp --ports 1", None),
            ("--ports 1", None),
        ],
        ..Spec::named("multiport")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let error = |sentence| Err(ArgError::own("multiport", sentence));
        let Some(side) = Side::ALL.into_iter().find(|side| args.has(side.option())) else {
            return error("no ports specified");
        };
        if cx.proto.is_none_or(|p| p.value == 0) {
            return error(
                "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'",
            );
        }
        if !cx.proto_is(&PROTOCOLS) {
            return error("multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP");
        }
        Ok(Self { side, ports: args.need_neg(side.option(), cx)? })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(self.side.option(), &self.ports);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("multiport ").raw(self.side.option().def().name).raw(" ");
        w.raw(if self.ports.not { " !" } else { "" });
        let protocol = w.proto.and_then(|p| names::protocol_name(p.value)).filter(|_| !w.numeric);
        self.ports.value.write(w.bytes(), |out, port| {
            match protocol.and_then(|p| names::service_name(port, Some(p))) {
                Some(name) => out.extend_from_slice(name),
                None => Port(port).save(out),
            }
        });
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Neg { not, value } = &self.ports;
        let (mut ports, mut pflags) = ([0; SLOTS], [0; SLOTS]);
        let mut slots = ports.iter_mut().zip(&mut pflags);
        for range in &value.0 {
            let more = range.lo != range.hi;
            for (i, n) in [range.lo, range.hi].into_iter().enumerate().take(1 + usize::from(more)) {
                if let Some((port, flag)) = slots.next() {
                    (*port, *flag) = (n, u8::from(more && i == 0));
                }
            }
        }
        let (flags, count) = (self.side.number(), u8::try_from(value.slots()).unwrap_or(0));
        match rev {
            1 => {
                abi::push(
                    out,
                    XtMultiportV1 { flags, count, ports, pflags, invert: (*not).into() },
                );
            }
            // Revision 0 knows neither ranges nor inversion.
            _ if *not || pflags != [0; SLOTS] => (),
            _ => abi::push(out, XtMultiport { flags, count, ports }),
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = match rev {
            1 => abi::read::<XtMultiportV1>(bytes)?,
            _ => {
                let XtMultiport { flags, count, ports } = abi::read(bytes)?;
                XtMultiportV1 { flags, count, ports, ..abi::zeroed() }
            }
        };
        let side = Side::ALL.into_iter().find(|side| side.number() == raw.flags);
        let mut slots = raw.ports.iter().zip(&raw.pflags).take(raw.count.into());
        let mut ports = Vec::new();
        while let Some((&lo, &flag)) = slots.next() {
            let hi = if flag == 0 { Some(lo) } else { slots.next().map(|(&hi, _)| hi) };
            let hi = hi.filter(|&hi| flag == 0 || lo < hi).ok_or(DecodeError::Unknown)?;
            ports.push(PortRange { lo, hi });
        }
        if ports.is_empty() {
            return Err(DecodeError::Unknown);
        }
        let ports = Neg { not: raw.invert != 0, value: Ports(ports.into()) };
        Ok(Self { side: side.ok_or(DecodeError::Unknown)?, ports })
    }

    fn view(&self) -> View {
        let field = match self.side {
            Side::Source => Field::SourcePort,
            Side::Destination => Field::DestinationPort,
            Side::Either => return View::Opaque(Class::Packet),
        };
        let [PortRange { lo, hi }] = *self.ports.value.0 else {
            return View::Opaque(Class::Packet);
        };
        let (lo, hi) = (lo.into(), hi.into());
        let clause = Clause { field, mask: 0xffff, lo, hi, not: self.ports.not };
        View::Clauses(smallvec::smallvec![clause])
    }
}

impl Match for Multiport {
    /// `multiport_mt`: a later fragment never matches, ports cut off are a drop on the spot.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let (source, destination) = match packet.ports() {
            Ok(ports) => ports,
            Err(missing) => return missing.truth(),
        };
        let ports = &self.ports.value;
        let there = match self.side {
            Side::Source => ports.contain(source),
            Side::Destination => ports.contain(destination),
            Side::Either => ports.contain(source) || ports.contain(destination),
        };
        (there != self.ports.not).into()
    }
}

abi! {
    /// `struct xt_multiport_v1` (linux/netfilter/xt_multiport.h).
    struct XtMultiportV1[48] {
        flags: u8 = 0,
        count: u8 = 1,
        ports: [u16; SLOTS] = 2,
        pflags: [u8; SLOTS] = 32,
        invert: u8 = 47,
    }
}

abi! {
    /// `struct xt_multiport` (linux/netfilter/xt_multiport.h).
    struct XtMultiport[32] { flags: u8 = 0, count: u8 = 1, ports: [u16; SLOTS] = 2 }
}
