//! The IPsec transformations of a packet (kernel `net/netfilter/xt_policy.c:policy_mt`).

use crate::abi::{self, InetAddr, abi};
use crate::args::Seen;
use crate::value::{Flag, Keyword, Keywords, Peer};
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_base::{names, number};
use oxtables_packet::{Known, XfrmState};

const DIR: Opt<Keyword<Dirs>> =
    Opt::new("dir", "what was undone on the way in, or what is to come on the way out");
const POL: Opt<Keyword<Kinds>> = Opt::new("pol", "whether there are transformations at all");
const STRICT: Opt<Flag> = Opt::new("strict", "all of them, not only one");
const NEXT: Opt<Flag> =
    Opt::new("next", "what follows is about the next one").many().also(&["strict"]);
const REQID: Opt<Neg<u32>> =
    Opt::neg("reqid", "the id of the request").many().within(0, 0xffff_ffff);
const SPI: Opt<Neg<Spi>> = Opt::neg("spi", "the security parameters index").many();
const PROTO: Opt<Neg<Protocol>> = Opt::neg("proto", "ah, esp or ipcomp").many();
const MODE: Opt<Neg<Keyword<Modes>>> = Opt::neg("mode", "tunnel or transport").many();
const TUNNEL_SRC: Opt<Neg<Peer>> = Opt::neg("tunnel-src", "where the tunnel begins").many();
const TUNNEL_DST: Opt<Neg<Peer>> = Opt::neg("tunnel-dst", "where it ends").many();

/// The most elements (`XT_POLICY_MAX_ELEM`, linux/netfilter/xt_policy.h).
const MAX: usize = 4;
/// `XT_POLICY_MATCH_*`.
const FLAG_IN: u16 = 1;
const FLAG_OUT: u16 = 2;
const FLAG_NONE: u16 = 4;
const FLAG_STRICT: u16 = 8;
/// The bits of `struct xt_policy_spec`.
const HAS_SRC: u8 = 1;
const HAS_DST: u8 = 2;
const HAS_PROTO: u8 = 4;
const HAS_MODE: u8 = 8;
const HAS_SPI: u8 = 16;
const HAS_REQID: u8 = 32;

const TUNNEL: u32 = 1;

/// `-m policy`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Policy {
    /// On the way out, rather than in.
    out: bool,
    /// `None` for `--pol none`.
    ipsec: Option<Box<Ipsec>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Ipsec {
    strict: bool,
    /// One to [`MAX`]; exactly one when not strict.
    elements: Vec<Element>,
}

/// What is asked of one transformation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Element {
    reqid: Option<Neg<u32>>,
    spi: Option<Neg<Spi>>,
    proto: Option<Neg<Protocol>>,
    mode: Option<Neg<Keyword<Modes>>>,
    dst: Option<Neg<Peer>>,
    src: Option<Neg<Peer>>,
}

/// The words of `--dir`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Dirs;

impl Keywords for Dirs {
    const WORDS: &'static [(&'static str, u32)] = &[("in", 0), ("out", 1)];
    const SYNTAX: &'static str = "in|out";
    const UNKNOWN: Option<&'static str> = Some("policy_match: invalid dir \"%\"");
}

/// The words of `--pol`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Kinds;

impl Keywords for Kinds {
    const WORDS: &'static [(&'static str, u32)] = &[("none", 0), ("ipsec", 1)];
    const SYNTAX: &'static str = "none|ipsec";
    const UNKNOWN: Option<&'static str> = Some("policy match: invalid policy \"%\"");
}

/// The words of `--mode`, with the kernel's numbers (`XT_POLICY_MODE_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Modes;

impl Keywords for Modes {
    const WORDS: &'static [(&'static str, u32)] = &[("transport", 0), ("tunnel", TUNNEL)];
    const SYNTAX: &'static str = "transport|tunnel";
    const UNKNOWN: Option<&'static str> = Some("policy match: invalid mode \"%\"");
}

/// A security parameters index, saved in hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Spi(u32);

