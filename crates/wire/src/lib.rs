//! Bytes only, no I/O: netlink attributes, nf_tables messages and expressions.
