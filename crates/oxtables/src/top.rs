//! What the binary does under its own name.

use crate::applet::NAMES;
use oxtables_base::text::visible;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Runs `oxtables COMMAND ...`; `called` is the name of the program.
pub(crate) fn run(called: &[u8], words: &[&[u8]]) -> u8 {
    match words {
        [b"--version" | b"-V"] => {
            let version = env!("CARGO_PKG_VERSION");
            println!("oxtables {version} (as iptables v{} (nf_tables))", crate::UPSTREAM);
            0
        }
        [] | [b"help" | b"--help" | b"-h"] => {
            print!("{}", help());
            0
        }
        [b"demo", rest @ ..] => crate::demo::run(rest),
        [b"explain", rest @ ..] => crate::explain::run(rest),
        [b"test", rest @ ..] => crate::firewall_tests::run(rest),
        [b"replay", rest @ ..] => crate::replay::run(rest),
        [b"trace", rest @ ..] => crate::trace::run(rest),
        [b"trace-guard", rest @ ..] => crate::trace::run_guard(rest),
        [b"schema", b"explain"] => {
            print!("{}", crate::explain::SCHEMA);
            0
        }
        [b"link", dir] => link(OsStr::from_bytes(dir)),
        _ if called.starts_with(b"xtables-") => unknown_applet(),
        [word, ..] => {
            eprintln!("oxtables: there is no command `{}'", visible(word));
            eprintln!("See `oxtables help'.");
            2
        }
    }
}

fn help() -> String {
    let names: Vec<&str> = NAMES.iter().map(|&(n, _)| n).collect();
    format!(
        "oxtables {}: iptables in Rust, for the real kernel\n\n\
         Usage: oxtables NAME [words]     act as NAME, one of:\n\
         {}\n\
         \x20      oxtables link DIR         make a link in DIR for each of these names\n\
         \x20      oxtables demo             play the tutorial on real packets, in namespaces of its own\n\
         \x20      oxtables explain PACKET   which rule decides about a packet, and why\n\
         \x20      oxtables test FILE        check what a rule set does with packets\n\
         \x20      oxtables replay CAPTURE   every packet of a pcap file through the rules\n\
         \x20      oxtables trace MATCH      which rules real packets meet, live\n\
         \x20      oxtables schema explain   the form of what explain --json prints\n\
         \x20      oxtables help             show this\n\
         \x20      oxtables --version        show the version, and whose behaviour it has\n\n\
         Called by one of these names (a link will do), it acts as that program. Errors are\n\
         explained on a terminal, and anywhere with --explain-errors.\n",
        env!("CARGO_PKG_VERSION"),
        names
            .chunks(3)
            .map(|row| format!("           {}", row.join("  ")))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// COMPAT: upstream's answer of the multi-call binary to a name it does not have.
fn unknown_applet() -> u8 {
    eprintln!("ERROR: No valid subcommand given.\nValid subcommands:");
    for (name, _) in NAMES {
        eprintln!("    * {name}");
    }
    1
}

/// Makes a symbolic link in `dir` for each name, to this very binary.
fn link(dir: &OsStr) -> u8 {
    let binary = match std::env::current_exe() {
        Ok(path) => path,
        Err(e) => {
            eprintln!("oxtables link: the path of this program is not known: {e}");
            return 1;
        }
    };
    let dir = Path::new(dir);
    if let Err(e) = std::fs::create_dir_all(dir) {
        eprintln!("oxtables link: {} cannot be made: {e}", shown(dir));
        return 1;
    }
    let multi = ["oxtables", "xtables-nft-multi"];
    for name in NAMES.iter().map(|&(n, _)| n).chain(multi) {
        let path = dir.join(name);
        let ours = std::fs::read_link(&path).is_ok_and(|to| to == binary);
        if ours {
            continue;
        }
        if let Err(e) = std::os::unix::fs::symlink(&binary, &path) {
            eprintln!("oxtables link: {} cannot be made: {e}", shown(&path));
            eprintln!("Nothing there was replaced; remove it first if it is to go.");
            return 1;
        }
    }
    println!("{} names linked in {}", NAMES.len() + multi.len(), shown(dir));
    0
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_bytes())
}
