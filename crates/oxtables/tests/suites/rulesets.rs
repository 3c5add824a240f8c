//! Rule sets as they run in the world (`tests/rulesets/*.v4|v6`): restore, save, restore again; and the same through theirs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bed::{Multi, Space, in_parallel, ours, ready, skipped, theirs, wanted};
use crate::known;
use crate::parity::apart;
use crate::text::normal;

/// The files, with the command that restores each.
fn files() -> Vec<(String, PathBuf, &'static str)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rulesets");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let named = files.into_iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let command = if name.ends_with(".v6") { "ip6tables" } else { "iptables" };
        (name, path, command)
    });
    named.filter(|(name, ..)| wanted(name)).collect()
}

/// The save text after restoring a text with one tool into an empty namespace.
fn restored(multi: &Multi, command: &str, text: &[u8]) -> (String, Vec<u8>) {
    let mut space = Space::new(multi);
    space.file("rules", text);
    let done = space.run(&format!("{command}-restore --counters < rules"));
    let save = space.must(&format!("{command}-save --counters")).stdout;
    (
        format!(
            "exit {} {}\n{}",
            done.code,
            normal(&done.stderr, &space.dir),
            normal(&save, &space.dir)
        ),
        save,
    )
}

#[test]
fn there_are_at_least_twenty() {
    if std::env::var_os("OXTABLES_ONLY").is_none() {
        assert!(files().len() >= 20, "{} rule sets", files().len());
    }
}

#[test]
fn restored_again_they_are_the_same() {
    if !ready("rulesets") {
        return;
    }
    let wrong = in_parallel(&files(), |(name, path, command)| {
        let text = fs::read(path).unwrap();
        let (once, save) = restored(ours(), command, &text);
        let (twice, _) = restored(ours(), command, &save);
        let rules = |text: &str| text.lines().filter(|line| line.starts_with('[')).count();
        let (asked, got) = (
            text.split(|b| *b == b'\n')
                .filter(|line| line.starts_with(b"-") || line.starts_with(b"["))
                .count(),
            rules(&once),
        );
        let fine = once == twice && once.starts_with("exit 0") && got == asked && asked > 0;
        (!fine).then(|| {
            format!(
                "{name}: {asked} rules given, {got} saved\n{}{}",
                once.lines().next().unwrap(),
                apart(&once, &twice)
            )
        })
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} rule sets:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn theirs_saves_the_same() {
    if !ready("rulesets_theirs") {
        return;
    }
    let theirs = theirs().unwrap();
    if !known::covers(theirs) {
        return skipped(
            "rulesets_theirs",
            &format!("the differences of iptables {:?} are not written down", theirs.version),
        );
    }
    let wrong = in_parallel(&files(), |(name, path, command)| {
        let text = fs::read(path).unwrap();
        let (mine, save) = restored(ours(), command, &text);
        let (other, other_save) = restored(theirs, command, &text);
        let (crossed, _) = restored(theirs, command, &save);
        let (crossed_back, _) = restored(ours(), command, &other_save);
        let pairs = [
            ("ours and theirs", &other),
            ("ours, restored by theirs", &crossed),
            ("theirs, restored by ours", &crossed_back),
        ];
        let wrong: Vec<String> = pairs
            .iter()
            .filter(|(_, text)| **text != mine)
            .map(|(what, text)| format!("{name}: {what}\n{}", apart(&mine, text)))
            .collect();
        wrong.join("")
    });
    let wrong: Vec<String> = wrong.into_iter().filter(|text| !text.is_empty()).collect();
    assert!(wrong.is_empty(), "{} rule sets:\n{}", wrong.len(), wrong.join("\n"));
}
