//! What the compiled conditions look at: the packet's fields as words, gathered once per chain.

use oxtables_base::addr::octets;
use oxtables_packet::{Context, Family, IfName, Known, Missing, Packet};

/// Numbers of the fields. Those from [`field::SLOW`] on are not words but questions of their own.
pub(crate) mod field {
    /// The source address, one word, in IPv6 four.
    pub(crate) const SRC: u8 = 0;
    /// The destination address.
    pub(crate) const DST: u8 = 4;
    /// IPv4: byte 9; IPv6: `meta l4proto`.
    pub(crate) const PROTO: u8 = 8;
    /// IPv4: flags and offset.
    pub(crate) const FRAGMENT: u8 = 9;
    /// The mark, in the host's byte order.
    pub(crate) const MARK: u8 = 10;
    /// Transport header, bytes 0 and 1.
    pub(crate) const SPORT: u8 = 11;
    /// Bytes 2 and 3.
    pub(crate) const DPORT: u8 = 12;
    /// Bytes 0 to 3.
    pub(crate) const PORTS: u8 = 13;
    /// Byte 13.
    pub(crate) const FLAGS: u8 = 14;
    /// The number of the incoming interface's name.
    pub(crate) const IN: u8 = 15;
    /// The number of the outgoing interface's name.
    pub(crate) const OUT: u8 = 16;
    /// From here on no words.
    pub(crate) const SLOW: u8 = 32;
    /// The rule's match with the number in `lo`.
    pub(crate) const MATCH: u8 = 32;
    /// The interface pattern with the number in `lo` against the incoming interface.
    pub(crate) const IN_PATTERN: u8 = 33;
    /// The same for the outgoing one.
    pub(crate) const OUT_PATTERN: u8 = 34;
    /// The address condition with the number in `lo`, of more than one word and inverted.
    pub(crate) const ADDRESS: u8 = 35;
    /// Never holds: `! -i +`.
    pub(crate) const NEVER: u8 = 36;
}

/// The number for a name that no rule asks for.
pub(crate) const NO_NAME: u32 = u32::MAX;

/// A packet's fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) value: [u32; 32],
    /// The fields that are there. What is not ends a rule: `NFT_BREAK`.
    pub(crate) there: u32,
    /// The fields that are not known.
    pub(crate) unknown: u32,
}

impl Fields {
    /// The packet's fields; `name` numbers interface names.
    pub(crate) fn of(packet: &Packet, name: impl Fn(&IfName) -> u32) -> Self {
        let mut fields = Self::default();
        let (src, dst) = (packet.src(), packet.dst());
        for (first, address) in [(field::SRC, src), (field::DST, dst)] {
            let bytes = octets(&address);
            for (at, word) in (first..).zip(bytes.chunks_exact(4)) {
                fields.set(at, word.iter().fold(0, |all, &b| all << 8 | u32::from(b)));
            }
        }
        match packet.family() {
            Family::Ip4 => {
                fields.load::<1>(field::PROTO, packet.array_at(9));
                fields.load::<2>(field::FRAGMENT, packet.array_at(6));
            }
            Family::Ip6 => {
                if let Some(protocol) = packet.protocol() {
                    fields.set(field::PROTO, protocol.into());
                }
            }
        }
        fields.transport(packet);
        fields.context(&packet.context, name);
        fields
    }

    /// `net/netfilter/nf_tables_core.c:nft_payload_fast_eval`: all these are loads of one aligned word or less, and
    /// those are made from later fragments too (seen on 6.18), where a transport header would be, although
    /// `nft_payload_eval`, which makes the others, breaks there.
    pub(crate) fn transport(&mut self, packet: &Packet) {
        let all = [field::SPORT, field::DPORT, field::PORTS, field::FLAGS];
        let bits = all.iter().fold(0, |bits, f| bits | 1 << f);
        (self.there, self.unknown) = (self.there & !bits, self.unknown & !bits);
        let Ok(transport) = packet.transport() else { return };
        let at = transport.offset;
        self.load::<2>(field::SPORT, packet.array_at(at));
        self.load::<2>(field::DPORT, packet.array_at(at + 2));
        self.load::<4>(field::PORTS, packet.array_at(at));
        self.load::<1>(field::FLAGS, packet.array_at(at + 13));
    }

    /// The mark.
    pub(crate) fn mark(&mut self, mark: &Known<u32>) {
        self.known(field::MARK, mark, |&m| m);
    }

    /// The fields that are beside the packet.
    fn context(&mut self, context: &Context, name: impl Fn(&IfName) -> u32) {
        self.mark(&context.mark);
        self.known(field::IN, &context.in_interface, &name);
        self.known(field::OUT, &context.out_interface, &name);
    }

    fn known<T>(&mut self, field: u8, value: &Known<T>, word: impl Fn(&T) -> u32) {
        let bit = 1u32 << field;
        (self.there, self.unknown) = (self.there & !bit, self.unknown & !bit);
        match value {
            Known::Known(value) => self.set(field, word(value)),
            // `nft_meta_store_ifname`: no interface is the empty name, which no rule can ask for.
            Known::Absent => self.set(field, NO_NAME),
            Known::Unknown(_) => self.unknown |= bit,
        }
    }

    fn load<const N: usize>(&mut self, field: u8, bytes: Result<[u8; N], Missing>) {
        match bytes {
            Ok(bytes) => {
                self.set(field, bytes.iter().fold(0, |all, &b| all << 8 | u32::from(b)));
            }
            Err(Missing::NotCaptured) => self.unknown |= 1 << field,
            Err(_) => {}
        }
    }

    fn set(&mut self, field: u8, value: u32) {
        if let Some(slot) = self.value.get_mut(usize::from(field)) {
            *slot = value;
            self.there |= 1 << field;
        }
    }
}
