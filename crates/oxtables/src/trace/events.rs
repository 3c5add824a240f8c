//! Trace events, put together packet by packet and shown in iptables' words.

use super::guard;
use crate::packet_text;
use crate::store::Store;
use oxtables_backend::Scope;
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_model::TableName;
use oxtables_packet::Packet;
use oxtables_syntax::save::{self, ShowCounters};
use oxtables_wire::nft::{TraceKind, TraceView, code};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// A packet of which nothing was heard for so long has no more events.
pub(super) const IDLE: Duration = Duration::from_millis(200);

/// What is shown, and how.
#[derive(Clone, Copy, Default)]
pub(super) struct Shown {
    /// Dropped packets only.
    pub(super) dropped: bool,
    pub(super) json: bool,
}

/// One thing a packet met.
struct Met {
    table: String,
    chain: String,
    /// The rule's number; `None` for a policy, or when the rule is gone already.
    number: Option<usize>,
    policy: bool,
    text: String,
    verdict: String,
    code: i32,
}

/// A packet on its way.
struct Traced {
    line: String,
    met: Vec<Met>,
    last: Instant,
}

/// A rule by its handle: chain, number, text.
type Known = (Vec<u8>, usize, String);

/// The packets on their way.
pub(super) struct Packets {
    family: Family,
    store: Store,
    shown: Shown,
    on_way: Vec<(u32, Traced)>,
    rules: HashMap<(TableName, u64), Known>,
    lost: bool,
}

impl Packets {
    pub(super) fn new(family: Family, store: Store, shown: Shown) -> Self {
        let (on_way, rules) = (Vec::new(), HashMap::new());
        Self { family, store, shown, on_way, rules, lost: false }
    }

    /// Some events did not find room.
    pub(super) const fn lost(&mut self) {
        self.lost = true;
    }

    /// Takes an event.
    pub(super) fn event(&mut self, event: &TraceView<'_>) {
        if event.family != u32::from(self.family.nfproto()) {
            return;
        }
        let met = self.met(event);
        let now = Instant::now();
        let at = match self.on_way.iter().position(|(id, _)| *id == event.id) {
            Some(at) => at,
            None => {
                let line = header_line(event);
                self.on_way.push((event.id, Traced { line, met: Vec::new(), last: now }));
                self.on_way.len() - 1
            }
        };
        if let Some((_, traced)) = self.on_way.get_mut(at) {
            traced.last = now;
            traced.met.extend(met);
        }
    }

    /// What the event says; nothing of our own rule, and nothing of rules that only let the packet go on to the next.
    fn met(&mut self, event: &TraceView<'_>) -> Option<Met> {
        let table = TableName::parse(event.table);
        let (mut number, mut text) = (None, String::new());
        if let (Some(table), TraceKind::Rule) = (table, event.kind) {
            if let Some((_, at, saved)) = self.rule(table, event.handle) {
                (number, text) = (Some(*at), saved.clone());
            }
            if guard::owner(text.as_bytes()).is_some() {
                return None;
            }
        }
        let policy = event.kind == TraceKind::Policy;
        // The first event of a packet in a chain may be of no rule: it only has the headers.
        let headers = event.kind == TraceKind::Rule && event.handle == 0;
        if headers || event.kind == TraceKind::Return {
            return None;
        }
        Some(Met {
            table: visible(event.table),
            chain: visible(event.chain),
            number,
            policy,
            text,
            verdict: verdict(event),
            code: event.verdict,
        })
    }

    /// A rule by its handle, looked up again when it is not known: rules change while packets go by.
    fn rule(&mut self, table: TableName, handle: u64) -> Option<&Known> {
        if !self.rules.contains_key(&(table, handle)) {
            let listing = self.store.list(table, Scope::All).unwrap_or_default();
            self.rules.retain(|(of, _), _| *of != table);
            for chain in &listing.chains {
                for (at, listed) in chain.rules.iter().enumerate() {
                    let mut text = Vec::new();
                    let counters = ShowCounters::No;
                    save::push_entry(&mut text, self.family, &chain.name, &listed.entry, counters);
                    let text = visible(text.trim_ascii_end());
                    let known = (chain.name.bytes().to_vec(), at + 1, text);
                    self.rules.insert((table, listed.handle), known);
                }
            }
        }
        self.rules.get(&(table, handle))
    }

