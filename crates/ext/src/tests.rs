//! What holds for every extension, driven by the lists.

mod golden;

use crate::args::Arity;
use crate::*;
use golden::CaptureHost;
use oxtables_base::names;
use oxtables_base::sample::Rng;
use std::fmt::Debug;

/// What the tests need of either list's enum.
trait Listed: Clone + PartialEq + Debug + 'static {
    fn saved(&self, family: Family) -> Vec<u8>;
    fn bytes(&self, rev: u8, family: Family) -> Vec<u8>;
    fn decoded(name: &str, rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Self;
    fn list_to(&self, w: &mut ListWriter<'_>);
    /// `None` for a foreign one.
    fn spec_of(&self) -> Option<&'static Spec>;
    fn from_bytes(name: &str, rev: u8, family: Family, bytes: &[u8]) -> Self {
        Self::decoded(name, rev, &DecodeCx { family, host: &CaptureHost }, bytes)
    }
    fn listed(&self, family: Family, numeric: bool) -> Vec<u8> {
        let mut out = Vec::new();
        self.list_to(&mut ListWriter::new(&mut out, family, None, numeric, &CaptureHost));
        out
    }
}

macro_rules! listed {
    ($any:ident) => {
        impl Listed for $any {
            fn saved(&self, family: Family) -> Vec<u8> {
                let mut out = Vec::new();
                self.save(&mut ArgWriter::new(&mut out, family));
                out
            }
            fn bytes(&self, rev: u8, family: Family) -> Vec<u8> {
                let mut out = Vec::new();
                self.encode(rev, family, &mut out);
                out
            }
            fn decoded(name: &str, rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Self {
                Self::decode(name.as_bytes(), rev, cx, bytes)
            }
            fn list_to(&self, w: &mut ListWriter<'_>) {
                self.list(w);
            }
            fn spec_of(&self) -> Option<&'static Spec> {
                self.spec()
            }
        }
    };
}
listed!(AnyMatch);
listed!(AnyTarget);

/// Splits a line as a save file does (quotes and backslashes).
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut quoted, mut open) = (Vec::new(), Vec::new(), false, false);
    let mut bytes = line.iter();
    while let Some(&c) = bytes.next() {
        match c {
            b'"' => (quoted, open) = (!quoted, true),
            b'\\' if quoted => word.extend(bytes.next()),
            b' ' if !quoted => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            _ => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Parses options for a rule of the filter table on a machine that knows nothing.
fn parse<E>(
    kind: &'static Kind<E>,
    line: &[u8],
    family: Family,
    proto: Option<Neg<u8>>,
) -> Result<E, String> {
    parse_in(kind, line, ParseCx { family, table: "filter", proto, host: &CaptureHost })
}

/// Parses options as the grammar does, without abbreviations. A `-p` before them goes to the rule.
fn parse_in<E>(kind: &'static Kind<E>, line: &[u8], mut cx: ParseCx<'_>) -> Result<E, String> {
    let mut words = words(line);
    if words.first().is_some_and(|w| w == b"-p") {
        cx.proto = Some(Neg::plain(names::protocol_by_name(&words[1]).unwrap()));
        words.drain(..2);
    }
    let mut args = Args::default();
    let mut not = false;
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == b"!" {
            not = true;
            continue;
        }
        let name = word.strip_prefix(b"--").ok_or("not an option")?;
        let name = std::str::from_utf8(name).unwrap();
        let def = kind.spec.options.iter().find(|o| o.is_called(name)).ok_or("unknown option")?;
        let wanted = match def.arity {
            Arity::None => 0,
            Arity::One => 1,
            Arity::Two => 2,
            Arity::Optional => {
                usize::from(rest.clone().next().is_some_and(|w| !w.starts_with(b"--") && w != b"!"))
            }
        };
        let mut taken: Vec<&[u8]> = rest.by_ref().take(wanted).map(Vec::as_slice).collect();
        if taken.len() < wanted {
            return Err("missing argument".into());
        }
        taken.resize(2, b"");
        let given = u8::try_from(wanted).unwrap();
        args.push(Seen { def, not, words: [taken[0], taken[1]], given });
        not = false;
    }
    (kind.parse)(&args, &cx).map_err(|e| format!("{e:?}"))
}

fn families(spec: &Spec) -> impl Iterator<Item = Family> + use<'_> {
    [Family::Ip4, Family::Ip6].into_iter().filter(|&f| spec.families.has(f))
}

