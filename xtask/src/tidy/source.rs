//! Rust text as far as tidiness needs it: what is code, what is a comment, where blocks end.

/// A source with everything but code blanked out, line ends kept, byte for byte as long.
pub(crate) struct Code {
    /// The code; strings, characters and comments are blanks.
    pub(crate) bytes: Vec<u8>,
}

/// What the reader is inside of.
enum Inside {
    Line,
    /// So many blocks deep.
    Block(u32),
    Text,
    /// A raw string that ends with so many `#`.
    Raw(usize),
}

impl Code {
    /// Reads a source.
    pub(crate) fn read(source: &str) -> Self {
        let text = source.as_bytes();
        let mut bytes = text.to_vec();
        let mut inside: Option<Inside> = None;
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let was_code = inside.is_none();
            let (next, step) = match inside {
                None => begin(rest, text.get(..at).and_then(<[u8]>::last).copied()),
                Some(state) => go_on(state, rest),
            };
            inside = next;
            if !was_code || inside.is_some() || step > 1 {
                blank(&mut bytes, at, step);
            }
            at += step;
        }
        Self { bytes }
    }

    /// The lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&b| b == b'\n')
    }

    /// The number of the line byte `at` is in; the first is 1.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.bytes.iter().take(at).filter(|&&b| b == b'\n').count() + 1
    }

    /// Where each `word` stands that is not a part of a longer one.
    pub(crate) fn words(&self, word: &str) -> Vec<usize> {
        let wanted = word.as_bytes();
        let part = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let found = self.bytes.windows(wanted.len()).enumerate();
        found
            .filter(|&(at, window)| {
                let before = at.checked_sub(1).and_then(|i| self.bytes.get(i));
                window == wanted && !part(before) && !part(self.bytes.get(at + wanted.len()))
            })
            .map(|(at, _)| at)
            .collect()
    }

    /// The first block after `at`, from its `{` to its `}`; `None` when a `;` comes first.
    pub(crate) fn block(&self, at: usize) -> Option<(usize, usize)> {
        let (mut depth, mut open) = (0_u32, None);
        // Brackets around a `;` that ends nothing, as in `[u8; 4]`.
        let mut brackets = 0_i32;
        for (i, &byte) in self.bytes.iter().enumerate().skip(at) {
            match byte {
                b'(' | b'[' if open.is_none() => brackets += 1,
                b')' | b']' if open.is_none() => brackets -= 1,
                b';' if open.is_none() && brackets == 0 => return None,
                b'{' => {
                    open.get_or_insert(i);
                    depth += 1;
                }
                b'}' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return open.map(|open| (open, i));
                    }
                }
                _ => (),
            }
        }
        None
    }

    /// The parts under `#[cfg(test)]`, as ranges of bytes.
    pub(crate) fn tests(&self) -> Vec<(usize, usize)> {
        let mark = b"#[cfg(test)]";
        let found = self.bytes.windows(mark.len()).enumerate().filter(|(_, w)| w == mark);
        found.filter_map(|(at, _)| Some((at, self.block(at + mark.len())?.1))).collect()
    }
}

fn blank(bytes: &mut [u8], at: usize, len: usize) {
    for byte in bytes.iter_mut().skip(at).take(len).filter(|b| **b != b'\n') {
        *byte = b' ';
    }
}

/// What code at the start of `rest` begins, and how many bytes that takes.
fn begin(rest: &[u8], before: Option<u8>) -> (Option<Inside>, usize) {
    match rest {
        [b'/', b'/', ..] => (Some(Inside::Line), 2),
        [b'/', b'*', ..] => (Some(Inside::Block(1)), 2),
        [b'"', ..] => (Some(Inside::Text), 1),
        [b'\'', ..] => (None, character(rest)),
        [b'r', after @ ..] if !before.is_some_and(|b| b.is_ascii_alphanumeric() && b != b'b') => {
            let hashes = after.iter().take_while(|&&b| b == b'#').count();
            match after.get(hashes) {
                Some(b'"') => (Some(Inside::Raw(hashes)), hashes + 2),
                _ => (None, 1),
            }
        }
        _ => (None, 1),
    }
}

/// The length of the character in quotes at the start of `rest`; 1 when it is a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest {
        [_, b'\\', _, after @ ..] => {
            3 + after.iter().position(|&b| b == b'\'').map_or(0, |end| end + 1)
        }
        _ => {
            // A character is up to four bytes long.
            let end = rest.iter().skip(2).take(4).position(|&b| b == b'\'');
            let ascii = rest.get(1).is_some_and(u8::is_ascii);
            match end {
                Some(0) => 3,
                Some(end) if !ascii => end + 3,
                _ => 1,
            }
        }
    }
}

fn go_on(state: Inside, rest: &[u8]) -> (Option<Inside>, usize) {
    match (state, rest) {
        (Inside::Line, [b'\n', ..]) | (Inside::Text, [b'"', ..]) => (None, 1),
        (Inside::Text, [b'\\', _, ..]) => (Some(Inside::Text), 2),
        (Inside::Block(1), [b'*', b'/', ..]) => (None, 2),
        (Inside::Block(n), [b'*', b'/', ..]) => (Some(Inside::Block(n - 1)), 2),
        (Inside::Block(n), [b'/', b'*', ..]) => (Some(Inside::Block(n + 1)), 2),
        (Inside::Raw(n), [b'"', after @ ..])
            if after.get(..n).is_some_and(|h| h.iter().all(|&b| b == b'#')) =>
        {
            (None, n + 1)
        }
        (state, _) => (Some(state), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        String::from_utf8(Code::read(source).bytes).unwrap()
    }

    #[test]
    fn only_code_is_left() {
        assert_eq!(code("a // fn {\nb"), "a        \nb");
        assert_eq!(code("a /* { /* */ } */ b"), "a                 b");
        assert_eq!(code(r#"f("{ \" }", b)"#), "f(        , b)");
        assert_eq!(code("r#\"a\"{\"# }"), "         }");
        assert_eq!(code("'{' '\\'' 'a &'static é"), "         'a &'static é");
        assert_eq!(code("'é'{"), "    {");
    }

    #[test]
    fn blocks_end_at_their_brace() {
        let code = Code::read("fn f(a: [u8; 2]) { if x { '}' } }\nfn g();");
        assert_eq!(code.block(0), Some((17, 32)));
        assert_eq!(code.words("fn"), [0, 34]);
        assert_eq!(code.block(34), None);
        assert_eq!(code.line_of(34), 2);
    }
}
