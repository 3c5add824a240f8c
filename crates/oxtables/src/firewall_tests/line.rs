//! The file of tests, line by line.

use super::beside;
use crate::packet_words::PacketWords;
use crate::surroundings::HostWords;
use oxtables_base::text::visible;
use oxtables_base::{Family, addr, number};
use std::net::IpAddr;

/// What holds for every test.
#[derive(Clone, Default)]
pub(super) struct Head {
    pub(super) rules: Vec<(Family, Vec<u8>)>,
    pub(super) host: HostWords,
    /// Whether the host is told.
    pub(super) has_host: bool,
    pub(super) default: PacketWords,
}

impl Head {
    /// This, said on the command line, and what `file` says of the rest.
    pub(super) fn over(self, file: Self) -> Self {
        let rules = if self.rules.is_empty() { file.rules } else { self.rules };
        let own = self.has_host;
        let host = if own { self.host } else { file.host };
        Self { rules, host, has_host: own || file.has_host, default: file.default }
    }
}

/// What is expected of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    Accept,
    Drop,
    Reject,
}

impl Expected {
    const ALL: [Self; 3] = [Self::Accept, Self::Drop, Self::Reject];

    /// As typed, and as a walk's end calls it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }

    fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.word().as_bytes() == word)
    }
}

/// What a line asks.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Of the packet itself.
    Verdict(Expected),
    /// Of the answer to it.
    Reply(Expected),
    /// Where it goes, or else where it seems to come from.
    Translated { destination: bool, to: IpAddr, port: Option<u16> },
}

/// One test.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) number: u32,
    /// Safe to show.
    pub(super) text: String,
    pub(super) question: Question,
    pub(super) packet: PacketWords,
}

/// A file of tests.
#[derive(Default)]
pub(super) struct TestFile {
    pub(super) head: Head,
    pub(super) statements: Vec<Statement>,
}

impl TestFile {
    /// Reads it.
    ///
    /// # Errors
    /// The line with the words to blame and why; safe to show.
    pub(super) fn read(path: &[u8], text: &[u8]) -> Result<Self, String> {
        let mut file = Self::default();
        for (number, line) in (1u32..).zip(text.split(|&c| c == b'\n')) {
            let bare = line.trim_ascii();
            if bare.is_empty() || bare.starts_with(b"#") {
                continue;
            }
            file.line(path, number, bare)
                .map_err(|why| format!("{}: line {number}: {why}", visible(path)))?;
        }
        Ok(file)
    }

    fn line(&mut self, path: &[u8], number: u32, line: &[u8]) -> Result<(), String> {
        let words: Vec<&[u8]> =
            line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect();
        let Some((&first, rest)) = words.split_first() else { return Ok(()) };
        match (first, rest) {
            (b"rules", [name]) => self.head.rules.push((Family::Ip4, beside(path, name))),
            (b"rules6", [name]) => self.head.rules.push((Family::Ip6, beside(path, name))),
            (b"default", words) => packet(words, &mut self.head.default)?,
            (b"address" | b"route" | b"forwarding", words) => {
                self.head.host.line(first, words)?;
                self.head.has_host = true;
            }
            _ => {
                let (question, words) = question(first, rest)?;
                let mut described = PacketWords::default();
                packet(&words, &mut described)?;
                let packet = described.or(&self.head.default);
                let text = visible(line);
                self.statements.push(Statement { number, text, question, packet });
            }
        }
        Ok(())
    }
}

