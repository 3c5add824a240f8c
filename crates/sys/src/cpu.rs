//! The processor a thread runs on.

use std::io;

use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

/// Keeps the calling thread on the processor it is on. What it then sends between interfaces of this machine is
/// received in the order it was sent.
pub fn stay() -> io::Result<()> {
    let mut here = CpuSet::new();
    here.set(sched_getcpu());
    Ok(sched_setaffinity(None, &here)?)
}
