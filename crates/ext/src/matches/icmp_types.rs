//! What the ICMP and ICMPv6 matches share: types with their codes, by name or number.

use crate::abi::{self, abi};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use oxtables_wire::nft::cond::{Cond, Load, Op};
use oxtables_wire::nft::expr::Base;
use std::fmt::Debug;
use std::marker::PhantomData;

/// A name, its type, and its code (`None`: all).
pub(super) type Row = (&'static str, u8, Option<u8>);

/// The names one family has, and how upstream speaks of them.
pub(super) trait Types:
    Clone + Copy + PartialEq + Eq + std::hash::Hash + Debug + 'static
{
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
}

/// A type, and one code or all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TypeCode<T> {
    /// The type.
    kind: u8,
    /// The code; `None` for all.
    code: Option<u8>,
    types: PhantomData<T>,
}

impl<T: Types> TypeCode<T> {
    const fn new(kind: u8, code: Option<u8>) -> Self {
        Self { kind, code, types: PhantomData }
    }

    fn is_any(&self) -> bool {
        T::ANY && self.kind == 255 && self.code.is_none()
    }

    fn name(&self) -> Option<&'static str> {
        let same = |&&(_, kind, code): &&Row| (kind, code) == (self.kind, self.code);
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
    pub(super) fn fits(&self, kind: u8, code: u8) -> bool {
        let any = T::ANY && self.kind == 255;
        any || (self.kind == kind && self.code.is_none_or(|c| c == code))
    }

    /// The words of `-L` after the blank, `not` being the sign.
    pub(super) fn list(&self, w: &mut ListWriter<'_>, not: bool) {
        w.raw(if not { " !" } else { "" });
        if let Some(name) = self.name().filter(|_| !w.numeric) {
            w.raw(if not { "" } else { " " }).raw(name);
            return;
        }
        w.raw("type ").number(self.kind);
        if let Some(code) = self.code {
            w.word("code ").number(code);
        }
    }

    /// Appends `struct ipt_icmp`, which `struct ip6t_icmp` equals, padded to 8.
    pub(super) fn encode(&self, not: bool, out: &mut Vec<u8>) {
        let code = self.code.map_or([0, 255], |c| [c, c]);
        abi::push(out, IptIcmp { kind: self.kind, code, invflags: not.into() });
        out.extend_from_slice(&[0; 4]);
    }

    /// The inverse of [`Self::encode`].
    pub(super) fn decode(bytes: &[u8]) -> Result<Neg<Self>, DecodeError> {
        let raw: IptIcmp = abi::read(bytes)?;
        let code = match raw.code {
            [0, 255] => None,
            [a, b] if a == b => Some(a),
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Neg { not: raw.invflags != 0, value: Self::new(raw.kind, code) })
    }

    /// Reads a native comparison of the type, or of type and code at once.
    ///
    /// COMPAT: upstream shows `icmp type 255` as `any`, a code alone as type 255 with that code,
    /// and `!=` as `==`; what cannot be said is left foreign here.
    pub(super) fn raise(item: &Item<'_>) -> Option<Neg<Self>> {
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
    pub(super) fn clause(&self, not: bool) -> Clause {
        let wanted = u32::from(self.kind) << 8 | u32::from(self.code.unwrap_or(0));
        let (mask, wanted) = match self.code {
            _ if T::ANY && self.kind == 255 => (0, 0),
            None => (0xff00, wanted),
            Some(_) => (0xffff, wanted),
        };
        Clause { field: Field::IcmpTypeCode, mask, lo: wanted, hi: wanted, not }
    }
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
        let byte = |text| number::parse_within(text, 0, 255).and_then(|n| u8::try_from(n).ok());
        let code = match rest {
            [] => None,
            [b':', ..] => return Err(ValueError::Own(T::NO_RANGE)),
            [b'/', code @ ..] => Some(byte(code).ok_or(ValueError::Own(T::UNKNOWN_CODE))?),
            _ => return Err(unknown_type),
        };
        Ok(Self::new(kind, code))
    }

    fn save(&self, out: &mut Vec<u8>) {
        if self.is_any() {
            out.extend_from_slice(b"any");
            return;
        }
        number::push_decimal(out, self.kind.into());
        if let Some(code) = self.code {
            out.push(b'/');
            number::push_decimal(out, code.into());
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

abi! {
    /// `struct ipt_icmp` (linux/netfilter_ipv4/ip_tables.h) and `struct ip6t_icmp`
    /// (linux/netfilter_ipv6/ip6_tables.h).
    struct IptIcmp[4] { kind: u8 = 0, code: [u8; 2] = 1, invflags: u8 = 3 }
}
