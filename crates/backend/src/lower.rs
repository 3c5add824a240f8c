//! A rule as nf_tables expressions, byte for byte as iptables-nft 1.8.13 writes it, so that both tools read each other's rules.

use oxtables_base::{Family, HostMask, Interface, Neg, addr};
use oxtables_ext::{AnyMatch, AnyTarget, NativeCx};
use oxtables_model::{Action, Rule};
use oxtables_wire::nft::expr::{self, Base, CmpOp, REG_1, Verdict, meta};
use oxtables_wire::nft::{Compat, Counters};
use oxtables_wire::nl::Writer;

/// What upstream compares an interface's name with for `! -i +`: a name no interface can have.
pub(crate) const NO_INTERFACE: &[u8] = b"INVAL/D\0";
/// The kernel's name of the target behind `-j QUEUE`, and its struct.
pub(crate) const QUEUE: (&[u8], &[u8]) = (b"QUEUE", &[0; 8]);

/// Where the fields of an IP header are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Offset of the source address.
    pub(crate) source: u32,
    /// Offset of the destination address.
    pub(crate) destination: u32,
    /// Bytes of an address.
    pub(crate) address: u32,
}

/// The header of a family.
pub(crate) const fn header(family: Family) -> Header {
    match family {
        Family::Ip4 => Header { source: 12, destination: 16, address: 4 },
        Family::Ip6 => Header { source: 8, destination: 24, address: 16 },
    }
}

/// Offset of the protocol in the IPv4 header.
pub(crate) const PROTOCOL_AT: u32 = 9;
/// Offset of flags and fragment offset in the IPv4 header, and the bits of the latter.
pub(crate) const FRAGMENT_AT: u32 = 6;
pub(crate) const FRAGMENT_MASK: [u8; 2] = [0x1f, 0xff];

/// What a rule tells the kernel about its protocol, besides the expressions.
pub(crate) fn compat(protocol: Option<Neg<u8>>) -> Compat {
    protocol.map_or(Compat::default(), |p| Compat { proto: p.value.into(), inverted: p.not })
}

/// Appends a rule's expressions.
pub(crate) fn expressions(w: &mut Writer, family: Family, rule: &Rule) {
    let at = header(family);
    address(w, at.source, rule.source);
    address(w, at.destination, rule.destination);
    interface(w, meta::IIFNAME, rule.in_interface);
    interface(w, meta::OIFNAME, rule.out_interface);
    if let Some(Neg { not, value }) = rule.protocol {
        match family {
            Family::Ip4 => expr::payload(w, Base::Network, PROTOCOL_AT, 1, REG_1),
            Family::Ip6 => expr::meta(w, meta::L4PROTO, REG_1),
        }
        expr::cmp(w, REG_1, equal_unless(not), &[value]);
    }
    if let Some(Neg { not, .. }) = rule.fragment {
        expr::payload(w, Base::Network, FRAGMENT_AT, 2, REG_1);
        expr::bitwise(w, REG_1, 2, &FRAGMENT_MASK, &[0; 2]);
        // A later fragment is one whose offset is not zero.
        expr::cmp(w, REG_1, equal_unless(!not), &[0; 2]);
    }
    let cx = NativeCx { family, proto: rule.protocol };
    for m in &rule.matches {
        matched(w, &cx, m);
    }
    expr::counter(w, Counters { packets: rule.counters.packets, bytes: rule.counters.bytes });
    action(w, &cx, &rule.action);
}

const fn equal_unless(not: bool) -> CmpOp {
    if not { CmpOp::Neq } else { CmpOp::Eq }
}

fn address(w: &mut Writer, offset: u32, condition: Option<Neg<HostMask>>) {
    let Some(Neg { not, value }) = condition else { return };
    let (bytes, mask) = (value.addr(), value.mask());
    let (bytes, mask) = (addr::octets(&bytes), addr::octets(&mask));
    match value.prefix_len() {
        Some(0) if !not => {}
        // Whole bytes need no mask: only those are loaded.
        Some(len) if len % 8 == 0 => {
            expr::payload(w, Base::Network, offset, u32::from(len / 8), REG_1);
            let kept = bytes.get(..usize::from(len / 8)).unwrap_or_default();
            expr::cmp(w, REG_1, equal_unless(not), kept);
        }
        _ => {
            let len = u32::from(value.family().bits() / 8);
            expr::payload(w, Base::Network, offset, len, REG_1);
            let zero = [0; 16];
            expr::bitwise(w, REG_1, len, &mask, zero.get(..mask.len()).unwrap_or_default());
            expr::cmp(w, REG_1, equal_unless(not), &bytes);
        }
    }
}

fn interface(w: &mut Writer, key: u32, condition: Option<Neg<Interface>>) {
    let Some(Neg { not, value }) = condition else { return };
    if value.is_any() {
        if not {
            expr::meta(w, key, REG_1);
            expr::cmp(w, REG_1, CmpOp::Eq, NO_INTERFACE);
        }
        return;
    }
    expr::meta(w, key, REG_1);
    let (name, _) = value.name_and_mask();
    // The NUL of a whole name is compared too.
    let len = value.name().len() + usize::from(!value.is_wildcard());
    expr::cmp(w, REG_1, equal_unless(not), name.get(..len).unwrap_or_default());
}

fn matched(w: &mut Writer, cx: &NativeCx, m: &AnyMatch) {
    if !m.lower(w, cx) {
        let (name, revision) = m.kernel_name();
        expr::xt_match(w, name, revision.rev.into(), |out| m.encode(revision.rev, cx.family, out));
    }
}

fn action(w: &mut Writer, cx: &NativeCx, action: &Action) {
    let verdict = match action {
        Action::Continue => return,
        Action::Accept => Verdict::Accept,
        Action::Drop => Verdict::Drop,
        Action::Return => Verdict::Return,
        Action::Jump(chain) => Verdict::Jump(chain.bytes()),
        Action::Goto(chain) => Verdict::Goto(chain.bytes()),
        Action::Queue => {
            return expr::xt_target(w, QUEUE.0, 0, |out| out.extend_from_slice(QUEUE.1));
        }
        Action::Target(target) => return targeted(w, cx, target),
    };
    expr::verdict(w, verdict);
}

fn targeted(w: &mut Writer, cx: &NativeCx, target: &AnyTarget) {
    if !target.lower(w, cx) {
        let (name, revision) = target.kernel_name();
        expr::xt_target(w, name, revision.rev.into(), |out| {
            target.encode(revision.rev, cx.family, out)
        });
    }
}
