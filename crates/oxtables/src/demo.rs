//! `oxtables demo`: a firewall tutorial on real packets, in network namespaces of its own.
//!
//! Every command goes through the code that the command itself runs; every expectation is stated in [`script`] and
//! compared with what the packets did and what the rules counted. One that fails makes the exit code 1.

mod commands;
mod counters;
mod kernel_log;
mod paper;
mod report;
mod script;
mod services;
mod traffic;
mod world;

use std::fs;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use commands::Shell;
use oxtables_base::text::visible;
use oxtables_sys::signal;

use counters::{Evidence, Snapshot};
use kernel_log::KernelLog;
use paper::Paper;
use report::{Report, Row, Widths};
use script::{Lesson, Step, Try};
use traffic::{Outcome, Traffic};
use world::{Failed, World};

/// How long what should come may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long nothing has to come for it to count as nothing. A rule's counter proves besides that the packet was there.
const SILENCE: Duration = Duration::from_millis(150);

const USAGE: &str = "\
Usage: oxtables demo [--lesson NAME]... [--list] [--contrary] [--engine]

Plays a firewall tutorial on the real kernel, in user and network namespaces of its
own: no root is needed, and nothing of this host is touched.

  --lesson NAME  this lesson only (may be given several times)
  --list         the lessons' names
  --contrary     state every expectation wrongly: each has to show as a MISMATCH
  --engine       on paper: the rules in a save file, the packets in userspace; so it is
                 too where namespaces are forbidden
  -h, --help     this text

The exit code is 0 when all was as expected, 1 when not, 2 for a wrong argument.";

const DRAWING: &str = concat!(
    "  client                        firewall                       server\n",
    "  203.0.113.2 ---- 203.0.113.1  eth0    eth1  10.0.0.1 ---- 10.0.0.2",
);

/// What the arguments ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    lessons: Vec<&'static str>,
    list: bool,
    help: bool,
    contrary: bool,
    engine: bool,
}

/// Runs the demo with the words behind `demo`, and gives its exit code. The process must have one thread only.
pub(crate) fn run(words: &[&[u8]]) -> u8 {
    let (why, code) = match parse(words) {
        Err(why) => (why, 2),
        Ok(options) => match perform(&options) {
            Ok(good) => return u8::from(!good),
            Err(why) => (why, 1),
        },
    };
    // Nobody is left to tell if standard error is gone.
    let _gone = writeln!(io::stderr(), "oxtables demo: {why}");
    code
}

fn parse(words: &[&[u8]]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            b"--lesson" => {
                let name = words.next().ok_or("--lesson needs a name (--list shows them)")?;
                let lesson = script::lessons().find(|l| l.name.as_bytes() == *name);
                let lesson = lesson.ok_or_else(|| {
                    format!("no lesson is called `{}' (--list shows them)", visible(name))
                })?;
                options.lessons.push(lesson.name);
            }
            b"--list" => options.list = true,
            b"--contrary" => options.contrary = true,
            b"--engine" => options.engine = true,
            b"-h" | b"--help" => options.help = true,
            other => {
                return Err(format!("unknown argument `{}' (--help tells more)", visible(other)));
            }
        }
    }
    Ok(options)
}

fn perform(options: &Options) -> Result<bool, String> {
    let mut report = Report::on_stdout();
    let printed = |r: io::Result<()>| r.map_err(|e| e.to_string());
    if options.help {
        return printed(report.text(USAGE)).map(|()| true);
    }
    if options.list {
        for lesson in script::lessons() {
            printed(report.text(&format!("{:12} {}", lesson.name, lesson.title)))?;
        }
        return Ok(true);
    }
    let start = Instant::now();
    // A command that does not read its input must not end the demo.
    signal::ignore_sigpipe();
    // The log is the first namespace's: it has to be opened before that is left.
    let log = KernelLog::open();
    let world = if options.engine { None } else { world_or_paper()? };
    let ground = match &world {
        Some(world) => {
            let traffic =
                Traffic::new(world).map_err(|e| format!("cannot watch the packets: {e}"))?;
            Ground::Real { world, traffic, log }
        }
        None => {
            let paper = Paper::make().map_err(|e| format!("no place for the rules: {e}"))?;
            commands::on_file(&paper.rules());
            Ground::Paper(paper)
        }
    };
    let mut stage = Stage { ground, shell: Shell::default(), report, contrary: options.contrary };
    stage.play(&options.lessons).map_err(|e| e.to_string())?;
    stage.report.summary(start.elapsed().as_secs_f64()).map_err(|e| e.to_string())
}

/// The hosts in namespaces; none where those are forbidden, with a word about it.
fn world_or_paper() -> Result<Option<World>, String> {
    match World::make() {
        Ok(world) => Ok(Some(world)),
        Err(e @ Failed::Forbidden(_)) => {
            let why = explain(&e);
            eprintln!("oxtables demo: {why}\nSo it is played on paper, as with --engine.");
            Ok(None)
        }
        Err(e) => Err(explain(&e)),
    }
}

