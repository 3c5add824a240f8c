use super::*;
use crate::Action;

fn name(text: &str) -> ChainName {
    ChainName::new(text.as_bytes())
}

fn rule(action: Action) -> Rule {
    Rule { action, ..Rule::default() }
}

fn append(chain: &str, action: Action) -> Edit {
    Edit::Append { chain: name(chain), rule: rule(action) }
}

fn table(edits: &[Edit]) -> Table {
    let mut table = Table::new(TableName::Filter);
    for edit in edits {
        assert_eq!(table.apply(edit), Ok(()), "{edit:?}");
    }
    table
}

fn actions(table: &Table, chain: &str) -> Vec<Action> {
    let rules = &table.chain(&name(chain)).unwrap().rules;
    rules.iter().map(|l| l.entry.rule().unwrap().action.clone()).collect()
}

#[test]
fn rules_go_where_they_are_told() {
    let insert = |number, action| Edit::Insert { chain: name("INPUT"), number, rule: rule(action) };
    let mut t = table(&[
        append("INPUT", Action::Accept),
        insert(1, Action::Drop),
        insert(3, Action::Return),
        Edit::Replace { chain: name("INPUT"), number: 2, rule: rule(Action::Queue) },
    ]);
    assert_eq!(actions(&t, "INPUT"), [Action::Drop, Action::Queue, Action::Return]);
    assert_eq!(t.apply(&insert(5, Action::Drop)), Err(Problem::InsertBeyondEnd.into()));
    let delete = |place| Edit::Delete { chain: name("INPUT"), place };
    assert_eq!(t.apply(&delete(Place::Number(4))), Err(Problem::NumberBeyondEnd.into()));
    assert_eq!(t.apply(&delete(Place::Rule(rule(Action::Queue)))), Ok(()));
    assert_eq!(actions(&t, "INPUT"), [Action::Drop, Action::Return]);
    let check = Edit::Check { chain: name("INPUT"), rule: rule(Action::Queue) };
    assert_eq!(t.apply(&check), Err(Problem::NoSuchRule.into()));
}

#[test]
fn a_chain_in_use_stays() {
    let new = |c| Edit::NewChain { chain: name(c) };
    let delete = |c| Edit::DeleteChain { chain: Some(name(c)) };
    let mut t = table(&[new("a"), new("b"), append("INPUT", Action::Jump(name("a")))]);
    assert_eq!(
        t.apply(&append("INPUT", Action::Goto(name("c")))),
        Err(Problem::NoSuchTarget.into())
    );
    assert_eq!(t.apply(&new("a")), Err(Problem::ChainExists.into()));
    assert_eq!(t.apply(&delete("a")), Err(NotApplied::Busy(name("a"))));
    assert_eq!(t.apply(&Edit::DeleteChain { chain: None }), Err(NotApplied::Busy(name("a"))));
    assert_eq!(t.apply(&Edit::RenameChain { from: name("a"), to: name("c") }), Ok(()));
    assert_eq!(actions(&t, "INPUT"), [Action::Jump(name("c"))]);
    assert_eq!(t.listing().iter().map(|c| c.references).sum::<u32>(), 1);
    assert_eq!(t.apply(&Edit::Flush { chain: None }), Ok(()));
    assert_eq!(t.apply(&Edit::DeleteChain { chain: None }), Ok(()));
    assert!(t.chain(&name("b")).is_none() && t.chain(&name("INPUT")).is_none());
    assert_eq!(t.listing().len(), 3);
}

#[test]
fn policies_and_declarations() {
    let policy = |c, policy| Edit::Policy { chain: name(c), policy };
    let mut t = table(&[policy("INPUT", Some(Policy::Drop)), append("INPUT", Action::Accept)]);
    assert_eq!(t.apply(&policy("INPUT", None)), Err(Problem::BadPolicy.into()));
    assert_eq!(t.apply(&policy("mine", Some(Policy::Drop))), Err(Problem::NotBuiltin.into()));
    let declare = |c| Edit::Declare { chain: name(c), policy: None, counters: None };
    assert_eq!(t.apply(&declare("INPUT")), Ok(()));
    let input = t.chain(&name("INPUT")).unwrap();
    assert_eq!((input.base.unwrap().policy, input.rules.len()), (Policy::Drop, 1));
    for edit in [declare("mine"), append("mine", Action::Drop), declare("mine")] {
        assert_eq!(t.apply(&edit), Ok(()));
    }
    assert!(t.chain(&name("mine")).unwrap().rules.is_empty());
    assert_eq!(
        t.apply(&Edit::DeleteChain { chain: Some(name("INPUT")) }),
        Err(Problem::NotEmpty.into())
    );
    assert_eq!(t.apply(&Edit::Clear), Ok(()));
    assert!(!t.exists());
}

#[test]
fn counters_go_to_zero() {
    let counters = Counters { packets: 3, bytes: 4 };
    let counted = Rule { counters, ..rule(Action::Accept) };
    let both = Edit::Append { chain: name("INPUT"), rule: counted };
    let mut t = table(&[both.clone(), both]);
    let zero = |c: &str, number| Edit::Zero { chain: Some(name(c)), number };
    assert_eq!(t.apply(&zero("INPUT", Some(2))), Ok(()));
    let left = |t: &Table| -> Vec<u64> {
        t.chain(&name("INPUT")).unwrap().rules.iter().map(|l| l.entry.counters().packets).collect()
    };
    assert_eq!(left(&t), [3, 0]);
    assert_eq!(t.apply(&zero("INPUT", Some(3))), Err(Problem::NoSuchRule.into()));
    assert_eq!(t.apply(&zero("OUTPUT", None)), Ok(()));
    assert_eq!(t.apply(&zero("mine", None)), Err(Problem::NoSuchChain.into()));
    assert_eq!(t.apply(&Edit::Zero { chain: None, number: None }), Ok(()));
    assert_eq!(left(&t), [0, 0]);
}
