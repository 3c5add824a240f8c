//! One network mapped onto another, the host part kept (kernel `net/netfilter/xt_NETMAP.c`).

use super::nat::{Addresses, Layout, Range, To};
use crate::*;
use oxtables_base::HostMask;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const TO: Opt<Network> = Opt::new("to", "the network to map to").required();

/// `-j NETMAP`, of IPv4 (`V6 = false`) or IPv6: two structs of one revision.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Netmap<const V6: bool>(pub Network);

/// A network whose mask is always written.
///
/// COMPAT: upstream reads an IPv4 `/33` as the mask 0.0.0.33; it is refused here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network(pub HostMask);

impl Value for Network {
    const SYNTAX: &'static str = HostMask::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        HostMask::parse(word, cx).map(Self)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn sample(rng: &mut oxtables_base::sample::Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        HostMask::sample(rng, cx)
    }
}

/// The bits in which the addresses do not differ.
fn same_bits(a: IpAddr, b: IpAddr) -> Option<IpAddr> {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            Some(IpAddr::V4(Ipv4Addr::from_bits(!(a.to_bits() ^ b.to_bits()))))
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            Some(IpAddr::V6(Ipv6Addr::from_bits(!(a.to_bits() ^ b.to_bits()))))
        }
        _ => None,
    }
}

impl Network {
    /// The first and the last address.
    #[must_use]
    pub fn addresses(&self) -> Option<Addresses> {
        let (lo, mask) = (self.0.addr(), self.0.mask());
        let hi = same_bits(lo, mask)?;
        // `lo` has no bit outside the mask, so where both are 0 the host part is, and where both are
        // 1 is what `lo` has.
        Some(Addresses { lo, hi })
    }
}

impl<const V6: bool> Extension for Netmap<V6> {
    const SPEC: Spec = Spec {
        families: if V6 { Families::Ip6 } else { Families::Ip4 },
        options: &[TO.def()],
        revisions: if V6 { &[Revision::new(0, 40)] } else { &[Revision::new(0, 24)] },
        doc: "maps a whole network onto another, host by host",
        cases: if V6 {
            &[
                ("--to dead::beef/64", Some("--to dead::/64")),
                ("--to dead::1", Some("--to dead::1/128")),
                ("--to dead::1/ffff::1", Some("--to dead::1/ffff::1")),
                ("--to dead::/129", None),
                ("", None),
            ]
        } else {
            &[
                ("--to 1.2.3.4/24", Some("--to 1.2.3.0/24")),
                ("--to 1.2.3.4", Some("--to 1.2.3.4/32")),
                ("--to 1.2.3.4/255.0.255.0", Some("--to 1.0.3.0/255.0.255.0")),
                ("--to 1.2.3.4/0", Some("--to 0.0.0.0/0")),
                ("--to 1.2.3.4/33", None),
                ("", None),
            ]
        },
        ..Spec::named("NETMAP")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need(&TO, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&TO, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("to:").value(&self.0);
    }

    fn encode(&self, _rev: u8, family: Family, out: &mut Vec<u8>) {
        let to = To { addresses: self.0.addresses(), ports: None };
        Range { to, flags: 0 }.encode(Layout::first(family), family, out);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let range = Range::decode(Layout::first(cx.family), cx, &[], bytes)?;
        let Addresses { lo, hi } = range.to.addresses.ok_or(DecodeError::Unknown)?;
        let mask = same_bits(lo, hi).ok_or(DecodeError::Unknown)?;
        HostMask::new(lo, mask).map(|h| Self(Network(h))).ok_or(DecodeError::Unknown)
    }

    fn effect(&self) -> Effect {
        Effect::Netmap(self.0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxtables_base::addr;

    #[test]
    fn the_last_address_has_every_host_bit_set() {
        let network = HostMask::new(
            IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4)),
            addr::prefix_mask(Family::Ip4, 24),
        );
        let ends = Network(network.unwrap()).addresses().unwrap();
        assert_eq!(ends.hi, IpAddr::V4(Ipv4Addr::new(1, 2, 3, 255)));
    }
}
