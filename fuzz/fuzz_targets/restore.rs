//! A save file behind one byte: `4` or `6`, `5` or `7` with `--counters`. What is accepted of it is
//! saved and read again, and must be the same edits and the same text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxtables_base::Family;
use oxtables_fuzz::{all_come_back, declaration, edits, family, file, is_plain};
use oxtables_model::{Edit, TableName};

/// The edits as a save file says them, those that are no declaration or rule left out.
fn text(family: Family, edits: &[(TableName, Edit)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (table, edit) in edits {
        match edit {
            Edit::Declare { chain, policy, counters } if is_plain(chain) => {
                let base =
                    table.base_chain(chain.bytes()).map(|b| (b.hook, policy.unwrap_or_default()));
                text.extend_from_slice(format!("*{}\n", table.word()).as_bytes());
                text.extend(declaration(chain, base, counters.unwrap_or_default()));
                text.extend_from_slice(b"COMMIT\n");
            }
            Edit::Append { chain, rule }
                if is_plain(chain) && rule.chain().is_none_or(is_plain) =>
            {
                text.extend(file(family, *table, chain, rule));
            }
            _ => {}
        }
    }
    text
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, body)) = input.split_first() else { return };
    let family = family(first);
    let (once, done) = edits(family, first & 1 != 0, body);
    if let Err(error) = done {
        let lines = body.split_inclusive(|&c| c == b'\n').count();
        assert!(usize::try_from(error.line).unwrap() <= lines + 1, "{error:?}");
    }
    for (table, edit) in &once {
        all_come_back(family, *table, std::slice::from_ref(edit));
    }
    let saved = text(family, &once);
    let (twice, done) = edits(family, true, &saved);
    let shown = String::from_utf8_lossy(&saved);
    assert!(done.is_ok(), "{shown}: {done:?}");
    assert_eq!(saved, text(family, &twice), "{shown}");
});
