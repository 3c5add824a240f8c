//! What became of a packet: the steps, the deciding rule, the end.

use crate::mismatch;
use crate::program::Part;
use crate::ruleset::RuleDef;
use oxtables_model::{ChainName, Policy, TableName};
use oxtables_packet::{CtState, Hook, IfName, Packet, Tuple};
use std::fmt;
use std::sync::Arc;

/// Where a packet comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// From the wire, through this interface: it begins at PREROUTING.
    Interface(IfName),
    /// From a program of this host: it begins at OUTPUT.
    Local,
}

/// A rule, or the policy of a built-in chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    /// Its table.
    pub table: TableName,
    /// Its chain.
    pub chain: Arc<ChainName>,
    /// Its number in the chain, counted from 1; 0 is the policy.
    pub number: u32,
    /// The line of the file it came from, counted from 1, if it came from one.
    pub line: Option<u32>,
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table.word(), self.chain)?;
        match self.number {
            0 => write!(f, " policy"),
            number => write!(f, " rule {number}"),
        }
    }
}

/// The first condition of a rule that did not hold. It is put in words only when asked for: a walk may have a hundred
/// thousand of them.
#[derive(Clone)]
pub struct Mismatch {
    pub(crate) rule: Arc<RuleDef>,
    pub(crate) part: Part,
    /// The packet as it was, shared by the steps between two changes.
    pub(crate) packet: Arc<Packet>,
}

impl Mismatch {
    /// The condition in iptables' words: `-p tcp`, `-m tcp --dport 22`.
    #[must_use]
    pub fn wanted(&self) -> String {
        mismatch::wanted(self.part, &self.rule, self.packet.family())
    }

    /// What the packet has there: `udp`, `ports 40000 -> 80`.
    #[must_use]
    pub fn seen(&self) -> String {
        mismatch::seen(self.part, &self.rule, &self.packet)
    }
}

impl PartialEq for Mismatch {
    fn eq(&self, other: &Self) -> bool {
        self.wanted() == other.wanted() && self.seen() == other.seen()
    }
}

impl Eq for Mismatch {}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the packet has {}", self.wanted(), self.seen())
    }
}

/// A change to a packet, its marks or its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is changed: `mark`, `tos`, `ttl`, `destination` ...
    pub what: &'static str,
    /// As it was.
    pub old: String,
    /// As it is now.
    pub new: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.what, self.old, self.new)
    }
}

/// What a rule did with a packet that fitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Counted it, and maybe more that changes nothing here (SET, NFLOG without a listener).
    Counted,
    /// `-j ACCEPT`: through with this table at this hook.
    Accept,
    /// `-j DROP`.
    Drop,
    /// A match could not read what it must: dropped whatever the rule says (`par->hotdrop`).
    HotDrop,
    /// `-j RETURN`.
    Return,
    /// `-j CHAIN`.
    Jump(Arc<ChainName>),
    /// `-g CHAIN`.
    Goto(Arc<ChainName>),
    /// Handed to a program: NFQUEUE, QUEUE.
    Queue(u16),
    /// Refused with this answer: `icmp-port-unreachable`, `tcp-reset` ...
    Reject(&'static str),
    /// Changed it.
    Changed(Vec<Change>),
    /// Wrote this to the log.
    Logged(String),
    /// Translated the connection; the changes to this packet.
    Translated(Vec<Change>),
    /// It cannot be told, with the reason.
    Unknown(String),
}

/// What came of asking one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not fit: the first condition that failed.
    Missed(Mismatch),
    /// It fitted.
    Fitted(Done),
    /// Whether it fits cannot be told: the condition, and the reason.
    Unknown {
        /// In iptables' words.
        condition: String,
        /// Why.
        why: String,
    },
}

/// One step of a packet's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It comes to a hook.
    Hook {
        /// Which.
        hook: Hook,
        /// The interface it came in by.
        in_interface: Option<IfName>,
        /// The interface it leaves by.
        out_interface: Option<IfName>,
    },
    /// Connection tracking has looked at it.
    Tracked(CtState),
    /// The built-in chain of a table begins.
    Chain {
        /// The table.
        table: TableName,
        /// The chain's name.
        chain: Arc<ChainName>,
    },
    /// A rule was asked.
    Rule {
        /// Which.
        rule: RuleRef,
        /// What came of it.
        outcome: Outcome,
    },
    /// No rule of a built-in chain decided.
    Policy {
        /// The chain; its number is 0.
        rule: RuleRef,
        /// Its policy.
        policy: Policy,
    },
    /// The connection's translation was applied without a rule: a later packet, or a reply.
    Translated(Vec<Change>),
    /// The routing decision, in words: `to this host`, `out by eth1`.
    Routed(String),
    /// The host itself did something: `reassembled`, `TTL 1 -> 0`.
    Host(String),
}

/// Where an accepted packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To a program of this host.
    Local,
    /// Out by this interface.
    Interface(IfName),
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It passed every hook.
    Accept(Destination),
    /// A rule or a policy dropped it.
    Drop,
    /// A rule refused it with this answer.
    Reject {
        /// As after `--reject-with`.
        with: &'static str,
        /// The answer packet, from its IP header on, if the kernel would send one and its bytes are known.
        answer: Option<Vec<u8>>,
    },
    /// A rule handed it to a program, which decides.
    Queue(u16),
    /// No rule, but the host itself does not pass it on: why.
    Lost(&'static str),
    /// It cannot be told: why.
    Unknown(String),
}

impl End {
    /// `accept`, `drop`, `reject` or `unknown`; a queued packet is unknown, one the host lost is dropped.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accept(_) => "accept",
            Self::Drop | Self::Lost(_) => "drop",
            Self::Reject { .. } => "reject",
            Self::Queue(_) | Self::Unknown(_) => "unknown",
        }
    }
}

/// A packet's whole way.
#[derive(Clone, Debug)]
pub struct Walk {
    /// What became of it.
    pub end: End,
    /// The rule or policy that decided: for an accepted packet the last one that accepted it.
    pub deciding: Option<RuleRef>,
    /// Each step; empty when the walk was not to be recorded ([`crate::Engine::verdict`]).
    pub steps: Vec<Step>,
    /// The packet as it is at the end, with its context.
    pub packet: Packet,
    /// The connection's tuples, original and reply, if it has one.
    pub connection: Option<[Tuple; 2]>,
}
