//! The name tables of the system: protocols, services, networks, users, groups and the like.
//!
//! They are read from their files on first need and once. COMPAT: the C library asks NSS, so names
//! that only NIS or LDAP serve are not found here; the files are what every script relies on, and
//! reading them costs a quarter of one `getservbyname`.

use crate::number;
use std::net::Ipv4Addr;
use std::sync::OnceLock;

/// The protocols upstream knows without a file, in its order: the first name of a number is the
/// one printed (parity: 1.8.11 added `dccp` and `ipcomp`).
const PROTOCOLS: &[(&str, u8)] = &[
    ("tcp", 6),
    ("sctp", 132),
    ("udp", 17),
    ("udplite", 136),
    ("icmp", 1),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("esp", 50),
    ("ah", 51),
    ("mobility-header", 135),
    ("ipv6-mh", 135),
    ("mh", 135),
    ("dccp", 33),
    ("ipcomp", 108),
    ("all", 0),
];

/// The number of the protocol called `name`: the built-in table, then `/etc/protocols`.
#[must_use]
pub fn protocol_by_name(name: &[u8]) -> Option<u8> {
    let built_in = PROTOCOLS.iter().find(|(n, _)| n.as_bytes() == name).map(|&(_, p)| p);
    built_in.or_else(|| {
        let row = etc_protocols().iter().find(|r| r.is_called(name))?;
        u8::try_from(row.id).ok()
    })
}

/// The name upstream prints for protocol `number`, from its built-in table only.
///
/// COMPAT: since 1.8.11 `/etc/protocols` is not asked when a rule is printed, so `-p gre` is
/// saved as `-p 47`.
#[must_use]
pub fn protocol_name(number: u8) -> Option<&'static str> {
    match number {
        58 => Some("ipv6-icmp"),
        _ => PROTOCOLS.iter().find(|&&(_, p)| p == number).map(|&(n, _)| n),
    }
}

/// The first name `/etc/protocols` has for `number` (some extensions print it).
#[must_use]
pub fn protocol_name_in_file(number: u8) -> Option<&'static [u8]> {
    etc_protocols().iter().find(|r| r.id == u64::from(number)).map(|r| r.name())
}

/// The port of the service called `name` under protocol `protocol` (`tcp`, `udp` ...; `None`: any).
#[must_use]
pub fn service_by_name(name: &[u8], protocol: Option<&str>) -> Option<u16> {
    let fits = |s: &&Service| protocol.is_none_or(|p| s.protocol == p.as_bytes());
    etc_services().iter().filter(fits).find(|s| s.names.is_called(name)).map(|s| s.port)
}

/// The first name `/etc/services` has for `port` under `protocol`.
#[must_use]
pub fn service_name(port: u16, protocol: Option<&str>) -> Option<&'static [u8]> {
    let fits = |s: &&Service| protocol.is_none_or(|p| s.protocol == p.as_bytes());
    etc_services().iter().filter(fits).find(|s| s.port == port).map(|s| s.names.name())
}

/// The network called `name` in `/etc/networks`.
#[must_use]
pub fn network_by_name(name: &[u8]) -> Option<Ipv4Addr> {
    etc_networks().iter().find(|(row, _)| row.is_called(name)).map(|&(_, a)| a)
}

/// The name of a network in `/etc/networks`.
#[must_use]
pub fn network_name(addr: Ipv4Addr) -> Option<&'static [u8]> {
    etc_networks().iter().find(|&&(_, a)| a == addr).map(|(row, _)| row.name())
}

fn etc_networks() -> &'static [(Row, Ipv4Addr)] {
    static NETWORKS: OnceLock<Vec<(Row, Ipv4Addr)>> = OnceLock::new();
    NETWORKS.get_or_init(|| {
        let parse = |line: &[u8]| {
            let row = Row::parse(line)?;
            let addr = crate::addr::parse(crate::Family::Ip4, row.second.as_deref()?)?;
            match addr {
                std::net::IpAddr::V4(a) => Some((row, a)),
                std::net::IpAddr::V6(_) => None,
            }
        };
        lines_of("/etc/networks").filter_map(|l| parse(&l)).collect()
    })
}

/// The number of the user called `name` in `/etc/passwd`.
#[must_use]
pub fn user_by_name(name: &[u8]) -> Option<u32> {
    static USERS: OnceLock<Vec<(Vec<u8>, u32)>> = OnceLock::new();
    by_name(USERS.get_or_init(|| colon_table("/etc/passwd")), name)
}

/// The number of the group called `name` in `/etc/group`.
#[must_use]
pub fn group_by_name(name: &[u8]) -> Option<u32> {
    by_name(etc_group(), name)
}

/// The name of user `uid`.
#[must_use]
pub fn user_name(uid: u32) -> Option<Vec<u8>> {
    colon_table("/etc/passwd").into_iter().find(|&(_, id)| id == uid).map(|(n, _)| n)
}

