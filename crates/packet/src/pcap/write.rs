//! Writing pcap.

use std::fmt;
use std::io::{self, Write};

use crate::Moment;

/// Writes a pcap file with nanoseconds, little endian: a header of 24 bytes, then 16 before each frame.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    link_type: u16,
}

/// Why a frame cannot be written.
#[derive(Debug)]
pub enum WriteError {
    /// A pcap file has one link type, and this frame's is another.
    LinkType {
        /// The file's.
        file: u16,
        /// The frame's.
        frame: u16,
    },
    /// Before 1970 or after 2106.
    Time(Moment),
    /// Longer than the format can state.
    Length(usize),
    /// The output failed.
    Io(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType { file, frame } => {
                write!(f, "a frame of link type {frame} in a pcap file of link type {file}")
            }
            Self::Time(time) => write!(f, "a pcap file cannot state {} seconds", time.seconds),
            Self::Length(len) => write!(f, "a pcap file cannot state a length of {len} bytes"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WriteError {}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<W: Write> Writer<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// What the output says.
    pub fn new(mut out: W, link_type: u16) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend(0xa1b2_3c4d_u32.to_le_bytes());
        header.extend(2u16.to_le_bytes());
        header.extend(4u16.to_le_bytes());
        header.extend([0; 8]);
        header.extend(0x0004_0000_u32.to_le_bytes());
        header.extend(u32::from(link_type).to_le_bytes());
        out.write_all(&header)?;
        Ok(Self { out, link_type })
    }

    /// Writes one frame of `wire_len` bytes, of which `bytes` were captured.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written then unless the output failed.
    pub fn write(
        &mut self,
        link_type: u16,
        time: Moment,
        bytes: &[u8],
        wire_len: usize,
    ) -> Result<(), WriteError> {
        if link_type != self.link_type {
            return Err(WriteError::LinkType { file: self.link_type, frame: link_type });
        }
        let length = |len| u32::try_from(len).map_err(|_| WriteError::Length(len));
        let seconds = u32::try_from(time.seconds).map_err(|_| WriteError::Time(time))?;
        let fields =
            [seconds, time.nanos, length(bytes.len())?, length(wire_len.max(bytes.len()))?];
        let mut header = [0; 16];
        for (place, field) in header.as_chunks_mut::<4>().0.iter_mut().zip(fields) {
            *place = field.to_le_bytes();
        }
        self.out.write_all(&header)?;
        Ok(self.out.write_all(bytes)?)
    }

    /// Flushes the output and gives it back.
    ///
    /// # Errors
    /// What the output says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
