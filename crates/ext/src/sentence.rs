//! Upstream's sentences about the options of extensions: the first line of an error, which scripts
//! look for. All of them are made here, from the kinds.

use crate::{ArgError, ArgErrorKind, ValueError};
use oxtables_base::text::visible;
use oxtables_base::{Family, addr};
use std::fmt;

/// COMPAT: upstream's guided parser names the extension and ends its sentences with an extra line
/// end; the sentences of single extensions come as they are.
impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ext, opt, word) = (self.extension, self.option, visible(&self.word));
        match &self.kind {
            ArgErrorKind::Missing => writeln!(f, "{ext}: option \"--{opt}\" must be specified"),
            ArgErrorKind::NotInvertible => {
                writeln!(f, "{ext}: option \"--{opt}\" cannot be inverted.")
            }
            ArgErrorKind::Twice => writeln!(f, "{ext}: option \"--{opt}\" can only be used once."),
            ArgErrorKind::Together(other) => {
                writeln!(f, "{ext}: option \"--{opt}\" cannot be used together with \"--{other}\".")
            }
            ArgErrorKind::Alone(other) => {
                writeln!(f, "{ext}: option \"--{opt}\" also requires \"--{other}\".")
            }
            ArgErrorKind::Own(sentence) => f.write_str(&sentence.replace('%', &word)),
            ArgErrorKind::Value(e) => value(e, ext, opt, &word, f),
        }
    }
}

fn value(
    e: &ValueError,
    ext: &str,
    opt: &str,
    word: &str,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match e {
        ValueError::Bad => writeln!(f, "{ext}: bad value for option \"--{opt}\""),
        ValueError::Word => write!(f, "{ext}: Bad value for \"--{opt}\" option: \"{word}\""),
        ValueError::Empty => writeln!(f, "Argument must have a minimum length of 1 characters"),
        ValueError::Range(lo, hi) => {
            writeln!(f, "{ext}: bad value for option \"--{opt}\", or out of range ({lo}-{hi}).")
        }
        ValueError::Near(lo, hi) => writeln!(
            f,
            "{ext}: bad value for option \"--{opt}\" near \"{word}\", or out of range ({lo}-{hi})."
        ),
        ValueError::Parts(max) => {
            writeln!(f, "{ext}: Too many components for option \"--{opt}\" (max: {max})")
        }
        ValueError::Ambiguous { what, names: [a, b] } => {
            write!(f, "Ambiguous {what} `{word}': `{a}' or `{b}'?")
        }
        ValueError::Integer => {
            writeln!(f, "{ext}: bad integer value for option \"--{opt}\", or out of range.")
        }
        ValueError::Name => writeln!(
            f,
            "{ext}: could not map name {word} to an integer value for option \"--{opt}\"."
        ),
        ValueError::Trailing => {
            writeln!(f, "{ext}: trailing garbage after value for option \"--{opt}\".")
        }
        ValueError::Port => write!(f, "invalid port/service `{word}' specified"),
        ValueError::PortOrder => f.write_str("invalid portrange (min > max)"),
        ValueError::PortOfRange => writeln!(f, "Port \"{word}\" does not resolve to anything."),
        ValueError::PortRangeOrder => {
            writeln!(f, "Port range {} is negative.", word.replace(':', "-"))
        }
        ValueError::Host => writeln!(f, "getaddrinfo: {}", lookup_failure(word)),
        ValueError::Mask(bits) => writeln!(
            f,
            "{ext}: bad value for option \"--{opt}\", neither a valid network mask nor valid CIDR \
             (0-{bits})."
        ),
        ValueError::TooLong(max) => writeln!(
            f,
            "{ext}: Argument must have a minimum length of 1 and a maximum length of {max} characters"
        ),
        ValueError::Own(sentence) => f.write_str(&sentence.replace('%', word)),
        ValueError::OwnNumber(sentence, n) => f.write_str(&sentence.replace('%', &n.to_string())),
    }
}

/// The C library's sentence about a host that was looked up: a numeric address is of the other
/// family, anything else has no address.
fn lookup_failure(word: &str) -> &'static str {
    let host = word.split('/').next().unwrap_or_default();
    let numeric = |family| addr::parse_host(family, host.as_bytes()).is_some();
    if numeric(Family::Ip4) || numeric(Family::Ip6) {
        "Address family for hostname not supported"
    } else {
        "Name or service not known"
    }
}
