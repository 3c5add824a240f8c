//! What a match keeps between packets, told as plain data: the engine keeps it, with the kernel's arithmetic.

use std::net::IpAddr;

/// A match whose answer depends on the packets before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Keeps {
    /// A bucket of tokens (`net/netfilter/nft_limit.c`).
    Limit {
        /// So many packets ...
        rate: u64,
        /// ... in so many seconds.
        unit: u64,
        /// So many at once.
        burst: u32,
    },
    /// A bucket for each address, port or connection (`net/netfilter/xt_hashlimit.c`).
    Hashlimit(Box<HashBuckets>),
    /// A list of addresses (`net/netfilter/xt_recent.c`).
    Recent(Box<RecentList>),
    /// Every so many packets (`net/netfilter/xt_statistic.c`).
    Nth {
        /// The answer is turned round.
        not: bool,
        /// One of so many.
        every: u32,
        /// Which of them, from 0 on.
        packet: u32,
    },
    /// The connections of a network (`net/netfilter/xt_connlimit.c`).
    Connlimit {
        /// Holds for more than `limit`, else for that many or fewer.
        above: bool,
        /// So many connections.
        limit: u32,
        /// Hosts alike in these bits are one.
        mask: IpAddr,
        /// The destination's, not the source's.
        by_destination: bool,
    },
    /// Bytes used up (`net/netfilter/xt_quota.c`).
    Quota {
        /// The answer is turned round.
        not: bool,
        /// So many bytes.
        bytes: u64,
    },
}

/// `struct hashlimit_cfg3` and the table's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HashBuckets {
    /// The name of the table, which rules share.
    pub name: Vec<u8>,
    /// `XT_HASHLIMIT_*`: DIP 1, DPT 2, SIP 4, SPT 8, INVERT 16, BYTES 32, RATE_MATCH 64.
    pub mode: u32,
    /// The rate, in the kernel's scale.
    pub avg: u64,
    /// The burst.
    pub burst: u64,
    /// How many entries at most; 0: as many as there are buckets.
    pub max: u32,
    /// Milliseconds after which an idle entry goes.
    pub expire: u32,
    /// Milliseconds between clean-ups.
    pub gc_interval: u32,
    /// Leading bits of the source that count.
    pub srcmask: u8,
    /// Leading bits of the destination that count.
    pub dstmask: u8,
    /// Seconds over which a rate match looks.
    pub interval: u32,
}

/// `struct xt_recent_mtinfo_v1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecentList {
    /// The list's name.
    pub name: Vec<u8>,
    /// `XT_RECENT_*`: CHECK 1, SET 2, UPDATE 4, REMOVE 8, TTL 16, REAP 32.
    pub check_set: u8,
    /// The answer is turned round.
    pub not: bool,
    /// Only if seen within so many seconds; 0: whenever.
    pub seconds: u32,
    /// Only if seen so many times; 0: any.
    pub hit_count: u32,
    /// The destination's address, not the source's.
    pub by_destination: bool,
    /// The bits of the address that count.
    pub mask: IpAddr,
}
