//! One transaction: its messages in one buffer, and for each what it is about, to tell when the kernel refuses it.

use oxtables_model::{BaseChain, ChainKind, Policy};
use oxtables_wire::nft::expr::Expr;
use oxtables_wire::nft::{self, Chain, Counters, Head, Hook, Rule, RuleView, msg};
use oxtables_wire::nl::{Attrs, Failure, Messages, Writer, flag};
use rustc_hash::FxHashMap;

use crate::error::{BackendError, Object, Refusal, Step};

/// `NFTA_RULE_EXPRESSIONS`.
const RULE_EXPRESSIONS: u16 = 4;
/// `NFTA_RULE_ID`.
const RULE_ID: u16 = 9;
/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`.
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;

/// Sequence number of `BATCH_BEGIN`.
const FIRST_SEQ: u32 = 1;

/// A new rule's number in its transaction: its message's sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleId(u32);

/// Which of the object's names a step is about.
#[derive(Clone, Copy, Debug)]
enum About {
    Table,
    Chain(u32),
    RuleInChain(u32),
    RuleInTable,
}

/// What a message behind `BATCH_BEGIN` is about.
#[derive(Clone, Copy, Debug)]
struct Entry {
    step: Step,
    about: About,
    tag: u32,
    at: usize,
}

/// Where a new rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind all others.
    End,
    /// Before all others.
    Start,
    /// Before the rule with this handle.
    BeforeHandle(u64),
    /// Before the rule with this id in this transaction.
    BeforeId(RuleId),
    /// Instead of the rule with this handle.
    Instead(u64),
}

/// A rule to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// One of the kernel's.
    Handle(u64),
    /// One of this transaction's.
    Id(RuleId),
}

/// A transaction on one table of one family.
#[derive(Debug)]
pub(crate) struct Batch {
    w: Writer,
    family: u8,
    table: Box<[u8]>,
    entries: Vec<Entry>,
    chains: Vec<Box<[u8]>>,
    numbers: FxHashMap<Box<[u8]>, u32>,
    last: u32,
    /// Whether new rules are given ids, to be referred to in the same transaction.
    ids: bool,
}

impl Batch {
    pub(crate) fn begin(
        family: u8,
        table: &[u8],
        genid: Option<u32>,
    ) -> Result<Self, BackendError> {
        let mut w = Writer::with_capacity(4096);
        nft::batch_begin(&mut w, FIRST_SEQ, genid).map_err(BackendError::unwritable)?;
        Ok(Self {
            w,
            family,
            table: table.into(),
            entries: Vec::new(),
            chains: Vec::new(),
            numbers: FxHashMap::default(),
            last: 0,
            ids: false,
        })
    }

    pub(crate) fn end(&mut self) -> Result<(), BackendError> {
        let seq = self.next_seq();
        nft::batch_end(&mut self.w, seq).map_err(BackendError::unwritable)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.w.as_bytes()
    }

    /// Messages between begin and end.
    pub(crate) fn messages(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn add_table(&mut self, tag: u32) -> Result<(), BackendError> {
        self.enter(Step::TableAdd, About::Table, tag, flag::CREATE, |w, head, table| {
            nft::table(w, msg::NEWTABLE, head, table)
        })
    }

    /// Deletes the table with all in it.
    pub(crate) fn delete_table(&mut self, tag: u32) -> Result<(), BackendError> {
        self.enter(Step::TableFlush, About::Table, tag, 0, |w, head, table| {
            nft::table(w, msg::DELTABLE, head, table)
        })
    }

    /// Creates a base chain, or sets the policy and counters of one that is `there`.
    pub(crate) fn base_chain(
        &mut self,
        step: Step,
        there: bool,
        name: &[u8],
        base: BaseChain,
        (policy, counters): (Policy, Counters),
        tag: u32,
    ) -> Result<(), BackendError> {
        let about = About::Chain(self.intern(name));
        let flags = if there { 0 } else { flag::CREATE };
        self.enter(step, about, tag, flags, |w, head, table| {
            let chain = Chain {
                table,
                name,
                hook: Some(hook(base)),
                policy: Some(policy_number(policy)),
                kind: kind_name(base.kind),
                counters: Some(counters),
                handle: None,
            };
            nft::chain(w, msg::NEWCHAIN, head, &chain)
        })
    }

    pub(crate) fn user_chain(&mut self, name: &[u8], tag: u32) -> Result<(), BackendError> {
        self.plain_chain(Step::ChainUserAdd, msg::NEWCHAIN, flag::EXCL, name, tag)
    }

    pub(crate) fn delete_chain(&mut self, name: &[u8], tag: u32) -> Result<(), BackendError> {
        self.plain_chain(Step::ChainDel, msg::DELCHAIN, flag::NONREC, name, tag)
    }

    fn plain_chain(
        &mut self,
        step: Step,
        kind: u16,
        flags: u16,
        name: &[u8],
        tag: u32,
    ) -> Result<(), BackendError> {
        let about = About::Chain(self.intern(name));
        self.enter(step, about, tag, flags, |w, head, table| {
            nft::chain(w, kind, head, &Chain { table, name, ..Chain::default() })
        })
    }

    pub(crate) fn rename_chain(
        &mut self,
        handle: u64,
        new: &[u8],
        tag: u32,
    ) -> Result<(), BackendError> {
        let about = About::Chain(self.intern(new));
        self.enter(Step::ChainRename, about, tag, 0, |w, head, table| {
            let chain = Chain { table, name: new, handle: Some(handle), ..Chain::default() };
            nft::chain(w, msg::NEWCHAIN, head, &chain)
        })
    }

    /// Deletes every rule of a chain, or with `None` of the table.
    pub(crate) fn flush(
        &mut self,
        step: Step,
        chain: Option<&[u8]>,
        tag: u32,
    ) -> Result<(), BackendError> {
        let about = match chain {
            Some(chain) if step == Step::ChainUserFlush => About::Chain(self.intern(chain)),
            Some(chain) => About::RuleInChain(self.intern(chain)),
            None => About::RuleInTable,
        };
        self.enter(step, about, tag, 0, |w, head, table| {
            let place = Rule { table, chain: chain.unwrap_or_default(), ..Rule::default() };
            nft::rule(w, msg::DELRULE, head, &place, |_| ())
        })
    }

    /// A new rule; `rule` holds what it carries besides expressions, its place is filled in here. Its id comes back.
    pub(crate) fn new_rule(
        &mut self,
        chain: &[u8],
        place: Place,
        rule: Rule<'_>,
        tag: u32,
        expressions: impl FnOnce(&mut Writer),
    ) -> Result<RuleId, BackendError> {
        let about = About::RuleInChain(self.intern(chain));
        let (step, flags) = match place {
            Place::End => (Step::RuleAppend, flag::CREATE | flag::APPEND),
            Place::Instead(_) => (Step::RuleReplace, flag::CREATE | flag::REPLACE),
            _ => (Step::RuleInsert, flag::CREATE),
        };
        if matches!(place, Place::BeforeId(_)) {
            self.give_ids();
        }
        let id = RuleId(self.next_seq());
        let ids = self.ids;
        self.enter(step, about, tag, flags, |w, head, table| {
            let mut rule = Rule { table, chain, id: ids.then_some(id.0), ..rule };
            match place {
                Place::End | Place::Start => {}
                Place::BeforeHandle(handle) => rule.position = Some(handle),
                Place::BeforeId(RuleId(id)) => rule.position_id = Some(id),
                Place::Instead(handle) => rule.handle = Some(handle),
            }
            nft::rule(w, msg::NEWRULE, head, &rule, expressions)
        })?;
        Ok(id)
    }

    /// A rule of this transaction.
    pub(crate) fn rule(&self, id: RuleId) -> Option<RuleView<'_>> {
        let message = Messages::new(self.as_bytes().get(self.entry(id.0)?.at..)?).next()?.ok()?;
        RuleView::read(&message).ok()
    }

    /// Sets the counter of a rule of this transaction to zero.
    pub(crate) fn zero_counter(&mut self, id: RuleId) {
        let start = self.as_bytes().as_ptr().addr();
        let counter = self.rule(id).and_then(|rule| {
            let mut elements = rule.expressions.flatten();
            let counter = elements.find(|e| matches!(Expr::read(e), Ok(Expr::Counter(_))))?;
            counter.nested().find_kind(EXPR_DATA).ok()
        });
        let numbers: Vec<usize> = counter
            .iter()
            .flat_map(|c| c.nested().flatten())
            .map(|n| n.data.as_ptr().addr().saturating_sub(start))
            .collect();
        for at in numbers {
            let _inside = self.w.patch(at, &[0; 8]);
        }
    }

    /// Writes everything again with an id in each new rule, once the first is referred to: upstream sends none before.
    fn give_ids(&mut self) {
        if std::mem::replace(&mut self.ids, true) {
            return;
        }
        let mut w = Writer::with_capacity(
            self.w.len().saturating_add(self.entries.len().saturating_mul(8)),
        );
        for (n, message) in Messages::whole(self.w.as_bytes()).enumerate() {
            let at = w.len();
            w.raw(message);
            // The first message is the batch's begin.
            let entry = n.checked_sub(1).and_then(|n| self.entries.get_mut(n));
            if let Some(entry) = entry {
                entry.at = at;
                if matches!(entry.step, Step::RuleAppend | Step::RuleInsert | Step::RuleReplace) {
                    w.be32(RULE_ID, u32::try_from(n).unwrap_or(u32::MAX).saturating_add(FIRST_SEQ));
                    let len = u32::try_from(w.len().saturating_sub(at)).unwrap_or(u32::MAX);
                    let _header_is_there = w.patch(at, &len.to_ne_bytes());
                }
            }
        }
        self.w = w;
    }

    fn entry(&self, seq: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(seq.checked_sub(FIRST_SEQ + 1)?).ok()?)
    }

    pub(crate) fn delete_rule(
        &mut self,
        chain: &[u8],
        which: Which,
        tag: u32,
    ) -> Result<(), BackendError> {
        let about = About::RuleInChain(self.intern(chain));
        if matches!(which, Which::Id(_)) {
            self.give_ids();
        }
        self.enter(Step::RuleDelete, about, tag, 0, |w, head, table| {
            let mut rule = Rule { table, chain, ..Rule::default() };
            match which {
                Which::Handle(handle) => rule.handle = Some(handle),
                Which::Id(RuleId(id)) => rule.id = Some(id),
            }
            nft::rule(w, msg::DELRULE, head, &rule, |_| ())
        })
    }

    /// What a failure of this batch means.
    pub(crate) fn refusal(&self, failure: &Failure<'_>) -> Refusal {
        let entry = self.entry(failure.seq);
        Refusal {
            step: entry.map(|e| (e.step, self.object(e.about))),
            errno: failure.errno,
            tag: entry.map_or(0, |e| e.tag),
            text: failure.text.map(Into::into),
            expression: entry.and_then(|e| self.expression_at(e.at, failure.offset?)),
        }
    }

    fn object(&self, about: About) -> Object {
        let name = |n: u32| self.chain(n).unwrap_or_default().into();
        match about {
            About::Table => Object::Table(self.table.clone()),
            About::RuleInTable => Object::RuleInTable(self.table.clone()),
            About::Chain(n) => Object::Chain(name(n)),
            About::RuleInChain(n) => Object::RuleInChain(name(n)),
        }
    }

    /// The name of the expression at a byte of the message that starts at `at`.
    fn expression_at(&self, at: usize, offset: u32) -> Option<Box<[u8]>> {
        let whole = self.as_bytes().get(at..)?;
        let place = whole.as_ptr().addr().checked_add(usize::try_from(offset).ok()?)?;
        let message = Messages::new(whole).next()?.ok()?;
        let list = message.attrs().ok()?.find_kind(RULE_EXPRESSIONS).ok()?;
        let mut rest: Attrs<'_> = list.nested();
        while let Some(Ok(element)) = rest.next() {
            let end = element.data.as_ptr().addr().checked_add(element.data.len())?;
            if place < end {
                return Some(match Expr::read(&element).ok()? {
                    Expr::Match { name, .. } => [b"match ", name].concat().into(),
                    Expr::Target { name, .. } => [b"target ", name].concat().into(),
                    _ => element.nested().find_kind(EXPR_NAME).ok()?.text().into(),
                });
            }
        }
        None
    }

    fn next_seq(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX).saturating_add(FIRST_SEQ + 1)
    }

    fn enter(
        &mut self,
        step: Step,
        about: About,
        tag: u32,
        flags: u16,
        write: impl FnOnce(&mut Writer, Head, &[u8]) -> Result<(), oxtables_wire::nl::WriteError>,
    ) -> Result<(), BackendError> {
        let head = Head { flags, seq: self.next_seq(), family: self.family };
        let at = self.w.len();
        write(&mut self.w, head, &self.table)
            .map_err(|error| BackendError::Unwritable { error, tag })?;
        self.entries.push(Entry { step, about, tag, at });
        Ok(())
    }

    /// Steps on one chain mostly follow each other, so the last name is looked at first.
    fn intern(&mut self, name: &[u8]) -> u32 {
        if self.chain(self.last).is_some_and(|last| *last == *name) {
            return self.last;
        }
        self.last = self.numbers.get(name).copied().unwrap_or_else(|| {
            let index = u32::try_from(self.chains.len()).unwrap_or(u32::MAX);
            self.chains.push(name.into());
            self.numbers.insert(name.into(), index);
            index
        });
        self.last
    }

    fn chain(&self, n: u32) -> Option<&[u8]> {
        usize::try_from(n).ok().and_then(|n| self.chains.get(n)).map(|c| &**c)
    }
}

/// A base chain's place, as the kernel has it.
pub(crate) fn hook(base: BaseChain) -> Hook {
    Hook { number: base.hook.number(), priority: base.priority }
}

/// The kernel's name for a base chain's type.
pub(crate) const fn kind_name(kind: ChainKind) -> &'static [u8] {
    match kind {
        ChainKind::Filter => b"filter",
        ChainKind::Route => b"route",
        ChainKind::Nat => b"nat",
    }
}

/// `NF_DROP`, `NF_ACCEPT`.
pub(crate) const fn policy_number(policy: Policy) -> u32 {
    match policy {
        Policy::Drop => 0,
        Policy::Accept => 1,
    }
}
