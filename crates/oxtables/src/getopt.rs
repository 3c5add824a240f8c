//! The few options of save and restore, found as `getopt_long` finds them, with its complaints.

use oxtables_base::text::visible;

/// One option.
pub(crate) struct Opt {
    /// Its letter; also what it is told apart by.
    pub(crate) letter: u8,
    /// Its long name; empty for none.
    pub(crate) long: &'static str,
    /// Whether a value follows.
    pub(crate) value: Value,
}

/// Whether a value follows an option.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    No,
    Yes,
    /// Only behind `=`, or as a word that is not an option.
    Maybe,
}

/// What was given: options in order with their values, and the other words.
pub(crate) struct Given<'a> {
    pub(crate) options: Vec<(u8, Option<&'a [u8]>)>,
    pub(crate) words: Vec<&'a [u8]>,
}

/// Sorts `words` by `table`.
///
/// # Errors
/// glibc's sentence, without the program's name before it.
pub(crate) fn parse<'a>(words: &[&'a [u8]], table: &[Opt]) -> Result<Given<'a>, String> {
    let mut given = Given { options: Vec::new(), words: Vec::new() };
    let mut rest = words.iter().copied().peekable();
    while let Some(word) = rest.next() {
        match word {
            b"--" => {
                given.words.extend(rest);
                break;
            }
            [b'-', b'-', name @ ..] => {
                let mut halves = name.splitn(2, |&c| c == b'=');
                let name = halves.next().unwrap_or_default();
                let glued = halves.next();
                let opt = long(table, name)?;
                let value = match (opt.value, glued) {
                    (Value::No, Some(_)) => {
                        return Err(format!("option '--{}' doesn't allow an argument", opt.long));
                    }
                    (Value::No, None) => None,
                    (_, Some(glued)) => Some(glued),
                    (Value::Yes, None) => {
                        Some(rest.next().ok_or_else(|| {
                            format!("option '--{}' requires an argument", opt.long)
                        })?)
                    }
                    (Value::Maybe, None) => rest.next_if(|w| !w.starts_with(b"-")),
                };
                given.options.push((opt.letter, value));
            }
            [b'-', letters @ ..] if !letters.is_empty() => {
                cluster(letters, table, &mut rest, &mut given)?;
            }
            _ => given.words.push(word),
        }
    }
    Ok(given)
}

fn cluster<'a>(
    letters: &'a [u8],
    table: &[Opt],
    rest: &mut std::iter::Peekable<impl Iterator<Item = &'a [u8]>>,
    given: &mut Given<'a>,
) -> Result<(), String> {
    let mut left = letters;
    while let [letter, after @ ..] = left {
        let shown = visible(&[*letter]);
        let opt = table
            .iter()
            .find(|o| o.letter == *letter)
            .ok_or_else(|| format!("invalid option -- '{shown}'"))?;
        left = after;
        let value = match opt.value {
            Value::No => None,
            Value::Maybe => rest.next_if(|w| left.is_empty() && !w.starts_with(b"-")),
            Value::Yes if !after.is_empty() => Some(std::mem::take(&mut left)),
            Value::Yes => Some(
                rest.next().ok_or_else(|| format!("option requires an argument -- '{shown}'"))?,
            ),
        };
        given.options.push((*letter, value));
    }
    Ok(())
}

fn long<'t>(table: &'t [Opt], name: &[u8]) -> Result<&'t Opt, String> {
    let exact = table.iter().find(|o| !o.long.is_empty() && o.long.as_bytes() == name);
    if let Some(opt) = exact {
        return Ok(opt);
    }
    let begins = |o: &&Opt| !name.is_empty() && o.long.as_bytes().starts_with(name);
    let mut fits = table.iter().filter(begins);
    let unknown = || format!("unrecognized option '--{}'", visible(name));
    let first = fits.next().ok_or_else(unknown)?;
    match fits.next() {
        Some(_) => Err(format!("option '--{}' is ambiguous", visible(name))),
        None => Ok(first),
    }
}