/// What the first words ask, and the words of the packet.
fn question<'a>(first: &[u8], rest: &[&'a [u8]]) -> Result<(Question, Vec<&'a [u8]>), String> {
    if let Some(expected) = Expected::parse(first) {
        return Ok((Question::Verdict(expected), rest.to_vec()));
    }
    match first {
        b"reply-to" => {
            let said = rest.first().and_then(|w| Expected::parse(w));
            let words = rest.get(usize::from(said.is_some())..).unwrap_or_default();
            Ok((Question::Reply(said.unwrap_or(Expected::Accept)), words.to_vec()))
        }
        b"nat" => {
            let [words @ .., arrow @ (b"->" | b"<-"), to] = rest else {
                return Err(
                    "nat: `-> ADDRESS[:PORT]' or `<- ADDRESS[:PORT]' at its end is missing".into(),
                );
            };
            let (address, port) = endpoint(to)
                .ok_or_else(|| format!("{}: is no address with or without a port", visible(to)))?;
            let destination = *arrow == b"->";
            Ok((Question::Translated { destination, to: address, port }, words.to_vec()))
        }
        _ => Err(format!(
            "{}: not one of accept, drop, reject, reply-to, nat, rules, rules6, default, address, route, forwarding",
            visible(first)
        )),
    }
}

fn packet(words: &[&[u8]], packet: &mut PacketWords) -> Result<(), String> {
    let mut rest = words.iter().peekable();
    while let Some(&word) = rest.next() {
        let taken = packet.take(word, &mut rest).map_err(|e| e.to_string())?;
        if !taken {
            return Err(format!("{}: not a word about a packet", visible(word)));
        }
    }
    Ok(())
}

/// `10.0.0.2`, `10.0.0.2:8080`, `2001:db8::1`, `[2001:db8::1]:80`.
fn endpoint(word: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    let port = |w: &[u8]| number::parse_within(w, 0, 65_535).and_then(|n| u16::try_from(n).ok());
    if let Some(inner) = word.strip_prefix(b"[") {
        let end = inner.iter().position(|&c| c == b']')?;
        let address = addr::parse(Family::Ip6, inner.get(..end)?)?;
        return match inner.get(end + 1..)? {
            [] => Some((address, None)),
            [b':', digits @ ..] => Some((address, Some(port(digits)?))),
            _ => None,
        };
    }
    if let Some(address) = addr::parse(Family::Ip6, word) {
        return Some((address, None));
    }
    let mut halves = word.splitn(2, |&c| c == b':');
    let address = addr::parse(Family::Ip4, halves.next()?)?;
    match halves.next() {
        None => Some((address, None)),
        Some(digits) => Some((address, Some(port(digits)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let v4 = IpAddr::from([10, 0, 0, 2]);
        assert_eq!(endpoint(b"10.0.0.2"), Some((v4, None)));
        assert_eq!(endpoint(b"10.0.0.2:8080"), Some((v4, Some(8080))));
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(endpoint(b"2001:db8::1"), Some((v6, None)));
        assert_eq!(endpoint(b"[2001:db8::1]:80"), Some((v6, Some(80))));
        for bad in ["10.0.0.2:", "10.0.0.2:x", "10.0.0.2:70000", "[2001:db8::1", "name"] {
            assert_eq!(endpoint(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_wrong_line_is_told_with_its_number() {
        let read = |text: &str| TestFile::read(b"dir/fw.test", text.as_bytes());
        let file = read(
            "rules fw.v4\ndefault -i eth0 -p tcp\n\n# no test\naccept -s 1.1.1.1 -d 2.2.2.2\n",
        );
        let file = file.map_err(|e| panic!("{e}")).unwrap();
        assert_eq!(file.head.rules, [(Family::Ip4, b"dir/fw.v4".to_vec())]);
        let [one] = file.statements.as_slice() else { panic!("one test") };
        assert_eq!((one.number, one.packet.protocol), (5, Some(6)));
        for (text, wanted) in [
            ("allow -s 1.1.1.1", "line 1: allow: not one of"),
            ("\nnat -d 1.1.1.1 2.2.2.2", "line 2: nat: `-> ADDRESS"),
            ("nat -d 1.1.1.1 -> x", "line 1: x: is no address"),
            ("drop -d 1.1.1.1 --what", "line 1: --what: not a word about a packet"),
            ("address eth0", "line 1: address"),
        ] {
            let why = read(text).err().unwrap_or_default();
            assert!(why.contains(wanted), "{text}: {why}");
        }
    }
}
