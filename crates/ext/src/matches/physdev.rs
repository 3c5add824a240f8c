//! The bridge ports a packet came in by and leaves by (kernel
//! `net/netfilter/xt_physdev.c:physdev_mt`).

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_base::Interface;
use oxtables_base::interface::IFNAMSIZ;
use oxtables_packet::{IfName, Known};

const IN: Opt<Neg<Interface>> = Opt::neg("physdev-in", "the bridge port it came in by");
const OUT: Opt<Neg<Interface>> = Opt::neg("physdev-out", "the bridge port it leaves by");
const IS_IN: Opt<Neg<Flag>> = Opt::neg("physdev-is-in", "it came in by a bridge port");
const IS_OUT: Opt<Neg<Flag>> = Opt::neg("physdev-is-out", "it leaves by a bridge port");
const IS_BRIDGED: Opt<Neg<Flag>> = Opt::neg("physdev-is-bridged", "it is bridged, not routed");

/// `XT_PHYSDEV_OP_*` (linux/netfilter/xt_physdev.h).
const OP_IN: u8 = 0x01;
const OP_OUT: u8 = 0x02;
const OP_BRIDGED: u8 = 0x04;
const OP_IS_IN: u8 = 0x08;
const OP_IS_OUT: u8 = 0x10;

/// `-m physdev`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Physdev {
    /// The port it came in by.
    pub input: Option<Neg<Interface>>,
    /// The port it leaves by.
    pub output: Option<Neg<Interface>>,
    /// Conditions without a name: `OP_IS_IN`, `OP_IS_OUT`, `OP_BRIDGED`.
    flags: u8,
    /// Those of them that are inverted.
    inverted: u8,
}

