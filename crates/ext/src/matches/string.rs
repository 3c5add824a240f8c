//! Text anywhere in a packet (kernel `net/netfilter/xt_string.c:string_mt`).

use crate::abi::{self, abi};
use crate::value::{Flag, Text};
use crate::*;
use oxtables_base::sample::Rng;

const FROM: Opt<u16> = Opt::new("from", "the byte of the packet to look from").within(0, 65535);
const TO: Opt<u16> = Opt::new("to", "the byte of the packet to look up to").within(0, 65535);
const ALGO: Opt<Text<15>> = Opt::new("algo", "how to search: bm or kmp").required();
const STRING: Opt<Neg<Plain>> = Opt::neg("string", "the text").excludes(&["hex-string"]);
const HEX: Opt<Neg<Hex>> =
    Opt::neg("hex-string", "the text, with bytes in hexadecimal digits between bars");
const ICASE: Opt<Flag> = Opt::new("icase", "capital and small letters are the same");

/// The longest pattern (`XT_STRING_MAX_PATTERN_SIZE`, linux/netfilter/xt_string.h).
const MAX: usize = 128;
/// `XT_STRING_FLAG_*`.
const INVERT: u8 = 1;
const IGNORE_CASE: u8 = 2;

/// `-m string`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Str(Box<Search>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Search {
    pattern: Box<[u8]>,
    not: bool,
    algo: Text<15>,
    from: u16,
    to: u16,
    icase: bool,
}

/// The value of `--string`.
struct Plain(Box<[u8]>);

impl Value for Plain {
    const SYNTAX: &'static str = "text";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word.len() > MAX {
            return Err(ValueError::Own("STRING too long \"%\""));
        }
        Ok(Self(word.into()))
    }

    fn save(&self, out: &mut Vec<u8>) {
        push_pattern(out, &self.0);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<MAX>::sample(rng, cx)
    }
}

/// The value of `--hex-string`: `|` begins and ends hexadecimal digits, `\` makes the byte after it
/// mean itself.
struct Hex(Box<[u8]>);

/// Digits begin right behind the bar and one blank; between two bytes one blank may stand.
fn push_digits<'w>(rest: &'w [u8], out: &mut Vec<u8>) -> Result<&'w [u8], (&'w [u8], ValueError)> {
    let digit = |at: usize| -> Result<u8, (&'w [u8], ValueError)> {
        let c = rest.get(at).copied().unwrap_or_default();
        let value = char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let blame = rest.get(at..=at).unwrap_or_default();
        value.ok_or((blame, ValueError::Own("Invalid hex char '%'")))
    };
    match rest.len() {
        0 | 1 => return Err((rest, ValueError::Own("Odd number of hex digits"))),
        2 => return Err((rest, ValueError::Own("Invalid hex block"))),
        _ => (),
    }
    out.push(digit(0)? << 4 | digit(1)?);
    let rest = rest.get(2..).unwrap_or_default();
    Ok(rest.strip_prefix(b" ").unwrap_or(rest))
}

fn unhex(word: &[u8]) -> Result<Vec<u8>, (&[u8], ValueError)> {
    let mut out = Vec::new();
    let (mut rest, mut digits) = (word, false);
    loop {
        match (digits, rest) {
            (_, []) => return Ok(out),
            (false, [b'|']) => return Ok(out),
            (false, [b'|', after @ ..]) => {
                let after = after.strip_prefix(b" ").unwrap_or(after);
                (digits, rest) = (true, push_digits(after, &mut out)?);
            }
            (true, [b'|', after @ ..]) => (digits, rest) = (false, after),
            (true, _) => rest = push_digits(rest, &mut out)?,
            (false, [b'\\']) => {
                return Err((rest, ValueError::Own("Bad literal placement at end of string")));
            }
            (false, [b'\\', c, after @ ..] | [c, after @ ..]) => {
                out.push(*c);
                rest = after;
            }
        }
    }
}

impl Value for Hex {
    const SYNTAX: &'static str = "text|hex|text";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        if first.is_empty() {
            return Err((first, ValueError::Own("STRING must contain at least one char")));
        }
        let bytes = unhex(first)?;
        if bytes.len() > MAX {
            return Err((first, ValueError::Own("STRING too long \"%\"")));
        }
        Ok(Self(bytes.into()))
    }

    fn save(&self, out: &mut Vec<u8>) {
        push_pattern(out, &self.0);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        format!("a|{:02x}|b|{:02x} 7c|", rng.within(0, 255), rng.within(0, 255)).into_bytes()
    }
}

