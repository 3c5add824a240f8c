//! Netlink messages and attributes (`linux/netlink.h`): [`Writer`], [`Messages`], [`Attrs`], [`Failure`].

mod failure;
mod read;
mod write;

pub use failure::Failure;
pub use read::{Attr, Attrs, Message, Messages, WireError};
pub use write::{Nest, Open, WriteError, Writer};

/// Bytes in `struct nlmsghdr`.
pub const HEADER_LEN: usize = 16;
/// Bytes in `struct nfgenmsg`, which follows the header in every nfnetlink message.
pub const NFGEN_LEN: usize = 4;

/// `NLM_F_*`, as in the header's flags field.
pub mod flag {
    /// A request.
    pub const REQUEST: u16 = 0x1;
    /// One of several replies, ended by `NLMSG_DONE`.
    pub const MULTI: u16 = 0x2;
    /// Answer with an `NLMSG_ERROR`, also on success.
    pub const ACK: u16 = 0x4;
    /// The dump changed under the reader and may be inconsistent.
    pub const DUMP_INTR: u16 = 0x10;
    /// GET: the whole table (`NLM_F_ROOT | NLM_F_MATCH`).
    pub const DUMP: u16 = 0x300;
    /// NEW: replace what is there.
    pub const REPLACE: u16 = 0x100;
    /// NEW: fail if it is there.
    pub const EXCL: u16 = 0x200;
    /// NEW: create if it is not there.
    pub const CREATE: u16 = 0x400;
    /// NEW: add to the end of the list.
    pub const APPEND: u16 = 0x800;
    /// DEL: do not delete recursively.
    pub const NONREC: u16 = 0x100;
    /// Error reply: the original message was cut after its header (`NETLINK_CAP_ACK`).
    pub const CAPPED: u16 = 0x100;
    /// Error reply: extended-ack attributes follow.
    pub const ACK_TLVS: u16 = 0x200;
}

/// Control message types.
pub mod kind {
    /// `NLMSG_NOOP`.
    pub const NOOP: u16 = 1;
    /// `NLMSG_ERROR`: also an acknowledgement, with error 0.
    pub const ERROR: u16 = 2;
    /// `NLMSG_DONE`: the end of a dump, with its error code.
    pub const DONE: u16 = 3;
    /// `NLMSG_OVERRUN`.
    pub const OVERRUN: u16 = 4;
}

/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;
/// `NLA_F_NET_BYTEORDER`.
const NET_BYTEORDER: u16 = 0x4000;

/// `NLMSG_ALIGN` and `NLA_ALIGN`.
const fn aligned(len: usize) -> usize {
    len.saturating_add(3) & !3
}

#[cfg(test)]
mod tests;
