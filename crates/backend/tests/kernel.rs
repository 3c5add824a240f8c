//! Against the running kernel, in namespaces of our own: one process, one thread (`harness = false`), because a user
//! namespace can only be entered so. Each case has its own network namespace.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::net::{IpAddr, Ipv4Addr};

use oxtables_backend::{Backend, BackendError, Listing, Object, Problem, Scope, Step, Transaction};
use oxtables_base::{Counters, Family, HostMask, Interface, Neg};
use oxtables_ext::{AnyMatch, AnyTarget, DecodeCx, NoHost};
use oxtables_model::{Action, ChainName, Edit, Entry, Place, Policy, Rule, TableName};
use oxtables_sys::namespace;

const FILTER: TableName = TableName::Filter;

fn name(text: &str) -> ChainName {
    ChainName::new(text.as_bytes())
}

fn from(last: u8, action: Action) -> Rule {
    let source = HostMask::host(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
    Rule { source: Some(Neg::plain(source)), action, ..Rule::default() }
}

fn append(chain: &str, rule: Rule) -> Edit {
    Edit::Append { chain: name(chain), rule }
}

fn open() -> Backend<'static> {
    Backend::open(Family::Ip4, &NoHost).unwrap()
}

fn apply(edits: Vec<Edit>) -> Result<(), BackendError> {
    let mut backend = open();
    let mut transaction = Transaction::new(FILTER);
    for (line, edit) in edits.into_iter().enumerate() {
        backend.push(&mut transaction, edit, u32::try_from(line).unwrap() + 1)?;
    }
    backend.commit(transaction)
}

fn list() -> Listing {
    open().list(FILTER, Scope::All).unwrap()
}

/// The last bytes of the sources of a chain's rules.
fn sources(chain: &str) -> Vec<u8> {
    let listing = list();
    let chain = listing.chains.iter().find(|c| c.name == name(chain)).unwrap();
    let last = |entry: &Entry| match entry {
        Entry::Rule(Rule { source: Some(Neg { value, .. }), .. }) => match value.addr() {
            IpAddr::V4(a) => a.octets()[3],
            IpAddr::V6(_) => 0,
        },
        _ => 0,
    };
    chain.rules.iter().map(|r| last(&r.entry)).collect()
}

fn problem(result: Result<(), BackendError>) -> (Problem, u32) {
    match result {
        Err(BackendError::Problem { problem, tag }) => (problem, tag),
        other => panic!("{other:?}"),
    }
}

fn chains_come_when_needed() {
    let empty = list();
    assert!(!empty.exists);
    assert_eq!(empty.chains.iter().map(|c| c.exists).collect::<Vec<_>>(), [false; 3]);
    let interface = Interface::new(b"eth", true).unwrap();
    let rule = Rule {
        in_interface: Some(Neg { not: true, value: interface }),
        protocol: Some(Neg::plain(6)),
        fragment: Some(Neg::plain(())),
        counters: Counters { packets: 7, bytes: 9 },
        ..from(1, Action::Drop)
    };
    apply(vec![append("FORWARD", rule.clone())]).unwrap();
    let listing = list();
    assert_eq!(listing.chains.iter().map(|c| c.exists).collect::<Vec<_>>(), [false, true, false]);
    let [listed] = &listing.chains[1].rules[..] else { panic!() };
    assert_eq!(listed.entry, Entry::Rule(rule));
    assert!(listed.handle > 0);
    apply(vec![Edit::Delete { chain: name("FORWARD"), place: Place::Number(1) }]).unwrap();
    apply(vec![Edit::DeleteChain { chain: Some(name("FORWARD")) }]).unwrap();
    let gone = list();
    assert!(gone.exists && gone.chains.iter().all(|c| !c.exists));
    // Checking and listing write nothing.
    let check = Edit::Check { chain: name("INPUT"), rule: from(1, Action::Drop) };
    assert_eq!(problem(apply(vec![check])), (Problem::NoSuchRule, 1));
    assert!(list().chains.iter().all(|c| !c.exists));
}

