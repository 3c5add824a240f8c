//! Interface names.

use super::{Value, ValueCx, ValueError};
use oxtables_base::sample::Rng;
use oxtables_base::{Interface, interface::InterfaceError};

/// COMPAT: upstream takes the empty name and names with control characters in options of extensions;
/// the kernel has no such interface, and the line saved could not be read again, so they are refused.
impl Value for Interface {
    const SYNTAX: &'static str = "interface[+]";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse(word).map_err(|e| match e {
            InterfaceError::TooLong => {
                ValueError::Own("interface name `%' must be shorter than IFNAMSIZ (15)")
            }
            InterfaceError::Empty | InterfaceError::Control => ValueError::Bad,
        })
    }

    fn save(&self, out: &mut Vec<u8>) {
        Self::save(self, out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.pick(&[&b"eth0"[..], b"wlan+", b"+", b"br-lan.7", b"abcdefghijklmno", b"a+b"])
            .map_or_else(Vec::new, |name| name.to_vec())
    }
}
