//! The two READMEs say the same as far as a machine can tell: as many sections, the same blocks of
//! code.

use super::Repository;

const FILES: [&str; 2] = ["README.md", "README.ja.md"];

pub(super) fn check(repository: &Repository) -> Result<Vec<String>, String> {
    let [english, japanese] = FILES.map(|file| repository.text(file));
    let (english, japanese) = (english?, japanese?);
    let sections = |text: &str| text.lines().filter(|l| l.starts_with("## ")).count();
    let mut faults = Vec::new();
    if sections(&english) != sections(&japanese) {
        faults.push(format!("{} have different numbers of sections", FILES.join(" and ")));
    }
    let (english, japanese) = (code(&english), code(&japanese));
    let differs = english.iter().zip(&japanese).find(|(a, b)| a != b);
    if let Some((a, b)) = differs {
        faults.push(format!("{} differ in a block of code: `{a}', `{b}'", FILES.join(" and ")));
    } else if english.len() != japanese.len() {
        faults.push(format!("{} have not the same blocks of code", FILES.join(" and ")));
    }
    Ok(faults)
}

/// The lines of the blocks of code, without the remarks behind them.
fn code(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
            lines.push(line);
        } else if inside {
            lines.push(line.split("  # ").next().unwrap_or_default().trim_end());
        }
    }
    lines
}
