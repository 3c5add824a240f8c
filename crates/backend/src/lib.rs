//! Where rules live: the kernel's nf_tables.
