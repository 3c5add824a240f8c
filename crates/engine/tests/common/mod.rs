//! Save files as rule sets.

use oxtables_base::Family;
use oxtables_engine::Ruleset;
use oxtables_ext::NoHost;
use oxtables_model::{Edit, TableName};
use oxtables_syntax::Request;
use oxtables_syntax::restore::{self, Item, RestoreError, RestoreOptions};

/// The edits of a save file with their tables and lines.
pub(crate) fn edits(family: Family, text: &str) -> Vec<(TableName, Edit, u32)> {
    let options = RestoreOptions { family, counters: true, table: None, host: &NoHost };
    let (mut all, mut table) = (Vec::new(), None);
    restore::read(text.as_bytes(), &options, |line, item| {
        match item {
            Item::Begin(name) => {
                table = Some(name);
                all.push((name, Edit::Clear, line));
            }
            Item::Declare { edit, .. } => all.push((table.unwrap(), edit, line)),
            Item::Command(invocation) => match invocation.request {
                Request::Edit(edits) => {
                    all.extend(edits.into_iter().map(|edit| (table.unwrap(), edit, line)));
                }
                other => panic!("{other:?}"),
            },
            _ => {}
        }
        Ok::<(), RestoreError>(())
    })
    .unwrap_or_else(|e| panic!("{e:?}: {:?}", text.lines().nth(e.line as usize - 1)));
    all
}

pub(crate) fn ruleset(family: Family, text: &str) -> Ruleset {
    let mut rules = Ruleset::new(family);
    for (table, edit, line) in edits(family, text) {
        rules.edit(table, &edit, Some(line)).unwrap();
    }
    rules
}
