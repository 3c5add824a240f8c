//! Reading pcap and pcapng.

use std::fmt;

use pcap_parser::pcapng::{self, Block, InterfaceDescriptionBlock};
use pcap_parser::{EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC};
use pcap_parser::{LegacyPcapBlock, PcapError, PcapHeader};

use crate::{IfName, Known, Moment};

/// One frame of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// When it was captured; unknown in a simple packet block.
    pub time: Known<Moment>,
    /// The name of the interface it was captured at, which only pcapng may have.
    pub interface: Known<IfName>,
    /// Its link type ([`super::link_type`]).
    pub link_type: u16,
    /// How long it was on the wire.
    pub wire_len: usize,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// Where and why a capture cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Frames read before.
    pub frames: u64,
    /// Where in the file the block begins that cannot be read, in bytes.
    pub offset: usize,
    /// How long the file is.
    pub file_len: usize,
    /// Why.
    pub cause: Cause,
}

/// Why a capture cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Neither pcap nor pcapng.
    NoCapture,
    /// The file ends within a block.
    Truncated,
    /// The block contradicts itself.
    Malformed,
    /// A packet of an interface that no block before it describes.
    Interface(u32),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, offset, file_len, cause } = self;
        match cause {
            Cause::NoCapture => return write!(f, "not a pcap or pcapng file"),
            Cause::Truncated => {
                let left = file_len.saturating_sub(*offset);
                write!(f, "the file ends within a block ({left} bytes of it are there)")?;
            }
            Cause::Malformed => write!(f, "a malformed block")?,
            Cause::Interface(id) => {
                write!(f, "a packet of interface {id}, which is not described")?
            }
        }
        write!(f, " at byte {offset} of {file_len}, after {frames} packets")
    }
}

impl std::error::Error for Broken {}

/// The frames of a capture in memory. After an error there are no more.
#[derive(Debug)]
pub struct Reader<'a> {
    file_len: usize,
    rest: &'a [u8],
    frames: u64,
    format: Format,
    done: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(PcapHeader),
    Pcapng { big_endian: bool, interfaces: Vec<Interface> },
}

/// What an interface description says.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    snap_len: usize,
    name: Known<IfName>,
    /// Units of a second; `None` if it is not one that can be counted in.
    resolution: Option<u64>,
    offset_seconds: i64,
}

type Parsed<'a, T> = Result<(&'a [u8], T), pcap_parser::nom::Err<PcapError<&'a [u8]>>>;

impl<'a> Reader<'a> {
    /// Reads the file header.
    ///
    /// # Errors
    /// [`Broken`] if it is none, or cut.
    pub fn new(file: &'a [u8]) -> Result<Self, Broken> {
        let broken = |cause| Broken { frames: 0, offset: 0, file_len: file.len(), cause };
        let is_pcapng = file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
        let (rest, format) = if is_pcapng {
            // The first block, a section header, is read as all others are: it may be only one of many.
            (file, Format::Pcapng { big_endian: false, interfaces: Vec::new() })
        } else {
            let (rest, header) = pcap_parser::parse_pcap_header(file).map_err(|e| {
                broken(match cause(&e) {
                    // Not even a magic number.
                    Cause::Truncated if file.len() < 4 => Cause::NoCapture,
                    other => other,
                })
            })?;
            (rest, Format::Pcap(header))
        };
        Ok(Self { file_len: file.len(), rest, frames: 0, format, done: false })
    }

