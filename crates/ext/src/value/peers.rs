//! Addresses under masks, both in a `union nf_inet_addr`.

use super::{UnionMask, Value, ValueCx, ValueError};
use crate::ListWriter;
use crate::abi::InetAddr;
use oxtables_base::sample::Rng;
use oxtables_base::{Family, addr};
use std::net::IpAddr;

/// An address under a mask; bits outside the mask are kept as written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Peer {
    /// The address.
    pub addr: IpAddr,
    /// The mask.
    pub mask: UnionMask,
}

impl Value for Peer {
    const SYNTAX: &'static str = "address[/mask]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let family = cx.rule.family;
        let mut parts = word.splitn(2, |&c| c == b'/');
        let host = parts.next().unwrap_or_default();
        let mask = match parts.next() {
            Some(mask) => UnionMask::read(mask, family)?,
            None => UnionMask::host(family),
        };
        let addr = addr::parse_host(family, host).map_or_else(|| IpAddr::parse(host, cx), Ok)?;
        Ok(Self { addr, mask })
    }

    fn save(&self, out: &mut Vec<u8>) {
        addr::push_addr(out, self.addr);
        self.mask.save_after_address(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        oxtables_base::HostMask::sample(rng, cx)
    }
}

impl Peer {
    /// Whether `addr` is meant.
    #[must_use]
    pub fn has(&self, addr: IpAddr) -> bool {
        self.mask.same(self.addr, addr)
    }

    /// The kernel's two unions.
    pub(crate) fn to_unions(self) -> [InetAddr; 2] {
        [InetAddr::new(self.addr), self.mask.to_union()]
    }

    /// The address and mask in the kernel's unions, `None` if they are none of `family`.
    pub(crate) fn from_unions(addr: InetAddr, mask: InetAddr, family: Family) -> Option<Self> {
        let mask = UnionMask::from_union(mask, family)?;
        Some(Self { addr: addr.get_addr(family)?, mask })
    }

    /// Writes the address for a listing, by its name unless numeric.
    ///
    /// COMPAT: upstream's `-L` says `anywhere` for 0.0.0.0 under any mask; here only for the mask
    /// that is anywhere.
    pub fn list(&self, w: &mut ListWriter<'_>) {
        if !w.numeric && self.mask.prefix_len() == Some(0) && self.addr.is_unspecified() {
            w.raw("anywhere");
            return;
        }
        match if w.numeric { None } else { w.host.name_of(self.addr) } {
            Some(name) => w.bytes().extend_from_slice(&name),
            None => addr::push_addr(w.bytes(), self.addr),
        }
        self.mask.save_after_address(w.bytes());
    }
}
