//! What finished children cost.

use std::io;
use std::time::Duration;

/// The cost of all children waited for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// The largest resident set of any of them, in KiB.
    pub peak: u64,
}

/// As getrusage(2) tells it of `RUSAGE_CHILDREN`.
pub fn of_children() -> io::Result<Usage> {
    // SAFETY: rusage is integers, for all of which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live value of the type getrusage fills.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let time = |t: libc::timeval| {
        let micros = t.tv_sec.saturating_mul(1_000_000).saturating_add(t.tv_usec);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    Ok(Usage {
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::of_children;

    #[test]
    fn a_child_costs_something() {
        let before = of_children().unwrap();
        assert!(
            std::process::Command::new("sh")
                .args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])
                .status()
                .unwrap()
                .success()
        );
        let after = of_children().unwrap();
        assert!(after.user + after.system > before.user + before.system);
        assert!(after.peak > 100);
    }
}
