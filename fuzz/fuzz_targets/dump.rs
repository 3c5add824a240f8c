//! What the kernel answers: netlink messages behind one byte for the family, `4` or `6`. A rule that
//! is understood is written again as expressions, and those must be understood as the same rule.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxtables_backend::{expressions, read_rule};
use oxtables_base::Family;
use oxtables_ext::DecodeCx;
use oxtables_fuzz::{Machine, family, list};
use oxtables_model::{ChainName, Entry};
use oxtables_syntax::save::{ShowCounters, push_entry};
use oxtables_wire::nft::cond::fold;
use oxtables_wire::nft::expr::Expr;
use oxtables_wire::nft::{ChainView, RuleView, TableView, genid};
use oxtables_wire::nl::{Attrs, Failure, Messages};

fn rule(family: Family, view: &RuleView<'_>) {
    let mut items = Vec::new();
    let folded = fold(view.expressions.clone(), &mut items);
    for expr in Expr::list(view.expressions.clone()) {
        let _ = format!("{expr:?}");
    }
    let cx = DecodeCx { family, host: &Machine };
    let entry = read_rule(view, &cx);
    let mut out = Vec::new();
    push_entry(&mut out, family, &ChainName::new(b"INPUT"), &entry, ShowCounters::Before);
    let Entry::Rule(rule) = entry else { return };
    assert!(folded.is_ok(), "broken expressions are read as {rule:?}");
    list(family, &rule);
    let again = expressions(family, &rule);
    let view = RuleView { expressions: Attrs::new(&again), userdata: &[], ..view.clone() };
    let same = read_rule(&view, &cx);
    assert_eq!(Entry::Rule(rule), same, "written again it is another rule");
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, bytes)) = input.split_first() else { return };
    let family = family(first);
    let whole: usize = Messages::whole(bytes).map(<[u8]>::len).sum();
    assert!(whole <= bytes.len());
    for message in Messages::new(bytes).flatten() {
        let _ = (message.family(), message.res_id(), message.done(), message.interrupted());
        let _ = (genid(&message), TableView::read(&message), ChainView::read(&message));
        let _ = Failure::read(&message).map(|f| format!("{f:?}"));
        if let Ok(view) = RuleView::read(&message) {
            rule(family, &view);
        }
    }
});
