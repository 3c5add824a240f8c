//! The option values of the match: dates, times of day, days of a month and of a week.

use super::calendar;
use crate::Neg;
use crate::value::{Value, ValueCx, ValueError};
use oxtables_base::number;
use oxtables_base::sample::Rng;

const BAD_DATE: ValueError =
    ValueError::Own("Invalid date \"%\" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]");
const BAD_TIME: ValueError = ValueError::Own(
    "invalid time \"%\" specified, should be hh:mm[:ss] format and within the boundaries",
);

/// 2038-12-31T23:59:59: upstream takes no year after 2038.
const LATEST: u32 = 2_177_452_799;

/// A moment in seconds since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Date(pub u32);

/// A second of the day.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Daytime(pub u32);

/// Days of a month: bits 1 to 31.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Monthdays(pub u32);

/// Days of a week: bits 1 (Monday) to 7.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Weekdays(pub u8);

pub(super) const ALL_MONTHDAYS: Monthdays = Monthdays(0xffff_fffe);
pub(super) const ALL_WEEKDAYS: Weekdays = Weekdays(0xfe);

/// A decimal number of `lo..=hi` at the start of `word`, blanks and a plus allowed before it, and
/// what follows it.
fn decimal(word: &[u8], lo: i64, hi: i64) -> Option<(i64, &[u8])> {
    let word = word.trim_ascii_start();
    let word = word.strip_prefix(b"+").unwrap_or(word);
    let (n, rest) = number::digits_of(word, 10)?;
    let n = i64::try_from(n).ok()?;
    (lo..=hi).contains(&n).then_some((n, rest))
}

fn push_two(out: &mut Vec<u8>, n: u32) {
    if n < 10 {
        out.push(b'0');
    }
    number::push_decimal(out, n.into());
}

fn push_clock(out: &mut Vec<u8>, second: u32) {
    push_two(out, second / 3600);
    out.push(b':');
    push_two(out, second / 60 % 60);
    out.push(b':');
    push_two(out, second % 60);
}

impl Date {
    /// Appends `YYYY-MM-DD`, the separator, and `hh:mm:ss`.
    pub(super) fn push(self, out: &mut Vec<u8>, separator: u8) {
        let (year, month, day) = calendar::date_of(i64::from(self.0 / 86_400));
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        number::push_decimal(out, small(year).into());
        out.push(b'-');
        push_two(out, small(month));
        out.push(b'-');
        push_two(out, small(day));
        out.push(separator);
        push_clock(out, self.0 % 86_400);
    }

    /// Whether it can be written so that it is read again.
    pub(super) const fn is_writable(self) -> bool {
        self.0 <= LATEST
    }

    /// COMPAT: as upstream, a day that its month does not have counts on into the next
    /// (`2023-02-30` is March 2nd); but a month or day 0 or left out behind its dash (`2020-`),
    /// which upstream counts back into the year before, is refused.
    fn read(word: &[u8]) -> Option<Self> {
        let mut fields = [1970, 1, 1, 0, 0, 0];
        let limits = [(1970, 2038), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59)];
        let mut rest = word;
        for ((field, (lo, hi)), end) in fields.iter_mut().zip(limits).zip(b"--T:: ") {
            (*field, rest) = decimal(rest, lo, hi)?;
            match rest.split_first() {
                None => break,
                Some((c, after)) if c == end => rest = after,
                Some(_) => return None,
            }
            if rest.is_empty() && *end == b'T' {
                break;
            }
        }
        let [year, month, day, hour, minute, second] = fields;
        let seconds =
            calendar::days_of(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        u32::try_from(seconds).ok().map(Self)
    }
}

impl Value for Date {
    const SYNTAX: &'static str = "YYYY[-MM[-DD[Thh[:mm[:ss]]]]]";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::read(word).ok_or(BAD_DATE)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.push(out, b'T');
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let at = Self(u32::try_from(rng.within(0, LATEST.into())).unwrap_or(0));
        let mut out = Vec::new();
        at.push(&mut out, b'T');
        out
    }
}

impl Value for Daytime {
    const SYNTAX: &'static str = "hh:mm[:ss]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    /// The word to blame is what is left from the part that does not fit.
    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let bad = |rest| (rest, BAD_TIME);
        let (hour, rest) = decimal(first, 0, 23).ok_or(bad(first))?;
        let rest = rest.strip_prefix(b":").ok_or(bad(first))?;
        let (minute, after) = decimal(rest, 0, 59).ok_or(bad(rest))?;
        let second = match after {
            [] => 0,
            [b':', part @ ..] => match decimal(part, 0, 59) {
                Some((second, [])) => second,
                _ => return Err(bad(part)),
            },
            _ => return Err(bad(rest)),
        };
        u32::try_from(hour * 3600 + minute * 60 + second).map(Self).map_err(|_| bad(first))
    }

    fn save(&self, out: &mut Vec<u8>) {
        push_clock(out, self.0);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        push_clock(&mut out, u32::try_from(rng.within(0, 86_399)).unwrap_or(0));
        out
    }
}

