//! Any 32 bits of the packet, found by a small language (kernel `net/netfilter/xt_u32.c:u32_mt`).

mod read;

use crate::abi::{self, abi};
use crate::*;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use oxtables_packet::Missing;

const U32: Opt<Neg<Tests>> =
    Opt::neg("u32", "the 32 bits at LOCATION are VALUE, and so on").required();

/// How many tests a rule, places a test, and values a test may have (`XT_U32_MAXSIZE`).
const MAX: usize = 10;

/// `-m u32`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct U32Match(Neg<Tests>);

/// Tests that must all hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tests(Box<[Test]>);

/// Where to look, and what may stand there.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Test {
    /// Bytes from the IP header to the first 32 bits.
    start: u32,
    /// What is done with them.
    steps: Vec<(Step, u32)>,
    /// Values from one to another, at least one.
    values: Vec<(u32, u32)>,
}

/// What is done with the bits read so far, and a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    /// Mask them.
    And,
    /// Shift them left.
    Left,
    /// Shift them right.
    Right,
    /// Take them as a number of bytes to go forward, and read 32 bits from the number on.
    At,
}

impl Step {
    /// Each with its sign; the place is the kernel's number (`enum xt_u32_ops`).
    const ALL: [(Self, &'static str); 4] =
        [(Self::And, "&"), (Self::Left, "<<"), (Self::Right, ">>"), (Self::At, "@")];

    fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(step, _)| *step == self).map_or("", |(_, sign)| sign)
    }

    fn number(self) -> u8 {
        match self {
            Self::And => 0,
            Self::Left => 1,
            Self::Right => 2,
            Self::At => 3,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|&(step, _)| step)
    }
}

impl Tests {
    /// `"0x6&0xff=0x1:0x5,0x9&&0x0=0x0"`
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        for (i, test) in self.0.iter().enumerate() {
            out.extend_from_slice(if i > 0 { b"&&" } else { b"" });
            number::push_hex(out, test.start.into());
            for &(step, n) in &test.steps {
                out.extend_from_slice(step.sign().as_bytes());
                number::push_hex(out, n.into());
            }
            for (i, &(lo, hi)) in test.values.iter().enumerate() {
                out.push(if i > 0 { b',' } else { b'=' });
                number::push_hex(out, lo.into());
                if lo != hi {
                    out.push(b':');
                    number::push_hex(out, hi.into());
                }
            }
        }
        out.push(b'"');
    }
}

impl Value for Tests {
    const SYNTAX: &'static str = "location=value[&&location=value...]";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        read::tests(word)
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.write(out);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let number = |rng: &mut Rng| rng.within(0, u64::from(u32::MAX)).to_string();
        let mut tests: Vec<String> = Vec::new();
        for _ in 0..rng.within(1, 10) {
            let mut test = number(rng);
            for _ in 0..rng.within(0, 9) {
                test += rng.pick(&Step::ALL).map_or("&", |(_, sign)| sign);
                test += &number(rng);
            }
            for i in 0..rng.within(1, 10) {
                test += if i > 0 { "," } else { "=" };
                test += &number(rng);
                if rng.one_in(2) {
                    test += ":";
                    test += &number(rng);
                }
            }
            tests.push(test);
        }
        tests.join("&&").into_bytes()
    }
}