/// Why there are no namespaces, and what allows them.
fn explain(failed: &Failed) -> String {
    let error = match failed {
        Failed::Step(what, error) => return format!("cannot {what}: {error}"),
        Failed::Forbidden(error) => error,
    };
    let mut text = format!(
        "this system does not let you have user and network namespaces of your own: {error}\n\
         Without them the demo would have to change this host's firewall, which it does not do.\n\
         What may forbid it, and what allows it (as root):"
    );
    for (name, good, advice) in [
        ("user/max_user_namespaces", "", "sysctl -w user.max_user_namespaces=15000"),
        ("user/max_net_namespaces", "", "sysctl -w user.max_net_namespaces=15000"),
        ("kernel/unprivileged_userns_clone", "1", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "0",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ] {
        let Ok(value) = fs::read_to_string(format!("/proc/sys/{name}")) else { continue };
        let value = value.trim();
        let fine = if good.is_empty() { value != "0" } else { value == good };
        let (dotted, verdict) = (name.replace('/', "."), if fine { "(fine)" } else { advice });
        text.push_str(&format!("\n  {dotted} is {value}: {verdict}"));
    }
    text.push_str(
        "\n  A container's seccomp filter may forbid it too: docker run --privileged, or\n  \
         --security-opt seccomp=unconfined. Or run the demo as root.",
    );
    text
}

/// What the hosts are made of.
// There is one.
#[allow(clippy::large_enum_variant)]
enum Ground<'a> {
    /// Namespaces, and the real kernel.
    Real { world: &'a World, traffic: Traffic<'a>, log: KernelLog },
    /// The engine.
    Paper(Paper),
}

/// The lessons being played.
struct Stage<'a, W: Write> {
    ground: Ground<'a>,
    shell: Shell,
    report: Report<W>,
    contrary: bool,
}

impl<W: Write> Stage<'_, W> {
    fn play(&mut self, only: &[&str]) -> io::Result<()> {
        if let Ground::Real { world, .. } = &self.ground {
            services::start(world)?;
        }
        self.report.text(DRAWING)?;
        let wanted = |l: &&Lesson| only.is_empty() || only.contains(&l.name);
        for (number, lesson) in (1..).zip(script::lessons().filter(wanted)) {
            self.report.lesson(number, lesson.name, lesson.title, widths(lesson))?;
            if lesson.name == "ipv6" && !self.has_ipv6() {
                self.report.note("SKIPPED: this kernel has no IPv6")?;
                continue;
            }
            self.clear()?;
            for step in lesson.steps {
                self.step(step)?;
            }
        }
        Ok(())
    }

    const fn has_ipv6(&self) -> bool {
        match &self.ground {
            Ground::Real { world, .. } => world.ipv6,
            Ground::Paper(_) => true,
        }
    }

    /// Every lesson begins with empty tables.
    fn clear(&self) -> io::Result<()> {
        const EMPTY: &str = "\
            *raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n\
            *mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n\
            :POSTROUTING ACCEPT\nCOMMIT\n\
            *nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n\
            *filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n";
        let families = ["iptables-restore", "ip6tables-restore"];
        for restore in families.iter().take(if self.has_ipv6() { 2 } else { 1 }) {
            let output = commands::run(&[restore], EMPTY.as_bytes())?;
            if !output.status.success() {
                let why = visible(&output.stderr);
                return Err(io::Error::other(format!("{restore} cannot empty the tables: {why}")));
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Note(note) => self.report.note(note),
            Step::Run(typed) => {
                let (code, _) = self.command(typed)?;
                if code != 0 {
                    self.row("the command above", "succeeds", &format!("exit code {code}"), false)?;
                }
                Ok(())
            }
            Step::Refused(typed, wanted) => {
                let tables = [Evidence::Policy("filter", "INPUT")];
                let before = Snapshot::take("iptables-save", &tables)?;
                let (code, _) = self.command(typed)?;
                let same = before == Snapshot::take("iptables-save", &tables)?;
                let wanted = if self.contrary { 0 } else { *wanted };
                let good = code == wanted && same;
                self.row("the command above", &refusal(wanted, true), &refusal(code, same), good)
            }
            Step::Lists(typed, wanted) => {
                let (code, lines) = self.command(typed)?;
                let say = |n| format!("{n} of {} lines as wanted", wanted.len());
                // No listing has such a line.
                let wrong = if self.contrary { " contrary" } else { "" };
                let there = |w: &&&str| lines.iter().any(|l| *l == format!("{w}{wrong}"));
                let found = wanted.iter().filter(there).count();
                let good = code == 0 && found == wanted.len();
                self.row("the listing above", &say(wanted.len()), &say(found), good)
            }
            Step::Try(attempt) => self.attempt(attempt),
        }
    }

    fn row(&mut self, tried: &str, expected: &str, happened: &str, good: bool) -> io::Result<()> {
        let (tried, expected, happened) = (tried.into(), expected.into(), happened.into());
        let decided = Vec::new();
        self.report.row(&Row { tried, expected, happened, decided, as_expected: good })
    }

    /// Prints and runs a command; its exit code, and its lines with single spaces.
    fn command(&mut self, typed: &str) -> io::Result<(i32, Vec<String>)> {
        self.report.command(typed)?;
        let output = self.shell.run(typed)?;
        self.report.output(&output.stdout)?;
        self.report.output(&output.stderr)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        // A command that a signal ended has no exit code: no expectation has this one.
        Ok((output.status.code().unwrap_or(-1), lines.collect()))
    }

    fn attempt(&mut self, attempt: &Try) -> io::Result<()> {
        let Try { from, probe, to, outcome, evidence } = attempt;
        let wanted = if self.contrary { contrary(*outcome) } else { *outcome };
        let patience = if *outcome == Outcome::Silence { SILENCE } else { PATIENCE };
        let save = if to.is_ipv4() { "iptables-save" } else { "ip6tables-save" };
        let before = Snapshot::take(save, evidence)?;
        let got = match &mut self.ground {
            Ground::Real { traffic, log, .. } => {
                log.skip()?;
                traffic.send(*from, *probe, *to, patience)
            }
            Ground::Paper(paper) => paper.send(*from, *probe, *to),
        };
        let after = Snapshot::take(save, evidence)?;
        let mut as_expected = matches!(&got, Ok(got) if *got == wanted);
        let mut decided = Vec::new();
        for one in *evidence {
            let (text, there) = match one {
                Evidence::Log(prefix) => match &mut self.ground {
                    Ground::Real { log, .. } => log.find(prefix)?,
                    Ground::Paper(paper) => match paper.logged(prefix) {
                        Some(line) => (format!("log: {}", visible(line.as_bytes())), true),
                        None => ("log: no such line".to_owned(), false),
                    },
                },
                _ => before.counted(&after, *one),
            };
            as_expected &= there;
            decided.push(text);
        }
        let happened = got.map_or_else(|e| format!("error: {e}"), |got| got.to_string());
        let (tried, expected) = (attempt.to_string(), wanted.to_string());
        self.report.row(&Row { tried, expected, happened, decided, as_expected })
    }
}

