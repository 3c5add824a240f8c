//! The kernel's log.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

/// Opens the log for reading, one record a read; a read where there is no further record fails with `EAGAIN`.
///
/// Where the sysctl `kernel.dmesg_restrict` is 1, `EPERM` for all but root.
pub fn open() -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg")
}
