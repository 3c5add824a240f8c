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
    /// Who had a part in it, with what it counted; the last decides.
    pub(super) decided: Vec<String>,
    pub(super) as_expected: bool,
}

/// The report on standard output.
pub(super) struct Report<W: Write> {
    out: W,
    colour: bool,
    /// Rows that are not printed yet: what is tried between two commands is one table.
    rows: Vec<Row>,
    pub(super) right: usize,
    pub(super) wrong: usize,
}

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
        Self { out, colour, rows: Vec::new(), right: 0, wrong: 0 }
    }

    /// Text as it is.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A lesson begins.
    pub(super) fn title(&mut self, number: usize, name: &str, title: &str) -> io::Result<()> {
        let title = self.paint(Paint::Bold, &format!("{number}. {title}"));
        let name = self.paint(Paint::Dim, &format!("[{name}]"));
        writeln!(self.out, "\n{title}  {name}")
    }

    /// What to notice.
    pub(super) fn note(&mut self, note: &str) -> io::Result<()> {
        self.table()?;
        let note = self.paint(Paint::Dim, &format!("# {note}"));
        writeln!(self.out, "  {note}")
    }

    /// A command, as typed.
    pub(super) fn command(&mut self, typed: &str) -> io::Result<()> {
        self.table()?;
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
    pub(super) fn row(&mut self, row: Row) {
        if row.as_expected {
            self.right += 1;
        } else {
            self.wrong += 1;
        }
        self.rows.push(row);
    }

    /// Prints the rows there are.
    pub(super) fn table(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let heads = ["tried", "the rules say", "what happened"];
        let cells = |r: &Row| [r.tried.clone(), r.expected.clone(), r.happened.clone()];
        let mut widths = heads.map(str::len);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(cells(row)) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let [a, b, c] = widths;
        let [tried, expected, happened] = heads;
        let head = format!("{tried:a$}  {expected:b$}  {happened:c$}  decided by");
        let head = self.paint(Paint::Dim, &head);
        writeln!(self.out, "           {head}")?;
        for row in &rows {
            let mark = match row.as_expected {
                true => self.paint(Paint::Green, "ok      "),
                false => self.paint(Paint::Red, "MISMATCH"),
            };
            let [tried, expected, happened] = cells(row);
            let mut decided = row.decided.iter();
            let first = decided.next().map_or("", String::as_str);
            let line = format!("{tried:a$}  {expected:b$}  {happened:c$}  {first}");
            writeln!(self.out, "  {mark} {}", line.trim_end())?;
            let indent = a + b + c + 17;
            for more in decided {
                writeln!(self.out, "{:indent$}{more}", "")?;
            }
        }
        self.out.flush()
    }

    /// The last line; true if all was as expected and something was tried.
    pub(super) fn summary(&mut self, seconds: f64) -> io::Result<bool> {
        self.table()?;
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
            decided: vec!["INPUT 1 -j LOG (+1)".into(), "INPUT policy DROP (+0)".into()],
            as_expected,
        }
    }

    fn printed(rows: &[bool]) -> (String, bool) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, false);
        rows.iter().for_each(|r| report.row(row(*r)));
        let good = report.summary(0.25).unwrap();
        (String::from_utf8(out).unwrap(), good)
    }

    #[test]
    fn a_mismatch_is_shown_and_counted() {
        let (text, good) = printed(&[true, false]);
        assert!(!good && text.ends_with("\n1 of 2 as expected (0.2 s)\n"), "{text}");
        assert!(text.contains("\n  MISMATCH client: ping  no answer      echo reply"), "{text}");
        assert!(printed(&[true]).1);
        assert!(!printed(&[]).1, "nothing tried proves nothing");
    }
}
