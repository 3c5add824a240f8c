//! The messages of nf_tables (`linux/netfilter/nf_tables.h`), of its batches (`nfnetlink.h`) and of the xtables bridge
//! (`nf_tables_compat.h`). Attributes are written in the order upstream iptables 1.8.13 sends them.

pub mod cond;
pub mod expr;
mod read;
mod trace;

pub use read::{ChainView, RuleView, TableView, genid};
pub use trace::{TraceKind, TraceView, code};

use crate::nl::{WriteError, Writer, flag};

/// `NFNL_SUBSYS_NFTABLES`, also the `res_id` of a batch.
const SUBSYS: u16 = 10;
/// `NFNL_SUBSYS_NFT_COMPAT << 8 | NFNL_MSG_COMPAT_GET`.
pub const MSG_COMPAT_GET: u16 = 11 << 8;
/// `NFNL_MSG_BATCH_BEGIN`.
const MSG_BATCH_BEGIN: u16 = 0x10;
/// `NFNL_MSG_BATCH_END`.
const MSG_BATCH_END: u16 = 0x11;

/// nf_tables message types, subsystem included.
pub mod msg {
    use super::SUBSYS;
    /// `NFT_MSG_NEWTABLE`.
    pub const NEWTABLE: u16 = SUBSYS << 8;
    /// `NFT_MSG_GETTABLE`.
    pub const GETTABLE: u16 = NEWTABLE + 1;
    /// `NFT_MSG_DELTABLE`.
    pub const DELTABLE: u16 = NEWTABLE + 2;
    /// `NFT_MSG_NEWCHAIN`.
    pub const NEWCHAIN: u16 = NEWTABLE + 3;
    /// `NFT_MSG_GETCHAIN`.
    pub const GETCHAIN: u16 = NEWTABLE + 4;
    /// `NFT_MSG_DELCHAIN`.
    pub const DELCHAIN: u16 = NEWTABLE + 5;
    /// `NFT_MSG_NEWRULE`.
    pub const NEWRULE: u16 = NEWTABLE + 6;
    /// `NFT_MSG_GETRULE`.
    pub const GETRULE: u16 = NEWTABLE + 7;
    /// `NFT_MSG_DELRULE`.
    pub const DELRULE: u16 = NEWTABLE + 8;
    /// `NFT_MSG_NEWGEN`.
    pub const NEWGEN: u16 = NEWTABLE + 15;
    /// `NFT_MSG_GETGEN`.
    pub const GETGEN: u16 = NEWTABLE + 16;
    /// `NFT_MSG_TRACE`.
    pub const TRACE: u16 = NEWTABLE + 17;
}

/// `NFTA_TABLE_*`.
mod table_attr {
    pub(super) const NAME: u16 = 1;
    pub(super) const FLAGS: u16 = 2;
    pub(super) const HANDLE: u16 = 4;
    pub(super) const OWNER: u16 = 7;
}

/// `NFTA_CHAIN_*`, `NFTA_HOOK_*`.
mod chain_attr {
    pub(super) const TABLE: u16 = 1;
    pub(super) const HANDLE: u16 = 2;
    pub(super) const NAME: u16 = 3;
    pub(super) const HOOK: u16 = 4;
    pub(super) const POLICY: u16 = 5;
    pub(super) const USE: u16 = 6;
    pub(super) const TYPE: u16 = 7;
    pub(super) const COUNTERS: u16 = 8;
    pub(super) const FLAGS: u16 = 10;
    pub(super) const HOOK_NUM: u16 = 1;
    pub(super) const HOOK_PRIORITY: u16 = 2;
}

/// `NFTA_RULE_*`, `NFTA_RULE_COMPAT_*`.
mod rule_attr {
    pub(super) const TABLE: u16 = 1;
    pub(super) const CHAIN: u16 = 2;
    pub(super) const HANDLE: u16 = 3;
    pub(super) const EXPRESSIONS: u16 = 4;
    pub(super) const COMPAT: u16 = 5;
    pub(super) const POSITION: u16 = 6;
    pub(super) const USERDATA: u16 = 7;
    pub(super) const ID: u16 = 9;
    pub(super) const POSITION_ID: u16 = 10;
    pub(super) const COMPAT_PROTO: u16 = 1;
    pub(super) const COMPAT_FLAGS: u16 = 2;
}

