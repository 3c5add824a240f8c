//! The kernel's log, to find the line of a LOG rule.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use oxtables_base::text::visible;
use oxtables_sys::kernel_log;

/// The log where it can be read, else why not.
pub(super) enum KernelLog {
    Readable(File),
    Hidden(String),
}

impl KernelLog {
    /// Opens the log. To be called in the first network namespace, whose setting it is whether others may log.
    pub(super) fn open() -> Self {
        let all = fs::read_to_string("/proc/sys/net/netfilter/nf_log_all_netns");
        if !all.is_ok_and(|v| v.trim() != "0") {
            return Self::Hidden("net.netfilter.nf_log_all_netns is not 1".into());
        }
        match kernel_log::open() {
            Ok(file) => Self::Readable(file),
            Err(e) => Self::Hidden(format!("/dev/kmsg: {e}")),
        }
    }

    /// Forgets what is in the log so far.
    pub(super) fn skip(&mut self) -> io::Result<()> {
        match self {
            Self::Readable(file) => file.seek(SeekFrom::End(0)).map(drop),
            Self::Hidden(_) => Ok(()),
        }
    }

    /// The first line since [`KernelLog::skip`] with this text in it, and whether it is there; where the log cannot be
    /// read nothing is expected of it, and the text says so.
    pub(super) fn find(&mut self, text: &str) -> io::Result<(String, bool)> {
        let file = match self {
            Self::Readable(file) => file,
            Self::Hidden(why) => {
                return Ok((format!("kernel log: not readable here ({why})"), true));
            }
        };
        let deadline = Instant::now() + Duration::from_millis(500);
        let mut record = [0; 8192];
        loop {
            // Documentation/ABI/testing/dev-kmsg: one record a read; EPIPE where records were overwritten.
            match file.read(&mut record) {
                Ok(len) => {
                    let line = visible(record.get(..len).unwrap_or_default());
                    let line = line.lines().next().unwrap_or_default();
                    let message = line.split_once(';').map_or(line, |(_, message)| message);
                    if let Some(at) = message.find(text) {
                        let message = message.get(at..).unwrap_or_default();
                        return Ok((format!("kernel log: {}", message.trim_end()), true));
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() >= deadline {
                        return Ok(("kernel log: no such line".into(), false));
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(e) => return Err(e),
            }
        }
    }
}
