//! ipset names and indexes, by `getsockopt(SO_IP_SET)` (`linux/netfilter/ipset/ip_set.h`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, RawProtocol, SocketFlags, SocketType};

use crate::sockopt::exchange;

/// `SO_IP_SET`.
const SO_IP_SET: i32 = 83;
/// `SOL_IP`.
const SOL_IP: i32 = 0;
/// `IPSET_MAXNAMELEN`.
const NAME_LEN: usize = 32;
/// `IPSET_INVALID_ID`.
const INVALID: u16 = u16::MAX;
/// `IP_SET_OP_*`.
const OP_BY_NAME: u32 = 6;
const OP_BY_INDEX: u32 = 7;
const OP_FNAME: u32 = 8;
const OP_VERSION: u32 = 0x100;

/// Why a set could not be looked up.
#[derive(Debug)]
pub enum IpsetError {
    /// The name has more than 31 bytes or a NUL in it.
    BadName,
    /// There is no such set.
    NoSuchSet,
    /// The kernel's ipset speaks another protocol, or answered something else than asked.
    Protocol {
        /// The version it told, if it did.
        version: u32,
    },
    /// No ipset in this kernel, or no permission.
    Os(io::Error),
}

impl From<io::Error> for IpsetError {
    fn from(e: io::Error) -> Self {
        Self::Os(e)
    }
}

impl std::fmt::Display for IpsetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadName => f.write_str("not a set's name"),
            Self::NoSuchSet => f.write_str("no such set"),
            Self::Protocol { version } => write!(f, "the kernel speaks ipset protocol {version}"),
            Self::Os(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for IpsetError {}

/// A set as rules refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// Its number.
    pub index: u16,
    /// `NFPROTO_*` of its entries: 2, 10, or 0 for either.
    pub family: u8,
}

/// The kernel's ipset, its protocol version asked once.
#[derive(Debug)]
pub struct Ipset {
    fd: OwnedFd,
    version: u32,
}

impl Ipset {
    /// Opens a socket and asks for the protocol version, which every request has to repeat.
    pub fn open() -> Result<Self, IpsetError> {
        const RAW: RawProtocol = match RawProtocol::new(255) {
            Some(raw) => raw,
            None => unreachable!(),
        };
        let protocol = rustix::net::Protocol::from_raw(RAW);
        let fd = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(protocol),
        )
        .map_err(io::Error::from)?;
        let mut request = [0; 8];
        put(&mut request, 0, OP_VERSION);
        exchange(fd.as_fd(), SOL_IP, SO_IP_SET, &mut request)?;
        let version = get(&request, 4);
        // IPSET_PROTOCOL_MIN to IPSET_PROTOCOL.
        if (6..=7).contains(&version) {
            Ok(Self { fd, version })
        } else {
            Err(IpsetError::Protocol { version })
        }
    }

    /// The set of that name.
    pub fn by_name(&self, name: &[u8]) -> Result<Set, IpsetError> {
        // struct ip_set_req_get_set_family: op, version, family, union of name and index.
        let mut request = [0; 12 + NAME_LEN];
        self.begin(&mut request, OP_FNAME);
        put_name(&mut request, 12, name)?;
        exchange(self.fd.as_fd(), SOL_IP, SO_IP_SET, &mut request)?;
        let family = u8::try_from(get(&request, 8))
            .map_err(|_| IpsetError::Protocol { version: self.version })?;
        match get16(&request, 12) {
            INVALID => Err(IpsetError::NoSuchSet),
            index => Ok(Set { index, family }),
        }
    }

    /// The index of the set of that name, as kernels without `IP_SET_OP_GET_FNAME` know it too.
    pub fn index_by_name(&self, name: &[u8]) -> Result<u16, IpsetError> {
        let mut request = [0; 8 + NAME_LEN];
        self.begin(&mut request, OP_BY_NAME);
        put_name(&mut request, 8, name)?;
        exchange(self.fd.as_fd(), SOL_IP, SO_IP_SET, &mut request)?;
        match get16(&request, 8) {
            INVALID => Err(IpsetError::NoSuchSet),
            index => Ok(index),
        }
    }

    /// The name of the set of that index.
    pub fn name_by_index(&self, index: u16) -> Result<Vec<u8>, IpsetError> {
        let mut request = [0; 8 + NAME_LEN];
        self.begin(&mut request, OP_BY_INDEX);
        if let Some(field) = request.get_mut(8..10) {
            field.copy_from_slice(&index.to_ne_bytes());
        }
        exchange(self.fd.as_fd(), SOL_IP, SO_IP_SET, &mut request)?;
        let name: Vec<u8> = request.iter().skip(8).copied().take_while(|b| *b != 0).collect();
        if name.is_empty() { Err(IpsetError::NoSuchSet) } else { Ok(name) }
    }

    fn begin(&self, request: &mut [u8], op: u32) {
        put(request, 0, op);
        put(request, 4, self.version);
    }
}

fn put(request: &mut [u8], at: usize, value: u32) {
    if let Some(field) = request.get_mut(at..at.saturating_add(4)) {
        field.copy_from_slice(&value.to_ne_bytes());
    }
}

fn put_name(request: &mut [u8], at: usize, name: &[u8]) -> Result<(), IpsetError> {
    if name.is_empty() || name.len() >= NAME_LEN || name.contains(&0) {
        return Err(IpsetError::BadName);
    }
    let field = request.get_mut(at..at.saturating_add(name.len())).ok_or(IpsetError::BadName)?;
    field.copy_from_slice(name);
    Ok(())
}

fn get(reply: &[u8], at: usize) -> u32 {
    reply.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u32::from_ne_bytes(*b))
}

fn get16(reply: &[u8], at: usize) -> u16 {
    reply.get(at..).and_then(<[u8]>::first_chunk).map_or(INVALID, |b| u16::from_ne_bytes(*b))
}
