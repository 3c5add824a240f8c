//! Ports and chunks of an SCTP packet (kernel `net/netfilter/xt_sctp.c:sctp_mt`).

mod chunks;

use crate::abi::{self, abi};
use crate::matches::{flagged_ports, native_ports};
use crate::value::PortRange;
use crate::*;
use chunks::{Chunks, FLAG_SLOTS, FlagInfo, Which};
use oxtables_packet::Missing;

const SPORT: Opt<Neg<PortRange>> = Opt::neg("sport", "source port or ports")
    .formally(&["source-port"])
    .once("Only one `--source-port' allowed");
const DPORT: Opt<Neg<PortRange>> = Opt::neg("dport", "destination port or ports")
    .formally(&["destination-port"])
    .once("Only one `--destination-port' allowed");
const CHUNKS: Opt<Neg<Chunks>> =
    Opt::neg("chunk-types", "all, any or only these chunks are in the packet")
        .once("Only one `--chunk-types' allowed");

/// `XT_SCTP_CHUNK_TYPES` (linux/netfilter/xt_sctp.h).
const FLAG_CHUNKS: u16 = 4;
/// 32-bit words of the kernel's map, of which only the first 8 have bits for chunks.
const MAP_WORDS: usize = 64;

/// `-m sctp`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sctp {
    sport: Option<Neg<PortRange>>,
    dport: Option<Neg<PortRange>>,
    chunks: Option<Box<Neg<Chunks>>>,
}

impl Extension for Sctp {
    const SPEC: Spec = Spec {
        implied_by: &[132],
        options: &[SPORT.def(), DPORT.def(), CHUNKS.def()],
        revisions: &[Revision::new(0, 296)],
        doc: "matches the ports and chunks of an SCTP packet",
        cases: &[
            ("-p sctp", Some("")),
            ("-p sctp --sport 1:9 ! --dport 5", Some("--sport 1:9 ! --dport 5")),
            ("-p sctp --dport 0:65535", Some("--dport 0:65535")),
            ("-p sctp --chunk-types any INIT,data:Be", Some("--chunk-types any DATA:Be,INIT")),
            ("-p sctp ! --chunk-types ALL ABORT:T", Some("! --chunk-types all ABORT:T")),
            ("-p sctp --chunk-types only NONE", Some("--chunk-types only NONE")),
            ("-p sctp --chunk-types all DATA:Uu", Some("--chunk-types all DATA:U")),
            ("-p sctp --chunk-types all I_DATA:IU", Some("--chunk-types all I_DATA:IU")),
            ("-p sctp --chunk-types any NONE,DATA", None),
            ("-p sctp --chunk-types any SACK:U", None),
            ("-p sctp --chunk-types some DATA", None),
            ("-p sctp --chunk-types all", None),
            ("-p sctp --dport 5:4", None),
        ],
        ..Spec::named("sctp")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            sport: args.get_neg(&SPORT, cx)?,
            dport: args.get_neg(&DPORT, cx)?,
            chunks: args.get_neg(&CHUNKS, cx)?.map(Box::new),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.neg_if(&SPORT, self.sport.as_ref());
        w.neg_if(&DPORT, self.dport.as_ref());
        w.neg_if(&CHUNKS, self.chunks.as_deref());
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("sctp");
        native_ports::list(w, "spt", native_ports::condition(self.sport), "sctp");
        native_ports::list(w, "dpt", native_ports::condition(self.dport), "sctp");
        if let Some(chunks) = &self.chunks {
            w.raw(if chunks.not { " ! " } else { " " });
            let numeric = w.numeric;
            chunks.value.write(w.bytes(), numeric);
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let (flags, invflags) = signs::bits([
            (flagged_ports::SOURCE, self.sport.map(|s| s.not)),
            (flagged_ports::DESTINATION, self.dport.map(|d| d.not)),
            (FLAG_CHUNKS, self.chunks.as_ref().map(|c| c.not)),
        ]);
        let none = Chunks::default();
        let chunks = self.chunks.as_ref().map_or(&none, |c| &c.value);
        let mut chunkmap = [if chunks.is_all() { u32::MAX } else { 0 }; MAP_WORDS];
        for (word, bits) in chunkmap.iter_mut().zip(chunks.map()) {
            *word = bits;
        }
        let mut flag_info = [FlagInfo::UNUSED; FLAG_SLOTS];
        for (slot, &info) in flag_info.iter_mut().zip(chunks.flags()) {
            *slot = info;
        }
        let raw = XtSctpInfo {
            dpts: flagged_ports::bounds(self.dport),
            spts: flagged_ports::bounds(self.sport),
            chunkmap,
            chunk_match_type: self.chunks.as_ref().map_or(0, |c| c.value.which().number()),
            flag_info,
            flag_count: u32::try_from(chunks.flags().len()).unwrap_or(0),
            flags: flags.into(),
            invflags: invflags.into(),
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtSctpInfo = abi::read(bytes)?;
        let narrow = |bits| u16::try_from(bits).map_err(|_| DecodeError::Unknown);
        let bits = (narrow(raw.flags)?, narrow(raw.invflags)?);
        let sign = |bit| signs::sign(bit, bits);
        let chunks = match sign(FLAG_CHUNKS) {
            None => None,
            Some(not) => {
                let which = Which::from_number(raw.chunk_match_type).ok_or(DecodeError::Unknown)?;
                let used =
                    usize::try_from(raw.flag_count).ok().and_then(|n| raw.flag_info.get(..n));
                let [a, b, c, d, e, f, g, h, beyond @ ..] = raw.chunkmap;
                let all = beyond.iter().all(|&word| word == u32::MAX);
                let map = [a, b, c, d, e, f, g, h];
                let value = Chunks::from_parts(which, map, all, used.ok_or(DecodeError::Unknown)?);
                Some(Box::new(Neg { not, value: value.ok_or(DecodeError::Unknown)? }))
            }
        };
        Ok(Self {
            sport: flagged_ports::from_bounds(raw.spts, sign(flagged_ports::SOURCE))?,
            dport: flagged_ports::from_bounds(raw.dpts, sign(flagged_ports::DESTINATION))?,
            chunks,
        })
    }

    fn view(&self) -> View {
        View::Opaque(Class::Packet)
    }
}

impl Match for Sctp {
    /// `sctp_mt`: a later fragment never matches, a header or chunk cut short is dropped on the
    /// spot.
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        let sctp = match packet.sctp() {
            Ok(sctp) => sctp,
            Err(missing) => return missing.truth(),
        };
        let ports = native_ports::contain(self.sport, sctp.sport())
            && native_ports::contain(self.dport, sctp.dport());
        match &self.chunks {
            Some(chunks) if ports => {
                let fits = chunks.value.fit(sctp.chunks());
                fits.map_or_else(Missing::truth, |fits| (fits != chunks.not).into())
            }
            _ => ports.into(),
        }
    }
}

abi! {
    /// `struct xt_sctp_info` (linux/netfilter/xt_sctp.h).
    struct XtSctpInfo[292] {
        dpts: [u16; 2] = 0,
        spts: [u16; 2] = 4,
        chunkmap: [u32; MAP_WORDS] = 8,
        chunk_match_type: u32 = 264,
        flag_info: [FlagInfo; FLAG_SLOTS] = 268,
        flag_count: u32 = 280,
        flags: u32 = 284,
        invflags: u32 = 288,
    }
}
