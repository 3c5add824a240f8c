//! The fragment header of IPv6 (kernel `net/ipv6/netfilter/ip6t_frag.c:frag_mt6`).

use crate::abi::{self, abi};
use crate::matches::spis::FlaggedSpis;
use crate::value::{Flag, NumRange};
use crate::*;
use oxtables_packet::{Missing, exthdr};

const ID: Opt<Neg<NumRange<u32>>> = Opt::neg("fragid", "the identification");
const LEN: Opt<Neg<u32>> =
    Opt::neg("fraglen", "bytes of the header (the kernel does not look)").within(0, 0xffff_ffff);
const RESERVED: Opt<Flag> = Opt::new("fragres", "the reserved fields are zero");
const FIRST: Opt<Flag> = Opt::new("fragfirst", "it is the first fragment");
const MORE: Opt<Flag> = Opt::new("fragmore", "more follow").excludes(&["fraglast"]);
const LAST: Opt<Flag> = Opt::new("fraglast", "it is the last fragment");

/// `IP6T_FRAG_*` (linux/netfilter_ipv6/ip6t_frag.h); inversion has the same bits.
mod flag {
    pub(super) const IDS: u8 = 0x01;
    pub(super) const LEN: u8 = 0x02;
    pub(super) const RES: u8 = 0x04;
    pub(super) const FST: u8 = 0x08;
    pub(super) const MF: u8 = 0x10;
    pub(super) const NMF: u8 = 0x20;
}

/// The options without a value, in the order saved, with their bits and words in listings.
const FLAGS: [(&Opt<Flag>, u8, &str); 4] = [
    (&RESERVED, flag::RES, " reserved"),
    (&FIRST, flag::FST, " first"),
    (&MORE, flag::MF, " more"),
    (&LAST, flag::NMF, " last"),
];

/// `-m frag`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Frag {
    ids: FlaggedSpis,
    len: Option<Neg<u32>>,
    /// Bits of [`FLAGS`].
    flags: u8,
}

impl Extension for Frag {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[ID.def(), LEN.def(), RESERVED.def(), FIRST.def(), MORE.def(), LAST.def()],
        revisions: &[Revision::new(0, 16)],
        doc: "matches the fragment header of an IPv6 packet",
        cases: &[
            ("", Some("")),
            ("--fragid 1:42 --fraglen 42 --fragres --fragfirst --fragmore", {
                Some("--fragid 1:42 --fraglen 42 --fragres --fragfirst --fragmore")
            }),
            ("! --fragid 5 ! --fraglen 3", Some("! --fragid 5 ! --fraglen 3")),
            ("--fragid :", Some("")),
            ("! --fragid :", Some("! --fragid 0:4294967295")),
            ("--fragfirst --fraglast", Some("--fragfirst --fraglast")),
            ("--fraglast --fragmore", None),
            ("--fragid 5:4", None),
            ("! --fragres", None),
        ],
        ..Spec::named("frag")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            ids: FlaggedSpis::new(args.get_neg(&ID, cx)?),
            len: args.get_neg(&LEN, cx)?,
            flags: args.bits(FLAGS.map(|(opt, bit, _)| (opt, bit))),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        self.ids.spis().save(w, &ID);
        w.neg_if(&LEN, self.len.as_ref());
        for (opt, bit, _) in FLAGS {
            w.flag(opt, self.flags & bit != 0);
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("frag ");
        self.ids.spis().list(w, "id");
        if let Some(Neg { not, value }) = self.len {
            w.raw(" length:").raw(if not { "!" } else { "" }).number(value);
        }
        for (_, bit, word) in FLAGS {
            w.raw(if self.flags & bit != 0 { word } else { "" });
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (flags, invflags) =
            signs::bits([(flag::IDS, self.ids.sign()), (flag::LEN, self.len.map(|l| l.not))]);
        let raw = Ip6tFrag {
            ids: self.ids.spis().bounds(),
            hdrlen: self.len.map_or(0, |l| l.value),
            flags: flags | self.flags,
            invflags,
        };
        abi::push(out, raw);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: Ip6tFrag = abi::read(bytes)?;
        let known = signs::all(FLAGS.map(|(_, bit, _)| bit));
        let sign = |bit| signs::sign(bit, (raw.flags, raw.invflags));
        // Options that exclude each other cannot be written down.
        if raw.flags & (flag::MF | flag::NMF) == flag::MF | flag::NMF {
            return Err(DecodeError::Unknown);
        }
        Ok(Self {
            ids: FlaggedSpis::from_bounds(raw.ids, sign(flag::IDS))?,
            len: sign(flag::LEN).map(|not| Neg { not, value: raw.hdrlen }),
            flags: raw.flags & known,
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Frag {
    fn try_test(&self, packet: &Packet) -> Result<bool, Missing> {
        let at = packet.find_ipv6_header(exthdr::FRAGMENT)?.offset;
        let [_, reserved, a, b, id @ ..] = packet.array_at::<8>(at)?;
        let frag_off = u16::from_be_bytes([a, b]);
        let has = |bit| self.flags & bit != 0;
        let more = frag_off & 1 != 0;
        Ok(self.ids.spis().fits(u32::from_be_bytes(id))
            && !(has(flag::RES) && (reserved != 0 || frag_off & 6 != 0))
            && !(has(flag::FST) && frag_off & !7 != 0)
            && (!has(flag::MF) || more)
            && !(has(flag::NMF) && more))
    }
}

impl Match for Frag {
    /// `frag_mt6`, which does not look at the length whatever the rule says.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        self.try_test(packet).map_or_else(Missing::truth, Truth::from)
    }
}

abi! {
    /// `struct ip6t_frag` (linux/netfilter_ipv6/ip6t_frag.h).
    struct Ip6tFrag[16] { ids: [u32; 2] = 0, hdrlen: u32 = 8, flags: u8 = 12, invflags: u8 = 13 }
}
