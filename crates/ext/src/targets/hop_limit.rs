//! The time to live of IPv4 and the hop limit of IPv6 changed (kernel `net/netfilter/xt_HL.c`).

use crate::abi::{self, abi};
use crate::*;

/// `-j TTL` (`V6 = false`) and `-j HL`: one field under two names.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HopLimit<const V6: bool> {
    /// How it is changed.
    pub change: Change,
    /// What it is set to, or by how much it changes.
    pub by: u8,
}

/// `IPT_TTL_*` (linux/netfilter_ipv4/ipt_TTL.h), `IP6T_HL_*`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Change {
    /// Set.
    Set,
    /// Made greater, at most 255.
    Increment,
    /// Made less, at least 0.
    Decrement,
}

type Change3 = [(Opt<u8>, Change); 3];

const fn options(names: [&'static str; 3], others: [&'static [&'static str]; 3]) -> Change3 {
    let [set, dec, inc] = names;
    let [not_set, not_dec, not_inc] = others;
    [
        (Opt::new(set, "set it").within(0, 255).excludes(not_set), Change::Set),
        (Opt::new(dec, "make it less").within(1, 255).excludes(not_dec), Change::Decrement),
        (Opt::new(inc, "make it greater").within(1, 255).excludes(not_inc), Change::Increment),
    ]
}

impl<const V6: bool> HopLimit<V6> {
    const NAME: &'static str = if V6 { "HL" } else { "TTL" };
    const OPTIONS: Change3 = if V6 {
        options(
            ["hl-set", "hl-dec", "hl-inc"],
            [&["hl-dec", "hl-inc"], &["hl-set", "hl-inc"], &["hl-set", "hl-dec"]],
        )
    } else {
        options(
            ["ttl-set", "ttl-dec", "ttl-inc"],
            [&["ttl-dec", "ttl-inc"], &["ttl-set", "ttl-inc"], &["ttl-set", "ttl-dec"]],
        )
    };
}

impl<const V6: bool> Extension for HopLimit<V6> {
    const SPEC: Spec = Spec {
        families: if V6 { Families::Ip6 } else { Families::Ip4 },
        options: &[Self::OPTIONS[0].0.def(), Self::OPTIONS[1].0.def(), Self::OPTIONS[2].0.def()],
        revisions: &[Revision::new(0, 8)],
        doc: if V6 { "changes the hop limit" } else { "changes the time to live" },
        cases: if V6 {
            &[
                ("--hl-set 0", Some("--hl-set 0")),
                ("--hl-inc 0xff", Some("--hl-inc 255")),
                ("--hl-dec 0", None),
                ("--hl-set 1 --hl-dec 1", None),
                ("", None),
            ]
        } else {
            &[
                ("--ttl-set 64", Some("--ttl-set 64")),
                ("--ttl-dec 1", Some("--ttl-dec 1")),
                ("--ttl-inc 0", None),
                ("--ttl-set 256", None),
                ("", None),
            ]
        },
        ..Spec::named(Self::NAME)
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        for (opt, change) in &Self::OPTIONS {
            if let Some(by) = args.get(opt, cx)? {
                return Ok(Self { change: *change, by });
            }
        }
        let none =
            if V6 { "HL: You must specify an action" } else { "TTL: You must specify an action" };
        Err(ArgError::own(Self::NAME, none))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        for (opt, _) in Self::OPTIONS.iter().filter(|(_, change)| *change == self.change) {
            w.opt(opt, &self.by);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word(Self::NAME).raw(match self.change {
            Change::Set => " set to ",
            Change::Increment => " increment by ",
            Change::Decrement => " decrement by ",
        });
        w.number(self.by);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let mode = match self.change {
            Change::Set => 0,
            Change::Increment => 1,
            Change::Decrement => 2,
        };
        abi::push(out, HopLimitInfo { mode, by: self.by });
        out.extend_from_slice(&[0; 6]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let HopLimitInfo { mode, by } = abi::read(bytes)?;
        let change = match (mode, by) {
            (0, _) => Change::Set,
            (1, 1..) => Change::Increment,
            (2, 1..) => Change::Decrement,
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Self { change, by })
    }

    fn effect(&self) -> Effect {
        Effect::HopLimit(self.change, self.by)
    }
}

abi! {
    /// `struct ipt_TTL_info` (linux/netfilter_ipv4/ipt_TTL.h) and `struct ip6t_HL_info`.
    struct HopLimitInfo[2] { mode: u8 = 0, by: u8 = 1 }
}
