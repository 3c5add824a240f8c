//! How far a long run is: one line on a terminal, rewritten in place.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Between two looks of the line.
const PAUSE: Duration = Duration::from_millis(100);
/// Columns of the bar.
const WIDTH: usize = 40;

/// A line on standard error; silent where that is no terminal.
pub(super) struct Progress {
    total: usize,
    shown: Option<Instant>,
    start: Instant,
    on: bool,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        let on = std::io::stderr().is_terminal();
        Self { total, shown: None, start: Instant::now(), on }
    }

    /// Shows that `done` of the total are through.
    pub(super) fn at(&mut self, done: usize) {
        if !self.on || self.shown.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.shown = Some(Instant::now());
        let (bar, percent) = bar(done, self.total);
        let seconds = self.start.elapsed().as_secs();
        // A terminal that went away does not end the run.
        let _gone = write!(std::io::stderr(), "\r[{bar}] {percent:3} %  {seconds} s");
    }

    /// Takes the line away.
    pub(super) fn done(self) {
        if self.shown.is_some() {
            let _gone = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn bar(done: usize, total: usize) -> (String, usize) {
    let part = |of: usize| done.min(total).saturating_mul(of).checked_div(total).unwrap_or(of);
    let full = part(WIDTH);
    (format!("{}{}", "#".repeat(full), " ".repeat(WIDTH - full)), part(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0, 200), (" ".repeat(WIDTH), 0));
        assert_eq!(bar(100, 200), (format!("{}{}", "#".repeat(20), " ".repeat(20)), 50));
        assert_eq!(bar(300, 200).1, 100);
        assert_eq!(bar(0, 0).1, 100);
    }
}
