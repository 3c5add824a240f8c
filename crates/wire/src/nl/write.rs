//! Messages appended to one `Vec<u8>`, attribute lengths patched in when a nest is closed.

use super::{HEADER_LEN, NESTED, aligned};

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// An attribute of this type would be longer than its 16-bit length says.
    TooLong {
        /// The attribute's type, without flags.
        attr: u16,
    },
    /// A message would be longer than its 32-bit length says.
    MessageTooLong,
    /// A name holds a NUL byte, so the kernel would see only its first part.
    NulInText {
        /// The attribute's type, without flags.
        attr: u16,
    },
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong { attr } => {
                write!(f, "netlink attribute {attr} is longer than 65535 bytes")
            }
            Self::MessageTooLong => f.write_str("netlink message is longer than 4 GiB"),
            Self::NulInText { attr } => {
                write!(f, "text of netlink attribute {attr} holds a NUL byte")
            }
        }
    }
}

impl std::error::Error for WriteError {}

/// A message begun and not yet ended: give it back to [`Writer::end`].
#[must_use = "an open message has no length yet"]
#[derive(Debug)]
pub struct Open {
    at: usize,
}

/// A nested attribute begun and not yet closed: give it back to [`Writer::close`].
#[must_use = "an open attribute has no length yet"]
#[derive(Debug)]
pub struct Nest {
    at: usize,
}

