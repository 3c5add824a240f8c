//! Errors as the family prints them: the first line is upstream's, what follows teaches.

use crate::UPSTREAM;
use crate::store::Store;
use oxtables_backend::{BackendError, Doing, Object, Problem, Refusal};
use oxtables_base::text::visible;
use oxtables_ext::{MATCHES, Revision, TARGETS};
use oxtables_syntax::UsageError;

/// Who prints.
#[derive(Clone, Copy)]
pub(crate) struct Program<'a>(pub(crate) &'a str);

impl Program<'_> {
    /// `iptables v1.8.13 (nf_tables)`.
    pub(crate) fn version(&self) -> String {
        format!("{} v{UPSTREAM} (nf_tables)", self.0)
    }

    fn try_help(&self) -> String {
        format!("Try `{0} -h' or '{0} --help' for more information.\n", self.0)
    }

    /// The text of a usage error and its exit code; inside a save file with the line it is in.
    pub(crate) fn usage(&self, error: &UsageError, line: Option<u32>) -> (String, u8) {
        let mut text = String::new();
        let sentence = error.kind.to_string();
        if !error.kind.is_bare() {
            text.push_str(&self.version());
            text.push_str(": ");
        }
        if !sentence.is_empty() {
            text.push_str(&sentence);
            text.push('\n');
        }
        let code = error.kind.exit_code();
        match code {
            3 => {
                text.push_str(&format!("Perhaps {} or your kernel needs to be upgraded.\n", self.0))
            }
            _ => {
                if let Some(line) = line {
                    text.push_str(&format!("Error occurred at line: {line}\n"));
                }
                text.push_str(&self.try_help());
            }
        }
        (text, code)
    }

    /// The text of a parameter problem told in words, inside a save file.
    pub(crate) fn parameter(&self, sentence: &str, line: u32) -> (String, u8) {
        let text = format!(
            "{}: {sentence}\nError occurred at line: {line}\n{}",
            self.version(),
            self.try_help()
        );
        (text, 2)
    }

    /// The text of what the back end could not do, and the exit code.
    pub(crate) fn backend(&self, error: &BackendError, restore: bool) -> (String, u8) {
        match error {
            BackendError::Problem { problem, tag } => self.problem(*problem, *tag, restore),
            BackendError::Refused(refusals) => (self.refused(refusals, restore), 4),
            BackendError::TooBig { bytes } => {
                let text = format!(
                    "{}: the change of {bytes} bytes does not fit into the socket's buffer\n\
                     Raise net.core.wmem_max above {bytes} (sysctl -w net.core.wmem_max=N), or run as root \
                     of the first user namespace.\n",
                    self.version()
                );
                (text, 4)
            }
            BackendError::Unwritable { .. } => {
                (format!("{}: a rule is too large for the kernel\n", self.version()), 4)
            }
            BackendError::Os { doing, error } => self.os(*doing, error),
            BackendError::Garbled(_) => {
                let text = format!("{}: the kernel's answer is not understood\n", self.version());
                (text, 4)
            }
            BackendError::File(why) => (format!("{}: {why}\n", self.version()), 4),
            BackendError::Changing => {
                let busy = "Resource temporarily unavailable";
                (format!("{}: {busy}.\n", self.0), 4)
            }
        }
    }

    fn os(&self, doing: Doing, error: &std::io::Error) -> (String, u8) {
        let errno = error.raw_os_error().unwrap_or(0);
        let why = oxtables_sys::errno::text(errno);
        let root = if errno == 1 || errno == 13 { " (you must be root)" } else { "" };
        let what = match doing {
            // COMPAT: upstream asks for the generation before it lists the tables of a save.
            Doing::Open | Doing::Generation | Doing::Tables => {
                "Could not fetch rule set generation id"
            }
            Doing::Chains => "Could not list chains",
            Doing::Rules => "Could not list rules",
            Doing::Revision => "Could not ask for the revision of an extension",
            Doing::Commit => "Could not send the change to the kernel",
        };
        // COMPAT: the kernel says EPERM here, and upstream prints EACCES's words.
        let why = if errno == 1 { oxtables_sys::errno::text(13) } else { why };
        (format!("{}: {what}: {why}{root}\n", self.version()), 4)
    }

    fn problem(&self, problem: Problem, tag: u32, restore: bool) -> (String, u8) {
        let sentence = problem_sentence(problem);
        if restore {
            let sentence = sentence.trim_end_matches(" Run `dmesg' for more information.");
            return (format!("{}: line {tag} failed: {sentence}\n", self.0), 1);
        }
        (format!("{}: {sentence}\n", self.0), 1)
    }

    fn refused(&self, refusals: &[Refusal], restore: bool) -> String {
        let mut text = format!("{}: ", self.version());
        let mut told = None;
        for refusal in refusals {
            // Several rules of one line (addresses in a list) fail together and are told once.
            if told.replace(refusal.tag) == Some(refusal.tag) {
                continue;
            }
            let why = oxtables_sys::errno::text(refusal.errno);
            let (step, object) = match &refusal.step {
                Some((step, object)) => (step.name(), object_text(object)),
                None => ("COMMIT", "the whole transaction".to_owned()),
            };
            if restore {
                text.push_str(&format!("\nline {}: ", refusal.tag));
            } else {
                text.push(' ');
            }
            text.push_str(&format!("{step} failed ({why}): {object}"));
        }
        text.push('\n');
        text
    }
}

