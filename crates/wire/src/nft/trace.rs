//! Trace events: what the rules do with packets that `nftrace` was set for (`enum nft_trace_attributes`).

use super::msg;
use crate::nl::{Message, WireError};

/// `NFTA_TRACE_*`.
mod attr {
    pub(super) const TABLE: u16 = 1;
    pub(super) const CHAIN: u16 = 2;
    pub(super) const RULE_HANDLE: u16 = 3;
    pub(super) const TYPE: u16 = 4;
    pub(super) const VERDICT: u16 = 5;
    pub(super) const ID: u16 = 6;
    pub(super) const NETWORK_HEADER: u16 = 8;
    pub(super) const TRANSPORT_HEADER: u16 = 9;
    pub(super) const IIF: u16 = 10;
    pub(super) const OIF: u16 = 12;
    pub(super) const NFPROTO: u16 = 15;
    pub(super) const POLICY: u16 = 16;
    pub(super) const VERDICT_CODE: u16 = 1;
    pub(super) const VERDICT_CHAIN: u16 = 2;
}

/// Verdict codes (`linux/netfilter.h`, `enum nft_verdicts`).
pub mod code {
    /// `NF_DROP`.
    pub const DROP: i32 = 0;
    /// `NF_ACCEPT`.
    pub const ACCEPT: i32 = 1;
    /// `NF_STOLEN`.
    pub const STOLEN: i32 = 2;
    /// `NF_QUEUE`.
    pub const QUEUE: i32 = 3;
    /// `NFT_CONTINUE`.
    pub const CONTINUE: i32 = -1;
    /// `NFT_JUMP`.
    pub const JUMP: i32 = -3;
    /// `NFT_GOTO`.
    pub const GOTO: i32 = -4;
    /// `NFT_RETURN`.
    pub const RETURN: i32 = -5;
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// The end of a base chain: its policy.
    Policy,
    /// The end of another chain.
    Return,
    /// A rule that fitted.
    Rule,
}

/// One event.
#[derive(Clone, Debug)]
pub struct TraceView<'a> {
    /// The table's name.
    pub table: &'a [u8],
    /// The chain's name.
    pub chain: &'a [u8],
    /// The rule's handle, for [`TraceKind::Rule`].
    pub handle: u64,
    /// What it is about.
    pub kind: TraceKind,
    /// The verdict ([`code`]); its low byte for a queue, whose number is above.
    pub verdict: i32,
    /// The chain that a jump goes to.
    pub to: &'a [u8],
    /// The same for all events of a packet.
    pub id: u32,
    /// The IP header, in the first event of a packet at a hook's chain.
    pub network: &'a [u8],
    /// What follows it, up to 20 bytes.
    pub transport: &'a [u8],
    /// The interface it came in by, as a number.
    pub input: Option<u32>,
    /// The interface it leaves by.
    pub output: Option<u32>,
    /// `NFPROTO_*`.
    pub family: u32,
}

impl<'a> TraceView<'a> {
    /// Reads a `TRACE`.
    ///
    /// # Errors
    /// When the message is another, or cut.
    pub fn read(message: &Message<'a>) -> Result<Self, WireError> {
        if message.kind != msg::TRACE {
            return Err(WireError::Unexpected { kind: message.kind });
        }
        let mut view = Self {
            table: b"",
            chain: b"",
            handle: 0,
            kind: TraceKind::Rule,
            verdict: code::CONTINUE,
            to: b"",
            id: 0,
            network: b"",
            transport: b"",
            input: None,
            output: None,
            family: 0,
        };
        for one in message.attrs()? {
            let one = one?;
            match one.kind {
                attr::TABLE => view.table = one.text(),
                attr::CHAIN => view.chain = one.text(),
                attr::RULE_HANDLE => view.handle = one.be64()?,
                attr::TYPE => {
                    view.kind = match one.be32()? {
                        1 => TraceKind::Policy,
                        2 => TraceKind::Return,
                        _ => TraceKind::Rule,
                    }
                }
                attr::VERDICT => {
                    let inner = one.nested();
                    let number = inner.clone().find_kind(attr::VERDICT_CODE)?.be32()?;
                    view.verdict = i32::from_ne_bytes(number.to_ne_bytes());
                    if let Ok(chain) = inner.find_kind(attr::VERDICT_CHAIN) {
                        view.to = chain.text();
                    }
                }
                attr::ID => view.id = one.be32()?,
                attr::NETWORK_HEADER => view.network = one.data,
                attr::TRANSPORT_HEADER => view.transport = one.data,
                attr::IIF => view.input = Some(one.be32()?),
                attr::OIF => view.output = Some(one.be32()?),
                attr::NFPROTO => view.family = one.be32()?,
                attr::POLICY => {
                    let number = one.be32()?;
                    view.verdict = i32::from_ne_bytes(number.to_ne_bytes());
                }
                _ => {}
            }
        }
        Ok(view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nl::{Messages, Writer};

    #[test]
    fn an_event_is_read_and_nothing_else_is() {
        let mut w = Writer::new();
        let open = w.begin(msg::TRACE, 0, 0, 2, 0);
        w.text(attr::TABLE, b"filter");
        w.text(attr::CHAIN, b"INPUT");
        w.be64(attr::RULE_HANDLE, 7);
        w.be32(attr::TYPE, 3);
        let verdict = w.nest(attr::VERDICT);
        w.be32(attr::VERDICT_CODE, u32::MAX - 2);
        w.text(attr::VERDICT_CHAIN, b"guard");
        w.close(verdict);
        w.be32(attr::ID, 99);
        w.end(open).unwrap();
        let message = Messages::new(w.as_bytes()).next().unwrap().unwrap();
        let view = TraceView::read(&message).unwrap();
        assert_eq!((view.table, view.chain, view.handle), (&b"filter"[..], &b"INPUT"[..], 7));
        assert_eq!(
            (view.kind, view.verdict, view.to),
            (TraceKind::Rule, code::JUMP, &b"guard"[..])
        );
        let mut other = Writer::new();
        let open = other.begin(msg::NEWRULE, 0, 0, 2, 0);
        other.end(open).unwrap();
        let message = Messages::new(other.as_bytes()).next().unwrap().unwrap();
        assert!(TraceView::read(&message).is_err());
    }
}
