//! A disagreement made as small as it gets: fewer packets, fewer rules, fewer tables.

use std::io;

use crate::compare::Bench;
use crate::packets::Shot;
use crate::rules::Rules;

/// Comparisons to spend.
const TRIES: usize = 400;

pub(crate) fn shrink(
    bench: &mut Bench,
    rules: Rules,
    shots: Vec<Shot>,
) -> io::Result<(Rules, Vec<Shot>)> {
    let (mut rules, mut shots, mut tries) = (rules, shots, TRIES);
    let mut differ = |rules: &Rules, shots: &[Shot]| -> io::Result<bool> {
        tries = tries.saturating_sub(1);
        let outcome = match tries {
            0 => return Ok(false),
            _ => bench.compare(rules, shots)?,
        };
        Ok(!outcome.differences.is_empty())
    };
    loop {
        let before = (shots.len(), size(&rules));
        let mut step = shots.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < shots.len() && shots.len() > 1 {
                let mut fewer = shots.clone();
                fewer.drain(at..(at + step).min(shots.len()));
                if !fewer.is_empty() && differ(&rules, &fewer)? {
                    shots = fewer;
                } else {
                    at += step;
                }
            }
            if step == 1 {
                break;
            }
            step = step.div_ceil(2);
        }
        for smaller in Smaller::new(&rules) {
            let candidate = smaller(&rules);
            if let Some(candidate) = candidate
                && differ(&candidate, &shots)?
            {
                rules = candidate;
            }
        }
        if (shots.len(), size(&rules)) == before {
            return Ok((rules, shots));
        }
    }
}

fn size(rules: &Rules) -> usize {
    let rule = |text: &str| text.split(' ').count();
    let table = |t: &crate::rules::Table| {
        1 + t.chains.len() + t.rules.iter().map(|r| 1 + rule(&r.1)).sum::<usize>()
    };
    rules.tables.iter().map(table).sum()
}

type Step = Box<dyn Fn(&Rules) -> Option<Rules>>;

/// Ways to leave something out, from the last rule to the first.
struct Smaller;

impl Smaller {
    #[allow(clippy::new_ret_no_self, reason = "a list of steps")]
    fn new(rules: &Rules) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for table in (0..rules.tables.len()).rev() {
            let name = rules.tables[table].name;
            steps.push(Box::new(move |rules| {
                let mut rules = rules.clone();
                rules.tables.retain(|t| t.name != name);
                Some(rules)
            }));
            for rule in (0..rules.tables[table].rules.len()).rev() {
                steps.push(Box::new(move |rules| {
                    let mut rules = rules.clone();
                    let table = rules.tables.iter_mut().find(|t| t.name == name)?;
                    (rule < table.rules.len()).then(|| table.rules.remove(rule))?;
                    Some(rules)
                }));
            }
            for chain in (0..rules.tables[table].chains.len()).rev() {
                steps.push(Box::new(move |rules| {
                    let mut rules = rules.clone();
                    let table = rules.tables.iter_mut().find(|t| t.name == name)?;
                    let (chain, _) = table.chains.get(chain)?.clone();
                    let names =
                        |r: &(String, String)| r.0 == chain || r.1.ends_with(&format!(" {chain}"));
                    if table.rules.iter().any(names) {
                        return None;
                    }
                    table.chains.retain(|c| c.0 != chain);
                    Some(rules)
                }));
            }
        }
        steps
    }
}
