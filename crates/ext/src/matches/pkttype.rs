//! Whom the link layer says a packet is for (kernel `net/netfilter/xt_pkttype.c:pkttype_mt`).

use crate::abi::{self, abi};
use crate::value::{Keyword, Keywords};
use crate::*;
use oxtables_packet::PacketType;
use oxtables_wire::nft::cond::{Cond, Load, Op};
use oxtables_wire::nft::expr::meta;

const PKT_TYPE: Opt<Neg<Keyword<Types>>> =
    Opt::neg("pkt-type", "whom the link layer says the packet is for").required();

/// `-m pkttype`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pkttype(Neg<Keyword<Types>>);

/// The types that have a word: `PACKET_*` (linux/if_packet.h).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Types;

impl Keywords for Types {
    const WORDS: &'static [(&'static str, u32)] =
        &[("unicast", 0), ("broadcast", 1), ("multicast", 2), ("otherhost", 3), ("host", 0)];
    const SYNTAX: &'static str = "type";
    const UNKNOWN: Option<&'static str> = Some("Bad packet type '%'");
}

impl Extension for Pkttype {
    const SPEC: Spec = Spec {
        options: &[PKT_TYPE.def()],
        revisions: &[Revision::new(0, 8)],
        doc: "matches whom the link layer says a packet is for: us, all, a group, or another host",
        cases: &[
            ("--pkt-type multicast", Some("--pkt-type multicast")),
            ("! --pkt-type Host", Some("! --pkt-type unicast")),
            ("--pkt-type uni", None),
            ("--pkt-type 1", None),
            ("", None),
        ],
        ..Spec::named("pkttype")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        args.need_neg(&PKT_TYPE, cx).map(Self)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&PKT_TYPE, &self.0);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("PKTTYPE").word(if self.0.not { "!= " } else { "= " }).value(&self.0.value);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        abi::push(out, XtPkttypeInfo { pkttype: self.0.value.number, invert: self.0.not.into() });
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtPkttypeInfo = abi::read(bytes)?;
        let value = Keyword::from_number(raw.pkttype).ok_or(DecodeError::Unknown)?;
        Ok(Self(Neg { not: raw.invert != 0, value }))
    }

    /// COMPAT: a native comparison with a type that has no word (`outgoing`, `loopback`) stays
    /// foreign; upstream shows it as a number that it does not read again.
    fn raise(items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        let [Item::Cond(Cond { load: Load::Meta(meta::PKTTYPE), mask: None, op, lo, .. }), ..] =
            items
        else {
            return None;
        };
        let &[number] = *lo else { return None };
        let not = match *op {
            Op::EQ => false,
            Op::NEQ => true,
            _ => return None,
        };
        Some((Self(Neg { not, value: Keyword::from_number(number.into())? }), 1))
    }

    fn view(&self) -> View {
        let number = self.0.value.number;
        let field = Field::PacketType;
        let clause = Clause { field, mask: u32::MAX, lo: number, hi: number, not: self.0.not };
        View::Clauses(smallvec::smallvec![clause])
    }
}

impl Match for Pkttype {
    /// `pkttype_mt`: a looped back packet counts as broadcast or multicast by its destination.
    fn test(&self, packet: &Packet, cx: &Context) -> Truth {
        let seen = |kind: &PacketType| match kind {
            PacketType::Loopback if packet.dst().is_multicast() => PacketType::Multicast,
            PacketType::Loopback => PacketType::Broadcast,
            kind => *kind,
        };
        cx.packet_type
            .test(|kind| u32::from(seen(kind).number()) == self.0.value.number)
            .invert_if(self.0.not)
    }
}

abi! {
    /// `struct xt_pkttype_info` (linux/netfilter/xt_pkttype.h).
    struct XtPkttypeInfo[8] { pkttype: u32 = 0, invert: u32 = 4 }
}
