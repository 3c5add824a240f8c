//! The command sequences: `tests/corpus/*.txt`.
//!
//! ```text
//! # remark
//! == name-of-the-sequence
//! iptables -A INPUT -j DROP
//! iptables-restore <<EOF
//! ...
//! EOF
//! ```
//! Every line is a step (a line with `<<EOF` up to the line `EOF`), run by a POSIX shell. `!needs PROGRAM` skips the sequence where
//! the program is missing; `!alone` keeps it out of the interop suite (it leaves rules that no iptables wrote).

use std::fs;
use std::path::Path;

/// A named list of steps.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) name: String,
    pub(crate) steps: Vec<String>,
    pub(crate) needs: Vec<String>,
    pub(crate) alone: bool,
}

/// All sequences, in the order of files and lines.
///
/// # Panics
/// When a file is broken or a name occurs twice.
pub(crate) fn read() -> Vec<Sequence> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all: Vec<Sequence> = Vec::new();
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        parse(&stem, &fs::read_to_string(&file).unwrap(), &mut all);
    }
    let mut names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1], "two sequences of one name");
    }
    all
}

fn parse(stem: &str, text: &str, all: &mut Vec<Sequence>) {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("== ") {
            let name = format!("{stem}/{}", name.trim());
            all.push(Sequence { name, steps: Vec::new(), needs: Vec::new(), alone: false });
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let sequence = all.last_mut().unwrap();
        if let Some(program) = line.strip_prefix("!needs ") {
            sequence.needs.push(program.to_owned());
        } else if line == "!alone" {
            sequence.alone = true;
        } else if line.contains("<<EOF") || line.contains("<<'EOF'") {
            let mut step = line.to_owned();
            loop {
                let next = lines.next().unwrap_or_else(|| panic!("{}: no EOF", sequence.name));
                step.push('\n');
                step.push_str(next);
                if next == "EOF" {
                    break;
                }
            }
            sequence.steps.push(step);
        } else {
            sequence.steps.push(line.to_owned());
        }
    }
}

#[test]
fn the_corpus_is_as_large_as_promised() {
    let all = read();
    assert!(all.len() >= 300, "{} sequences", all.len());
    for sequence in &all {
        assert!(!sequence.steps.is_empty(), "{} does nothing", sequence.name);
    }
}
