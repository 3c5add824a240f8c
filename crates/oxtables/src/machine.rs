//! The real machine, as extensions and listings ask it.

use oxtables_base::Family;
use oxtables_ext::Host;
use oxtables_ext::host::HostError;
use oxtables_sys::ipset::{Ipset, IpsetError};
use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, ToSocketAddrs};

/// This machine: its sets, its resolver, its terminal.
pub(crate) struct Machine;

fn set_error(e: IpsetError) -> HostError {
    match e {
        IpsetError::NoSuchSet | IpsetError::BadName => HostError::NotFound,
        IpsetError::Os(e) => HostError::Refused(e.raw_os_error().unwrap_or(0)),
        IpsetError::Protocol { .. } => HostError::Refused(0),
    }
}

impl Host for Machine {
    fn set_by_name(&self, name: &[u8]) -> Result<u16, HostError> {
        Ipset::open().and_then(|s| s.index_by_name(name)).map_err(set_error)
    }

    fn set_family(&self, name: &[u8]) -> Option<Family> {
        let set = Ipset::open().and_then(|s| s.by_name(name)).ok()?;
        [Family::Ip4, Family::Ip6].into_iter().find(|f| f.nfproto() == set.family)
    }

    fn set_by_index(&self, index: u16) -> Result<Vec<u8>, HostError> {
        Ipset::open().and_then(|s| s.name_by_index(index)).map_err(set_error)
    }

    fn resolve(&self, name: &[u8], family: Family) -> Result<Vec<IpAddr>, HostError> {
        let name = std::str::from_utf8(name).map_err(|_| HostError::NotFound)?;
        let found = (name, 0).to_socket_addrs().map_err(|_| HostError::NotFound)?;
        let mut all: Vec<IpAddr> = Vec::new();
        for addr in found.map(|a| a.ip()) {
            if oxtables_base::addr::family_of(addr) == family && !all.contains(&addr) {
                all.push(addr);
            }
        }
        if all.is_empty() { Err(HostError::NotFound) } else { Ok(all) }
    }

    fn name_of(&self, addr: IpAddr) -> Option<Vec<u8>> {
        oxtables_sys::resolver::name_of(addr).or_else(|| match addr {
            IpAddr::V4(addr) => oxtables_base::names::network_name(addr).map(<[u8]>::to_vec),
            IpAddr::V6(_) => None,
        })
    }

    fn warn(&self, text: &str) {
        eprintln!("{text}");
    }
}

/// Writes `text` to `out`; where a terminal would show it, control characters are made visible.
pub(crate) fn write_shown(out: &mut std::io::StdoutLock<'_>, text: &[u8]) -> std::io::Result<()> {
    if !out.is_terminal() {
        return out.write_all(text);
    }
    let mut shown = Vec::with_capacity(text.len());
    oxtables_base::text::push_visible(&mut shown, text);
    out.write_all(&shown)
}
