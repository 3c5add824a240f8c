//! TCP options overwritten with no-operations
//! (kernel `net/netfilter/xt_TCPOPTSTRIP.c:tcpoptstrip_mangle_packet`).

use crate::abi;
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;

const STRIP: Opt<Options> = Opt::new("strip-options", "the options, by number or name");

/// Names of options with their numbers.
const NAMES: [(&str, u8); 6] =
    [("wscale", 3), ("mss", 2), ("sack-permitted", 4), ("sack", 5), ("timestamp", 8), ("md5", 19)];

/// `-j TCPOPTSTRIP`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tcpoptstrip(pub Options);

/// Numbers of TCP options, 2 to 255: bit n of word n / 32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Options([u32; 8]);

impl Options {
    fn slot(&mut self, option: u8) -> Option<&mut u32> {
        self.0.get_mut(usize::from(option / 32))
    }

    /// The numbers, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u8> {
        let has = |n: u8| self.0.get(usize::from(n / 32)).is_some_and(|w| w >> (n % 32) & 1 != 0);
        (0..=u8::MAX).filter(move |&n| has(n))
    }

    fn push_each(&self, out: &mut Vec<u8>, named: bool) {
        for (i, n) in self.numbers().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            match NAMES.iter().find(|(_, number)| named && *number == n) {
                Some((name, _)) => out.extend_from_slice(name.as_bytes()),
                None => number::push_decimal(out, n.into()),
            }
        }
    }
}

impl Value for Options {
    const SYNTAX: &'static str = "option[,option...]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::parse_words(word, b"", cx).map_err(|(_, e)| e)
    }

    fn parse_words<'w>(
        first: &'w [u8],
        _second: &'w [u8],
        _: &ValueCx<'_>,
    ) -> Result<Self, (&'w [u8], ValueError)> {
        let mut options = Self::default();
        for part in first.split(|&c| c == b',') {
            let named = NAMES.iter().find(|(name, _)| name.as_bytes() == part).map(|&(_, n)| n);
            let number = || number::parse(part).and_then(|n| u8::try_from(n).ok());
            let bad = (part, ValueError::Own("Bad TCP option value \"%\""));
            let option = named.or_else(number).ok_or(bad)?;
            if option < 2 {
                return Err((part, ValueError::Own("Option value may not be 0 or 1")));
            }
            let Some(slot) = options.slot(option) else { continue };
            if *slot >> (option % 32) & 1 != 0 {
                return Err((part, ValueError::Own("Option \"%\" already specified")));
            }
            *slot |= 1 << (option % 32);
        }
        Ok(options)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.push_each(out, false);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let lo = rng.within(2, 100);
        format!("{lo},{}", rng.within(lo + 1, 255)).into_bytes()
    }
}

impl Extension for Tcpoptstrip {
    const SPEC: Spec = Spec {
        options: &[STRIP.def()],
        revisions: &[Revision::new(0, 32)],
        doc: "overwrites TCP options with no-operations",
        cases: &[
            ("", Some("")),
            ("--strip-options wscale,mss,0x20,255", Some("--strip-options 2,3,32,255")),
            ("--strip-options sack-permitted,sack,timestamp,md5", Some("--strip-options 4,5,8,19")),
            ("--strip-options 1", None),
            ("--strip-options 256", None),
            ("--strip-options 5,sack", None),
            ("--strip-options MSS", None),
            ("--strip-options 5,", None),
        ],
        ..Spec::named("TCPOPTSTRIP")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self(args.get(&STRIP, cx)?.unwrap_or_default()))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt_if(&STRIP, Some(&self.0).filter(|o| **o != Options::default()));
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        if self.0 != Options::default() {
            let named = !w.numeric;
            self.0.push_each(w.word("TCPOPTSTRIP options ").bytes(), named);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, self.0.0);
    }

    /// `struct xt_tcpoptstrip_target_info` (linux/netfilter/xt_TCPOPTSTRIP.h) is the words.
    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let options = Options(abi::read(bytes)?);
        let sayable = options.numbers().all(|n| n >= 2);
        if sayable { Ok(Self(options)) } else { Err(DecodeError::Unknown) }
    }

    fn effect(&self) -> Effect {
        Effect::StripOptions(self.0)
    }
}
