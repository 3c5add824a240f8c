//! The only room with unsafe: sockets, socket options, namespaces, interface names.
//!
//! Every call into C is wrapped once, with its errors typed and its SAFETY argument beside it; where rustix has a safe
//! wrapper that is used instead.

pub mod clock;
pub mod cpu;
pub mod entry;
pub mod errno;
pub mod interface;
pub mod ipset;
pub mod kernel_log;
pub mod links;
pub mod lock;
pub mod namespace;
pub mod netlink;
pub mod raw;
pub mod resolver;
pub mod route;
pub mod signal;
mod sockopt;
pub mod usage;
