//! One expectation against the rules.

use super::line::{Expected, Head, Question, Statement};
use crate::explain::{Answer, decided_by, now, settle, verdict_line};
use crate::packet_text;
use crate::packet_words::{Described, PacketWords};
use crate::ruleset::Rules;
use crate::surroundings::Surroundings;
use oxtables_base::{Family, addr};
use oxtables_engine::{Destination, End, Engine, Options, Walk};
use oxtables_packet::IfName;
use std::net::IpAddr;

/// What came of a test.
pub(super) struct Finding {
    /// Why it failed, if it did; safe to show.
    pub(super) failure: Option<String>,
    /// The ways its packets took.
    pub(super) walks: Vec<(Family, Walk)>,
}

/// Checks one statement.
///
/// # Errors
/// When the statement's packet cannot be made or its rules are none; that is no failed test.
pub(super) fn check(statement: &Statement, head: &Head, rules: &Rules) -> Result<Finding, String> {
    let at = |why: String| format!("line {}: {why}", statement.number);
    let mut words = statement.packet.clone();
    if let Question::Translated { to, .. } = statement.question {
        complete(&mut words, to);
    }
    let family = words.destination.map_or(Family::Ip4, addr::family_of);
    let live = rules.is_live();
    if !live && rules.file(family).is_none() {
        return Err(at("there are no rules of this packet's family".to_owned()));
    }
    let surroundings = head.host.around(family, Some(&words), live).map_err(&at)?;
    let is_own = |a: IpAddr| surroundings.topology.is_local(a);
    let described = words.build(is_own).map_err(|e| at(e.to_string()))?;
    let topology = surroundings.topology.clone();
    let engine = Engine::new(&rules.rulesets, topology, Options::default());
    let mut asked = Asked { engine: engine.map_err(|e| e.to_string())?, surroundings, rules };
    let first = asked.ask(described);
    let mut walks = Vec::new();
    let failure = match &statement.question {
        Question::Verdict(expected) => judge(*expected, &first),
        Question::Translated { destination, to, port } => {
            translated(&first, *destination, *to, *port)
        }
        Question::Reply(expected) => match reply(&first) {
            None => Some(format!("the first packet gets no answer: {}", told(&first))),
            Some(reply) => {
                let second = asked.ask(reply);
                let failure = judge(*expected, &second).map(|why| format!("the answer: {why}"));
                walks.push((family, second.walk));
                failure
            }
        },
    };
    walks.insert(0, (family, first.walk));
    Ok(Finding { failure, walks })
}

/// An engine for the packets of one test, one after the other.
struct Asked<'a> {
    engine: Engine,
    surroundings: Surroundings,
    rules: &'a Rules,
}

impl<'a> Asked<'a> {
    fn ask(&mut self, described: Described) -> Answer<'a> {
        let mut walk = self.engine.packet(described.packet.clone(), described.arrival, now());
        settle(&mut walk, self.surroundings.implied);
        Answer { rules: self.rules, surroundings: self.surroundings.clone(), described, walk }
    }
}

/// What a `nat` line may leave out: it is about addresses and ports.
fn complete(words: &mut PacketWords, to: IpAddr) {
    let v4 = words.destination.unwrap_or(to).is_ipv4();
    let anybody = if v4 {
        IpAddr::from([198, 51, 100, 1])
    } else {
        // 2001:db8::1, of documentation as the other.
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])
    };
    words.source.get_or_insert(anybody);
    if words.protocol.is_none() && words.has_ports() {
        words.protocol = Some(oxtables_packet::proto::TCP);
    }
    if words.input.is_none() && words.output.is_none() {
        words.input = IfName::new(b"eth0");
    }
}

/// Why the verdict is not the expected one, if it is not.
fn judge(expected: Expected, answer: &Answer<'_>) -> Option<String> {
    let right = answer.walk.end.word() == expected.word();
    (!right).then(|| format!("expected {}, but it is {}", expected.word(), told(answer)))
}

/// Why the translation is not the expected one, if it is not.
fn translated(
    answer: &Answer<'_>,
    destination: bool,
    to: IpAddr,
    port: Option<u16>,
) -> Option<String> {
    let packet = &answer.walk.packet;
    let ports = packet.ports().ok();
    let (address, has) = if destination {
        (packet.dst(), ports.map(|p| p.1))
    } else {
        (packet.src(), ports.map(|p| p.0))
    };
    if address == to && (port.is_none() || port == has) {
        return None;
    }
    let shown = |address, port: Option<u16>| match port {
        Some(port) => packet_text::with_port(address, port),
        None => address.to_string(),
    };
    let what = if destination { "destination" } else { "source" };
    let (want, got) = (shown(to, port), shown(address, has));
    Some(format!("expected the {what} {want}, but it is {got}\nthe packet is {}", told(answer)))
}

/// What became of a packet, by which rule, and what was assumed of it; safe to show.
fn told(answer: &Answer<'_>) -> String {
    let mut text = verdict_line(&answer.walk.end);
    if let Some(by) = decided_by(answer) {
        let word = if answer.walk.end.word() == "unknown" { "at" } else { "by" };
        text.push_str(&format!(" {word} {by}"));
    }
    let family = answer.described.packet.family();
    let rule = answer.walk.deciding.as_ref().filter(|r| r.number > 0);
    if let Some(rule) = rule.and_then(|r| answer.rules.text(family, r)) {
        text.push_str(&format!("\n  {rule}"));
    }
    text.push_str(&format!("\n  packet: {}", packet_text::line(&answer.described.packet)));
    if !answer.described.assumed.is_empty() {
        text.push_str(&format!(" (assumed: {})", answer.described.assumed.join(" ")));
    }
    text
}

/// The packet that answers one that arrived.
fn reply(first: &Answer<'_>) -> Option<Described> {
    let End::Accept(to) = first.walk.end else { return None };
    let input = match to {
        Destination::Interface(out) => Some(out),
        Destination::Local => None,
    };
    let words = PacketWords::answer_to(&first.walk.packet, input)?;
    words.build(|_| true).ok()
}
