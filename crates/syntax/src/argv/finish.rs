//! What can only be checked, or made, when all words are read.

use super::{Invocation, Request, State};
use crate::address;
use crate::error::{UsageError, UsageErrorKind as Kind};
use crate::options::Base;
use oxtables_base::{Family, HostMask, Neg};
use oxtables_ext::{ParseCx, find_target};
use oxtables_model::{
    Action, ChainName, ChainNameError, Edit, Place, Policy, Rule, TableName, VERDICTS,
};
use smallvec::SmallVec;

pub(super) fn finish(state: State<'_>) -> Result<Invocation, UsageError> {
    let table = table(&state)?;
    let command = main_command(&state);
    // The extensions first: upstream has read each option as it came.
    let cx = ParseCx {
        family: state.setting.family,
        table: table.word(),
        proto: state.protocol,
        host: state.setting.host,
    };
    let (matches, target) = state.extensions.finish(&cx)?;
    if state.interval && !state.wait {
        return Err(Kind::IntervalAlone.error());
    }
    let drops =
        state.jump == Some(b"DROP") || (command == Base::Policy && state.second == Some(b"DROP"));
    if table == TableName::Nat && drops {
        return Err(Kind::DropInNat.error());
    }
    check_options(&state)?;
    let action = action(&state, target);
    let has = |base| state.given.iter().any(|(b, _)| *b == base);
    let (numeric, exact) = (has(Base::Numeric), has(Base::Exact));
    let (verbose, line_numbers) = (state.verbose, has(Base::LineNumbers));
    let request = request(state, command, matches, action)?;
    Ok(Invocation { table, request, verbose, numeric, exact, line_numbers })
}

fn table(state: &State<'_>) -> Result<TableName, UsageError> {
    match (state.setting.restore, state.table) {
        (Some(table), _) => Ok(table),
        (None, None) => Ok(TableName::Filter),
        (None, Some((word, at))) => {
            TableName::parse(word).ok_or_else(|| Kind::UnknownTable(word.to_vec()).at(at))
        }
    }
}

/// The command, and not the `-Z` beside it.
fn main_command(state: &State<'_>) -> Base {
    let mut commands = state.commands.iter().copied();
    let shows = commands.clone().find(|c| matches!(c, Base::List | Base::ListRules));
    shows.or_else(|| commands.next()).unwrap_or(Base::List)
}

/// Options must go with the command; with `-L -Z` it is enough that one of the two has them.
fn check_options(state: &State<'_>) -> Result<(), UsageError> {
    for &(base, at) in &state.given {
        if !state.commands.iter().any(|&c| base.fits(c, state.by_number)) {
            return Err(Kind::IllegalOption(base.long()).at(at));
        }
    }
    let chain = state.chain.unwrap_or_default();
    for &(base, at) in &state.given {
        let wrong = match base {
            Base::OutInterface => chain == b"PREROUTING" || chain == b"INPUT",
            Base::InInterface => chain == b"POSTROUTING" || chain == b"OUTPUT",
            _ => false,
        };
        if wrong {
            return Err(Kind::WrongInterface(base.long(), chain.to_vec()).at(at));
        }
    }
    Ok(())
}

fn action(state: &State<'_>, target: Option<oxtables_ext::AnyTarget>) -> Action {
    match (state.jump, target) {
        (None, _) => Action::Continue,
        (Some(name), _) if state.goto => Action::Goto(ChainName::new(name)),
        (_, Some(target)) => Action::Target(target),
        (Some(name), None) => {
            let verdict = VERDICTS.iter().find(|(word, _)| word.as_bytes() == name);
            verdict.map_or_else(|| Action::Jump(ChainName::new(name)), |(_, a)| a.clone())
        }
    }
}

