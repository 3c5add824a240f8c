//! The Internet checksum (RFC 1071) and its update in place (RFC 1624).

use std::net::IpAddr;

/// The one's complement sum of `bytes` in 16-bit words, folded, an odd last byte padded with zero.
pub(crate) fn sum(bytes: &[u8]) -> u16 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut sum: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    if let [last] = rest {
        sum += u64::from(u16::from_be_bytes([*last, 0]));
    }
    fold(sum)
}

/// The checksum field of `bytes` (whose own checksum field is zero): the complement of their sum.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    !sum(bytes)
}

/// The sum of the pseudo header (RFC 793 3.1, RFC 8200 8.1) before an L4 header and payload of `len` bytes.
#[must_use]
pub fn pseudo_header_sum(src: IpAddr, dst: IpAddr, protocol: u8, len: u32) -> u16 {
    let address = |a: IpAddr| match a {
        IpAddr::V4(a) => u64::from(sum(&a.octets())),
        IpAddr::V6(a) => u64::from(sum(&a.octets())),
    };
    fold(address(src) + address(dst) + u64::from(protocol) + u64::from(sum(&len.to_be_bytes())))
}

/// One's complement addition.
pub(crate) fn add(a: u16, b: u16) -> u16 {
    fold(u64::from(a) + u64::from(b))
}

/// CRC32c (Castagnoli, reflected) of the parts one after the other, for SCTP.
pub(crate) fn crc32c(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ ((crc & 1) * 0x82f6_3b78))
    })
}

fn fold(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(folded) => return folded,
            Err(_) => sum = (sum & 0xffff) + (sum >> 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071 section 3: the worked example.
    #[test]
    fn rfc1071_example() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
        assert_eq!(checksum(&[0xff]), !0xff00);
        assert_eq!(sum(&[]), 0);
    }

    /// RFC 3720 B.4 (iSCSI), whose CRC is the same: 32 bytes of zeros, of ones, and counting up.
    #[test]
    fn crc32c_of_rfc3720() {
        assert_eq!(crc32c(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(crc32c(&[&[0xff; 30], &[0xff; 2]]), 0x62a8_ab43);
        let up: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&[&up]), 0x46dd_794e);
    }
}
