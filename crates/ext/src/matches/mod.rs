//! One file a match.

pub mod comment;
pub mod mark;
mod native_ports;
pub mod tcp;
