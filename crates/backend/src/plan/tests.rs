use super::*;
use oxtables_base::{HostMask, Interface, Neg, addr};
use oxtables_ext::NoHost;
use oxtables_model::Action;

fn capture(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.split_once('\n').unwrap().1.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |c: &[u8]| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn name(text: &str) -> ChainName {
    ChainName::new(text.as_bytes())
}

/// The batch that one edit makes on a filter table with these chains.
fn sent(family: Family, genid: u32, chains: Vec<(&str, Known)>, edit: &Edit) -> Vec<u8> {
    let mut plan = Plan::new(family, TableName::Filter, Some(genid)).unwrap();
    for (chain, known) in chains {
        plan.found_chain(name(chain), known);
    }
    plan.edit(&DecodeCx { family, host: &NoHost }, edit, 1).unwrap();
    plan.finish().unwrap().unwrap().as_bytes().to_vec()
}

/// A chain of the kernel with rules of these handles.
fn there(handle: u64, rules: &[u64]) -> Known {
    let old = |&handle| Slot::Old(OldRule { handle, entry: None, zeroed: None });
    Known {
        there: true,
        handle: Some(handle),
        rules: Some(rules.iter().map(old).collect()),
        ..Known::default()
    }
}

fn host(family: Family, text: &str, len: u8) -> HostMask {
    HostMask::new(addr::parse(family, text.as_bytes()).unwrap(), addr::prefix_mask(family, len))
        .unwrap()
}

/// `strace` of upstream and we send the same bytes, sequence numbers and all.
#[test]
fn whole_transactions_are_upstreams() {
    let ip4 = |text, len| host(Family::Ip4, text, len);
    let core4 = Rule {
        source: Some(Neg::plain(ip4("10.1.0.0", 20))),
        destination: Some(Neg::plain(ip4("1.2.3.4", 32))),
        in_interface: Some(Neg::plain(Interface::parse(b"eth0").unwrap())),
        out_interface: Some(Neg::plain(Interface::parse(b"lo+").unwrap())),
        protocol: Some(Neg::plain(6)),
        fragment: Some(Neg::plain(())),
        action: Action::Accept,
        counters: oxtables_base::Counters { packets: 5, bytes: 6 },
        ..Rule::default()
    };
    let rule = |action| Rule { action, ..Rule::default() };
    let cases = [
        (
            include_str!("../../../wire/tests/golden/core4.hex"),
            (1, vec![]),
            Edit::Append { chain: name("FORWARD"), rule: core4 },
        ),
        (
            include_str!("../../../wire/tests/golden/insert_goto.hex"),
            (4, vec![("INPUT", there(1, &[2, 3])), ("foo", there(4, &[]))]),
            Edit::Insert { chain: name("INPUT"), number: 2, rule: rule(Action::Goto(name("foo"))) },
        ),
        (
            include_str!("../../../wire/tests/golden/replace.hex"),
            (2, vec![("INPUT", there(1, &[2]))]),
            Edit::Replace { chain: name("INPUT"), number: 1, rule: rule(Action::Return) },
        ),
        (
            include_str!("../../../wire/tests/golden/append_jump.hex"),
            (2, vec![("foo", there(1, &[]))]),
            Edit::Append { chain: name("foo"), rule: rule(Action::Jump(name("foo"))) },
        ),
        (
            include_str!("../../../wire/tests/golden/rename.hex"),
            (2, vec![("foo", there(1, &[]))]),
            Edit::RenameChain { from: name("foo"), to: name("bar") },
        ),
        (
            include_str!("../../../wire/tests/golden/new_chain.hex"),
            (1, vec![]),
            Edit::NewChain { chain: name("foo") },
        ),
        (
            include_str!("../../../wire/tests/golden/flush_all.hex"),
            (2, vec![("foo", there(1, &[]))]),
            Edit::Flush { chain: None },
        ),
    ];
    for (text, (genid, chains), edit) in cases {
        assert_eq!(sent(Family::Ip4, genid, chains, &edit), capture(text), "{text}");
    }
}

#[test]
fn ids_are_given_when_the_first_is_needed() {
    let append =
        |action| Edit::Append { chain: name("INPUT"), rule: Rule { action, ..Rule::default() } };
    let cx = DecodeCx { family: Family::Ip4, host: &NoHost };
    let ids = |edits: &[Edit]| -> Vec<Option<u32>> {
        let mut plan = Plan::new(Family::Ip4, TableName::Filter, None).unwrap();
        for edit in std::iter::once(&Edit::Clear).chain(edits) {
            plan.edit(&cx, edit, 0).unwrap();
        }
        let batch = plan.finish().unwrap().unwrap();
        let rules = oxtables_wire::nl::Messages::new(batch.as_bytes()).map(Result::unwrap);
        let rules = rules.filter(|m| m.kind == oxtables_wire::nft::msg::NEWRULE);
        rules.map(|m| m.attrs().unwrap().find_kind(9).ok().map(|a| a.be32().unwrap())).collect()
    };
    let (accept, drop) = (append(Action::Accept), append(Action::Drop));
    assert_eq!(ids(&[accept.clone(), drop.clone()]), [None, None]);
    let delete = Edit::Delete { chain: name("INPUT"), place: RulePlace::Number(1) };
    let given = ids(&[accept, delete, drop]);
    assert!(given[0].is_some() && given[1] > given[0], "{given:?}");
}
