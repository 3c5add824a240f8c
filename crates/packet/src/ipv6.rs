//! The walk over IPv6 extension headers.

use crate::Missing;
use crate::packet::{Packet, Transport};

/// Numbers of the extension headers.
pub mod exthdr {
    /// Hop-by-hop options.
    pub const HOP: u8 = 0;
    /// Routing.
    pub const ROUTING: u8 = 43;
    /// Fragment.
    pub const FRAGMENT: u8 = 44;
    /// Encapsulating security payload; the walk ends there.
    pub const ESP: u8 = 50;
    /// Authentication.
    pub const AUTH: u8 = 51;
    /// No next header.
    pub const NONE: u8 = 59;
    /// Destination options.
    pub const DEST: u8 = 60;
    /// Mobility; not an extension header to the walk.
    pub const MOBILITY: u8 = 135;
}

/// Length of the fixed IPv6 header.
pub(crate) const HEADER: usize = 40;

/// An extension header that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it begins, in bytes from the IPv6 header.
    pub offset: usize,
    /// The fragment offset in bytes, if a fragment header of a later fragment was looked for; else 0.
    pub fragment: u16,
}

/// `net/ipv6/exthdrs_core.c:ipv6_ext_hdr`.
fn is_ext(header: u8) -> bool {
    matches!(
        header,
        exthdr::HOP
            | exthdr::ROUTING
            | exthdr::FRAGMENT
            | exthdr::AUTH
            | exthdr::NONE
            | exthdr::DEST
    )
}

/// What a walk is for.
#[derive(Clone, Copy)]
enum Goal {
    /// The transport header; a `target` of -1 in the kernel. `IP6_FH_F_AUTH` as `nft_set_pktinfo_ipv6` sets it:
    /// the walk ends at an authentication header.
    Transport,
    /// This header.
    Header(u8),
}

/// The end of a walk: a header's number, its place, and the fragment offset.
struct End {
    header: u8,
    offset: usize,
    fragment: u16,
}

/// `net/ipv6/exthdrs_core.c:ipv6_find_hdr`: `-ENOENT` is [`Missing::Absent`], `-EBADMSG` is
/// [`Missing::Truncated`].
fn find(packet: &Packet, goal: Goal) -> Result<End, Missing> {
    let mut header = packet.v6_next_header();
    let mut offset = HEADER;
    loop {
        let wanted = matches!(goal, Goal::Header(target) if target == header);
        if !is_ext(header) || header == exthdr::NONE {
            return match goal {
                Goal::Header(_) if !wanted => Err(Missing::Absent),
                _ => Ok(End { header, offset, fragment: 0 }),
            };
        }
        let [next, units] = packet.array_at(offset)?;
        let mut length = (usize::from(units) + 1) * 8;
        match header {
            exthdr::ROUTING => {
                packet.array_at::<4>(offset)?;
            }
            exthdr::FRAGMENT => {
                let fragment = u16::from_be_bytes(packet.array_at(offset + 2)?) & !7;
                if fragment != 0 {
                    return later_fragment(goal, wanted, next, offset, fragment);
                }
                length = 8;
            }
            exthdr::AUTH => {
                if matches!(goal, Goal::Transport) {
                    return Ok(End { header, offset, fragment: 0 });
                }
                length = (usize::from(units) + 2) * 4;
            }
            _ => {}
        }
        if wanted {
            return Ok(End { header, offset, fragment: 0 });
        }
        header = next;
        offset += length;
    }
}

/// The walk cannot go on behind the fragment header of a later fragment. What the kernel calls the transport
/// header's place is 0 then: `*offset` is not written.
fn later_fragment(
    goal: Goal,
    wanted: bool,
    next: u8,
    offset: usize,
    fragment: u16,
) -> Result<End, Missing> {
    if matches!(goal, Goal::Transport) && (!is_ext(next) || next == exthdr::NONE) {
        return Ok(End { header: next, offset: 0, fragment });
    }
    if wanted {
        return Ok(End { header: exthdr::FRAGMENT, offset, fragment });
    }
    Err(Missing::Absent)
}

/// The transport header as `include/net/netfilter/nf_tables_ipv6.h:nft_set_pktinfo_ipv6` finds it.
pub(crate) fn transport(packet: &Packet) -> Result<Transport, Missing> {
    let end = find(packet, Goal::Transport)?;
    if end.offset > usize::from(u16::MAX) {
        return Err(Missing::Malformed);
    }
    Ok(Transport { protocol: end.header, offset: end.offset, fragment: end.fragment })
}

impl Packet {
    /// The extension header `target` of an IPv6 packet, as `ipv6_find_hdr` with that target finds it.
    ///
    /// # Errors
    /// [`Missing::Absent`] for the kernel's `-ENOENT` (and for IPv4), [`Missing::Truncated`] for `-EBADMSG`: the
    /// ip6t matches hot-drop on the latter. That the header is found does not mean that all of it is there.
    pub fn find_ipv6_header(&self, target: u8) -> Result<Found, Missing> {
        self.ipv6().ok_or(Missing::Absent)?;
        let end = find(self, Goal::Header(target))?;
        Ok(Found { offset: end.offset, fragment: end.fragment })
    }
}
