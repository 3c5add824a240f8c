//! Masks that the kernel keeps in a `union nf_inet_addr`.

use super::{Unseen, Value, ValueCx, ValueError};
use crate::abi::InetAddr;
use oxtables_base::sample::Rng;
use oxtables_base::{Family, addr};
use std::net::IpAddr;

/// The mask of an option, alone or behind an address.
///
/// COMPAT: where no IPv4 mask is written, or one that is no prefix, upstream leaves the last twelve
/// bytes of the union filled; with a prefix they are zero. The kernel looks at the first four, so
/// both are the same mask and compare equal, but each is sent back as it came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UnionMask {
    mask: IpAddr,
    filled: Unseen<bool>,
}

impl UnionMask {
    /// The mask of a whole address, as it is when none is written.
    #[must_use]
    pub fn host(family: Family) -> Self {
        Self { mask: addr::prefix_mask(family, family.bits()), filled: Unseen(true) }
    }

    /// The mask of a prefix length.
    #[must_use]
    pub const fn written(mask: IpAddr) -> Self {
        Self { mask, filled: Unseen(false) }
    }

    /// The mask as an address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.mask
    }

    /// Reads a prefix length or a whole mask.
    ///
    /// # Errors
    /// [`ValueError::Mask`].
    pub fn read(word: &[u8], family: Family) -> Result<Self, ValueError> {
        let mask = addr::parse_mask(family, word).ok_or(ValueError::Mask(family.bits()))?;
        Ok(Self { mask, filled: Unseen(addr::prefix_len(mask).is_none()) })
    }

    /// The prefix length, when the mask is contiguous.
    #[must_use]
    pub fn prefix_len(&self) -> Option<u8> {
        addr::prefix_len(self.mask)
    }

    /// Whether it covers a whole address.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.prefix_len() == Some(addr::family_of(self.mask).bits())
    }

    /// Whether `a` and `b` agree under the mask.
    #[must_use]
    pub fn same(&self, a: IpAddr, b: IpAddr) -> bool {
        let masked = addr::and(a, self.mask);
        masked.is_some() && masked == addr::and(b, self.mask)
    }

    /// The kernel's union.
    pub(crate) fn to_union(self) -> InetAddr {
        let mut union = InetAddr::new(self.mask);
        if self.filled.0 {
            let len = usize::from(addr::family_of(self.mask).bits() / 8);
            union.0.iter_mut().skip(len).for_each(|byte| *byte = 0xff);
        }
        union
    }

    /// The mask in the kernel's union, `None` if no mask of `family` is that.
    pub(crate) fn from_union(union: InetAddr, family: Family) -> Option<Self> {
        let (mask, tail) = union.0.split_at_checked(usize::from(family.bits() / 8))?;
        let filled = !tail.is_empty() && tail.iter().all(|&b| b == 0xff);
        let known = filled || tail.iter().all(|&b| b == 0);
        known.then_some(Self { mask: addr::from_octets(mask)?, filled: Unseen(filled) })
    }

    /// Appends `/LEN` or `/MASK`, nothing for a whole address.
    pub fn save_after_address(&self, out: &mut Vec<u8>) {
        if self.is_host() {
            return;
        }
        out.push(b'/');
        match self.prefix_len() {
            Some(n) => oxtables_base::number::push_decimal(out, u64::from(n)),
            None => addr::push_addr(out, self.mask),
        }
    }
}

/// The length of a prefix; a contiguous mask will do too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PrefixLen(pub u8);

impl Value for PrefixLen {
    const SYNTAX: &'static str = "prefix length";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let mask = UnionMask::read(word, cx.rule.family)?;
        mask.prefix_len().map(Self).ok_or(ValueError::Mask(cx.rule.family.bits()))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, cx.rule.family.bits().into()).to_string().into_bytes()
    }
}

/// A mask in the form of an address (`--mask 255.255.255.0`).
impl Value for UnionMask {
    const SYNTAX: &'static str = "mask";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let mask = addr::parse_host(cx.rule.family, word).ok_or(ValueError::Host)?;
        Ok(Self::written(mask))
    }

    fn save(&self, out: &mut Vec<u8>) {
        addr::push_addr(out, self.mask);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        IpAddr::sample(rng, cx)
    }
}
