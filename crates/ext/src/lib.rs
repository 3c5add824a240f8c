//! The extensions: one file a match ([`mod@matches`]), one file a target ([`targets`]), and the value
//! types they share ([`value`]).
//!
//! An extension is a plain typed value that implements [`Extension`]: it reads itself from options,
//! writes itself as options and as a listing, and turns itself into the kernel's bytes and back. It
//! never sees a rule, a socket or the command line; what it needs arrives as plain data.

mod abi;
mod any;
pub mod args;
pub mod effect;
pub mod host;
pub mod keeps;
pub mod matches;
mod sentence;
mod signs;
pub mod spec;
pub mod targets;
pub mod value;
pub mod view;
pub mod write;

#[cfg(test)]
mod tests;

pub use any::{
    AnyMatch, AnyTarget, Foreign, Kind, MATCHES, NativeCx, Raised, TARGETS, find_match, find_target,
};
pub use args::{ArgError, ArgErrorKind, Args, Opt, OptDef, Seen};
pub use effect::{Effect, NatKind};
pub use host::{Host, NoHost};
pub use keeps::Keeps;
pub use spec::{Families, Revision, Spec};
pub use value::{Value, ValueCx, ValueError};
pub use view::{Class, Clause, Field, View};
pub use write::{ArgWriter, ListWriter};

use oxtables_base::{Family, Neg};
use oxtables_packet::{Context, Packet, Truth};
use oxtables_wire::nft::cond::Item;
use oxtables_wire::nl::Writer;
use std::fmt::Debug;
use std::hash::Hash;

/// What an extension knows of the rule it is parsed for.
#[derive(Clone, Copy)]
pub struct ParseCx<'a> {
    /// The rule's family.
    pub family: Family,
    /// The table the rule is for.
    pub table: &'a str,
    /// The rule's `-p`, when it has one.
    pub proto: Option<Neg<u8>>,
    /// The machine around.
    pub host: &'a dyn Host,
}

impl ParseCx<'_> {
    /// The rule's protocol, when `-p` names exactly one.
    #[must_use]
    pub fn proto_is(&self, wanted: &[u8]) -> bool {
        self.proto.is_some_and(|p| !p.not && wanted.contains(&p.value))
    }

    /// The name `/etc/services` gives the rule's protocol.
    #[must_use]
    pub fn service_protocol(&self) -> Option<&'static str> {
        self.proto.filter(|p| !p.not).and_then(|p| oxtables_base::names::protocol_name(p.value))
    }
}

/// What an extension knows of the rule its bytes come from.
#[derive(Clone, Copy)]
pub struct DecodeCx<'a> {
    /// The rule's family.
    pub family: Family,
    /// The machine around.
    pub host: &'a dyn Host,
}

/// Why bytes are not read as an extension. The rule then keeps them as [`Foreign`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes belong to another extension that shares the kernel's name (`conntrack`, `state`).
    OtherAlias,
    /// The length is not that of the revision.
    Length,
    /// A flag, number or combination that this version gives no meaning.
    Unknown,
}

/// One match or target of the family.
pub trait Extension: Clone + Eq + Hash + Debug + Sized + 'static {
    /// Its name, families, options, revisions and examples.
    const SPEC: Spec;

    /// Makes the value from the options given. [`Args::check`] has passed before.
    ///
    /// # Errors
    /// When a value cannot be read, or values contradict each other or the rule.
    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError>;

    /// Writes the options that make this value: the form of `-S` and of save files.
    fn save(&self, w: &mut ArgWriter<'_>);

    /// Writes the words of `-L`, each with a blank before it.
    fn list(&self, w: &mut ListWriter<'_>) {
        w.as_saved(|args| self.save(args));
    }

    /// Appends the kernel's struct of revision `rev`, exactly [`Revision::size`] bytes.
    fn encode(&self, rev: u8, family: Family, out: &mut Vec<u8>);

    /// Reads the kernel's struct of revision `rev`.
    ///
    /// The caller encodes the result again and keeps the bytes as [`Foreign`] if they differ before
    /// [`Revision::private`], so nothing read can be shown as something else.
    ///
    /// # Errors
    /// See [`DecodeError`].
    fn decode(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Appends native nf_tables expressions, exactly where iptables-nft uses them, and says true; or
    /// leaves `w` alone and says false: the extension is then sent as its bytes.
    fn lower(&self, _w: &mut Writer, _cx: &NativeCx) -> bool {
        false
    }

    /// Reads native expressions at the start of `items`: the value, and how many items it is.
    fn raise(_items: &[Item<'_>], _cx: &NativeCx) -> Option<(Self, usize)> {
        None
    }

    /// What the extension looks at, for the engine and the analysers.
    fn view(&self) -> View {
        View::Opaque(Class::Barrier)
    }

    /// What a target does to a packet; a match does nothing.
    fn effect(&self) -> Effect {
        Effect::Unknown("what this target does is not modelled")
    }
}

/// An extension that is asked about packets.
pub trait Match: Extension {
    /// Whether the packet fits, as the kernel's match function would answer.
    ///
    /// Exact where the packet and what is known around it decide; otherwise
    /// [`Truth::Unknown`] with the reason, never a guess.
    fn test(&self, packet: &Packet, cx: &Context) -> Truth;

    /// What it keeps between packets, if its answer depends on those before.
    fn keeps(&self) -> Option<Keeps> {
        None
    }
}
