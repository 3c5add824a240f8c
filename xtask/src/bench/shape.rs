//! The rule sets that are measured.

use std::fmt::Write;

/// Two shapes of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One chain; each rule an address and a port.
    Address,
    /// As a service proxy writes them: a chain for every fifty rules, three matches in each rule.
    Service,
}

/// Rules in a chain of [`Shape::Service`].
const PER_CHAIN: usize = 50;

impl Shape {
    /// As the table calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Shape::Address => "address + port",
            Shape::Service => "service chains, 3 matches",
        }
    }

    /// A save file of that many rules.
    pub(super) fn rules(self, size: usize) -> String {
        let mut text =
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                .to_owned();
        match self {
            Shape::Address => (0..size).for_each(|n| put(&mut text, "INPUT", &address(n))),
            Shape::Service => {
                let chains = size.div_ceil(PER_CHAIN);
                (0..chains).for_each(|c| text.push_str(&format!(":{} - [0:0]\n", chain(c))));
                (0..chains).for_each(|c| {
                    put(&mut text, "FORWARD", &format!("-d {} -j {}", ip(c), chain(c)))
                });
                (0..size).for_each(|n| put(&mut text, &chain(n / PER_CHAIN), &service(n)));
            }
        }
        text.push_str("COMMIT\n");
        text
    }

    /// The chain and the words of the last rule: what a search finds last.
    pub(super) fn last(self, size: usize) -> (String, String) {
        let n = size.saturating_sub(1);
        match self {
            Shape::Address => ("INPUT".to_owned(), address(n)),
            Shape::Service => (chain(n / PER_CHAIN), service(n)),
        }
    }
}

/// Rules of the first shape, spread over chains of their own.
pub(super) fn spread(size: usize, chains: usize) -> String {
    let mut text = "*filter\n".to_owned();
    (0..chains).for_each(|c| text.push_str(&format!(":{} - [0:0]\n", chain(c))));
    (0..size).for_each(|n| put(&mut text, &chain(n % chains.max(1)), &address(n)));
    text.push_str("COMMIT\n");
    text
}

fn put(text: &mut String, chain: &str, rule: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "-A {chain} {rule}");
}

fn chain(n: usize) -> String {
    format!("KUBE-SVC-{n:016X}")
}

/// Different for every number below 2^24.
fn ip(n: usize) -> String {
    format!("10.{}.{}.{}/32", n >> 16 & 255, n >> 8 & 255, n & 255)
}

fn address(n: usize) -> String {
    format!("-s {} -p tcp -m tcp --dport {} -j ACCEPT", ip(n), n % 65_535 + 1)
}

fn service(n: usize) -> String {
    let port = n % 65_535 + 1;
    format!(
        "-d {} -p tcp -m comment --comment default/service-{n} -m tcp --dport {port} -m statistic --mode random --probability 0.5 -j ACCEPT",
        ip(n)
    )
}
