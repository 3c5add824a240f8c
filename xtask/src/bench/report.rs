//! The measurements as tables, and into docs/PERFORMANCE.md.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use super::Tool;

/// Where the tables go.
const FILE: &str = "docs/PERFORMANCE.md";
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// What one command cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    wall: Duration,
    user: Duration,
    /// KiB.
    peak: u64,
}

impl Cost {
    /// The line that `xtask measure` prints.
    pub(super) fn read(line: &str) -> Option<Cost> {
        let numbers: Vec<u64> = line.split(' ').filter_map(|n| n.parse().ok()).collect();
        let [wall, user, _system, peak] = numbers[..] else { return None };
        Some(Cost { wall: Duration::from_nanos(wall), user: Duration::from_nanos(user), peak })
    }

    fn least(self, other: Cost) -> Cost {
        Cost {
            wall: self.wall.min(other.wall),
            user: self.user.min(other.user),
            peak: self.peak.min(other.peak),
        }
    }
}

/// A shape, a size and a command.
type Place = (String, usize, String);

/// The least costs seen, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    order: Vec<Place>,
    costs: BTreeMap<(Place, &'static str), Cost>,
}

impl Results {
    /// Takes what one round of one tool came to.
    pub(super) fn add(
        &mut self,
        shape: &str,
        size: usize,
        tool: &Tool,
        costs: Vec<(String, Option<Cost>)>,
    ) {
        for (command, cost) in costs {
            let place = (shape.to_owned(), size, command);
            if !self.order.contains(&place) {
                self.order.push(place.clone());
            }
            if let Some(cost) = cost {
                self.costs
                    .entry((place, tool.name))
                    .and_modify(|old| *old = old.least(cost))
                    .or_insert(cost);
            }
        }
    }

    fn get(&self, place: &Place, tool: &'static str) -> Option<Cost> {
        self.costs.get(&(place.clone(), tool)).copied()
    }
}

/// What the tables hold of a cost.
#[derive(Clone, Copy)]
enum What {
    Wall,
    User,
    Peak,
}

impl What {
    fn of(self, cost: Cost) -> f64 {
        match self {
            What::Wall => cost.wall.as_secs_f64() * 1000.0,
            What::User => cost.user.as_secs_f64() * 1000.0,
            What::Peak => f64::from(u32::try_from(cost.peak).unwrap_or(u32::MAX)) / 1024.0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            What::Wall => "ms",
            What::User => "ms of user time",
            What::Peak => "MiB at the peak",
        }
    }
}

/// The whole report: command, machine, targets, tables.
pub(super) fn text(results: &Results, tools: &[Tool], quick: bool) -> String {
    let mut out = format!(
        "Made by `cargo xtask bench{} --write` on {}.\n\n",
        if quick { " --quick" } else { "" },
        machine()
    );
    for tool in tools {
        out.push_str(&format!("- {}: `{}`\n", tool.name, version(tool)));
    }
    out.push_str("\n### Targets\n\n| what | to reach | came to |\n|---|---|---|\n");
    for (what, limit, got) in targets(results) {
        let got = got.map_or_else(
            || "not measured".to_owned(),
            |got| format!("{got:.2} {}", if got <= limit { "✓" } else { "✗" }),
        );
        out.push_str(&format!("| {what} | {limit:.2} | {got} |\n"));
    }
    let mut shapes: Vec<(String, usize)> = Vec::new();
    for (shape, size, _) in &results.order {
        if !shapes.contains(&(shape.clone(), *size)) {
            shapes.push((shape.clone(), *size));
        }
    }
    for (shape, size) in shapes {
        out.push_str(&table(results, tools, &shape, size));
    }
    out
}

