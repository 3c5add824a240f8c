//! Captures: what is written is read; every format and link type; files that break off or are damaged.

use crate::random::Random;
use oxtables_packet::build::{Ip, Transport};
use oxtables_packet::pcap::{
    Broken, Cause, Frame, Reader, Unusable, WriteError, Writer, link_type,
};
use oxtables_packet::{IfName, Known, Link, Moment, Packet, PacketType, Refused};

fn udp(v6: bool) -> Packet {
    let ip = match v6 {
        true => Ip::new([1; 16].into(), [2; 16].into()),
        false => Ip::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into()),
    };
    Packet::build(&ip, &Transport::Udp { sport: 5, dport: 6 }, b"payload").unwrap()
}

/// Frames of these bytes, a second apart.
fn written(link: u16, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), link).unwrap();
    for (seconds, frame) in (1_700_000_000..).zip(frames) {
        let time = Moment { seconds, nanos: 123_456_789 };
        writer.write(link, time, frame, frame.len()).unwrap();
    }
    writer.finish().unwrap()
}

fn one(link: u16, frame: &[u8]) -> Result<Packet, Unusable> {
    let file = written(link, &[frame.to_vec()]);
    Reader::new(&file).unwrap().next().unwrap().unwrap().packet()
}

#[test]
fn what_is_written_is_read() {
    let mut r = Random(3);
    let frames: Vec<Vec<u8>> = (0..500)
        .map(|_| {
            let (ip, transport) = (r.ip(), r.transport());
            Packet::build(&ip, &transport, &r.some_bytes(1000)).unwrap().bytes().to_vec()
        })
        .collect();
    let file = written(link_type::RAW, &frames);
    assert_eq!(file.len(), 24 + frames.iter().map(|f| f.len() + 16).sum::<usize>());
    let mut reader = Reader::new(&file).unwrap();
    for (number, sent) in (1..).zip(&frames) {
        let frame = reader.next().unwrap().unwrap();
        let seconds = 1_700_000_000 - 1 + i64::try_from(number).unwrap();
        assert_eq!(frame.number, number);
        assert_eq!(frame.time, Known::Known(Moment { seconds, nanos: 123_456_789 }));
        assert_eq!(frame.packet().unwrap().bytes(), sent);
    }
    assert_eq!(reader.bytes_read(), file.len());
    assert!(reader.next().is_none());
}

#[test]
fn the_writer_refuses_what_the_format_cannot_say() {
    let mut writer = Writer::new(Vec::new(), link_type::RAW).unwrap();
    let time = |seconds| Moment { seconds, nanos: 0 };
    assert!(matches!(
        writer.write(link_type::ETHERNET, time(0), &[], 0),
        Err(WriteError::LinkType { file: 101, frame: 1 })
    ));
    assert!(matches!(writer.write(101, time(-1), &[], 0), Err(WriteError::Time(_))));
    assert!(matches!(writer.write(101, time(1 << 32), &[], 0), Err(WriteError::Time(_))));
    assert_eq!(writer.finish().unwrap().len(), 24);
}

/// A pcap file in either byte order and unit of time.
fn pcap(big: bool, nanos: bool, fraction: u32, frame: &[u8], wire_len: u32) -> Vec<u8> {
    let long = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    // The upper bits of the link type state a frame check sequence, which is none of ours.
    let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    let mut file =
        [long(magic), version, long(0), long(0), long(65535), long(0x1400_0065)].concat();
    let captured = u32::try_from(frame.len()).unwrap();
    for field in [9, fraction, captured, wire_len] {
        file.extend(long(field));
    }
    file.extend(frame);
    file
}

#[test]
fn pcap_in_both_byte_orders_and_units() {
    let bytes = udp(false).bytes().to_vec();
    for big in [false, true] {
        for (nanos, expect) in [(false, 7_000), (true, 7)] {
            let file = pcap(big, nanos, 7, &bytes, 35);
            let frame = Reader::new(&file).unwrap().next().unwrap().unwrap();
            assert_eq!(frame.time, Known::Known(Moment { seconds: 9, nanos: expect }));
            assert_eq!((frame.link_type, frame.bytes, frame.wire_len), (101, &bytes[..], 35));
        }
    }
    // A fraction of more than a second is carried; a length on the wire under that captured is not believed.
    let file = pcap(false, false, 2_500_000, &bytes, 3);
    let frame = Reader::new(&file).unwrap().next().unwrap().unwrap();
    assert_eq!(frame.time, Known::Known(Moment { seconds: 11, nanos: 500_000_000 }));
    assert_eq!(frame.wire_len, 35);
    // A short snap length: the packet is whole, its capture is not.
    let file = pcap(false, false, 0, &bytes[..22], 35);
    let packet = Reader::new(&file).unwrap().next().unwrap().unwrap().packet().unwrap();
    assert_eq!((packet.total_len(), packet.bytes().len()), (35, 22));
}