fn numbers_and_places() {
    apply((1..=4).map(|n| append("INPUT", from(n, Action::Accept))).collect()).unwrap();
    let insert =
        |number, n| Edit::Insert { chain: name("INPUT"), number, rule: from(n, Action::Drop) };
    apply(vec![insert(1, 10), insert(3, 11), insert(7, 12)]).unwrap();
    assert_eq!(sources("INPUT"), [10, 1, 11, 2, 3, 4, 12]);
    apply(vec![
        Edit::Replace { chain: name("INPUT"), number: 2, rule: from(20, Action::Return) },
        Edit::Delete { chain: name("INPUT"), place: Place::Number(7) },
        Edit::Delete { chain: name("INPUT"), place: Place::Rule(from(3, Action::Accept)) },
    ])
    .unwrap();
    assert_eq!(sources("INPUT"), [10, 20, 11, 2, 4]);
    assert_eq!(problem(apply(vec![insert(7, 1)])), (Problem::InsertBeyondEnd, 1));
    let beyond = Edit::Delete { chain: name("INPUT"), place: Place::Number(6) };
    assert_eq!(
        problem(apply(vec![insert(1, 1), beyond.clone(), beyond])),
        (Problem::NumberBeyondEnd, 3)
    );
    let other = Edit::Delete { chain: name("INPUT"), place: Place::Rule(from(4, Action::Drop)) };
    assert_eq!(problem(apply(vec![other])), (Problem::NoSuchRule, 1));
    let nowhere = Edit::Delete { chain: name("nowhere"), place: Place::Number(1) };
    assert_eq!(problem(apply(vec![nowhere])), (Problem::NoSuchChain, 1));
    assert_eq!(sources("INPUT"), [10, 20, 11, 2, 4]);
}

/// Every kind of edit on rules and chains of the same transaction, where handles do not exist yet.
fn within_one_transaction() {
    apply(vec![append("INPUT", from(99, Action::Accept))]).unwrap();
    let insert =
        |number, n| Edit::Insert { chain: name("INPUT"), number, rule: from(n, Action::Drop) };
    apply(vec![
        Edit::Clear,
        Edit::Declare { chain: name("web"), policy: None, counters: None },
        append("INPUT", from(1, Action::Jump(name("web")))),
        append("INPUT", from(2, Action::Drop)),
        append("web", from(9, Action::Goto(name("web2")))),
        insert(2, 3),
    ])
    .map_err(|e| {
        assert!(matches!(e, BackendError::Problem { problem: Problem::NoSuchTarget, tag: 5 }))
    })
    .unwrap_err();
    assert_eq!(sources("INPUT"), [99]);
    apply(vec![
        Edit::Clear,
        Edit::Declare { chain: name("web"), policy: None, counters: None },
        append("INPUT", from(1, Action::Jump(name("web")))),
        append("INPUT", from(2, Action::Drop)),
        append(
            "web",
            Rule { counters: Counters { packets: 1, bytes: 2 }, ..from(9, Action::Return) },
        ),
        insert(2, 3),
        insert(1, 4),
        Edit::Replace { chain: name("INPUT"), number: 3, rule: from(5, Action::Drop) },
        Edit::Delete { chain: name("INPUT"), place: Place::Rule(from(2, Action::Drop)) },
        Edit::Zero { chain: None, number: None },
        append("INPUT", from(6, Action::Drop)),
        Edit::Delete { chain: name("INPUT"), place: Place::Number(1) },
    ])
    .unwrap();
    assert_eq!(sources("INPUT"), [1, 5, 6]);
    let listing = list();
    let web = listing.chains.iter().find(|c| c.name == name("web")).unwrap();
    assert_eq!(web.references, 1);
    let Entry::Rule(rule) = &web.rules[0].entry else { panic!() };
    assert_eq!(rule.counters, Counters::default());
}