/// The promises, as ratios of ours to iptables-nft in the largest table measured.
fn targets(results: &Results) -> Vec<(String, f64, Option<f64>)> {
    let largest = |shape: &str| {
        results
            .order
            .iter()
            .filter(|(s, ..)| s == shape)
            .map(|(_, size, _)| *size)
            .max()
            .unwrap_or(0)
    };
    let ratio = |shape: &str, command: &str, what: What| {
        let place = (shape.to_owned(), largest(shape), command.to_owned());
        Some(
            what.of(results.get(&place, "oxtables")?)
                / what.of(results.get(&place, "iptables-nft")?),
        )
    };
    let mut targets = Vec::new();
    for shape in ["address + port", "service chains, 3 matches"] {
        let size = largest(shape);
        let mut put = |command: &str, what: What, word: &str, limit: f64| {
            targets.push((
                format!("{command}, {word}, {shape}, {size} rules"),
                limit,
                ratio(shape, command, what),
            ));
        };
        put("restore", What::User, "user time", 1.0 / 3.0);
        put("restore", What::Wall, "wall time", 1.0);
        put("append", What::Wall, "wall time", 0.6);
        put("restore", What::Peak, "peak memory", 1.0);
        put("save", What::Peak, "peak memory", 1.0);
    }
    targets.push((
        "append to nothing, wall time".to_owned(),
        0.6,
        ratio("none", "append to nothing", What::Wall),
    ));
    let size = largest("200 chains");
    targets.push((
        format!("save, wall time, {size} rules over 200 chains"),
        0.2,
        ratio("200 chains", "save", What::Wall),
    ));
    targets
}

fn table(results: &Results, tools: &[Tool], shape: &str, size: usize) -> String {
    let title = if size == 0 { "no rules".to_owned() } else { format!("{shape}, {size} rules") };
    let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
    let others = names.iter().skip(1).map(|name| format!("ours / {name}"));
    let head: Vec<String> =
        ["command", "unit"].iter().chain(&names).map(|s| (*s).to_owned()).chain(others).collect();
    let mut out =
        format!("\n### {title}\n\n| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for place in results.order.iter().filter(|(s, n, _)| s == shape && *n == size) {
        let kinds: &[What] = if matches!(place.2.as_str(), "restore" | "save") {
            &[What::Wall, What::User, What::Peak]
        } else {
            &[What::Wall]
        };
        for what in kinds {
            let values: Vec<Option<f64>> = tools
                .iter()
                .map(|tool| results.get(place, tool.name).map(|cost| what.of(cost)))
                .collect();
            let ours = values.first().copied().flatten();
            let ratios = values.iter().skip(1).map(|theirs| Some(ours? / (*theirs)?));
            let cells: Vec<String> = values
                .iter()
                .copied()
                .chain(ratios)
                .map(|v| match v {
                    None => "fails".to_owned(),
                    // Nothing against nothing: less than the clock ticks.
                    Some(v) if v.is_nan() => "-".to_owned(),
                    Some(v) => format!("{v:.2}"),
                })
                .collect();
            out.push_str(&format!("| {} | {} | {} |\n", place.2, what.name(), cells.join(" | ")));
        }
    }
    out
}

/// Processor, their number and the kernel.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| {
        line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned())
    });
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{count} × {}, Linux {}",
        model.unwrap_or_else(|| "an unnamed processor".to_owned()),
        read("/proc/sys/kernel/osrelease").trim()
    )
}

fn version(tool: &Tool) -> String {
    let said = Command::new(&tool.path).args(["iptables", "-V"]).output();
    said.map_or_else(
        |e| e.to_string(),
        |said| String::from_utf8_lossy(&said.stdout).trim().to_owned(),
    )
}

/// Puts the report between the two marks of docs/PERFORMANCE.md.
pub(super) fn write(report: &str) -> Result<(), String> {
    let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
    let (before, rest) = text.split_once(BEGIN).ok_or(format!("{FILE}: no {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or(format!("{FILE}: no {END}"))?;
    fs::write(FILE, format!("{before}{BEGIN}\n{report}\n{END}{after}"))
        .map_err(|e| format!("{FILE}: {e}"))
}
