//! IPv6 prefixes translated without state, RFC 6296 (kernel `net/ipv6/netfilter/ip6t_NPT.c`).

use crate::abi::{self, InetAddr, abi};
use crate::value::PrefixLen;
use crate::*;
use oxtables_base::sample::Rng;
use std::net::IpAddr;

const SRC: Opt<Prefix> = Opt::new("src-pfx", "the prefix that is replaced").required();
const DST: Opt<Prefix> = Opt::new("dst-pfx", "the prefix that takes its place").required();

/// Where the kernel's own part of the struct begins: the sum that balances the checksum.
const PRIVATE: usize = 34;

/// `-j SNPT` (`DESTINATION = false`) and `-j DNPT`: the same of the source and the destination.
///
/// COMPAT: upstream leaves a prefix of `::` out when it saves, and cannot restore the rule; it is
/// written here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Npt<const DESTINATION: bool> {
    /// What is replaced.
    pub src: Prefix,
    /// What takes its place.
    pub dst: Prefix,
}

/// An address and how many bits of it count. Whether the others are 0 is for the kernel to say,
/// which wants them so and at most 64 that count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Prefix {
    /// The address.
    pub addr: IpAddr,
    /// How many bits count.
    pub len: u8,
}

impl Value for Prefix {
    const SYNTAX: &'static str = "prefix/length";

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        let mut parts = word.splitn(2, |&c| c == b'/');
        let addr = parts.next().unwrap_or_default();
        let len = match parts.next() {
            Some(len) => PrefixLen::parse(len, cx)?.0,
            None => cx.rule.family.bits(),
        };
        Ok(Self { addr: IpAddr::parse(addr, cx)?, len })
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.addr.save(out);
        out.push(b'/');
        self.len.save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        let mut out = IpAddr::sample(rng, cx);
        out.extend_from_slice(format!("/{}", rng.within(0, 128)).as_bytes());
        out
    }
}

impl<const DESTINATION: bool> Npt<DESTINATION> {
    const NAME: &'static str = if DESTINATION { "DNPT" } else { "SNPT" };
}

impl<const DESTINATION: bool> Extension for Npt<DESTINATION> {
    const SPEC: Spec = Spec {
        families: Families::Ip6,
        options: &[SRC.def(), DST.def()],
        revisions: &[Revision::new(0, 40).private_from(PRIVATE)],
        doc: if DESTINATION {
            "replaces the prefix of the destination address, without connection tracking"
        } else {
            "replaces the prefix of the source address, without connection tracking"
        },
        cases: &[
            ("--src-pfx a::/64 --dst-pfx b::/ffff::", Some("--src-pfx a::/64 --dst-pfx b::/16")),
            ("--dst-pfx b:: --src-pfx ::/0", Some("--src-pfx ::/0 --dst-pfx b::/128")),
            ("--src-pfx a::/129 --dst-pfx b::/64", None),
            ("--src-pfx a::/64", None),
        ],
        ..Spec::named(Self::NAME)
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self { src: args.need(&SRC, cx)?, dst: args.need(&DST, cx)? })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&SRC, &self.src);
        w.opt(&DST, &self.dst);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word(Self::NAME).raw(" src-pfx ").value(&self.src).raw(" dst-pfx ").value(&self.dst);
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let raw = NptTginfo {
            src_pfx: InetAddr::new(self.src.addr),
            dst_pfx: InetAddr::new(self.dst.addr),
            src_pfx_len: self.src.len,
            dst_pfx_len: self.dst.len,
            adjustment: 0,
        };
        abi::push(out, raw);
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(_rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: NptTginfo = abi::read(bytes)?;
        let prefix = |addr: InetAddr, len| {
            let addr = addr.get_addr(cx.family).filter(|_| len <= cx.family.bits());
            addr.map(|addr| Prefix { addr, len }).ok_or(DecodeError::Unknown)
        };
        Ok(Self {
            src: prefix(raw.src_pfx, raw.src_pfx_len)?,
            dst: prefix(raw.dst_pfx, raw.dst_pfx_len)?,
        })
    }

    fn effect(&self) -> Effect {
        Effect::Unknown("the translation of prefixes is not modelled")
    }
}

abi! {
    /// `struct ip6t_npt_tginfo` (linux/netfilter_ipv6/ip6t_NPT.h).
    struct NptTginfo[36] {
        src_pfx: InetAddr = 0,
        dst_pfx: InetAddr = 16,
        src_pfx_len: u8 = 32,
        dst_pfx_len: u8 = 33,
        adjustment: u16 = 34,
    }
}