/// `NFTA_COUNTER_*`.
pub(crate) mod counter_attr {
    pub(crate) const BYTES: u16 = 1;
    pub(crate) const PACKETS: u16 = 2;
    pub(crate) const PAD: u16 = 3;
}

/// `NFTA_GEN_ID`, `NFNL_BATCH_GENID`.
const GEN_ID: u16 = 1;

/// What every message says first.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// `NLM_F_*` besides `NLM_F_REQUEST`, which is always sent.
    pub flags: u16,
    /// Sequence number; the kernel's answers carry it.
    pub seq: u32,
    /// `NFPROTO_*`: 2 IPv4, 10 IPv6.
    pub family: u8,
}

/// Packets and bytes seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A base chain's place: `NF_INET_*` and the priority there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// `NF_INET_PRE_ROUTING` 0, `LOCAL_IN` 1, `FORWARD` 2, `LOCAL_OUT` 3, `POST_ROUTING` 4.
    pub number: u32,
    /// Lower runs earlier.
    pub priority: i32,
}

/// Begins a transaction; with `genid` the kernel answers `ERESTART` if the rule set has changed since.
pub fn batch_begin(w: &mut Writer, seq: u32, genid: Option<u32>) -> Result<(), WriteError> {
    let m = w.begin(MSG_BATCH_BEGIN, flag::REQUEST, seq, 0, SUBSYS);
    if let Some(genid) = genid {
        w.be32(GEN_ID, genid);
    }
    w.end(m)
}

/// Commits a transaction.
pub fn batch_end(w: &mut Writer, seq: u32) -> Result<(), WriteError> {
    let m = w.begin(MSG_BATCH_END, flag::REQUEST, seq, 0, SUBSYS);
    w.end(m)
}

/// Asks for the rule set's generation.
pub fn get_gen(w: &mut Writer, seq: u32) -> Result<(), WriteError> {
    let m = w.begin(msg::GETGEN, flag::REQUEST, seq, 0, 0);
    w.end(m)
}

/// A table message (`NEWTABLE`, `DELTABLE`, `GETTABLE`) that names the table, or with an empty name all of the family.
pub fn table(w: &mut Writer, kind: u16, head: Head, name: &[u8]) -> Result<(), WriteError> {
    let m = begin(w, kind, head);
    if !name.is_empty() {
        w.text(table_attr::NAME, name);
    }
    w.end(m)
}

/// What a chain message says; what is `None` or empty is not sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain<'a> {
    /// The table it is in.
    pub table: &'a [u8],
    /// Its name; in a rename the new one.
    pub name: &'a [u8],
    /// Its handle, for renames.
    pub handle: Option<u64>,
    /// Makes it a base chain.
    pub hook: Option<Hook>,
    /// `NF_DROP` 0 or `NF_ACCEPT` 1.
    pub policy: Option<u32>,
    /// `filter`, `nat` or `route`.
    pub kind: &'a [u8],
    /// Policy counters.
    pub counters: Option<Counters>,
}

/// A chain message (`NEWCHAIN`, `DELCHAIN`, `GETCHAIN`).
pub fn chain(w: &mut Writer, kind: u16, head: Head, chain: &Chain<'_>) -> Result<(), WriteError> {
    let m = begin(w, kind, head);
    if !chain.table.is_empty() {
        w.text(chain_attr::TABLE, chain.table);
    }
    if !chain.name.is_empty() {
        w.text(chain_attr::NAME, chain.name);
    }
    if let Some(handle) = chain.handle {
        w.be64(chain_attr::HANDLE, handle);
    }
    if let Some(hook) = chain.hook {
        let n = w.nest(chain_attr::HOOK);
        w.be32(chain_attr::HOOK_NUM, hook.number);
        w.be32(chain_attr::HOOK_PRIORITY, hook.priority.cast_unsigned());
        w.close(n);
    }
    if let Some(policy) = chain.policy {
        w.be32(chain_attr::POLICY, policy);
    }
    if let Some(counters) = chain.counters {
        let n = w.nest(chain_attr::COUNTERS);
        w.be64(counter_attr::PACKETS, counters.packets);
        w.be64(counter_attr::BYTES, counters.bytes);
        w.close(n);
    }
    if !chain.kind.is_empty() {
        w.text(chain_attr::TYPE, chain.kind);
    }
    w.end(m)
}

