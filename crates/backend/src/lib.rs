//! Where rules live: the kernel's nf_tables.
//!
//! [`Backend`] lists tables and commits [`Transaction`]s. Each is one netlink batch, sent in one `sendmsg`: all of it takes
//! effect at once, or none. What the kernel refuses comes back as a [`Refusal`] with the tag its edit was given.

mod batch;
mod error;
mod link;
mod list;
mod lower;
mod plan;
mod raise;
mod transaction;

pub use error::{BackendError, Doing, Object, Refusal, Step};
pub use list::{Listing, Scope};
pub use oxtables_model::Problem;
pub use transaction::Transaction;

use link::{Commit, Link, ReadError};
use oxtables_base::Family;
use oxtables_ext::{DecodeCx, Host};
use oxtables_model::{Edit, Entry, Rule, TableName};
use oxtables_wire::nft::RuleView;
use oxtables_wire::nl::Writer;
use transaction::{Kind, Needs};

/// How often a transaction is planned again because somebody else was faster. Whoever is faster gets on, so this is reached
/// only if the rule set changes all the time.
const TRIES: usize = 10_000;

/// Reads a rule as the kernel tells it.
#[must_use]
pub fn read_rule(view: &RuleView<'_>, cx: &DecodeCx<'_>) -> Entry {
    raise::rule(view, cx).entry
}

/// A rule's list of expressions (`NFTA_RULE_EXPRESSIONS`) as it is sent.
#[must_use]
pub fn expressions(family: Family, rule: &Rule) -> Vec<u8> {
    let mut w = Writer::new();
    lower::expressions(&mut w, family, rule);
    w.as_bytes().to_vec()
}

/// The kernel's nf_tables, seen by one family.
pub struct Backend<'h> {
    link: Link,
    family: Family,
    host: &'h dyn Host,
}

impl<'h> Backend<'h> {
    /// Opens a connection to the kernel.
    ///
    /// # Errors
    /// When there is no netlink socket to be had.
    pub fn open(family: Family, host: &'h dyn Host) -> Result<Self, BackendError> {
        Ok(Self { link: Link::open()?, family, host })
    }

    /// The names of the family's tables, of iptables or not.
    ///
    /// # Errors
    /// See [`BackendError`].
    pub fn tables(&mut self) -> Result<Vec<Vec<u8>>, BackendError> {
        self.again(|me| {
            let mut names = Vec::new();
            me.link.tables(me.family.nfproto(), |t| names.push(t.name.to_vec()))?;
            Ok(names)
        })
    }

    /// What a table holds.
    ///
    /// # Errors
    /// See [`BackendError`]. A table or chain that is not there is no error.
    pub fn list(&mut self, table: TableName, scope: Scope<'_>) -> Result<Listing, BackendError> {
        self.again(|me| {
            let before = me.link.generation()?;
            let cx = DecodeCx { family: me.family, host: me.host };
            let listing = list::read(&mut me.link, table, scope, &cx)?;
            // Chains are read one by one; together they are one state only if nothing changed meanwhile.
            if me.link.generation()? == before { Ok(listing) } else { Err(ReadError::Changed) }
        })
    }

    /// Whether the kernel knows an extension at a revision. `name` is the kernel's.
    ///
    /// # Errors
    /// See [`BackendError`].
    pub fn has_revision(
        &mut self,
        name: &[u8],
        rev: u8,
        target: bool,
    ) -> Result<bool, BackendError> {
        self.link.has_revision(self.family.nfproto(), name, rev.into(), target)
    }

    /// Adds an edit to a transaction, see [`Transaction::push`].
    ///
    /// # Errors
    /// See [`Transaction::push`].
    pub fn push(
        &self,
        transaction: &mut Transaction,
        edit: Edit,
        tag: u32,
    ) -> Result<(), BackendError> {
        transaction.push(self.family, self.host, edit, tag)
    }

    /// Applies a transaction: all of it or nothing.
    ///
    /// # Errors
    /// [`BackendError::Problem`] for an edit that cannot be, [`BackendError::Refused`] when the kernel says no, and the rest.
    pub fn commit(&mut self, transaction: Transaction) -> Result<(), BackendError> {
        let edits = match transaction.kind {
            Kind::Edits(edits) => edits,
            Kind::Fresh(plan) => {
                let Some(batch) = plan.finish()? else { return Ok(()) };
                return match self.link.commit(&batch)? {
                    Commit::Done => Ok(()),
                    Commit::Refused(refusals) => Err(BackendError::Refused(refusals)),
                    // It names no generation, so none can be stale.
                    Commit::Stale => Err(BackendError::Changing),
                };
            }
        };
        let needs = Needs::of(transaction.table, &edits);
        self.again(|me| {
            let cx = DecodeCx { family: me.family, host: me.host };
            let mut plan = list::prepare(&mut me.link, transaction.table, &needs, &cx)?;
            for (edit, tag) in &edits {
                plan.edit(&cx, edit, *tag)?;
            }
            let Some(batch) = plan.finish()? else { return Ok(()) };
            match me.link.commit(&batch)? {
                Commit::Done => Ok(()),
                Commit::Refused(refusals) => Err(BackendError::Refused(refusals).into()),
                Commit::Stale => Err(ReadError::Changed),
            }
        })
    }

    /// Does something until nobody else was faster.
    fn again<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, BackendError> {
        for _ in 0..TRIES {
            match attempt(self) {
                Ok(done) => return Ok(done),
                Err(ReadError::Other(e)) => return Err(e),
                Err(ReadError::Changed | ReadError::Missing) => {}
            }
        }
        Err(BackendError::Changing)
    }
}
