//! Edits turned into the messages of one transaction, on what is known of the table.

use oxtables_base::Family;
use oxtables_ext::DecodeCx;
use oxtables_model::{
    Base, BaseChain, ChainName, Edit, Entry, Place as RulePlace, Policy, Problem, Rule, TableName,
};
use oxtables_wire::nft::{Compat, Counters, Rule as RuleHead};
use rustc_hash::FxHashMap;

use crate::batch::{Batch, Place, RuleId, Which};
use crate::error::{BackendError, Step};
use crate::lower;
use crate::raise;

/// How much of a chain's rules is read before planning; each includes the ones before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reading {
    /// Only whether the chain is there.
    #[default]
    Nothing,
    /// The handles.
    Handles,
    /// What they say.
    Rules,
    /// What they would be with their counters at zero.
    Zeroes,
}

/// A chain as the transaction sees it so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// In the kernel, or made by the transaction.
    pub(crate) there: bool,
    /// Its handle, if it is the kernel's.
    pub(crate) handle: Option<u64>,
    /// Its policy and policy counters, for base chains.
    pub(crate) base: Option<Base>,
    /// It has no rules, as far as the kernel counts them.
    pub(crate) empty: bool,
    /// Its rules, if they have been read or it is new.
    pub(crate) rules: Option<Vec<Slot>>,
}

/// A rule in a chain.
#[derive(Debug)]
pub(crate) enum Slot {
    /// The kernel's.
    Old(OldRule),
    /// The transaction's.
    New(RuleId),
}

/// A rule of the kernel.
#[derive(Debug)]
pub(crate) struct OldRule {
    pub(crate) handle: u64,
    /// What it says, if that was read.
    pub(crate) entry: Option<Box<Entry>>,
    /// The rule with its counter at zero, if that was read and the counter is not.
    pub(crate) zeroed: Option<Box<Zeroed>>,
}

/// What replaces a rule whose counter is set to zero.
#[derive(Debug)]
pub(crate) struct Zeroed {
    pub(crate) expressions: Vec<u8>,
    pub(crate) userdata: Vec<u8>,
    pub(crate) compat: Compat,
    /// Its counter is zero already.
    pub(crate) was_zero: bool,
}

/// A transaction in the making.
#[derive(Debug)]
pub(crate) struct Plan {
    family: Family,
    table: TableName,
    batch: Batch,
    table_there: bool,
    chains: FxHashMap<ChainName, Known>,
}

impl Plan {
    pub(crate) fn new(
        family: Family,
        table: TableName,
        genid: Option<u32>,
    ) -> Result<Self, BackendError> {
        let batch = Batch::begin(family.nfproto(), table.word().as_bytes(), genid)?;
        Ok(Self { family, table, batch, table_there: false, chains: FxHashMap::default() })
    }

    /// Tells that the table is there.
    pub(crate) const fn found_table(&mut self) {
        self.table_there = true;
    }

    /// Tells what is known of a chain.
    pub(crate) fn found_chain(&mut self, name: ChainName, known: Known) {
        self.table_there |= known.there;
        self.chains.insert(name, known);
    }

    /// The finished transaction, or `None` if there is nothing to send.
    pub(crate) fn finish(mut self) -> Result<Option<Batch>, BackendError> {
        if self.batch.messages() == 0 {
            return Ok(None);
        }
        self.batch.end()?;
        Ok(Some(self.batch))
    }

