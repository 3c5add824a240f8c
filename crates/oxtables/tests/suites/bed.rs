//! Where commands run: a shell in namespaces of its own, kept open so that a test can go on from what it saw.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longer than any step takes, shorter than a reader's patience.
const PATIENCE: Duration = Duration::from_secs(120);

/// The names under which a multi-call binary is called.
const NAMES: [&str; 6] = [
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
];

/// One multi-call binary and what it calls itself.
#[derive(Clone, Debug)]
pub(crate) struct Multi {
    pub(crate) path: PathBuf,
    pub(crate) version: (u32, u32, u32),
}

impl Multi {
    fn at(path: PathBuf) -> Option<Multi> {
        let said = Command::new(&path).args(["iptables", "-V"]).output().ok()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let mut parts =
            said.strip_prefix("iptables v")?.split_once(' ')?.0.split('.').map(|n| n.parse().ok());
        let version = (parts.next()??, parts.next()??, parts.next()??);
        said.contains("(nf_tables)").then_some(Multi { path, version })
    }

    /// Whether it writes and says what 1.8.13 does, not what one of the versions before does.
    pub(crate) fn is_target(&self) -> bool {
        self.version >= (1, 8, 13)
    }
}

/// Our binary.
pub(crate) fn ours() -> &'static Multi {
    static OURS: OnceLock<Multi> = OnceLock::new();
    OURS.get_or_init(|| {
        let path = std::env::var_os("OXTABLES_BIN")
            .map_or_else(|| env!("CARGO_BIN_EXE_oxtables").into(), PathBuf::from);
        let path = fs::canonicalize(path).unwrap();
        Multi::at(path.clone()).unwrap_or(Multi { path, version: (0, 0, 0) })
    })
}

/// iptables itself.
pub(crate) fn theirs() -> Option<&'static Multi> {
    static THEIRS: OnceLock<Option<Multi>> = OnceLock::new();
    THEIRS
        .get_or_init(|| match std::env::var_os("OXTABLES_REFERENCE") {
            Some(path) => Multi::at(path.into()),
            None => Multi::at(find("xtables-nft-multi")?),
        })
        .as_ref()
}

/// A program, also where an ordinary user's `PATH` does not look.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"]);
    places.find_map(|place| Some(Path::new(place).join(program)).filter(|p| p.is_file()))
}

/// The options of `unshare` that work here: with a user namespace, or for root without.
fn unshare() -> Option<&'static [&'static str]> {
    static WAY: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *WAY.get_or_init(|| {
        let ways: [&'static [&'static str]; 2] = [&["-U", "-r", "-n"], &["-n"]];
        ways.into_iter().find(|way| {
            let tried =
                Command::new("unshare").args(*way).arg("true").stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        })
    })
}

/// What a suite cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// User and network namespaces.
    Namespaces,
    /// An installed iptables that works on nf_tables.
    Iptables,
    /// A program by name.
    Program(&'static str),
}

impl Need {
    /// What is missing, if it is.
    fn missing(self) -> Option<String> {
        match self {
            Need::Namespaces => unshare()
                .is_none()
                .then(|| "namespaces are forbidden here (unshare -Urn)".to_owned()),
            Need::Iptables => {
                theirs().is_none().then(|| "no iptables (nf_tables) is installed".to_owned())
            }
            Need::Program(name) => find(name).is_none().then(|| format!("{name} is not installed")),
        }
    }
}

/// The suites and what each needs. [`summary`] counts them.
pub(crate) const SUITES: [(&str, &[Need]); 9] = [
    ("parity", &[Need::Namespaces, Need::Iptables, Need::Program("nft")]),
    ("interop", &[Need::Namespaces, Need::Iptables]),
    ("rulesets", &[Need::Namespaces]),
    ("rulesets_theirs", &[Need::Namespaces, Need::Iptables]),
    ("writers", &[Need::Namespaces]),
    ("killed", &[Need::Namespaces]),
    ("terminal", &[Need::Namespaces, Need::Program("script")]),
    ("hostile", &[Need::Namespaces]),
    ("programs", &[Need::Program("ipset"), Need::Program("ip")]),
];

/// Why a suite cannot run here, if it cannot.
pub(crate) fn missing(suite: &str) -> Option<String> {
    let (_, needs) = SUITES.iter().find(|(name, _)| *name == suite).unwrap();
    needs.iter().find_map(|need| need.missing())
}

/// Whether a skip is to be a failure.
pub(crate) fn require_all() -> bool {
    std::env::var_os("OXTABLES_REQUIRE_ALL").is_some_and(|v| v == "1")
}

/// Whether a suite can run; if not, says so on the real stderr, which the test harness does not keep for itself.
pub(crate) fn ready(suite: &str) -> bool {
    let Some(reason) = missing(suite) else { return true };
    skipped(suite, &reason);
    false
}

