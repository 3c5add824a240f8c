//! Addresses and masks as the family writes them: C-style IPv4 parts, prefix lengths or whole masks.

use crate::{Family, number};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and the mask it is compared under. The address may hold bits outside the mask only
/// where its maker put them; [`HostMask::new`] clears them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HostMask {
    addr: IpAddr,
    mask: IpAddr,
}

impl HostMask {
    /// The pair, the address cleared where the mask is. `None` when the families differ.
    #[must_use]
    pub fn new(addr: IpAddr, mask: IpAddr) -> Option<Self> {
        Some(Self { addr: and(addr, mask)?, mask })
    }

    /// One address alone.
    #[must_use]
    pub fn host(addr: IpAddr) -> Self {
        Self { addr, mask: prefix_mask(family_of(addr), family_of(addr).bits()) }
    }

    /// The address, cleared where the mask is.
    #[must_use]
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// The mask; it need not be contiguous.
    #[must_use]
    pub const fn mask(&self) -> IpAddr {
        self.mask
    }

    /// The family of both.
    #[must_use]
    pub const fn family(&self) -> Family {
        family_of(self.addr)
    }

    /// The prefix length, when the mask is contiguous.
    #[must_use]
    pub fn prefix_len(&self) -> Option<u8> {
        prefix_len(self.mask)
    }

    /// Whether `addr` has the masked bits of this one.
    #[must_use]
    pub fn contains(&self, addr: IpAddr) -> bool {
        and(addr, self.mask) == Some(self.addr)
    }

    /// Appends `ADDR/LEN`, or `ADDR/MASK` for a mask that is not contiguous: the form of `-s`, `-d`.
    pub fn save(&self, out: &mut Vec<u8>) {
        push_addr(out, self.addr);
        self.save_mask(out);
    }

    /// As [`Self::save`], without the mask of a single host: the form most extensions use.
    pub fn save_short(&self, out: &mut Vec<u8>) {
        push_addr(out, self.addr);
        if self.prefix_len() != Some(self.family().bits()) {
            self.save_mask(out);
        }
    }

    fn save_mask(&self, out: &mut Vec<u8>) {
        out.push(b'/');
        match self.prefix_len() {
            Some(n) => number::push_decimal(out, u64::from(n)),
            None => push_addr(out, self.mask),
        }
    }
}

/// The family of an address.
#[must_use]
pub const fn family_of(addr: IpAddr) -> Family {
    match addr {
        IpAddr::V4(_) => Family::Ip4,
        IpAddr::V6(_) => Family::Ip6,
    }
}

/// The address of `family` with no bit set.
#[must_use]
pub const fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ip4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ip6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// The bytes of an address, 4 or 16, in network order.
#[must_use]
pub fn octets(addr: &IpAddr) -> smallbytes::Octets {
    match addr {
        IpAddr::V4(a) => smallbytes::Octets::V4(a.octets()),
        IpAddr::V6(a) => smallbytes::Octets::V6(a.octets()),
    }
}

/// The octets of an address without an allocation.
pub mod smallbytes {
    /// Four bytes or sixteen.
    #[derive(Clone, Copy, Debug)]
    pub enum Octets {
        /// An IPv4 address.
        V4([u8; 4]),
        /// An IPv6 address.
        V6([u8; 16]),
    }

    impl std::ops::Deref for Octets {
        type Target = [u8];
        fn deref(&self) -> &[u8] {
            match self {
                Self::V4(b) => b,
                Self::V6(b) => b,
            }
        }
    }
}

/// The address whose network-order bytes are `bytes`: 4 of them or 16.
#[must_use]
pub fn from_octets(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(b) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(b)));
    }
    <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::V6(Ipv6Addr::from(b)))
}

/// The bits both addresses have; `None` when the families differ.
#[must_use]
pub const fn and(a: IpAddr, b: IpAddr) -> Option<IpAddr> {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            Some(IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() & b.to_bits())))
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            Some(IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & b.to_bits())))
        }
        _ => None,
    }
}

/// The mask of a prefix of `len` bits; lengths beyond the address are the whole address.
#[must_use]
pub fn prefix_mask(family: Family, len: u8) -> IpAddr {
    match family {
        Family::Ip4 => {
            let host = 32u32.saturating_sub(u32::from(len));
            IpAddr::V4(Ipv4Addr::from_bits(u32::MAX.checked_shl(host).unwrap_or(0)))
        }
        Family::Ip6 => {
            let host = 128u32.saturating_sub(u32::from(len));
            IpAddr::V6(Ipv6Addr::from_bits(u128::MAX.checked_shl(host).unwrap_or(0)))
        }
    }
}

/// The length of a contiguous mask.
#[must_use]
pub fn prefix_len(mask: IpAddr) -> Option<u8> {
    let (ones, whole) = match mask {
        IpAddr::V4(m) => (m.to_bits().leading_ones(), m.to_bits().count_ones()),
        IpAddr::V6(m) => (m.to_bits().leading_ones(), m.to_bits().count_ones()),
    };
    if ones == whole { u8::try_from(ones).ok() } else { None }
}

/// Reads a numeric address of `family`.
///
/// COMPAT: an IPv4 address is read part by part with C's bases (`010.0.0.1` is 8.0.0.1), and
/// missing parts at its end are 0 (`10.1` is 10.1.0.0, not 10.0.0.1), as upstream does.
#[must_use]
pub fn parse(family: Family, word: &[u8]) -> Option<IpAddr> {
    match family {
        Family::Ip4 => parse_v4(word).map(IpAddr::V4),
        Family::Ip6 => std::str::from_utf8(word).ok()?.parse().ok().map(IpAddr::V6),
    }
}

