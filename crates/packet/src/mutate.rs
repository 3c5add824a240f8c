//! What targets change in a packet, with the checksums updated in place (RFC 1624 equation 3), as the kernel does.
//!
//! Every change either happens with all its checksums or leaves the packet as it was. An error says why: bytes that
//! are not there are where the kernel drops the packet (`skb_ensure_writable` fails).

use std::net::IpAddr;

use crate::Family;
use crate::checksum::{self, add};
use crate::packet::Packet;
use crate::{Missing, proto};

/// What a change did to the sum over the words it changed: the old words and the new.
#[derive(Clone, Copy, Debug, Default)]
struct Delta {
    old: u16,
    new: u16,
}

impl Delta {
    /// RFC 1624 equation 3: `HC' = ~(~HC + ~m + m')`.
    fn applied_to(self, sum: u16) -> u16 {
        !add(add(!sum, !self.old), self.new)
    }
}

/// Where a transport protocol has its checksum, from its header's start, and whether addresses are part of it.
fn checksum_place(protocol: u8) -> Option<(usize, bool)> {
    match protocol {
        proto::TCP => Some((16, true)),
        proto::UDP | proto::UDPLITE | proto::DCCP => Some((6, true)),
        proto::ICMPV6 => Some((2, true)),
        proto::ICMP => Some((2, false)),
        _ => None,
    }
}

impl Packet {
    /// The word at an even offset.
    fn word(&self, offset: usize) -> Result<u16, Missing> {
        self.array_at(offset).map(u16::from_be_bytes)
    }

    /// Overwrites bytes that are there, at an even offset, an even number of them.
    fn overwrite(&mut self, offset: usize, new: &[u8]) -> Result<Delta, Missing> {
        let old = checksum::sum(self.bytes_at(offset, new.len())?);
        let end = offset + new.len();
        self.data_mut().get_mut(offset..end).ok_or(Missing::NotCaptured)?.copy_from_slice(new);
        Ok(Delta { old, new: checksum::sum(new) })
    }

    /// Overwrites part of the IPv4 header and updates its checksum.
    fn overwrite_ipv4(&mut self, offset: usize, new: &[u8]) -> Result<Delta, Missing> {
        let sum = self.word(10)?;
        let delta = self.overwrite(offset, new)?;
        self.overwrite(10, &delta.applied_to(sum).to_be_bytes())?;
        Ok(delta)
    }

    /// The place and value of the transport checksum that a change must update, if there is one: not in later
    /// fragments, not in UDP over IPv4 without a checksum.
    fn transport_sum(&self, of_addresses: bool) -> Result<Option<(usize, u16)>, Missing> {
        let Ok(transport) = self.transport() else { return Ok(None) };
        let Some((place, has_addresses)) = checksum_place(transport.protocol) else {
            return Ok(None);
        };
        if transport.fragment != 0 || (of_addresses && !has_addresses) {
            return Ok(None);
        }
        let at = transport.offset + place;
        let sum = self.word(at)?;
        Ok((transport.protocol != proto::UDP || sum != 0).then_some((at, sum)))
    }

    /// Updates the transport checksum. A UDP checksum that comes to 0 is written as its other zero, `0xffff`
    /// (`CSUM_MANGLED_0`).
    fn update_transport_sum(
        &mut self,
        place: Option<(usize, u16)>,
        delta: Delta,
    ) -> Result<(), Missing> {
        let Some((at, sum)) = place else { return Ok(()) };
        let new = match delta.applied_to(sum) {
            0 if matches!(self.protocol(), Some(proto::UDP | proto::UDPLITE)) => 0xffff,
            new => new,
        };
        self.overwrite(at, &new.to_be_bytes()).map(drop)
    }

    /// Sets the TOS byte or traffic class; `include/net/dsfield.h:ipv4_change_dsfield`, `ipv6_change_dsfield`.
    ///
    /// # Errors
    /// None in practice: a packet has its IP header.
    pub fn set_tos(&mut self, tos: u8) -> Result<(), Missing> {
        let [a, b] = self.array_at(0)?;
        match self.family() {
            Family::Ip4 => self.overwrite_ipv4(0, &[a, tos]).map(drop),
            Family::Ip6 => {
                let words = [(a & 0xf0) | (tos >> 4), (tos << 4) | (b & 15)];
                self.overwrite(0, &words).map(drop)
            }
        }
    }

    /// Sets the DSCP, the upper six bits of the TOS byte; `dscp` is 0 to 63.
    ///
    /// # Errors
    /// As [`Packet::set_tos`].
    pub fn set_dscp(&mut self, dscp: u8) -> Result<(), Missing> {
        self.set_tos((dscp << 2) | (self.tos() & 3))
    }

