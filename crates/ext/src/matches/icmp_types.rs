//! What the ICMP and ICMPv6 matches share: types with their codes, by name or number.

use crate::abi::{self, abi};
use crate::value::NumRange;
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use oxtables_packet::Missing;
use oxtables_wire::nft::cond::{Cond, Load, Op};
use oxtables_wire::nft::expr::Base;
use std::marker::PhantomData;

/// A name, its type, and its code (`None`: all).
pub(super) type Row = (&'static str, u8, Option<u8>);

/// The names one family has, and how upstream speaks of them.
pub trait Types: Copy + Eq + Hash + Debug + 'static {
    /// The description of the match.
    const SPEC: Spec;
    /// Its option.
    const TYPE: Opt<Neg<TypeCode<Self>>>;
    /// The protocol of the messages.
    const PROTOCOL: u8;
    /// The protocol's name in listings.
    const LISTED: &'static str;
    /// The names; the first one of a type and code is the one listed.
    const NAMES: &'static [Row];
    /// Whether type 255 stands for all messages.
    const ANY: bool;
    /// `ICMP type`.
    const WHAT: &'static str;
    /// ``Unknown ICMP type `%'``.
    const UNKNOWN_TYPE: &'static str;
    /// ``Unknown ICMP code `%'``.
    const UNKNOWN_CODE: &'static str;
    /// `ICMP type range not supported`.
    const NO_RANGE: &'static str;

    /// The message's type and code.
    ///
    /// # Errors
    /// When the packet is none, or cut short.
    fn message(packet: &Packet) -> Result<(u8, u8), Missing>;
}

/// The match of one family.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OfType<T>(Neg<TypeCode<T>>);

/// A type, and codes from one to another.
///
/// COMPAT: upstream reads `8/1:3` and saves it as `8/1`; here the range is written out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeCode<T> {
    /// The type.
    kind: u8,
    /// The codes.
    codes: NumRange<u8>,
    types: PhantomData<T>,
}

impl<T: Types> TypeCode<T> {
    const fn new(kind: u8, code: Option<u8>) -> Self {
        let codes = match code {
            Some(code) => NumRange { lo: code, hi: code },
            None => NumRange::<u8>::ALL,
        };
        Self { kind, codes, types: PhantomData }
    }

    fn all_codes(&self) -> bool {
        self.codes == NumRange::<u8>::ALL
    }

    fn is_any(&self) -> bool {
        T::ANY && self.kind == 255 && self.all_codes()
    }

    fn name(&self) -> Option<&'static str> {
        let same = |&&(_, kind, code): &&Row| Self::new(kind, code) == *self;
        T::NAMES.iter().find(same).map(|&(name, ..)| name)
    }

    fn by_name(word: &[u8]) -> Result<Option<Self>, ValueError> {
        let begins = |name: &str| {
            name.as_bytes().get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word))
        };
        let mut fits = T::NAMES.iter().filter(|&&(name, ..)| begins(name));
        let Some(&(first, kind, code)) = fits.next() else { return Ok(None) };
        match fits.next() {
            Some(&(second, ..)) if first.len() != word.len() => {
                Err(ValueError::Ambiguous { what: T::WHAT, names: [first, second] })
            }
            _ => Ok(Some(Self::new(kind, code))),
        }
    }

    /// Whether a message of `kind` and `code` is meant, before inversion.
    ///
    /// Type 255 stands for all even beside a code: `xt_tcpudp.c:icmp_type_code_match`.
    fn fits(&self, kind: u8, code: u8) -> bool {
        let any = T::ANY && self.kind == 255;
        any || (self.kind == kind && self.codes.contains(code))
    }

    /// The words of `-L` after the blank, `not` being the sign.
    fn list(&self, w: &mut ListWriter<'_>, not: bool) {
        w.raw(if not { " !" } else { "" });
        if let Some(name) = self.name().filter(|_| !w.numeric) {
            w.raw(if not { "" } else { " " }).raw(name);
            return;
        }
        w.raw("type ").number(self.kind);
        let NumRange { lo, hi } = self.codes;
        if lo == hi {
            w.word("code ").number(lo);
        } else if !self.all_codes() {
            w.word("codes ").number(lo).raw("-").number(hi);
        }
    }

    /// Appends `struct ipt_icmp`, which `struct ip6t_icmp` equals, padded to 8.
    fn encode(&self, not: bool, out: &mut Vec<u8>) {
        let code = [self.codes.lo, self.codes.hi];
        abi::push(out, IptIcmp { kind: self.kind, code, invflags: not.into() });
        out.extend_from_slice(&[0; 4]);
    }

    /// The inverse of [`Self::encode`].
    fn decode(bytes: &[u8]) -> Result<Neg<Self>, DecodeError> {
        let raw: IptIcmp = abi::read(bytes)?;
        let [lo, hi] = raw.code;
        if lo > hi {
            return Err(DecodeError::Unknown);
        }
        let value = Self { codes: NumRange { lo, hi }, ..Self::new(raw.kind, None) };
        Ok(Neg { not: raw.invflags != 0, value })
    }

    /// Reads a native comparison of the type, or of type and code at once.
    ///
    /// COMPAT: upstream shows `icmp type 255` as `any`, a code alone as type 255 with that code,
    /// and `!=` as `==`; what cannot be said is left foreign here.
    fn raise(item: &Item<'_>) -> Option<Neg<Self>> {
        let Item::Cond(Cond {
            load: Load::Payload { base: Base::Transport, offset: 0, .. },
            mask: None,
            op,
            lo,
            ..
        }) = item
        else {
            return None;
        };
        let not = match *op {
            Op::EQ => false,
            Op::NEQ => true,
            _ => return None,
        };
        let value = match **lo {
            [kind] => Self::new(kind, None),
            [kind, code] => Self::new(kind, Some(code)),
            _ => return None,
        };
        (!(T::ANY && value.kind == 255)).then_some(Neg { not, value })
    }

    /// The condition as a clause.
    fn clause(&self, not: bool) -> Clause {
        let with = |code: u8| u32::from(self.kind) << 8 | u32::from(code);
        let (mask, lo, hi) = match self.codes {
            _ if T::ANY && self.kind == 255 => (0, 0, 0),
            NumRange { lo, hi } => (0xffff, with(lo), with(hi)),
        };
        Clause { field: Field::IcmpTypeCode, mask, lo, hi, not }
    }
}

