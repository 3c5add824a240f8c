//! Bytes, saved options and listings, against what iptables 1.8.13 sent and showed for the same
//! rules (`tests/golden/*.hex`, made by `cargo xtask capture`; see CONTRIBUTING.md).

use super::{Listed, parse_in};
use crate::host::HostError;
use crate::*;
use oxtables_base::names;
use std::net::IpAddr;
use std::path::Path;

/// The machine the captures were made on: one set, the first, called `foo`.
pub(super) struct CaptureHost;

impl Host for CaptureHost {
    fn set_by_name(&self, name: &[u8]) -> Result<u16, HostError> {
        if name == b"foo" { Ok(0) } else { Err(HostError::NotFound) }
    }
    fn set_by_index(&self, index: u16) -> Result<Vec<u8>, HostError> {
        if index == 0 { Ok(b"foo".to_vec()) } else { Err(HostError::NotFound) }
    }
    fn resolve(&self, _: &[u8], _: Family) -> Result<Vec<IpAddr>, HostError> {
        Err(HostError::NotFound)
    }
    fn name_of(&self, _: IpAddr) -> Option<Vec<u8>> {
        None
    }
    fn warn(&self, _: &str) {}
}

/// One line of a capture.
struct Golden<'a> {
    family: Family,
    table: &'a str,
    kernel: &'a str,
    /// The revision, and the bytes; `None` when native expressions were sent.
    info: Option<(u8, Vec<u8>)>,
    rule: &'a str,
    /// `None` when the kernel refused the rule, so that nothing could be shown.
    shown: Option<[&'a str; 3]>,
}

impl<'a> Golden<'a> {
    fn read(line: &'a str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[family, table, kernel, rev, rule, saved, numeric, listed, hex] = fields.as_slice()
        else {
            panic!("not a capture: {line}");
        };
        Self {
            family: if family == "ip" { Family::Ip4 } else { Family::Ip6 },
            table,
            kernel,
            info: (hex != "native").then(|| (rev.parse().unwrap(), bytes(hex))),
            rule,
            shown: (listed != "-").then_some([saved, numeric, listed]),
        }
    }

    fn proto(&self) -> Option<Neg<u8>> {
        let name = self.rule.strip_prefix("-p ")?.split(' ').next()?;
        Some(Neg::plain(names::protocol_by_name(name.as_bytes()).unwrap()))
    }
}

/// Hexadecimal digits, `[N]` being N zero bytes.
fn bytes(hex: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = hex;
    while !rest.is_empty() {
        if let Some(run) = rest.strip_prefix('[') {
            let (count, after) = run.split_once(']').unwrap();
            out.resize(out.len() + count.parse::<usize>().unwrap(), 0);
            rest = after;
        } else {
            let (digits, after) = rest.split_at(2);
            out.push(u8::from_str_radix(digits, 16).unwrap());
            rest = after;
        }
    }
    out
}

/// What one value shows where the captures are: options, listing with `-n`, listing.
fn shown<E: Listed>(value: &E, golden: &Golden<'_>) -> [String; 3] {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    let listed = |numeric| {
        let mut out = Vec::new();
        let mut w = ListWriter::new(&mut out, golden.family, golden.proto(), numeric, &CaptureHost);
        value.list_to(&mut w);
        out
    };
    [text(value.saved(golden.family)), text(listed(true)), text(listed(false))]
}

/// Rules that are listed in other words than upstream's on purpose (the reason is a COMPAT note of the
/// extension's `list`): name, rule, our words.
const LISTED_OTHERWISE: &[(&str, &str, &str)] = &[("quota", "! --quota 7", "! quota: 7 bytes")];

fn line_holds<E: Listed>(kind: &'static Kind<E>, golden: &Golden<'_>) -> Result<(), String> {
    let Golden { family, table, kernel, rule, .. } = *golden;
    let cx = ParseCx { family, table, proto: None, host: &CaptureHost };
    let value = parse_in(kind, rule.as_bytes(), cx)?;
    let mut read = vec![value.clone()];
    if let Some((rev, wanted)) = &golden.info {
        let revision = kind.spec.revision(*rev).ok_or(format!("no revision {rev}"))?;
        let made = value.bytes(*rev, family);
        if made.len() != wanted.len() || made[..revision.private] != wanted[..revision.private] {
            return Err(format!("bytes\n  made   {made:02x?}\n  wanted {wanted:02x?}"));
        }
        let cx = DecodeCx { family, host: &CaptureHost };
        read.push(E::decoded(kernel, *rev, &cx, wanted));
    }
    let Some(mut wanted) = golden.shown else { return Ok(()) };
    let otherwise = LISTED_OTHERWISE.iter().find(|&&(n, r, _)| (n, r) == (kernel, rule));
    if let Some(&(_, _, ours)) = otherwise {
        wanted[1..].fill(ours);
    }
    for value in read {
        let shown = shown(&value, golden);
        if shown != wanted {
            return Err(format!("shown\n  is     {shown:?}\n  wanted {wanted:?}"));
        }
    }
    Ok(())
}

#[test]
fn extensions_send_and_show_what_upstream_does() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    let mut held = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().unwrap().to_str().unwrap().strip_suffix(".hex") else {
            continue;
        };
        let (list, name) = name.split_once('-').unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().skip(1) {
            let golden = Golden::read(line);
            let result = match list {
                "match" => {
                    find_match(name.as_bytes(), golden.family).map(|k| line_holds(k, &golden))
                }
                _ => find_target(name.as_bytes(), golden.family).map(|k| line_holds(k, &golden)),
            };
            match result {
                Some(Ok(())) => held += 1,
                Some(Err(e)) => {
                    wrong.push(format!("{name} `{}` {:?}: {e}", golden.rule, golden.family));
                }
                None => {
                    wrong.push(format!("the {list} {name} of {:?} is not known", golden.family))
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines hold, {} do not:\n{}", held, wrong.len(), wrong.join("\n"));
    assert!(held > 0, "no captures");
}