/// The value survives its own save line and every encoding that can hold it.
fn comes_back<E: Listed>(
    kind: &'static Kind<E>,
    value: &E,
    family: Family,
    proto: Option<Neg<u8>>,
) {
    let spec = kind.spec;
    let saved = value.saved(family);
    let text = String::from_utf8_lossy(&saved).into_owned();
    let again = parse(kind, &saved, family, proto);
    assert_eq!(again.as_ref(), Ok(value), "{} {family:?}: `{text}` does not come back", spec.name);
    let newest = &spec.revisions[0];
    let bytes = value.bytes(newest.rev, family);
    assert_eq!(bytes.len(), newest.size, "{} rev {} {family:?}", spec.name, newest.rev);
    // The kernel takes where statistic's counter begins from there, and does not tell it again.
    let counter = spec.kernel == "statistic";
    assert!(
        counter || bytes[newest.private..].iter().all(|&b| b == 0),
        "{}: private tail not zero",
        spec.name
    );
    let read = E::from_bytes(spec.kernel, newest.rev, family, &bytes);
    assert_eq!(&read, value, "{} {family:?}: `{text}` is read back as something else", spec.name);
    for rev in &spec.revisions[1..] {
        let bytes = value.bytes(rev.rev, family);
        if bytes.len() == rev.size {
            let read = E::from_bytes(spec.kernel, rev.rev, family, &bytes);
            assert_eq!(read.bytes(rev.rev, family), bytes, "{} rev {}", spec.name, rev.rev);
        }
    }
    let _ = (value.listed(family, true), value.listed(family, false));
}

fn cases_hold<E: Listed>(kinds: &'static [Kind<E>]) {
    for kind in kinds {
        for (typed, wanted) in kind.spec.cases {
            for family in families(kind.spec) {
                let made = parse(kind, typed.as_bytes(), family, None);
                let Some(wanted) = wanted else {
                    assert!(made.is_err(), "{}: `{typed}` must be refused", kind.spec.name);
                    continue;
                };
                let value = made.unwrap_or_else(|e| panic!("{} `{typed}`: {e}", kind.spec.name));
                let saved = value.saved(family);
                let saved = String::from_utf8(saved).unwrap();
                assert_eq!(saved.trim_start(), *wanted, "{} `{typed}`", kind.spec.name);
                let proto = typed.strip_prefix("-p ").and_then(|t| t.split(' ').next());
                let proto =
                    proto.map(|p| Neg::plain(names::protocol_by_name(p.as_bytes()).unwrap()));
                comes_back(kind, &value, family, proto);
            }
        }
    }
}

#[test]
fn the_cases_of_every_extension_hold() {
    cases_hold(MATCHES);
    cases_hold(TARGETS);
}

/// A random choice of options with random legal values.
fn random_line(spec: &Spec, rng: &mut Rng, family: Family) -> Vec<u8> {
    let mut line = Vec::new();
    let cx = ParseCx { family, table: "filter", proto: None, host: &CaptureHost };
    for def in spec.options {
        if !(def.required || rng.one_in(3)) {
            continue;
        }
        if def.invertible && rng.one_in(3) {
            line.extend_from_slice(b"! ");
        }
        line.extend_from_slice(format!("--{} ", def.name).as_bytes());
        line.extend((def.sample)(rng, &ValueCx { rule: cx, option: def }));
        line.push(b' ');
    }
    line
}

/// How many values were legal.
fn random_values_come_back<E: Listed>(kinds: &'static [Kind<E>], each: u32) -> u64 {
    let protocols = [None, Some(Neg::plain(6)), Some(Neg::plain(17))];
    let mut all = 0;
    for kind in kinds {
        for family in families(kind.spec) {
            let mut rng = Rng::new(20_261_122);
            let mut made = 0;
            for _ in 0..each {
                let line = random_line(kind.spec, &mut rng, family);
                let proto = *rng.pick(&protocols).unwrap();
                if let Ok(value) = parse(kind, &line, family, proto) {
                    made += 1;
                    comes_back(kind, &value, family, proto);
                }
            }
            assert!(made > 0, "{} {family:?}: no legal sample", kind.spec.name);
            all += made;
        }
    }
    all
}

