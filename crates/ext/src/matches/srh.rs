//! The segment routing header of IPv6, RFC 8754 (kernel `net/ipv6/netfilter/ip6t_srh.c:srh_mt6`,
//! `srh1_mt6`).

use crate::abi::{self, InetAddr, abi};
use crate::*;
use oxtables_base::addr;
use oxtables_base::sample::Rng;
use oxtables_packet::{Missing, exthdr};
use std::net::{IpAddr, Ipv6Addr};

const NEXT_HEADER: Opt<Neg<u8>> =
    Opt::neg("srh-next-hdr", "the header that follows").within(0, 255);
const LEN_EQ: Opt<Neg<u8>> =
    Opt::neg("srh-hdr-len-eq", "units of 8 bytes beyond the first are this").within(0, 255);
const LEN_GT: Opt<Neg<u8>> = Opt::neg("srh-hdr-len-gt", "they are more").within(0, 255);
const LEN_LT: Opt<Neg<u8>> = Opt::neg("srh-hdr-len-lt", "they are fewer").within(0, 255);
const SEGS_EQ: Opt<Neg<u8>> =
    Opt::neg("srh-segs-left-eq", "the segments left are this").within(0, 255);
const SEGS_GT: Opt<Neg<u8>> = Opt::neg("srh-segs-left-gt", "they are more").within(0, 255);
const SEGS_LT: Opt<Neg<u8>> = Opt::neg("srh-segs-left-lt", "they are fewer").within(0, 255);
const LAST_EQ: Opt<Neg<u8>> =
    Opt::neg("srh-last-entry-eq", "the index of the last segment is this").within(0, 255);
const LAST_GT: Opt<Neg<u8>> = Opt::neg("srh-last-entry-gt", "it is more").within(0, 255);
const LAST_LT: Opt<Neg<u8>> = Opt::neg("srh-last-entry-lt", "it is less").within(0, 255);
const TAG: Opt<Neg<u16>> = Opt::neg("srh-tag", "the tag").within(0, 65535);
const PSID: Opt<Neg<Sid>> = Opt::neg("srh-psid", "the previous segment");
const NSID: Opt<Neg<Sid>> = Opt::neg("srh-nsid", "the next segment");
const LSID: Opt<Neg<Sid>> = Opt::neg("srh-lsid", "the last segment");

/// `IP6T_SRH_NEXTHDR` (linux/netfilter_ipv6/ip6t_srh.h); inversion has the same bits.
const FLAG_NEXT_HEADER: u16 = 1;
const FLAG_TAG: u16 = 0x400;
/// `IP6T_SRH_PSID`, `.._NSID`, `.._LSID`.
const FLAG_SIDS: [u16; 3] = [0x800, 0x1000, 0x2000];
const SIDS: [&Opt<Neg<Sid>>; 3] = [&PSID, &NSID, &LSID];

/// `IPV6_SRCRT_TYPE_4`.
const SEGMENT_ROUTING: u8 = 4;

/// `-m srh`.
///
/// COMPAT: the tag is compared in the machine's byte order, as upstream sends it and the kernel
/// takes it: on a little-endian machine `--srh-tag 10` matches the tag 2560.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Srh(Box<Header>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Header {
    next_header: Option<Neg<u8>>,
    /// Of [`BYTES`].
    bytes: [Compared; 3],
    tag: Option<Neg<u16>>,
    /// Previous, next, last.
    sids: [Option<Neg<Sid>>; 3],
}

/// A byte of the header that up to three options compare with one and the same number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Compared {
    value: u8,
    /// Equal, greater, less: whether asked for, and if so, whether inverted.
    signs: [Option<bool>; 3],
}

/// The options of a byte (equal, greater, less), their bits, and its name in listings.
type ComparedBy = ([&'static Opt<Neg<u8>>; 3], [u16; 3], &'static str);

/// The bytes compared.
const BYTES: [ComparedBy; 3] = [
    ([&LEN_EQ, &LEN_GT, &LEN_LT], [0x002, 0x004, 0x008], "hdr-len"),
    ([&SEGS_EQ, &SEGS_GT, &SEGS_LT], [0x010, 0x020, 0x040], "segs-left"),
    ([&LAST_EQ, &LAST_GT, &LAST_LT], [0x080, 0x100, 0x200], "last-entry"),
];

/// A segment under a mask.
///
/// COMPAT: upstream writes a mask that is no prefix as `/4294967295`; here it is written out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sid {
    /// With bits outside the mask, as typed: the kernel does not look at them.
    addr: Ipv6Addr,
    mask: Ipv6Addr,
}

