use super::*;
use crate::nft::expr::{self, REG_1};
use crate::nl::{Messages, Writer};

/// The items of a rule made of what `write` writes.
fn folded(write: impl FnOnce(&mut Writer), check: impl FnOnce(&[Item<'_>])) {
    let mut w = Writer::new();
    let head = crate::nft::Head { flags: 0, seq: 1, family: 2 };
    let place = crate::nft::Rule { table: b"filter", chain: b"INPUT", ..Default::default() };
    crate::nft::rule(&mut w, crate::nft::msg::NEWRULE, head, &place, write).unwrap();
    let message = Messages::new(w.as_bytes()).next().unwrap().unwrap();
    let view = crate::nft::RuleView::read(&message).unwrap();
    let mut items = Vec::new();
    fold(view.expressions, &mut items).unwrap();
    check(&items);
}

fn net(offset: u32, len: u32) -> Load {
    Load::Payload { base: Base::Network, offset, len }
}

#[test]
fn masked_address_is_one_condition() {
    folded(
        |w| {
            expr::payload(w, Base::Network, 12, 4, REG_1);
            expr::bitwise(w, REG_1, 4, &[255, 255, 240, 0], &[0; 4]);
            expr::cmp(w, REG_1, CmpOp::Eq, &[10, 1, 0, 0]);
            expr::verdict(w, Verdict::Accept);
        },
        |items| {
            let c = Cond {
                load: net(12, 4),
                mask: Some(&[255, 255, 240, 0]),
                op: Op::EQ,
                lo: &[10, 1, 0, 0],
                hi: &[10, 1, 0, 0],
            };
            assert_eq!(items, [Item::Cond(c), Item::Verdict(Verdict::Accept)]);
        },
    );
}

#[test]
fn two_comparisons_of_one_load() {
    folded(
        |w| {
            expr::payload(w, Base::Transport, 2, 2, REG_1);
            expr::cmp(w, REG_1, CmpOp::Gte, &[0, 10]);
            expr::cmp(w, REG_1, CmpOp::Lte, &[0, 20]);
        },
        |items| {
            assert_eq!(items.len(), 2);
            assert!(items.iter().all(|i| matches!(
                i,
                Item::Cond(Cond { load: Load::Payload { offset: 2, .. }, .. })
            )));
        },
    );
}

#[test]
fn the_numberings_overlap() {
    // Register 9 is the second word of register 1, so writing it spoils a load of 16 bytes there.
    folded(
        |w| {
            expr::meta(w, meta::IIFNAME, REG_1);
            expr::meta(w, meta::MARK, Reg(9));
            expr::cmp(w, REG_1, CmpOp::Eq, b"eth0\0");
        },
        |items| {
            assert_eq!(items[0], Item::Bare(Load::Meta(meta::IIFNAME)));
            assert!(matches!(items[2], Item::Foreign(Expr::Cmp { .. })));
        },
    );
    // Register 8 is register 1.
    folded(
        |w| {
            expr::meta(w, meta::L4PROTO, Reg(8));
            expr::cmp(w, REG_1, CmpOp::Eq, &[6]);
        },
        |items| {
            assert!(matches!(items, [Item::Cond(Cond { load: Load::Meta(meta::L4PROTO), .. })]))
        },
    );
}

#[test]
fn a_load_without_comparison_stays() {
    folded(
        |w| {
            expr::payload(w, Base::Transport, 40, 1, REG_1);
            expr::verdict(w, Verdict::Drop);
        },
        |items| assert!(matches!(items, [Item::Bare(_), Item::Verdict(Verdict::Drop)])),
    );
}

#[test]
fn what_does_not_fit_is_foreign() {
    // xor, a second mask, more compared than loaded, less compared of a number, a register never written.
    let strange: [fn(&mut Writer); 5] = [
        |w| {
            expr::meta(w, meta::MARK, REG_1);
            expr::bitwise(w, REG_1, 4, &[1; 4], &[1; 4]);
            expr::cmp(w, REG_1, CmpOp::Eq, &[0; 4]);
        },
        |w| {
            expr::meta(w, meta::MARK, REG_1);
            expr::bitwise(w, REG_1, 4, &[1; 4], &[0; 4]);
            expr::bitwise(w, REG_1, 4, &[2; 4], &[0; 4]);
        },
        |w| {
            expr::payload(w, Base::Network, 9, 1, REG_1);
            expr::cmp(w, REG_1, CmpOp::Eq, &[6, 0]);
        },
        |w| {
            expr::meta(w, meta::MARK, REG_1);
            expr::cmp(w, REG_1, CmpOp::Eq, &[0, 0]);
        },
        |w| expr::cmp(w, REG_1, CmpOp::Eq, &[0]),
    ];
    for write in strange {
        folded(write, |items| {
            assert!(items.iter().any(|i| matches!(i, Item::Foreign(_))), "{items:?}")
        });
    }
}

#[test]
fn an_unknown_attribute_is_never_dropped() {
    // cmp with an attribute 7: were it dropped, the rule would be taken for a known one.
    folded(
        |w| {
            expr::meta(w, meta::MARK, REG_1);
            expr::copy(w, b"cmp", &[8, 0, 7, 0, 0, 0, 0, 1]);
            expr::verdict(w, Verdict::Drop);
        },
        |items| assert!(matches!(items[1], Item::Foreign(Expr::Unknown { name: b"cmp", .. }))),
    );
}

#[test]
fn marks_are_set_by_constant_and_by_mask() {
    folded(
        |w| {
            expr::immediate(w, REG_1, &[1, 0, 0, 0]);
            expr::meta_set(w, meta::MARK, REG_1);
            expr::meta(w, meta::MARK, REG_1);
            expr::bitwise(w, REG_1, 4, &[0, 255, 255, 255], &[2, 0, 0, 0]);
            expr::meta_set(w, meta::MARK, REG_1);
        },
        |items| {
            let changed = Value::Changed {
                load: Load::Meta(meta::MARK),
                mask: &[0, 255, 255, 255],
                xor: &[2, 0, 0, 0],
            };
            assert_eq!(
                items,
                [
                    Item::MetaSet { key: meta::MARK, value: Value::Const(&[1, 0, 0, 0]) },
                    Item::MetaSet { key: meta::MARK, value: changed },
                ]
            );
        },
    );
}
