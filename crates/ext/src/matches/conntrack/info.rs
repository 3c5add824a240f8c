//! The kernel's struct of the match, in all its revisions, and what its bits say.

use super::{Conditions, Protocol};
use crate::abi::{self, Be16, InetAddr, abi};
use crate::value::{GuidedPorts, Keyword, KeywordSet, NumRange, Peer, PortRange};
use crate::*;

/// The bits of `match_flags` and `invert_flags` (linux/netfilter/xt_conntrack.h).
pub(in crate::matches) mod flag {
    pub(in crate::matches) const STATE: u16 = 1 << 0;
    pub(in crate::matches) const PROTO: u16 = 1 << 1;
    pub(in crate::matches) const ORIGSRC: u16 = 1 << 2;
    pub(in crate::matches) const STATUS: u16 = 1 << 6;
    pub(in crate::matches) const EXPIRES: u16 = 1 << 7;
    pub(in crate::matches) const ORIGSRC_PORT: u16 = 1 << 8;
    pub(in crate::matches) const DIRECTION: u16 = 1 << 12;
    pub(in crate::matches) const STATE_ALIAS: u16 = 1 << 13;
}

pub(in crate::matches) const REVISIONS: &[Revision] =
    &[Revision::new(3, 168), Revision::new(2, 160), Revision::new(1, 152)];

/// What all revisions of the kernel's struct hold, in the widest form.
#[derive(Clone, Copy)]
pub(in crate::matches) struct Info {
    head: XtConntrackHead,
    l4proto: u16,
    lo: [u16; 4],
    hi: [u16; 4],
    pub(in crate::matches) match_flags: u16,
    pub(in crate::matches) invert_flags: u16,
    pub(in crate::matches) state: u16,
    status: u16,
}

impl Info {
    /// A struct that asks for nothing but the state, with these bits.
    pub(in crate::matches) fn of_state(match_flags: u16, invert_flags: u16, state: u16) -> Self {
        Self {
            head: abi::zeroed(),
            l4proto: 0,
            lo: [0; 4],
            hi: [0; 4],
            match_flags,
            invert_flags,
            state,
            status: 0,
        }
    }

    /// Appends the struct of `rev`; nothing when `rev` cannot hold it: only the third has ranges of
    /// ports, and the first no room for UNTRACKED.
    pub(in crate::matches) fn push(self, rev: u8, out: &mut Vec<u8>) {
        let Self { head, l4proto, lo, hi, match_flags, invert_flags, state, status } = self;
        if rev == 3 {
            let (state_mask, status_mask) = (state, status);
            abi::push(
                out,
                XtConntrackMtinfo3 {
                    head,
                    l4proto,
                    ports: lo,
                    match_flags,
                    invert_flags,
                    state_mask,
                    status_mask,
                    ports_high: hi,
                },
            );
            out.extend_from_slice(&[0; 4]);
            return;
        }
        if lo != hi {
            return;
        }
        let ports = lo.map(Be16::new);
        if rev == 2 {
            let (state_mask, status_mask) = (state, status);
            abi::push(
                out,
                XtConntrackMtinfo2 {
                    head,
                    l4proto,
                    ports,
                    match_flags,
                    invert_flags,
                    state_mask,
                    status_mask,
                },
            );
            out.extend_from_slice(&[0; 4]);
        } else if let (Ok(state_mask), Ok(status_mask)) = (state.try_into(), status.try_into()) {
            abi::push(
                out,
                XtConntrackMtinfo1 {
                    head,
                    l4proto,
                    ports,
                    match_flags,
                    invert_flags,
                    state_mask,
                    status_mask,
                },
            );
        }
    }

    pub(in crate::matches) fn read(rev: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(match rev {
            3 => {
                let raw: XtConntrackMtinfo3 = abi::read(bytes)?;
                Self {
                    head: raw.head,
                    l4proto: raw.l4proto,
                    lo: raw.ports,
                    hi: raw.ports_high,
                    match_flags: raw.match_flags,
                    invert_flags: raw.invert_flags,
                    state: raw.state_mask,
                    status: raw.status_mask,
                }
            }
            2 => {
                let raw: XtConntrackMtinfo2 = abi::read(bytes)?;
                let ports = raw.ports.map(Be16::value);
                Self {
                    head: raw.head,
                    l4proto: raw.l4proto,
                    lo: ports,
                    hi: ports,
                    match_flags: raw.match_flags,
                    invert_flags: raw.invert_flags,
                    state: raw.state_mask,
                    status: raw.status_mask,
                }
            }
            _ => {
                let raw: XtConntrackMtinfo1 = abi::read(bytes)?;
                let ports = raw.ports.map(Be16::value);
                Self {
                    head: raw.head,
                    l4proto: raw.l4proto,
                    lo: ports,
                    hi: ports,
                    match_flags: raw.match_flags,
                    invert_flags: raw.invert_flags,
                    state: raw.state_mask.into(),
                    status: raw.status_mask.into(),
                }
            }
        })
    }