fn v6(addr: IpAddr) -> Option<Ipv6Addr> {
    if let IpAddr::V6(addr) = addr { Some(addr) } else { None }
}

impl Value for Sid {
    const SYNTAX: &'static str = "address[/mask]";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let mut parts = word.splitn(2, |&c| c == b'/');
        let host = parts.next().unwrap_or_default();
        let mask = match parts.next() {
            Some(mask) => addr::parse_mask(Family::Ip6, mask),
            None => Some(addr::prefix_mask(Family::Ip6, 128)),
        };
        Ok(Self {
            addr: v6(IpAddr::parse(host, cx)?).ok_or(ValueError::Host)?,
            mask: mask.and_then(v6).ok_or(ValueError::Mask(128))?,
        })
    }

    fn save(&self, out: &mut Vec<u8>) {
        addr::push_addr(out, self.addr.into());
        out.push(b'/');
        match addr::prefix_len(self.mask.into()) {
            Some(len) => oxtables_base::number::push_decimal(out, len.into()),
            None => addr::push_addr(out, self.mask.into()),
        }
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let mut out = IpAddr::sample(rng, cx);
        match rng.bits() % 3 {
            0 => out.extend_from_slice(b"/ffff::ff"),
            1 => out.extend_from_slice(format!("/{}", rng.within(0, 128)).as_bytes()),
            _ => (),
        }
        out
    }
}

impl Compared {
    /// COMPAT: upstream compares with the number given last, whichever option had it; different
    /// numbers are refused here.
    fn parse(
        args: &Args<'_>,
        cx: &ParseCx<'_>,
        options: &[&Opt<Neg<u8>>; 3],
    ) -> Result<Self, ArgError> {
        let mut compared: Option<Self> = None;
        for (i, &option) in options.iter().enumerate() {
            let Some(Neg { not, value }) = args.get_neg(option, cx)? else { continue };
            let here = compared.get_or_insert(Self { value, signs: [None; 3] });
            if here.value != value {
                let error = "srh: -eq, -gt and -lt of one field must have the same number";
                return Err(ArgError::own("srh", error).at(&option.def(), b""));
            }
            if let Some(sign) = here.signs.get_mut(i) {
                *sign = Some(not);
            }
        }
        Ok(compared.unwrap_or_default())
    }

    /// The options asked for, by their place.
    fn asked(self) -> impl Iterator<Item = (usize, Neg<u8>)> {
        let signs = self.signs.into_iter().enumerate();
        signs.filter_map(move |(i, not)| Some((i, Neg { not: not?, value: self.value })))
    }

    fn fits(self, have: u8) -> bool {
        self.asked().all(|(i, Neg { not, value })| {
            let so = match i {
                0 => have == value,
                1 => have > value,
                _ => have < value,
            };
            so != not
        })
    }
}

