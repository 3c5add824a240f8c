//! Sets of `ipset(8)` and which addresses of a packet are looked up in them: `NAME src,dst`.

use super::{Name, Value, ValueCx, ValueError};
use crate::abi::abi;
use crate::args::Arity;
use crate::host::HostError;
use crate::{DecodeCx, DecodeError};
use oxtables_base::Family;
use oxtables_base::sample::Rng;

/// `IPSET_MAXNAMELEN` less its NUL (linux/netfilter/ipset/ip_set.h).
const NAME_LEN: usize = 31;
/// `IPSET_DIM_MAX`.
const DIM_MAX: u8 = 6;
/// `IPSET_INV_MATCH`; the bits above it say `src`, one a dimension.
const INVERT: u8 = 1;
/// `IPSET_RETURN_NOMATCH`, as a flag of the set in revision 2 of the match.
const RETURN_NOMATCH: u8 = 1 << 7;
/// `IPSET_SRC`, `IPSET_DST`, `IPSET_MATCH_INV` of revision 0.
const OLD_SRC: u32 = 1;
const OLD_DST: u32 = 2;
const OLD_INVERT: u32 = 4;

/// A set and what of the packet is looked up in it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SetDirs {
    name: Name<NAME_LEN>,
    index: u16,
    dimensions: u8,
    /// Bit n: the source is dimension n; bit 0 is none's.
    sources: u8,
}

impl SetDirs {
    /// The set's name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.name.bytes()
    }

    /// The kernel's number of the set.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.index
    }

    /// For each dimension whether it is the source (or else the destination).
    pub fn sources(&self) -> impl Iterator<Item = bool> {
        (1..=self.dimensions).map(|n| self.sources & 1 << n != 0)
    }

    /// The kernel's struct since revision 1.
    pub(crate) fn info(&self, not: bool, return_nomatch: bool) -> SetInfo {
        let flags = if not { INVERT } else { 0 } | if return_nomatch { RETURN_NOMATCH } else { 0 };
        SetInfo { index: self.index, dim: self.dimensions, flags: self.sources | flags }
    }

    /// Reads the kernel's struct since revision 1, asking the machine for the set's name; whether
    /// the sense is turned round and whether `nomatch` entries count come with it.
    pub(crate) fn from_info(
        info: SetInfo,
        cx: &DecodeCx<'_>,
    ) -> Result<(Self, bool, bool), DecodeError> {
        let SetInfo { index, dim, flags } = info;
        if !(1..=DIM_MAX).contains(&dim) {
            return Err(DecodeError::Unknown);
        }
        let name = cx.host.set_by_index(index).map_err(|_| DecodeError::Unknown)?;
        let name = Name::new(&name).ok_or(DecodeError::Unknown)?;
        let sources = flags & !(INVERT | u8::MAX.checked_shl(u32::from(dim) + 1).unwrap_or(0));
        let value = Self { name, index, dimensions: dim, sources };
        Ok((value, flags & INVERT != 0, flags & RETURN_NOMATCH != 0))
    }

    /// The kernel's struct of revision 0, as the kernel leaves it: it works out the last two fields
    /// itself (`net/netfilter/xt_set.c:compat_flags`). `None` for six dimensions, which it has no
    /// room for.
    pub(crate) fn info_v0(&self, not: bool) -> Option<SetInfoV0> {
        let SetInfo { index, dim, flags: compat_flags } = self.info(not, false);
        if dim == DIM_MAX {
            return None;
        }
        let mut flags = [0; 6];
        for (flag, source) in flags.iter_mut().zip(self.sources()) {
            *flag = if source { OLD_SRC } else { OLD_DST };
        }
        if let (Some(first), true) = (flags.first_mut(), not) {
            *first |= OLD_INVERT;
        }
        Some(SetInfoV0 { index, flags, dim, compat_flags })
    }
}

impl SetInfo {
    /// No set (`IPSET_INVALID_ID`).
    pub(crate) const NONE: Self = Self { index: u16::MAX, dim: 0, flags: 0 };
}

impl SetInfoV0 {
    /// No set.
    pub(crate) const NONE: Self = Self { index: u16::MAX, flags: [0; 6], dim: 0, compat_flags: 0 };

    /// The same as the struct of the later revisions.
    pub(crate) const fn later(self) -> SetInfo {
        SetInfo { index: self.index, dim: self.dim, flags: self.compat_flags }
    }
}

/// COMPAT: upstream takes whatever begins with `src` or `dst`; it must be one of these here.
fn read_dirs(word: &[u8]) -> Result<(u8, u8), ValueError> {
    let (mut dimensions, mut sources) = (0, 0);
    for part in word.split(|&c| c == b',') {
        if dimensions == DIM_MAX {
            return Err(ValueError::Own("Can't be more src/dst options than 6."));
        }
        dimensions += 1;
        match part {
            b"src" => sources |= 1 << dimensions,
            b"dst" => (),
            _ => {
                let wanted = "You must specify (the comma separated list of) 'src' or 'dst'.";
                return Err(ValueError::Own(wanted));
            }
        }
    }
    Ok((dimensions, sources))
}

fn find_set(name: &[u8], cx: &ValueCx<'_>) -> Result<u16, ValueError> {
    let index = cx.rule.host.set_by_name(name).map_err(|e| match e {
        HostError::NotFound => ValueError::Own("Set % doesn't exist.\n"),
        HostError::Refused(_) => ValueError::Own("Can't open socket to ipset."),
    })?;
    match (cx.rule.host.set_family(name), cx.rule.family) {
        (Some(Family::Ip4), Family::Ip6) => {
            Err(ValueError::Own("The protocol family of set % is IPv4, which is not applicable."))
        }
        (Some(Family::Ip6), Family::Ip4) => {
            Err(ValueError::Own("The protocol family of set % is IPv6, which is not applicable."))
        }
        _ => Ok(index),
    }
}

impl Value for SetDirs {
    const SYNTAX: &'static str = "set src|dst[,src|dst...]";
    const ARITY: Arity = Arity::Two;

    /// The name alone, for the source address.
    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"src", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        second: &'w [u8],
        cx: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let too_long = ValueError::Own("setname `%' too long, max 31 characters.");
        let absent = ValueError::Own("Set % doesn't exist.");
        let wrong = if first.is_empty() { absent } else { too_long };
        let name = Name::new(first).ok_or((first, wrong))?;
        let index = find_set(first, cx).map_err(|e| (first, e))?;
        let (dimensions, sources) = read_dirs(second).map_err(|e| (second, e))?;
        Ok(Self { name, index, dimensions, sources })
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.name.save(out);
        for (n, source) in self.sources().enumerate() {
            out.push(if n == 0 { b' ' } else { b',' });
            out.extend_from_slice(if source { b"src" } else { b"dst" });
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let dirs: Vec<&str> = (0..rng.within(1, DIM_MAX.into()))
            .map(|_| if rng.one_in(2) { "src" } else { "dst" })
            .collect();
        format!("foo {}", dirs.join(",")).into_bytes()
    }
}

abi! {
    /// `struct xt_set_info` (linux/netfilter/xt_set.h).
    struct SetInfo[4] { index: u16 = 0, dim: u8 = 2, flags: u8 = 3 }
}

abi! {
    /// `struct xt_set_info_v0` (linux/netfilter/xt_set.h).
    struct SetInfoV0[32] {
        index: u16 = 0,
        flags: [u32; 6] = 4,
        dim: u8 = 28,
        compat_flags: u8 = 29,
    }
}
