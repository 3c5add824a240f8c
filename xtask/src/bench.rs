//! Ours, the installed iptables-nft and iptables-legacy in turn, in one run: what each command costs, as ratios.
//!
//! Every tool loads its own rules into a fresh network namespace and is measured there; the tools take turns, and of all
//! rounds the smallest value counts, for nothing makes a run faster than the machine allows. A measured command is started
//! by [`measure`], a process of its own, because the kernel tells the peak memory of children only as a maximum over all.

mod report;
mod shape;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use report::{Cost, Results};
use shape::Shape;

/// One of the three.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// As the table calls it.
    pub(crate) name: &'static str,
    /// The multi-call binary.
    pub(crate) path: PathBuf,
}

/// What is asked for on the command line.
#[derive(Clone, Debug, Default)]
struct Wanted {
    quick: bool,
    write: bool,
    ours: Option<PathBuf>,
}

/// `cargo xtask bench [--quick] [--write] [--ours MULTI]`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let wanted = wanted(args)?;
    let tools = tools(&wanted)?;
    let folder = std::env::temp_dir().join(format!("oxtables-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let results = all(&tools, &folder, wanted.quick);
    let _ = fs::remove_dir_all(&folder);
    let text = report::text(&results?, &tools, wanted.quick);
    print!("{text}");
    if wanted.write { report::write(&text) } else { Ok(()) }
}

fn wanted(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => wanted.quick = true,
            "--write" => wanted.write = true,
            "--ours" => wanted.ours = Some(args.next().ok_or("--ours needs a path")?.into()),
            other => {
                return Err(format!(
                    "bench does not know {other}: [--quick] [--write] [--ours MULTI]"
                ));
            }
        }
    }
    Ok(wanted)
}

/// Our binary as it is shipped (the profile `dist`), built if none is named, and those of the others that are installed.
fn tools(wanted: &Wanted) -> Result<Vec<Tool>, String> {
    let ours = match &wanted.ours {
        Some(path) => path.clone(),
        None => build()?,
    };
    let ours = fs::canonicalize(&ours).map_err(|e| format!("{}: {e}", ours.display()))?;
    let mut tools = vec![Tool { name: "oxtables", path: ours }];
    for (name, file) in
        [("iptables-nft", "xtables-nft-multi"), ("iptables-legacy", "xtables-legacy-multi")]
    {
        let found = ["/usr/sbin", "/sbin", "/usr/local/sbin"]
            .iter()
            .map(|place| Path::new(place).join(file))
            .find(|p| p.is_file());
        match found {
            Some(path) => tools.push(Tool { name, path }),
            None => eprintln!("SKIPPED {name}: {file} is not installed"),
        }
    }
    Ok(tools)
}

fn build() -> Result<PathBuf, String> {
    let built = Command::new("cargo")
        .args(["build", "--profile", "dist", "-p", "oxtables"])
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    if built.success() {
        Ok(Path::new(&target).join("dist/oxtables"))
    } else {
        Err("the build failed".to_owned())
    }
}

/// All measurements.
fn all(tools: &[Tool], folder: &Path, quick: bool) -> Result<Results, String> {
    let mut results = Results::default();
    let sizes: &[usize] = if quick { &[1_000, 5_000] } else { &[1_000, 10_000, 100_000] };
    for round in 0..if quick { 10 } else { 50 } {
        for tool in tools {
            start_up(tool, folder, &mut results)?;
        }
        if round % 10 == 9 {
            eprintln!("start-up, round {}", round + 1);
        }
    }
    for shape in [Shape::Address, Shape::Service] {
        for &size in sizes {
            let file = folder.join(format!("{shape:?}-{size}"));
            fs::write(&file, shape.rules(size)).map_err(|e| format!("{}: {e}", file.display()))?;
            for round in 0..if size >= 100_000 { 2 } else { 3 } {
                for tool in tools {
                    loaded(tool, folder, shape, size, &file, &mut results)?;
                    eprintln!("{} {size} {}, round {}", shape.name(), tool.name, round + 1);
                }
            }
        }
    }
    spread(tools, folder, if quick { 10_000 } else { 200_000 }, &mut results)?;
    Ok(results)
}

