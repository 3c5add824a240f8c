use super::*;

#[test]
fn nested_lengths_are_patched_and_padding_is_zero() {
    let mut w = Writer::new();
    let m = w.begin(0x0a00, flag::REQUEST, 7, 2, 0);
    let n = w.nest(4);
    w.text(1, b"abcd");
    w.u8(2, 0xff);
    w.close(n);
    w.end(m).unwrap();
    let msg = Messages::new(w.as_bytes()).next().unwrap().unwrap();
    assert_eq!((msg.kind, msg.flags, msg.seq), (0x0a00, 1, 7));
    assert_eq!(msg.family(), Ok(2));
    let nest = msg.attrs().unwrap().find_kind(4).unwrap();
    let inner: Vec<_> = nest.nested().map(Result::unwrap).collect();
    assert_eq!(inner[0].text(), b"abcd");
    assert_eq!(inner[0].data, b"abcd\0");
    assert_eq!(inner[1].u8(), Ok(0xff));
    assert_eq!(w.len() % 4, 0);
    assert_eq!(&w.as_bytes()[w.len() - 3..], &[0, 0, 0]);
}

#[test]
fn too_long_and_nul_take_the_message_back() {
    let mut w = Writer::new();
    let m = w.begin(1, 1, 1, 2, 0);
    w.be32(1, 1);
    w.end(m).unwrap();
    let whole = w.len();
    let m = w.begin(1, 1, 2, 2, 0);
    w.bytes(3, &vec![0; 65_532]);
    assert_eq!(w.end(m), Err(WriteError::TooLong { attr: 3 }));
    assert_eq!(w.len(), whole);
    let m = w.begin(1, 1, 3, 2, 0);
    let n = w.nest(9);
    for _ in 0..2 {
        w.bytes(1, &vec![7; 40_000]);
    }
    w.close(n);
    assert_eq!(w.end(m), Err(WriteError::TooLong { attr: 9 }));
    let m = w.begin(1, 1, 4, 2, 0);
    w.text(1, b"a\0b");
    assert_eq!(w.end(m), Err(WriteError::NulInText { attr: 1 }));
    assert_eq!(w.len(), whole);
    let m = w.begin(1, 1, 5, 2, 0);
    w.bytes(3, &vec![0; 65_531]);
    assert_eq!(w.end(m), Ok(()));
}

#[test]
fn truncated_is_an_error_and_ends() {
    let mut it = Attrs::new(&[8, 0, 1, 0, 1, 2]);
    assert_eq!(it.next(), Some(Err(WireError::Truncated)));
    assert_eq!(it.next(), None);
    assert_eq!(Attrs::new(&[3, 0, 1, 0]).next(), Some(Err(WireError::Truncated)));
    assert_eq!(Messages::new(&[0; 15]).next(), Some(Err(WireError::Truncated)));
    assert_eq!(Messages::new(&[0; 16]).next(), Some(Err(WireError::Truncated)));
}

#[test]
fn an_extended_ack_is_read() {
    // error, header of the message it is about, then the TLVs.
    let mut payload = (-2i32).to_ne_bytes().to_vec();
    payload.extend(100u32.to_ne_bytes());
    payload.extend(0x0a06u16.to_ne_bytes());
    payload.extend([1, 0]);
    payload.extend(42u32.to_ne_bytes());
    payload.extend(0u32.to_ne_bytes());
    payload.extend([7, 0, 1, 0, b'h', b'i', 0, 0, 8, 0, 2, 0]);
    payload.extend(36u32.to_ne_bytes());
    let flags = flag::CAPPED | flag::ACK_TLVS;
    let m = Message { kind: kind::ERROR, flags, seq: 42, payload: &payload };
    let f = Failure::read(&m).unwrap();
    assert_eq!((f.errno, f.seq, f.kind), (2, 42, 0x0a06));
    assert_eq!((f.text, f.offset), (Some(&b"hi"[..]), Some(36)));
    let done = Message {
        kind: kind::DONE,
        flags: flag::DUMP_INTR,
        seq: 0,
        payload: &(-4i32).to_ne_bytes(),
    };
    assert_eq!(done.done(), Some(Ok(4)));
    assert!(done.interrupted());
}