/// Says that something is skipped, or fails where nothing may be.
pub(crate) fn skipped(name: &str, reason: &str) {
    assert!(!require_all(), "SKIPPED {name}: {reason}, and OXTABLES_REQUIRE_ALL=1");
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {reason}");
}

/// Whether a sequence or rule set is wanted (`OXTABLES_ONLY`).
pub(crate) fn wanted(name: &str) -> bool {
    std::env::var("OXTABLES_ONLY").map_or(true, |word| name.contains(&word))
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Done {
    /// Standard output as text, every byte one character.
    pub(crate) fn out(&self) -> String {
        crate::text::latin(&self.stdout)
    }

    /// Standard error as text, every byte one character.
    pub(crate) fn err(&self) -> String {
        crate::text::latin(&self.stderr)
    }
}

/// A shell in namespaces of its own. `iptables` and its sisters are the binary it was made for; `$OURS` and `$THEIRS` are
/// folders with the same names, `$T` a folder to write in.
#[derive(Debug)]
pub(crate) struct Space {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    pub(crate) dir: PathBuf,
    steps: usize,
}

impl Space {
    /// New namespaces, with `lo` as the kernel makes it: down.
    pub(crate) fn new(multi: &Multi) -> Space {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("oxtables-suites-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        link(&dir.join("ours"), &ours().path);
        if let Some(theirs) = theirs() {
            link(&dir.join("theirs"), &theirs.path);
        }
        let bin = if multi.path == ours().path { dir.join("ours") } else { dir.join("theirs") };
        let mut child = Command::new("unshare")
            .args(unshare().unwrap())
            .arg("sh")
            .env_clear()
            .env("PATH", format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", bin.display()))
            .envs([("LC_ALL", "C"), ("TZ", "UTC"), ("HOME", "/"), ("TERM", "dumb")])
            .envs([("OURS", dir.join("ours")), ("THEIRS", dir.join("theirs")), ("T", dir.clone())])
            .env("XTABLES_LOCKFILE", dir.join("lock"))
            .current_dir(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Space { child, input, lines, dir, steps: 0 }
    }

    /// Runs lines of shell and waits for their end.
    ///
    /// # Panics
    /// When the shell dies or does not come back.
    pub(crate) fn run(&mut self, script: &str) -> Done {
        self.run_bytes(script.as_bytes())
    }

    /// As [`Space::run`], for scripts that are not UTF-8.
    pub(crate) fn run_bytes(&mut self, script: &[u8]) -> Done {
        self.steps += 1;
        let at = |what: &str| self.dir.join(what);
        fs::write(at("step"), script).unwrap();
        let number = self.steps;
        writeln!(self.input, ". ./step >./step.out 2>./step.err </dev/null; echo done {number} $?")
            .unwrap();
        let code = loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let said = fs::read(at("step.err")).unwrap_or_default();
                panic!(
                    "no answer after\n{}\n{}",
                    String::from_utf8_lossy(script),
                    String::from_utf8_lossy(&said)
                );
            };
            if let Some(code) = line.strip_prefix(&format!("done {number} ")) {
                break code.parse().unwrap();
            }
        };
        Done {
            code,
            stdout: fs::read(at("step.out")).unwrap(),
            stderr: fs::read(at("step.err")).unwrap(),
        }
    }

    /// Runs a step that must succeed.
    pub(crate) fn must(&mut self, script: &str) -> Done {
        let done = self.run(script);
        assert!(done.code == 0, "{script}\nexit {}: {}", done.code, done.err());
        done
    }

    /// Writes a file into `$T`.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.dir.join(name), content).unwrap();
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // The whole process group, by the number of its leader: a step may have left something running.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A folder in which the names of the family mean this binary. A script in its place goes by its first word instead.
fn link(folder: &Path, multi: &Path) {
    fs::create_dir_all(folder).unwrap();
    let script = fs::read(multi).unwrap().starts_with(b"#!");
    for name in NAMES {
        let path = folder.join(name);
        if script {
            fs::write(&path, format!("#!/bin/sh\nexec {} {name} \"$@\"\n", multi.display()))
                .unwrap();
            Command::new("chmod").arg("+x").arg(&path).status().unwrap();
        } else {
            symlink(multi, &path).unwrap();
        }
    }
}

/// Does something with every item, on as many threads as there are processors, and gives the results in order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let next = AtomicUsize::new(0);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let run = || {
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return mine };
                mine.push((index, work(item)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Numbers that look random, from a seed that a failing test prints.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// From `OXTABLES_SEED`, else from the clock; says which.
    pub(crate) fn thrown(test: &str) -> Dice {
        let given = std::env::var("OXTABLES_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || {
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
        };
        let seed = given.unwrap_or_else(now) | 1;
        eprintln!("{test}: OXTABLES_SEED={seed}");
        Dice(seed)
    }

    /// A number below `limit` (xorshift64*).
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % limit.max(1)
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