/// What is said before a refusal of extensions that this kernel does not have.
pub(crate) fn missing_extensions(store: &mut Store, error: &BackendError) -> String {
    let BackendError::Refused(refusals) = error else { return String::new() };
    let mut text = String::new();
    for refusal in refusals.iter().filter(|r| r.errno == ENOENT) {
        let expression = refusal.expression.as_deref().unwrap_or_default();
        let (name, target) = match expression.strip_prefix(b"target ") {
            Some(name) => (name, true),
            None => (expression.strip_prefix(b"match ").unwrap_or_default(), false),
        };
        let spec = match target {
            true => TARGETS.iter().map(|k| k.spec).find(|s| s.kernel.as_bytes() == name),
            false => MATCHES.iter().map(|k| k.spec).find(|s| s.kernel.as_bytes() == name),
        };
        let Some(spec) = spec else { continue };
        let known = |rev: &Revision| store.has_revision(name, rev.rev, target).unwrap_or(true);
        if !spec.revisions.iter().any(known) {
            let lowest = spec.revisions.last().map_or(0, |r| r.rev);
            text.push_str(&format!(
                "Warning: Extension {} revision {lowest} not supported, missing kernel module?\n",
                spec.name
            ));
        }
    }
    text
}

/// `errno` 2: the kernel has no such thing.
const ENOENT: i32 = 2;

/// Upstream's sentence.
pub(crate) const fn problem_sentence(problem: Problem) -> &'static str {
    match problem {
        Problem::NoSuchChain | Problem::NoSuchTarget => "No chain/target/match by that name.",
        Problem::ChainExists => "Chain already exists.",
        Problem::NewNameTaken => "File exists.",
        Problem::NotBuiltin => "Bad built-in chain name.",
        Problem::NotEmpty => "Directory not empty.",
        Problem::RenamedWhenNew => "No such file or directory.",
        Problem::BadPolicy => BAD_POLICY,
        Problem::NoSuchRule => "Bad rule (does a matching rule exist in that chain?).",
        Problem::NumberBeyondEnd => "Index of deletion too big.",
        Problem::ReplaceBeyondEnd => "Index of replacement too big.",
        Problem::InsertBeyondEnd => "Index of insertion too big.",
    }
}

/// Upstream's sentence for a word that is no policy.
pub(crate) const BAD_POLICY: &str = "Bad policy name. Run `dmesg' for more information.";

fn object_text(object: &Object) -> String {
    match object {
        Object::Table(name) => format!("table {}", visible(name)),
        Object::Chain(name) => format!("chain {}", visible(name)),
        Object::RuleInChain(name) => format!("rule in chain {}", visible(name)),
        Object::RuleInTable(name) => format!("rule in table {}", visible(name)),
    }
}