/// `1`, or `1:3`.
fn read_codes(text: &[u8]) -> Option<NumRange<u8>> {
    let byte = |text| number::parse_within(text, 0, 255).and_then(|n| u8::try_from(n).ok());
    let mut ends = text.splitn(2, |&c| c == b':');
    let lo = byte(ends.next()?)?;
    let hi = ends.next().map_or(Some(lo), byte)?;
    (lo <= hi).then_some(NumRange { lo, hi })
}

impl<T: Types> Value for TypeCode<T> {
    const SYNTAX: &'static str = "type[/code]|name";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if let Some(named) = Self::by_name(word)? {
            return Ok(named);
        }
        let unknown_type = ValueError::Own(T::UNKNOWN_TYPE);
        let (kind, rest) = number::prefix(word).ok_or(unknown_type.clone())?;
        let kind = u8::try_from(kind).map_err(|_| unknown_type.clone())?;
        match rest {
            [] => Ok(Self::new(kind, None)),
            [b':', ..] => Err(ValueError::Own(T::NO_RANGE)),
            [b'/', codes @ ..] => {
                let codes = read_codes(codes).ok_or(ValueError::Own(T::UNKNOWN_CODE))?;
                Ok(Self { codes, ..Self::new(kind, None) })
            }
            _ => Err(unknown_type),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        if self.is_any() {
            out.extend_from_slice(b"any");
            return;
        }
        number::push_decimal(out, self.kind.into());
        if !self.all_codes() {
            out.push(b'/');
            self.codes.save(out);
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let (kind, code) = (rng.within(0, 255), rng.within(0, 255));
        match rng.bits() % 3 {
            0 => rng.pick(T::NAMES).map_or_else(Vec::new, |(name, ..)| name.as_bytes().to_vec()),
            1 => kind.to_string().into_bytes(),
            _ => format!("{kind}/{code}").into_bytes(),
        }
    }
}

impl<T: Types> Extension for OfType<T> {
    const SPEC: Spec = T::SPEC;

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&T::TYPE, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&T::TYPE, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word(T::LISTED);
        self.0.value.list(w, self.0.not);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        self.0.value.encode(self.0.not, out);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        TypeCode::decode(bytes).map(Self)
    }

    fn raise(items: &[Item<'_>], cx: &NativeCx) -> Option<(Self, usize)> {
        if cx.proto != Some(Neg::plain(T::PROTOCOL)) {
            return None;
        }
        TypeCode::raise(items.first()?).map(|t| (Self(t), 1))
    }

    fn view(&self) -> View {
        View::Clauses(smallvec::smallvec![self.0.value.clause(self.0.not)])
    }
}

impl<T: Types> Match for OfType<T> {
    /// A later fragment never matches, a header cut short is dropped on the spot.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match T::message(packet) {
            Ok((kind, code)) => (self.0.value.fits(kind, code) != self.0.not).into(),
            Err(missing) => missing.truth(),
        }
    }
}

abi! {
    /// `struct ipt_icmp` (linux/netfilter_ipv4/ip_tables.h) and `struct ip6t_icmp`
    /// (linux/netfilter_ipv6/ip6_tables.h).
    struct IptIcmp[4] { kind: u8 = 0, code: [u8; 2] = 1, invflags: u8 = 3 }
}
