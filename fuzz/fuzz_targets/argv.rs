//! A command line: words that end at NUL bytes, for both families, as typed and inside a save file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxtables_base::Family;
use oxtables_fuzz::{Machine, all_come_back};
use oxtables_model::TableName;
use oxtables_syntax::{Parsed, Request, Setting, parse};

fuzz_target!(|input: &[u8]| {
    let words: Vec<&[u8]> = input.split(|&c| c == 0).collect();
    let filter = TableName::parse(b"filter");
    for family in [Family::Ip4, Family::Ip6] {
        for restore in [None, filter] {
            match parse(&words, Setting { family, host: &Machine, restore }) {
                Err(error) => {
                    assert!(error.word.is_none_or(|n| n <= words.len()), "{error:?}");
                    let _ = (error.kind.to_string(), error.kind.exit_code());
                }
                Ok(Parsed::Run(invocation)) => {
                    if let Request::Edit(edits) = &invocation.request {
                        all_come_back(family, invocation.table, edits);
                    }
                }
                Ok(_) => {}
            }
        }
    }
});
