//! Translation of addresses and ports: each service says which address it saw.

use super::{Lesson, Step, answer, attempt, policy, rule};
use crate::demo::counters::Evidence;
use crate::demo::traffic::Outcome::Silence;
use crate::demo::traffic::Probe::{Tcp, Udp};
use crate::demo::world::Host::{Client, Firewall, Server};
use crate::demo::world::{CLIENT, FIREWALL, SECOND, SERVER};
use Step::{Lists, Note, Run};

const fn nat(chain: &'static str, number: usize) -> Evidence {
    Evidence::Rule("nat", chain, number)
}

pub(super) const LESSONS: &[Lesson] = &[
    Lesson {
        name: "dnat",
        title: "DNAT: the firewall's port 8081 is the server's port 80",
        steps: &[
            Run(
                "iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 8081 -j DNAT --to-destination 10.0.0.2:80",
            ),
            attempt(
                Client,
                Tcp(8081),
                FIREWALL,
                answer(Server, 80, CLIENT),
                &[nat("PREROUTING", 1)],
            ),
            Lists(
                "iptables -n -t nat -L",
                &[
                    "Chain PREROUTING (policy ACCEPT)",
                    "DNAT tcp -- 0.0.0.0/0 0.0.0.0/0 tcp dpt:8081 to:10.0.0.2:80",
                ],
            ),
            Note("What is forwarded has to pass FORWARD, with the address it was given."),
            Run("iptables -A FORWARD -d 10.0.0.2 -p tcp --dport 80 -j DROP"),
            attempt(
                Client,
                Tcp(8081),
                FIREWALL,
                Silence,
                &[nat("PREROUTING", 1), rule("FORWARD", 1)],
            ),
        ],
    },
    Lesson {
        name: "snat",
        title: "SNAT: the server goes out under the firewall's second address",
        steps: &[
            attempt(Server, Tcp(80), CLIENT, answer(Client, 80, SERVER), &[policy("FORWARD")]),
            Run(
                "iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -o eth0 -j SNAT --to-source 203.0.113.10",
            ),
            attempt(Server, Tcp(80), CLIENT, answer(Client, 80, SECOND), &[nat("POSTROUTING", 1)]),
        ],
    },
    Lesson {
        name: "masquerade",
        title: "MASQUERADE: under the address of the interface, whatever it is",
        steps: &[
            Run("iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"),
            attempt(
                Server,
                Tcp(80),
                CLIENT,
                answer(Client, 80, FIREWALL),
                &[nat("POSTROUTING", 1)],
            ),
            Note("Only eth0 is masked: into the inside the client is itself."),
            attempt(
                Client,
                Udp(5060),
                SERVER,
                answer(Server, 5060, CLIENT),
                &[Evidence::Policy("nat", "POSTROUTING")],
            ),
        ],
    },
    Lesson {
        name: "redirect",
        title: "REDIRECT: to a proxy on the firewall itself",
        steps: &[
            Run(
                "iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 80 -j REDIRECT --to-ports 3128",
            ),
            attempt(
                Client,
                Tcp(80),
                SERVER,
                answer(Firewall, 3128, CLIENT),
                &[nat("PREROUTING", 1)],
            ),
            Run("iptables -P FORWARD DROP"),
            attempt(
                Client,
                Tcp(80),
                SERVER,
                answer(Firewall, 3128, CLIENT),
                &[nat("PREROUTING", 1)],
            ),
            attempt(Client, Tcp(22), SERVER, Silence, &[policy("FORWARD")]),
        ],
    },
];
