//! One file a target.

pub mod connmark;
pub mod connsecmark;
pub mod ct;
pub mod dnat;
pub mod dscp;
pub mod hop_limit;
pub mod log;
pub mod mark;
pub mod masquerade;
pub mod nat;
pub mod netmap;
pub mod nflog;
pub mod nfqueue;
pub mod notrack;
pub mod redirect;
pub mod reject;
pub mod set;
pub mod snat;
pub mod tcpmss;
pub mod tos;
pub mod trace;
