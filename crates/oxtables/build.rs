//! Links the static binary at a fixed address.
//!
//! A static executable that can be moved applies its relocations at every start: some 270 KiB of tables are written, page by
//! page, before `main`. That was a quarter of the time of one `iptables -A` (docs/PERFORMANCE.md). Stack, heap and mappings
//! stay at random addresses.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let says = |name: &str, word: &str| {
        env::var(name).is_ok_and(|v| v.split(',').any(|part| part == word))
    };
    if says("CARGO_CFG_TARGET_OS", "linux")
        && says("CARGO_CFG_TARGET_ENV", "gnu")
        && says("CARGO_CFG_TARGET_FEATURE", "crt-static")
    {
        println!("cargo::rustc-link-arg-bins=-no-pie");
        println!("cargo::rustc-link-arg-bins=-static");
    }
}