/// Start-up, and one append in a namespace without rules.
fn start_up(tool: &Tool, folder: &Path, results: &mut Results) -> Result<(), String> {
    let steps = [
        step("-V", "iptables -V"),
        step("append to nothing", "iptables -A INPUT -s 10.0.0.1 -p tcp --dport 22 -j ACCEPT"),
    ];
    results.add("none", 0, tool, inside(tool, folder, &steps)?);
    Ok(())
}

/// Every command on a table of this size.
fn loaded(
    tool: &Tool,
    folder: &Path,
    shape: Shape,
    size: usize,
    file: &Path,
    results: &mut Results,
) -> Result<(), String> {
    let (chain, rule) = shape.last(size);
    let new = "-s 192.0.2.1 -p tcp --dport 9 -j DROP";
    let mut steps = vec![
        step("restore", &format!("iptables-restore {}", file.display())),
        step("save", "iptables-save"),
        step("-L -n", "iptables -L -n"),
        step("-S", "iptables -S"),
    ];
    // The short ones more than once, for so short a time is easily disturbed.
    for _ in 0..5 {
        steps.push(step("append", &format!("iptables -A {chain} {new}")));
        steps.push(step("insert", &format!("iptables -I {chain} {new}")));
    }
    for _ in 0..if size >= 100_000 { 1 } else { 5 } {
        steps.push(step("check", &format!("iptables -C {chain} {rule}")));
    }
    steps.push(step("delete", &format!("iptables -D {chain} {rule}")));
    results.add(shape.name(), size, tool, inside(tool, folder, &steps)?);
    Ok(())
}

/// Saving many rules spread over 200 chains.
fn spread(tools: &[Tool], folder: &Path, size: usize, results: &mut Results) -> Result<(), String> {
    let file = folder.join("spread");
    fs::write(&file, shape::spread(size, 200)).map_err(|e| format!("{}: {e}", file.display()))?;
    for tool in tools {
        let steps = [
            step("restore", &format!("iptables-restore {}", file.display())),
            step("save", "iptables-save"),
        ];
        results.add("200 chains", size, tool, inside(tool, folder, &steps)?);
        eprintln!("200 chains {size} {}", tool.name);
    }
    Ok(())
}

/// A name and a command line without blanks in its words.
fn step(name: &str, command: &str) -> (String, String) {
    (name.to_owned(), command.to_owned())
}

/// Runs the steps in a fresh network namespace. A step that fails or takes more than two minutes has no cost.
fn inside(
    tool: &Tool,
    folder: &Path,
    steps: &[(String, String)],
) -> Result<Vec<(String, Option<Cost>)>, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut script = String::new();
    for (_, command) in steps {
        script.push_str(&format!(
            "timeout 120 {} measure {} {command} || echo failed\n",
            me.display(),
            tool.path.display()
        ));
    }
    let root =
        fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let way: &[&str] = if root { &["-n"] } else { &["-U", "-r", "-n"] };
    let output = Command::new("unshare")
        .args(way)
        .args(["sh", "-c", &script])
        .env("XTABLES_LOCKFILE", folder.join("lock"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("unshare: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let costs: Vec<Option<Cost>> = said.lines().map(Cost::read).collect();
    if costs.len() != steps.len() {
        return Err(format!(
            "{} steps, {} answers: namespaces may be forbidden here (unshare -Urn)",
            steps.len(),
            costs.len()
        ));
    }
    Ok(steps.iter().map(|(name, _)| name.clone()).zip(costs).collect())
}

/// `xtask measure MULTI NAME ARGS...`: runs it and prints its wall, user and system time in ns and its peak memory in KiB.
pub(crate) fn measure(args: &[String]) -> Result<(), String> {
    let (program, rest) = args.split_first().ok_or("measure what?")?;
    let began = Instant::now();
    let status =
        Command::new(program).args(rest).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let wall = began.elapsed();
    let status = status.map_err(|e| format!("{program}: {e}"))?;
    if !status.success() {
        return Err(format!("{program}: {status}"));
    }
    let usage = oxtables_sys::usage::of_children().map_err(|e| e.to_string())?;
    let line = format!(
        "{} {} {} {}\n",
        wall.as_nanos(),
        usage.user.as_nanos(),
        usage.system.as_nanos(),
        usage.peak
    );
    std::io::stdout().write_all(line.as_bytes()).map_err(|e| e.to_string())
}