    /// The conditions; `None` for what no options say.
    pub(super) fn conditions(&self, family: Family) -> Option<Conditions> {
        let given = |bit: u16| self.match_flags & bit != 0;
        let not = |bit: u16| self.invert_flags & bit != 0;
        let mut conditions = Conditions::default();
        if given(flag::STATE) {
            let value = KeywordSet::from_bits(self.state.into()).filter(|s| s.bits != 0)?;
            conditions.state = Some(Neg { not: not(flag::STATE), value });
        }
        if given(flag::PROTO) {
            let value = Protocol(u8::try_from(self.l4proto).ok().filter(|&n| n != 0)?);
            conditions.proto = Some(Neg { not: not(flag::PROTO), value });
        }
        if given(flag::STATUS) {
            let value = KeywordSet::from_bits(self.status.into())?;
            conditions.status = Some(Neg { not: not(flag::STATUS), value });
        }
        if given(flag::EXPIRES) {
            let value = NumRange { lo: self.head.expires_min, hi: self.head.expires_max };
            if value.lo > value.hi {
                return None;
            }
            conditions.expire = Some(Neg { not: not(flag::EXPIRES), value });
        }
        if given(flag::DIRECTION) {
            conditions.dir = Keyword::from_number(not(flag::DIRECTION).into());
        }
        let peers = self.head.peers.chunks_exact(2);
        for (i, (slot, pair)) in conditions.peers.iter_mut().zip(peers).enumerate() {
            let bit = flag::ORIGSRC << i;
            if let (true, &[addr, mask]) = (given(bit), pair) {
                *slot = Some(Neg { not: not(bit), value: Peer::from_unions(addr, mask, family)? });
            }
        }
        let ports = self.lo.into_iter().zip(self.hi);
        for (i, (slot, (lo, hi))) in conditions.ports.iter_mut().zip(ports).enumerate() {
            let bit = flag::ORIGSRC_PORT << i;
            if given(bit) {
                let value = (lo <= hi).then_some(GuidedPorts(PortRange { lo, hi }))?;
                *slot = Some(Neg { not: not(bit), value });
            }
        }
        (conditions != Conditions::default()).then_some(conditions)
    }
}

impl Conditions {
    /// The struct that asks for these.
    pub(super) fn info(&self) -> Info {
        let peers = (0..).zip(&self.peers).map(|(i, p)| (flag::ORIGSRC << i, p.map(|p| p.not)));
        let ports =
            (0..).zip(&self.ports).map(|(i, p)| (flag::ORIGSRC_PORT << i, p.map(|p| p.not)));
        let others = [
            (flag::STATE, self.state.map(|s| s.not)),
            (flag::PROTO, self.proto.map(|p| p.not)),
            (flag::STATUS, self.status.map(|s| s.not)),
            (flag::EXPIRES, self.expire.map(|e| e.not)),
            (flag::DIRECTION, self.dir.map(|d| d.number != 0)),
        ];
        let (match_flags, invert_flags) = signs::bits(others.into_iter().chain(peers).chain(ports));
        let mut info = Info::of_state(match_flags, invert_flags, 0);
        let narrow = |bits: u32| u16::try_from(bits).unwrap_or(0);
        info.state = self.state.map_or(0, |s| narrow(s.value.bits));
        info.status = self.status.map_or(0, |s| narrow(s.value.bits));
        info.l4proto = self.proto.map_or(0, |p| p.value.0.into());
        let expire = self.expire.map_or(NumRange { lo: 0, hi: 0 }, |e| e.value);
        (info.head.expires_min, info.head.expires_max) = (expire.lo, expire.hi);
        for (slot, peer) in info.head.peers.chunks_exact_mut(2).zip(&self.peers) {
            if let ([addr, mask], Some(peer)) = (slot, peer) {
                [*addr, *mask] = peer.value.to_unions();
            }
        }
        let ends = |i: usize| self.ports.get(i).copied().flatten().map(|p| p.value.0);
        info.lo = std::array::from_fn(|i| ends(i).map_or(0, |p| p.lo));
        info.hi = std::array::from_fn(|i| ends(i).map_or(0, |p| p.hi));
        info
    }
}

abi! {
    /// The beginning of every revision of `struct xt_conntrack_mtinfo*`: address and mask of the
    /// four ends, and the seconds (linux/netfilter/xt_conntrack.h).
    struct XtConntrackHead[136] {
        peers: [InetAddr; 8] = 0,
        expires_min: u32 = 128,
        expires_max: u32 = 132,
    }
}

abi! {
    /// `struct xt_conntrack_mtinfo3`.
    struct XtConntrackMtinfo3[164] {
        head: XtConntrackHead = 0,
        l4proto: u16 = 136,
        ports: [u16; 4] = 138,
        match_flags: u16 = 146,
        invert_flags: u16 = 148,
        state_mask: u16 = 150,
        status_mask: u16 = 152,
        ports_high: [u16; 4] = 154,
    }
}

abi! {
    /// `struct xt_conntrack_mtinfo2`.
    struct XtConntrackMtinfo2[156] {
        head: XtConntrackHead = 0,
        l4proto: u16 = 136,
        ports: [Be16; 4] = 138,
        match_flags: u16 = 146,
        invert_flags: u16 = 148,
        state_mask: u16 = 150,
        status_mask: u16 = 152,
    }
}

abi! {
    /// `struct xt_conntrack_mtinfo1`.
    struct XtConntrackMtinfo1[152] {
        head: XtConntrackHead = 0,
        l4proto: u16 = 136,
        ports: [Be16; 4] = 138,
        match_flags: u16 = 146,
        invert_flags: u16 = 148,
        state_mask: u8 = 150,
        status_mask: u8 = 151,
    }
}