    /// How many bytes of the file are read, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> usize {
        self.file_len - self.rest.len()
    }

    /// The next block; `None` if it is no packet.
    fn block(&mut self) -> Result<Option<Frame<'a>>, Cause> {
        let number = self.frames + 1;
        match &mut self.format {
            Format::Pcap(header) => {
                let (rest, record) = pcap_record(header, self.rest).map_err(|e| cause(&e))?;
                self.rest = rest;
                Ok(Some(pcap_frame(header, &record, number)?))
            }
            Format::Pcapng { big_endian, interfaces } => {
                let (rest, block) = pcapng_block(*big_endian, self.rest).map_err(|e| cause(&e))?;
                if let Block::SectionHeader(section) = &block {
                    *big_endian = section.big_endian();
                    interfaces.clear();
                }
                if let Block::InterfaceDescription(description) = &block {
                    interfaces.push(Interface::new(description, *big_endian)?);
                }
                let frame = pcapng_frame(&block, interfaces, number)?;
                self.rest = rest;
                Ok(frame)
            }
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Frame<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done && !self.rest.is_empty() {
            let offset = self.bytes_read();
            match self.block() {
                Ok(None) => {}
                Ok(Some(frame)) => {
                    self.frames = frame.number;
                    return Some(Ok(frame));
                }
                Err(cause) => {
                    self.done = true;
                    let (frames, file_len) = (self.frames, self.file_len);
                    return Some(Err(Broken { frames, offset, file_len, cause }));
                }
            }
        }
        None
    }
}

fn cause(error: &pcap_parser::nom::Err<PcapError<&[u8]>>) -> Cause {
    use pcap_parser::nom::Err;
    match error {
        Err::Incomplete(_) => Cause::Truncated,
        Err::Error(e) | Err::Failure(e) => match e {
            PcapError::HeaderNotRecognized => Cause::NoCapture,
            PcapError::Incomplete(_) | PcapError::UnexpectedEof | PcapError::Eof => {
                Cause::Truncated
            }
            _ => Cause::Malformed,
        },
    }
}

fn pcap_record<'a>(header: &PcapHeader, bytes: &'a [u8]) -> Parsed<'a, LegacyPcapBlock<'a>> {
    if header.is_modified_format() {
        pcap_parser::parse_pcap_frame_modified(bytes)
    } else if header.is_bigendian() {
        pcap_parser::parse_pcap_frame_be(bytes)
    } else {
        pcap_parser::parse_pcap_frame(bytes)
    }
}

fn pcap_frame<'a>(
    header: &PcapHeader,
    record: &LegacyPcapBlock<'a>,
    number: u64,
) -> Result<Frame<'a>, Cause> {
    let unit = if header.is_nanosecond_precision() { 1 } else { 1000 };
    // A fraction of a second or more is carried into the seconds.
    let nanos = u64::from(record.ts_usec) * unit;
    let time = moment(i64::from(record.ts_sec), nanos, 1_000_000_000);
    Ok(Frame {
        number,
        time: time.map_or(Known::Unknown("the time stamp is out of range"), Known::Known),
        interface: Known::Unknown("a pcap file does not name the interface"),
        link_type: link_type(header.network.0)?,
        wire_len: wire_len(record.origlen, record.data.len()),
        bytes: record.data,
    })
}

/// The lower 16 bits; above them is the length of the frame check sequence.
fn link_type(number: i32) -> Result<u16, Cause> {
    u16::try_from(number & 0xffff).map_err(|_| Cause::Malformed)
}

/// What is stated, but at least what was captured.
fn wire_len(stated: u32, captured: usize) -> usize {
    usize::try_from(stated).unwrap_or(captured).max(captured)
}

/// A block. Those that say nothing of packets are passed over by their length: nobody wants them, and the crate's
/// reader of process information subtracts lengths unchecked (0.17).
fn pcapng_block(big_endian: bool, bytes: &[u8]) -> Parsed<'_, Block<'_>> {
    let number = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let kind = bytes.first_chunk::<4>().map(|kind| number(*kind));
    let wanted = matches!(kind, Some(SHB_MAGIC | IDB_MAGIC | EPB_MAGIC | SPB_MAGIC));
    let passed = |(rest, block)| (rest, Block::Unknown(block));
    match (wanted, big_endian) {
        (true, true) => pcap_parser::parse_block_be(bytes),
        (true, false) => pcap_parser::parse_block_le(bytes),
        (false, true) => pcapng::parse_unknownblock_be(bytes).map(passed),
        (false, false) => pcapng::parse_unknownblock_le(bytes).map(passed),
    }
}

