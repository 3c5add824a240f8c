//! The authentication header of IPv6, wherever it stands among the headers (kernel
//! `net/ipv6/netfilter/ip6t_ah.c:ah_mt6`).

use crate::abi::{self, abi};
use crate::matches::spis::Spis;
use crate::value::{Flag, NumRange};
use crate::*;
use oxtables_packet::{Missing, exthdr};

const SPI: Opt<Neg<NumRange<u32>>> = Opt::neg("ahspi", "the security parameters index");
const LEN: Opt<Neg<u32>> = Opt::neg("ahlen", "bytes of the header").within(0, U32_MAX);
const RESERVED: Opt<Flag> = Opt::new("ahres", "the reserved field is zero");

const U32_MAX: u64 = 0xffff_ffff;
/// `IP6T_AH_INV_*` (linux/netfilter_ipv6/ip6t_ah.h).
const INV_SPI: u8 = 1;
const INV_LEN: u8 = 2;

/// `-m ah` of ip6tables.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ah6 {
    spis: Spis,
    /// A length of 0 is not asked for by the kernel, inverted or not.
    len: Neg<u32>,
    reserved: bool,
}

impl Extension for Ah6 {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        implied_by: &[51],
        options: &[SPI.def(), LEN.def(), RESERVED.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the authentication header of an IPv6 packet",
        cases: &[
            ("", Some("")),
            ("--ahspi 0x10 --ahlen 3 --ahres", Some("--ahspi 16 --ahlen 3 --ahres")),
            ("! --ahspi :5 ! --ahlen 0", Some("! --ahspi 0:5 ! --ahlen 0")),
            ("--ahlen 0", Some("")),
            ("--ahspi 5:4", None),
            ("--ahlen 4294967296", None),
            ("! --ahres", None),
        ],
        ..Spec::named("ah")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            spis: args.get_neg(&SPI, cx)?.map_or(Spis::ALL, Spis),
            len: args.get_neg(&LEN, cx)?.unwrap_or(Neg::plain(0)),
            reserved: args.has(&RESERVED),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.spis.save(w, &SPI);
        w.neg_if(&LEN, Some(&self.len).filter(|len| **len != Neg::plain(0)));
        w.flag(&RESERVED, self.reserved);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("ah ");
        self.spis.list(w, "spi");
        if self.len != Neg::plain(0) {
            w.raw("length:").raw(if self.len.not { "!" } else { "" }).number(self.len.value);
        }
        w.raw(if self.reserved { " reserved" } else { "" });
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let inverted = |not, bit| if not { bit } else { 0 };
        let invflags = inverted(self.spis.0.not, INV_SPI) | inverted(self.len.not, INV_LEN);
        let hdrres = self.reserved.into();
        let spis = self.spis.bounds();
        abi::push(out, Ip6tAh { spis, hdrlen: self.len.value, hdrres, invflags });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: Ip6tAh = abi::read(bytes)?;
        Ok(Self {
            spis: Spis::from_bounds(raw.spis, raw.invflags & INV_SPI != 0)?,
            len: Neg { not: raw.invflags & INV_LEN != 0, value: raw.hdrlen },
            reserved: raw.hdrres != 0,
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Ah6 {
    fn try_test(&self, packet: &Packet) -> Result<bool, Missing> {
        let at = packet.find_ipv6_header(exthdr::AUTH)?.offset;
        let header = packet.ah()?;
        // include/net/ipv6.h:ipv6_authlen
        let len = (u32::from(header.units) + 2) << 2;
        // As of Linux 6.18 a header longer than its packet is a drop, before that it was not asked.
        if usize::try_from(len).is_ok_and(|len| packet.total_len() < at + len) {
            return Err(Missing::Truncated);
        }
        let length_fits = self.len.value == 0 || (self.len.value == len) != self.len.not;
        let reserved_fits = !self.reserved || header.reserved == 0;
        Ok(self.spis.fits(header.spi) && length_fits && reserved_fits)
    }
}

impl Match for Ah6 {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        self.try_test(packet).map_or_else(Missing::truth, Truth::from)
    }
}

abi! {
    /// `struct ip6t_ah` (linux/netfilter_ipv6/ip6t_ah.h).
    struct Ip6tAh[16] { spis: [u32; 2] = 0, hdrlen: u32 = 8, hdrres: u8 = 12, invflags: u8 = 13 }
}
