//! A value that may be known, absent, or not known.

use crate::Truth;

/// What is known of one thing beside the packet's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// The value.
    Known(T),
    /// Known not to be there: no outgoing interface in INPUT, no socket, no connection.
    Absent,
    /// Not known, with the reason.
    Unknown(&'static str),
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self::Unknown("not given")
    }
}

impl<T> Known<T> {
    /// The test of the value: absent is [`Truth::No`], as with most matches of the kernel.
    pub fn test(&self, yes: impl FnOnce(&T) -> bool) -> Truth {
        match self {
            Self::Known(value) => yes(value).into(),
            Self::Absent => Truth::No,
            Self::Unknown(why) => Truth::Unknown(why),
        }
    }

    /// What follows from the value, if it is known.
    pub fn and_then<U>(self, then: impl FnOnce(T) -> Known<U>) -> Known<U> {
        match self {
            Self::Known(value) => then(value),
            Self::Absent => Known::Absent,
            Self::Unknown(why) => Known::Unknown(why),
        }
    }

    /// The value changed, if it is known.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        self.and_then(|value| Known::Known(f(value)))
    }

    /// A reference into it.
    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Self::Known(value) => Known::Known(value),
            Self::Absent => Known::Absent,
            Self::Unknown(why) => Known::Unknown(why),
        }
    }

    /// The value, if it is known and there.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The value, and `or` where it is known to be absent; else why it is not known.
    ///
    /// # Errors
    /// [`Truth::Unknown`] with the reason.
    pub fn or_absent(self, or: T) -> Result<T, Truth> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Absent => Ok(or),
            Self::Unknown(why) => Err(Truth::Unknown(why)),
        }
    }
}

impl<T> From<T> for Known<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}
