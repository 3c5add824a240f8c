//! Tables read: for listing, and for planning.

use oxtables_base::Counters;
use oxtables_ext::DecodeCx;
use oxtables_model::{Base, BaseChain, Chain, ChainName, Entry, Listed, Policy, TableName};
use oxtables_wire::nft::expr::{self, Expr};
use oxtables_wire::nft::{ChainView, RuleView};
use oxtables_wire::nl::Writer;

use crate::batch::{hook, kind_name, policy_number};
use crate::link::{Link, ReadError};
use crate::lower;
use crate::plan::{Known, OldRule, Plan, Reading, Slot, Zeroed};
use crate::raise;
use crate::transaction::Needs;

/// As many chains are asked for one by one; more are dumped with the rest of the family's.
const ONE_BY_ONE: usize = 8;

/// How much of a table to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Everything.
    All,
    /// One chain with its rules, the others not at all.
    Chain(&'a [u8]),
    /// The chains without their rules; `references` then counts the rules in a chain too.
    Chains,
}

/// What a table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Whether the kernel has the table.
    pub exists: bool,
    /// First the base chains, in hook order and also those the kernel does not have yet; then the others by name.
    pub chains: Vec<Chain>,
    /// Base chains that are not iptables' own, by hook, priority, type or name; they are not in `chains`.
    pub foreign_base_chains: Vec<ChainName>,
}

/// A chain as the kernel tells it.
enum Found {
    /// One that iptables knows.
    Own(Chain),
    /// A base chain of somebody else.
    Foreign(ChainName),
}

fn found(table: TableName, view: &ChainView<'_>) -> Found {
    let name = ChainName::new(view.name);
    let base = match (table.base_chain(view.name), view.hook) {
        (None, None) => None,
        (Some(own), Some(_)) if is_own(own, view) => Some(base(own, view)),
        _ => return Found::Foreign(name),
    };
    Found::Own(Chain { name, base, exists: true, references: view.references, rules: Vec::new() })
}

fn is_own(own: BaseChain, view: &ChainView<'_>) -> bool {
    view.hook == Some(hook(own)) && view.kind == kind_name(own.kind)
}

fn base(own: BaseChain, view: &ChainView<'_>) -> Base {
    let drop = view.policy == Some(policy_number(Policy::Drop));
    Base {
        hook: own.hook,
        policy: if drop { Policy::Drop } else { Policy::Accept },
        counters: view
            .counters
            .map_or(Counters::default(), |c| Counters { packets: c.packets, bytes: c.bytes }),
    }
}

/// Reads a table. The caller makes sure that nothing changes meanwhile.
pub(crate) fn read(
    link: &mut Link,
    table: TableName,
    scope: Scope<'_>,
    cx: &DecodeCx<'_>,
) -> Result<Listing, ReadError> {
    let (family, word) = (cx.family.nfproto(), table.word().as_bytes());
    let mut listing = Listing::default();
    let mut each = |view: &ChainView<'_>| {
        listing.exists = true;
        match found(table, view) {
            Found::Own(chain) => listing.chains.push(chain),
            Found::Foreign(name) => listing.foreign_base_chains.push(name),
        }
    };
    let answered = match scope {
        Scope::Chain(name) => link.chain(family, word, name, each),
        Scope::All | Scope::Chains => link.chains(family, word, &mut each),
    };
    if !listing.exists {
        missing_is_fine(answered)?;
        // No chain was found; the table may be there without any.
        link.tables(family, |t| listing.exists |= t.name == word)?;
    }
    if scope != Scope::Chains {
        for chain in &mut listing.chains {
            read_rules(link, word, chain, cx)?;
        }
    }
    // Base chains that the kernel does not have yet are there as far as a listing goes.
    let only = if let Scope::Chain(one) = scope { Some(one) } else { None };
    oxtables_model::complete(table, only, &mut listing.chains);
    Ok(listing)
}

