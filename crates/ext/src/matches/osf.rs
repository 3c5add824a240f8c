//! The operating system a SYN was made by, as far as a fingerprint tells (kernel
//! `net/netfilter/nfnetlink_osf.c:nf_osf_match`).

use crate::abi::{self, abi};
use crate::value::Name;
use crate::*;

const GENRE: Opt<Neg<Name<GENRE_LEN>>> = Opt::neg("genre", "the operating system").required();
const TTL: Opt<u32> = Opt::new(
    "ttl",
    "how the time to live is compared: 0 exactly, 1 not above the fingerprint's, 2 not at all",
)
.within(0, 2);
const LOG: Opt<u32> =
    Opt::new("log", "what is logged: 0 all, 1 the first fingerprint that fits, 2 all known ones")
        .within(0, 2);

/// The field is 32 bytes with its NUL (`MAXGENRELEN`, linux/netfilter/nfnetlink_osf.h).
const GENRE_LEN: usize = 31;
/// `NF_OSF_*`.
const HAS_TTL: u32 = 2;
const HAS_LOG: u32 = 4;
const INVERT: u32 = 8;

/// `-m osf`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Osf {
    genre: Neg<Name<GENRE_LEN>>,
    ttl: Option<u32>,
    log: Option<u32>,
}

impl Extension for Osf {
    const SPEC: Spec = Spec {
        families: Families::Ip4,
        options: &[GENRE.def(), TTL.def(), LOG.def()],
        revisions: &[Revision::new(0, 48)],
        doc: "matches the operating system that a SYN was made by, by its fingerprint",
        cases: &[
            ("-p tcp --genre Linux", Some("--genre Linux")),
            ("-p tcp --log 2 --ttl 0 ! --genre BSD", Some("! --genre BSD --ttl 0 --log 2")),
            ("-p tcp --genre Linux --ttl 3", None),
            ("-p tcp --genre 01234567890123456789012345678901", None),
            ("-p tcp --genre \"\"", None),
            ("-p tcp --ttl 1", None),
        ],
        ..Spec::named("osf")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            genre: args.need_neg(&GENRE, cx)?,
            ttl: args.get(&TTL, cx)?,
            log: args.get(&LOG, cx)?,
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg(&GENRE, &self.genre);
        w.opt_if(&TTL, self.ttl.as_ref());
        w.opt_if(&LOG, self.log.as_ref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("OS fingerprint match ").raw(if self.genre.not { "! " } else { "" });
        oxtables_base::text::push_visible(w.bytes(), self.genre.value.bytes());
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let flag = |given, bit| if given { bit } else { 0 };
        let genre = self.genre.value.bytes();
        let info = NfOsfInfo {
            genre: abi::c_string(genre).unwrap_or([0; 32]),
            len: u32::try_from(genre.len()).unwrap_or(0),
            flags: flag(self.ttl.is_some(), HAS_TTL)
                | flag(self.log.is_some(), HAS_LOG)
                | flag(self.genre.not, INVERT),
            loglevel: self.log.unwrap_or(0),
            ttl: self.ttl.unwrap_or(0),
        };
        abi::push(out, info);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: NfOsfInfo = abi::read(bytes)?;
        let value = Name::new(abi::c_text(&raw.genre)).ok_or(DecodeError::Unknown)?;
        if raw.ttl > 2 || raw.loglevel > 2 {
            return Err(DecodeError::Unknown);
        }
        Ok(Self {
            genre: Neg { not: raw.flags & INVERT != 0, value },
            ttl: (raw.flags & HAS_TTL != 0).then_some(raw.ttl),
            log: (raw.flags & HAS_LOG != 0).then_some(raw.loglevel),
        })
    }

    /// It logs, even packets that do not match.
    fn view(&self) -> View {
        View::Opaque(Class::Barrier)
    }
}

impl Match for Osf {
    /// `nf_osf_match`: only a SYN is looked at; the fingerprints are the kernel's.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match packet.tcp() {
            Ok(tcp) if tcp.flags() & 0x02 == 0 => Truth::No,
            _ => Truth::Unknown("the fingerprints that the kernel was given are not known"),
        }
    }
}

abi! {
    /// `struct nf_osf_info` (linux/netfilter/nfnetlink_osf.h).
    struct NfOsfInfo[48] {
        genre: [u8; 32] = 0,
        len: u32 = 32,
        flags: u32 = 36,
        loglevel: u32 = 40,
        ttl: u32 = 44,
    }
}