impl Value for Spi {
    const SYNTAX: &'static str = "number";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let max = u64::from(u32::MAX);
        let n = number::parse_within(word, 0, max).ok_or(ValueError::Range(0, max))?;
        u32::try_from(n).map(Self).map_err(|_| ValueError::Range(0, max))
    }

    fn save(&self, out: &mut Vec<u8>) {
        number::push_hex(out, self.0.into());
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        u32::sample(rng, cx)
    }
}

/// A protocol that transforms packets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Protocol(u8);

impl Protocol {
    const NAMES: [(&'static str, u8); 3] = [("ah", 51), ("esp", 50), ("ipcomp", 108)];

    fn new(number: u8) -> Option<Self> {
        Self::NAMES.iter().any(|&(_, n)| n == number).then_some(Self(number))
    }
}

impl Value for Protocol {
    const SYNTAX: &'static str = "ah|esp|ipcomp";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let number = match number::parse(word) {
            Some(n) => u8::try_from(n).ok(),
            None => names::protocol_by_name(word),
        };
        let number = number.ok_or(ValueError::Own("unknown protocol \"%\" specified"))?;
        let other = ValueError::Own("policy match: protocol must be ah/esp/ipcomp");
        Self::new(number).ok_or(other)
    }

    fn save(&self, out: &mut Vec<u8>) {
        let name = Self::NAMES.iter().find(|&&(_, n)| n == self.0).map_or("", |&(name, _)| name);
        out.extend_from_slice(name.as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.pick(&Self::NAMES).map_or_else(Vec::new, |(name, _)| name.as_bytes().to_vec())
    }
}

const fn own(sentence: &'static str) -> ArgError {
    ArgError::own("policy", sentence)
}

/// Keeps a value; `sentence` when there was one.
fn once<T>(slot: &mut Option<T>, value: T, sentence: &'static str) -> Result<(), ArgError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(own(sentence)),
    }
}

impl Element {
    /// Reads one option of an element.
    fn take(&mut self, seen: &Seen<'_>, cx: &ParseCx<'_>) -> Result<(), ArgError> {
        if let Some(value) = REQID.read(seen, cx)? {
            once(&mut self.reqid, value, "policy match: double --reqid option")?;
        } else if let Some(value) = SPI.read(seen, cx)? {
            once(&mut self.spi, value, "policy match: double --spi option")?;
        } else if let Some(value) = PROTO.read(seen, cx)? {
            once(&mut self.proto, value, "policy match: double --proto option")?;
        } else if let Some(value) = MODE.read(seen, cx)? {
            once(&mut self.mode, value, "policy match: double --mode option")?;
        } else if let Some(value) = TUNNEL_SRC.read(seen, cx)? {
            once(&mut self.src, value, "policy match: double --tunnel-src option")?;
        } else if let Some(value) = TUNNEL_DST.read(seen, cx)? {
            once(&mut self.dst, value, "policy match: double --tunnel-dst option")?;
        }
        Ok(())
    }

    /// Whether its addresses can be those of a tunnel.
    fn is_tunnel(&self) -> bool {
        self.mode.is_some_and(|m| (m.value.number == TUNNEL) != m.not)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&REQID, self.reqid.as_ref());
        w.neg_if(&SPI, self.spi.as_ref());
        w.neg_if(&PROTO, self.proto.as_ref());
        w.neg_if(&MODE, self.mode.as_ref());
        w.neg_if(&TUNNEL_DST, self.dst.as_ref());
        w.neg_if(&TUNNEL_SRC, self.src.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        fn word<'l, 'a>(
            w: &'l mut ListWriter<'a>,
            not: bool,
            word: &str,
        ) -> &'l mut ListWriter<'a> {
            w.raw(if not { " !" } else { "" }).word(word).raw(" ")
        }
        if let Some(Neg { not, value }) = self.reqid {
            word(w, not, "reqid").number(value);
        }
        if let Some(Neg { not, value }) = self.spi {
            word(w, not, "spi").value(&value);
        }
        if let Some(Neg { not, value }) = self.proto {
            let w = word(w, not, "proto");
            if w.numeric {
                w.number(value.0)
            } else {
                w.value(&value)
            };
        }
        if let Some(Neg { not, value }) = self.mode {
            word(w, not, "mode").value(&value);
        }
        for (end, name) in [(self.dst, "tunnel-dst"), (self.src, "tunnel-src")] {
            if let Some(Neg { not, value }) = end {
                word(w, not, name).value(&value);
            }
        }
    }