fn pcapng_frame<'a>(
    block: &Block<'a>,
    interfaces: &[Interface],
    number: u64,
) -> Result<Option<Frame<'a>>, Cause> {
    let (id, ticks, captured, stated, data): (u32, Option<u64>, Option<usize>, u32, &'a [u8]) =
        match block {
            Block::EnhancedPacket(packet) => {
                let ticks = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
                (
                    packet.if_id,
                    Some(ticks),
                    usize::try_from(packet.caplen).ok(),
                    packet.origlen,
                    packet.data,
                )
            }
            Block::SimplePacket(packet) => (0, None, None, packet.origlen, packet.data),
            _ => return Ok(None),
        };
    let interface = usize::try_from(id).ok().and_then(|id| interfaces.get(id));
    let interface = interface.ok_or(Cause::Interface(id))?;
    // A simple packet block does not say how much was captured: the rest is padding.
    let captured = captured.unwrap_or(interface.snap_len.min(wire_len(stated, 0)));
    let bytes = data.get(..captured).unwrap_or(data);
    let time = match (ticks, interface.resolution) {
        (Some(ticks), Some(unit)) => {
            let seconds = i64::try_from(ticks / unit).ok();
            let seconds = seconds.and_then(|s| s.checked_add(interface.offset_seconds));
            seconds.and_then(|seconds| moment(seconds, ticks % unit, unit))
        }
        _ => None,
    };
    Ok(Some(Frame {
        number,
        time: time.map_or(Known::Unknown("the packet has no usable time stamp"), Known::Known),
        interface: interface.name,
        link_type: interface.link_type,
        wire_len: wire_len(stated, bytes.len()),
        bytes,
    }))
}

/// `fraction` in units of `1 / unit` seconds, which may be more than a second.
fn moment(seconds: i64, fraction: u64, unit: u64) -> Option<Moment> {
    let seconds = seconds.checked_add(i64::try_from(fraction.checked_div(unit)?).ok()?)?;
    let nanos = u128::from(fraction % unit) * 1_000_000_000 / u128::from(unit);
    Some(Moment { seconds, nanos: u32::try_from(nanos).ok()? })
}

impl Interface {
    fn new(block: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Result<Self, Cause> {
        let option = |code| {
            let found = block.options.iter().find(|option| option.code.0 == code);
            found.and_then(|option| option.as_bytes().ok())
        };
        let no_name = "the capture does not name the interface as Linux does";
        let name = option(OPTION_NAME).and_then(|name| IfName::new(name.trim_ascii_end()));
        let offset = option(OPTION_TIME_OFFSET).and_then(|bytes| bytes.first_chunk::<8>());
        // The crate reads the offset as little endian in either byte order.
        let in_order = if big_endian { i64::from_be_bytes } else { i64::from_le_bytes };
        let snap_len = usize::try_from(block.snaplen).unwrap_or(usize::MAX);
        Ok(Self {
            link_type: link_type(block.linktype.0)?,
            snap_len: if snap_len == 0 { usize::MAX } else { snap_len },
            name: name.map_or(Known::Unknown(no_name), Known::Known),
            resolution: resolution(block.if_tsresol),
            offset_seconds: offset.map_or(0, |bytes| in_order(*bytes)),
        })
    }
}

/// `if_name`
const OPTION_NAME: u16 = 2;
/// `if_tsoffset`, seconds
const OPTION_TIME_OFFSET: u16 = 14;

/// `if_tsresol`: a power of ten, or of two if the highest bit is set. (The crate's own function knows no powers of
/// two.)
fn resolution(if_tsresol: u8) -> Option<u64> {
    let power = u32::from(if_tsresol & 0x7f);
    match if_tsresol & 0x80 {
        0 => 10u64.checked_pow(power),
        _ => 1u64.checked_shl(power),
    }
}
