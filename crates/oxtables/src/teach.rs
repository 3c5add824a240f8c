//! Errors that teach: after upstream's line the place, the cause and the fix. Shown on a terminal,
//! and anywhere with `--explain-errors`.

mod cause;

use cause::Advice;
use oxtables_backend::BackendError;
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_model::Edit;
use oxtables_syntax::UsageError;
use oxtables_syntax::restore::RestoreErrorKind;
use std::io::IsTerminal as _;

/// The option that asks for explanations where there is no terminal.
const OPTION: &[u8] = b"--explain-errors";

/// The words without our own option, and whether to explain errors.
pub(crate) fn wanted<'a>(words: &[&'a [u8]]) -> (Vec<&'a [u8]>, bool) {
    let kept: Vec<&[u8]> = words.iter().copied().filter(|w| *w != OPTION).collect();
    let teach = kept.len() < words.len() || std::io::stderr().is_terminal();
    (kept, teach)
}

/// What is said of a fault in the words of a command line.
pub(crate) fn usage(family: Family, words: &[&[u8]], error: &UsageError) -> String {
    let advice = cause::of_usage(family, &error.kind);
    // The option is known to be to blame; the word it names stands there or after it.
    let from = error.word.unwrap_or(0);
    let blamed = cause::blamed_word(&error.kind)
        .and_then(|b| words.iter().skip(from).position(|w| *w == b).map(|n| n + from));
    let word = blamed.or(error.word);
    let (line, spans) = command_line(family, words);
    render(None, &line, word.and_then(|n| spans.get(n).copied()), &advice)
}

/// What is said of a command that the kernel, or what is in it, does not allow.
pub(crate) fn refusal(
    family: Family,
    words: &[&[u8]],
    table: &str,
    edits: &[Edit],
    error: &BackendError,
) -> String {
    let advice = cause::of_backend(family, table, edits, error);
    let (line, spans) = command_line(family, words);
    let at = advice.word.as_deref().and_then(|w| words.iter().position(|x| *x == w.as_bytes()));
    render(None, &line, at.and_then(|n| spans.get(n).copied()), &advice)
}

/// What is said of line `number` of a save file.
pub(crate) fn line(
    family: Family,
    text: &[u8],
    number: u32,
    column: Option<usize>,
    kind: Option<&RestoreErrorKind>,
) -> String {
    let index = usize::try_from(number).unwrap_or(0).saturating_sub(1);
    let line = text.split(|&c| c == b'\n').nth(index).unwrap_or_default();
    let advice = cause::of_line(family, kind);
    let span = column.map(|start| {
        let rest = line.get(start..).unwrap_or_default();
        let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let before = visible(line.get(..start).unwrap_or_default()).chars().count();
        let word = visible(rest.get(..len).unwrap_or_default());
        (before, word.chars().count().max(1))
    });
    render(Some(number), &visible(line), span, &advice)
}

/// A place in a shown line: columns before it, and its width.
type Span = (usize, usize);

/// The command line as a person would type it, and where each word is.
fn command_line(family: Family, words: &[&[u8]]) -> (String, Vec<Span>) {
    let mut line = family.program().to_owned();
    let mut spans = Vec::new();
    for word in words {
        line.push(' ');
        let shown = visible(word);
        let quoted = shown.is_empty() || shown.contains([' ', '\t', '"', '!', '*', '\'']);
        let shown = if quoted { format!("'{}'", shown.replace('\'', "'\\''")) } else { shown };
        spans.push((line.chars().count(), shown.chars().count()));
        line.push_str(&shown);
    }
    (line, spans)
}

fn render(number: Option<u32>, line: &str, span: Option<Span>, advice: &Advice) -> String {
    let gutter = number.map_or_else(String::new, |n| n.to_string());
    let margin = " ".repeat(gutter.len());
    let mut text = format!("{gutter} | {line}\n");
    if let Some((before, width)) = span {
        text.push_str(&format!("{margin} | {}{}\n", " ".repeat(before), "^".repeat(width)));
    }
    for (head, sentence) in [("cause", &advice.cause), ("fix", &advice.fix)] {
        if let Some(sentence) = sentence {
            text.push_str(&format!("{margin} = {head}: {sentence}\n"));
        }
    }
    text
}
