use super::*;
use crate::lower;
use oxtables_ext::NoHost;
use oxtables_wire::nft::expr::{self, REG_1, Reg};
use oxtables_wire::nft::{Head, Rule as RuleHead, msg};
use oxtables_wire::nl::{Messages, Writer};

const IP4: DecodeCx<'_> = DecodeCx { family: Family::Ip4, host: &NoHost };

/// A rule message with what `write` writes.
fn message(userdata: &[u8], write: impl FnOnce(&mut Writer)) -> Writer {
    let mut w = Writer::new();
    let place = RuleHead { table: b"filter", chain: b"INPUT", userdata, ..RuleHead::default() };
    let head = Head { flags: 0, seq: 1, family: 2 };
    oxtables_wire::nft::rule(&mut w, msg::NEWRULE, head, &place, write).unwrap();
    w
}

fn view(w: &Writer) -> RuleView<'_> {
    RuleView::read(&Messages::new(w.as_bytes()).next().unwrap().unwrap()).unwrap()
}

fn raised(cx: &DecodeCx<'_>, write: impl FnOnce(&mut Writer)) -> Entry {
    rule(&view(&message(&[], write)), cx).entry
}

fn known(write: impl FnOnce(&mut Writer)) -> Rule {
    match raised(&IP4, write) {
        Entry::Rule(rule) => rule,
        Entry::Foreign(foreign) => panic!("{foreign:?}"),
    }
}

fn foreign(write: impl FnOnce(&mut Writer)) -> String {
    match raised(&IP4, write) {
        Entry::Foreign(foreign) => foreign.part,
        Entry::Rule(rule) => panic!("{rule:?}"),
    }
}