    /// Adds one edit.
    pub(crate) fn edit(
        &mut self,
        cx: &DecodeCx<'_>,
        edit: &Edit,
        tag: u32,
    ) -> Result<(), BackendError> {
        let wrong = |problem| BackendError::Problem { problem, tag };
        if let Some(rule) = edit.rule() {
            self.has_target(rule, tag)?;
        }
        match edit {
            Edit::Append { chain, rule } => self.append(chain, rule, tag),
            Edit::Insert { chain, number, rule } => self.insert(chain, *number, rule, tag),
            Edit::Replace { chain, number, rule } => self.replace(chain, *number, rule, tag),
            Edit::Delete { chain, place } => {
                let at = match place {
                    RulePlace::Number(number) => self.numbered(chain, *number, tag)?,
                    RulePlace::Rule(rule) => {
                        self.find(cx, chain, rule).ok_or(wrong(Problem::NoSuchRule))?
                    }
                };
                self.delete(chain, at, tag)
            }
            Edit::Check { chain, rule } => {
                self.find(cx, chain, rule).map(drop).ok_or(wrong(Problem::NoSuchRule))
            }
            Edit::Flush { chain } => self.flush(chain.as_ref(), tag),
            Edit::Zero { chain, number } => self.zero(chain.as_ref(), *number, tag),
            Edit::NewChain { chain } => self.new_chain(chain, tag),
            Edit::DeleteChain { chain: Some(chain) } => self.delete_chain(chain, tag),
            Edit::DeleteChain { chain: None } => self.delete_chains(tag),
            Edit::RenameChain { from, to } => self.rename(from, to, tag),
            Edit::Policy { policy: None, .. } => Err(wrong(Problem::BadPolicy)),
            Edit::Policy { chain, policy: Some(policy) } => {
                self.policy(chain, *policy, oxtables_base::Counters::default(), tag)
            }
            Edit::Declare { chain, policy, counters } => {
                self.declare(chain, *policy, counters.unwrap_or_default(), tag)
            }
            Edit::Clear => self.clear(tag),
        }
    }

    fn clear(&mut self, tag: u32) -> Result<(), BackendError> {
        // Deleting needs a table; adding one that is there changes nothing. So this is right whatever the kernel has.
        self.batch.add_table(tag)?;
        self.batch.delete_table(tag)?;
        self.table_there = false;
        self.chains.clear();
        Ok(())
    }

    fn ensure_table(&mut self, tag: u32) -> Result<(), BackendError> {
        if !self.table_there {
            self.batch.add_table(tag)?;
            self.table_there = true;
        }
        Ok(())
    }

    fn builtin(&self, chain: &ChainName) -> Option<BaseChain> {
        self.table.base_chain(chain.bytes())
    }

    fn is_there(&self, chain: &ChainName) -> bool {
        self.chains.get(chain).is_some_and(|c| c.there)
    }

    /// Makes sure that a chain can be written to: base chains are created when first needed.
    fn ensure_chain(&mut self, chain: &ChainName, tag: u32) -> Result<(), BackendError> {
        if self.is_there(chain) {
            return Ok(());
        }
        let base = self
            .builtin(chain)
            .ok_or(BackendError::Problem { problem: Problem::NoSuchChain, tag })?;
        self.set_base(Step::ChainAdd, chain, base, (Policy::Accept, Counters::default()), tag)
    }

    fn set_base(
        &mut self,
        step: Step,
        chain: &ChainName,
        base: BaseChain,
        (policy, counters): (Policy, Counters),
        tag: u32,
    ) -> Result<(), BackendError> {
        self.ensure_table(tag)?;
        let known = self.chains.entry(chain.clone()).or_default();
        self.batch.base_chain(step, known.there, chain.bytes(), base, (policy, counters), tag)?;
        if !known.there {
            known.empty = true;
            known.rules = Some(Vec::new());
        }
        known.there = true;
        let counters = oxtables_base::Counters { packets: counters.packets, bytes: counters.bytes };
        known.base = Some(Base { hook: base.hook, policy, counters });
        Ok(())
    }

    /// The rules of a chain, if they are known.
    fn slots(&mut self, chain: &ChainName) -> Option<&mut Vec<Slot>> {
        self.chains.get_mut(chain).and_then(|c| c.rules.as_mut())
    }

    /// The place of a rule given by number.
    fn numbered(
        &mut self,
        chain: &ChainName,
        number: u32,
        tag: u32,
    ) -> Result<usize, BackendError> {
        if !self.is_there(chain) {
            return Err(BackendError::Problem { problem: Problem::NoSuchChain, tag });
        }
        let count = self.slots(chain).map_or(0, |s| s.len());
        let at = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        at.filter(|at| *at < count)
            .ok_or(BackendError::Problem { problem: Problem::NumberBeyondEnd, tag })
    }

