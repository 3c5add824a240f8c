//! A light that blinks (kernel `net/netfilter/xt_LED.c:led_tg`).

use crate::abi::{self, abi};
use crate::value::{Flag, Text};
use crate::*;
use oxtables_base::sample::Rng;
use oxtables_base::{number, text};

/// What the kernel's name of every trigger begins with; the rest has 16 bytes.
const PREFIX: &[u8] = b"netfilter-";
const SUFFIX_LEN: usize = 16;
/// The light stays on.
const FOREVER: u32 = u32::MAX;

const TRIGGER: Opt<Trigger> = Opt::new("led-trigger-id", "the trigger's name").required();
const DELAY: Opt<Delay> = Opt::new("led-delay", "how long it stays on");
const ALWAYS_BLINK: Opt<Flag> =
    Opt::new("led-always-blink", "go out and on again for a packet while it is on");

/// `-j LED`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Led {
    trigger: Trigger,
    delay: Delay,
    always_blink: bool,
}

/// The trigger's name without `netfilter-`, always in quotes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Trigger(Text<SUFFIX_LEN>);

impl Value for Trigger {
    const SYNTAX: &'static str = "name";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let long = ValueError::Own("Argument must have a maximum length of 16 characters");
        if word.len() > SUFFIX_LEN { Err(long) } else { Text::parse(word, cx).map(Self) }
    }

    fn save(&self, out: &mut Vec<u8>) {
        text::push_in_quotes(out, self.0.bytes());
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<SUFFIX_LEN>::sample(rng, cx)
    }
}

/// Milliseconds, or for good.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Delay(u32);

impl Value for Delay {
    const SYNTAX: &'static str = "milliseconds|inf";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word == b"inf" {
            return Ok(Self(FOREVER));
        }
        let wrong = ValueError::Own("Delay value must be within range 0..4294967295");
        number::parse(word).and_then(|n| u32::try_from(n).ok()).map(Self).ok_or(wrong)
    }

    fn save(&self, out: &mut Vec<u8>) {
        match self.0 {
            FOREVER => out.extend_from_slice(b"inf"),
            ms => number::push_decimal(out, ms.into()),
        }
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, u64::from(u32::MAX)).to_string().into_bytes()
    }
}

impl Extension for Led {
    const SPEC: Spec = Spec {
        options: &[TRIGGER.def(), DELAY.def(), ALWAYS_BLINK.def()],
        revisions: &[Revision::new(0, 40).private_from(32)],
        doc: "lights a lamp when a packet comes, and goes on with the next rule",
        cases: &[
            ("--led-trigger-id foo", Some("--led-trigger-id \"foo\"")),
            (
                "--led-delay inf --led-always-blink --led-trigger-id \"a b\"",
                Some("--led-trigger-id \"a b\" --led-delay inf --led-always-blink"),
            ),
            ("--led-trigger-id x --led-delay 4294967296", None),
            ("--led-trigger-id aaaaaaaaaaaaaaaaa", None),
            ("", None),
        ],
        ..Spec::named("LED")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            trigger: args.need(&TRIGGER, cx)?,
            delay: args.get(&DELAY, cx)?.unwrap_or(Delay(0)),
            always_blink: args.has(&ALWAYS_BLINK),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&TRIGGER, &self.trigger);
        w.opt_if(&DELAY, Some(&self.delay).filter(|d| d.0 != 0));
        w.flag(&ALWAYS_BLINK, self.always_blink);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("led-trigger-id:\"").bytes().extend_from_slice(self.trigger.0.bytes());
        w.raw("\" led-delay:").value(&self.delay).raw(if self.delay.0 == FOREVER {
            ""
        } else {
            "ms"
        });
        w.raw(if self.always_blink { " led-always-blink" } else { "" });
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let id = [PREFIX, self.trigger.0.bytes()].concat();
        let raw = XtLedInfo {
            id: abi::c_string(&id).unwrap_or([0; 27]),
            always_blink: self.always_blink.into(),
            delay: self.delay.0,
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 8]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtLedInfo = abi::read(bytes)?;
        let name = abi::c_text(&raw.id).strip_prefix(PREFIX).and_then(Text::new);
        Ok(Self {
            trigger: Trigger(name.ok_or(DecodeError::Unknown)?),
            delay: Delay(raw.delay),
            always_blink: raw.always_blink != 0,
        })
    }

    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct xt_led_info` (linux/netfilter/xt_LED.h) without the kernel's pointer.
    struct XtLedInfo[32] { id: [u8; 27] = 0, always_blink: u8 = 27, delay: u32 = 28 }
}
