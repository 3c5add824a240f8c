//! The routing realm of the packet's route (kernel `net/netfilter/xt_realm.c:realm_mt`).

use crate::abi::{self, abi};
use crate::value::MarkMask;
use crate::*;
use oxtables_base::names::NumberedNames;
use oxtables_base::sample::Rng;
use std::sync::OnceLock;

const REALM: Opt<Neg<Realm>> =
    Opt::neg("realm", "the realm, compared under the mask, or its name").required();

/// `-m realm`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RealmMatch(Neg<Realm>);

/// A realm under a mask; saved by its name where it has one and the mask is whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Realm(MarkMask);

fn realms() -> &'static NumberedNames {
    static REALMS: OnceLock<NumberedNames> = OnceLock::new();
    REALMS.get_or_init(|| NumberedNames::read("/etc/iproute2/rt_realms"))
}

impl Value for Realm {
    const SYNTAX: &'static str = "value[/mask]|name";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let named = realms().id(word).and_then(|id| u32::try_from(id).ok());
        match named {
            Some(value) => Ok(Self(MarkMask { value, mask: u32::MAX })),
            None => MarkMask::parse(word, cx).map(Self),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        let whole = self.0.mask == u32::MAX;
        match realms().name(self.0.value.into()).filter(|_| whole) {
            Some(name) => out.extend_from_slice(name),
            None => self.0.save(out),
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        MarkMask::sample(rng, cx)
    }
}

impl Extension for RealmMatch {
    const SPEC: Spec = Spec {
        families: Families::Ip4,
        options: &[REALM.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the realm of the packet's route",
        cases: &[
            ("--realm 0x10/0xff", Some("--realm 0x10/0xff")),
            ("! --realm 4294967295", Some("! --realm 0xffffffff")),
            ("--realm 4294967296", None),
            ("--realm 1/", None),
            ("", None),
        ],
        ..Spec::named("realm")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&REALM, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&REALM, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word(if self.0.not { "! realm " } else { "realm " });
        let numeric = w.numeric;
        if numeric {
            w.value(&self.0.value.0)
        } else {
            w.value(&self.0.value)
        };
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let MarkMask { value: id, mask } = self.0.value.0;
        abi::push(out, XtRealmInfo { id, mask, invert: self.0.not.into() });
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtRealmInfo = abi::read(bytes)?;
        let value = Realm(MarkMask { value: raw.id, mask: raw.mask });
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

impl Match for RealmMatch {
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let MarkMask { value, mask } = self.0.value.0;
        cx.realm.test(|realm| (realm & mask == value) != self.0.not)
    }
}

abi! {
    /// `struct xt_realm_info` (linux/netfilter/xt_realm.h).
    struct XtRealmInfo[12] { id: u32 = 0, mask: u32 = 4, invert: u8 = 8 }
}
