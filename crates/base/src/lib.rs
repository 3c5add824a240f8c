//! Addresses, masks, names, numbers and error kinds: the words every room speaks.
