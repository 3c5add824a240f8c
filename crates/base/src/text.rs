//! Text on its way out: quoted for a save file, or made harmless for a terminal.

/// Appends `text` as a save file holds an option's string value.
///
/// COMPAT: upstream leaves a value bare when it is made of letters, digits, `_` and `-` only, and
/// otherwise puts double quotes around it and a backslash before `"`, `'` and `\`.
pub fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    let bare = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    if !text.is_empty() && text.iter().all(bare) {
        out.extend_from_slice(text);
        return;
    }
    push_in_quotes(out, text);
}

/// Appends `text` in double quotes, with a backslash before `"`, `'` and `\`.
pub fn push_in_quotes(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &c in text {
        if matches!(c, b'"' | b'\\' | b'\'') {
            out.push(b'\\');
        }
        out.push(c);
    }
    out.push(b'"');
}

/// Appends `text` so that no control character of it reaches a terminal: each byte that is not
/// printable becomes `\xNN`. Valid UTF-8 that holds no control character is kept.
pub fn push_visible(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() && c != '\n' && c != '\t' {
                let mut utf8 = [0; 4];
                for b in c.encode_utf8(&mut utf8).bytes() {
                    push_escape(out, b);
                }
            } else {
                let mut utf8 = [0; 4];
                out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
            }
        }
        for &b in chunk.invalid() {
            push_escape(out, b);
        }
    }
}

/// `text` as [`push_visible`] writes it, for error messages.
#[must_use]
pub fn visible(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    push_visible(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_upstream() {
        let quoted = |t: &[u8]| {
            let mut out = Vec::new();
            push_quoted(&mut out, t);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(quoted(b"plain_text-1"), "plain_text-1");
        assert_eq!(quoted(b""), "\"\"");
        assert_eq!(quoted(b"a b"), "\"a b\"");
        assert_eq!(quoted(br#"it's "x" \"#), r#""it\'s \"x\" \\""#);
    }

    #[test]
    fn control_characters_do_not_pass() {
        assert_eq!(visible(b"a\x1b[31mb\xffc\x7f"), "a\\x1b[31mb\\xffc\\x7f");
        assert_eq!(visible("é\u{9b}x".as_bytes()), "é\\xc2\\x9bx");
    }
}
