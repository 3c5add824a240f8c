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

/// The inverse of [`bounds`].
pub(super) fn from_bounds([lo, hi]: [u16; 2], not: Option<bool>) -> Result<Ports, DecodeError> {
    if lo > hi {
        return Err(DecodeError::Unknown);
    }
    Ok(not.map(|not| Neg { not, value: PortRange { lo, hi } }))
}
