//! The extensions: one file a match, one file a target.
