//! Tables, chains and rules as they come: listed from a back end, or read from a save file with its lines.

use oxtables_base::{Counters, Family};
use oxtables_model::{Action, Chain, ChainName, Edit, Entry, Policy, Rule, TableName};
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

/// A rule and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct RuleDef {
    pub(crate) entry: Entry,
    pub(crate) line: Option<u32>,
}

/// A chain of a table.
#[derive(Clone, Debug)]
pub(crate) struct ChainDef {
    pub(crate) name: Arc<ChainName>,
    pub(crate) policy: Policy,
    pub(crate) counters: Counters,
    pub(crate) line: Option<u32>,
    pub(crate) rules: Vec<Arc<RuleDef>>,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct TableDef {
    pub(crate) name: TableName,
    pub(crate) chains: Vec<ChainDef>,
    pub(crate) names: FxHashMap<ChainName, usize>,
}

/// The rules of one family, table by table.
#[derive(Clone, Debug)]
pub struct Ruleset {
    pub(crate) family: Family,
    pub(crate) tables: Vec<TableDef>,
}

/// Why rules make no rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesetError {
    /// The table.
    pub table: TableName,
    /// The chain that the rule is in, or that is meant.
    pub chain: ChainName,
    /// The number of the rule in it, counted from 1; 0 if no rule is to blame.
    pub rule: u32,
    /// The line of the file, if it came from one.
    pub line: Option<u32>,
    /// What is wrong.
    pub kind: RulesetErrorKind,
}

/// What is wrong with a rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesetErrorKind {
    /// There is no such chain in the table.
    NoSuchChain,
    /// The rule jumps to a chain that is not there.
    NoSuchTarget,
    /// The chain is there already.
    ChainExists,
    /// Chains jump in a circle.
    Loop,
    /// More than the kernel's 16 jumps deep (`NFT_JUMP_STACK_SIZE`).
    TooDeep,
    /// The number is beyond the chain's end.
    BeyondEnd,
    /// An edit that save files do not have; only whole chains or a save file can be taken.
    Edit,
}

impl fmt::Display for RulesetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{} {}", self.table.word(), self.chain)?;
        if self.rule > 0 {
            write!(f, " rule {}", self.rule)?;
        }
        f.write_str(match self.kind {
            RulesetErrorKind::NoSuchChain => ": no such chain",
            RulesetErrorKind::NoSuchTarget => ": jumps to a chain that is not there",
            RulesetErrorKind::ChainExists => ": the chain is there already",
            RulesetErrorKind::Loop => ": chains jump in a circle",
            RulesetErrorKind::TooDeep => ": more than 16 jumps deep",
            RulesetErrorKind::BeyondEnd => ": the chain has fewer rules",
            RulesetErrorKind::Edit => ": this edit needs a table that is there",
        })
    }
}

impl std::error::Error for RulesetError {}

impl Ruleset {
    /// No table at all: every packet passes.
    #[must_use]
    pub const fn new(family: Family) -> Self {
        Self { family, tables: Vec::new() }
    }

    /// The family of the rules.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Whether the table has a chain.
    #[must_use]
    pub fn has_table(&self, table: TableName) -> bool {
        self.tables.iter().any(|t| t.name == table && !t.chains.is_empty())
    }

    /// Puts a table as it is listed; chains that do not exist are left out. What was there of it goes.
    pub fn set_table(&mut self, table: TableName, chains: &[Chain]) {
        let def = self.table(table);
        def.clear();
        for chain in chains.iter().filter(|c| c.exists) {
            let base = chain.base;
            let at = def.add(chain.name.clone(), None);
            if let Some(made) = def.chains.get_mut(at) {
                made.policy = base.map_or(Policy::Accept, |b| b.policy);
                made.counters = base.map_or(Counters::default(), |b| b.counters);
                let entry = |entry: &Entry| Arc::new(RuleDef { entry: entry.clone(), line: None });
                made.rules = chain.rules.iter().map(|r| entry(&r.entry)).collect();
            }
        }
    }

