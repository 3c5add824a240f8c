//! Batches captured from iptables 1.8.13, read and written again: the bytes must be the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use oxtables_wire::nft::cond::{Cond, Item, Load, Op, fold};
use oxtables_wire::nft::expr::{self, Base, Expr, REG_1, Verdict, meta};
use oxtables_wire::nft::{self, Chain, ChainView, Counters, Head, Rule, RuleView, TableView, msg};
use oxtables_wire::nl::{Message, Messages, Writer, flag};

/// The bytes of a capture; its first line is the command that made it.
fn capture(text: &str) -> Vec<u8> {
    let (command, hex) = text.split_once('\n').unwrap();
    assert!(command.starts_with("# unshare -n "));
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap())
        .collect()
}

fn copy_expr(w: &mut Writer, expr: Expr<'_>) {
    match expr {
        Expr::Meta { key, dreg } => expr::meta(w, key, dreg),
        Expr::MetaSet { key, sreg } => expr::meta_set(w, key, sreg),
        Expr::Payload { base, offset, len, dreg } => expr::payload(w, base, offset, len, dreg),
        Expr::Cmp { sreg, op, data } => expr::cmp(w, sreg, op, data),
        Expr::Bitwise { sreg, dreg, mask, xor } => {
            assert_eq!(sreg, dreg);
            expr::bitwise(w, sreg, u32::try_from(mask.len()).unwrap(), mask, xor);
        }
        Expr::Range { sreg, negated, lo, hi } => expr::range(w, sreg, negated, lo, hi),
        Expr::Immediate { dreg, data } => expr::immediate(w, dreg, data),
        Expr::Verdict(verdict) => expr::verdict(w, verdict),
        Expr::Counter(counters) => expr::counter(w, counters),
        Expr::Limit(limit) => expr::limit(w, limit),
        Expr::Log(log) => expr::log(w, &log),
        Expr::Match { name, rev, info } => {
            expr::xt_match(w, name, rev, |b| b.extend_from_slice(info))
        }
        Expr::Target { name, rev, info } => {
            expr::xt_target(w, name, rev, |b| b.extend_from_slice(info))
        }
        other => panic!("not sent by iptables: {other:?}"),
    }
}

fn copy_message(w: &mut Writer, m: &Message<'_>) {
    let head = Head { flags: m.flags & !flag::REQUEST, seq: m.seq, family: m.family().unwrap() };
    match m.kind {
        0x10 => {
            let genid = m.attrs().unwrap().next().unwrap().unwrap().be32().unwrap();
            nft::batch_begin(w, m.seq, Some(genid)).unwrap();
        }
        0x11 => nft::batch_end(w, m.seq).unwrap(),
        msg::NEWTABLE => nft::table(w, m.kind, head, TableView::read(m).unwrap().name).unwrap(),
        msg::NEWCHAIN => {
            let v = ChainView::read(m).unwrap();
            let handle = (v.handle != 0).then_some(v.handle);
            let chain = Chain {
                table: v.table,
                name: v.name,
                handle,
                hook: v.hook,
                policy: v.policy,
                kind: v.kind,
                counters: v.counters,
            };
            nft::chain(w, m.kind, head, &chain).unwrap();
        }
        msg::NEWRULE => {
            let v = RuleView::read(m).unwrap();
            let rule = Rule {
                table: v.table,
                chain: v.chain,
                handle: (v.handle != 0).then_some(v.handle),
                position: v.position,
                compat: v.compat,
                userdata: v.userdata,
                ..Rule::default()
            };
            let exprs: Vec<_> = Expr::list(v.expressions).map(Result::unwrap).collect();
            nft::rule(w, m.kind, head, &rule, |w| exprs.iter().for_each(|e| copy_expr(w, *e)))
                .unwrap();
        }
        msg::DELRULE => {
            let table = m.attrs().unwrap().find_kind(1).unwrap().text();
            nft::rule(w, m.kind, head, &Rule { table, ..Rule::default() }, |_| ()).unwrap();
        }
        other => panic!("message {other:#x}"),
    }
}

#[test]
fn every_capture_is_written_again_as_it_was() {
    let captures = [
        include_str!("golden/core4.hex"),
        include_str!("golden/core6.hex"),
        include_str!("golden/limit_log.hex"),
        include_str!("golden/trace.hex"),
        include_str!("golden/match_target.hex"),
        include_str!("golden/insert_goto.hex"),
        include_str!("golden/replace.hex"),
        include_str!("golden/rename.hex"),
        include_str!("golden/policy.hex"),
        include_str!("golden/new_chain.hex"),
        include_str!("golden/flush_all.hex"),
        include_str!("golden/odd4.hex"),
        include_str!("golden/odd6.hex"),
        include_str!("golden/append_jump.hex"),
    ];
    for text in captures {
        let bytes = capture(text);
        let mut w = Writer::new();
        for m in Messages::new(&bytes) {
            copy_message(&mut w, &m.unwrap());
        }
        assert_eq!(w.as_bytes(), bytes, "{}", text.lines().next().unwrap());
    }
}

