//! What is printed: titles, commands with their output, and a table of what was tried.

use std::io::{self, IsTerminal, Write};

use oxtables_base::text::visible;

/// A line of the table: one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) tried: String,
    /// What the rules say.
    pub(super) expected: String,
    /// What happened.
    pub(super) happened: String,
    /// The rules that had a part in it, with their counters; the last decides.
    pub(super) decided: Vec<String>,
    pub(super) as_expected: bool,
}

/// How wide the first two columns of a lesson's table are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Widths {
    pub(super) tried: usize,
    pub(super) expected: usize,
}

/// The report on standard output.
pub(super) struct Report<W: Write> {
    out: W,
    colour: bool,
    widths: Widths,
    pub(super) right: usize,
    pub(super) wrong: usize,
}

/// The width of `MISMATCH` and a space.
const MARK: usize = 9;

#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Green,
    Red,
}

impl Report<io::StdoutLock<'static>> {
    /// Colours on a terminal, unless `NO_COLOR` is set to something (no-color.org).
    pub(super) fn on_stdout() -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let out = io::stdout().lock();
        let colour = out.is_terminal() && !no_colour;
        Self::new(out, colour)
    }
}

impl<W: Write> Report<W> {
    pub(super) fn new(out: W, colour: bool) -> Self {
        Self { out, colour, widths: Widths::default(), right: 0, wrong: 0 }
    }

    /// Text as it is.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A lesson begins.
    pub(super) fn lesson(
        &mut self,
        number: usize,
        name: &str,
        title: &str,
        widths: Widths,
    ) -> io::Result<()> {
        let title = self.paint(Paint::Bold, &format!("{number}. {title}"));
        let name = self.paint(Paint::Dim, &format!("[{name}]"));
        writeln!(self.out, "\n{title}  {name}")?;
        let [tried, expected, happened] = ["tried", "the rules say", "what happened"];
        self.widths = Widths {
            tried: widths.tried.max(tried.len()),
            expected: widths.expected.max(expected.len()),
        };
        let line = self.columns(tried, expected, happened);
        let line = self.paint(Paint::Dim, &format!("  {:MARK$}{line}", ""));
        writeln!(self.out, "{line}")
    }

    fn columns(&self, tried: &str, expected: &str, happened: &str) -> String {
        let Widths { tried: a, expected: b } = self.widths;
        format!("{tried:a$}  {expected:b$}  {happened}")
    }

    /// What to notice.
    pub(super) fn note(&mut self, note: &str) -> io::Result<()> {
        let note = self.paint(Paint::Dim, &format!("# {note}"));
        writeln!(self.out, "  {note}")
    }

    /// A command, as typed.
    pub(super) fn command(&mut self, typed: &str) -> io::Result<()> {
        let typed = self.paint(Paint::Bold, typed);
        writeln!(self.out, "  $ {typed}")?;
        self.out.flush()
    }

    /// What a command said.
    pub(super) fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        for line in visible(bytes).lines() {
            writeln!(self.out, "    {line}")?;
        }
        Ok(())
    }

    /// Something was tried.
    pub(super) fn row(&mut self, row: &Row) -> io::Result<()> {
        let mark = if row.as_expected {
            self.right += 1;
            self.paint(Paint::Green, "ok")
        } else {
            self.wrong += 1;
            self.paint(Paint::Red, "MISMATCH")
        };
        // What a colour needs has no width.
        let plain = if row.as_expected { "ok" } else { "MISMATCH" };
        let pad = MARK.saturating_sub(plain.len());
        let line = self.columns(&row.tried, &row.expected, &row.happened);
        writeln!(self.out, "  {mark}{:pad$}{line}", "")?;
        for (i, rule) in row.decided.iter().enumerate() {
            let word = if i + 1 == row.decided.len() { "by" } else { "via" };
            let line = self.paint(Paint::Dim, &format!("{word:3} {rule}"));
            writeln!(self.out, "  {:MARK$}  {line}", "")?;
        }
        self.out.flush()
    }

    /// The last line; true if all was as expected and something was tried.
    pub(super) fn summary(&mut self, seconds: f64) -> io::Result<bool> {
        let all = self.right + self.wrong;
        let good = self.wrong == 0 && all > 0;
        let text = format!("{} of {all} as expected", self.right);
        let text = self.paint(if good { Paint::Green } else { Paint::Red }, &text);
        writeln!(self.out, "\n{text} ({seconds:.1} s)")?;
        self.out.flush()?;
        Ok(good)
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Green => 32,
            Paint::Red => 31,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(as_expected: bool) -> Row {
        Row {
            tried: "client: ping".into(),
            expected: "no answer".into(),
            happened: "echo reply".into(),
            decided: vec!["INPUT 1: -j LOG".into(), "INPUT policy: DROP".into()],
            as_expected,
        }
    }

    fn printed(rows: &[bool]) -> (String, bool) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, false);
        report.lesson(1, "x", "X", Widths::default()).unwrap();
        rows.iter().for_each(|r| report.row(&row(*r)).unwrap());
        let good = report.summary(0.25).unwrap();
        (String::from_utf8(out).unwrap(), good)
    }

    #[test]
    fn a_mismatch_is_shown_and_counted() {
        let (text, good) = printed(&[true, false]);
        assert!(!good && text.ends_with("\n1 of 2 as expected (0.2 s)\n"), "{text}");
        assert!(text.contains("\n  MISMATCH client: ping  no answer      echo reply\n"), "{text}");
        assert!(text.contains("\n             by  INPUT policy: DROP\n"), "{text}");
        assert!(printed(&[true]).1);
        assert!(!printed(&[]).1, "nothing tried proves nothing");
    }
}
