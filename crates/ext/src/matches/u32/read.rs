//! The language of `--u32`, read: `START [OP NUMBER]... = VALUE[:VALUE][,VALUE[:VALUE]]... [&& ...]`,
//! with blanks between.

use super::{MAX, Step, Test, Tests};
use crate::ValueError;
use oxtables_base::number;

/// A place in the text.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

/// Reads tests.
///
/// # Errors
/// Upstream's sentence, with the place in the text where it is wrong.
pub(super) fn tests(text: &[u8]) -> Result<Tests, ValueError> {
    let mut reader = Reader { text, at: 0 };
    let mut tests = Vec::new();
    loop {
        tests.push(reader.test()?);
        let more = match reader.next() {
            None => false,
            Some(b'&') => {
                reader.at += 1;
                true
            }
            Some(_) => return Err(reader.wrong("u32: at char %: expected \",\" or \"&&\"")),
        };
        if tests.len() > MAX {
            return Err(reader.wrong("u32: at char %: too many \"&&\"s"));
        }
        if !more {
            return Ok(Tests(tests.into()));
        }
        reader.second(b'&', "u32: at char %: a second '&' was expected")?;
    }
}

impl Reader<'_> {
    fn wrong(&self, sentence: &'static str) -> ValueError {
        ValueError::OwnNumber(sentence, u64::try_from(self.at).unwrap_or(u64::MAX))
    }

    /// What stands behind blanks.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|c| c.is_ascii_whitespace()).count();
        self.text.get(self.at).copied()
    }

    /// The second letter of a sign.
    fn second(&mut self, letter: u8, sentence: &'static str) -> Result<(), ValueError> {
        if self.text.get(self.at) != Some(&letter) {
            return Err(self.wrong(sentence));
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<u32, ValueError> {
        let digit = self.next().is_some_and(|c| c.is_ascii_digit());
        let rest = self.text.get(self.at..).unwrap_or_default();
        let read = number::prefix(rest).filter(|_| digit);
        let fits = read.and_then(|(n, rest)| Some((u32::try_from(n).ok()?, rest)));
        let Some((n, after)) = fits else {
            return Err(self.wrong("u32: at char %: not a number or out of range"));
        };
        self.at = self.text.len() - after.len();
        Ok(n)
    }

    fn test(&mut self) -> Result<Test, ValueError> {
        let (start, steps) = self.location()?;
        Ok(Test { start, steps, values: self.values()? })
    }

    /// Up to the `=` and with it.
    fn location(&mut self) -> Result<(u32, Vec<(Step, u32)>), ValueError> {
        let cut = ValueError::Own("u32: abrupt end of input after location specifier");
        match self.next() {
            None => return Err(cut),
            Some(b'=') => return Err(self.wrong("u32: at char %: location spec missing")),
            Some(_) => (),
        }
        let start = self.number()?;
        let mut steps = Vec::new();
        loop {
            let sign = self.next().ok_or(cut.clone())?;
            if steps.len() >= MAX {
                return Err(self.wrong("u32: at char %: too many operators"));
            }
            let step = match sign {
                b'=' => {
                    self.at += 1;
                    return Ok((start, steps));
                }
                b'&' => Step::And,
                b'<' => Step::Left,
                b'>' => Step::Right,
                b'@' => Step::At,
                _ => return Err(self.wrong("u32: at char %: operator expected")),
            };
            self.at += 1;
            match step {
                Step::Left => self.second(b'<', "u32: at char %: a second '<' was expected")?,
                Step::Right => self.second(b'>', "u32: at char %: a second '>' was expected")?,
                Step::And | Step::At => (),
            }
            steps.push((step, self.number()?));
        }
    }

    fn values(&mut self) -> Result<Vec<(u32, u32)>, ValueError> {
        if self.next().is_none() {
            return Err(ValueError::Own("u32: test ended with no value specified"));
        }
        let mut values = Vec::new();
        loop {
            let lo = self.number()?;
            let hi = if self.next() == Some(b':') {
                self.at += 1;
                self.number()?
            } else {
                lo
            };
            values.push((lo, hi));
            let more = self.next() == Some(b',');
            if values.len() > MAX {
                return Err(self.wrong("u32: at char %: too many \",\"s"));
            }
            if !more {
                return Ok(values);
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places are those iptables 1.8.13 tells.
    #[test]
    fn errors_tell_the_place() {
        let at = |text: &str| match super::tests(text.as_bytes()) {
            Err(ValueError::OwnNumber(_, n)) => Some(n),
            _ => None,
        };
        for (text, place) in [
            ("x", 0),
            ("=0", 0),
            ("0=x", 2),
            ("0=0:", 4),
            ("0=0 & 1=1", 5),
            ("0!5=5", 1),
            ("0=0x", 3),
            ("0 5=1", 2),
            ("0 && 1=1", 3),
            ("0=1 2", 4),
            ("0&1&2&3&4&5&6&7&8&9&10=0", 22),
            ("0=0,1,2,3,4,5,6,7,8,9,10,11", 24),
            ("0=0&&1=1&&2=2&&3=3&&4=4&&5=5&&6=6&&7=7&&8=8&&9=9&&10=10", 55),
            ("0=0&&1=1&&2=2&&3=3&&4=4&&5=5&&6=6&&7=7&&8=8&&9=9&&10=10&&11=11", 56),
        ] {
            assert_eq!(at(text), Some(place), "{text}");
        }
    }
}
