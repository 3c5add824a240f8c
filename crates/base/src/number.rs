//! Numbers as the C library's `strtoul` reads them: the form every numeric argument of the family has.

/// Reads an unsigned number that fills `word`: decimal, `0x` hexadecimal or leading-`0` octal.
///
/// Leading blanks and one `+` are taken as `strtoul(3)` takes them; a minus sign, trailing
/// characters, an empty word and a number above `u64::MAX` are refused.
#[must_use]
pub fn parse(word: &[u8]) -> Option<u64> {
    match prefix(word) {
        Some((n, [])) => Some(n),
        _ => None,
    }
}

/// As [`parse`], and the number must lie in `lo..=hi`.
#[must_use]
pub fn parse_within(word: &[u8], lo: u64, hi: u64) -> Option<u64> {
    parse(word).filter(|n| (lo..=hi).contains(n))
}

/// Reads the number at the start of `word` and gives what follows it.
#[must_use]
pub fn prefix(word: &[u8]) -> Option<(u64, &[u8])> {
    let word = skip_blanks(word);
    let word = word.strip_prefix(b"+").unwrap_or(word);
    let (digits, base) = match word {
        [b'0', b'x' | b'X', c, ..] if c.is_ascii_hexdigit() => (word.get(2..)?, 16),
        [b'0', ..] => (word, 8),
        _ => (word, 10),
    };
    digits_of(digits, base)
}

/// Reads the digits of `base` at the start of `word`; at least one must be there.
#[must_use]
pub fn digits_of(word: &[u8], base: u32) -> Option<(u64, &[u8])> {
    let mut n = 0u64;
    let mut len = 0;
    for &c in word {
        let Some(d) = char::from(c).to_digit(base) else { break };
        n = n.checked_mul(u64::from(base))?.checked_add(u64::from(d))?;
        len += 1;
    }
    if len == 0 { None } else { Some((n, word.get(len..)?)) }
}

/// Reads a plain decimal number that fills `word`, without blanks, sign or base prefix.
#[must_use]
pub fn parse_decimal(word: &[u8]) -> Option<u64> {
    match digits_of(word, 10) {
        Some((n, [])) => Some(n),
        _ => None,
    }
}

fn skip_blanks(word: &[u8]) -> &[u8] {
    let n = word.iter().take_while(|c| matches!(c, b' ' | b'\t'..=b'\r')).count();
    word.get(n..).unwrap_or_default()
}

/// Appends `n` in decimal.
pub fn push_decimal(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0u8; 20];
    let mut rest = n;
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Appends `n` as `0x` and lower-case hexadecimal digits (C's `0x%x`).
pub fn push_hex(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(format!("{n:#x}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_base_c_reads() {
        assert_eq!(parse(b"10"), Some(10));
        assert_eq!(parse(b"010"), Some(8));
        assert_eq!(parse(b"0x1F"), Some(31));
        assert_eq!(parse(b"0"), Some(0));
        assert_eq!(parse(b" +7"), Some(7));
        assert_eq!(parse(b"18446744073709551615"), Some(u64::MAX));
    }

    #[test]
    fn refuses_what_is_not_one_number() {
        for bad in [&b""[..], b"-1", b"1 ", b"1a", b"08", b"0x", b"18446744073709551616", b"\xff"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn writes_back_what_it_reads() {
        for n in [0, 9, 10, 65535, u64::MAX] {
            let mut out = Vec::new();
            push_decimal(&mut out, n);
            assert_eq!(parse_decimal(&out), Some(n));
        }
    }
}
