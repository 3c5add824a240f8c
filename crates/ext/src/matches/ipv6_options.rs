//! What the matches of hop-by-hop and destination options share (kernel
//! `net/ipv6/netfilter/ip6t_hbh.c:hbh_mt6`).

use crate::abi::{self, abi};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use oxtables_packet::Missing;
use std::marker::PhantomData;

/// How many options the kernel's struct has room for.
const MAX: usize = 16;
/// The length in the kernel's struct that stands for any.
const ANY_LENGTH: u8 = 0xff;

/// `IP6T_OPTS_*` (linux/netfilter_ipv6/ip6t_opts.h).
const FLAG_LEN: u8 = 1;
const FLAG_OPTS: u8 = 2;

/// One of the two headers.
pub trait Header: Copy + Eq + Hash + Debug + 'static {
    /// The description of the match.
    const SPEC: Spec;
    /// The option of the header's length in bytes.
    const LEN: Opt<Neg<u32>>;
    /// The option of what it holds.
    const OPTIONS: Opt<OptionList<Self>>;
    /// Its number (`NEXTHDR_*`, kernel `include/net/ipv6.h`).
    const NUMBER: u8;
    /// Upstream's sentence for a type that is no number.
    const BAD_TYPE: &'static str;
    /// The same for a length.
    const BAD_LENGTH: &'static str;
    /// The same for a length with something behind it.
    const TRAILING: &'static str;
}

/// The match of one header: its length, and the options it begins with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HeaderOptions<H> {
    len: Option<Neg<u32>>,
    options: Option<OptionList<H>>,
}

/// The type of an option, and its length where that is looked at.
type Wanted = (u8, Option<u8>);

/// Options with their lengths, at least one, in the order of the header.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OptionList<H>(Box<[Wanted]>, PhantomData<H>);

/// A number up to `max`, or upstream's sentence: `none` when there is none, `more` when something is
/// behind it.
fn byte<'w>(
    word: &'w [u8],
    max: u8,
    none: &'static str,
    more: &'static str,
) -> Result<u8, (&'w [u8], ValueError)> {
    match number::prefix(word) {
        None => Err((word, ValueError::Own(none))),
        Some((n, [])) => u8::try_from(n)
            .ok()
            .filter(|n| *n <= max)
            .ok_or((word, ValueError::Range(0, max.into()))),
        Some(_) => Err((word, ValueError::Own(more))),
    }
}

/// COMPAT: a type or length beyond its byte is refused, where upstream cuts it to its low 8 bits;
/// so is the length 255, which upstream takes for any length.
fn option<H: Header>(part: &[u8]) -> Result<Wanted, (&[u8], ValueError)> {
    let mut parts = part.splitn(2, |&c| c == b':');
    let kind = byte(parts.next().unwrap_or_default(), u8::MAX, H::BAD_TYPE, H::BAD_TYPE)?;
    let Some(length) = parts.next() else { return Ok((kind, None)) };
    let length = byte(length, ANY_LENGTH - 1, H::BAD_LENGTH, H::TRAILING)?;
    if kind == 0 {
        return Err((part, ValueError::Own("PAD0 hasn't got length")));
    }
    Ok((kind, Some(length)))
}

impl<H: Header> Value for OptionList<H> {
    const SYNTAX: &'static str = "type[:length][,type[:length]...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let options: Result<Box<[_]>, _> = first.split(|&c| c == b',').map(option::<H>).collect();
        let options = options?;
        if options.len() > MAX {
            return Err((first, ValueError::Own("too many addresses specified")));
        }
        Ok(Self(options, PhantomData))
    }

    fn save(&self, out: &mut Vec<u8>) {
        for (i, &(kind, length)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            number::push_decimal(out, kind.into());
            if let Some(length) = length {
                out.push(b':');
                number::push_decimal(out, length.into());
            }
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let one = |rng: &mut Rng| {
            let (kind, length) = (rng.within(1, 255), rng.within(0, 254));
            if rng.one_in(2) { format!("{kind}:{length}") } else { kind.to_string() }
        };
        let options: Vec<String> = (0..rng.within(1, 16)).map(|_| one(rng)).collect();
        options.join(",").into_bytes()
    }
}

