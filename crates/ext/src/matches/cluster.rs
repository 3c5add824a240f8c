//! Connections shared out among machines (kernel `net/netfilter/xt_cluster.c:xt_cluster_mt`).

use crate::abi::{self, Plain, abi};
use crate::*;
use oxtables_packet::ct_status;
use std::net::IpAddr;

const TOTAL: Opt<u32> = Opt::new("cluster-total-nodes", "so many machines").within(1, 32);
const LOCAL_NODE: Opt<Neg<u32>> =
    Opt::neg("cluster-local-node", "this is machine N, counted from 1")
        .within(1, 32)
        .excludes(&["cluster-local-nodemask"]);
const LOCAL_NODEMASK: Opt<Neg<u32>> =
    Opt::neg("cluster-local-nodemask", "this is each machine whose bit is set")
        .within(1, u32::MAX as u64);
const HASH_SEED: Opt<u32> =
    Opt::new("cluster-hash-seed", "the seed of the hash").within(0, u32::MAX as u64);

/// `XT_CLUSTER_F_INV`.
const INVERT: u32 = 1;

/// `-m cluster`.
///
/// COMPAT: upstream refuses a mask above 32, though it saves such masks; here every mask of the
/// machines there are is read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cluster {
    total: u32,
    nodes: Neg<u32>,
    seed: u32,
}

/// A bit for each of `total` machines.
fn all_nodes(total: u32) -> u32 {
    u32::MAX.checked_shr(32u32.saturating_sub(total)).unwrap_or(0)
}

fn own(sentence: &'static str) -> ArgError {
    ArgError::own("cluster", sentence)
}

impl Extension for Cluster {
    const SPEC: Spec = Spec {
        options: &[TOTAL.def(), LOCAL_NODE.def(), LOCAL_NODEMASK.def(), HASH_SEED.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the connections that fall to this machine of a cluster",
        cases: &[
            (
                "--cluster-total-nodes 4 --cluster-local-node 2 --cluster-hash-seed 0xabc",
                Some(
                    "--cluster-local-nodemask 0x00000002 --cluster-total-nodes 4 \
                     --cluster-hash-seed 0x00000abc",
                ),
            ),
            (
                "--cluster-total-nodes 32 ! --cluster-local-node 32 --cluster-hash-seed 1",
                Some(
                    "! --cluster-local-nodemask 0x80000000 --cluster-total-nodes 32 \
                     --cluster-hash-seed 0x00000001",
                ),
            ),
            ("--cluster-total-nodes 4 --cluster-local-node 5 --cluster-hash-seed 1", None),
            ("--cluster-total-nodes 4 --cluster-local-nodemask 16 --cluster-hash-seed 1", None),
            ("--cluster-total-nodes 33 --cluster-local-node 1 --cluster-hash-seed 1", None),
            ("--cluster-total-nodes 4 --cluster-local-node 1", None),
            ("--cluster-local-node 1 --cluster-hash-seed 1", None),
            ("--cluster-total-nodes 4 --cluster-hash-seed 1", None),
        ],
        ..Spec::named("cluster")
    };

    /// The sentences come in upstream's order, which asks for the machine before all else.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let node = args.get_neg(&LOCAL_NODE, cx)?;
        let mask = args.get_neg(&LOCAL_NODEMASK, cx)?;
        let bit = node.map(|n| n.map(|n| 1u32.checked_shl(n.saturating_sub(1)).unwrap_or(0)));
        let none = "cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing";
        let nodes = mask.or(bit).ok_or(own(none))?;
        let (total, seed) = (args.need(&TOTAL, cx)?, args.need(&HASH_SEED, cx)?);
        if nodes.value & !all_nodes(total) != 0 {
            return Err(own(match node {
                Some(_) => {
                    "cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'"
                }
                None => {
                    "cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'"
                }
            }));
        }
        Ok(Self { total, nodes, seed })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let hex = |n: u32| format!("0x{n:08x}");
        w.name(self.nodes.not, LOCAL_NODEMASK.def().name);
        w.word(&hex(self.nodes.value));
        w.opt(&TOTAL, &self.total);
        w.name(false, HASH_SEED.def().name);
        w.word(&hex(self.seed));
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let Self { total, nodes: Neg { not, value }, seed } = *self;
        let sign = if not { "!" } else { "" };
        w.word(&format!(
            "cluster {sign}node_mask=0x{value:08x} total_nodes={total} hash_seed=0x{seed:08x}"
        ));
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(
            out,
            XtClusterMatchInfo {
                total_nodes: self.total,
                node_mask: self.nodes.value,
                hash_seed: self.seed,
                flags: if self.nodes.not { INVERT } else { 0 },
            },
        );
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtClusterMatchInfo = abi::read(bytes)?;
        let total = raw.total_nodes;
        let known = (1..=32).contains(&total)
            && raw.node_mask != 0
            && raw.node_mask & !all_nodes(total) == 0;
        let nodes = Neg { not: raw.flags & INVERT != 0, value: raw.node_mask };
        let value = Self { total, nodes, seed: raw.hash_seed };
        if known { Ok(value) } else { Err(DecodeError::Unknown) }
    }
}