/// The name of group `gid`.
#[must_use]
pub fn group_name(gid: u32) -> Option<&'static [u8]> {
    etc_group().iter().find(|&&(_, id)| id == gid).map(|(n, _)| n.as_slice())
}

fn etc_group() -> &'static [(Vec<u8>, u32)] {
    static GROUPS: OnceLock<Vec<(Vec<u8>, u32)>> = OnceLock::new();
    GROUPS.get_or_init(|| colon_table("/etc/group"))
}

fn by_name(table: &[(Vec<u8>, u32)], name: &[u8]) -> Option<u32> {
    table.iter().find(|(n, _)| n == name).map(|&(_, id)| id)
}

/// A table of numbers and names, one pair a line (`/etc/iproute2/rt_realms`, `group`, ...).
#[derive(Debug, Default)]
pub struct NumberedNames(Vec<(u64, Vec<u8>)>);

impl NumberedNames {
    /// Reads the file at `path`: a number in any base, blanks, a name; a missing file is an empty
    /// table.
    #[must_use]
    pub fn read(path: &str) -> Self {
        let parse = |line: Vec<u8>| {
            let mut words = words_of(&line);
            let id = number::parse(words.next()?)?;
            Some((id, words.next()?.to_vec()))
        };
        Self(lines_of(path).filter_map(parse).collect())
    }

    /// Whether there is no file, or nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number called `name`.
    #[must_use]
    pub fn id(&self, name: &[u8]) -> Option<u64> {
        self.0.iter().find(|(_, n)| n == name).map(|&(id, _)| id)
    }

    /// The name of `id`.
    #[must_use]
    pub fn name(&self, id: u64) -> Option<&[u8]> {
        self.0.iter().find(|&&(i, _)| i == id).map(|(_, n)| n.as_slice())
    }
}

/// One line of a table whose first word is the name, the second the number, the rest aliases.
#[derive(Debug)]
struct Row {
    names: Vec<Vec<u8>>,
    second: Option<Vec<u8>>,
    id: u64,
}

impl Row {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = words_of(line);
        let name = words.next()?.to_vec();
        let second = words.next()?.to_vec();
        let id = number::prefix(&second).map_or(0, |(n, _)| n);
        let names = std::iter::once(name).chain(words.map(<[u8]>::to_vec)).collect();
        Some(Self { names, second: Some(second), id })
    }

    fn name(&self) -> &[u8] {
        self.names.first().map(Vec::as_slice).unwrap_or_default()
    }

    fn is_called(&self, name: &[u8]) -> bool {
        self.names.iter().any(|n| n == name)
    }
}

struct Service {
    names: Row,
    protocol: Vec<u8>,
    port: u16,
}

fn etc_protocols() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| lines_of("/etc/protocols").filter_map(|l| Row::parse(&l)).collect())
}

fn etc_services() -> &'static [Service] {
    static ROWS: OnceLock<Vec<Service>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let parse = |line: Vec<u8>| {
            let names = Row::parse(&line)?;
            let mut parts = names.second.as_deref()?.splitn(2, |&c| c == b'/');
            let port = u16::try_from(number::parse_decimal(parts.next()?)?).ok()?;
            let protocol = parts.next()?.to_vec();
            Some(Service { names, protocol, port })
        };
        lines_of("/etc/services").filter_map(parse).collect()
    })
}

fn colon_table(path: &str) -> Vec<(Vec<u8>, u32)> {
    let parse = |line: Vec<u8>| {
        let mut fields = line.split(|&c| c == b':');
        let name = fields.next()?.to_vec();
        let id = u32::try_from(number::parse_decimal(fields.nth(1)?)?).ok()?;
        Some((name, id))
    };
    lines_of(path).filter_map(parse).collect()
}

/// The lines of a file without comments; an unreadable file has none.
fn lines_of(path: &str) -> impl Iterator<Item = Vec<u8>> {
    let text = std::fs::read(path).unwrap_or_default();
    let strip = |l: &[u8]| l.split(|&c| c == b'#').next().unwrap_or_default().to_vec();
    text.split(|&c| c == b'\n').map(strip).collect::<Vec<_>>().into_iter()
}

fn words_of(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|c| c.is_ascii_whitespace()).filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_protocols_need_no_file() {
        assert_eq!(protocol_by_name(b"tcp"), Some(6));
        assert_eq!(protocol_by_name(b"ipv6-mh"), Some(135));
        assert_eq!(protocol_name(135), Some("mobility-header"));
        assert_eq!(protocol_name(58), Some("ipv6-icmp"));
        assert_eq!(protocol_name(47), None);
    }

    #[test]
    fn a_row_has_its_aliases() {
        let row = Row::parse(b"ssh\t22/tcp  secure-shell").unwrap();
        assert!(row.is_called(b"secure-shell") && row.is_called(b"ssh"));
        assert_eq!(row.name(), b"ssh");
        assert_eq!(row.id, 22);
    }
}
