//! Where the process begins.
//!
//! Rust's own start reads `/proc/self/maps` for the bounds of the stack and sets up a second stack for telling of an
//! overflow: a tenth of the time that one `iptables -A` takes. A command that lives for a millisecond does without; what
//! it cannot do without, open standard streams, is done here.

/// Makes the function, which gives the exit code, the beginning of a program that says `#![no_main]`.
#[macro_export]
macro_rules! entry {
    ($run:path) => {
        // SAFETY: the program is linked without Rust's own `main`, so there is one symbol of that name.
        #[unsafe(no_mangle)]
        extern "C" fn main(_count: i32, _words: *const *const u8) -> i32 {
            $crate::entry::open_standard_streams();
            // Not by returning: exit writes what standard output still holds.
            std::process::exit(i32::from($run()))
        }
    };
}

/// Gives every standard stream that was closed `/dev/null`: else the next socket would get its number, and what is
/// meant for the terminal would be sent to the kernel.
pub fn open_standard_streams() {
    for fd in 0..3 {
        // SAFETY: F_GETFD asks about a number and touches no memory.
        let closed = unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1;
        if closed {
            // SAFETY: the path is a literal ending in NUL. The lowest free number is the one found closed.
            unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        }
    }
}
