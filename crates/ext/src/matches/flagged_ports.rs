//! What the DCCP and SCTP matches share: ports that count only under a flag, so that all ports,
//! asked for, are not the same as no ports.

use crate::DecodeError;
use crate::value::PortRange;
use oxtables_base::Neg;

/// `XT_DCCP_SRC_PORTS`, `XT_SCTP_SRC_PORTS`.
pub(super) const SOURCE: u16 = 1;
/// `XT_DCCP_DEST_PORTS`, `XT_SCTP_DEST_PORTS`.
pub(super) const DESTINATION: u16 = 2;

type Ports = Option<Neg<PortRange>>;

/// The bounds; zero when not asked for.
pub(super) fn bounds(ports: Ports) -> [u16; 2] {
    ports.map_or([0; 2], |p| [p.value.lo, p.value.hi])
}

/// The bits of the options given, and of those inverted.
pub(super) fn flags(options: &[(u16, Option<bool>)]) -> (u16, u16) {
    let mut bits = (0, 0);
    for &(bit, not) in options {
        bits.0 |= if not.is_some() { bit } else { 0 };
        bits.1 |= if not == Some(true) { bit } else { 0 };
    }
    bits
}

/// The inverse of [`bounds`].
pub(super) fn from_bounds([lo, hi]: [u16; 2], not: Option<bool>) -> Result<Ports, DecodeError> {
    if lo > hi {
        return Err(DecodeError::Unknown);
    }
    Ok(not.map(|not| Neg { not, value: PortRange { lo, hi } }))
}

/// Whether the option of `bit` was given, and how: the inverse of [`flags`].
pub(super) const fn sign(bit: u16, (flags, invflags): (u16, u16)) -> Option<bool> {
    if flags & bit == 0 { None } else { Some(invflags & bit != 0) }
}