impl Monthdays {
    /// The days meant by a list that may be inverted; `None` when that is none.
    pub(super) fn upright(given: Neg<Self>) -> Option<Self> {
        let bits = if given.not { ALL_MONTHDAYS.0 & !given.value.0 } else { given.value.0 };
        (bits != 0).then_some(Self(bits))
    }

    pub(super) fn has(self, day: i64) -> bool {
        u32::try_from(day).is_ok_and(|day| day < 32 && self.0 & 1 << day != 0)
    }

    /// Whether it can be written so that it is read again.
    pub(super) const fn is_writable(self) -> bool {
        self.0 != 0 && self.0 & 1 == 0
    }

    fn push_each(self, out: &mut Vec<u8>, suffix: impl Fn(u32) -> &'static [u8]) {
        let mut separator = &b""[..];
        for day in (1..32).filter(|day| self.0 & 1 << day != 0) {
            out.extend_from_slice(separator);
            separator = b",";
            number::push_decimal(out, day.into());
            out.extend_from_slice(suffix(day));
        }
    }

    /// `1st,2nd`. COMPAT: and `11st,12nd,13rd`, as upstream has it.
    pub(super) fn push_ordinals(self, out: &mut Vec<u8>) {
        self.push_each(out, |day| match day % 10 {
            1 => b"st",
            2 => b"nd",
            3 => b"rd",
            _ => b"th",
        });
    }
}

impl Value for Monthdays {
    const SYNTAX: &'static str = "day[,day...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    /// COMPAT: upstream takes a day 0, which no month has; it is refused.
    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let mut bits = 0;
        for part in first.split(|&c| c == b',').filter(|part| !part.is_empty()) {
            match decimal(part, 1, 31) {
                Some((day, [])) => bits |= 1 << day,
                _ => {
                    let bad = part.iter().position(|c| !c.is_ascii_digit());
                    let blame = bad.and_then(|at| part.get(..=at)).unwrap_or(part);
                    return Err((blame, ValueError::Own("% is not a valid day for --monthdays")));
                }
            }
        }
        Ok(Self(bits))
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.push_each(out, |_| b"");
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        format!("{},{}", rng.within(1, 31), rng.within(1, 31)).into_bytes()
    }
}

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Weekdays {
    /// As [`Monthdays::upright`].
    pub(super) fn upright(given: Neg<Self>) -> Option<Self> {
        let bits = if given.not { ALL_WEEKDAYS.0 & !given.value.0 } else { given.value.0 };
        (bits != 0).then_some(Self(bits))
    }

    pub(super) fn has(self, day: i64) -> bool {
        u32::try_from(day).is_ok_and(|day| day < 8 && self.0 & 1 << day != 0)
    }

    /// As [`Monthdays::is_writable`].
    pub(super) const fn is_writable(self) -> bool {
        self.0 != 0 && self.0 & 1 == 0
    }
}

/// The number of a day: itself, or a name of which the first two letters count.
fn weekday(part: &[u8]) -> Result<i64, ValueError> {
    let unknown = ValueError::Own("% is not a valid day specifier");
    if part.is_empty() || part == b"0" {
        return Err(ValueError::Own("No, the week does NOT begin with Sunday."));
    }
    if let Some((day, [])) = decimal(part, 1, 7) {
        return Ok(day);
    }
    let two = part.get(..2);
    let named = NAMES.iter().zip(1..).find(|(name, _)| name.as_bytes().get(..2) == two);
    named.map(|(_, day)| day).ok_or(unknown)
}

impl Value for Weekdays {
    const SYNTAX: &'static str = "day[,day...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    /// COMPAT: upstream passes over numbers above 7; they are refused.
    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let mut bits = 0;
        let list = first.strip_suffix(b",").unwrap_or(first);
        for part in list.split(|&c| c == b',') {
            bits |= 1 << weekday(part).map_err(|e| (part, e))?;
        }
        Ok(Self(bits))
    }

    fn save(&self, out: &mut Vec<u8>) {
        let mut separator = &b""[..];
        for (name, _) in NAMES.iter().zip(1..).filter(|&(_, day)| self.has(day)) {
            out.extend_from_slice(separator);
            separator = b",";
            out.extend_from_slice(name.as_bytes());
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let name = rng.pick(&NAMES).copied().unwrap_or("Mon");
        format!("{},{name}", rng.within(1, 7)).into_bytes()
    }
}
