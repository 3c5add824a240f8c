//! The packet handed to a local socket without changing it (kernel `net/netfilter/xt_TPROXY.c`).

use crate::abi::{self, Be16, InetAddr, abi};
use crate::value::{MarkMask, Port};
use crate::*;
use oxtables_base::addr;
use oxtables_base::sample::Rng;
use std::net::{IpAddr, Ipv4Addr};

const ON_PORT: Opt<OnPort> = Opt::new("on-port", "the socket's port; 0: as it is").required();
const ON_IP: Opt<IpAddr> = Opt::new("on-ip", "the socket's address");
const MARK: Opt<MarkMask> =
    Opt::new("tproxy-mark", "clear the bits of the mask in the mark, then flip those of the value");

/// `-j TPROXY`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tproxy {
    /// The socket's port; 0: the packet's own.
    pub port: u16,
    /// The socket's address; unspecified: the one of the interface the packet came in by.
    pub ip: IpAddr,
    /// How the packet's mark is changed.
    pub mark: MarkMask,
}

/// A port.
///
/// COMPAT: upstream cuts a port above 65535 to its low 16 bits; it is refused here.
struct OnPort(u16);

impl Value for OnPort {
    const SYNTAX: &'static str = Port::SYNTAX;

    fn parse(word: &[u8], cx: &ValueCx<'_>) -> Result<Self, ValueError> {
        Port::parse(word, cx).map(|p| Self(p.0)).map_err(|_| ValueError::PortOfRange)
    }

    fn save(&self, out: &mut Vec<u8>) {
        Port(self.0).save(out);
    }

    fn sample(rng: &mut Rng, cx: &ValueCx<'_>) -> Vec<u8> {
        Port::sample(rng, cx)
    }
}

impl Extension for Tproxy {
    const SPEC: Spec = Spec {
        options: &[ON_PORT.def(), ON_IP.def(), MARK.def()],
        revisions: &[Revision::new(1, 32), Revision::new(0, 16)],
        doc: "hands the packet to a local socket without changing its addresses",
        cases: &[
            ("--on-port 65536", None),
            ("--on-port x", None),
            ("--on-port 80 --tproxy-mark 1/", None),
            ("--on-port 80 --on-ip nosuch", None),
            ("--tproxy-mark 1", None),
        ],
        ..Spec::named("TPROXY")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        Ok(Self {
            port: args.need(&ON_PORT, cx)?.0,
            ip: args.get(&ON_IP, cx)?.unwrap_or(addr::unspecified(cx.family)),
            mark: args.get(&MARK, cx)?.unwrap_or(MarkMask { value: 0, mask: 0 }),
        })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        let MarkMask { value, mask } = self.mark;
        w.opt(&ON_PORT, &OnPort(self.port));
        w.opt(&ON_IP, &self.ip);
        w.name(false, MARK.def().name);
        w.word(&format!("{value:#x}/{mask:#x}"));
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        let MarkMask { value, mask } = self.mark;
        w.word("TPROXY redirect ").value(&self.ip).raw(":").number(self.port);
        w.word(&format!("mark {value:#x}/{mask:#x}"));
    }

    /// Revision 0 is IPv4's alone.
    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let MarkMask { value: mark_value, mask: mark_mask } = self.mark;
        let lport = Be16::new(self.port);
        match (rev, self.ip) {
            (1, ip) => {
                let laddr = InetAddr::new(ip);
                abi::push(out, XtTproxyTargetInfoV1 { mark_mask, mark_value, laddr, lport });
                out.extend_from_slice(&[0; 4]);
            }
            (_, IpAddr::V4(ip)) => {
                let laddr = ip.octets();
                abi::push(out, XtTproxyTargetInfo { mark_mask, mark_value, laddr, lport });
            }
            (_, IpAddr::V6(_)) => (),
        }
    }

    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = match rev {
            1 => abi::read(bytes)?,
            _ => {
                let old: XtTproxyTargetInfo = abi::read(bytes)?;
                XtTproxyTargetInfoV1 {
                    mark_mask: old.mark_mask,
                    mark_value: old.mark_value,
                    laddr: InetAddr::new(IpAddr::V4(Ipv4Addr::from(old.laddr))),
                    lport: old.lport,
                }
            }
        };
        Ok(Self {
            port: raw.lport.value(),
            ip: raw.laddr.get_addr(cx.family).ok_or(DecodeError::Unknown)?,
            mark: MarkMask { value: raw.mark_value, mask: raw.mark_mask },
        })
    }

    fn effect(&self) -> Effect {
        Effect::Unknown("the sockets of this host are not known")
    }
}

abi! {
    /// `struct xt_tproxy_target_info_v1` (linux/netfilter/xt_TPROXY.h).
    struct XtTproxyTargetInfoV1[28] {
        mark_mask: u32 = 0,
        mark_value: u32 = 4,
        laddr: InetAddr = 8,
        lport: Be16 = 24,
    }
}

abi! {
    /// `struct xt_tproxy_target_info`.
    struct XtTproxyTargetInfo[16] {
        mark_mask: u32 = 0,
        mark_value: u32 = 4,
        laddr: [u8; 4] = 8,
        lport: Be16 = 12,
    }
}