impl<H: Header> Extension for HeaderOptions<H> {
    const SPEC: Spec = H::SPEC;

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self { len: args.get_neg(&H::LEN, cx)?, options: args.get(&H::OPTIONS, cx)? })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&H::LEN, self.len.as_ref());
        w.opt_if(&H::OPTIONS, self.options.as_ref());
    }

    /// ` dst length:!5 opts 1,2:3`
    fn list(&self, w: &mut ListWriter<'_>) {
        w.word(H::SPEC.name);
        if let Some(Neg { not, value }) = self.len {
            w.word("length:").raw(if not { "!" } else { "" }).number(value);
        }
        if let Some(options) = &self.options {
            w.word("opts ").value(options);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let list: &[_] = self.options.as_ref().map_or(&[], |o| &o.0);
        let mut opts = [0; MAX];
        for (slot, &(kind, length)) in opts.iter_mut().zip(list) {
            *slot = u16::from_be_bytes([kind, length.unwrap_or(ANY_LENGTH)]);
        }
        let has_len = if self.len.is_some() { FLAG_LEN } else { 0 };
        let has_opts = if self.options.is_some() { FLAG_OPTS } else { 0 };
        let raw = Ip6tOpts {
            hdrlen: self.len.map_or(0, |l| l.value),
            flags: has_len | has_opts,
            invflags: self.len.is_some_and(|l| l.not).into(),
            opts,
            optsnr: u8::try_from(list.len()).unwrap_or(0),
        };
        abi::push(out, raw);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: Ip6tOpts = abi::read(bytes)?;
        let list = raw.opts.iter().take(raw.optsnr.into()).map(|opt| {
            let [kind, length] = opt.to_be_bytes();
            (kind, (length != ANY_LENGTH).then_some(length))
        });
        let list: Box<[_]> = list.collect();
        let has_opts = raw.flags & FLAG_OPTS != 0;
        if list.is_empty() == has_opts || list.iter().any(|&(kind, len)| kind == 0 && len.is_some())
        {
            return Err(DecodeError::Unknown);
        }
        let len = Neg { not: raw.invflags != 0, value: raw.hdrlen };
        Ok(Self {
            len: (raw.flags & FLAG_LEN != 0).then_some(len),
            options: has_opts.then_some(OptionList(list, PhantomData)),
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl<H: Header> Match for HeaderOptions<H> {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        self.try_test(packet).map_or_else(Missing::truth, Truth::from)
    }
}

impl<H: Header> HeaderOptions<H> {
    fn try_test(&self, packet: &Packet) -> Result<bool, Missing> {
        let at = packet.find_ipv6_header(H::NUMBER)?.offset;
        let [_, units] = packet.array_at(at)?;
        let len = (usize::from(units) + 1) * 8;
        // As of Linux 6.18 a header longer than its packet is a drop, before that it was no match.
        if packet.total_len() < at + len {
            return Err(Missing::Truncated);
        }
        let right_length = self.len.is_none_or(|l| (usize::try_from(l.value) == Ok(len)) != l.not);
        let Some(OptionList(wanted, _)) = &self.options else { return Ok(right_length) };
        let body = packet.bytes_at(at + 2, len - 2)?;
        Ok(begins_with(body, wanted) && right_length)
    }
}

/// Whether the options in `body` are those wanted, from the first on; the last may be cut.
fn begins_with(body: &[u8], wanted: &[Wanted]) -> bool {
    let mut rest = body;
    for (i, &(kind, length)) in wanted.iter().enumerate() {
        let step = match *rest {
            [k, ..] if k != kind => return false,
            [0, ..] => 1,
            [_, l, ..] if length.is_none_or(|length| length == l) => usize::from(l) + 2,
            _ => return false,
        };
        match rest.get(step..) {
            Some(next) => rest = next,
            None => return i + 1 == wanted.len(),
        }
    }
    true
}

abi! {
    /// `struct ip6t_opts` (linux/netfilter_ipv6/ip6t_opts.h).
    struct Ip6tOpts[40] {
        hdrlen: u32 = 0,
        flags: u8 = 4,
        invflags: u8 = 5,
        opts: [u16; MAX] = 6,
        optsnr: u8 = 38,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matches::{dst::Dst, hbh::Hbh};
    use oxtables_packet::exthdr;

    /// An IPv6 packet of destination options that state a length of 8 and of which `len` bytes are
    /// there; the answers are those of Linux 6.18.
    #[test]
    fn a_header_longer_than_the_packet_is_dropped() {
        let destination = Dst { len: None, options: None };
        let hop_by_hop = Hbh { len: None, options: None };
        for (len, truth) in [(3, Truth::HotDrop), (7, Truth::HotDrop), (8, Truth::Yes)] {
            let mut bytes = vec![0x60, 0, 0, 0, 0, len, exthdr::DEST, 64];
            bytes.resize(40, 1);
            bytes.push(exthdr::NONE);
            bytes.resize(40 + usize::from(len), 0);
            let packet = Packet::parse(&bytes).unwrap();
            let cx = Context::default();
            assert_eq!(destination.test(&packet, &cx), truth, "{len}");
            assert_eq!(hop_by_hop.test(&packet, &cx), Truth::No);
        }
    }

    #[test]
    fn options_are_compared_from_the_first_on() {
        let body = [1, 2, 0, 0, 5, 0, 0, 3, 1, 9];
        let fits = |wanted: &[Wanted]| begins_with(&body, wanted);
        assert!(fits(&[(1, None)]) && fits(&[(1, Some(2)), (5, Some(0)), (0, None), (3, Some(1))]));
        assert!(!fits(&[(5, None)]) && !fits(&[(1, Some(3))]));
        assert!(!fits(&[(1, None), (5, None), (0, None), (3, None), (1, None)]));
    }
}
