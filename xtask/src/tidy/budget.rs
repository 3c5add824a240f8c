//! How long a file, a function and a macro may be.

use super::Repository;
use super::source::Code;

/// Lines of code in a file, tests left out.
const FILE: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION: usize = 60;
/// Lines of a macro.
const MACRO: usize = 60;

/// What may be longer: file, function or macro, and why.
const LONGER: &[(&str, &str, &str)] = &[
    (
        "crates/ext/src/any.rs",
        "extension_list",
        "one macro makes the closed enum, its table and the delegation, so that they cannot differ",
    ),
    (
        "crates/ext/src/any.rs",
        "match_list",
        "the list of matches, a line each, given to two macros",
    ),
    (
        "crates/syntax/src/error.rs",
        "fmt",
        "one line a kind: the sentences of the command line, side by side, and none forgotten",
    ),
    (
        "crates/oxtables/src/teach/cause.rs",
        "of_usage",
        "one entry a kind: the advice for the command line, side by side",
    ),
];

pub(super) fn check(repository: &Repository) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    let mut excused = Vec::new();
    for file in repository.sources().filter(|f| !is_test(f)) {
        let code = Code::read(&repository.text(file)?);
        let tests = code.tests();
        let in_tests = |at: usize| tests.iter().any(|&(from, to)| (from..=to).contains(&at));
        let lines = lines_outside(&code, &tests);
        if lines > FILE {
            faults.push(format!("{file}: {lines} lines of code, {FILE} allowed"));
        }
        for (word, budget) in [("fn", FUNCTION), ("macro_rules", MACRO)] {
            for at in code.words(word).into_iter().filter(|&at| !in_tests(at)) {
                let Some((name, lines)) = item(&code, at + word.len()) else { continue };
                if lines <= budget {
                    continue;
                }
                if LONGER.iter().any(|(f, n, _)| *f == file && *n == name) {
                    excused.push((file.to_owned(), name));
                } else {
                    let line = code.line_of(at);
                    faults.push(format!("{file}:{line}: {name}: {lines} lines, {budget} allowed"));
                }
            }
        }
    }
    let needless =
        LONGER.iter().filter(|(f, n, _)| !excused.iter().any(|e| e.0 == *f && e.1 == *n));
    faults.extend(needless.map(|(f, n, _)| format!("{f}: {n} need not be excused any more")));
    Ok(faults)
}

fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs") || file.contains("/benches/")
}

/// Lines with code on them that are not tests.
fn lines_outside(code: &Code, tests: &[(usize, usize)]) -> usize {
    let mut at = 0;
    let mut count = 0;
    for line in code.lines() {
        let test = tests.iter().any(|&(from, to)| (from..=to).contains(&at));
        if !test && line.iter().any(|b| !b.is_ascii_whitespace()) {
            count += 1;
        }
        at += line.len() + 1;
    }
    count
}

/// The name after a keyword, and the lines to the end of its block.
fn item(code: &Code, at: usize) -> Option<(String, usize)> {
    let rest = code.bytes.get(at..)?;
    let name: String = rest
        .iter()
        .skip_while(|b| b.is_ascii_whitespace() || **b == b'!')
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .map(|&b| char::from(b))
        .collect();
    // `fn(u8)` is a type.
    if name.is_empty() {
        return None;
    }
    let (_, end) = code.block(at)?;
    Some((name, code.line_of(end) - code.line_of(at) + 1))
}
