//! The lock file that iptables-legacy and scripts take (`/run/xtables.lock`).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The lock, held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Opens the file, creating it for its owner only, and locks it: waiting for whoever holds it, or `None` if it is held and
/// `wait` is false.
pub fn take(path: &Path, wait: bool) -> io::Result<Option<Lock>> {
    let file = OpenOptions::new().read(true).create(true).append(true).mode(0o600).open(path)?;
    let how =
        if wait { FlockOperation::LockExclusive } else { FlockOperation::NonBlockingLockExclusive };
    loop {
        match flock(&file, how) {
            Ok(()) => return Ok(Some(Lock { _file: file })),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_second_has_to_wait() {
        let path = std::env::temp_dir().join(format!("oxtables-lock-{}", std::process::id()));
        let first = super::take(&path, true).unwrap();
        assert!(first.is_some());
        assert!(super::take(&path, false).unwrap().is_none());
        drop(first);
        assert!(super::take(&path, false).unwrap().is_some());
        std::fs::remove_file(path).unwrap();
    }
}