    /// A rule may only jump to a chain that is there.
    fn has_target(&self, rule: &Rule, tag: u32) -> Result<(), BackendError> {
        match rule.chain() {
            Some(target) if !self.is_there(target) && self.builtin(target).is_none() => {
                Err(BackendError::Problem { problem: Problem::NoSuchTarget, tag })
            }
            _ => Ok(()),
        }
    }

    /// The place of the first rule that says the same.
    fn find(&self, cx: &DecodeCx<'_>, chain: &ChainName, rule: &Rule) -> Option<usize> {
        let same = |entry: &Entry| matches!(entry, Entry::Rule(r) if r.same(rule));
        self.chains.get(chain)?.rules.as_ref()?.iter().position(|slot| match slot {
            Slot::Old(old) => old.entry.as_deref().is_some_and(same),
            Slot::New(id) => {
                self.batch.rule(*id).is_some_and(|view| same(&raise::rule(&view, cx).entry))
            }
        })
    }

    fn write(
        &mut self,
        chain: &ChainName,
        place: Place,
        rule: &Rule,
        tag: u32,
    ) -> Result<RuleId, BackendError> {
        let head = RuleHead { compat: Some(lower::compat(rule.protocol)), ..RuleHead::default() };
        let family = self.family;
        self.batch
            .new_rule(chain.bytes(), place, head, tag, |w| lower::expressions(w, family, rule))
    }

    fn append(&mut self, chain: &ChainName, rule: &Rule, tag: u32) -> Result<(), BackendError> {
        self.ensure_chain(chain, tag)?;
        let id = self.write(chain, Place::End, rule, tag)?;
        if let Some(known) = self.chains.get_mut(chain) {
            known.empty = false;
            if let Some(slots) = &mut known.rules {
                slots.push(Slot::New(id));
            }
        }
        Ok(())
    }

    fn insert(
        &mut self,
        chain: &ChainName,
        number: u32,
        rule: &Rule,
        tag: u32,
    ) -> Result<(), BackendError> {
        self.ensure_chain(chain, tag)?;
        let at = usize::try_from(number).ok().and_then(|n| n.checked_sub(1)).unwrap_or(0);
        let place = if at == 0 {
            Place::Start
        } else {
            let slots = self.slots(chain).map(|s| &**s).unwrap_or_default();
            match slots.get(at) {
                Some(Slot::Old(old)) => Place::BeforeHandle(old.handle),
                Some(Slot::New(id)) => Place::BeforeId(*id),
                // COMPAT: a number one past the last rule appends.
                None if at == slots.len() => return self.append(chain, rule, tag),
                None => {
                    return Err(BackendError::Problem { problem: Problem::InsertBeyondEnd, tag });
                }
            }
        };
        let id = self.write(chain, place, rule, tag)?;
        if let Some(known) = self.chains.get_mut(chain) {
            known.empty = false;
            if let Some(slots) = &mut known.rules {
                slots.insert(at.min(slots.len()), Slot::New(id));
            }
        }
        Ok(())
    }

    fn replace(
        &mut self,
        chain: &ChainName,
        number: u32,
        rule: &Rule,
        tag: u32,
    ) -> Result<(), BackendError> {
        let at = self.numbered(chain, number, tag).map_err(|e| match e {
            BackendError::Problem { problem: Problem::NumberBeyondEnd, tag } => {
                BackendError::Problem { problem: Problem::ReplaceBeyondEnd, tag }
            }
            e => e,
        })?;
        let id = match self.slots(chain).and_then(|s| s.get(at)) {
            Some(Slot::Old(old)) => {
                let place = Place::Instead(old.handle);
                self.write(chain, place, rule, tag)?
            }
            Some(Slot::New(old)) => {
                // The kernel replaces by handle only, and this rule has none yet.
                let old = *old;
                let id = self.write(chain, Place::BeforeId(old), rule, tag)?;
                self.batch.delete_rule(chain.bytes(), Which::Id(old), tag)?;
                id
            }
            None => return Ok(()),
        };
        if let Some(slot) = self.slots(chain).and_then(|s| s.get_mut(at)) {
            *slot = Slot::New(id);
        }
        Ok(())
    }

