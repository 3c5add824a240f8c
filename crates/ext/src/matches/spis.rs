//! What the matches of IPsec headers share: a range of security parameter indexes, or of other
//! 32-bit numbers.

use crate::abi::{self, abi};
use crate::value::{NumRange, Unseen};
use crate::*;

/// The numbers wanted; all of them, not inverted, is no condition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Spis(pub(super) Neg<NumRange<u32>>);

impl Spis {
    pub(super) const ALL: Self = Self(Neg::plain(NumRange::<u32>::ALL));

    pub(super) fn is_all(self) -> bool {
        self == Self::ALL
    }

    pub(super) fn fits(self, spi: u32) -> bool {
        self.0.value.contains(spi) != self.0.not
    }

    pub(super) fn save(self, w: &mut ArgWriter<'_>, option: &Opt<Neg<NumRange<u32>>>) {
        if !self.is_all() {
            w.neg(option, &self.0);
        }
    }

    /// `spi:7`, `spis:!1:9`, `name` being `spi`; nothing for all.
    pub(super) fn list(self, w: &mut ListWriter<'_>, name: &str) {
        if !self.is_all() {
            let NumRange { lo, hi } = self.0.value;
            w.raw(name).raw(if lo == hi { ":" } else { "s:" });
            w.raw(if self.0.not { "!" } else { "" }).value(&self.0.value);
        }
    }

    /// The bounds as the kernel's structs hold them.
    pub(super) const fn bounds(self) -> [u32; 2] {
        [self.0.value.lo, self.0.value.hi]
    }

    /// The inverse of [`Self::bounds`]; a range that ends before it begins cannot be written down.
    pub(super) fn from_bounds([lo, hi]: [u32; 2], not: bool) -> Result<Self, DecodeError> {
        if lo > hi {
            Err(DecodeError::Unknown)
        } else {
            Ok(Self(Neg { not, value: NumRange { lo, hi } }))
        }
    }

    /// Appends `struct xt_esp`, which `struct ipt_ah` equals, padded to 8.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        abi::push(out, XtEsp { spis: self.bounds(), invflags: self.0.not.into() });
        out.extend_from_slice(&[0; 4]);
    }

    /// The inverse of [`Self::encode`].
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtEsp = abi::read(bytes)?;
        Self::from_bounds(raw.spis, raw.invflags != 0)
    }
}

/// Numbers that the kernel asks for under a flag. All of them are no condition, with the flag or
/// without, and are written as none; the flag is sent back as it came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct FlaggedSpis {
    spis: Spis,
    flag: Unseen<bool>,
}

impl FlaggedSpis {
    pub(super) fn new(given: Option<Neg<NumRange<u32>>>) -> Self {
        let spis = given.map_or(Spis::ALL, Spis);
        Self { spis, flag: Unseen(!spis.is_all()) }
    }

    /// The inverse of [`Spis::bounds`] and [`Self::sign`].
    pub(super) fn from_bounds(bounds: [u32; 2], sign: Option<bool>) -> Result<Self, DecodeError> {
        let spis = Spis::from_bounds(bounds, sign == Some(true))?;
        // Numbers without the flag are lost here, and found missing when the bytes are compared.
        let spis = if sign.is_some() { spis } else { Spis::ALL };
        Ok(Self { spis, flag: Unseen(sign.is_some()) })
    }

    /// Whether the flag is sent, and if so, whether inverted.
    pub(super) fn sign(self) -> Option<bool> {
        self.flag.0.then_some(self.spis.0.not)
    }

    pub(super) const fn spis(self) -> Spis {
        self.spis
    }
}

abi! {
    /// `struct xt_esp` (linux/netfilter/xt_esp.h), `struct ipt_ah` (linux/netfilter_ipv4/ipt_ah.h).
    struct XtEsp[12] { spis: [u32; 2] = 0, invflags: u8 = 8 }
}