    fn raw(&self) -> XtPolicyElem {
        let (given, invert) = signs::bits([
            (HAS_SRC, self.src.map(|s| s.not)),
            (HAS_DST, self.dst.map(|d| d.not)),
            (HAS_PROTO, self.proto.map(|p| p.not)),
            (HAS_MODE, self.mode.map(|m| m.not)),
            (HAS_SPI, self.spi.map(|s| s.not)),
            (HAS_REQID, self.reqid.map(|r| r.not)),
        ]);
        let empty = [InetAddr([0; 16]); 2];
        XtPolicyElem {
            src: self.src.map_or(empty, |s| s.value.to_unions()),
            dst: self.dst.map_or(empty, |d| d.value.to_unions()),
            spi: self.spi.map_or(0, |s| s.value.0),
            reqid: self.reqid.map_or(0, |r| r.value),
            proto: self.proto.map_or(0, |p| p.value.0),
            mode: self.mode.map_or(0, |m| u8::from(m.value.number == TUNNEL)),
            given,
            invert,
        }
    }

    fn from_raw(raw: &XtPolicyElem, family: Family) -> Option<Self> {
        let given = |bit| raw.given & bit != 0;
        let not = |bit| raw.invert & bit != 0;
        let end = |[addr, mask]: [InetAddr; 2], bit| match given(bit) {
            true => Peer::from_unions(addr, mask, family)
                .map(|value| Some(Neg { not: not(bit), value })),
            false => Some(None),
        };
        let protocol = match given(HAS_PROTO) {
            true => Some(Neg { not: not(HAS_PROTO), value: Protocol::new(raw.proto)? }),
            false => None,
        };
        let mode = match given(HAS_MODE) {
            true => {
                let value = Keyword::from_number(raw.mode.into())?;
                Some(Neg { not: not(HAS_MODE), value })
            }
            false => None,
        };
        let made = Self {
            reqid: given(HAS_REQID).then_some(Neg { not: not(HAS_REQID), value: raw.reqid }),
            spi: given(HAS_SPI).then_some(Neg { not: not(HAS_SPI), value: Spi(raw.spi) }),
            proto: protocol,
            mode,
            dst: end(raw.dst, HAS_DST)?,
            src: end(raw.src, HAS_SRC)?,
        };
        let ends = made.src.is_some() || made.dst.is_some();
        (!ends || made.is_tunnel()).then_some(made)
    }

    /// `match_xfrm_state`.
    fn fits(&self, state: &XfrmState) -> bool {
        fn holds<T>(condition: Option<Neg<T>>, is: impl FnOnce(T) -> bool) -> bool {
            condition.is_none_or(|Neg { not, value }| is(value) != not)
        }
        holds(self.src, |src| src.has(state.src))
            && holds(self.dst, |dst| dst.has(state.dst))
            && holds(self.proto, |proto| proto.0 == state.protocol)
            && holds(self.mode, |mode| (mode.number == TUNNEL) == state.tunnel)
            && holds(self.spi, |spi| u32::from_be_bytes(spi.0.to_ne_bytes()) == state.spi)
            && holds(self.reqid, |reqid| reqid == state.reqid)
    }
}

impl Extension for Policy {
    const SPEC: Spec = Spec {
        options: &[
            DIR.def(),
            POL.def(),
            STRICT.def(),
            REQID.def(),
            SPI.def(),
            PROTO.def(),
            MODE.def(),
            TUNNEL_SRC.def(),
            TUNNEL_DST.def(),
            NEXT.def(),
        ],
        revisions: &[Revision::new(0, 312)],
        doc: "matches the IPsec transformations of a packet",
        cases: &[
            ("--dir out", Some("--dir out --pol ipsec")),
            ("--pol none --dir in --reqid 5", Some("--dir in --pol none")),
            (
                "--dir in ! --proto 50 --strict --spi 16 --next --mode tunnel",
                Some("--dir in --pol ipsec --strict --spi 0x10 ! --proto esp --next --mode tunnel"),
            ),
            ("--dir in --reqid 1 --reqid 2", None),
            ("--dir in --strict", None),
            ("--dir in --reqid 1 --next", None),
            ("--dir in --pol none --strict --reqid 1", None),
            ("--dir in --proto tcp", None),
            ("--pol ipsec", None),
        ],
        ..Spec::named("policy")
    };

