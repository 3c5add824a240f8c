//! `oxtables demo` on the real kernel, as the caller and as an ordinary user, and that it can fail.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

const BINARY: &str = env!("CARGO_BIN_EXE_oxtables");
/// `nobody`, who has no privileges.
const NOBODY: u32 = 65_534;

/// Exit code, last line of standard output, and all output; `None` (and a word about it) where namespaces
/// are forbidden.
fn run(command: &mut Command) -> Option<(i32, String, String)> {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    if stderr.contains("does not let you have user and network namespaces") {
        println!("SKIPPED: {stderr}");
        return None;
    }
    let last = stdout.lines().last().unwrap_or_default().to_owned();
    Some((status.code().unwrap(), last, format!("{stdout}{stderr}")))
}

/// `N of M as expected`.
fn counts(last: &str) -> (u32, u32) {
    let words: Vec<&str> = last.split(' ').collect();
    assert_eq!((words[1], &words[3..5]), ("of", &["as", "expected"][..]), "{last}");
    (words[0].parse().unwrap(), words[2].parse().unwrap())
}

fn is_good(outcome: Option<(i32, String, String)>) {
    let Some((code, last, all)) = outcome else { return };
    let (right, of) = counts(&last);
    assert!(code == 0 && right == of && of > 50, "{all}");
}

#[test]
fn all_is_as_expected() {
    is_good(run(Command::new(BINARY).arg("demo")));
}

/// Every expectation is told apart from its contrary: none of them can pass whatever happens.
#[test]
fn every_wrong_expectation_is_a_mismatch() {
    let Some((code, last, all)) = run(Command::new(BINARY).args(["demo", "--contrary"])) else {
        return;
    };
    let (right, of) = counts(&last);
    assert!(code == 1 && right == 0 && of > 50, "{all}");
}

#[test]
fn an_ordinary_user_may() {
    let dir = std::env::temp_dir().join(format!("oxtables-demo-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    // Where the build lies an ordinary user may have no way to.
    let binary: PathBuf = dir.join("oxtables");
    fs::copy(BINARY, &binary).unwrap();
    let mut command = Command::new(&binary);
    command.arg("demo").current_dir("/");
    if fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
        command.uid(NOBODY).gid(NOBODY);
    }
    let outcome = run(&mut command);
    fs::remove_dir_all(&dir).unwrap();
    is_good(outcome);
}

/// In a user namespace that may have no network namespaces.
#[test]
fn is_played_on_paper_where_namespaces_are_forbidden() {
    let script = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\" demo";
    let output = Command::new("unshare").args(["-Ur", "sh", "-c", script, BINARY]).output();
    let output = match output {
        Ok(output) if !String::from_utf8_lossy(&output.stderr).starts_with("unshare") => output,
        other => {
            println!("SKIPPED: unshare(1) cannot make a user namespace here: {other:?}");
            return;
        }
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (right, of) = counts(stdout.lines().last().unwrap());
    assert!(output.status.code() == Some(0) && right == of && of > 60, "{stdout}{stderr}");
    assert!(stderr.contains("does not let you have user and network namespaces"), "{stderr}");
    assert!(stderr.contains("user.max_net_namespaces is 0: sysctl -w"), "{stderr}");
}

#[test]
fn on_paper_all_is_as_expected_and_every_contrary_is_noticed() {
    // An environment that names another file must not matter.
    let on_paper = |words: &[&str]| {
        run(Command::new(BINARY).env("OXTABLES_BACKEND", "file:/nonexistent/x").args(words))
            .unwrap()
    };
    let (code, last, all) = on_paper(&["demo", "--engine"]);
    let (right, of) = counts(&last);
    assert!(code == 0 && right == of && of > 60, "{all}");
    let (code, last, all) = on_paper(&["demo", "--engine", "--contrary"]);
    assert!(code == 1 && counts(&last) == (0, of), "{all}");
}