    fn delete(&mut self, chain: &ChainName, at: usize, tag: u32) -> Result<(), BackendError> {
        let Some(slots) = self.slots(chain).filter(|s| at < s.len()) else { return Ok(()) };
        let which = match slots.remove(at) {
            Slot::Old(old) => Which::Handle(old.handle),
            Slot::New(id) => Which::Id(id),
        };
        self.batch.delete_rule(chain.bytes(), which, tag)
    }

    fn flush(&mut self, chain: Option<&ChainName>, tag: u32) -> Result<(), BackendError> {
        let Some(chain) = chain else {
            if self.table_there {
                self.batch.flush(Step::RuleFlush, None, tag)?;
            }
            for known in self.chains.values_mut() {
                known.emptied();
            }
            return Ok(());
        };
        // COMPAT: flushing a base chain that is not there yet creates it.
        self.ensure_chain(chain, tag)?;
        self.batch.flush(Step::RuleFlush, Some(chain.bytes()), tag)?;
        if let Some(known) = self.chains.get_mut(chain) {
            known.emptied();
        }
        Ok(())
    }

    fn new_chain(&mut self, chain: &ChainName, tag: u32) -> Result<(), BackendError> {
        if self.is_there(chain) || self.builtin(chain).is_some() {
            return Err(BackendError::Problem { problem: Problem::ChainExists, tag });
        }
        self.add_user_chain(chain, tag)
    }

    fn add_user_chain(&mut self, chain: &ChainName, tag: u32) -> Result<(), BackendError> {
        self.ensure_table(tag)?;
        self.batch.user_chain(chain.bytes(), tag)?;
        let new = Known { there: true, empty: true, rules: Some(Vec::new()), ..Known::default() };
        self.chains.insert(chain.clone(), new);
        Ok(())
    }

    fn delete_chain(&mut self, chain: &ChainName, tag: u32) -> Result<(), BackendError> {
        let known = self.chains.get(chain).filter(|c| c.there);
        let known = known.ok_or(BackendError::Problem { problem: Problem::NoSuchChain, tag })?;
        if known.base.is_some_and(|b| b.policy != Policy::Accept) {
            return Err(BackendError::Problem { problem: Problem::NotEmpty, tag });
        }
        self.batch.delete_chain(chain.bytes(), tag)?;
        self.chains.remove(chain);
        Ok(())
    }

    /// Every user chain, and the base chains that do nothing. The kernel refuses those with rules or jumps to them.
    fn delete_chains(&mut self, tag: u32) -> Result<(), BackendError> {
        let goes = |known: &Known| match known.base {
            None => known.there,
            Some(base) => known.there && known.empty && base.policy == Policy::Accept,
        };
        let mut names: Vec<ChainName> = self
            .chains
            .iter()
            .filter(|(_, known)| goes(known))
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names.iter().try_for_each(|name| self.delete_chain(name, tag))
    }

    /// COMPAT: within its transaction the chain keeps its old name, as for the kernel
    /// (nf_tables_api.c:nft_chain_lookup) and for upstream: a restore that renames a chain and then appends
    /// to the new name fails, "No chain/target/match by that name".
    fn rename(&mut self, from: &ChainName, to: &ChainName, tag: u32) -> Result<(), BackendError> {
        let wrong = |problem| BackendError::Problem { problem, tag };
        if self.is_there(to) || self.builtin(to).is_some() {
            return Err(wrong(Problem::NewNameTaken));
        }
        let known = self.chains.get(from).filter(|c| c.there).ok_or(wrong(Problem::NoSuchChain))?;
        let handle = known.handle.ok_or(wrong(Problem::RenamedWhenNew))?;
        self.batch.rename_chain(handle, to.bytes(), tag)
    }