/// The `-p` of a rule, as the kernel wants it told to check the xtables extensions in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compat {
    /// Protocol number, 0 for none.
    pub proto: u32,
    /// `! -p` (`NFT_RULE_COMPAT_F_INV`).
    pub inverted: bool,
}

/// Where a rule message points and what it carries besides expressions; what is `None` or empty is not sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule<'a> {
    /// The table it is in.
    pub table: &'a [u8],
    /// The chain it is in; empty in a `DELRULE` means every chain.
    pub chain: &'a [u8],
    /// The rule to replace or delete.
    pub handle: Option<u64>,
    /// The rule to stand before (or after, with `NLM_F_APPEND`).
    pub position: Option<u64>,
    /// See [`Compat`].
    pub compat: Option<Compat>,
    /// `NFTA_RULE_USERDATA`: type-length-value triples.
    pub userdata: &'a [u8],
    /// Its name in this transaction.
    pub id: Option<u32>,
    /// The rule of this transaction to stand before.
    pub position_id: Option<u32>,
}

/// A rule message (`NEWRULE`, `DELRULE`, `GETRULE`); `expressions` writes into the expression list, see [`expr`]. An empty
/// list is sent only in a `NEWRULE`.
pub fn rule(
    w: &mut Writer,
    kind: u16,
    head: Head,
    rule: &Rule<'_>,
    expressions: impl FnOnce(&mut Writer),
) -> Result<(), WriteError> {
    let m = begin(w, kind, head);
    w.text(rule_attr::TABLE, rule.table);
    if !rule.chain.is_empty() {
        w.text(rule_attr::CHAIN, rule.chain);
    }
    if let Some(handle) = rule.handle {
        w.be64(rule_attr::HANDLE, handle);
    }
    if let Some(position) = rule.position {
        w.be64(rule_attr::POSITION, position);
    }
    if !rule.userdata.is_empty() {
        w.bytes(rule_attr::USERDATA, rule.userdata);
    }
    if kind == msg::NEWRULE {
        let n = w.nest(rule_attr::EXPRESSIONS);
        expressions(w);
        w.close(n);
    }
    if let Some(compat) = rule.compat {
        let n = w.nest(rule_attr::COMPAT);
        w.be32(rule_attr::COMPAT_PROTO, compat.proto);
        w.be32(rule_attr::COMPAT_FLAGS, if compat.inverted { COMPAT_F_INV } else { 0 });
        w.close(n);
    }
    if let Some(id) = rule.id {
        w.be32(rule_attr::ID, id);
    }
    if let Some(id) = rule.position_id {
        w.be32(rule_attr::POSITION_ID, id);
    }
    w.end(m)
}

/// `NFT_RULE_COMPAT_F_INV`.
const COMPAT_F_INV: u32 = 2;

/// Asks whether the kernel knows an extension at a revision; it answers `EPROTONOSUPPORT` or `ENOENT` if not.
pub fn compat_get(
    w: &mut Writer,
    head: Head,
    name: &[u8],
    rev: u32,
    target: bool,
) -> Result<(), WriteError> {
    let m = begin(w, MSG_COMPAT_GET, head);
    w.text(1, name);
    w.be32(2, rev);
    w.be32(3, u32::from(target));
    w.end(m)
}

fn begin(w: &mut Writer, kind: u16, head: Head) -> crate::nl::Open {
    w.begin(kind, head.flags | flag::REQUEST, head.seq, head.family, 0)
}