fn read_rules(
    link: &mut Link,
    table: &[u8],
    chain: &mut Chain,
    cx: &DecodeCx<'_>,
) -> Result<(), ReadError> {
    let rules = &mut chain.rules;
    link.rules(cx.family.nfproto(), table, chain.name.bytes(), |view| {
        let entry = raise::rule(view, cx).entry;
        rules.push(Listed { handle: view.handle, entry });
        Ok(())
    })?;
    // The kernel counts a chain's rules and the jumps to it together.
    let count = u32::try_from(chain.rules.len()).unwrap_or(u32::MAX);
    chain.references = chain.references.saturating_sub(count);
    Ok(())
}

/// Reads what `needs` says and makes it the base of a plan.
pub(crate) fn prepare(
    link: &mut Link,
    table: TableName,
    needs: &Needs<'_>,
    cx: &DecodeCx<'_>,
) -> Result<Plan, ReadError> {
    let (family, word) = (cx.family.nfproto(), table.word().as_bytes());
    let mut plan = Plan::new(cx.family, table, Some(link.generation()?))?;
    if needs.table {
        let mut there = false;
        link.tables(family, |t| there |= t.name == word)?;
        if there {
            plan.found_table();
        }
    }
    let mut chains = Vec::new();
    let mut each = |view: &ChainView<'_>| {
        // A base chain of somebody else is as good as not there: what is done to it then fails in the kernel.
        if let Found::Own(chain) = found(table, view) {
            chains.push((chain, view.handle));
        }
    };
    if needs.all.is_some() || needs.chains.len() > ONE_BY_ONE {
        missing_is_fine(link.chains(family, word, each))?;
    } else {
        for name in needs.chains.keys() {
            missing_is_fine(link.chain(family, word, name, &mut each))?;
        }
    }
    for (chain, handle) in chains {
        let wanted =
            needs.chains.get(chain.name.bytes()).copied().max(needs.all).unwrap_or_default();
        let rules = match wanted {
            Reading::Nothing => None,
            wanted => Some(read_slots(link, word, chain.name.bytes(), wanted, cx)?),
        };
        let known = Known {
            there: true,
            handle: Some(handle),
            base: chain.base,
            empty: chain.references == 0,
            rules,
        };
        plan.found_chain(chain.name, known);
    }
    Ok(plan)
}

fn read_slots(
    link: &mut Link,
    table: &[u8],
    chain: &[u8],
    wanted: Reading,
    cx: &DecodeCx<'_>,
) -> Result<Vec<Slot>, ReadError> {
    let mut slots = Vec::new();
    link.rules(cx.family.nfproto(), table, chain, |view| {
        let mut old = OldRule { handle: view.handle, entry: None, zeroed: None };
        if wanted >= Reading::Rules {
            let raised = raise::rule(view, cx);
            if wanted == Reading::Zeroes {
                old.zeroed = Some(Box::new(zeroed(view, &raised)));
            }
            old.entry = Some(Box::new(raised.entry));
        }
        slots.push(Slot::Old(old));
        Ok(())
    })?;
    Ok(slots)
}

/// A rule's expressions as they are, but for the counter.
fn zeroed(view: &RuleView<'_>, raised: &raise::Raised) -> Zeroed {
    let mut w = Writer::new();
    for element in view.expressions.clone().flatten() {
        match Expr::read(&element) {
            Ok(Expr::Counter(_)) => expr::counter(&mut w, oxtables_wire::nft::Counters::default()),
            _ => expr::copy_element(&mut w, &element),
        }
    }
    let counters = match &raised.entry {
        Entry::Rule(rule) => rule.counters,
        Entry::Foreign(foreign) => foreign.counters,
    };
    Zeroed {
        expressions: w.as_bytes().to_vec(),
        userdata: view.userdata.to_vec(),
        compat: lower::compat(raised.protocol),
        was_zero: counters == Counters::default(),
    }
}

fn missing_is_fine(answer: Result<(), ReadError>) -> Result<(), ReadError> {
    match answer {
        Err(ReadError::Missing) => Ok(()),
        other => other,
    }
}
