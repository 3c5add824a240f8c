//! Borrowed, checked views of received messages and attributes.

use super::{HEADER_LEN, NESTED, NET_BYTEORDER, NFGEN_LEN, aligned, flag, kind};

/// Why received bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// A message or an attribute ends before its own header does, or claims more than there is.
    Truncated,
    /// A value of this attribute has another size than its type.
    Size {
        /// The attribute's type, without flags.
        attr: u16,
    },
    /// A message lacks this attribute.
    Missing {
        /// The attribute's type.
        attr: u16,
    },
    /// A message of another type than the one asked for.
    Unexpected {
        /// The message's type.
        kind: u16,
    },
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("netlink data ends too early"),
            Self::Size { attr } => write!(f, "netlink attribute {attr} has a wrong size"),
            Self::Missing { attr } => write!(f, "netlink attribute {attr} is missing"),
            Self::Unexpected { kind } => write!(f, "unexpected netlink message {kind:#x}"),
        }
    }
}

impl std::error::Error for WireError {}

/// The messages of one received datagram. After an error it ends.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

/// One message; `payload` is what follows `struct nlmsghdr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub seq: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl<'a> Messages<'a> {
    /// The messages in `datagram`.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    /// The bytes of each message in `buffer`, header and padding included, up to the first that is broken.
    pub fn whole(buffer: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut messages = Self::new(buffer);
        std::iter::from_fn(move || {
            let before = messages.rest;
            messages.next()?.ok()?;
            before.get(..before.len().saturating_sub(messages.rest.len()))
        })
    }

    fn split(&mut self) -> Result<Message<'a>, WireError> {
        let head = self.rest.first_chunk::<HEADER_LEN>().ok_or(WireError::Truncated)?;
        let &[l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = head;
        let len = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3]))
            .map_err(|_| WireError::Truncated)?;
        let payload = self.rest.get(HEADER_LEN..len).ok_or(WireError::Truncated)?;
        self.rest = self.rest.get(aligned(len)..).unwrap_or_default();
        Ok(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            seq: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let got = self.split();
        if got.is_err() {
            self.rest = &[];
        }
        Some(got)
    }
}

impl<'a> Message<'a> {
    /// The attributes behind `struct nfgenmsg`.
    pub fn attrs(&self) -> Result<Attrs<'a>, WireError> {
        self.payload.get(NFGEN_LEN..).map(Attrs::new).ok_or(WireError::Truncated)
    }

    /// `nfgen_family`.
    pub fn family(&self) -> Result<u8, WireError> {
        self.payload.first().copied().ok_or(WireError::Truncated)
    }

    /// `res_id`, in host order: the low 16 bits of the generation in nf_tables replies.
    pub fn res_id(&self) -> Result<u16, WireError> {
        match self.payload {
            &[_, _, a, b, ..] => Ok(u16::from_be_bytes([a, b])),
            _ => Err(WireError::Truncated),
        }
    }

    /// `NLM_F_DUMP_INTR`: the dump this belongs to changed while it was read.
    pub fn interrupted(&self) -> bool {
        self.flags & flag::DUMP_INTR != 0
    }

    /// For `NLMSG_DONE`: the dump's errno, 0 when it went well. `None` for every other type.
    pub fn done(&self) -> Option<Result<i32, WireError>> {
        (self.kind == kind::DONE).then(|| {
            // Old kernels send no code at all.
            match self.payload {
                [] => Ok(0),
                &[a, b, c, d, ..] => Ok(i32::from_ne_bytes([a, b, c, d]).saturating_neg()),
                _ => Err(WireError::Truncated),
            }
        })
    }
}

/// The attributes in a byte string. After an error it ends.
#[derive(Clone, Debug, Default)]
pub struct Attrs<'a> {
    rest: &'a [u8],
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    /// The type, without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
    pub kind: u16,
    /// The value, without padding.
    pub data: &'a [u8],
}

impl<'a> Attrs<'a> {
    /// The attributes in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The first attribute of that type.
    pub fn find_kind(mut self, kind: u16) -> Result<Attr<'a>, WireError> {
        self.find_map(|a| match a {
            Ok(a) if a.kind == kind => Some(Ok(a)),
            Ok(_) => None,
            Err(e) => Some(Err(e)),
        })
        .unwrap_or(Err(WireError::Missing { attr: kind }))
    }

    fn split(&mut self) -> Result<Attr<'a>, WireError> {
        let &[l0, l1, k0, k1] = self.rest.first_chunk::<4>().ok_or(WireError::Truncated)?;
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let data = self.rest.get(4..len).ok_or(WireError::Truncated)?;
        self.rest = self.rest.get(aligned(len)..).unwrap_or_default();
        Ok(Attr { kind: u16::from_ne_bytes([k0, k1]) & !(NESTED | NET_BYTEORDER), data })
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Result<Attr<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let got = self.split();
        if got.is_err() {
            self.rest = &[];
        }
        Some(got)
    }
}

impl<'a> Attr<'a> {
    /// The attributes inside.
    pub fn nested(self) -> Attrs<'a> {
        Attrs::new(self.data)
    }

    /// Text up to its first NUL.
    pub fn text(self) -> &'a [u8] {
        self.data.split(|b| *b == 0).next().unwrap_or_default()
    }

    /// A byte.
    pub fn u8(self) -> Result<u8, WireError> {
        self.array().map(|[b]| b)
    }

    /// A big-endian `u16`.
    pub fn be16(self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A big-endian `u32`.
    pub fn be32(self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A `u32` in the machine's order.
    pub fn native32(self) -> Result<u32, WireError> {
        self.array().map(u32::from_ne_bytes)
    }

    /// A big-endian `u64`.
    pub fn be64(self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    fn array<const N: usize>(self) -> Result<[u8; N], WireError> {
        self.data.try_into().map_err(|_| WireError::Size { attr: self.kind })
    }
}
