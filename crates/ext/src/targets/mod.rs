//! One file a target.

pub mod dnat;
pub mod log;
pub mod masquerade;
pub mod nat;
pub mod netmap;
pub mod redirect;
pub mod snat;
