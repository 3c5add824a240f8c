//! The commands of the lessons: as typed, run as `iptables` itself runs, inside the firewall.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The save file that the commands work on, if it is not the kernel.
static RULES: OnceLock<OsString> = OnceLock::new();

/// Lets all commands work on a save file.
pub(super) fn on_file(path: &Path) {
    let mut place = OsString::from("file:");
    place.push(path);
    // Only one demo is played in a process.
    let _once = RULES.set(place);
}

/// Runs commands, and keeps the files they write and read in memory.
#[derive(Default)]
pub(super) struct Shell {
    files: HashMap<String, Vec<u8>>,
}

impl Shell {
    /// Runs a command as a person types it; `> FILE` and `< FILE` may end it.
    ///
    /// It is this very program under the command's name, in the caller's network namespace: the same code as without
    /// the demo. Output that goes to a file is not in what is returned.
    pub(super) fn run(&mut self, typed: &str) -> io::Result<Output> {
        let mut words = words(typed);
        let target = match words.iter().rev().nth(1).map(String::as_str) {
            Some("<" | ">") => words.pop(),
            _ => None,
        };
        let direction = if target.is_some() { words.pop() } else { None };
        let (Some(file), Some(direction)) = (target, direction) else {
            return run(&words, &[]);
        };
        if direction == "<" {
            let input = self.files.get(&file).ok_or_else(|| io::Error::other("no such file"))?;
            return run(&words, input);
        }
        let mut output = run(&words, &[])?;
        self.files.insert(file, std::mem::take(&mut output.stdout));
        Ok(output)
    }
}

/// Runs this program as the first word, with the others as arguments.
pub(super) fn run<W: AsRef<str>>(words: &[W], input: &[u8]) -> io::Result<Output> {
    let (name, args) = words.split_first().ok_or_else(|| io::Error::other("an empty command"))?;
    // Whatever the caller's environment says of a back end is not for the demo.
    let place = RULES.get().cloned().unwrap_or_else(|| OsString::from("nft"));
    let mut child = Command::new("/proc/self/exe")
        .env("OXTABLES_BACKEND", place)
        .arg0(name.as_ref())
        .args(args.iter().map(AsRef::as_ref))
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input) {
            // It may end without reading all: its exit code tells.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(e),
            _ => {}
        }
    }
    child.wait_with_output()
}

/// Words at spaces; double quotes keep spaces.
fn words(typed: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (i, part) in typed.split('"').enumerate() {
        // Every second part is within quotes.
        let pieces: Vec<&str> = if i % 2 == 1 { vec![part] } else { part.split(' ').collect() };
        for (j, piece) in pieces.into_iter().enumerate() {
            if j > 0 {
                words.push(String::new());
            }
            if let Some(last) = words.last_mut() {
                last.push_str(piece);
            }
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_spaces() {
        let typed = r#"iptables -A INPUT  -j LOG --log-prefix "a b: " < x"#;
        let want = ["iptables", "-A", "INPUT", "-j", "LOG", "--log-prefix", "a b: ", "<", "x"];
        assert_eq!(words(typed), want);
        assert!(words("").is_empty());
    }

    #[test]
    fn an_unknown_file_is_an_error() {
        assert!(Shell::default().run("iptables-restore < nothing").is_err());
    }
}