impl Match for Cluster {
    /// It is never moved: it turns packets to a multicast link address into packets for this host.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let ct = &cx.conntrack;
        let hash = || {
            // A connection that another expected falls to the machine of that one.
            match ct.status.test(|status| status & ct_status::EXPECTED != 0) {
                Truth::No => ct.original.test(|tuple| {
                    let hash = u64::from(hash_of(tuple.src, self.seed));
                    let node = (hash * u64::from(self.total)) >> 32;
                    self.nodes.value >> node & 1 != 0
                }),
                Truth::Yes => Truth::Unknown("the connection that expected this one is not known"),
                unknown => unknown,
            }
        };
        match ct.has_entry() {
            Truth::Yes => hash().invert_if(self.nodes.not),
            other => other,
        }
    }
}

/// The hash of the address that opened the connection: Bob Jenkins's (kernel
/// `include/linux/jhash.h`) over its first four bytes as they lie in memory. Of an IPv6 address the
/// kernel too takes no more: `NF_CT_TUPLE_L3SIZE` counts words, and `xt_cluster_hash_ipv6` divides it
/// by the size of one.
fn hash_of(addr: IpAddr, seed: u32) -> u32 {
    let start = JHASH_INITVAL.wrapping_add(4).wrapping_add(seed);
    let first = u32::get(&oxtables_base::addr::octets(&addr));
    hash_end([start.wrapping_add(first), start, start])
}

const JHASH_INITVAL: u32 = 0xdead_beef;

/// `__jhash_final`.
fn hash_end([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

abi! {
    /// `struct xt_cluster_match_info` (linux/netfilter/xt_cluster.h).
    struct XtClusterMatchInfo[16] {
        total_nodes: u32 = 0,
        node_mask: u32 = 4,
        hash_seed: u32 = 8,
        flags: u32 = 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(addr: &str) -> u64 {
        ((u64::from(hash_of(addr.parse().unwrap(), 0xdead_beef)) * 5) >> 32) + 1
    }

    /// Counted by rules of a kernel 6.18 for packets from these addresses.
    #[test]
    fn connections_fall_to_the_machines_that_the_kernel_gives_them() {
        let v4: Vec<u64> = (1..9).map(|i| node(&format!("127.0.{i}.{i}"))).collect();
        assert_eq!(v4, [2, 2, 3, 4, 3, 4, 5, 3]);
        let v6: Vec<u64> = (1..9).map(|i| node(&format!("200{i}:{i}::{i}"))).collect();
        assert_eq!(v6, [2, 1, 4, 1, 5, 3, 4, 5]);
    }
}