/// COMPAT: as upstream, digits as soon as one byte is not printable ASCII, and for a backslash at
/// the end, which a reader of the line might take for that of the quote.
fn needs_hex(pattern: &[u8]) -> bool {
    pattern.last() == Some(&b'\\') || pattern.iter().any(|c| !matches!(c, b' '..=b'~'))
}

/// Appends the pattern in quotes, as digits between bars where it needs that.
fn push_pattern(out: &mut Vec<u8>, pattern: &[u8]) {
    if needs_hex(pattern) {
        out.extend_from_slice(b"\"|");
        for c in pattern {
            out.extend_from_slice(format!("{c:02x}").as_bytes());
        }
        out.extend_from_slice(b"|\"");
        return;
    }
    out.push(b'"');
    for &c in pattern {
        if matches!(c, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(c);
    }
    out.push(b'"');
}

impl Extension for Str {
    const SPEC: Spec = Spec {
        options: &[STRING.def(), HEX.def(), ALGO.def(), FROM.def(), TO.def(), ICASE.def()],
        revisions: &[
            Revision::new(1, 160).private_from(152),
            Revision::new(0, 160).private_from(152),
        ],
        doc: "matches text anywhere in a packet",
        cases: &[
            ("--string a --algo bm", Some("--string \"a\" --algo bm")),
            (
                "--icase --to 9 --algo kmp ! --hex-string \"|0d 0a|x\" --from 3",
                Some("! --hex-string \"|0d0a78|\" --algo kmp --from 3 --to 9 --icase"),
            ),
            ("--algo bm --hex-string \"a|41|b\"", Some("--string \"aAb\" --algo bm")),
            ("--algo bm --string \"a b\" --to 65535", Some("--string \"a b\" --algo bm")),
            ("--algo bm --hex-string \"|6|\"", None),
            ("--algo bm --hex-string \"|61\"", None),
            ("--algo bm --hex-string \"||\"", None),
            ("--algo bm --hex-string \"\"", None),
            ("--algo bm --string a --hex-string b", None),
            ("--algo bm", None),
            ("--string a", None),
            ("--algo bm --string a --to 65536", None),
        ],
        ..Spec::named("string")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let plain = args.get_neg(&STRING, cx)?.map(|s| (s.not, s.value.0));
        let hex = args.get_neg(&HEX, cx)?.map(|s| (s.not, s.value.0));
        let none = "STRING match: You must specify `--string' or `--hex-string'";
        let (not, pattern) = plain.or(hex).ok_or(ArgError::own("string", none))?;
        Ok(Self(Box::new(Search {
            pattern,
            not,
            algo: args.need(&ALGO, cx)?,
            from: args.get(&FROM, cx)?.unwrap_or(0),
            to: args.get(&TO, cx)?.unwrap_or(u16::MAX),
            icase: args.has(&ICASE),
        })))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let Search { pattern, not, algo, from, to, icase } = &*self.0;
        w.name(*not, if needs_hex(pattern) { HEX.def().name } else { STRING.def().name });
        w.bytes().push(b' ');
        push_pattern(w.bytes(), pattern);
        w.opt(&ALGO, algo);
        w.opt_if(&FROM, Some(from).filter(|&&n| n != 0));
        w.opt_if(&TO, Some(to).filter(|&&n| n != u16::MAX));
        w.flag(&ICASE, *icase);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let Search { pattern, not, algo, from, to, icase } = &*self.0;
        w.word("STRING match ").raw(if *not { "! " } else { " " });
        push_pattern(w.bytes(), pattern);
        oxtables_base::text::push_visible(w.word("ALGO name ").bytes(), algo.bytes());
        if *from != 0 {
            w.word("FROM ").number(*from);
        }
        if *to != u16::MAX {
            w.word("TO ").number(*to);
        }
        if *icase {
            w.word("ICASE");
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let Search { pattern, not, algo, from, to, icase } = &*self.0;
        if rev == 0 && *icase {
            return;
        }
        let mut field = [0; MAX];
        if let Some(to) = field.get_mut(..pattern.len()) {
            to.copy_from_slice(pattern);
        }
        let info = XtStringInfo {
            from: *from,
            to: *to,
            algo: abi::c_string(algo.bytes()).unwrap_or([0; 16]),
            pattern: field,
            patlen: u8::try_from(pattern.len()).unwrap_or(0),
            flags: if *not { INVERT } else { 0 } | if *icase { IGNORE_CASE } else { 0 },
            config: 0,
        };
        abi::push(out, info);
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtStringInfo = abi::read(bytes)?;
        let known = if rev == 0 { INVERT } else { INVERT | IGNORE_CASE };
        if raw.flags & !known != 0 {
            return Err(DecodeError::Unknown);
        }
        let pattern = raw.pattern.get(..raw.patlen.into()).ok_or(DecodeError::Unknown)?;
        Ok(Self(Box::new(Search {
            pattern: pattern.into(),
            not: raw.flags & INVERT != 0,
            algo: Text::new(abi::c_text(&raw.algo)).ok_or(DecodeError::Unknown)?,
            from: raw.from,
            to: raw.to,
            icase: raw.flags & IGNORE_CASE != 0,
        })))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

/// The kernel's `toupper`, which knows Latin-1 (`lib/ctype.c`).
const fn upper(c: u8) -> u8 {
    match c {
        b'a'..=b'z' | 0xdf..=0xf6 | 0xf8..=0xff => c - 0x20,
        _ => c,
    }
}

impl Match for Str {
    /// `skb_find_text`: the pattern must end before `--to`. It is asked of the packet in one piece;
    /// a kernel that has it in several may overlook what lies across two (`lib/ts_bm.c`).
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let Search { pattern, not, from, to, icase, .. } = &*self.0;
        let bytes = packet.bytes();
        let end = bytes.len().min(usize::from(*to));
        let place = bytes.get(usize::from(*from)..end).unwrap_or_default();
        let fits = |window: &[u8]| match icase {
            true => window.iter().zip(pattern.iter()).all(|(&a, &b)| upper(a) == upper(b)),
            false => window == &**pattern,
        };
        // The kernel takes no empty pattern, and there are no windows of no bytes.
        let found = place.windows(pattern.len().max(1)).any(fits);
        if !found && !packet.is_whole() && bytes.len() < usize::from(*to) {
            return Truth::Unknown("the capture does not have all bytes of the packet");
        }
        Truth::from(found != *not)
    }
}

abi! {
    /// `struct xt_string_info` (linux/netfilter/xt_string.h).
    struct XtStringInfo[160] {
        from: u16 = 0,
        to: u16 = 2,
        algo: [u8; 16] = 4,
        pattern: [u8; 128] = 20,
        patlen: u8 = 148,
        flags: u8 = 149,
        config: u64 = 152,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_strings_are_refused_with_upstreams_sentences() {
        let sentence = |word: &[u8]| match unhex(word) {
            Err((blame, ValueError::Own(s))) => {
                Some(s.replace('%', std::str::from_utf8(blame).unwrap()))
            }
            _ => None,
        };
        for (word, wanted) in [
            (&b"||"[..], "Odd number of hex digits"),
            (b"|6", "Odd number of hex digits"),
            (b"|6|", "Invalid hex block"),
            (b"|61", "Invalid hex block"),
            (b"|616|", "Invalid hex block"),
            (b"|6x|", "Invalid hex char 'x'"),
            (b"|6 1|", "Invalid hex char ' '"),
            (b"|61  62|", "Invalid hex char ' '"),
            (b"ab\\", "Bad literal placement at end of string"),
        ] {
            assert_eq!(sentence(word).as_deref(), Some(wanted), "{}", word.escape_ascii());
        }
        for (word, wanted) in [
            (&b"|"[..], &b""[..]),
            (b"| 61 |", b"a"),
            (b"|61|b|", b"ab"),
            (b"|61|b|62|", b"abb"),
            (b"a\\|b\\\\\\n", b"a|b\\n"),
        ] {
            assert_eq!(unhex(word).unwrap(), wanted);
        }
    }

    #[test]
    fn the_pattern_lies_between_from_and_to() {
        let mut bytes = vec![0x45, 0, 0, 26, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend_from_slice(b"xAbCx\xe4");
        let packet = Packet::parse(&bytes).unwrap();
        let holds = |pattern: &[u8], from, to, icase| {
            let algo = Text::new(b"bm").unwrap();
            let search = Search { pattern: pattern.into(), not: false, algo, from, to, icase };
            Str(Box::new(search)).test(&packet, &Context::default())
        };
        assert_eq!(holds(b"AbC", 0, 65535, false), Truth::Yes);
        assert_eq!(holds(b"AbC", 21, 24, false), Truth::Yes);
        assert_eq!(holds(b"AbC", 22, 65535, false), Truth::No);
        assert_eq!(holds(b"AbC", 0, 23, false), Truth::No);
        assert_eq!(holds(b"aBc", 0, 65535, false), Truth::No);
        assert_eq!(holds(b"aBc", 0, 65535, true), Truth::Yes);
        assert_eq!(holds(b"\xc4", 0, 65535, true), Truth::Yes);
        assert_eq!(holds(b"\x0a\0\0\x01", 0, 65535, false), Truth::Yes);
    }
}
