//! One binary, many names: see [`oxtables::run`].

use std::process::ExitCode;

fn main() -> ExitCode {
    oxtables_sys::signal::default_sigpipe();
    let mut words = std::env::args_os().map(std::os::unix::ffi::OsStringExt::into_vec);
    let name = words.next().unwrap_or_default();
    let words: Vec<Vec<u8>> = words.collect();
    ExitCode::from(oxtables::run(&name, &words))
}