impl Extension for U32Match {
    const SPEC: Spec = Spec {
        options: &[U32.def()],
        revisions: &[Revision::new(0, 1984)],
        doc: "matches any 32 bits of the packet, at places computed from other bits of it",
        cases: &[
            ("--u32 6&0xFF=1:5,9&&0>>22&0x3C@4>>24=0", {
                Some("--u32 \"0x6&0xff=0x1:0x5,0x9&&0x0>>0x16&0x3c@0x4>>0x18=0x0\"")
            }),
            ("! --u32 \" 0 = 010 : 9 \"", Some("! --u32 \"0x0=0x8:0x9\"")),
            ("--u32 0=5:4", Some("--u32 \"0x0=0x5:0x4\"")),
            ("--u32 0=", None),
            ("--u32 0=1&&", None),
            ("--u32 0=1&2", None),
            ("--u32 0<5=1", None),
            ("--u32 0=4294967296", None),
            ("--u32 0=0&&1=1&&2=2&&3=3&&4=4&&5=5&&6=6&&7=7&&8=8&&9=9&&10=10", None),
            ("", None),
        ],
        ..Spec::named("u32")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&U32, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&U32, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("u32").raw(if self.0.not { " ! " } else { " " }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let mut raw: XtU32 = abi::zeroed();
        for (slot, test) in raw.tests.iter_mut().zip(&self.0.value.0) {
            *slot = test.to_raw();
        }
        raw.ntests = u8::try_from(self.0.value.0.len()).unwrap_or(0);
        raw.invert = self.0.not.into();
        abi::push(out, raw);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtU32 = abi::read(bytes)?;
        let tests = raw.tests.get(..raw.ntests.into()).unwrap_or_default();
        let tests: Option<Box<[_]>> = tests.iter().map(Test::from_raw).collect();
        let tests = tests.filter(|tests| (1..=MAX).contains(&tests.len()));
        let value = Tests(tests.ok_or(DecodeError::Unknown)?);
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Test {
    fn to_raw(&self) -> XtU32Test {
        let mut raw: XtU32Test = abi::zeroed();
        let (start, rest) = raw.location.split_at_mut(1);
        if let Some(start) = start.first_mut() {
            start.number = self.start;
        }
        for (slot, &(step, number)) in rest.iter_mut().zip(&self.steps) {
            *slot = XtU32LocationElement { number, nextop: step.number() };
        }
        for (slot, &(min, max)) in raw.value.iter_mut().zip(&self.values) {
            *slot = XtU32ValueElement { min, max };
        }
        raw.nnums = u8::try_from(self.steps.len() + 1).unwrap_or(0);
        raw.nvalues = u8::try_from(self.values.len()).unwrap_or(0);
        raw
    }

    fn from_raw(raw: &XtU32Test) -> Option<Self> {
        let (start, rest) = raw.location.get(..raw.nnums.into())?.split_first()?;
        let step = |e: &XtU32LocationElement| Some((Step::from_number(e.nextop)?, e.number));
        let values = raw.value.get(..raw.nvalues.into())?;
        let test = Self {
            start: start.number,
            steps: rest.iter().map(step).collect::<Option<_>>()?,
            values: values.iter().map(|v| (v.min, v.max)).collect(),
        };
        let fits = test.steps.len() < MAX && (1..=MAX).contains(&test.values.len());
        fits.then_some(test)
    }

    /// Whether it holds: a step of `u32_match_it`'s outer loop.
    fn holds(&self, packet: &Packet) -> Result<bool, Truth> {
        let read = |at: usize| match packet.array_at(at) {
            Ok(bytes) => Ok(u32::from_be_bytes(bytes)),
            Err(Missing::NotCaptured) => Err(Missing::NotCaptured.truth()),
            Err(_) => Err(Truth::No),
        };
        let wide = |n: u32| usize::try_from(n).map_err(|_| Truth::No);
        let too_far = Truth::Unknown("the processor decides what a shift by 32 bits or more gives");
        let mut at = 0usize;
        let mut value = read(wide(self.start)?)?;
        for &(step, n) in &self.steps {
            value = match step {
                Step::And => value & n,
                Step::Left => value.checked_shl(n).ok_or(too_far)?,
                Step::Right => value.checked_shr(n).ok_or(too_far)?,
                Step::At => {
                    // The kernel's `at` has 32 bits; beyond them the packet has ended long since.
                    at = at.checked_add(wide(value)?).ok_or(Truth::No)?;
                    read(at.checked_add(wide(n)?).ok_or(Truth::No)?)?
                }
            };
        }
        Ok(self.values.iter().any(|&(lo, hi)| (lo..=hi).contains(&value)))
    }
}

impl Match for U32Match {
    /// `u32_mt`: a place beyond the packet's end is no match, which `!` turns round.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let mut tests = self.0.value.0.iter().map(|test| test.holds(packet));
        let first_no = tests.find_map(|holds| match holds {
            Ok(true) => None,
            Ok(false) => Some(Truth::No),
            Err(truth) => Some(truth),
        });
        first_no.unwrap_or(Truth::Yes).invert_if(self.0.not)
    }
}

abi! {
    /// `struct xt_u32_location_element` (linux/netfilter/xt_u32.h).
    struct XtU32LocationElement[8] { number: u32 = 0, nextop: u8 = 4 }
}

abi! {
    /// `struct xt_u32_value_element` (linux/netfilter/xt_u32.h).
    struct XtU32ValueElement[8] { min: u32 = 0, max: u32 = 4 }
}

abi! {
    /// `struct xt_u32_test` (linux/netfilter/xt_u32.h).
    struct XtU32Test[180] {
        location: [XtU32LocationElement; 11] = 0,
        value: [XtU32ValueElement; 11] = 88,
        nnums: u8 = 176,
        nvalues: u8 = 177,
    }
}

abi! {
    /// `struct xt_u32` (linux/netfilter/xt_u32.h).
    struct XtU32[1984] { tests: [XtU32Test; 11] = 0, ntests: u8 = 1980, invert: u8 = 1981 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten bytes of UDP from port 5 to port 6 behind 20 of IPv4.
    #[test]
    fn places_are_computed_from_the_packet() {
        let mut bytes = vec![0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0];
        bytes.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 6, 0, 10, 0, 0, 0xab, 0xcd]);
        let packet = Packet::parse(&bytes).unwrap();
        let test = |text: &str, not| {
            let value = read::tests(text.as_bytes()).unwrap();
            U32Match(Neg { not, value }).test(&packet, &Context::default())
        };
        assert_eq!(test("6&0xff=17", false), Truth::Yes);
        assert_eq!(test("6&0xff=1:16,18", false), Truth::No);
        assert_eq!(test("0>>22&0x3c@0>>16=5&&0>>22&0x3c@0&0xffff=6", false), Truth::Yes);
        assert_eq!(test("26=0", false), Truth::No);
        assert_eq!(test("27=0:0xffffffff", false), Truth::No);
        assert_eq!(test("27=0:0xffffffff", true), Truth::Yes);
        assert!(matches!(test("0<<32=0", false), Truth::Unknown(_)));
    }
}
