//! What belongs to a connection, and what the TCP and ICMP headers say.

use super::{Lesson, PORT_UNREACHABLE, Step, answer, attempt, policy, rule};
use crate::demo::traffic::Outcome::{EchoReply, Reset, Silence, SynAck, TimestampReply};
use crate::demo::traffic::Probe::{Ping, Segment, Tcp, Timestamp, Udp};
use crate::demo::traffic::tcp_flag::{ACK, FIN, PSH, RST, SYN, URG};
use crate::demo::world::Host::{Client, Firewall, Server};
use crate::demo::world::{CLIENT, FIREWALL, INSIDE, SERVER};
use Step::{Note, Run};

pub(super) const LESSONS: &[Lesson] = &[
    Lesson {
        name: "new",
        title: "Connections: NEW and ESTABLISHED",
        steps: &[
            Note(
                "Only the first packet is NEW; once both sides have spoken, the rest is ESTABLISHED.",
            ),
            Run("iptables -P INPUT DROP"),
            Run("iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"),
            Run("iptables -A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"),
            attempt(
                Client,
                Tcp(22),
                FIREWALL,
                answer(Firewall, 22, CLIENT),
                &[rule("INPUT", 1), rule("INPUT", 2)],
            ),
            attempt(Client, Tcp(80), FIREWALL, Silence, &[policy("INPUT")]),
            Note("The firewall's own connections get their answers in, and nothing else comes."),
            attempt(Firewall, Tcp(80), SERVER, answer(Server, 80, INSIDE), &[rule("INPUT", 1)]),
        ],
    },
    Lesson {
        name: "related",
        title: "Connections: RELATED, an ICMP error about one of them",
        steps: &[
            Run("iptables -P FORWARD DROP"),
            Run(
                "iptables -A FORWARD -d 10.0.0.2 -p udp --dport 7777 -m conntrack --ctstate NEW -j ACCEPT",
            ),
            Note(
                "Nothing listens on that port: the server says so with ICMP, and the policy drops that.",
            ),
            attempt(Client, Udp(7777), SERVER, Silence, &[rule("FORWARD", 1), policy("FORWARD")]),
            Run("iptables -A FORWARD -m conntrack --ctstate RELATED -j ACCEPT"),
            attempt(
                Client,
                Udp(7777),
                SERVER,
                PORT_UNREACHABLE,
                &[rule("FORWARD", 1), rule("FORWARD", 2)],
            ),
        ],
    },
    Lesson {
        name: "invalid",
        title: "Connections: INVALID, what belongs to none and can begin none",
        steps: &[
            attempt(
                Client,
                Segment { flags: SYN | ACK, sport: None, port: 22 },
                FIREWALL,
                Reset,
                &[policy("INPUT")],
            ),
            Run("iptables -A INPUT -m conntrack --ctstate INVALID -j DROP"),
            attempt(
                Client,
                Segment { flags: SYN | ACK, sport: None, port: 22 },
                FIREWALL,
                Silence,
                &[rule("INPUT", 1)],
            ),
            attempt(
                Client,
                Segment { flags: SYN, sport: None, port: 22 },
                FIREWALL,
                SynAck,
                &[policy("INPUT")],
            ),
        ],
    },
    Lesson {
        name: "postgresql",
        title: "PostgreSQL's port 5432 in both directions, answers only out of connections",
        steps: &[
            Run("iptables -P INPUT DROP"),
            Run("iptables -P OUTPUT DROP"),
            Note(
                "In: who asks this host's database. Its answers go out because they are ESTABLISHED.",
            ),
            Run("iptables -A INPUT -p tcp --dport 5432 -m state --state NEW,ESTABLISHED -j ACCEPT"),
            Run("iptables -A OUTPUT -p tcp --sport 5432 -m state --state ESTABLISHED -j ACCEPT"),
            attempt(
                Client,
                Tcp(5432),
                FIREWALL,
                answer(Firewall, 5432, CLIENT),
                &[rule("OUTPUT", 1), rule("INPUT", 1)],
            ),
            attempt(Firewall, Tcp(5432), SERVER, Silence, &[policy("OUTPUT")]),
            Note("Out: this host asks the server's database."),
            Run(
                "iptables -A OUTPUT -p tcp --dport 5432 -m state --state NEW,ESTABLISHED -j ACCEPT",
            ),
            Run("iptables -A INPUT -p tcp --sport 5432 -m state --state ESTABLISHED -j ACCEPT"),
            attempt(
                Firewall,
                Tcp(5432),
                SERVER,
                answer(Server, 5432, INSIDE),
                &[rule("INPUT", 2), rule("OUTPUT", 2)],
            ),
            Note("Sending from port 5432 opens nothing: that is not ESTABLISHED."),
            attempt(
                Server,
                Segment { flags: SYN, sport: Some(5432), port: 22 },
                INSIDE,
                Silence,
                &[policy("INPUT")],
            ),
        ],
    },
    Lesson {
        name: "flags",
        title: "TCP flags: --syn and --tcp-flags",
        steps: &[
            Run("iptables -A INPUT -p tcp --tcp-flags ALL NONE -j DROP"),
            Run("iptables -A INPUT -p tcp --tcp-flags ALL ALL -j DROP"),
            Run("iptables -A INPUT -p tcp --tcp-flags SYN,FIN SYN,FIN -j DROP"),
            Run("iptables -A INPUT -p tcp --syn --dport 80 -j DROP"),
            Run("iptables -A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP"),
            attempt(
                Client,
                Segment { flags: 0, sport: None, port: 22 },
                FIREWALL,
                Silence,
                &[rule("INPUT", 1)],
            ),
            attempt(
                Client,
                Segment { flags: FIN | SYN | RST | PSH | ACK | URG, sport: None, port: 22 },
                FIREWALL,
                Silence,
                &[rule("INPUT", 2)],
            ),
            attempt(
                Client,
                Segment { flags: SYN | FIN, sport: None, port: 22 },
                FIREWALL,
                Silence,
                &[rule("INPUT", 3)],
            ),
            attempt(Client, Tcp(80), FIREWALL, Silence, &[rule("INPUT", 4)]),
            attempt(
                Client,
                Segment { flags: ACK, sport: None, port: 22 },
                FIREWALL,
                Silence,
                &[rule("INPUT", 5)],
            ),
            attempt(
                Client,
                Segment { flags: SYN, sport: None, port: 22 },
                FIREWALL,
                SynAck,
                &[policy("INPUT")],
            ),
            attempt(Client, Tcp(22), FIREWALL, answer(Firewall, 22, CLIENT), &[policy("INPUT")]),
        ],
    },
    Lesson {
        name: "icmp",
        title: "ICMP by its type",
        steps: &[
            attempt(Client, Ping, FIREWALL, EchoReply, &[policy("INPUT")]),
            Run("iptables -A INPUT -p icmp --icmp-type echo-request -j DROP"),
            attempt(Client, Ping, FIREWALL, Silence, &[rule("INPUT", 1)]),
            attempt(Client, Timestamp, FIREWALL, TimestampReply, &[policy("INPUT")]),
            attempt(Client, Ping, SERVER, EchoReply, &[policy("FORWARD")]),
        ],
    },
];
