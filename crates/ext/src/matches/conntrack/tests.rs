//! Questions about connections, as `conntrack_mt` answers them.

use super::*;

fn conntrack(words: &str) -> Conntrack {
    let cx = ParseCx { family: Family::Ip4, table: "filter", proto: None, host: &NoHost };
    let mut args = Args::default();
    let mut words = words.split(' ');
    let mut not = false;
    while let Some(word) = words.next() {
        if word == "!" {
            not = true;
            continue;
        }
        let options = Conntrack::SPEC.options;
        let def = options.iter().find(|o| word.strip_prefix("--") == Some(o.name)).unwrap();
        args.push(Seen { def, not, words: [words.next().unwrap().as_bytes(), b""], given: 1 });
        not = false;
    }
    Conntrack::parse(&args, &cx).unwrap()
}

fn packet() -> Packet {
    Packet::parse(&[&[0x45, 0, 0, 20][..], &[0; 16]].concat()).unwrap()
}

fn tuple(src: [u8; 4], sport: u16, dst: [u8; 4], dport: u16) -> Tuple {
    Tuple { src: src.into(), dst: dst.into(), protocol: 6, sport, dport }
}

/// A connection of 10.0.0.7 to a web server, whose address was translated.
fn context() -> Context {
    let mut cx = Context::default();
    let ct = &mut cx.conntrack;
    ct.state = Known::Known(CtState::Established);
    ct.direction = Known::Known(Direction::Reply);
    ct.status = Known::Known(ct_status::SEEN_REPLY | ct_status::DST_NAT);
    ct.original = Known::Known(tuple([10, 0, 0, 7], 4000, [192, 0, 2, 1], 80));
    ct.reply = Known::Known(tuple([10, 1, 0, 1], 8080, [10, 0, 0, 7], 4000));
    ct.expires = Known::Known(60);
    cx
}

#[test]
fn every_condition_must_hold() {
    let cx = context();
    let test = |words| conntrack(words).test(&packet(), &cx);
    for yes in [
        "--ctstate NEW,ESTABLISHED",
        "--ctstate DNAT",
        "! --ctstate SNAT,NEW",
        "--ctproto tcp --ctdir REPLY",
        "--ctorigsrc 10.0.0.0/24 ! --ctrepldst 10.0.1.0/24",
        "--ctorigdstport 80:90 --ctreplsrcport 8080 ! --ctorigsrcport 1:3999",
        "--ctstatus ASSURED,SEEN_REPLY --ctexpire 60:",
        "! --ctstatus NONE",
    ] {
        assert_eq!(test(yes), Truth::Yes, "{yes}");
    }
    for no in [
        "--ctstate INVALID",
        "! --ctstate DNAT",
        "--ctstate ESTABLISHED --ctdir ORIGINAL",
        "--ctreplsrc 192.0.2.1",
        "--ctorigdst 10.1.0.1",
        "! --ctproto 6",
        "--ctstatus NONE",
        "--ctexpire :59",
    ] {
        assert_eq!(test(no), Truth::No, "{no}");
    }
}

#[test]
fn without_a_connection_the_state_alone_decides() {
    let mut cx = Context::default();
    let mut test = |state, words| {
        cx.conntrack.state = Known::Known(state);
        conntrack(words).test(&packet(), &cx)
    };
    assert_eq!(test(CtState::Invalid, "--ctstate INVALID --ctproto tcp"), Truth::Yes);
    assert_eq!(test(CtState::Untracked, "! --ctstate DNAT --ctdir REPLY"), Truth::Yes);
    assert_eq!(test(CtState::Untracked, "--ctstate UNTRACKED"), Truth::Yes);
    assert_eq!(test(CtState::Invalid, "--ctproto tcp"), Truth::No);
    assert_eq!(test(CtState::Invalid, "! --ctproto tcp"), Truth::No);
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let unknown = |t| matches!(t, Truth::Unknown(_));
    let mut cx = Context::default();
    assert!(unknown(conntrack("--ctstate NEW").test(&packet(), &cx)));
    cx.conntrack.state = Known::Known(CtState::New);
    assert_eq!(conntrack("--ctstate NEW").test(&packet(), &cx), Truth::Yes);
    assert!(unknown(conntrack("--ctstate NEW --ctproto tcp").test(&packet(), &cx)));
    assert!(unknown(conntrack("--ctstate DNAT").test(&packet(), &cx)));
    assert_eq!(conntrack("--ctstate INVALID --ctproto 6").test(&packet(), &cx), Truth::No);
}

#[test]
fn a_mask_of_a_host_is_one_mask_however_it_is_sent() {
    let bytes = |words| {
        let mut out = Vec::new();
        let value = conntrack(words);
        value.encode(3, Family::Ip4, &mut out);
        let cx = DecodeCx { family: Family::Ip4, host: &NoHost };
        assert_eq!(Conntrack::decode(3, &cx, &out).as_ref(), Ok(&value));
        (value, out)
    };
    let (bare, bare_bytes) = bytes("--ctorigsrc 10.0.0.7");
    let (masked, masked_bytes) = bytes("--ctorigsrc 10.0.0.7/32");
    assert_eq!(bare, masked);
    assert_ne!(bare_bytes, masked_bytes);
}

#[test]
fn only_the_third_revision_holds_ranges_of_ports_and_the_first_no_untracked() {
    let sizes = |words: &str| {
        [3, 2, 1].map(|rev| {
            let mut out = Vec::new();
            conntrack(words).encode(rev, Family::Ip4, &mut out);
            out.len()
        })
    };
    assert_eq!(sizes("--ctorigsrcport 80"), [168, 160, 152]);
    assert_eq!(sizes("--ctorigsrcport 80:81"), [168, 0, 0]);
    assert_eq!(sizes("--ctstate UNTRACKED"), [168, 160, 0]);
}