    /// Sets the ECN bits of the IP header, the lower two of the TOS byte; `ecn` is 0 to 3.
    ///
    /// # Errors
    /// As [`Packet::set_tos`].
    pub fn set_ecn(&mut self, ecn: u8) -> Result<(), Missing> {
        self.set_tos((self.tos() & !3) | (ecn & 3))
    }

    /// Sets TTL or hop limit.
    ///
    /// # Errors
    /// As [`Packet::set_tos`].
    pub fn set_ttl(&mut self, ttl: u8) -> Result<(), Missing> {
        match self.family() {
            Family::Ip4 => {
                let protocol = self.word(8)?.to_be_bytes()[1];
                self.overwrite_ipv4(8, &[ttl, protocol]).map(drop)
            }
            Family::Ip6 => {
                let next = self.word(6)?.to_be_bytes()[0];
                self.overwrite(6, &[next, ttl]).map(drop)
            }
        }
    }

    /// Sets the source address, with the transport checksum.
    ///
    /// # Errors
    /// [`Missing::Absent`] for an address of the other family; [`Missing::Truncated`] or [`Missing::NotCaptured`]
    /// if the transport checksum is not there.
    pub fn set_src(&mut self, address: IpAddr) -> Result<(), Missing> {
        self.set_address(12, 8, address)
    }

    /// Sets the destination address, with the transport checksum.
    ///
    /// # Errors
    /// As [`Packet::set_src`].
    pub fn set_dst(&mut self, address: IpAddr) -> Result<(), Missing> {
        self.set_address(16, 24, address)
    }

    fn set_address(&mut self, v4: usize, v6: usize, address: IpAddr) -> Result<(), Missing> {
        let sum = self.transport_sum(true)?;
        let delta = match (self.family(), address) {
            (Family::Ip4, IpAddr::V4(address)) => self.overwrite_ipv4(v4, &address.octets())?,
            (Family::Ip6, IpAddr::V6(address)) => self.overwrite(v6, &address.octets())?,
            _ => return Err(Missing::Absent),
        };
        self.update_transport_sum(sum, delta)
    }

    /// Sets the source port of TCP, UDP, UDP-Lite, SCTP or DCCP.
    ///
    /// # Errors
    /// [`Missing::Absent`] for another protocol, else why the header cannot be read.
    pub fn set_sport(&mut self, port: u16) -> Result<(), Missing> {
        self.set_port(0, port)
    }

    /// Sets the destination port of TCP, UDP, UDP-Lite, SCTP or DCCP.
    ///
    /// # Errors
    /// As [`Packet::set_sport`].
    pub fn set_dport(&mut self, port: u16) -> Result<(), Missing> {
        self.set_port(2, port)
    }

    fn set_port(&mut self, place: usize, port: u16) -> Result<(), Missing> {
        match self.protocol() {
            Some(proto::TCP | proto::UDP | proto::UDPLITE | proto::DCCP) => {
                self.set_transport_word(place, port)
            }
            Some(proto::SCTP) => {
                let start = self.sctp().map(|sctp| sctp.offset())?;
                self.bytes_at(start, self.total_len() - start)?;
                self.set_transport_word(place, port)?;
                match self.transport_checksum()? {
                    Some((at, Field::Crc(crc))) => self.overwrite(at, &crc.to_le_bytes()).map(drop),
                    _ => Ok(()),
                }
            }
            _ => Err(Missing::Absent),
        }
    }

    /// Sets the identifier of an ICMP or ICMPv6 query, which NAT translates as a port.
    ///
    /// # Errors
    /// [`Missing::Absent`] for another protocol, else why the header cannot be read.
    pub fn set_icmp_id(&mut self, id: u16) -> Result<(), Missing> {
        match self.protocol() {
            Some(proto::ICMP | proto::ICMPV6) => self.set_transport_word(4, id),
            _ => Err(Missing::Absent),
        }
    }

    /// Overwrites a word of the transport header of a first or only fragment.
    fn set_transport_word(&mut self, place: usize, word: u16) -> Result<(), Missing> {
        let transport = self.transport()?;
        if transport.fragment != 0 {
            return Err(Missing::LaterFragment);
        }
        let sum = self.transport_sum(false)?;
        let delta = self.overwrite(transport.offset + place, &word.to_be_bytes())?;
        self.update_transport_sum(sum, delta)
    }

    /// Sets those TCP flags that are in `mask` to what `value` has (`ECN`: ECE 64, CWR 128). The kernel does not look
    /// whether it is a later fragment (`net/ipv4/netfilter/ipt_ECN.c:set_ect_tcp`).
    ///
    /// # Errors
    /// As [`Packet::tcp_even_in_fragments`].
    pub fn set_tcp_flags(&mut self, mask: u8, value: u8) -> Result<(), Missing> {
        let tcp = self.tcp_even_in_fragments()?;
        let (flags, start) = ((tcp.flags() & !mask) | (value & mask), tcp.offset());
        if flags == tcp.flags() {
            return Ok(());
        }
        let [offset_bits, _] = self.array_at(start + 12)?;
        let sum = (start + 16, self.word(start + 16)?);
        let delta = self.overwrite(start + 12, &[offset_bits, flags])?;
        self.update_transport_sum(Some(sum), delta)
    }