fn capture(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.split_once('\n').unwrap().1.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |c: &[u8]| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn what_upstream_writes_is_understood_and_written_again_byte_for_byte() {
    let captures = [
        (Family::Ip4, include_str!("../../../wire/tests/golden/core4.hex")),
        (Family::Ip6, include_str!("../../../wire/tests/golden/core6.hex")),
        (Family::Ip4, include_str!("../../../wire/tests/golden/insert_goto.hex")),
        (Family::Ip4, include_str!("../../../wire/tests/golden/replace.hex")),
        (Family::Ip4, include_str!("../../../wire/tests/golden/match_target.hex")),
        (Family::Ip4, include_str!("../../../wire/tests/golden/odd4.hex")),
        (Family::Ip6, include_str!("../../../wire/tests/golden/odd6.hex")),
    ];
    for (family, text) in captures {
        let bytes = capture(text);
        let captured =
            Messages::new(&bytes).map(Result::unwrap).find(|m| m.kind == msg::NEWRULE).unwrap();
        let captured = RuleView::read(&captured).unwrap();
        let cx = DecodeCx { family, host: &NoHost };
        let Entry::Rule(rule) = rule(&captured, &cx).entry else { panic!("{text}") };
        let ours = message(&[], |w| lower::expressions(w, family, &rule));
        assert_eq!(view(&ours).expressions.rest(), captured.expressions.rest(), "{text}");
        assert_eq!(Some(lower::compat(rule.protocol)), captured.compat, "{text}");
    }
}

#[test]
fn the_order_of_1_8_9_says_the_same() {
    let old = known(|w| {
        expr::meta(w, meta::IIFNAME, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, b"eth0\0");
        expr::meta(w, meta::L4PROTO, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, &[6]);
        expr::payload(w, Base::Network, 12, 1, REG_1);
        expr::cmp(w, REG_1, CmpOp::Neq, &[10]);
        expr::verdict(w, Verdict::Drop);
    });
    let new = known(|w| {
        expr::payload(w, Base::Network, 12, 1, REG_1);
        expr::cmp(w, REG_1, CmpOp::Neq, &[10]);
        expr::meta(w, meta::IIFNAME, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
        expr::payload(w, Base::Network, 9, 1, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, &[6]);
        expr::verdict(w, Verdict::Drop);
    });
    assert!(old.same(&new));
    assert_eq!(old.protocol, Some(Neg::plain(6)));
    assert!(old.source.unwrap().not);
}

#[test]
fn odd_forms_of_old_versions() {
    // `-i +` of 1.8.9, and `! -i +` of every version.
    let any = known(|w| expr::meta(w, meta::IIFNAME, REG_1));
    assert_eq!(any, Rule::default());
    let never = known(|w| {
        expr::meta(w, meta::OIFNAME, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, b"INVAL/D\0");
    });
    assert!(never.out_interface.is_some_and(|i| i.not && i.value.is_any()));
}

#[test]
fn what_nft_writes() {
    // Both addresses at once, registers of 4 bytes, an interface by index.
    let both = known(|w| {
        expr::payload(w, Base::Network, 12, 8, Reg(9));
        expr::cmp(w, Reg(9), CmpOp::Eq, &[1, 2, 3, 4, 5, 6, 7, 8]);
        expr::meta(w, meta::IIF, Reg(8));
        expr::cmp(
            w,
            Reg(8),
            CmpOp::Eq,
            &oxtables_sys::interface::index(b"lo").unwrap().to_ne_bytes(),
        );
        expr::verdict(w, Verdict::Accept);
    });
    assert_eq!(both.source.unwrap().value.addr().to_string(), "1.2.3.4");
    assert_eq!(both.destination.unwrap().value.addr().to_string(), "5.6.7.8");
    assert_eq!(both.in_interface.unwrap().value.name(), b"lo");
    // A comment beside the expressions is a match behind all others.
    let w = message(b"\x00\x06hallo\x00", |w| expr::verdict(w, Verdict::Drop));
    let Entry::Rule(commented) = rule(&view(&w), &IP4).entry else { panic!() };
    assert!(matches!(&commented.matches[..], [AnyMatch::Comment(_)]));
    // An unknown piece of user data changes nothing, a broken one is noticed.
    let w = message(b"\x09\x01x", |w| expr::verdict(w, Verdict::Drop));
    assert!(matches!(rule(&view(&w), &IP4).entry, Entry::Rule(_)));
    let w = message(b"\x00\x09x", |w| expr::verdict(w, Verdict::Drop));
    assert!(matches!(rule(&view(&w), &IP4).entry, Entry::Foreign(_)));
}

#[test]
fn nothing_is_widened() {
    let drop = |w: &mut Writer| expr::verdict(w, Verdict::Drop);
    let source = |w: &mut Writer, lo: &[u8]| {
        expr::payload(w, Base::Network, 12, 4, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, lo);
    };
    // A set, an ordering, an address under no mask, bits outside the mask, a protocol 0, a payload that is only loaded,
    // a name that ends in `+`, two different sources.
    foreign(|w| {
        expr::payload(w, Base::Network, 12, 4, REG_1);
        expr::lookup(w, REG_1, b"__set0", None, false);
        drop(w);
    });
    foreign(|w| {
        expr::payload(w, Base::Network, 12, 4, REG_1);
        expr::cmp(w, REG_1, CmpOp::Gte, &[10, 0, 0, 0]);
        drop(w);
    });
    foreign(|w| {
        expr::payload(w, Base::Network, 12, 4, REG_1);
        expr::bitwise(w, REG_1, 4, &[0; 4], &[0; 4]);
        expr::cmp(w, REG_1, CmpOp::Eq, &[0; 4]);
        drop(w);
    });
    foreign(|w| {
        expr::payload(w, Base::Network, 12, 4, REG_1);
        expr::bitwise(w, REG_1, 4, &[255, 0, 0, 0], &[0; 4]);
        expr::cmp(w, REG_1, CmpOp::Eq, &[10, 1, 0, 0]);
        drop(w);
    });
    foreign(|w| {
        expr::payload(w, Base::Network, 9, 1, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, &[0]);
        drop(w);
    });
    foreign(|w| {
        expr::payload(w, Base::Transport, 0, 2, REG_1);
        drop(w);
    });
    foreign(|w| {
        expr::meta(w, meta::IIFNAME, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, b"eth+\0");
        drop(w);
    });
    foreign(|w| {
        source(w, &[1, 2, 3, 4]);
        source(w, &[1, 2, 3, 5]);
        drop(w);
    });
    assert_eq!(foreign(|w| expr::copy(w, b"vmap-of-the-future", &[])), "vmap-of-the-future");
    // The same source twice is the source.
    known(|w| {
        source(w, &[1, 2, 3, 4]);
        source(w, &[1, 2, 3, 4]);
    });
}

#[test]
fn order_that_iptables_cannot_write_is_foreign() {
    let count =
        |w: &mut Writer| expr::counter(w, oxtables_wire::nft::Counters { packets: 3, bytes: 4 });
    let source = |w: &mut Writer| {
        expr::payload(w, Base::Network, 12, 4, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, &[1, 2, 3, 4]);
    };
    // Counts every packet, not those from the source.
    let early = raised(&IP4, |w| {
        count(w);
        source(w);
    });
    assert!(matches!(
        early,
        Entry::Foreign(ForeignRule { counters: Counters { packets: 3, bytes: 4 }, .. })
    ));
    foreign(|w| {
        count(w);
        count(w);
    });
    foreign(|w| {
        expr::verdict(w, Verdict::Accept);
        source(w);
    });
    // The extension may count what it sees, and it would see less.
    foreign(|w| {
        expr::xt_match(w, b"statistic", 0, |b| b.extend_from_slice(&[0; 24]));
        source(w);
    });
}

#[test]
fn an_extension_with_unknown_bytes_is_kept() {
    let rule = known(|w| {
        expr::xt_match(w, b"no-such-match", 7, |b| b.extend_from_slice(&[1; 16]));
        expr::xt_target(w, b"NOSUCH", 3, |b| b.extend_from_slice(&[2; 8]));
    });
    assert!(rule.is_foreign());
    let again = message(&[], |w| lower::expressions(w, Family::Ip4, &rule));
    let Entry::Rule(second) = super::rule(&view(&again), &IP4).entry else { panic!() };
    assert_eq!(rule, second);
}

#[test]
fn the_ip6_header_is_another() {
    let ip6 = DecodeCx { family: Family::Ip6, host: &NoHost };
    // Byte 9 is inside an IPv6 address.
    let entry = raised(&ip6, |w| {
        expr::payload(w, Base::Network, 9, 1, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, &[6]);
    });
    assert!(matches!(entry, Entry::Foreign(_)));
    // The next header is not the protocol when there are extension headers.
    let entry = raised(&ip6, |w| {
        expr::payload(w, Base::Network, 6, 1, REG_1);
        expr::cmp(w, REG_1, CmpOp::Eq, &[6]);
    });
    assert!(matches!(entry, Entry::Foreign(_)));
}