impl Extension for Srh {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[
            NEXT_HEADER.def(),
            LEN_EQ.def(),
            LEN_GT.def(),
            LEN_LT.def(),
            SEGS_EQ.def(),
            SEGS_GT.def(),
            SEGS_LT.def(),
            LAST_EQ.def(),
            LAST_GT.def(),
            LAST_LT.def(),
            TAG.def(),
            PSID.def(),
            NSID.def(),
            LSID.def(),
        ],
        revisions: &[Revision::new(1, 112), Revision::new(0, 16)],
        doc: "matches the segment routing header of an IPv6 packet",
        cases: &[
            ("", Some("")),
            ("--srh-next-hdr 17 ! --srh-segs-left-gt 5 --srh-tag 10 --srh-psid a::/64", {
                Some("--srh-next-hdr 17 ! --srh-segs-left-gt 5 --srh-tag 10 --srh-psid a::/64")
            }),
            ("! --srh-lsid ::1", Some("! --srh-lsid ::1/128")),
            ("--srh-nsid b::1/ffff::ff", Some("--srh-nsid b::1/ffff::ff")),
            ("--srh-hdr-len-eq 5 ! --srh-hdr-len-gt 5", {
                Some("--srh-hdr-len-eq 5 ! --srh-hdr-len-gt 5")
            }),
            ("--srh-hdr-len-eq 5 --srh-hdr-len-gt 4", None),
            ("--srh-tag 65536", None),
            ("--srh-psid ::1/129", None),
            ("--srh-last-entry-lt 256", None),
        ],
        ..Spec::named("srh")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let mut header = Header {
            next_header: args.get_neg(&NEXT_HEADER, cx)?,
            bytes: [Compared::default(); 3],
            tag: args.get_neg(&TAG, cx)?,
            sids: [None; 3],
        };
        for (slot, (options, ..)) in header.bytes.iter_mut().zip(&BYTES) {
            *slot = Compared::parse(args, cx, options)?;
        }
        for (slot, option) in header.sids.iter_mut().zip(SIDS) {
            *slot = args.get_neg(option, cx)?;
        }
        Ok(Self(Box::new(header)))
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&NEXT_HEADER, self.0.next_header.as_ref());
        for (compared, (options, ..)) in self.0.bytes.iter().zip(&BYTES) {
            for (i, value) in compared.asked() {
                if let Some(option) = options.get(i) {
                    w.neg(option, &value);
                }
            }
        }
        w.neg_if(&TAG, self.0.tag.as_ref());
        for (sid, option) in self.0.sids.iter().zip(SIDS) {
            w.neg_if(option, sid.as_ref());
        }
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let sign = |not| if not { "!" } else { "" };
        w.word("srh");
        if let Some(Neg { not, value }) = self.0.next_header {
            w.word("next-hdr:").raw(sign(not)).number(value);
        }
        for (compared, (.., name)) in self.0.bytes.iter().zip(&BYTES) {
            for (i, Neg { not, value }) in compared.asked() {
                let how = ["-eq:", "-gt:", "-lt:"].get(i).copied().unwrap_or_default();
                w.word(name).raw(how).raw(sign(not)).number(value);
            }
        }
        if let Some(Neg { not, value }) = self.0.tag {
            w.word("tag:").raw(sign(not)).number(value);
        }
        for (sid, name) in self.0.sids.iter().zip(["psid ", "nsid ", "lsid "]) {
            if let Some(Neg { not, value }) = sid {
                w.word(name).raw(sign(*not)).raw(" ").value(value);
            }
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (head, addrs, masks) = self.0.to_raw();
        if rev == 0 {
            // Revision 0 knows no segments.
            if self.0.sids == [None; 3] {
                abi::push(out, head);
                out.extend_from_slice(&[0; 6]);
            }
            return;
        }
        let Ip6tSrh { next_hdr, hdr_len, segs_left, last_entry, tag, mt_flags, mt_invflags } = head;
        let raw = Ip6tSrh1 {
            next_hdr,
            hdr_len,
            segs_left,
            last_entry,
            tag,
            addrs,
            masks,
            mt_flags,
            mt_invflags,
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let no_segments = [InetAddr([0; 16]); 3];
        let header = if rev == 0 {
            Header::from_raw(abi::read(bytes)?, no_segments, no_segments)
        } else {
            let raw: Ip6tSrh1 = abi::read(bytes)?;
            let head = Ip6tSrh {
                next_hdr: raw.next_hdr,
                hdr_len: raw.hdr_len,
                segs_left: raw.segs_left,
                last_entry: raw.last_entry,
                tag: raw.tag,
                mt_flags: raw.mt_flags,
                mt_invflags: raw.mt_invflags,
            };
            Header::from_raw(head, raw.addrs, raw.masks)
        };
        Ok(Self(Box::new(header)))
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Header {
    /// The fields of revision 0, and the segments and masks that revision 1 has too.
    fn to_raw(&self) -> (Ip6tSrh, [InetAddr; 3], [InetAddr; 3]) {
        let compared = self.bytes.iter().zip(&BYTES);
        let compared =
            compared.flat_map(|(byte, (_, bits, _))| bits.iter().copied().zip(byte.signs));
        let sids = FLAG_SIDS.into_iter().zip(self.sids.map(|sid| sid.map(|s| s.not)));
        let others = [
            (FLAG_NEXT_HEADER, self.next_header.map(|n| n.not)),
            (FLAG_TAG, self.tag.map(|t| t.not)),
        ];
        let (mt_flags, mt_invflags) = signs::bits(others.into_iter().chain(compared).chain(sids));
        let part = |part: fn(Sid) -> Ipv6Addr| {
            self.sids.map(|sid| InetAddr(sid.map_or([0; 16], |s| part(s.value).octets())))
        };
        let [hdr_len, segs_left, last_entry] = self.bytes.map(|compared| compared.value);
        let next_hdr = self.next_header.map_or(0, |n| n.value);
        let tag = self.tag.map_or(0, |t| t.value);
        let head = Ip6tSrh { next_hdr, hdr_len, segs_left, last_entry, tag, mt_flags, mt_invflags };
        (head, part(|sid| sid.addr), part(|sid| sid.mask))
    }

    /// The inverse of [`Self::to_raw`].
    fn from_raw(raw: Ip6tSrh, addrs: [InetAddr; 3], masks: [InetAddr; 3]) -> Self {
        let sign = |bit| signs::sign(bit, (raw.mt_flags, raw.mt_invflags));
        let mut header = Self {
            next_header: sign(FLAG_NEXT_HEADER).map(|not| Neg { not, value: raw.next_hdr }),
            bytes: [raw.hdr_len, raw.segs_left, raw.last_entry]
                .map(|value| Compared { value, signs: [None; 3] }),
            tag: sign(FLAG_TAG).map(|not| Neg { not, value: raw.tag }),
            sids: [None; 3],
        };
        for (compared, (_, bits, _)) in header.bytes.iter_mut().zip(&BYTES) {
            compared.signs = bits.map(sign);
            if compared.signs == [None; 3] {
                // Left over in the kernel's bytes, it keeps them from being read as this.
                compared.value = 0;
            }
        }
        let segments = addrs.into_iter().zip(masks);
        for ((slot, bit), (addr, mask)) in header.sids.iter_mut().zip(FLAG_SIDS).zip(segments) {
            let value = Sid { addr: addr.0.into(), mask: mask.0.into() };
            *slot = sign(bit).map(|not| Neg { not, value });
        }
        header
    }

    fn try_test(&self, packet: &Packet) -> Result<bool, Missing> {
        let at = packet.find_ipv6_header(exthdr::ROUTING)?.offset;
        let [next, units, kind, left, last, _flags, tag @ ..] = packet.array_at::<8>(at)?;
        let short = packet.total_len() < at + (usize::from(units) + 1) * 8;
        if short || kind != SEGMENT_ROUTING || left > last {
            return Ok(false);
        }
        let [len_fits, left_fits, last_fits] = self.bytes;
        let fields = self.next_header.is_none_or(|n| (n.value == next) != n.not)
            && len_fits.fits(units)
            && left_fits.fits(left)
            && last_fits.fits(last)
            && self.tag.is_none_or(|t| (t.value == u16::from_ne_bytes(tag)) != t.not);
        if !fields {
            return Ok(false);
        }
        let places = [
            (left != last).then(|| usize::from(left) + 1),
            usize::from(left).checked_sub(1),
            Some(0),
        ];
        for (sid, place) in self.sids.iter().zip(places) {
            let Some(Neg { not, value: Sid { addr, mask } }) = sid else { continue };
            let Some(place) = place else { return Ok(false) };
            let have = Ipv6Addr::from(packet.array_at::<16>(at + 8 + place * 16)?);
            let same = (have.to_bits() ^ addr.to_bits()) & mask.to_bits() == 0;
            if same == *not {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Match for Srh {
    /// `srh1_mt6`: what cannot be read is no match, never a drop.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match self.0.try_test(packet) {
            Ok(fits) => fits.into(),
            Err(Missing::NotCaptured) => Missing::NotCaptured.truth(),
            Err(_) => Truth::No,
        }
    }
}

abi! {
    /// `struct ip6t_srh` (linux/netfilter_ipv6/ip6t_srh.h).
    struct Ip6tSrh[10] {
        next_hdr: u8 = 0,
        hdr_len: u8 = 1,
        segs_left: u8 = 2,
        last_entry: u8 = 3,
        tag: u16 = 4,
        mt_flags: u16 = 6,
        mt_invflags: u16 = 8,
    }
}

abi! {
    /// `struct ip6t_srh1` (linux/netfilter_ipv6/ip6t_srh.h): the segments, then their masks.
    struct Ip6tSrh1[108] {
        next_hdr: u8 = 0,
        hdr_len: u8 = 1,
        segs_left: u8 = 2,
        last_entry: u8 = 3,
        tag: u16 = 4,
        addrs: [InetAddr; 3] = 8,
        masks: [InetAddr; 3] = 56,
        mt_flags: u16 = 104,
        mt_invflags: u16 = 106,
    }
}