impl Extension for Physdev {
    const SPEC: Spec = Spec {
        options: &[IN.def(), OUT.def(), IS_IN.def(), IS_OUT.def(), IS_BRIDGED.def()],
        revisions: &[Revision::new(0, 72)],
        doc: "matches the bridge ports that a packet came in by and leaves by",
        cases: &[
            ("--physdev-in eth+", Some("--physdev-in eth+")),
            (
                "--physdev-is-bridged --physdev-out e ! --physdev-in + --physdev-is-out",
                Some("! --physdev-in + --physdev-is-out --physdev-out e --physdev-is-bridged"),
            ),
            ("! --physdev-is-in", Some("! --physdev-is-in")),
            ("--physdev-in 0123456789abcdef", None),
            ("--physdev-in \"\"", None),
            ("", None),
        ],
        ..Spec::named("physdev")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let mut made = Self {
            input: args.get_neg(&IN, cx)?,
            output: args.get_neg(&OUT, cx)?,
            flags: 0,
            inverted: 0,
        };
        for (opt, bit) in [(&IS_IN, OP_IS_IN), (&IS_OUT, OP_IS_OUT), (&IS_BRIDGED, OP_BRIDGED)] {
            if let Some(seen) = args.find(opt) {
                made.flags |= bit;
                made.inverted |= if seen.not { bit } else { 0 };
            }
        }
        if made.flags == 0 && made.input.is_none() && made.output.is_none() {
            return Err(ArgError::own("physdev", "PHYSDEV: no physdev option specified"));
        }
        Ok(made)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.save_flag(w, &IS_IN, OP_IS_IN);
        w.neg_if(&IN, self.input.as_ref());
        self.save_flag(w, &IS_OUT, OP_IS_OUT);
        w.neg_if(&OUT, self.output.as_ref());
        self.save_flag(w, &IS_BRIDGED, OP_BRIDGED);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("PHYSDEV match").as_saved(|args| self.save(args));
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (input, in_mask) = name_and_mask(self.input);
        let (output, out_mask) = name_and_mask(self.output);
        let bits = self.flags | bit(self.input, OP_IN) | bit(self.output, OP_OUT);
        let not = |port: Option<Neg<Interface>>| port.filter(|p| p.not);
        let invert = self.inverted | bit(not(self.input), OP_IN) | bit(not(self.output), OP_OUT);
        abi::push(out, XtPhysdevInfo { input, in_mask, output, out_mask, invert, bits });
        out.extend_from_slice(&[0; 6]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtPhysdevInfo = abi::read(bytes)?;
        let port = |name: &[u8], bit: u8| -> Result<_, DecodeError> {
            if raw.bits & bit == 0 {
                return Ok(None);
            }
            let value = Interface::parse(abi::c_text(name)).map_err(|_| DecodeError::Unknown)?;
            Ok(Some(Neg { not: raw.invert & bit != 0, value }))
        };
        let flags = raw.bits & (OP_IS_IN | OP_IS_OUT | OP_BRIDGED);
        if raw.bits == 0 {
            return Err(DecodeError::Unknown);
        }
        Ok(Self {
            input: port(&raw.input, OP_IN)?,
            output: port(&raw.output, OP_OUT)?,
            flags,
            inverted: raw.invert & flags,
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

fn bit(port: Option<Neg<Interface>>, bit: u8) -> u8 {
    if port.is_some() { bit } else { 0 }
}

/// Unlike in the rule's own `-i`, the name of a wildcard keeps its `+` here.
fn name_and_mask(port: Option<Neg<Interface>>) -> ([u8; IFNAMSIZ], [u8; IFNAMSIZ]) {
    let Some(Neg { value, .. }) = port else { return ([0; IFNAMSIZ], [0; IFNAMSIZ]) };
    let (mut name, mask) = value.name_and_mask();
    if value.is_wildcard()
        && let Some(end) = name.get_mut(value.name().len())
    {
        *end = b'+';
    }
    (name, mask)
}

impl Physdev {
    fn save_flag(&self, w: &mut ArgWriter<'_>, opt: &Opt<Neg<Flag>>, bit: u8) {
        if self.flags & bit != 0 {
            w.name(self.inverted & bit != 0, opt.def().name);
        }
    }

    /// The conditions in the kernel's order: whether each is inverted, and how it is without that
    /// for a bridged packet.
    fn conditions(&self, cx: &Context) -> [Option<(bool, Truth)>; 5] {
        let flag = |bit: u8, holds: Truth| {
            (self.flags & bit != 0).then_some((self.inverted & bit != 0, holds))
        };
        let there = |port: &Known<IfName>| port.test(|_| true);
        // A port that the packet does not have fits, inverted or not.
        let named = |port: Option<Neg<Interface>>, there: &Known<IfName>| {
            let Neg { not, value } = port?;
            let holds = match there {
                Known::Absent => Truth::from(!not),
                there => there.test(|name| value.matches(name.as_bytes())),
            };
            Some((not, holds))
        };
        [
            flag(OP_BRIDGED, there(&cx.physical_out)),
            flag(OP_IS_IN, there(&cx.physical_in)),
            flag(OP_IS_OUT, there(&cx.physical_out)),
            named(self.input, &cx.physical_in),
            named(self.output, &cx.physical_out),
        ]
    }
}

impl Match for Physdev {
    /// `physdev_mt`: about a packet that no bridge has seen, exactly the inverted conditions hold.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let conditions = self.conditions(cx);
        let conditions = conditions.iter().flatten();
        match (&cx.physical_in, &cx.physical_out) {
            (Known::Known(_), _) | (_, Known::Known(_)) => {
                conditions.fold(Truth::Yes, |all, &(not, holds)| all.and(holds.invert_if(not)))
            }
            (Known::Unknown(why), _) | (_, Known::Unknown(why)) => Truth::Unknown(why),
            (Known::Absent, Known::Absent) => {
                conditions.fold(Truth::Yes, |all, &(not, _)| all.and(not.into()))
            }
        }
    }
}

abi! {
    /// `struct xt_physdev_info` (linux/netfilter/xt_physdev.h).
    struct XtPhysdevInfo[66] {
        input: [u8; 16] = 0,
        in_mask: [u8; 16] = 16,
        output: [u8; 16] = 32,
        out_mask: [u8; 16] = 48,
        invert: u8 = 64,
        bits: u8 = 65,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: [u8; 20] = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

    fn truth(physdev: &Physdev, input: &str, output: &str) -> Truth {
        let port = |name: &str| IfName::new(name.as_bytes()).map_or(Known::Absent, Known::Known);
        let (physical_in, physical_out) = (port(input), port(output));
        let cx = Context { physical_in, physical_out, ..Context::default() };
        physdev.test(&Packet::parse(&PACKET).unwrap(), &cx)
    }

    fn named(word: &str, not: bool) -> Option<Neg<Interface>> {
        Some(Neg { not, value: Interface::parse(word.as_bytes()).unwrap() })
    }

    const NONE: Physdev = Physdev { input: None, output: None, flags: 0, inverted: 0 };

    #[test]
    fn no_bridge_fits_exactly_the_inverted_conditions() {
        let inverted = Physdev { input: named("eth0", true), ..NONE };
        assert_eq!(truth(&inverted, "", ""), Truth::Yes);
        assert_eq!(truth(&Physdev { input: named("eth0", false), ..NONE }, "", ""), Truth::No);
        let both = Physdev { output: named("eth1", false), ..inverted };
        assert_eq!(truth(&both, "", ""), Truth::No);
    }

    #[test]
    fn a_bridged_packet_is_asked_port_by_port() {
        let input = Physdev { input: named("eth+", false), ..NONE };
        assert_eq!(truth(&input, "eth0", "wlan0"), Truth::Yes);
        assert_eq!(truth(&input, "wlan0", "eth0"), Truth::No);
        // A port that is not there does not stand against a name.
        assert_eq!(truth(&input, "", "eth0"), Truth::Yes);
        let bridged = Physdev { flags: OP_BRIDGED, ..NONE };
        assert_eq!(truth(&bridged, "eth0", ""), Truth::No);
        assert_eq!(truth(&bridged, "eth0", "eth1"), Truth::Yes);
        let not_in = Physdev { flags: OP_IS_IN, inverted: OP_IS_IN, ..NONE };
        assert_eq!(truth(&not_in, "eth0", "eth1"), Truth::No);
        assert_eq!(truth(&not_in, "", "eth1"), Truth::Yes);
    }
}
