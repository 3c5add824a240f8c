//! Text to model and back: the command line, save files and listings of the family.

mod address;
pub mod argv;
pub mod error;
pub mod help;
pub mod list;
pub mod options;
pub mod restore;
pub mod save;
mod words;

pub use argv::{Invocation, Parsed, Request, Setting, parse};
pub use error::{UsageError, UsageErrorKind};
pub use words::WordsError;