/// Appends messages to one buffer.
///
/// Attribute writers return nothing: the first error is kept and reported by [`Writer::end`], which then takes the whole
/// message back, so the buffer holds whole and right messages only.
#[derive(Debug, Default)]
pub struct Writer {
    buf: Vec<u8>,
    error: Option<WriteError>,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buf: Vec::with_capacity(bytes), error: None }
    }

    /// Everything written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Nothing written yet.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.error = None;
    }

    /// Takes the last bytes off, back to a length [`Writer::len`] gave between two messages.
    pub fn truncate(&mut self, len: usize) {
        self.buf.truncate(len);
    }

    /// Begins an nfnetlink message: `struct nlmsghdr` and `struct nfgenmsg`; `res_id` is sent big-endian.
    pub fn begin(&mut self, kind: u16, flags: u16, seq: u32, family: u8, res_id: u16) -> Open {
        let [r0, r1] = res_id.to_be_bytes();
        self.begin_with(kind, flags, seq, [family, 0, r0, r1])
    }

    /// Begins a message of any netlink family: `struct nlmsghdr` and the header that all its messages have, as
    /// `struct ifinfomsg`, of a multiple of four bytes.
    pub fn begin_with<const N: usize>(
        &mut self,
        kind: u16,
        flags: u16,
        seq: u32,
        header: [u8; N],
    ) -> Open {
        let at = self.buf.len();
        let mut head = [0; HEADER_LEN];
        let [_, _, _, _, k0, k1, f0, f1, s0, s1, s2, s3, ..] = &mut head;
        [*k0, *k1] = kind.to_ne_bytes();
        [*f0, *f1] = flags.to_ne_bytes();
        [*s0, *s1, *s2, *s3] = seq.to_ne_bytes();
        self.buf.extend_from_slice(&head);
        self.buf.extend_from_slice(&header);
        Open { at }
    }

    /// Ends a message, writing its length. On any error since [`Writer::begin`] the message is taken back.
    pub fn end(&mut self, open: Open) -> Result<(), WriteError> {
        let len = u32::try_from(self.buf.len().saturating_sub(open.at));
        if let Some(error) = self.error.take() {
            self.buf.truncate(open.at);
            return Err(error);
        }
        match (len, self.buf.get_mut(open.at..).and_then(|b| b.first_chunk_mut::<4>())) {
            (Ok(len), Some(field)) => {
                *field = len.to_ne_bytes();
                Ok(())
            }
            _ => {
                self.buf.truncate(open.at);
                Err(WriteError::MessageTooLong)
            }
        }
    }

    /// Begins a nested attribute.
    pub fn nest(&mut self, attr: u16) -> Nest {
        let at = self.buf.len();
        let [k0, k1] = (attr | NESTED).to_ne_bytes();
        self.buf.extend_from_slice(&[0, 0, k0, k1]);
        Nest { at }
    }

    /// Closes a nested attribute, writing its length.
    pub fn close(&mut self, nest: Nest) {
        let len = self.buf.len().saturating_sub(nest.at);
        let Some(head) = self.buf.get_mut(nest.at..).and_then(|b| b.first_chunk_mut::<4>()) else {
            return;
        };
        let [l0, l1, k0, k1] = head;
        match u16::try_from(len) {
            Ok(len) => [*l0, *l1] = len.to_ne_bytes(),
            Err(_) => {
                let attr = u16::from_ne_bytes([*k0, *k1]) & !NESTED;
                self.fail(WriteError::TooLong { attr });
            }
        }
    }

    /// An attribute of raw bytes.
    pub fn bytes(&mut self, attr: u16, data: &[u8]) {
        self.pieces(attr, data, &[]);
    }

    /// An attribute of text, with the NUL at its end that the kernel wants.
    pub fn text(&mut self, attr: u16, text: &[u8]) {
        if text.contains(&0) {
            self.fail(WriteError::NulInText { attr });
            return;
        }
        self.pieces(attr, text, &[0]);
    }

    /// An attribute of one byte.
    pub fn u8(&mut self, attr: u16, value: u8) {
        let [k0, k1] = attr.to_ne_bytes();
        let [l0, l1] = 5u16.to_ne_bytes();
        self.buf.extend_from_slice(&[l0, l1, k0, k1, value, 0, 0, 0]);
    }

    /// An attribute of a big-endian `u16`.
    pub fn be16(&mut self, attr: u16, value: u16) {
        let ([k0, k1], [a, b]) = (attr.to_ne_bytes(), value.to_be_bytes());
        let [l0, l1] = 6u16.to_ne_bytes();
        self.buf.extend_from_slice(&[l0, l1, k0, k1, a, b, 0, 0]);
    }

    /// An attribute of a big-endian `u32`.
    pub fn be32(&mut self, attr: u16, value: u32) {
        self.word(attr, value.to_be_bytes());
    }

    /// An attribute of a `u32` in the machine's order.
    pub fn native32(&mut self, attr: u16, value: u32) {
        self.word(attr, value.to_ne_bytes());
    }

    /// An attribute of a big-endian `u64`.
    pub fn be64(&mut self, attr: u16, value: u64) {
        let ([k0, k1], [a, b, c, d, e, f, g, h]) = (attr.to_ne_bytes(), value.to_be_bytes());
        let [l0, l1] = 12u16.to_ne_bytes();
        self.buf.extend_from_slice(&[l0, l1, k0, k1, a, b, c, d, e, f, g, h]);
    }

    /// An attribute whose bytes `fill` appends itself (extension blobs, without a buffer of their own).
    pub fn fill(&mut self, attr: u16, fill: impl FnOnce(&mut Vec<u8>)) {
        let at = self.buf.len();
        let [k0, k1] = attr.to_ne_bytes();
        self.buf.extend_from_slice(&[0, 0, k0, k1]);
        fill(&mut self.buf);
        let len = self.buf.len().saturating_sub(at);
        match (u16::try_from(len), self.buf.get_mut(at..).and_then(|b| b.first_chunk_mut::<2>())) {
            (Ok(len), Some(field)) => *field = len.to_ne_bytes(),
            _ => self.fail(WriteError::TooLong { attr }),
        }
        self.pad();
    }

    /// Whole messages or attributes written before, copied as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
        self.pad();
    }

    /// Overwrites bytes written before; false if there are not that many at `at`.
    #[must_use]
    pub fn patch(&mut self, at: usize, bytes: &[u8]) -> bool {
        let place = self.buf.get_mut(at..).and_then(|b| b.get_mut(..bytes.len()));
        place.map(|p| p.copy_from_slice(bytes)).is_some()
    }

    fn word(&mut self, attr: u16, [a, b, c, d]: [u8; 4]) {
        let [k0, k1] = attr.to_ne_bytes();
        let [l0, l1] = 8u16.to_ne_bytes();
        self.buf.extend_from_slice(&[l0, l1, k0, k1, a, b, c, d]);
    }

    fn pieces(&mut self, attr: u16, data: &[u8], tail: &[u8]) {
        let len = data.len().saturating_add(tail.len()).saturating_add(4);
        let Ok(short) = u16::try_from(len) else {
            self.fail(WriteError::TooLong { attr });
            return;
        };
        let ([l0, l1], [k0, k1]) = (short.to_ne_bytes(), attr.to_ne_bytes());
        self.buf.extend_from_slice(&[l0, l1, k0, k1]);
        self.buf.extend_from_slice(data);
        self.buf.extend_from_slice(tail);
        self.pad();
    }

    fn pad(&mut self) {
        let len = self.buf.len();
        if len & 3 != 0 {
            self.buf.resize(aligned(len), 0);
        }
    }

    fn fail(&mut self, error: WriteError) {
        self.error.get_or_insert(error);
    }
}
