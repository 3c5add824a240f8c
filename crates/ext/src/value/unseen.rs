//! What makes no difference.

use std::hash::{Hash, Hasher};

/// How something was said where the kernel does not care, kept so that a rule is sent back as it
/// came. It takes no part in comparisons.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen<T>(pub T);

impl<T> PartialEq for Unseen<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Unseen<T> {}

impl<T> Hash for Unseen<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
