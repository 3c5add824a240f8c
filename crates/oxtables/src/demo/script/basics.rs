//! Policies, rules, rejecting, chains of one's own, the log.

use super::{Lesson, PORT_UNREACHABLE, Step, answer, attempt, policy, rule};
use crate::demo::counters::Evidence;
use crate::demo::traffic::Outcome::{Error, Reset, Silence};
use crate::demo::traffic::Probe::{Tcp, Udp};
use crate::demo::world::Host::{Client, Firewall, Server};
use crate::demo::world::{CLIENT, FIREWALL, INSIDE, SERVER};
use Step::{Note, Run};

pub(super) const LESSONS: &[Lesson] = &[
    Lesson {
        name: "policy",
        title: "The default policy, and opening a port",
        steps: &[
            Note(
                "Without rules everything passes. With the policy DROP only what a rule accepts does.",
            ),
            attempt(Client, Tcp(22), FIREWALL, answer(Firewall, 22, CLIENT), &[policy("INPUT")]),
            Run("iptables -P INPUT DROP"),
            attempt(Client, Tcp(22), FIREWALL, Silence, &[policy("INPUT")]),
            Run("iptables -A INPUT -p tcp --dport 22 -j ACCEPT"),
            attempt(Client, Tcp(22), FIREWALL, answer(Firewall, 22, CLIENT), &[rule("INPUT", 1)]),
            attempt(Client, Tcp(80), FIREWALL, Silence, &[policy("INPUT")]),
        ],
    },
    Lesson {
        name: "reject",
        title: "DROP says nothing, REJECT says no",
        steps: &[
            Run("iptables -A INPUT -p tcp --dport 80 -j DROP"),
            Run("iptables -A INPUT -p tcp --dport 22 -j REJECT"),
            Run("iptables -A INPUT -p tcp --dport 8080 -j REJECT --reject-with tcp-reset"),
            Run(
                "iptables -A INPUT -p udp --dport 53 -j REJECT --reject-with icmp-admin-prohibited",
            ),
            attempt(Client, Tcp(80), FIREWALL, Silence, &[rule("INPUT", 1)]),
            attempt(Client, Tcp(22), FIREWALL, PORT_UNREACHABLE, &[rule("INPUT", 2)]),
            attempt(Client, Tcp(8080), FIREWALL, Reset, &[rule("INPUT", 3)]),
            attempt(Client, Udp(53), FIREWALL, Error { kind: 3, code: 13 }, &[rule("INPUT", 4)]),
            Note(
                "A port that nothing listens on answers with a reset too: by the kernel, not by a rule.",
            ),
            attempt(Client, Tcp(81), FIREWALL, Reset, &[policy("INPUT")]),
        ],
    },
    Lesson {
        name: "return",
        title: "A chain of one's own, and RETURN",
        steps: &[
            Note("RETURN goes back to the rule behind the jump; who is not returned is dropped."),
            Run("iptables -N GUARD"),
            Run("iptables -A GUARD -s 203.0.113.0/24 -j RETURN"),
            Run("iptables -A GUARD -j DROP"),
            Run("iptables -A INPUT -p tcp --dport 22 -j GUARD"),
            Run("iptables -A INPUT -p tcp --dport 22 -j ACCEPT"),
            attempt(
                Client,
                Tcp(22),
                FIREWALL,
                answer(Firewall, 22, CLIENT),
                &[rule("INPUT", 1), rule("GUARD", 1), rule("INPUT", 2)],
            ),
            attempt(Server, Tcp(22), INSIDE, Silence, &[rule("INPUT", 1), rule("GUARD", 2)]),
        ],
    },
    Lesson {
        name: "log",
        title: "LOG writes a line and goes on to the next rule",
        steps: &[
            Run("iptables -A FORWARD -p tcp --dport 22 -j LOG --log-prefix \"oxtables demo: \""),
            Run("iptables -A FORWARD -p tcp --dport 22 -j REJECT --reject-with tcp-reset"),
            attempt(
                Client,
                Tcp(22),
                SERVER,
                Reset,
                &[rule("FORWARD", 1), Evidence::Log("oxtables demo: "), rule("FORWARD", 2)],
            ),
        ],
    },
];