fn request(
    state: State<'_>,
    command: Base,
    matches: SmallVec<[oxtables_ext::AnyMatch; 2]>,
    action: Action,
) -> Result<Request, UsageError> {
    let chain = || ChainName::new(state.chain.unwrap_or_default());
    let some_chain = || state.chain.map(ChainName::new);
    let number = state.number;
    let mut edits = SmallVec::new();
    match command {
        Base::List | Base::ListRules => {
            return Ok(Request::Show {
                as_rules: command == Base::ListRules,
                chain: some_chain(),
                number,
                zero: state.commands.contains(&Base::Zero),
            });
        }
        Base::Flush => edits.push(Edit::Flush { chain: some_chain() }),
        Base::Zero => edits.push(Edit::Zero { chain: some_chain(), number }),
        Base::NewChain => edits.push(Edit::NewChain { chain: chain() }),
        Base::DeleteChain => edits.push(Edit::DeleteChain { chain: some_chain() }),
        Base::RenameChain => {
            let to = new_chain_name(state.second.unwrap_or_default(), state.setting.family)?;
            edits.push(Edit::RenameChain { from: chain(), to });
        }
        Base::Policy => {
            let policy = Policy::parse(state.second.unwrap_or_default());
            edits.push(Edit::Policy { chain: chain(), policy });
        }
        Base::Delete if state.by_number => {
            let place = Place::Number(number.unwrap_or(1));
            edits.push(Edit::Delete { chain: chain(), place });
        }
        _ => {
            // COMPAT: `-R` with several addresses puts in a rule for the first of them.
            let wanted = if command == Base::Replace { 1 } else { usize::MAX };
            for rule in rules(&state, matches, action)?.into_iter().take(wanted) {
                let (chain, number) = (chain(), number.unwrap_or(1));
                edits.push(match command {
                    Base::Append => Edit::Append { chain, rule },
                    Base::Insert => Edit::Insert { chain, number, rule },
                    Base::Replace => Edit::Replace { chain, number, rule },
                    Base::Check => Edit::Check { chain, rule },
                    _ => Edit::Delete { chain, place: Place::Rule(rule) },
                });
            }
        }
    }
    Ok(Request::Edit(edits))
}

/// The name of a chain to be made: not that of a target either.
pub(super) fn new_chain_name(name: &[u8], family: Family) -> Result<ChainName, Kind> {
    // COMPAT: the names of targets that only old kernels had stay reserved too.
    let reserved = [&b""[..], b"standard", b"ULOG", b"CLUSTERIP"];
    let verdict = VERDICTS.iter().any(|(word, _)| word.as_bytes() == name);
    if reserved.contains(&name) || verdict || find_target(name, family).is_some() {
        return Err(Kind::ChainIsTarget);
    }
    ChainName::parse(name).map_err(|e| match e {
        ChainNameError::Begins(c) => Kind::ChainBegins(c),
        ChainNameError::TooLong => Kind::ChainTooLong(name.to_vec()),
        ChainNameError::Blank => Kind::ChainBlank(name.to_vec()),
    })
}

/// One rule for each pair of a source and a destination.
fn rules(
    state: &State<'_>,
    matches: SmallVec<[oxtables_ext::AnyMatch; 2]>,
    action: Action,
) -> Result<SmallVec<[Rule; 1]>, UsageError> {
    let sources = addresses(state, state.source)?;
    let destinations = addresses(state, state.destination)?;
    let several = sources.len() > 1 || destinations.len() > 1;
    let inverted = |o: Option<(Neg<&[u8]>, usize)>| o.is_some_and(|(n, _)| n.not);
    if several && (inverted(state.source) || inverted(state.destination)) {
        return Err(Kind::NotWithAddresses.error());
    }
    let rule = Rule {
        source: None,
        destination: None,
        in_interface: state.in_interface,
        out_interface: state.out_interface,
        protocol: state.protocol,
        fragment: state.fragment,
        matches,
        action,
        counters: state.counters.unwrap_or_default(),
    };
    if !several {
        let one = |list: &[Option<Neg<HostMask>>]| list.first().copied().flatten();
        let (source, destination) = (one(&sources), one(&destinations));
        return Ok(smallvec::smallvec![Rule { source, destination, ..rule }]);
    }
    let mut all = SmallVec::new();
    for &source in &sources {
        for &destination in &destinations {
            all.push(Rule { source, destination, ..rule.clone() });
        }
    }
    Ok(all)
}

type Conditions = SmallVec<[Option<Neg<HostMask>>; 1]>;

fn addresses(
    state: &State<'_>,
    option: Option<(Neg<&[u8]>, usize)>,
) -> Result<Conditions, UsageError> {
    let Some((Neg { not, value }, at)) = option else { return Ok(smallvec::smallvec![None]) };
    let (family, host) = (state.setting.family, state.setting.host);
    let found = address::parse(family, value, not, host).map_err(|k| k.at(at + 1))?;
    Ok(found.into_iter().map(|a| a.map(|value| Neg { not, value })).collect())
}
