//! A copy of the packet sent to another machine (kernel `net/netfilter/xt_TEE.c:tee_tg4`, `tee_tg6`).

use crate::abi::{self, InetAddr, abi};
use crate::value::Text;
use crate::*;
use oxtables_base::sample::Rng;
use std::net::IpAddr;

/// `IFNAMSIZ` less the NUL.
const NAME_LEN: usize = 15;

const GATEWAY: Opt<IpAddr> = Opt::new("gateway", "the machine the copy is sent to").required();
const OIF: Opt<Oif> = Opt::new("oif", "the interface the copy leaves by");

/// `-j TEE`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tee {
    gateway: IpAddr,
    oif: Option<Oif>,
}

/// The exact name of an interface (`+` means itself).
///
/// COMPAT: upstream cuts a longer name and so means another interface, and takes names no interface
/// can have; both are refused here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Oif(Text<NAME_LEN>);

impl Oif {
    fn new(name: &[u8]) -> Option<Self> {
        let odd = |c: &u8| *c <= b' ' || matches!(c, b'"' | b'\'' | b'\\' | 0x7f);
        let name = Text::new(name).filter(|n| !n.bytes().iter().any(odd));
        name.map(Self)
    }
}

impl Value for Oif {
    const SYNTAX: &'static str = "interface";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        Self::new(word).ok_or(ValueError::TooLong(NAME_LEN))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.bytes());
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Text::<NAME_LEN>::sample(rng, cx)
    }
}

impl Tee {
    /// The machine the copy is sent to.
    #[must_use]
    pub const fn gateway(&self) -> IpAddr {
        self.gateway
    }

    /// The name of the interface the copy leaves by.
    #[must_use]
    pub fn oif(&self) -> Option<&[u8]> {
        self.oif.as_ref().map(|oif| oif.0.bytes())
    }
}

impl Extension for Tee {
    const SPEC: Spec = Spec {
        options: &[GATEWAY.def(), OIF.def()],
        revisions: &[Revision::new(1, 40).private_from(32)],
        doc: "sends a copy of the packet to another machine, and goes on with the next rule",
        cases: &[
            ("--gateway 1.2.3.4/24", None),
            ("--gateway nosuch", None),
            ("--oif eth0", None),
            ("", None),
        ],
        ..Spec::named("TEE")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let oif = args.get(&OIF, cx)?.filter(|oif| !oif.0.bytes().is_empty());
        Ok(Self { gateway: args.need(&GATEWAY, cx)?, oif })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&GATEWAY, &self.gateway);
        w.opt_if(&OIF, self.oif.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("TEE gw:");
        match if w.numeric { None } else { w.host.name_of(self.gateway) } {
            Some(name) => w.bytes().extend_from_slice(&name),
            None => drop(w.value(&self.gateway)),
        }
        if let Some(oif) = &self.oif {
            w.word("oif=").value(oif);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let oif = abi::c_string(self.oif().unwrap_or_default()).unwrap_or([0; 16]);
        abi::push(out, XtTeeTginfo { gw: InetAddr::new(self.gateway), oif });
        out.extend_from_slice(&[0; 8]);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtTeeTginfo = abi::read(bytes)?;
        let gateway = raw.gw.get_addr(cx.family).ok_or(DecodeError::Unknown)?;
        let oif = match abi::c_text(&raw.oif) {
            [] => None,
            name => Some(Oif::new(name).ok_or(DecodeError::Unknown)?),
        };
        Ok(Self { gateway, oif })
    }

    /// The copy goes its own way.
    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct xt_tee_tginfo` (linux/netfilter/xt_TEE.h) without the kernel's pointer.
    struct XtTeeTginfo[32] { gw: InetAddr = 0, oif: [u8; 16] = 16 }
}