fn parse_v4(word: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut slots = octets.iter_mut();
    for part in word.split(|&c| c == b'.') {
        if !part.first()?.is_ascii_digit() {
            return None;
        }
        *slots.next()? = u8::try_from(number::parse(part)?).ok()?;
    }
    Some(Ipv4Addr::from(octets))
}

/// Reads a numeric address as `getaddrinfo(3)` reads it, which options of the guided parser do.
///
/// COMPAT: the last part of an IPv4 address fills what is missing (`10.1` is 10.0.0.1, `24` is
/// 0.0.0.24), unlike in [`parse`].
#[must_use]
pub fn parse_host(family: Family, word: &[u8]) -> Option<IpAddr> {
    if family == Family::Ip6 {
        return parse(family, word);
    }
    let (mut bits, mut left, mut last) = (0u32, 32u32, None);
    for part in word.split(|&c| c == b'.') {
        if let Some(octet) = last {
            left = left.checked_sub(8).filter(|&n| n > 0)?;
            bits |= u32::from(u8::try_from(octet).ok()?) << left;
        }
        if !part.first()?.is_ascii_digit() {
            return None;
        }
        last = Some(number::parse(part)?);
    }
    let rest = u32::try_from(last?).ok().filter(|&n| u64::from(n) < 1 << left)?;
    Some(IpAddr::V4(Ipv4Addr::from_bits(bits | rest)))
}

/// Reads what follows the `/` of an address: a prefix length or a whole mask.
#[must_use]
pub fn parse_mask(family: Family, word: &[u8]) -> Option<IpAddr> {
    if let Some(len) = number::parse(word) {
        let len = u8::try_from(len).ok().filter(|&n| n <= family.bits())?;
        return Some(prefix_mask(family, len));
    }
    match family {
        // A whole mask has all four parts, or it would read as a prefix length.
        Family::Ip4 if word.iter().filter(|&&c| c == b'.').count() != 3 => None,
        _ => parse(family, word),
    }
}

/// Appends an address in its numeric form.
pub fn push_addr(out: &mut Vec<u8>, addr: IpAddr) {
    match addr {
        IpAddr::V4(a) => {
            let mut first = true;
            for octet in a.octets() {
                if !first {
                    out.push(b'.');
                }
                first = false;
                number::push_decimal(out, u64::from(octet));
            }
        }
        // Writing into a Vec cannot fail.
        IpAddr::V6(a) => drop(write!(out, "{}", V6Text(a))),
    }
}

/// IPv6 in the C library's form.
///
/// glibc's `inet_ntop` writes an embedded IPv4 address for `::ffff:a.b.c.d` and for `::a.b.c.d`
/// (Rust only for the first), which listings and save files therefore hold.
struct V6Text(Ipv6Addr);

impl std::fmt::Display for V6Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = self.0.to_bits();
        let low = u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(0);
        if bits >> 32 == 0 && low > 0xffff {
            return write!(f, "::{}", Ipv4Addr::from_bits(low));
        }
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(word: &str) -> Option<String> {
        parse(Family::Ip4, word.as_bytes()).map(|a| a.to_string())
    }

    #[test]
    fn ipv4_parts_are_c_numbers() {
        assert_eq!(v4("10").as_deref(), Some("10.0.0.0"));
        assert_eq!(v4("10.1").as_deref(), Some("10.1.0.0"));
        assert_eq!(v4("010.0.0.1").as_deref(), Some("8.0.0.1"));
        assert_eq!(v4("0x7f.1.2.3").as_deref(), Some("127.1.2.3"));
        for bad in ["", "1.2.3.4.5", "256.1.1.1", "1..2", "a.b", "1.2.3.", "-1.2.3.4"] {
            assert_eq!(v4(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_last_part_of_a_host_fills_the_rest() {
        let host = |word: &[u8]| parse_host(Family::Ip4, word).map(|a| a.to_string());
        assert_eq!(host(b"1.2.3.4").as_deref(), Some("1.2.3.4"));
        assert_eq!(host(b"1.2").as_deref(), Some("1.0.0.2"));
        assert_eq!(host(b"255.255.255").as_deref(), Some("255.255.0.255"));
        assert_eq!(host(b"4294967295").as_deref(), Some("255.255.255.255"));
        for bad in [&b""[..], b"1.2.3.4.5", b"1.2.3.256", b"256.1", b"1..2", b"x", b"4294967296"] {
            assert_eq!(host(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn masks_of_every_kind() {
        let saved = |family, addr: &str, mask: &str| {
            let mask = parse_mask(family, mask.as_bytes())?;
            let mut out = Vec::new();
            HostMask::new(parse(family, addr.as_bytes())?, mask)?.save(&mut out);
            String::from_utf8(out).ok()
        };
        assert_eq!(saved(Family::Ip4, "10.1.2.3", "8").unwrap(), "10.0.0.0/8");
        assert_eq!(saved(Family::Ip4, "10.1.2.3", "255.0.255.0").unwrap(), "10.0.2.0/255.0.255.0");
        assert_eq!(saved(Family::Ip4, "10.1.2.3", "33"), None);
        assert_eq!(saved(Family::Ip6, "2001:db8::1", "32").unwrap(), "2001:db8::/32");
        assert_eq!(saved(Family::Ip6, "2001:db8::1", "ffff::ff").unwrap(), "2001::1/ffff::ff");
        assert_eq!(saved(Family::Ip6, "::1", "129"), None);
    }

    #[test]
    fn ipv6_is_written_as_the_c_library_writes_it() {
        let text = |a: &str| {
            let mut out = Vec::new();
            push_addr(&mut out, a.parse().unwrap());
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
        assert_eq!(text("::1.2.3.4"), "::1.2.3.4");
        assert_eq!(text("::1"), "::1");
        assert_eq!(text("1:0:0:2::3"), "1:0:0:2::3");
    }
}
