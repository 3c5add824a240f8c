//! The address lists of `-s` and `-d`.

use crate::error::UsageErrorKind;
use oxtables_base::{Family, HostMask, addr, names};
use oxtables_ext::Host;
use smallvec::{SmallVec, smallvec};
use std::net::IpAddr;

/// The addresses of one option; `None` is "any address" (`/0`), which is no condition.
pub(crate) type Addresses = SmallVec<[Option<HostMask>; 1]>;

/// Reads `ADDR[/MASK][,...]`. A host name gives one entry for each address it has.
pub(crate) fn parse(
    family: Family,
    word: &[u8],
    not: bool,
    host: &dyn Host,
) -> Result<Addresses, UsageErrorKind> {
    let mut all = Addresses::new();
    for part in word.split(|&c| c == b',') {
        // COMPAT: blanks after a comma do no harm.
        parse_one(family, part.trim_ascii_start(), not, host, &mut all)?;
    }
    Ok(all)
}

fn parse_one(
    family: Family,
    word: &[u8],
    not: bool,
    host: &dyn Host,
    all: &mut Addresses,
) -> Result<(), UsageErrorKind> {
    let slash = word.iter().rposition(|&c| c == b'/');
    let (name, mask) = match slash {
        None => (word, addr::prefix_mask(family, family.bits())),
        Some(at) => {
            let (name, mask) = (word.get(..at), word.get(at + 1..));
            let mask = mask.unwrap_or_default();
            let parsed = addr::parse_mask(family, mask)
                .ok_or_else(|| UsageErrorKind::BadMask(mask.to_vec()))?;
            (name.unwrap_or_default(), parsed)
        }
    };
    if addr::prefix_len(mask) == Some(0) {
        // COMPAT: under /0 the address does not matter, and upstream does not even look it up.
        // Inverted it is kept: such a rule never holds.
        let any = HostMask::new(addr::unspecified(family), mask);
        all.push(if not { any } else { None });
        return Ok(());
    }
    let found =
        lookup(family, name, host).ok_or_else(|| UsageErrorKind::UnknownHost(name.to_vec()))?;
    all.extend(found.into_iter().map(|a| HostMask::new(a, mask)));
    Ok(())
}

fn lookup(family: Family, name: &[u8], host: &dyn Host) -> Option<SmallVec<[IpAddr; 1]>> {
    if let Some(a) = addr::parse(family, name) {
        return Some(smallvec![a]);
    }
    if name.is_empty() || name.len() > 255 {
        return None;
    }
    if family == Family::Ip4
        && let Some(a) = names::network_by_name(name)
    {
        return Some(smallvec![IpAddr::V4(a)]);
    }
    let mut found: SmallVec<[IpAddr; 1]> = host.resolve(name, family).ok()?.into();
    found.dedup();
    (!found.is_empty()).then_some(found)
}
