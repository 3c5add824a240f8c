//! Namespaces of our own, for demonstrations and tests: of users (to be root without being root) and of the network.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// Leaves the user and network namespaces for new ones in which the caller is root.
///
/// The process must have one thread only (`EINVAL` else); systems may forbid it (`EPERM`, `ENOSPC`).
pub fn enter_new_user_and_network() -> io::Result<()> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
    // user_namespaces(7): setgroups has to be denied before an unprivileged process may write its gid map.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Moves the calling thread to a new network namespace; needs `CAP_SYS_ADMIN` (after
/// [`enter_new_user_and_network`] one has it).
pub fn enter_new_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWNET)
}

/// The calling thread's network namespace, kept open so that one can come back with [`enter_network`].
pub fn current_network() -> io::Result<File> {
    open_network(Path::new("/proc/thread-self/ns/net"))
}

/// A network namespace by path, as `/run/netns/NAME` or `/proc/PID/ns/net`.
pub fn open_network(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Moves the calling thread to a network namespace.
pub fn enter_network(namespace: &File) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: only NEWUSER and NEWNET are passed here, never FILES, which alone can take file descriptors away from under
    // other threads' OwnedFd.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}