/// Wide enough for what a lesson tries and expects.
fn widths(lesson: &Lesson) -> Widths {
    let mut widths = Widths::default();
    for step in lesson.steps {
        let (tried, expected) = match step {
            Step::Try(attempt) => (attempt.to_string(), attempt.outcome.to_string()),
            Step::Refused(_, code) => (String::new(), refusal(*code, true)),
            Step::Note(_) | Step::Run(_) | Step::Lists(..) => continue,
        };
        widths.tried = widths.tried.max(tried.len());
        widths.expected = widths.expected.max(expected.len());
    }
    widths
}

fn refusal(code: i32, same: bool) -> String {
    format!("exit code {code}, {}", if same { "nothing changes" } else { "rules change" })
}

/// Something else than what should happen.
fn contrary(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Answer { by, port, seen_as } => {
            Outcome::Answer { by, port: port.wrapping_add(1), seen_as }
        }
        Outcome::Error { kind, code } => Outcome::Error { kind, code: code.wrapping_add(1) },
        Outcome::Arrival { tos, ttl } => Outcome::Arrival { tos, ttl: ttl.wrapping_add(1) },
        Outcome::SynAck => Outcome::Reset,
        Outcome::Silence => Outcome::SynAck,
        Outcome::Reset | Outcome::EchoReply | Outcome::TimestampReply => Outcome::Silence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let options = parse(&[b"--lesson", b"policy", b"--lesson", b"log"]);
        let lessons = vec!["policy", "log"];
        assert_eq!(options, Ok(Options { lessons, ..Options::default() }));
        assert!(parse(&[b"--contrary"]).unwrap().contrary);
        for bad in [&[&b"--lesson"[..]][..], &[b"--lesson", b"x\x1b"], &[b"policy"]] {
            let why = parse(bad).unwrap_err();
            assert!(!why.contains('\x1b'), "{why}");
        }
    }

    #[test]
    fn the_contrary_is_never_the_same() {
        for lesson in script::lessons() {
            for step in lesson.steps {
                if let Step::Try(t) = step {
                    assert_ne!(contrary(t.outcome), t.outcome, "{}", lesson.name);
                }
            }
        }
    }

    #[test]
    fn says_how_to_allow_namespaces() {
        let text = explain(&Failed::Forbidden(io::Error::from_raw_os_error(1)));
        assert!(
            text.contains("Operation not permitted") && text.contains("Or run the demo as root")
        );
        let text = explain(&Failed::Step("connect the hosts", io::Error::from_raw_os_error(95)));
        assert!(text.starts_with("cannot connect the hosts: "));
    }
}