    /// Lowers the TCP maximum segment size to `mss`, or adds the option where the segment has none and no payload:
    /// `net/netfilter/xt_TCPMSS.c:tcpmss_mangle_packet` with what its callers do to the IP header. It is never
    /// raised; an added one is at most the protocol's default (536, 1220). The caller looks for SYN.
    ///
    /// # Errors
    /// The kernel drops the packet, other than for [`Missing::LaterFragment`], which it leaves alone.
    pub fn set_tcp_mss(&mut self, mss: u16) -> Result<(), Missing> {
        let tcp = self.tcp()?;
        let (start, header_len) = (tcp.offset(), tcp.header_len());
        let has_payload = self.total_len() - start > header_len;
        let options = tcp.options()?;
        let total = header_len - 20;
        // Kernel: the option must fit whole; the walk stops four bytes before the end.
        let found =
            options.take_while(|option| option.from_here.len() >= 4).find_map(
                |option| match option.from_here {
                    [2, 4, high, low, ..] => {
                        Some((total - option.from_here.len(), u16::from_be_bytes([*high, *low])))
                    }
                    _ => None,
                },
            );
        match found {
            Some((_, old)) if old <= mss => Ok(()),
            Some((at, _)) => self.overwrite_tcp_bytes(20 + at + 2, &mss.to_be_bytes()),
            None if has_payload || header_len >= 60 => Ok(()),
            None => self.add_tcp_mss(start, header_len, mss),
        }
    }

    /// Adds the option before all others.
    fn add_tcp_mss(&mut self, start: usize, header_len: usize, mss: u16) -> Result<(), Missing> {
        let default = match self.family() {
            Family::Ip4 => 536,
            Family::Ip6 => 1220,
        };
        if !self.is_whole() {
            return Err(Missing::NotCaptured);
        }
        let [high, low] = mss.min(default).to_be_bytes();
        let [words, flags] = self.array_at(start + 12)?;
        let (len_at, len) = match self.family() {
            Family::Ip4 => (2, self.word(2)?),
            Family::Ip6 => (4, self.word(4)?),
        };
        // A packet of 64 KB has payload, so the sum cannot wrap; a jumbogram's length of 0 must stay.
        let longer = if len == 0 { 0 } else { len.checked_add(4).ok_or(Missing::Malformed)? };
        let options_at = start + 20;
        self.data_mut().splice(options_at..options_at, [2, 4, high, low]);
        self.grow(4);
        match self.family() {
            Family::Ip4 => self.overwrite_ipv4(len_at, &longer.to_be_bytes())?,
            Family::Ip6 => self.overwrite(len_at, &longer.to_be_bytes())?,
        };
        let sum = self.transport_sum(false)?;
        let length = |len: usize| u16::try_from(len).map_err(|_| Missing::Malformed);
        let mut delta = Delta {
            old: length(header_len)?,
            new: add(length(header_len + 4)?, checksum::sum(&[2, 4, high, low])),
        };
        let step = self.overwrite(start + 12, &[words + 0x10, flags])?;
        delta = Delta { old: add(delta.old, step.old), new: add(delta.new, step.new) };
        self.update_transport_sum(sum, delta)
    }

    /// Overwrites the TCP options of which `strip` says so with no-operations:
    /// `net/netfilter/xt_TCPOPTSTRIP.c:tcpoptstrip_mangle_packet`.
    ///
    /// # Errors
    /// As [`Packet::set_tcp_mss`].
    pub fn strip_tcp_options(&mut self, strip: impl Fn(u8) -> bool) -> Result<(), Missing> {
        let tcp = self.tcp()?;
        let header_len = tcp.header_len();
        let mut places = Vec::new();
        for option in tcp.options()? {
            let at = header_len - option.from_here.len();
            // The last byte is never looked at, and an option that does not fit ends the walk.
            let Some(&[_, stated]) = option.from_here.first_chunk::<2>() else { break };
            let len = if option.kind <= 1 { 1 } else { usize::from(stated.max(1)) };
            if len > option.from_here.len() {
                break;
            }
            if strip(option.kind) {
                places.push((at, len));
            }
        }
        for (at, len) in places {
            self.overwrite_tcp_bytes(at, &vec![1; len])?;
        }
        Ok(())
    }