    /// COMPAT: setting a policy sets its counters too, to zero if none are given.
    fn policy(
        &mut self,
        chain: &ChainName,
        policy: Policy,
        counters: oxtables_base::Counters,
        tag: u32,
    ) -> Result<(), BackendError> {
        let base = self
            .builtin(chain)
            .ok_or(BackendError::Problem { problem: Problem::NotBuiltin, tag })?;
        let counters = Counters { packets: counters.packets, bytes: counters.bytes };
        let step = if self.is_there(chain) { Step::ChainUpdate } else { Step::ChainAdd };
        self.set_base(step, chain, base, (policy, counters), tag)
    }

    fn declare(
        &mut self,
        chain: &ChainName,
        policy: Option<Policy>,
        counters: oxtables_base::Counters,
        tag: u32,
    ) -> Result<(), BackendError> {
        if self.builtin(chain).is_some() {
            let now = self.chains.get(chain).and_then(|c| c.base).map(|b| b.policy);
            return self.policy(chain, policy.or(now).unwrap_or_default(), counters, tag);
        }
        if !self.is_there(chain) {
            return self.add_user_chain(chain, tag);
        }
        self.batch.flush(Step::ChainUserFlush, Some(chain.bytes()), tag)?;
        if let Some(known) = self.chains.get_mut(chain) {
            known.emptied();
        }
        Ok(())
    }

    fn zero(
        &mut self,
        chain: Option<&ChainName>,
        number: Option<u32>,
        tag: u32,
    ) -> Result<(), BackendError> {
        let Some(chain) = chain else {
            let mut names: Vec<ChainName> = self.chains.keys().cloned().collect();
            names.sort();
            return names.iter().try_for_each(|name| self.zero_chain(name, tag));
        };
        if !self.is_there(chain) {
            // COMPAT: a base chain that is not there yet has nothing to set to zero.
            return match (self.builtin(chain), number) {
                (Some(_), None) => Ok(()),
                (Some(_), Some(_)) => {
                    Err(BackendError::Problem { problem: Problem::NoSuchRule, tag })
                }
                (None, Some(_)) => Err(BackendError::Problem { problem: Problem::NoSuchRule, tag }),
                (None, None) => Err(BackendError::Problem { problem: Problem::NoSuchChain, tag }),
            };
        }
        let Some(number) = number else { return self.zero_chain(chain, tag) };
        let at = self
            .numbered(chain, number, tag)
            .map_err(|_| BackendError::Problem { problem: Problem::NoSuchRule, tag })?;
        self.zero_rule(chain, at, true, tag)
    }

    fn zero_chain(&mut self, chain: &ChainName, tag: u32) -> Result<(), BackendError> {
        if let (Some(builtin), Some(base)) =
            (self.builtin(chain), self.chains.get(chain).and_then(|c| c.base))
        {
            self.set_base(
                Step::ChainZero,
                chain,
                builtin,
                (base.policy, Counters::default()),
                tag,
            )?;
        }
        let count = self.slots(chain).map_or(0, |s| s.len());
        (0..count).try_for_each(|at| self.zero_rule(chain, at, false, tag))
    }

    fn zero_rule(
        &mut self,
        chain: &ChainName,
        at: usize,
        always: bool,
        tag: u32,
    ) -> Result<(), BackendError> {
        let Some(known) = self.chains.get_mut(chain) else { return Ok(()) };
        let Some(slot) = known.rules.as_mut().and_then(|s| s.get_mut(at)) else { return Ok(()) };
        match slot {
            Slot::New(id) => self.batch.zero_counter(*id),
            Slot::Old(OldRule { handle, zeroed: Some(zeroed), .. })
                if always || !zeroed.was_zero =>
            {
                let head = RuleHead {
                    compat: Some(zeroed.compat),
                    userdata: &zeroed.userdata,
                    ..RuleHead::default()
                };
                let place = Place::Instead(*handle);
                let id = self
                    .batch
                    .new_rule(chain.bytes(), place, head, tag, |w| w.raw(&zeroed.expressions))?;
                *slot = Slot::New(id);
            }
            Slot::Old(_) => {}
        }
        Ok(())
    }
}

impl Known {
    /// All its rules are gone.
    fn emptied(&mut self) {
        self.empty = true;
        self.rules = Some(Vec::new());
    }
}

#[cfg(test)]
mod tests;