    /// COMPAT: with `--pol none` whatever is asked of transformations is dropped, as upstream does.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let neither = own("policy match: neither --dir in nor --dir out specified");
        let out = args.get(&DIR, cx)?.ok_or(neither)?.number == 1;
        let strict = args.has(&STRICT);
        let mut elements = vec![Element::default()];
        for seen in args.seen() {
            if seen.def.name == NEXT.def().name {
                if elements.len() == MAX {
                    return Err(own("policy match: maximum policy depth reached"));
                }
                elements.push(Element::default());
            } else if let Some(element) = elements.last_mut() {
                element.take(seen, cx)?;
            }
        }
        if args.get(&POL, cx)?.is_some_and(|kind| kind.number == 0) {
            if strict {
                return Err(own("policy match: policy none but --strict given"));
            }
            return Ok(Self { out, ipsec: None });
        }
        for (i, element) in elements.iter().enumerate() {
            if strict && *element == Element::default() {
                let empty = "policy match: empty policy element %. --strict is in effect, but at \
                             least one of reqid, spi, tunnel-src, tunnel-dst, proto or mode is \
                             required.";
                return Err(ArgError { word: i.to_string().into_bytes(), ..own(empty) });
            }
            if (element.src.is_some() || element.dst.is_some()) && !element.is_tunnel() {
                let sentence =
                    "policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode";
                return Err(own(sentence));
            }
        }
        Ok(Self { out, ipsec: Some(Box::new(Ipsec { strict, elements })) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&DIR, &Keyword::of(self.out.into()));
        w.opt(&POL, &Keyword::of(self.ipsec.is_some().into()));
        let Some(ipsec) = &self.ipsec else { return };
        w.flag(&STRICT, ipsec.strict);
        for (i, element) in ipsec.elements.iter().enumerate() {
            w.flag(&NEXT, i > 0);
            element.save(w);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("policy match dir ").raw(if self.out { "out" } else { "in" });
        w.word("pol ").raw(if self.ipsec.is_some() { "ipsec" } else { "none" });
        let Some(ipsec) = &self.ipsec else { return };
        if ipsec.strict {
            w.word("strict");
        }
        for (element, i) in ipsec.elements.iter().zip(0u8..) {
            if ipsec.elements.len() > 1 {
                w.word("[").number(i).raw("]");
            }
            element.list(w);
        }
    }

    /// COMPAT: the kernel compares `spi` in network byte order, and upstream writes it in the
    /// machine's; on a little-endian machine `--spi 0x10` therefore matches SPI 0x10000000. The
    /// bytes are those of upstream, or its rules would be shown as something else.
    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let mut pol = [Element::default().raw(); MAX];
        let elements = self.ipsec.as_ref().map_or(&[][..], |ipsec| &ipsec.elements);
        for (slot, element) in pol.iter_mut().zip(elements) {
            *slot = element.raw();
        }
        let strict = self.ipsec.as_ref().is_some_and(|ipsec| ipsec.strict);
        let flag = |given, bit| if given { bit } else { 0 };
        let flags = flag(!self.out, FLAG_IN)
            | flag(self.out, FLAG_OUT)
            | flag(self.ipsec.is_none(), FLAG_NONE)
            | flag(strict, FLAG_STRICT);
        let len = u16::try_from(elements.len()).unwrap_or(0);
        abi::push(out, XtPolicyInfo { pol, flags, len });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtPolicyInfo = abi::read(bytes)?;
        let given = |flag| raw.flags & flag != 0;
        let out = given(FLAG_OUT);
        if given(FLAG_NONE) {
            return Ok(Self { out, ipsec: None });
        }
        let strict = given(FLAG_STRICT);
        let read = || {
            let pol = raw.pol.get(..raw.len.into()).filter(|pol| !pol.is_empty())?;
            let elements: Option<Vec<_>> =
                pol.iter().map(|raw| Element::from_raw(raw, cx.family)).collect();
            let elements = elements?;
            let sound = match strict {
                true => elements.iter().all(|e| *e != Element::default()),
                false => elements.len() == 1,
            };
            sound.then_some(elements)
        };
        let elements = read().ok_or(DecodeError::Unknown)?;
        Ok(Self { out, ipsec: Some(Box::new(Ipsec { strict, elements })) })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for Policy {
    /// `policy_mt`: in, the transformations are gone through from the innermost; out, in the order
    /// they will be made.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let states = match if self.out { &cx.ipsec_out } else { &cx.ipsec_in } {
            Known::Known(states) => states,
            Known::Absent => return self.ipsec.is_none().into(),
            Known::Unknown(why) => return Truth::Unknown(why),
        };
        let Some(Ipsec { strict, elements }) = self.ipsec.as_deref() else { return Truth::No };
        let fits = match (strict, elements.first()) {
            (true, _) => {
                states.len() == elements.len()
                    && states.iter().zip(elements).all(|(state, e)| e.fits(state))
            }
            (false, Some(element)) => states.iter().any(|state| element.fits(state)),
            (false, None) => false,
        };
        fits.into()
    }
}

