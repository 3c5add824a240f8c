//! Edits of one table that take effect together or not at all.

use oxtables_base::Family;
use oxtables_ext::{DecodeCx, Host};
use oxtables_model::{ChainName, Edit, Place, TableName};
use rustc_hash::FxHashMap;

use crate::error::BackendError;
use crate::plan::{Plan, Reading};

/// A transaction being made. Give it to [`crate::Backend::commit`].
///
/// One that begins with [`Edit::Clear`] does not depend on what the kernel has: its rules are turned into messages as they
/// come and not kept. Any other is planned when it is committed, and again each time somebody else was faster.
pub struct Transaction {
    pub(crate) table: TableName,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// Planned as pushed, on the empty table it begins with.
    Fresh(Box<Plan>),
    /// To be planned on what is there. Each with its tag.
    Edits(Vec<(Edit, u32)>),
}

impl Transaction {
    /// An empty transaction on a table.
    #[must_use]
    pub const fn new(table: TableName) -> Self {
        Self { table, kind: Kind::Edits(Vec::new()) }
    }

    /// Adds an edit. `tag` is told again when the edit fails: a line's number.
    ///
    /// # Errors
    /// When the transaction began with [`Edit::Clear`] and this edit cannot be, given the ones before.
    pub fn push(
        &mut self,
        family: Family,
        host: &dyn Host,
        edit: Edit,
        tag: u32,
    ) -> Result<(), BackendError> {
        match &mut self.kind {
            Kind::Fresh(plan) => plan.edit(&DecodeCx { family, host }, &edit, tag),
            Kind::Edits(edits) if edits.is_empty() && edit == Edit::Clear => {
                let mut plan = Plan::new(family, self.table, None)?;
                plan.edit(&DecodeCx { family, host }, &edit, tag)?;
                self.kind = Kind::Fresh(Box::new(plan));
                Ok(())
            }
            Kind::Edits(edits) => {
                edits.push((edit, tag));
                Ok(())
            }
        }
    }
}

/// What has to be known of the kernel before edits can be planned.
#[derive(Debug, Default)]
pub(crate) struct Needs<'a> {
    /// Whether the table is there.
    pub(crate) table: bool,
    /// Every chain, and how much of the rules of each.
    pub(crate) all: Option<Reading>,
    /// These chains, and how much of their rules.
    pub(crate) chains: FxHashMap<&'a [u8], Reading>,
}

impl<'a> Needs<'a> {
    pub(crate) fn of(table: TableName, edits: &'a [(Edit, u32)]) -> Self {
        let mut needs = Self::default();
        for (edit, _) in edits {
            needs.add(table, edit);
        }
        needs
    }

    fn add(&mut self, table: TableName, edit: &'a Edit) {
        let rule = match edit {
            Edit::Append { chain, rule } => {
                self.chain(chain, Reading::Nothing);
                Some(rule)
            }
            Edit::Insert { chain, number, rule } => {
                let read = if *number > 1 { Reading::Handles } else { Reading::Nothing };
                self.chain(chain, read);
                Some(rule)
            }
            Edit::Replace { chain, rule, .. } => {
                self.chain(chain, Reading::Handles);
                Some(rule)
            }
            Edit::Check { rule, .. } | Edit::Delete { place: Place::Rule(rule), .. } => {
                self.add_plain(edit);
                Some(rule)
            }
            _ => {
                self.add_plain(edit);
                None
            }
        };
        // A jump to a chain that is not there is an error of its own, not the kernel's.
        if let Some(target) = rule.and_then(|r| r.chain())
            && table.base_chain(target.bytes()).is_none()
        {
            self.chain(target, Reading::Nothing);
        }
    }

    fn add_plain(&mut self, edit: &'a Edit) {
        match edit {
            Edit::Append { .. } | Edit::Insert { .. } | Edit::Replace { .. } | Edit::Clear => {}
            Edit::Delete { chain, place: Place::Number(_) } => self.chain(chain, Reading::Handles),
            Edit::Delete { chain, place: Place::Rule(_) } | Edit::Check { chain, .. } => {
                self.chain(chain, Reading::Rules);
            }
            Edit::Flush { chain: None } => self.table = true,
            Edit::Flush { chain: Some(chain) }
            | Edit::NewChain { chain }
            | Edit::DeleteChain { chain: Some(chain) }
            | Edit::Policy { chain, .. }
            | Edit::Declare { chain, .. } => self.chain(chain, Reading::Nothing),
            Edit::Zero { chain: Some(chain), .. } => self.chain(chain, Reading::Zeroes),
            Edit::Zero { chain: None, .. } => self.all = Some(Reading::Zeroes),
            Edit::DeleteChain { chain: None } => self.all = self.all.max(Some(Reading::Nothing)),
            Edit::RenameChain { from, to } => {
                self.chain(from, Reading::Nothing);
                self.chain(to, Reading::Nothing);
            }
        }
    }

    fn chain(&mut self, name: &'a ChainName, read: Reading) {
        let slot = self.chains.entry(name.bytes()).or_default();
        *slot = (*slot).max(read);
    }
}
