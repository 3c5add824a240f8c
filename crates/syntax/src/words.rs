//! The words of a line in a save file.

/// The longest word upstream takes, in bytes.
const MAX_WORD: usize = 1023;
/// The most words a line may have: upstream's 255 less the four it adds itself.
const MAX_WORDS: usize = 251;

/// Why a line has no words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordsError {
    /// A word of more than 1023 bytes.
    TooLong,
    /// More than 251 words.
    TooMany,
}

/// The words of one line, with room that is used again for the next.
#[derive(Default)]
pub(crate) struct Split {
    /// Where each word begins and ends: in the line itself while no quote is in it, else in `bytes`.
    ends: Vec<(usize, usize)>,
    /// The bytes of the words of a line with quotes.
    bytes: Vec<u8>,
    quotes: bool,
    /// Where each word begins in the line.
    starts: Vec<usize>,
}

impl Split {
    /// Splits `line`, which may end with its line end.
    ///
    /// Words are separated by blanks and tabs. An opening `"` may stand anywhere in a word; the
    /// closing one ends the word. Between them `\` makes the next byte plain; outside, `\` and `'`
    /// are plain themselves. COMPAT: a `"` that is not closed takes the line end into the word.
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), WordsError> {
        self.bytes.clear();
        self.ends.clear();
        self.starts.clear();
        self.quotes = memchr::memchr(b'"', line).is_some();
        if self.quotes { self.quoted(line) } else { self.plain(line) }
    }

    fn plain(&mut self, line: &[u8]) -> Result<(), WordsError> {
        let mut from = 0;
        let blanks = memchr::memchr3_iter(b' ', b'\t', b'\n', line);
        for at in blanks.chain(std::iter::once(line.len())) {
            if at > from {
                self.starts.push(from);
                self.end(from, at)?;
            }
            from = at + 1;
        }
        Ok(())
    }

    fn quoted(&mut self, line: &[u8]) -> Result<(), WordsError> {
        let (mut quoted, mut escaped, mut open) = (false, false, false);
        let mut from = 0;
        for (at, &c) in line.iter().enumerate() {
            let blank = matches!(c, b' ' | b'\t' | b'\n');
            match (quoted, c) {
                (true, _) if escaped => {
                    self.bytes.push(c);
                    escaped = false;
                }
                (true, b'\\') => escaped = true,
                (true, b'"') => quoted = false,
                (true, _) => self.bytes.push(c),
                (false, _) if blank => (),
                (false, _) => {
                    if !open {
                        self.starts.push(at);
                        open = true;
                    }
                    if c == b'"' {
                        quoted = true
                    } else {
                        self.bytes.push(c)
                    }
                    continue;
                }
            }
            // A blank, or the quote that closes, ends the word.
            if open && !quoted {
                self.end(from, self.bytes.len())?;
                from = self.bytes.len();
                open = false;
            }
        }
        if open { self.end(from, self.bytes.len()) } else { Ok(()) }
    }

    fn end(&mut self, from: usize, to: usize) -> Result<(), WordsError> {
        if to - from > MAX_WORD {
            return Err(WordsError::TooLong);
        }
        if self.ends.len() >= MAX_WORDS {
            return Err(WordsError::TooMany);
        }
        self.ends.push((from, to));
        Ok(())
    }

    /// The words of `line`, which was split last.
    pub(crate) fn words<'a>(&'a self, line: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let bytes = if self.quotes { self.bytes.as_slice() } else { line };
        self.ends.iter().map(|&(from, to)| bytes.get(from..to).unwrap_or_default())
    }

    /// Where word `n` begins in the line.
    pub(crate) fn start(&self, n: usize) -> Option<usize> {
        self.starts.get(n).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        let mut split = Split::default();
        split.line(line.as_bytes()).unwrap();
        split.words(line.as_bytes()).map(|w| String::from_utf8(w.to_vec()).unwrap()).collect()
    }

    #[test]
    fn words_as_upstream_splits_them() {
        assert_eq!(split("-A INPUT  -s\t1.1.1.1 \n"), ["-A", "INPUT", "-s", "1.1.1.1"]);
        assert_eq!(split(r#"foo"bar baz" x"#), ["foobar baz", "x"]);
        assert_eq!(split(r#""bar"foo"#), ["bar", "foo"]);
        assert_eq!(split(r#""a\"b\\" """#), ["a\"b\\", ""]);
        assert_eq!(split(r"it's a\ b"), ["it's", "a\\", "b"]);
        assert_eq!(split("\"a\n"), ["a\n"]);
    }

    #[test]
    fn limits_are_upstreams() {
        let mut split = Split::default();
        assert_eq!(split.line(&[b'x'; 1023]), Ok(()));
        assert_eq!(split.line(&[b'x'; 1024]), Err(WordsError::TooLong));
        assert_eq!(split.line(&b"x ".repeat(251)), Ok(()));
        assert_eq!(split.line(&b"x ".repeat(252)), Err(WordsError::TooMany));
    }
}