    /// Shows the packets that nothing more is heard of.
    pub(super) fn show_idle(&mut self) -> io::Result<()> {
        if self.lost {
            self.lost = false;
            eprintln!(
                "oxtables trace: the kernel told of more than could be read; some is missing"
            );
        }
        let over = |t: &Traced| {
            t.last.elapsed() >= IDLE || t.met.last().is_some_and(|m| m.code == code::DROP)
        };
        let (over, on): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.on_way).into_iter().partition(|(_, t)| over(t));
        self.on_way = on;
        self.show(over)
    }

    /// Shows all that are left.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.on_way);
        self.show(rest)
    }

    fn show(&self, packets: Vec<(u32, Traced)>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for (_, traced) in packets {
            let dropped = traced.met.last().is_some_and(|m| m.code == code::DROP);
            if self.shown.dropped && !dropped {
                continue;
            }
            let text = if self.shown.json { json_line(&traced) } else { lines(&traced) };
            out.write_all(text.as_bytes())?;
        }
        out.flush()
    }
}

/// The packet in one line, from the headers that its first event has.
fn header_line(event: &TraceView<'_>) -> String {
    let bytes = [event.network, event.transport].concat();
    let stated = match bytes.as_slice() {
        [first, _, a, b, ..] if first >> 4 == 4 => usize::from(u16::from_be_bytes([*a, *b])),
        [first, _, _, _, a, b, ..] if first >> 4 == 6 => {
            40 + usize::from(u16::from_be_bytes([*a, *b]))
        }
        _ => 0,
    };
    let packet = Packet::captured(&bytes, stated.max(bytes.len()));
    let mut line = packet.map_or_else(|_| "a packet".to_owned(), |p| packet_text::line(&p));
    for (word, index) in [("in", event.input), ("out", event.output)] {
        let name = index.and_then(|i| oxtables_sys::interface::name(i).ok());
        if let Some(name) = name {
            line.push_str(&format!(", {word} {}", visible(&name)));
        }
    }
    line
}

fn verdict(event: &TraceView<'_>) -> String {
    match event.verdict {
        code::DROP => "DROP".to_owned(),
        code::ACCEPT => "ACCEPT".to_owned(),
        code::STOLEN => "taken".to_owned(),
        code::CONTINUE => "goes on".to_owned(),
        code::JUMP => format!("jumps to {}", visible(event.to)),
        code::GOTO => format!("goes to {}", visible(event.to)),
        code::RETURN => "RETURN".to_owned(),
        // NF_QUEUE has the queue's number in its upper half.
        other if other & 0xff == code::QUEUE => format!("queue {}", other >> 16),
        other => format!("verdict {other}"),
    }
}

/// Accepted unless the last thing it met says otherwise.
fn end_word(traced: &Traced) -> &'static str {
    match traced.met.last().map(|m| m.code) {
        Some(code::DROP) => "drop",
        Some(code::STOLEN) => "unknown",
        Some(other) if other & 0xff == code::QUEUE && other > 0 => "unknown",
        Some(_) => "accept",
        None => "unknown",
    }
}

fn place(met: &Met) -> String {
    let Met { table, chain, .. } = met;
    match (met.policy, met.number) {
        (true, _) => format!("{table} {chain} policy"),
        (false, Some(n)) => format!("{table} {chain} {n}"),
        (false, None) => format!("{table} {chain}"),
    }
}

fn lines(traced: &Traced) -> String {
    let mut text = format!("{}\n", traced.line);
    for met in &traced.met {
        let space = if met.text.is_empty() { "" } else { "  " };
        text.push_str(&format!("  {}: {}{space}{}\n", place(met), met.verdict, met.text));
    }
    let by = traced.met.last().map_or_else(String::new, |m| format!(" by {}", place(m)));
    let end = match end_word(traced) {
        "drop" => format!("dropped{by}"),
        "accept" => "accepted".to_owned(),
        _ => format!("not known further{by}"),
    };
    text.push_str(&format!("  = {end}\n"));
    text
}

fn json_line(traced: &Traced) -> String {
    let met: Vec<Value> = traced
        .met
        .iter()
        .map(|m| {
            json!({
                "table": m.table,
                "chain": m.chain,
                "rule": if m.policy { Some(0) } else { m.number },
                "text": m.text,
                "verdict": m.verdict,
            })
        })
        .collect();
    let last = traced.met.last();
    let value = json!({
        "packet": traced.line,
        "verdict": end_word(traced),
        "table": last.map(|m| &m.table),
        "chain": last.map(|m| &m.chain),
        "rule": last.and_then(|m| if m.policy { Some(0) } else { m.number }),
        "steps": met,
    });
    format!("{value}\n")
}
