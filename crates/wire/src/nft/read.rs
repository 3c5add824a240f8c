//! Borrowed views of what the kernel tells about tables, chains, rules and the generation.

use super::{Compat, Counters, GEN_ID, Hook, chain_attr, counter_attr, msg, rule_attr, table_attr};
use crate::nl::{Attr, Attrs, Message, WireError};

/// The generation in an answer to `GETGEN`.
pub fn genid(message: &Message<'_>) -> Result<u32, WireError> {
    expect(message, msg::NEWGEN)?;
    message.attrs()?.find_kind(GEN_ID)?.be32()
}

/// A table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableView<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// `NFT_TABLE_F_*`: 1 dormant, 2 owned.
    pub flags: u32,
    /// Its handle.
    pub handle: u64,
    /// The netlink port of the program that owns it, for owned ones.
    pub owner: Option<u32>,
}

impl<'a> TableView<'a> {
    /// Reads a `NEWTABLE`.
    pub fn read(message: &Message<'a>) -> Result<Self, WireError> {
        expect(message, msg::NEWTABLE)?;
        let mut view = Self::default();
        for attr in message.attrs()? {
            let attr = attr?;
            match attr.kind {
                table_attr::NAME => view.name = attr.text(),
                table_attr::FLAGS => view.flags = attr.be32()?,
                table_attr::HANDLE => view.handle = attr.be64()?,
                table_attr::OWNER => view.owner = Some(attr.be32()?),
                _ => {}
            }
        }
        Ok(view)
    }
}

/// A chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainView<'a> {
    /// The table it is in.
    pub table: &'a [u8],
    /// Its name.
    pub name: &'a [u8],
    /// Its handle.
    pub handle: u64,
    /// Where it is hooked, for base chains.
    pub hook: Option<Hook>,
    /// `NF_DROP` 0 or `NF_ACCEPT` 1, for base chains.
    pub policy: Option<u32>,
    /// How many rules jump to it, plus its own rules.
    pub references: u32,
    /// `filter`, `nat` or `route`; empty for others.
    pub kind: &'a [u8],
    /// Policy counters, if it has some.
    pub counters: Option<Counters>,
    /// `NFT_CHAIN_*`: 1 base, 2 hardware offload, 4 bound to one rule.
    pub flags: u32,
}

impl<'a> ChainView<'a> {
    /// Reads a `NEWCHAIN`.
    pub fn read(message: &Message<'a>) -> Result<Self, WireError> {
        expect(message, msg::NEWCHAIN)?;
        let mut view = Self::default();
        for attr in message.attrs()? {
            let attr = attr?;
            match attr.kind {
                chain_attr::TABLE => view.table = attr.text(),
                chain_attr::NAME => view.name = attr.text(),
                chain_attr::HANDLE => view.handle = attr.be64()?,
                chain_attr::HOOK => view.hook = Some(hook(&attr)?),
                chain_attr::POLICY => view.policy = Some(attr.be32()?),
                chain_attr::USE => view.references = attr.be32()?,
                chain_attr::TYPE => view.kind = attr.text(),
                chain_attr::COUNTERS => view.counters = Some(counters(&attr)?),
                chain_attr::FLAGS => view.flags = attr.be32()?,
                _ => {}
            }
        }
        Ok(view)
    }
}

fn hook(attr: &Attr<'_>) -> Result<Hook, WireError> {
    let inner = attr.nested();
    Ok(Hook {
        number: inner.clone().find_kind(chain_attr::HOOK_NUM)?.be32()?,
        priority: inner.find_kind(chain_attr::HOOK_PRIORITY)?.be32()?.cast_signed(),
    })
}

fn counters(attr: &Attr<'_>) -> Result<Counters, WireError> {
    let inner = attr.nested();
    Ok(Counters {
        packets: inner.clone().find_kind(counter_attr::PACKETS)?.be64()?,
        bytes: inner.find_kind(counter_attr::BYTES)?.be64()?,
    })
}

/// A rule.
#[derive(Clone, Debug, Default)]
pub struct RuleView<'a> {
    /// The table it is in.
    pub table: &'a [u8],
    /// The chain it is in.
    pub chain: &'a [u8],
    /// Its handle.
    pub handle: u64,
    /// The handle of the rule before it.
    pub position: Option<u64>,
    /// The protocol told with it; kernels do not give it back, captured requests do.
    pub compat: Option<Compat>,
    /// `NFTA_RULE_USERDATA`.
    pub userdata: &'a [u8],
    /// The expression list, for [`super::expr::Expr::list`].
    pub expressions: Attrs<'a>,
}

impl<'a> RuleView<'a> {
    /// Reads a `NEWRULE`.
    pub fn read(message: &Message<'a>) -> Result<Self, WireError> {
        expect(message, msg::NEWRULE)?;
        let mut view = Self::default();
        for attr in message.attrs()? {
            let attr = attr?;
            match attr.kind {
                rule_attr::TABLE => view.table = attr.text(),
                rule_attr::CHAIN => view.chain = attr.text(),
                rule_attr::HANDLE => view.handle = attr.be64()?,
                rule_attr::POSITION => view.position = Some(attr.be64()?),
                rule_attr::COMPAT => view.compat = Some(compat(&attr)?),
                rule_attr::USERDATA => view.userdata = attr.data,
                rule_attr::EXPRESSIONS => view.expressions = attr.nested(),
                _ => {}
            }
        }
        Ok(view)
    }
}

fn compat(attr: &Attr<'_>) -> Result<Compat, WireError> {
    let inner = attr.nested();
    Ok(Compat {
        proto: inner.clone().find_kind(rule_attr::COMPAT_PROTO)?.be32()?,
        inverted: inner.find_kind(rule_attr::COMPAT_FLAGS)?.be32()? & super::COMPAT_F_INV != 0,
    })
}

fn expect(message: &Message<'_>, kind: u16) -> Result<(), WireError> {
    if message.kind == kind { Ok(()) } else { Err(WireError::Unexpected { kind: message.kind }) }
}