#[test]
fn a_captured_rule_folds_into_its_conditions() {
    let bytes = capture(include_str!("golden/core4.hex"));
    let rule = Messages::new(&bytes).map(Result::unwrap).find(|m| m.kind == msg::NEWRULE).unwrap();
    let mut items = Vec::new();
    fold(RuleView::read(&rule).unwrap().expressions, &mut items).unwrap();
    let net = |offset, len| Load::Payload { base: Base::Network, offset, len };
    let eq = |load, mask: Option<&'static [u8]>, lo: &'static [u8]| Cond {
        load,
        mask,
        op: Op::EQ,
        lo,
        hi: lo,
    };
    let frag =
        Cond { load: net(6, 2), mask: Some(&[0x1f, 0xff]), op: Op::NEQ, lo: &[0, 0], hi: &[0, 0] };
    assert_eq!(
        items,
        [
            Item::Cond(eq(net(12, 4), Some(&[255, 255, 240, 0]), &[10, 1, 0, 0])),
            Item::Cond(eq(net(16, 4), None, &[1, 2, 3, 4])),
            Item::Cond(eq(Load::Meta(meta::IIFNAME), None, b"eth0\0")),
            Item::Cond(eq(Load::Meta(meta::OIFNAME), None, b"lo")),
            Item::Cond(eq(net(9, 1), None, &[6])),
            Item::Cond(frag),
            Item::Counter(Counters { packets: 5, bytes: 6 }),
            Item::Verdict(Verdict::Accept),
        ]
    );
}

/// A small generator (xorshift64*), so that a failure can be run again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Reads bytes in every way there is.
fn read_all(bytes: &[u8]) -> usize {
    let (mut items, mut seen) = (Vec::new(), 0);
    for m in Messages::new(bytes).flatten() {
        let _ = (
            m.family(),
            m.res_id(),
            m.done(),
            oxtables_wire::nl::Failure::read(&m),
            nft::genid(&m),
        );
        for kind in [msg::NEWTABLE, msg::NEWCHAIN, msg::NEWRULE] {
            let m = Message { kind, ..m };
            let _ = (TableView::read(&m), ChainView::read(&m));
            if let Ok(rule) = RuleView::read(&m) {
                let _ = fold(rule.expressions, &mut items);
                seen += items.len();
            }
        }
    }
    seen
}

#[test]
fn damaged_and_random_bytes_never_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let good = capture(include_str!("golden/core6.hex"));
    let whole = read_all(&good);
    assert!(whole > 0);
    let mut understood_less = 0;
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=random.next() % 4 {
            let at = usize::try_from(random.next()).unwrap() % bytes.len();
            bytes[at] = random.next().to_le_bytes()[0];
        }
        bytes.truncate(bytes.len() - usize::try_from(random.next()).unwrap() % 8);
        understood_less += usize::from(read_all(&bytes) < whole);
        let noise: Vec<u8> =
            (0..random.next() % 200).map(|_| random.next().to_le_bytes()[0]).collect();
        read_all(&noise);
    }
    assert!(understood_less > 0);
}

#[test]
fn every_single_byte_cut_off_is_noticed() {
    let good = capture(include_str!("golden/core4.hex"));
    for len in 1..good.len() {
        // A cut at a message's end leaves whole messages; any other is an error.
        let ends = Messages::new(&good).scan(0, |at, m| {
            *at += 16 + m.unwrap().payload.len();
            Some(*at)
        });
        let whole = ends.into_iter().any(|end| end == len);
        assert_eq!(Messages::new(&good[..len]).all(|m| m.is_ok()), whole, "{len}");
    }
}

#[test]
fn registers_are_written_as_given() {
    let mut w = Writer::new();
    let place = Rule { table: b"t", chain: b"c", ..Rule::default() };
    let head = Head { flags: 0, seq: 0, family: 2 };
    nft::rule(&mut w, msg::NEWRULE, head, &place, |w| expr::lookup(w, REG_1, b"set", None, true))
        .unwrap();
    let m = Messages::new(w.as_bytes()).next().unwrap().unwrap();
    let exprs: Vec<_> = Expr::list(RuleView::read(&m).unwrap().expressions).collect();
    assert_eq!(exprs, [Ok(Expr::Lookup { set: b"set", sreg: REG_1, dreg: None, inverted: true })]);
}
