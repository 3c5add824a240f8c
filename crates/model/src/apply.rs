//! Edits applied to a table in memory, as the kernel's transactions apply them.

use crate::{Base, Chain, ChainName, Edit, Entry, Listed, Place, Policy, Problem, Rule, TableName};
use oxtables_base::Counters;
use std::collections::HashMap;

/// A table with its chains, to be edited.
#[derive(Clone, Debug)]
pub struct Table {
    name: TableName,
    exists: bool,
    chains: Vec<Chain>,
    /// Where in `chains` each is.
    places: HashMap<ChainName, usize>,
}

/// Why an edit was not applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotApplied {
    /// It cannot be, given what is there.
    Problem(Problem),
    /// The chain has rules, or rules jump to it: the kernel's `EBUSY`.
    Busy(ChainName),
}

impl From<Problem> for NotApplied {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Table {
    /// A table that nothing was written to yet.
    #[must_use]
    pub fn new(name: TableName) -> Self {
        Self { name, exists: false, chains: Vec::new(), places: HashMap::new() }
    }

    /// A table that has these chains.
    #[must_use]
    pub fn with_chains(name: TableName, chains: Vec<Chain>) -> Self {
        let mut table = Self { name, exists: true, chains, places: HashMap::new() };
        table.find_places();
        table
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> TableName {
        self.name
    }

    /// Whether it was written to.
    #[must_use]
    pub const fn exists(&self) -> bool {
        self.exists
    }

    /// The chain of that name, if there is one. Its `references` may be out of date, see [`Self::listing`].
    #[must_use]
    pub fn chain(&self, name: &ChainName) -> Option<&Chain> {
        self.chains.get(*self.places.get(name)?)
    }

    /// The chains: first the built-in ones in hook order, those that are not there yet too, then the others by name;
    /// with the jumps to each counted.
    #[must_use]
    pub fn listing(&self) -> Vec<Chain> {
        let mut references: HashMap<&ChainName, u32> = HashMap::new();
        for target in self.chains.iter().flat_map(targets) {
            let count = references.entry(target).or_default();
            *count = count.saturating_add(1);
        }
        let mut chains = self.chains.clone();
        for chain in &mut chains {
            chain.references = references.get(&chain.name).copied().unwrap_or(0);
        }
        complete(self.name, None, &mut chains);
        chains
    }

    /// Applies one edit.
    ///
    /// # Errors
    /// [`NotApplied`]; the table may then be changed in part, so work on a copy where that matters.
    pub fn apply(&mut self, edit: &Edit) -> Result<(), NotApplied> {
        if let Some(rule) = edit.rule() {
            self.has_target(rule)?;
        }
        match edit {
            Edit::Append { chain, rule } => {
                self.writable(chain)?.rules.push(listed(rule));
                Ok(())
            }
            Edit::Insert { chain, number, rule } => self.insert(chain, *number, rule),
            Edit::Replace { chain, number, rule } => {
                let at = index(*number).unwrap_or(usize::MAX);
                let slot = self.there(chain)?.rules.get_mut(at);
                *slot.ok_or(Problem::ReplaceBeyondEnd)? = listed(rule);
                Ok(())
            }
            Edit::Delete { chain, place } => self.delete(chain, place),
            Edit::Check { chain, rule } => self.find(chain, rule).map(drop),
            Edit::Flush { chain: Some(chain) } => {
                self.writable(chain)?.rules.clear();
                Ok(())
            }
            Edit::Flush { chain: None } => {
                self.chains.iter_mut().for_each(|c| c.rules.clear());
                Ok(())
            }
            Edit::Zero { chain, number } => self.zero(chain.as_ref(), *number),
            Edit::NewChain { chain } => self.new_chain(chain),
            Edit::DeleteChain { chain: Some(chain) } => self.delete_chain(chain),
            Edit::DeleteChain { chain: None } => self.delete_chains(),
            Edit::RenameChain { from, to } => self.rename(from, to),
            Edit::Policy { chain, policy } => {
                let policy = policy.ok_or(Problem::BadPolicy)?;
                if !self.is_builtin(chain) {
                    return Err(Problem::NotBuiltin.into());
                }
                self.set_policy(chain, policy, Counters::default())
            }
            Edit::Declare { chain, policy, counters } => {
                self.declare(chain, *policy, counters.unwrap_or_default())
            }
            Edit::Clear => {
                self.exists = false;
                self.chains.clear();
                self.places.clear();
                Ok(())
            }
        }
    }

    fn find_places(&mut self) {
        let names = self.chains.iter().enumerate().map(|(at, c)| (c.name.clone(), at));
        self.places = names.collect();
    }

    fn is_builtin(&self, chain: &ChainName) -> bool {
        self.name.base_chain(chain.bytes()).is_some()
    }

    fn there(&mut self, chain: &ChainName) -> Result<&mut Chain, NotApplied> {
        let at = self.places.get(chain).copied();
        let found = at.and_then(|at| self.chains.get_mut(at));
        found.ok_or(NotApplied::Problem(Problem::NoSuchChain))
    }

    /// The chain, made if it is a built-in one that is not there yet.
    fn writable(&mut self, chain: &ChainName) -> Result<&mut Chain, NotApplied> {
        if !self.places.contains_key(chain)
            && let Some(base) = self.name.base_chain(chain.bytes())
        {
            let hook = base.hook;
            let base = Base { hook, policy: Policy::Accept, counters: Counters::default() };
            self.add(chain, Some(base));
        }
        self.there(chain)
    }

    fn add(&mut self, name: &ChainName, base: Option<Base>) {
        self.exists = true;
        self.places.insert(name.clone(), self.chains.len());
        let (name, rules) = (name.clone(), Vec::new());
        self.chains.push(Chain { name, base, exists: true, references: 0, rules });
    }

    /// A rule may only jump to a chain that is there.
    fn has_target(&self, rule: &Rule) -> Result<(), NotApplied> {
        match rule.chain() {
            Some(target) if !self.places.contains_key(target) && !self.is_builtin(target) => {
                Err(Problem::NoSuchTarget.into())
            }
            _ => Ok(()),
        }
    }

    fn insert(&mut self, chain: &ChainName, number: u32, rule: &Rule) -> Result<(), NotApplied> {
        let rules = &mut self.writable(chain)?.rules;
        let at = index(number).unwrap_or(0);
        if at > rules.len() {
            return Err(Problem::InsertBeyondEnd.into());
        }
        rules.insert(at, listed(rule));
        Ok(())
    }

    fn find(&self, chain: &ChainName, rule: &Rule) -> Result<usize, NotApplied> {
        let same = |l: &Listed| matches!(&l.entry, Entry::Rule(r) if r.same(rule));
        let found = self.chain(chain).and_then(|c| c.rules.iter().position(same));
        found.ok_or(NotApplied::Problem(Problem::NoSuchRule))
    }

    fn delete(&mut self, chain: &ChainName, place: &Place) -> Result<(), NotApplied> {
        let at = match place {
            Place::Number(number) => index(*number).unwrap_or(usize::MAX),
            Place::Rule(rule) => self.find(chain, rule)?,
        };
        let rules = &mut self.there(chain)?.rules;
        if at >= rules.len() {
            return Err(Problem::NumberBeyondEnd.into());
        }
        rules.remove(at);
        Ok(())
    }

    fn zero(&mut self, chain: Option<&ChainName>, number: Option<u32>) -> Result<(), NotApplied> {
        let Some(name) = chain else {
            self.chains.iter_mut().for_each(zero_chain);
            return Ok(());
        };
        let builtin = self.is_builtin(name);
        match (self.there(name), number) {
            (Ok(chain), None) => zero_chain(chain),
            (Ok(chain), Some(number)) => {
                let at = index(number).unwrap_or(usize::MAX);
                zero_rule(chain.rules.get_mut(at).ok_or(Problem::NoSuchRule)?);
            }
            // COMPAT: a base chain that is not there yet has nothing to set to zero.
            (Err(_), None) if builtin => (),
            (Err(_), Some(_)) => return Err(Problem::NoSuchRule.into()),
            (Err(e), None) => return Err(e),
        }
        Ok(())
    }

    fn new_chain(&mut self, chain: &ChainName) -> Result<(), NotApplied> {
        if self.places.contains_key(chain) || self.is_builtin(chain) {
            return Err(Problem::ChainExists.into());
        }
        self.add(chain, None);
        Ok(())
    }

    fn delete_chain(&mut self, name: &ChainName) -> Result<(), NotApplied> {
        let chain = self.there(name)?;
        if chain.base.is_some_and(|b| b.policy != Policy::Accept) {
            return Err(Problem::NotEmpty.into());
        }
        let used = !chain.rules.is_empty();
        if used || self.chains.iter().flat_map(targets).any(|target| target == name) {
            return Err(NotApplied::Busy(name.clone()));
        }
        self.chains.retain(|c| c.name != *name);
        self.find_places();
        Ok(())
    }

    /// Every user chain, and the base chains that do nothing.
    fn delete_chains(&mut self) -> Result<(), NotApplied> {
        let goes = |c: &&Chain| match c.base {
            None => true,
            Some(base) => c.rules.is_empty() && base.policy == Policy::Accept,
        };
        let kept = self.chains.iter().filter(|c| !goes(c));
        let used = |name: &ChainName| kept.clone().flat_map(targets).any(|t| t == name);
        let busy = self.chains.iter().filter(goes).find(|c| !c.rules.is_empty() || used(&c.name));
        if let Some(chain) = busy {
            return Err(NotApplied::Busy(chain.name.clone()));
        }
        self.chains.retain(|c| !goes(&c));
        self.find_places();
        Ok(())
    }

    fn rename(&mut self, from: &ChainName, to: &ChainName) -> Result<(), NotApplied> {
        if self.places.contains_key(to) || self.is_builtin(to) {
            return Err(Problem::NewNameTaken.into());
        }
        self.there(from)?.name = to.clone();
        self.find_places();
        let rules = self.chains.iter_mut().flat_map(|c| &mut c.rules);
        for listed in rules {
            if let Entry::Rule(rule) = &mut listed.entry
                && let Some(target) = rule.chain_mut()
                && target == from
            {
                *target = to.clone();
            }
        }
        Ok(())
    }

    /// COMPAT: setting a policy sets its counters too, to zero if none are given.
    fn set_policy(
        &mut self,
        chain: &ChainName,
        policy: Policy,
        counters: Counters,
    ) -> Result<(), NotApplied> {
        if let Some(base) = &mut self.writable(chain)?.base {
            base.policy = policy;
            base.counters = counters;
        }
        Ok(())
    }

    fn declare(
        &mut self,
        chain: &ChainName,
        policy: Option<Policy>,
        counters: Counters,
    ) -> Result<(), NotApplied> {
        if self.is_builtin(chain) {
            let now = self.chain(chain).and_then(|c| c.base).map(|b| b.policy);
            return self.set_policy(chain, policy.or(now).unwrap_or_default(), counters);
        }
        match self.there(chain) {
            Ok(chain) => chain.rules.clear(),
            Err(_) => self.add(chain, None),
        }
        Ok(())
    }
}

/// Adds the built-in chains of a table that are not there yet (only the one called `only`, if given) and puts all in
/// the order of listings: built-in ones by hook, then the others by name.
pub fn complete(table: TableName, only: Option<&[u8]>, chains: &mut Vec<Chain>) {
    for own in table.base_chains() {
        let name = own.hook.chain().as_bytes();
        let asked = only.is_none_or(|one| one == name);
        if asked && !chains.iter().any(|c| c.name.bytes() == name) {
            let (policy, counters) = (Policy::Accept, Counters::default());
            chains.push(Chain {
                name: ChainName::new(name),
                base: Some(Base { hook: own.hook, policy, counters }),
                exists: false,
                references: 0,
                rules: Vec::new(),
            });
        }
    }
    chains.sort_by(|a, b| {
        let place = |c: &Chain| c.base.map_or(u32::MAX, |base| base.hook.number());
        place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name))
    });
}

/// The chains that a chain's rules jump or go to.
fn targets(chain: &Chain) -> impl Iterator<Item = &ChainName> {
    chain.rules.iter().filter_map(|l| match &l.entry {
        Entry::Rule(rule) => rule.chain(),
        Entry::Foreign(_) => None,
    })
}

fn listed(rule: &Rule) -> Listed {
    Listed { handle: 0, entry: Entry::Rule(rule.clone()) }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

fn zero_chain(chain: &mut Chain) {
    if let Some(base) = &mut chain.base {
        base.counters = Counters::default();
    }
    chain.rules.iter_mut().for_each(zero_rule);
}

fn zero_rule(listed: &mut Listed) {
    match &mut listed.entry {
        Entry::Rule(rule) => rule.counters = Counters::default(),
        Entry::Foreign(foreign) => foreign.counters = Counters::default(),
    }
}

#[cfg(test)]
mod tests;
