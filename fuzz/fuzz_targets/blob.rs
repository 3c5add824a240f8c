//! The kernel's bytes of an extension. The first byte says which one, the second the revision, the
//! family, and whether the bytes keep their length. What is understood must be what was read: it is
//! encoded again to the same bytes, and what is saved for it means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxtables_base::{Family, Neg};
use oxtables_ext::{AnyMatch, AnyTarget, ArgWriter, Clause, DecodeCx, Field, ListWriter, View};
use oxtables_ext::{MATCHES, Spec, TARGETS};
use oxtables_fuzz::{Machine, as_saved, edits, file};
use oxtables_model::{Action, ChainName, Edit, Rule, TableName};
use oxtables_packet::{Context, Packet};

/// Which extension, revision and family the first two bytes stand for, and whether the bytes that
/// follow keep their length.
fn chosen(which: u8, how: u8) -> (bool, &'static Spec, u8, Family, bool) {
    let which = usize::from(which) % (MATCHES.len() + TARGETS.len());
    let is_match = which < MATCHES.len();
    let spec = match is_match {
        true => MATCHES[which].spec,
        false => TARGETS[which - MATCHES.len()].spec,
    };
    let rev = spec.revisions[usize::from(how >> 1 & 7) % spec.revisions.len()].rev;
    let family = if how & 1 == 0 { Family::Ip4 } else { Family::Ip6 };
    (is_match, spec, rev, family, how & 0x80 != 0)
}

/// What a match asks, where that is told by clauses. Ports outside a range that begins or ends the
/// ports are the range that is left, and what every packet fits is nothing asked.
fn asked(m: &AnyMatch) -> Option<Vec<Clause>> {
    let View::Clauses(clauses) = m.view() else { return None };
    let is_port = |c: &Clause| matches!(c.field, Field::SourcePort | Field::DestinationPort);
    let turned = |c: Clause| match (c.not && is_port(&c), c.lo, c.hi) {
        (true, 0, hi @ ..0xffff) => Clause { lo: hi + 1, hi: 0xffff, not: false, ..c },
        (true, lo @ 1.., 0xffff) => Clause { lo: 0, hi: lo - 1, not: false, ..c },
        _ => c,
    };
    let asks = |c: &Clause| c.not || !(c.lo == 0 && (c.mask == 0 || is_port(c) && c.hi == 0xffff));
    Some(clauses.into_iter().map(turned).filter(asks).collect())
}

fn is_same(one: &Rule, other: &Rule) -> bool {
    let plain = |rule: &Rule| Rule { matches: Default::default(), ..rule.clone() };
    let same = |(a, b): (&AnyMatch, &AnyMatch)| {
        a == b
            || a.spec().unwrap().name == b.spec().unwrap().name
                && asked(a).is_some_and(|a| Some(a) == asked(b))
    };
    plain(one) == plain(other)
        && one.matches.len() == other.matches.len()
        && one.matches.iter().zip(&other.matches).all(same)
}

/// Where `rule`'s text is accepted it must be read as `rule`.
fn means_the_same(family: Family, rule: &Rule) {
    let places =
        [("filter", "INPUT"), ("mangle", "FORWARD"), ("nat", "OUTPUT"), ("raw", "PREROUTING")];
    for (table, chain) in places {
        let table = TableName::parse(table.as_bytes()).unwrap();
        let chain = ChainName::new(chain.as_bytes());
        for protocol in [None, Some(6), Some(17), Some(1), Some(58)] {
            let rule = Rule { protocol: protocol.map(Neg::plain), ..rule.clone() };
            let text = file(family, table, &chain, &rule);
            let (read, done) = edits(family, true, &text);
            if done.is_err() {
                continue;
            }
            let shown = String::from_utf8_lossy(&text);
            let [(_, Edit::Append { rule: again, .. })] = &read[..] else {
                panic!("{shown}is read as {read:?}")
            };
            assert!(
                is_same(&as_saved(family, &rule), again),
                "{shown}{rule:?}\nis read as\n{again:?}"
            );
        }
    }
}

fn packets() -> Vec<Packet> {
    let syn4: &[u8] = b"\x45\0\0\x28\0\x01\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\x04\0\0\x16\0\0\0\x01\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
    let mut echo6 = b"\x60\0\0\0\0\x08\x3a\x40".to_vec();
    echo6.extend([1; 32]);
    echo6.extend(b"\x80\0\0\0\0\x01\0\x01");
    vec![Packet::parse(syn4).unwrap(), Packet::parse(&echo6).unwrap()]
}

fuzz_target!(|input: &[u8]| {
    let &[which, how, ref bytes @ ..] = input else { return };
    let (is_match, spec, rev, family, as_is) = chosen(which, how);
    let mut bytes = bytes.to_vec();
    let size = spec.revision(rev).unwrap();
    if !as_is {
        bytes.resize(size.size, 0);
    }
    let cx = DecodeCx { family, host: &Machine };
    let (mut saved, mut listed, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let mut w = ArgWriter::new(&mut saved, family);
    let mut rule = Rule::default();
    let name = spec.kernel.as_bytes();
    let foreign = if is_match {
        let m = AnyMatch::decode(name, rev, &cx, &bytes);
        m.save(&mut w);
        m.list(&mut ListWriter::new(&mut listed, family, None, how & 0x10 != 0, &Machine));
        m.encode(rev, family, &mut again);
        let _ = m.view();
        for packet in packets() {
            let _ = m.test(&packet, &Context::default());
        }
        rule.matches.push(m.clone());
        matches!(m, AnyMatch::Foreign(_))
    } else {
        let t = AnyTarget::decode(name, rev, &cx, &bytes);
        t.save(&mut w);
        t.list(&mut ListWriter::new(&mut listed, family, None, how & 0x10 != 0, &Machine));
        t.encode(rev, family, &mut again);
        let _ = t.view();
        rule.action = Action::Target(t.clone());
        matches!(t, AnyTarget::Foreign(_))
    };
    if foreign {
        assert_eq!(again, bytes, "a foreign {} is not kept as it is", spec.name);
        return;
    }
    assert_eq!(again.len(), bytes.len(), "{}", spec.name);
    assert_eq!(again[..size.private], bytes[..size.private], "{}", spec.name);
    means_the_same(family, &rule);
});