/// How many random lines of options each extension gets in a family: `OXTABLES_SAMPLES`, or enough
/// for some 20,000 values in all.
fn samples() -> u32 {
    std::env::var("OXTABLES_SAMPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

#[test]
fn random_values_of_every_extension_come_back() {
    let matches = random_values_come_back(MATCHES, samples());
    let targets = random_values_come_back(TARGETS, samples());
    println!("{matches} values of matches, {targets} of targets");
}

/// One to three bytes of a legal struct changed: the bytes another program might have sent.
fn change(bytes: &mut [u8], rng: &mut Rng) {
    for _ in 0..rng.within(1, 3) {
        let at = usize::try_from(rng.within(0, bytes.len() as u64 - 1)).unwrap();
        bytes[at] = match rng.bits() % 4 {
            0 => bytes[at] ^ (1 << (rng.bits() % 8)),
            1 => 0,
            2 => 0xff,
            _ => rng.bits().to_be_bytes()[0],
        };
    }
}

/// What is not foreign can be written down, and means the same when it is read again.
fn changed_bytes_are_what_they_are_saved_as<E: Listed>(kinds: &'static [Kind<E>], each: u32) {
    let protocols = [None, Some(6), Some(17), Some(33), Some(132), Some(1), Some(58)];
    for kind in kinds {
        let mut rng = Rng::new(20_261_123);
        for family in families(kind.spec) {
            for round in 0..each {
                let case = kind.spec.cases.get(usize::try_from(round).unwrap()).map(|c| c.0);
                let line = match case {
                    Some(case) => case.as_bytes().to_vec(),
                    None => random_line(kind.spec, &mut rng, family),
                };
                let Some(value) = protocols
                    .iter()
                    .find_map(|proto| parse(kind, &line, family, proto.map(Neg::plain)).ok())
                else {
                    continue;
                };
                for rev in kind.spec.revisions {
                    let mut bytes = value.bytes(rev.rev, family);
                    if bytes.len() != rev.size || bytes.is_empty() {
                        continue;
                    }
                    change(&mut bytes[..rev.private], &mut rng);
                    let read = E::from_bytes(kind.spec.kernel, rev.rev, family, &bytes);
                    let Some(spec) = read.spec_of() else { continue };
                    let named = kinds.iter().find(|k| std::ptr::eq(k.spec, spec));
                    let saved = read.saved(family);
                    // `! --dport 0:5` is read as `--dport 6:65535`, a comment's line end as a blank.
                    let typed = ["! --sport 0:", "! --dport 0:"];
                    let text = String::from_utf8_lossy(&saved).into_owned();
                    if typed.iter().any(|t| text.contains(t)) || spec.name == "comment" {
                        continue;
                    }
                    let again = protocols
                        .iter()
                        .map(|proto| parse(named.unwrap(), &saved, family, proto.map(Neg::plain)))
                        .collect::<Vec<_>>();
                    assert!(
                        again.contains(&Ok(read.clone())),
                        "{} rev {} {family:?}: {:02x?} is saved as `{}` and read again as {again:?}",
                        spec.name,
                        rev.rev,
                        bytes,
                        text
                    );
                }
            }
        }
    }
}

#[test]
fn changed_bytes_of_every_extension_are_what_they_are_saved_as() {
    changed_bytes_are_what_they_are_saved_as(MATCHES, samples());
    changed_bytes_are_what_they_are_saved_as(TARGETS, samples());
}

fn random_bytes_do_not_panic<E: Listed>(kinds: &'static [Kind<E>]) {
    let mut rng = Rng::new(7);
    for kind in kinds {
        for rev in kind.spec.revisions {
            for family in families(kind.spec) {
                for _ in 0..100 {
                    let sparse = rng.one_in(2);
                    let byte = |rng: &mut Rng| match sparse && !rng.one_in(8) {
                        true => 0,
                        false => rng.bits().to_be_bytes()[0],
                    };
                    let bytes: Vec<u8> = (0..rev.size).map(|_| byte(&mut rng)).collect();
                    let value = E::from_bytes(kind.spec.kernel, rev.rev, family, &bytes);
                    let _ = (value.saved(family), value.listed(family, false));
                    let _ = E::from_bytes(
                        kind.spec.kernel,
                        rev.rev,
                        family,
                        bytes.get(1..).unwrap_or_default(),
                    );
                }
            }
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    random_bytes_do_not_panic(MATCHES);
    random_bytes_do_not_panic(TARGETS);
}

#[test]
fn descriptions_are_complete() {
    let specs = MATCHES.iter().map(|k| k.spec).chain(TARGETS.iter().map(|k| k.spec));
    for spec in specs {
        assert!(!spec.doc.is_empty(), "{} says nothing of itself", spec.name);
        assert!(!spec.revisions.is_empty(), "{} has no layout", spec.name);
        assert!(!spec.cases.is_empty(), "{} has no example", spec.name);
        for rev in spec.revisions {
            assert!(rev.size.is_multiple_of(8) && rev.private <= rev.size, "{}", spec.name);
        }
        for opt in spec.options {
            assert!(!opt.help.is_empty(), "{} --{}", spec.name, opt.name);
            for other in opt.excludes.iter().chain(opt.also) {
                let known = spec.options.iter().any(|o| o.name == *other);
                assert!(known, "{} --{} names --{other}", spec.name, opt.name);
            }
        }
    }
}
