//! The packet dropped and its sender told so (kernel `net/ipv4/netfilter/ipt_REJECT.c`,
//! `net/ipv6/netfilter/ip6t_REJECT.c`).

use crate::abi::{self, abi};
use crate::*;
use oxtables_base::sample::Rng;

/// `-j REJECT`, of IPv4 (`V6 = false`) or IPv6.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reject<const V6: bool>(pub Answer<V6>);

/// The number of an answer: `IPT_ICMP_*`, `IPT_TCP_RESET` (linux/netfilter_ipv4/ipt_REJECT.h) or
/// `IP6T_ICMP6_*`, `IP6T_TCP_RESET` (linux/netfilter_ipv6/ip6t_REJECT.h).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Answer<const V6: bool>(u32);

/// The saved name, the short name, the number.
type Names = &'static [(&'static str, &'static str, u32)];

const NAMES_4: Names = &[
    ("icmp-net-unreachable", "net-unreach", 0),
    ("icmp-host-unreachable", "host-unreach", 1),
    ("icmp-proto-unreachable", "proto-unreach", 2),
    ("icmp-port-unreachable", "port-unreach", 3),
    ("icmp-net-prohibited", "net-prohib", 5),
    ("icmp-host-prohibited", "host-prohib", 6),
    ("tcp-reset", "tcp-rst", 7),
    ("icmp-admin-prohibited", "admin-prohib", 8),
];

const NAMES_6: Names = &[
    ("icmp6-no-route", "no-route", 0),
    ("icmp6-adm-prohibited", "adm-prohibited", 1),
    ("icmp6-addr-unreachable", "addr-unreach", 3),
    ("icmp6-port-unreachable", "port-unreach", 4),
    ("tcp-reset", "tcp-reset", 6),
    ("icmp6-policy-fail", "policy-fail", 7),
    ("icmp6-reject-route", "reject-route", 8),
];

impl<const V6: bool> Answer<V6> {
    const NAMES: Names = if V6 { NAMES_6 } else { NAMES_4 };
    /// Port unreachable.
    const DEFAULT: Self = Self(if V6 { 4 } else { 3 });

    /// The answer of `number`, when it has a name.
    fn from_number(number: u32) -> Option<Self> {
        Self::NAMES.iter().any(|&(.., n)| n == number).then_some(Self(number))
    }

    /// The kernel's number for it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The name it is saved under.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|&&(.., n)| n == self.0).map_or("", |&(name, ..)| name)
    }
}

/// COMPAT: the beginning of a name is enough, and the first name of the list that begins so is
/// meant: `icmp` and even an empty word are `icmp-net-unreachable`.
impl<const V6: bool> Value for Answer<V6> {
    const SYNTAX: &'static str = "type";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        let begins = |name: &str| {
            let head = name.as_bytes().get(..word.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(word))
        };
        let found = Self::NAMES.iter().find(|(long, short, _)| begins(long) || begins(short));
        found.map(|&(.., n)| Self(n)).ok_or(ValueError::Own("unknown reject type \"%\""))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name().as_bytes());
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.pick(Self::NAMES).map_or_else(Vec::new, |(_, short, _)| short.as_bytes().to_vec())
    }
}

impl<const V6: bool> Reject<V6> {
    const WITH: Opt<Answer<V6>> = Opt::new("reject-with", "what the sender is told");
}

impl<const V6: bool> Extension for Reject<V6> {
    const SPEC: Spec = Spec {
        families: if V6 { Families::Ip6 } else { Families::Ip4 },
        options: &[Self::WITH.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "drops the packet and tells its sender",
        cases: if V6 {
            &[
                ("", Some("--reject-with icmp6-port-unreachable")),
                ("--reject-with no", Some("--reject-with icmp6-no-route")),
                ("--reject-with tcp-reset", Some("--reject-with tcp-reset")),
                ("--reject-with icmp-host-unreachable", None),
            ]
        } else {
            &[
                ("", Some("--reject-with icmp-port-unreachable")),
                ("--reject-with icmp-host", Some("--reject-with icmp-host-unreachable")),
                ("--reject-with NET-PROHIB", Some("--reject-with icmp-net-prohibited")),
                ("--reject-with tcp", Some("--reject-with tcp-reset")),
                ("--reject-with echo-reply", None),
                ("--reject-with icmp6-no-route", None),
            ]
        },
        ..Spec::named("REJECT")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self(args.get(&Self::WITH, cx)?.unwrap_or(Answer::DEFAULT)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&Self::WITH, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("reject-with ").value(&self.0);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, RejectInfo { with: self.0.0 });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: RejectInfo = abi::read(bytes)?;
        Answer::from_number(raw.with).map(Self).ok_or(DecodeError::Unknown)
    }

    fn effect(&self) -> Effect {
        Effect::Reject { with: self.0.name() }
    }
}

abi! {
    /// `struct ipt_reject_info` and `struct ip6t_reject_info`.
    struct RejectInfo[4] { with: u32 = 0 }
}