    /// Applies an edit as a save file has them (`*`, `:`, `-A`, and `-N`, `-P`, `-F`, `-I`), from `line` of it.
    ///
    /// # Errors
    /// See [`RulesetErrorKind`]. Jumps are looked at when an engine is made.
    pub fn edit(
        &mut self,
        table: TableName,
        edit: &Edit,
        line: Option<u32>,
    ) -> Result<(), RulesetError> {
        let blamed = |chain: Option<&ChainName>, kind| RulesetError {
            table,
            chain: chain.cloned().unwrap_or(ChainName::new(b"")),
            rule: 0,
            line,
            kind,
        };
        let def = self.table(table);
        match edit {
            Edit::Clear => def.clear(),
            Edit::Declare { chain, policy, counters } => {
                let at = def.chain(chain).unwrap_or_else(|| def.add(chain.clone(), line));
                let Some(chain) = def.chains.get_mut(at) else { return Ok(()) };
                chain.policy = policy.unwrap_or(chain.policy);
                chain.counters = counters.unwrap_or_default();
                chain.line = line;
                chain.rules.clear();
            }
            Edit::NewChain { chain } => {
                if def.chain(chain).is_some() {
                    return Err(blamed(Some(chain), RulesetErrorKind::ChainExists));
                }
                def.add(chain.clone(), line);
            }
            Edit::Policy { chain, policy: Some(policy) } => {
                let at = def.found(chain);
                let chain = at.and_then(|at| def.chains.get_mut(at));
                let chain = chain.ok_or(blamed(None, RulesetErrorKind::NoSuchChain))?;
                chain.policy = *policy;
                chain.counters = Counters::default();
                chain.line = line;
            }
            Edit::Flush { chain } => {
                let all = def.chains.iter_mut();
                let meant = |c: &ChainName| chain.as_ref().is_none_or(|name| name == c);
                all.filter(|c| meant(&c.name)).for_each(|c| c.rules.clear());
            }
            Edit::Append { chain, rule } => {
                def.put(chain, None, rule, line).map_err(|kind| blamed(Some(chain), kind))?;
            }
            Edit::Insert { chain, number, rule } => {
                def.put(chain, Some(*number), rule, line)
                    .map_err(|kind| blamed(Some(chain), kind))?;
            }
            _ => return Err(blamed(None, RulesetErrorKind::Edit)),
        }
        Ok(())
    }

    fn table(&mut self, name: TableName) -> &mut TableDef {
        let at = self.tables.iter().position(|t| t.name == name).unwrap_or_else(|| {
            self.tables.push(TableDef { name, chains: Vec::new(), names: FxHashMap::default() });
            self.tables.len() - 1
        });
        // Found or pushed just now.
        #[allow(clippy::indexing_slicing)]
        &mut self.tables[at]
    }
}

impl TableDef {
    fn clear(&mut self) {
        self.chains.clear();
        self.names.clear();
    }

    pub(crate) fn chain(&self, name: &ChainName) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// A built-in chain is made when something is written to it.
    fn found(&mut self, name: &ChainName) -> Option<usize> {
        let builtin = self.name.base_chain(name.bytes()).is_some();
        self.chain(name).or_else(|| builtin.then(|| self.add(name.clone(), None)))
    }

    fn add(&mut self, name: ChainName, line: Option<u32>) -> usize {
        self.names.insert(name.clone(), self.chains.len());
        self.chains.push(ChainDef {
            name: Arc::new(name),
            policy: Policy::Accept,
            counters: Counters::default(),
            line,
            rules: Vec::new(),
        });
        self.chains.len() - 1
    }

    fn put(
        &mut self,
        chain: &ChainName,
        number: Option<u32>,
        rule: &Rule,
        line: Option<u32>,
    ) -> Result<(), RulesetErrorKind> {
        let at = self.found(chain).ok_or(RulesetErrorKind::NoSuchChain)?;
        // A jump to a built-in chain needs it there, too.
        if let Action::Jump(to) | Action::Goto(to) = &rule.action {
            self.found(to);
        }
        let rules = &mut self.chains.get_mut(at).ok_or(RulesetErrorKind::NoSuchChain)?.rules;
        let place = match number {
            None => rules.len(),
            Some(n) => usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX),
        };
        if place > rules.len() {
            return Err(RulesetErrorKind::BeyondEnd);
        }
        rules.insert(place, Arc::new(RuleDef { entry: Entry::Rule(rule.clone()), line }));
        Ok(())
    }
}
