//! Which rules no test touches.

use crate::ruleset::Rules;
use oxtables_base::Family;
use oxtables_engine::{Engine, Options, Outcome, RuleRef, RulesetError, Step, Topology, Walk};
use oxtables_model::TableName;
use std::collections::HashSet;

/// The rules that a packet of some test fitted.
#[derive(Default)]
pub(super) struct Coverage {
    touched: HashSet<(Family, TableName, Vec<u8>, u32)>,
}

impl Coverage {
    /// Takes a packet's way into account.
    pub(super) fn add(&mut self, family: Family, walk: &Walk) {
        for step in &walk.steps {
            if let Step::Rule { rule, outcome: Outcome::Fitted(_) } = step {
                let RuleRef { table, chain, number, .. } = rule;
                self.touched.insert((family, *table, chain.bytes().to_vec(), *number));
            }
        }
    }

    /// How many rules were touched, and each that was not; safe to show.
    ///
    /// # Errors
    /// When the rules make no rule set.
    pub(super) fn report(&self, rules: &Rules) -> Result<String, RulesetError> {
        let engine = Engine::new(&rules.rulesets, Topology::default(), Options::default())?;
        let of = |family| engine.counters(family).map(move |(rule, _)| (family, rule));
        let (mut all, mut missing) = (0u32, String::new());
        let each = of(Family::Ip4).chain(of(Family::Ip6));
        for (family, rule) in each.filter(|(_, rule)| rule.number > 0) {
            all += 1;
            let key = (family, rule.table, rule.chain.bytes().to_vec(), rule.number);
            if self.touched.contains(&key) {
                continue;
            }
            let text = rules.text(family, &rule).unwrap_or_default();
            let place = match (rule.line, rules.file(family)) {
                (Some(line), Some(file)) => format!("{file}:{line}"),
                _ => family.program().to_owned(),
            };
            let table = rule.table.word();
            missing.push_str(&format!("  {place}: -t {table} {text}\n"));
        }
        let touched = self.touched.len();
        let head = format!("coverage: {touched} of {all} rules are touched by a test");
        Ok(match missing.as_str() {
            "" => format!("{head}\n"),
            missing => format!("{head}; not by any:\n{missing}"),
        })
    }
}
