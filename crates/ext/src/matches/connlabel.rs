//! The connection's labels (kernel `net/netfilter/xt_connlabel.c:connlabel_mt`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_base::names::NumberedNames;
use oxtables_base::number;
use oxtables_base::sample::Rng;
use std::sync::OnceLock;

const LABEL: Opt<Neg<Label>> = Opt::neg("label", "the label, by number or name").required();
const SET: Opt<Flag> = Opt::new("set", "set it if it is not set yet");

/// `XT_CONNLABEL_OP_*`.
const INVERT: u16 = 1;
const SETS: u16 = 2;
/// Numbers beyond `XT_CONNLABEL_MAXBIT` are refused by the kernel.
const MAX_BIT: u16 = 127;

/// `-m connlabel`.
///
/// COMPAT: upstream compares no byte of it when it looks for a rule (`-C`, `-D`), so that any two are
/// the same; here the label counts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Connlabel {
    label: Neg<Label>,
    set: bool,
}

/// The number of a label.
///
/// COMPAT: a number above 65535 is refused, where upstream cuts it to its low 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Label(u16);

impl Label {
    fn names() -> &'static NumberedNames {
        static NAMES: OnceLock<NumberedNames> = OnceLock::new();
        NAMES.get_or_init(|| NumberedNames::read("/etc/xtables/connlabel.conf"))
    }

    fn name(self) -> Option<&'static [u8]> {
        if self.0 > MAX_BIT { None } else { Self::names().name(self.0.into()) }
    }
}

impl Value for Label {
    const SYNTAX: &'static str = "name|number";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        if word.is_empty() {
            return Err(ValueError::Empty);
        }
        let named = Self::names().id(word).filter(|&n| n <= MAX_BIT.into());
        let number = named.or_else(|| number::parse(word)).and_then(|n| u16::try_from(n).ok());
        number.map(Self).ok_or(ValueError::Own("label '%' not found or invalid value"))
    }

    /// Always in quotes, as upstream saves it.
    fn save(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        match self.name() {
            Some(name) => out.extend_from_slice(name),
            None => self.0.save(out),
        }
        out.push(b'"');
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        rng.within(0, MAX_BIT.into()).to_string().into_bytes()
    }
}

impl Extension for Connlabel {
    const SPEC: Spec = Spec {
        options: &[LABEL.def(), SET.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches a label of the packet's connection, and may set it",
        cases: &[
            ("--label 126", Some("--label \"126\"")),
            ("! --label 0x7e --set", Some("! --label \"126\" --set")),
            ("--label 65536", None),
            ("--label nosuch", None),
            ("--set", None),
            ("", None),
        ],
        ..Spec::named("connlabel")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self { label: args.need_neg(&LABEL, cx)?, set: args.has(&SET) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&LABEL, &self.label);
        w.flag(&SET, self.set);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let Neg { not, value } = self.label;
        w.word("connlabel").raw(if not { " ! " } else { " " });
        match if w.numeric { None } else { value.name() } {
            Some(name) => {
                w.raw("'").bytes().extend_from_slice(name);
                w.raw("'");
            }
            None => drop(w.number(value.0)),
        }
        if self.set {
            w.word("set");
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let options = if self.label.not { INVERT } else { 0 } | if self.set { SETS } else { 0 };
        abi::push(out, XtConnlabelMtinfo { bit: self.label.value.0, options });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let XtConnlabelMtinfo { bit, options } = abi::read(bytes)?;
        let label = Neg { not: options & INVERT != 0, value: Label(bit) };
        Ok(Self { label, set: options & SETS != 0 })
    }

    fn view(&self) -> View {
        View::Opaque(if self.set { Class::Barrier } else { Class::Context })
    }
}

impl Match for Connlabel {
    /// A label that is set here counts as found, where the connection has labels at all.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let Neg { not, value: Label(bit) } = self.label;
        let ct = &cx.conntrack;
        let found = |labels: &[u8; 16]| {
            let byte = labels.get(usize::from(bit / 8)).copied().unwrap_or(0);
            self.set || byte >> (bit % 8) & 1 != 0
        };
        ct.has_entry().and_then(|| ct.labels.test(found)).invert_if(not)
    }
}

abi! {
    /// `struct xt_connlabel_mtinfo` (linux/netfilter/xt_connlabel.h).
    struct XtConnlabelMtinfo[4] { bit: u16 = 0, options: u16 = 2 }
}
