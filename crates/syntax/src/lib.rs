//! Text to model and back: the command line, save files and listings of the family.

mod address;
pub mod argv;
pub mod error;
mod options;

pub use argv::{Invocation, Parsed, Request, Setting, parse};
pub use error::{UsageError, UsageErrorKind};
