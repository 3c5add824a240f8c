//! Marks, headers changed on their way, untracked packets, editing, saving, mistakes, and IPv6.

use super::{Lesson, Step, answer, attempt, policy, rule};
use crate::demo::counters::Evidence;
use crate::demo::traffic::Outcome::{Arrival, EchoReply, Error, Reset, Silence};
use crate::demo::traffic::Probe::{Datagram, Ping, Tcp, Udp};
use crate::demo::world::Host::{Client, Firewall, Server};
use crate::demo::world::{CLIENT, CLIENT6, FIREWALL, FIREWALL6, SERVER, SERVER6};
use Step::{Lists, Note, Refused, Run};

const fn mangle(chain: &'static str, number: usize) -> Evidence {
    Evidence::Rule("mangle", chain, number)
}

pub(super) const LESSONS: &[Lesson] = &[
    Lesson {
        name: "mark",
        title: "A mark set in mangle, matched in filter",
        steps: &[
            Run("iptables -P INPUT DROP"),
            Run("iptables -t mangle -A PREROUTING -p tcp --dport 8080 -j MARK --set-mark 0x7"),
            Run("iptables -A INPUT -m mark --mark 0x7 -j ACCEPT"),
            attempt(
                Client,
                Tcp(8080),
                FIREWALL,
                answer(Firewall, 8080, CLIENT),
                &[mangle("PREROUTING", 1), rule("INPUT", 1)],
            ),
            attempt(Client, Tcp(80), FIREWALL, Silence, &[policy("INPUT")]),
        ],
    },
    Lesson {
        name: "headers",
        title: "TOS and TTL changed in mangle, seen on the server's wire",
        steps: &[
            Note("Forwarding itself takes one from the TTL."),
            attempt(
                Client,
                Datagram(5060),
                SERVER,
                Arrival { tos: 0, ttl: 63 },
                &[policy("FORWARD")],
            ),
            Run("iptables -t mangle -A FORWARD -p udp --dport 5060 -j TOS --set-tos 0x10"),
            attempt(
                Client,
                Datagram(5060),
                SERVER,
                Arrival { tos: 0x10, ttl: 63 },
                &[mangle("FORWARD", 1)],
            ),
            Run("iptables -t mangle -A POSTROUTING -p udp --dport 5060 -j TTL --ttl-set 33"),
            attempt(
                Client,
                Datagram(5060),
                SERVER,
                Arrival { tos: 0x10, ttl: 33 },
                &[mangle("FORWARD", 1), mangle("POSTROUTING", 1)],
            ),
        ],
    },
    Lesson {
        name: "notrack",
        title: "NOTRACK in raw: no connection is kept, the state is UNTRACKED",
        steps: &[
            Run("iptables -P INPUT DROP"),
            Run("iptables -A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT"),
            attempt(Client, Udp(53), FIREWALL, Silence, &[policy("INPUT")]),
            Run("iptables -t raw -A PREROUTING -p udp --dport 53 -j NOTRACK"),
            attempt(
                Client,
                Udp(53),
                FIREWALL,
                answer(Firewall, 53, CLIENT),
                &[Evidence::Rule("raw", "PREROUTING", 1), rule("INPUT", 1)],
            ),
        ],
    },
    Lesson {
        name: "edit",
        title: "Listing with numbers, inserting, replacing, deleting by number",
        steps: &[
            Run("iptables -A INPUT -p tcp --dport 80 -j ACCEPT"),
            Run("iptables -A INPUT -p tcp --dport 22 -j DROP"),
            Lists(
                "iptables -L -n --line-numbers",
                &[
                    "1 ACCEPT tcp -- 0.0.0.0/0 0.0.0.0/0 tcp dpt:80",
                    "2 DROP tcp -- 0.0.0.0/0 0.0.0.0/0 tcp dpt:22",
                ],
            ),
            attempt(Client, Tcp(22), FIREWALL, Silence, &[rule("INPUT", 2)]),
            Run("iptables -R INPUT 2 -p tcp --dport 22 -j REJECT --reject-with tcp-reset"),
            attempt(Client, Tcp(22), FIREWALL, Reset, &[rule("INPUT", 2)]),
            Run("iptables -I INPUT 1 -s 203.0.113.2 -p tcp --dport 22 -j ACCEPT"),
            attempt(Client, Tcp(22), FIREWALL, answer(Firewall, 22, CLIENT), &[rule("INPUT", 1)]),
            Run("iptables -D INPUT 1"),
            Lists(
                "iptables -L INPUT -n --line-numbers",
                &[
                    "1 ACCEPT tcp -- 0.0.0.0/0 0.0.0.0/0 tcp dpt:80",
                    "2 REJECT tcp -- 0.0.0.0/0 0.0.0.0/0 tcp dpt:22 reject-with tcp-reset",
                ],
            ),
            attempt(Client, Tcp(22), FIREWALL, Reset, &[rule("INPUT", 2)]),
        ],
    },
    Lesson {
        name: "save",
        title: "Save, flush, restore, and the same packets again",
        steps: &[
            Run("iptables -P FORWARD DROP"),
            Run("iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            Run("iptables -A FORWARD -d 10.0.0.2 -p tcp --dport 80 -j ACCEPT"),
            Run(
                "iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8081 -j DNAT --to-destination 10.0.0.2:80",
            ),
            attempt(
                Client,
                Tcp(8081),
                FIREWALL,
                answer(Server, 80, CLIENT),
                &[Evidence::Rule("nat", "PREROUTING", 1), rule("FORWARD", 2)],
            ),
            attempt(Client, Tcp(22), SERVER, Silence, &[policy("FORWARD")]),
            Run("iptables-save > rules.v4"),
            Run("iptables -P FORWARD ACCEPT"),
            Run("iptables -F"),
            Run("iptables -t nat -F"),
            attempt(Client, Tcp(8081), FIREWALL, Reset, &[policy("INPUT")]),
            attempt(Client, Tcp(22), SERVER, answer(Server, 22, CLIENT), &[policy("FORWARD")]),
            Run("iptables-restore < rules.v4"),
            attempt(
                Client,
                Tcp(8081),
                FIREWALL,
                answer(Server, 80, CLIENT),
                &[Evidence::Rule("nat", "PREROUTING", 1), rule("FORWARD", 2)],
            ),
            attempt(Client, Tcp(22), SERVER, Silence, &[policy("FORWARD")]),
        ],
    },
    Lesson {
        name: "mistake",
        title: "A mistake changes nothing",
        steps: &[
            Run("iptables -A INPUT -p tcp --dport 22 -j DROP"),
            Refused("iptables --explain-errors -I INPUT -p tcp --dport 22 -j ACCESPT", 2),
            attempt(Client, Tcp(22), FIREWALL, Silence, &[rule("INPUT", 1)]),
        ],
    },
    Lesson {
        name: "ipv6",
        title: "The same for IPv6, with ip6tables",
        steps: &[
            Note("IPv6 finds its neighbours with ICMPv6: that has to stay open."),
            Run("ip6tables -P INPUT DROP"),
            Run("ip6tables -A INPUT -p ipv6-icmp -j ACCEPT"),
            Run("ip6tables -A INPUT -p tcp --dport 22 -j ACCEPT"),
            Run("ip6tables -A FORWARD -p udp -j REJECT --reject-with icmp6-adm-prohibited"),
            attempt(Client, Tcp(22), FIREWALL6, answer(Firewall, 22, CLIENT6), &[rule("INPUT", 2)]),
            attempt(Client, Tcp(80), FIREWALL6, Silence, &[policy("INPUT")]),
            attempt(Client, Ping, FIREWALL6, EchoReply, &[rule("INPUT", 1)]),
            attempt(Client, Udp(53), SERVER6, Error { kind: 1, code: 1 }, &[rule("FORWARD", 1)]),
            attempt(Client, Tcp(80), SERVER6, answer(Server, 80, CLIENT6), &[policy("FORWARD")]),
        ],
    },
];