fn chains_and_policies() {
    let new = |text| Edit::NewChain { chain: name(text) };
    apply(vec![new("zeta"), new("alpha")]).unwrap();
    assert_eq!(problem(apply(vec![new("zeta")])), (Problem::ChainExists, 1));
    assert_eq!(problem(apply(vec![new("INPUT")])), (Problem::ChainExists, 1));
    let names: Vec<_> = list().chains.iter().map(|c| c.name.to_string()).collect();
    assert_eq!(names, ["INPUT", "FORWARD", "OUTPUT", "alpha", "zeta"]);
    let policy = |text, policy| Edit::Policy { chain: name(text), policy: Some(policy) };
    assert_eq!(problem(apply(vec![policy("alpha", Policy::Drop)])), (Problem::NotBuiltin, 1));
    apply(vec![policy("OUTPUT", Policy::Drop)]).unwrap();
    let output = list().chains[2].base.unwrap();
    assert_eq!((output.policy, output.counters), (Policy::Drop, Counters::default()));
    let counters = Counters { packets: 3, bytes: 4 };
    let accept = Some(Policy::Accept);
    apply(vec![Edit::Declare { chain: name("OUTPUT"), policy: accept, counters: Some(counters) }])
        .unwrap();
    let output = list().chains[2].base.unwrap();
    assert_eq!((output.policy, output.counters), (Policy::Accept, counters));
    apply(vec![Edit::RenameChain { from: name("zeta"), to: name("omega") }]).unwrap();
    apply(vec![append("alpha", from(1, Action::Jump(name("omega"))))]).unwrap();
    // The kernel says no to a chain in use, with the step, the object and the tag.
    match apply(vec![
        append("INPUT", from(1, Action::Drop)),
        Edit::DeleteChain { chain: Some(name("omega")) },
    ]) {
        Err(BackendError::Refused(refusals)) => {
            let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
            assert_eq!(refusal.step, Some((Step::ChainDel, Object::Chain((*b"omega").into()))));
            assert_eq!((refusal.errno, refusal.tag), (16, 2));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(sources("INPUT"), []);
    apply(vec![Edit::Flush { chain: None }, Edit::DeleteChain { chain: None }]).unwrap();
    let left = list();
    assert!(left.exists && left.chains.iter().all(|c| !c.exists), "{left:?}");
}

fn counters_to_zero() {
    let counted =
        |n, action| Rule { counters: Counters { packets: 5, bytes: 6 }, ..from(n, action) };
    let icmp = Rule { protocol: Some(Neg::plain(1)), ..counted(3, Action::Accept) };
    apply(vec![
        append("INPUT", counted(1, Action::Drop)),
        append("INPUT", counted(2, Action::Drop)),
        append("INPUT", icmp),
    ])
    .unwrap();
    apply(vec![Edit::Zero { chain: Some(name("INPUT")), number: Some(2) }]).unwrap();
    let packets = || -> Vec<u64> {
        let of = |e: &Entry| match e {
            Entry::Rule(r) => r.counters.packets,
            Entry::Foreign(f) => f.counters.packets,
        };
        list().chains[0].rules.iter().map(|r| of(&r.entry)).collect()
    };
    assert_eq!(packets(), [5, 0, 5]);
    apply(vec![Edit::Zero { chain: None, number: None }]).unwrap();
    assert_eq!(packets(), [0, 0, 0]);
    assert_eq!(sources("INPUT"), [1, 2, 3]);
    let beyond = Edit::Zero { chain: Some(name("INPUT")), number: Some(4) };
    assert_eq!(problem(apply(vec![beyond])), (Problem::NoSuchRule, 1));
    apply(vec![Edit::Zero { chain: Some(name("FORWARD")), number: None }]).unwrap();
}

/// An xtables target whose bytes the kernel does not accept: told with the extension's name.
fn refusals_name_the_extension() {
    let cx = DecodeCx { family: Family::Ip4, host: &NoHost };
    let bad = AnyTarget::decode(b"LOG", 0, &cx, &[0xff; 32]);
    let fine = append("INPUT", from(1, Action::Drop));
    match apply(vec![
        Edit::Clear,
        fine.clone(),
        append("INPUT", from(2, Action::Target(bad))),
        fine,
    ]) {
        Err(BackendError::Refused(refusals)) => {
            let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
            assert_eq!(
                refusal.step,
                Some((Step::RuleAppend, Object::RuleInChain((*b"INPUT").into())))
            );
            assert_eq!((refusal.errno, refusal.tag), (22, 3));
            assert_eq!(refusal.expression.as_deref(), Some(&b"target LOG"[..]));
        }
        other => panic!("{other:?}"),
    }
    assert!(!list().exists);
    let missing = AnyMatch::decode(b"nosuch", 0, &cx, &[0; 8]);
    let rule = Rule { matches: [missing].into_iter().collect(), ..Rule::default() };
    assert!(
        matches!(apply(vec![append("INPUT", rule)]), Err(BackendError::Refused(r)) if r[0].errno == 2)
    );
    let mut backend = open();
    assert!(!backend.has_revision(b"nosuch", 0, false).unwrap());
    assert!(backend.has_revision(b"comment", 0, false).unwrap());
}

/// Base chains and tables of others are left alone and told of.
fn strangers() {
    let nft = |script: &str| {
        std::process::Command::new("nft").arg(script).status().is_ok_and(|s| s.success())
    };
    let made = nft(
        "add table ip filter; add chain ip filter INPUT { type filter hook prerouting priority 5; }; \
         add chain ip filter mine; add rule ip filter mine ip saddr { 1.2.3.4, 5.6.7.8 } counter packets 3 bytes 4 drop; \
         add table ip other",
    );
    if !made {
        println!("SKIPPED: strangers: no nft(8) here");
        return;
    }
    let listing = list();
    assert_eq!(listing.foreign_base_chains, [name("INPUT")]);
    assert!(listing.chains.iter().any(|c| c.name == name("INPUT") && !c.exists));
    let mine = listing.chains.iter().find(|c| c.name == name("mine")).unwrap();
    let Entry::Foreign(foreign) = &mine.rules[0].entry else { panic!() };
    assert_eq!((foreign.part.as_str(), foreign.counters.packets), ("lookup", 3));
    assert_eq!(open().tables().unwrap(), [b"filter".to_vec(), b"other".to_vec()]);
    assert!(matches!(apply(vec![append("INPUT", Rule::default())]), Err(BackendError::Refused(_))));
    // A rule with a set of its own cannot be replaced by one with the same set: the kernel's no is told, nothing is skipped.
    let zero = || apply(vec![Edit::Zero { chain: Some(name("mine")), number: None }]);
    assert!(
        matches!(zero(), Err(BackendError::Refused(r)) if r[0].expression.as_deref() == Some(b"lookup"))
    );
    apply(vec![Edit::Delete { chain: name("mine"), place: Place::Number(1) }]).unwrap();
    // Any other that is not understood can be counted from zero, and is the same rule after.
    assert!(nft(
        "add rule ip filter mine ip saddr 1.2.3.4-1.2.3.9 counter packets 3 bytes 4 drop comment \"kept\""
    ));
    let mine = || {
        list().chains.into_iter().find(|c| c.name == name("mine")).unwrap().rules.remove(0).entry
    };
    let Entry::Foreign(before) = mine() else { panic!() };
    zero().unwrap();
    let Entry::Foreign(after) = mine() else { panic!() };
    assert_eq!((after.part, after.counters), (before.part, Counters::default()));
    let listed = std::process::Command::new("nft")
        .args(["list", "chain", "ip", "filter", "mine"])
        .output()
        .unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(
        text.contains("1.2.3.4-1.2.3.9 counter packets 0 bytes 0 drop comment \"kept\""),
        "{text}"
    );
}

/// Several processes append at once; each finds the generation changed now and then and plans again. None is lost.
fn writers_at_once() {
    const WRITERS: u8 = 4;
    const EACH: u8 = 25;
    apply(vec![append("INPUT", from(0, Action::Accept))]).unwrap();
    let threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            std::thread::spawn(move || {
                for n in 0..EACH {
                    let rule = from(writer * EACH + n + 1, Action::Drop);
                    // Numbered inserts depend on what is there.
                    apply(vec![Edit::Insert { chain: name("INPUT"), number: 2, rule }]).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let mut all = sources("INPUT");
    assert_eq!(all.remove(0), 0);
    all.sort_unstable();
    assert_eq!(all, (1..=WRITERS * EACH).collect::<Vec<_>>());
}

fn a_large_restore() {
    // In a user namespace `net.core.wmem_max` limits a batch, which is then told; both ends are tried.
    let edits = |count: u32| {
        let rule = |n: u32| {
            let source = HostMask::host(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n)));
            Rule { source: Some(Neg::plain(source)), action: Action::Drop, ..Rule::default() }
        };
        std::iter::once(Edit::Clear)
            .chain((0..count).map(move |n| append("INPUT", rule(n))))
            .collect::<Vec<_>>()
    };
    apply(edits(500)).unwrap();
    assert_eq!(list().chains[0].rules.len(), 500);
    match apply(edits(20_000)) {
        Ok(()) => assert_eq!(list().chains[0].rules.len(), 20_000),
        Err(BackendError::TooBig { bytes }) => {
            assert!(bytes > 20_000 * 200);
            assert_eq!(list().chains[0].rules.len(), 500);
        }
        Err(e) => panic!("{e:?}"),
    }
}

fn main() {
    if let Err(e) = namespace::enter_new_user_and_network() {
        println!("SKIPPED: no user namespaces here: {e}");
        return;
    }
    let cases: [(&str, fn()); 9] = [
        ("chains come when needed", chains_come_when_needed),
        ("numbers and places", numbers_and_places),
        ("within one transaction", within_one_transaction),
        ("chains and policies", chains_and_policies),
        ("counters to zero", counters_to_zero),
        ("refusals name the extension", refusals_name_the_extension),
        ("strangers", strangers),
        ("writers at once", writers_at_once),
        ("a large restore", a_large_restore),
    ];
    for (what, case) in cases {
        namespace::enter_new_network().unwrap();
        case();
        println!("kernel: {what}: ok");
    }
}