struct Pcapng {
    big: bool,
    file: Vec<u8>,
}

impl Pcapng {
    fn long(&self, n: u32) -> [u8; 4] {
        if self.big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    fn word(&self, n: u16) -> [u8; 2] {
        if self.big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.long(u32::try_from(body.len() + 12).unwrap());
        self.file.extend([&self.long(kind)[..], &len, &body, &len].concat());
    }

    fn section(&mut self) {
        let body = [&self.long(0x1a2b_3c4d)[..], &self.word(1), &self.word(0), &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body);
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let len = self.word(u16::try_from(value.len()).unwrap());
        let mut option = [&self.word(code)[..], &len, value].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn interface(&mut self, link: u16, snap_len: u32, options: &[(u16, &[u8])]) {
        let mut body = [&self.word(link)[..], &[0, 0], &self.long(snap_len)].concat();
        for (code, value) in options {
            body.extend(self.option(*code, value));
        }
        body.extend([0; 4]);
        self.block(1, &body);
    }

    fn packet(&mut self, interface: u32, ticks: u64, bytes: &[u8], wire_len: usize) {
        let (high, low) =
            (u32::try_from(ticks >> 32).unwrap(), u32::try_from(ticks & 0xffff_ffff).unwrap());
        let captured = u32::try_from(bytes.len()).unwrap();
        let fields = [interface, high, low, captured, u32::try_from(wire_len).unwrap()];
        let mut body: Vec<u8> = fields.iter().flat_map(|n| self.long(*n)).collect();
        body.extend(bytes);
        self.block(6, &body);
    }

    fn simple_packet(&mut self, bytes: &[u8], wire_len: u32) {
        let body = [&self.long(wire_len)[..], bytes].concat();
        self.block(3, &body);
    }
}

fn pcapng(big: bool) -> Vec<u8> {
    let mut ng = Pcapng { big, file: Vec::new() };
    let (v4, v6) = (udp(false).bytes().to_vec(), udp(true).bytes().to_vec());
    ng.section();
    ng.interface(101, 0, &[(2, b"eth0")]);
    let offset = if big { 100i64.to_be_bytes() } else { 100i64.to_le_bytes() };
    ng.interface(229, 0, &[(2, b"\\Device\\NPF_{0001}"), (9, &[9]), (14, &offset)]);
    ng.interface(228, 0, &[(9, &[0x80 | 10])]);
    ng.packet(0, 5_000_001, &v4, 35);
    ng.block(0x0bad, &[1, 2, 3]);
    ng.packet(1, 5_000_000_001, &v6, 55);
    ng.packet(2, 1024 * 3 + 512, &v4, 35);
    ng.simple_packet(&v4, 35);
    // A new section has interfaces of its own.
    ng.section();
    ng.interface(101, 22, &[]);
    ng.simple_packet(&v4[..22], 35);
    ng.file
}

/// Time, interface, link type, lengths captured and on the wire.
type Summary = (Option<(i64, u32)>, Option<String>, u16, usize, usize);

fn summary(frame: &Frame<'_>) -> Summary {
    let time = frame.time.get().map(|t| (t.seconds, t.nanos));
    let name = frame.interface.get().map(IfName::to_string);
    (time, name, frame.link_type, frame.bytes.len(), frame.wire_len)
}

#[test]
fn pcapng_in_both_byte_orders() {
    for big in [false, true] {
        let file = pcapng(big);
        let frames: Vec<_> = Reader::new(&file).unwrap().map(Result::unwrap).collect();
        let eth0 = Some("eth0".to_owned());
        assert_eq!(
            frames.iter().map(summary).collect::<Vec<_>>(),
            [
                (Some((5, 1000)), eth0.clone(), 101, 35, 35),
                (Some((105, 1)), None, 229, 55, 55),
                (Some((3, 500_000_000)), None, 228, 35, 35),
                (None, eth0, 101, 35, 35),
                (None, None, 101, 22, 35),
            ]
        );
        for (number, frame) in (1..).zip(frames) {
            assert_eq!(frame.number, number);
            assert_eq!(frame.packet().unwrap().protocol(), Some(17));
        }
    }
}

#[test]
fn a_file_that_breaks_off_says_what_was_read_and_where() {
    let frames: Vec<Vec<u8>> = (0..3).map(|n| udp(n % 2 == 0).bytes().to_vec()).collect();
    let file = written(101, &frames);
    let broken = Reader::new(&file[..file.len() - 1]).unwrap().last().unwrap().unwrap_err();
    let offset = file.len() - 16 - frames[2].len();
    let expect = Broken { frames: 2, offset, file_len: file.len() - 1, cause: Cause::Truncated };
    assert_eq!(broken, expect);
    assert_eq!(
        broken.to_string(),
        "the file ends within a block (70 bytes of it are there) at byte 146 of 216, after 2 packets"
    );
    for (file, header) in [(file, 24), (pcapng(false), 0), (pcapng(true), 0)] {
        let whole = Reader::new(&file).unwrap().count();
        let mut ends = 0;
        for len in 0..file.len() {
            let mut reader = match Reader::new(&file[..len]) {
                Ok(reader) => reader,
                Err(broken) => {
                    let cause = if len < 4 { Cause::NoCapture } else { Cause::Truncated };
                    assert_eq!((broken.cause, broken.frames), (cause, 0));
                    assert!(len < header.max(4));
                    continue;
                }
            };
            let mut read = 0;
            let error = loop {
                match reader.next() {
                    Some(Ok(_)) => read += 1,
                    Some(Err(broken)) => break Some(broken),
                    None => break None,
                }
            };
            assert!(reader.next().is_none());
            match error {
                Some(broken) => {
                    assert_eq!(
                        (broken.cause, broken.frames, broken.file_len),
                        (Cause::Truncated, read, len)
                    );
                    assert!(broken.offset < len && read < u64::try_from(whole).unwrap());
                }
                // Cut between two blocks, which no reader can tell from a whole file.
                None => ends += 1,
            }
        }
        assert!((3..12).contains(&ends), "{ends}");
    }
}

#[test]
fn what_is_no_capture() {
    for file in [&b""[..], b"abc", b"*filter\n:INPUT ACCEPT [0:0]\n", &[0xd4, 0xc3, 0xb2]] {
        assert_eq!(Reader::new(file).unwrap_err().cause, Cause::NoCapture);
    }
    assert_eq!(Reader::new(&[0xd4, 0xc3, 0xb2, 0xa1]).unwrap_err().cause, Cause::Truncated);
    let mut ng = Pcapng { big: false, file: Vec::new() };
    ng.section();
    ng.packet(3, 0, &[], 0);
    let broken = Reader::new(&ng.file).unwrap().next().unwrap().unwrap_err();
    assert_eq!((broken.cause, broken.offset), (Cause::Interface(3), 28));
}

/// Found by fuzzing: the crate's reader subtracted 12 from the length 4 of a block of process information.
#[test]
fn blocks_shorter_than_a_block_are_malformed() {
    for kind in [0x8000_0001, 5, 0x0bad, 0x4242_4242, 6] {
        for len in 0..12 {
            let mut ng = Pcapng { big: false, file: Vec::new() };
            ng.section();
            ng.file.extend([ng.long(kind), ng.long(len)].concat());
            ng.file.extend([0; 32]);
            let broken = Reader::new(&ng.file).unwrap().next().unwrap().unwrap_err();
            assert_eq!((broken.cause, broken.offset), (Cause::Malformed, 28), "{kind:#x} {len}");
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let mut r = Random(11);
    let frames: Vec<Vec<u8>> =
        (0..4).map(|_| [vec![0; 14], udp(false).bytes().to_vec()].concat()).collect();
    let files = [written(1, &frames), written(276, &frames), pcapng(false), pcapng(true)];
    let mut broken = 0;
    for round in 0..40_000 {
        let mut file = files[round % 4].clone();
        for _ in 0..1 + r.below(4) {
            let at = r.below(u64::try_from(file.len()).unwrap());
            file[at] = if r.below(2) == 0 { 0xff } else { r.byte() };
        }
        if let Ok(reader) = Reader::new(&file) {
            for frame in reader {
                match frame {
                    Ok(frame) => drop(frame.packet().map(|packet| packet.tcp().is_ok())),
                    Err(_) => broken += 1,
                }
            }
        }
    }
    assert!(broken > 1000, "{broken}");
    for _ in 0..40_000 {
        let mut file = r.some_bytes(200);
        let magic = [[0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d], [10, 13, 13, 10], [0; 4]]
            [r.below(4)];
        file.splice(..file.len().min(4), magic);
        if let Ok(reader) = Reader::new(&file) {
            assert!(reader.count() < 50);
        }
    }
}

const DST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SRC: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn ethernet(dst: [u8; 6], ethertypes: &[u8], packet: &Packet) -> Vec<u8> {
    // With the padding of a short frame behind.
    [&dst[..], &SRC, ethertypes, packet.bytes(), &[0xee; 20]].concat()
}

#[test]
fn ethernet_and_its_tags() {
    let (v4, v6) = (udp(false), udp(true));
    let packet = one(1, &ethernet(DST, &[8, 0], &v4)).unwrap();
    assert_eq!(packet.bytes(), v4.bytes());
    let link = Link { src: SRC, dst: Some(DST), ethertype: 0x800, vlan: None };
    assert_eq!(packet.context.link, Known::Known(link));
    assert!(matches!(packet.context.packet_type, Known::Unknown(_)));
    let packet = one(1, &ethernet([0xff; 6], &[0x86, 0xdd], &v6)).unwrap();
    assert_eq!(packet.context.packet_type, Known::Known(PacketType::Broadcast));
    let packet = one(1, &ethernet([1, 0, 0x5e, 0, 0, 1], &[8, 0], &v4)).unwrap();
    assert_eq!(packet.context.packet_type, Known::Known(PacketType::Multicast));
    let tags = [0x88, 0xa8, 0, 7, 0x81, 0, 0xe0, 5, 0x86, 0xdd];
    let packet = one(1, &ethernet(DST, &tags, &v6)).unwrap();
    assert_eq!(packet.bytes(), v6.bytes());
    let link = packet.context.link.get().copied().unwrap();
    assert_eq!((link.vlan, link.ethertype), (Some(7), 0x86dd));
    assert_eq!(one(1, &ethernet(DST, &[8, 6], &v4)).unwrap_err(), Unusable::EtherType(0x806));
    assert_eq!(one(1, &[0; 13]).unwrap_err(), Unusable::ShortLink);
    assert_eq!(one(1, &[&[0; 12][..], &[0x81, 0, 0]].concat()).unwrap_err(), Unusable::ShortLink);
    assert_eq!(
        one(1, &[&[0; 12][..], &[8, 0]].concat()).unwrap_err(),
        Unusable::Refused(Refused::Empty)
    );
}

#[test]
fn the_other_link_types() {
    let v4 = udp(false);
    let bytes = v4.bytes();
    for link in [12, 14, 101, 228] {
        let packet = one(link, bytes).unwrap();
        assert_eq!((packet.bytes(), packet.context.link), (bytes, Known::Absent));
    }
    for family in [[2, 0, 0, 0], [0, 0, 0, 2]] {
        assert_eq!(one(0, &[&family[..], bytes].concat()).unwrap().bytes(), bytes);
    }
    assert_eq!(one(108, &[&[0, 0, 0, 2][..], bytes].concat()).unwrap().bytes(), bytes);
    assert_eq!(one(108, &[0, 0, 0, 7]).unwrap_err(), Unusable::AddressFamily(7));
    assert_eq!(one(105, bytes).unwrap_err(), Unusable::LinkType(105));

    let cooked = |kind: u8, device: u8| {
        [&[0, kind, 0, device, 0, 6][..], &SRC, &[0, 0, 8, 0], bytes].concat()
    };
    let packet = one(113, &cooked(4, 1)).unwrap();
    assert_eq!(packet.context.packet_type, Known::Known(PacketType::Outgoing));
    let link = Link { src: SRC, dst: None, ethertype: 0x800, vlan: None };
    assert_eq!(packet.context.link, Known::Known(link));
    assert_eq!(one(113, &cooked(0, 200)).unwrap().context.link, Known::Absent);

    let cooked2 = [&[8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 3, 6][..], &SRC, &[0, 0], bytes].concat();
    let packet = one(276, &cooked2).unwrap();
    assert_eq!(packet.bytes(), bytes);
    assert_eq!(packet.context.packet_type, Known::Known(PacketType::OtherHost));
    assert_eq!(packet.context.link, Known::Known(link));
}
