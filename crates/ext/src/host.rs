//! The machine around an extension: the few things it must ask while it reads or writes itself.

use oxtables_base::Family;
use std::net::IpAddr;

/// Why the machine could not answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostError {
    /// There is no such thing.
    NotFound,
    /// The kernel refused to say, with this `errno`.
    Refused(i32),
}

/// What an extension may ask of the machine.
pub trait Host {
    /// The index of the ipset called `name`.
    ///
    /// # Errors
    /// When there is no such set or the kernel has no sets.
    fn set_by_name(&self, name: &[u8]) -> Result<u16, HostError>;

    /// The family of what the ipset called `name` holds; `None` when it holds either, or is not
    /// known.
    fn set_family(&self, _name: &[u8]) -> Option<Family> {
        None
    }

    /// The name of the ipset with `index`.
    ///
    /// # Errors
    /// As [`Self::set_by_name`].
    fn set_by_index(&self, index: u16) -> Result<Vec<u8>, HostError>;

    /// The addresses a host name stands for.
    ///
    /// # Errors
    /// When the name is not known.
    fn resolve(&self, name: &[u8], family: Family) -> Result<Vec<IpAddr>, HostError>;

    /// The name of an address, for listings without `-n`.
    fn name_of(&self, addr: IpAddr) -> Option<Vec<u8>>;

    /// Tells the person at the terminal something that does not stop the command.
    fn warn(&self, text: &str);
}

/// A machine that knows nothing: for tests, and for work that must not depend on where it runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn set_by_name(&self, _: &[u8]) -> Result<u16, HostError> {
        Err(HostError::NotFound)
    }
    fn set_by_index(&self, _: u16) -> Result<Vec<u8>, HostError> {
        Err(HostError::NotFound)
    }
    fn resolve(&self, _: &[u8], _: Family) -> Result<Vec<IpAddr>, HostError> {
        Err(HostError::NotFound)
    }
    fn name_of(&self, _: IpAddr) -> Option<Vec<u8>> {
        None
    }
    fn warn(&self, _: &str) {}
}