abi! {
    /// `struct xt_policy_elem` (linux/netfilter/xt_policy.h).
    struct XtPolicyElem[76] {
        src: [InetAddr; 2] = 0,
        dst: [InetAddr; 2] = 32,
        spi: u32 = 64,
        reqid: u32 = 68,
        proto: u8 = 72,
        mode: u8 = 73,
        given: u8 = 74,
        invert: u8 = 75,
    }
}

abi! {
    /// `struct xt_policy_info`.
    struct XtPolicyInfo[308] { pol: [XtPolicyElem; 4] = 0, flags: u16 = 304, len: u16 = 306 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: [u8; 20] = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

    fn state(reqid: u32, protocol: u8) -> XfrmState {
        let host = |last| std::net::IpAddr::from([192, 0, 2, last]);
        XfrmState { reqid, spi: 0x1000, protocol, tunnel: true, src: host(1), dst: host(2) }
    }

    fn truth(policy: &Policy, states: Known<Vec<XfrmState>>) -> Truth {
        let cx = Context { ipsec_in: states, ..Context::default() };
        policy.test(&Packet::parse(&PACKET).unwrap(), &cx)
    }

    fn policy(strict: bool, elements: Vec<Element>) -> Policy {
        Policy { out: false, ipsec: Some(Box::new(Ipsec { strict, elements })) }
    }

    fn reqid(n: u32) -> Element {
        Element { reqid: Some(Neg::plain(n)), ..Element::default() }
    }

    #[test]
    fn strict_is_all_in_their_order_else_any_one() {
        let both = Known::Known(vec![state(1, 50), state(2, 51)]);
        assert_eq!(truth(&policy(false, vec![reqid(2)]), both.clone()), Truth::Yes);
        assert_eq!(truth(&policy(true, vec![reqid(2)]), both.clone()), Truth::No);
        assert_eq!(truth(&policy(true, vec![reqid(1), reqid(2)]), both.clone()), Truth::Yes);
        assert_eq!(truth(&policy(true, vec![reqid(2), reqid(1)]), both.clone()), Truth::No);
        let none = Policy { out: false, ipsec: None };
        assert_eq!(truth(&none, both), Truth::No);
        assert_eq!(truth(&none, Known::Absent), Truth::Yes);
        assert_eq!(truth(&policy(false, vec![reqid(2)]), Known::Absent), Truth::No);
    }

    #[test]
    fn the_index_is_compared_as_upstream_has_written_it() {
        let spi = |n: u32| {
            policy(false, vec![Element { spi: Some(Neg::plain(Spi(n))), ..Element::default() }])
        };
        let one = Known::Known(vec![state(1, 50)]);
        let swapped = u32::from_ne_bytes(0x1000u32.to_be_bytes());
        assert_eq!(truth(&spi(swapped), one.clone()), Truth::Yes);
        assert_eq!(truth(&spi(0x1000), one), Truth::from(swapped == 0x1000));
    }
}
