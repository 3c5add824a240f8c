//! Bytes only, no I/O: netlink attributes, nf_tables messages and expressions.
//!
//! - [`nl`]: messages and attributes of any netlink family, written into one `Vec` and read as borrowed views.
//! - [`nft`]: the messages of nf_tables and of its xtables bridge (`nft_compat`).
//! - [`nft::expr`]: one rule's expressions.
//! - [`nft::cond`]: expressions folded into conditions and actions, with the registers gone.
//!
//! Reading never panics and never drops what it does not understand: an expression with an attribute or a
//! flag this crate does not know becomes [`nft::expr::Expr::Unknown`] with all its bytes.

pub mod nft;
pub mod nl;