    /// Overwrites bytes of the TCP header, at whatever offset from its start.
    fn overwrite_tcp_bytes(&mut self, place: usize, new: &[u8]) -> Result<(), Missing> {
        let start = self.transport()?.offset;
        let even = place & !1;
        let odd_end = (place + new.len()) & 1;
        let mut words = self.bytes_at(start + even, place - even + new.len() + odd_end)?.to_vec();
        if let Some(target) = words.get_mut(place - even..place - even + new.len()) {
            target.copy_from_slice(new);
        }
        let sum = self.transport_sum(false)?;
        let delta = self.overwrite(start + even, &words)?;
        self.update_transport_sum(sum, delta)
    }

    /// Computes all checksums anew: of the IPv4 header and, in a packet that is no fragment, of the transport
    /// header, if it is long enough to have one. UDP over IPv4 gets one too.
    ///
    /// # Errors
    /// [`Missing::NotCaptured`]: the payload is not all there.
    pub fn fill_checksums(&mut self) -> Result<(), Missing> {
        let transport = self.transport_checksum()?;
        if self.family() == Family::Ip4 {
            let header = self.bytes_at(0, self.header_len())?;
            let sum = !sum_around(header, 10);
            self.overwrite(10, &sum.to_be_bytes())?;
        }
        match transport {
            Some((at, Field::Sum(sum))) => self.overwrite(at, &sum.to_be_bytes()).map(drop),
            Some((at, Field::Crc(crc))) => self.overwrite(at, &crc.to_le_bytes()).map(drop),
            None => Ok(()),
        }
    }

    /// The right transport checksum and its place.
    fn transport_checksum(&self) -> Result<Option<(usize, Field)>, Missing> {
        let Ok(transport) = self.transport() else { return Ok(None) };
        if transport.fragment != 0 || self.has_more_fragments() {
            return Ok(None);
        }
        let offset = transport.offset;
        let Some(len) = self.total_len().checked_sub(offset) else { return Ok(None) };
        let whole = self.bytes_at(offset, len)?;
        if transport.protocol == proto::SCTP {
            // RFC 9260 appendix A: over the packet with a checksum field of 0, least significant byte first.
            let (Some(before), Some(after)) = (whole.get(..8), whole.get(12..)) else {
                return Ok(None);
            };
            let crc = checksum::crc32c(&[before, &[0; 4], after]);
            return Ok(Some((offset + 8, Field::Crc(crc))));
        }
        let Some((place, has_addresses)) = checksum_place(transport.protocol) else {
            return Ok(None);
        };
        if len < place + 2 {
            return Ok(None);
        }
        let pseudo = match has_addresses {
            true => self.pseudo_header_sum(transport.protocol, len)?,
            false => 0,
        };
        let covered = self.checksum_coverage(transport.protocol, offset, len)?;
        let sum = !add(pseudo, sum_around(self.bytes_at(offset, covered)?, place));
        let udp = matches!(transport.protocol, proto::UDP | proto::UDPLITE);
        let sum = if udp && sum == 0 { 0xffff } else { sum };
        Ok(Some((offset + place, Field::Sum(sum))))
    }

    fn pseudo_header_sum(&self, protocol: u8, len: usize) -> Result<u16, Missing> {
        let len = u32::try_from(len).map_err(|_| Missing::Malformed)?;
        Ok(checksum::pseudo_header_sum(self.src(), self.dst(), protocol, len))
    }

    /// How much of a datagram its checksum is over: RFC 3828 3.1 for UDP-Lite, RFC 4340 9.2 for DCCP.
    fn checksum_coverage(&self, protocol: u8, offset: usize, len: usize) -> Result<usize, Missing> {
        Ok(match protocol {
            proto::UDPLITE => match usize::from(self.word(offset + 4)?) {
                0 => len,
                stated => stated.min(len),
            },
            proto::DCCP => {
                let [words, coverage] = self.array_at(offset + 4)?;
                match coverage & 15 {
                    0 => len,
                    n => ((usize::from(words) + usize::from(n) - 1) * 4).min(len),
                }
            }
            _ => len,
        })
    }

    pub(crate) fn has_more_fragments(&self) -> bool {
        match self.ipv4() {
            Some(ipv4) => ipv4.more_fragments(),
            None => self
                .find_ipv6_header(crate::exthdr::FRAGMENT)
                .and_then(|found| self.array_at(found.offset + 3))
                .is_ok_and(|[low]| low & 1 == 1),
        }
    }
}

/// The value of a transport checksum field.
enum Field {
    /// The Internet checksum.
    Sum(u16),
    /// SCTP's CRC32c.
    Crc(u32),
}

/// The sum over `bytes` with the word at `place` taken as 0.
fn sum_around(bytes: &[u8], place: usize) -> u16 {
    let before = bytes.get(..place).unwrap_or(bytes);
    add(checksum::sum(before), checksum::sum(bytes.get(place + 2..).unwrap_or(&[])))
}
