//! Rules, chains, tables and the edits on them.
