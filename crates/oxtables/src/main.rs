//! One binary, many names: see [`oxtables::run`].
#![no_main]

oxtables_sys::entry!(run);

fn run() -> u8 {
    oxtables_sys::signal::default_sigpipe();
    let mut words = std::env::args_os().map(std::os::unix::ffi::OsStringExt::into_vec);
    let name = words.next().unwrap_or_default();
    let words: Vec<Vec<u8>> = words.collect();
    oxtables::run(&name, &words)
}
