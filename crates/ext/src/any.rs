//! The closed lists of matches and targets: an enum of the values, a static table of the kinds.
//! Behaviour lives in the extensions; here is delegation only.

use crate::{ArgError, ArgWriter, Args, DecodeCx, DecodeError, Extension, ListWriter, ParseCx};
use crate::{Effect, Keeps, Match, Revision, Spec, View, matches, targets};
use oxtables_base::{Family, Neg};
use oxtables_packet::{Context, Packet, Truth};
use oxtables_wire::nft::cond::Item;
use oxtables_wire::nl::Writer;

/// An extension this version does not know, or whose bytes it cannot explain. It is kept, shown as
/// foreign, written back bit by bit, and never evaluated.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Foreign {
    /// The kernel's name of it.
    pub name: Box<[u8]>,
    /// The revision of its bytes.
    pub rev: u8,
    /// Its bytes.
    pub bytes: Box<[u8]>,
}

/// What an extension knows of the rule whose native expressions it reads or writes.
#[derive(Clone, Copy, Debug)]
pub struct NativeCx {
    /// The rule's family.
    pub family: Family,
    /// The rule's protocol, as far as its other expressions tell.
    pub proto: Option<Neg<u8>>,
}

/// A value read from native expressions, and how many items it is.
pub type Raised<E> = Option<(E, usize)>;

/// What can be done with an extension before a value of it exists; `E` is the list it belongs to.
#[derive(Debug)]
pub struct Kind<E> {
    /// Its description.
    pub spec: &'static Spec,
    /// See [`Extension::parse`]; declared constraints are checked first.
    pub parse: fn(&Args<'_>, &ParseCx<'_>) -> Result<E, ArgError>,
    decode: fn(u8, &DecodeCx<'_>, &[u8]) -> Result<E, DecodeError>,
    /// See [`Extension::raise`].
    pub raise: fn(&[Item<'_>], &NativeCx) -> Raised<E>,
}

fn parse_as<T: Extension>(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<T, ArgError> {
    args.check(&T::SPEC)?;
    T::parse(args, cx).map_err(|e| ArgError { extension: T::SPEC.name, ..e })
}

/// Reads bytes as a `T`, and makes sure that nothing in them was overlooked: what `T` would write
/// must be what was read, up to the kernel's private tail.
fn decode_as<T: Extension>(rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<T, DecodeError> {
    let revision = T::SPEC.revision(rev).ok_or(DecodeError::Unknown)?;
    if bytes.len() != revision.size {
        return Err(DecodeError::Length);
    }
    let value = T::decode(rev, cx, bytes)?;
    let mut again = Vec::with_capacity(revision.size);
    value.encode(rev, cx.family, &mut again);
    let same = again.get(..revision.private) == bytes.get(..revision.private);
    if same { Ok(value) } else { Err(DecodeError::Unknown) }
}

/// The one extension list macro: `enum`, table of kinds, and delegation to the values.
macro_rules! extension_list {
    ($(#[$meta:meta])* $any:ident, $kinds:ident, $find:ident, { $($name:ident = $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs)]
        pub enum $any { $($name($type),)* Foreign(Box<Foreign>) }

        /// What this list knows, one entry an extension and family set.
        pub static $kinds: &[Kind<$any>] = &[$(Kind {
            spec: &<$type as Extension>::SPEC,
            parse: |args, cx| parse_as::<$type>(args, cx).map($any::$name),
            decode: |rev, cx, bytes| decode_as::<$type>(rev, cx, bytes).map($any::$name),
            raise: |items, cx| {
                <$type as Extension>::raise(items, cx).map(|(v, n)| ($any::$name(v), n))
            },
        },)*];

        /// The extension called `name` in `family`.
        #[must_use]
        pub fn $find(name: &[u8], family: Family) -> Option<&'static Kind<$any>> {
            $kinds.iter().find(|k| k.spec.name.as_bytes() == name && k.spec.families.has(family))
        }

        impl $any {
            /// Its description; `None` when it is foreign.
            #[must_use]
            pub fn spec(&self) -> Option<&'static Spec> {
                match self { $(Self::$name(_) => Some(&<$type as Extension>::SPEC),)* Self::Foreign(_) => None }
            }
            /// See [`Extension::save`]; a foreign one has no options to write.
            pub fn save(&self, w: &mut ArgWriter<'_>) {
                match self { $(Self::$name(x) => Extension::save(x, w),)* Self::Foreign(_) => () }
            }
            /// See [`Extension::list`].
            pub fn list(&self, w: &mut ListWriter<'_>) {
                match self { $(Self::$name(x) => Extension::list(x, w),)* Self::Foreign(_) => () }
            }
            /// See [`Extension::view`].
            #[must_use]
            pub fn view(&self) -> View {
                match self { $(Self::$name(x) => Extension::view(x),)* Self::Foreign(_) => View::Opaque(crate::Class::Barrier) }
            }
            /// See [`Extension::effect`]; what a foreign one does is not known.
            #[must_use]
            pub fn effect(&self) -> Effect {
                match self { $(Self::$name(x) => Extension::effect(x),)* Self::Foreign(_) => Effect::Unknown("this target is not known to oxtables") }
            }
            /// See [`Extension::lower`].
            pub fn lower(&self, w: &mut Writer, cx: &NativeCx) -> bool {
                match self { $(Self::$name(x) => Extension::lower(x, w, cx),)* Self::Foreign(_) => false }
            }
            /// Appends the bytes of revision `rev`; a foreign one's as they came.
            pub fn encode(&self, rev: u8, family: Family, out: &mut Vec<u8>) {
                match self { $(Self::$name(x) => Extension::encode(x, rev, family, out),)* Self::Foreign(f) => out.extend_from_slice(&f.bytes) }
            }
            /// Reads the kernel's bytes. What no kind explains is [`Foreign`].
            #[must_use]
            pub fn decode(name: &[u8], rev: u8, cx: &DecodeCx<'_>, bytes: &[u8]) -> Self {
                let candidates = $kinds.iter().filter(|k| k.spec.kernel.as_bytes() == name && k.spec.families.has(cx.family));
                candidates.filter_map(|k| (k.decode)(rev, cx, bytes).ok()).next().unwrap_or_else(|| {
                    Self::Foreign(Box::new(Foreign { name: name.into(), rev, bytes: bytes.into() }))
                })
            }
            /// Reads native expressions at the start of `items`; how many were taken comes with it.
            #[must_use]
            pub fn raise(items: &[Item<'_>], cx: &NativeCx) -> Option<(Self, usize)> {
                let kinds = $kinds.iter().filter(|k| k.spec.families.has(cx.family));
                kinds.filter_map(|k| (k.raise)(items, cx)).next()
            }
            /// The kernel's name and the revision that is written.
            #[must_use]
            pub fn kernel_name(&self) -> (&[u8], Revision) {
                match self {
                    Self::Foreign(f) => (&f.name, Revision::new(f.rev, f.bytes.len())),
                    _ => self.spec().map_or((&[], Revision::new(0, 0)), |s| {
                        (s.kernel.as_bytes(), s.revisions.first().copied().unwrap_or(Revision::new(0, 0)))
                    }),
                }
            }
        }
    };
}

/// Lets the matches of a list be asked about packets.
macro_rules! tested {
    ($(#[$meta:meta])* $any:ident, $kinds:ident, $find:ident, { $($name:ident = $type:ty,)* }) => {
        impl $any {
            /// See [`Match::test`]; about a foreign match nothing is known.
            #[must_use]
            pub fn test(&self, packet: &Packet, cx: &Context) -> Truth {
                match self {
                    $(Self::$name(x) => <$type as Match>::test(x, packet, cx),)*
                    Self::Foreign(_) => Truth::Unknown("this match is not known to oxtables"),
                }
            }
            /// See [`Match::keeps`].
            #[must_use]
            pub fn keeps(&self) -> Option<Keeps> {
                match self { $(Self::$name(x) => <$type as Match>::keeps(x),)* Self::Foreign(_) => None }
            }
        }
    };
}

/// Hands the list of matches to a macro. One line a match.
macro_rules! match_list {
    ($with:ident) => {
        $with! {
            /// A match of any kind.
            AnyMatch, MATCHES, find_match, {
                AddrType = matches::addrtype::AddrType,
                Ah = matches::ah::Ah,
                Ah6 = matches::ah6::Ah6,
                Bpf = matches::bpf::Bpf,
                Cgroup = matches::cgroup::Cgroup,
                Cluster = matches::cluster::Cluster,
                Comment = matches::comment::Comment,
                Connbytes = matches::connbytes::Connbytes,
                Connlabel = matches::connlabel::Connlabel,
                Connlimit = matches::connlimit::Connlimit,
                Connmark = matches::connmark::Connmark,
                Conntrack = matches::conntrack::Conntrack,
                Cpu = matches::cpu::Cpu,
                Dccp = matches::dccp::Dccp,
                Devgroup = matches::devgroup::Devgroup,
                Dscp = matches::dscp::Dscp,
                Dst = matches::dst::Dst,
                Ecn = matches::ecn::Ecn,
                Esp = matches::esp::Esp,
                Eui64 = matches::eui64::Eui64,
                Frag = matches::frag::Frag,
                Hashlimit = matches::hashlimit::Hashlimit,
                Hbh = matches::hbh::Hbh,
                Helper = matches::helper::Helper,
                Hl = matches::hl::Hl,
                Icmp = matches::icmp::Icmp,
                Icmp6 = matches::icmp6::Icmp6,
                IpComp = matches::ipcomp::IpComp,
                IpRange = matches::iprange::IpRange,
                Ipv6Header = matches::ipv6header::Ipv6Header,
                Ipvs = matches::ipvs::Ipvs,
                Length = matches::length::Length,
                Limit = matches::limit::Limit,
                Mac = matches::mac::Mac,
                Mark = matches::mark::Mark,
                Mh = matches::mh::Mh,
                Multiport = matches::multiport::Multiport,
                Nfacct = matches::nfacct::Nfacct,
                Osf = matches::osf::Osf,
                Owner = matches::owner::Owner,
                Physdev = matches::physdev::Physdev,
                Pkttype = matches::pkttype::Pkttype,
                Policy = matches::policy::Policy,
                Quota = matches::quota::Quota,
                Rateest = matches::rateest::Rateest,
                Realm = matches::realm::RealmMatch,
                Recent = matches::recent::Recent,
                Rpfilter = matches::rpfilter::Rpfilter,
                Rt = matches::rt::Rt,
                Sctp = matches::sctp::Sctp,
                Set = matches::set::Set,
                Socket = matches::socket::Socket,
                Srh = matches::srh::Srh,
                State = matches::state::State,
                Statistic = matches::statistic::Statistic,
                Str = matches::string::Str,
                Tcp = matches::tcp::Tcp,
                TcpMss = matches::tcpmss::TcpMss,
                Time = matches::time::Time,
                Tos = matches::tos::Tos,
                Ttl = matches::ttl::Ttl,
                U32 = matches::u32::U32Match,
                Udp = matches::udp::Udp,
            }
        }
    };
}
match_list!(extension_list);
match_list!(tested);

extension_list! {
    /// A target of any kind, but for the verdicts and jumps that a rule itself knows.
    AnyTarget, TARGETS, find_target, {
        Audit = targets::audit::Audit,
        Checksum = targets::checksum::Checksum,
        Classify = targets::classify::Classify,
        Connmark = targets::connmark::Connmark,
        Connsecmark = targets::connsecmark::Connsecmark,
        Ct = targets::ct::Ct,
        Dnat = targets::dnat::Dnat,
        Dnpt = targets::npt::Npt<true>,
        Dscp = targets::dscp::Dscp,
        Ecn = targets::ecn::Ecn,
        Hl = targets::hop_limit::HopLimit<true>,
        Hmark = targets::hmark::Hmark,
        Idletimer = targets::idletimer::Idletimer,
        Led = targets::led::Led,
        Log = targets::log::Log,
        Mark = targets::mark::Mark,
        Masquerade4 = targets::masquerade::Masquerade<false>,
        Masquerade6 = targets::masquerade::Masquerade<true>,
        Netmap4 = targets::netmap::Netmap<false>,
        Netmap6 = targets::netmap::Netmap<true>,
        Nflog = targets::nflog::Nflog,
        Nfqueue = targets::nfqueue::Nfqueue,
        Notrack = targets::notrack::Notrack,
        Rateest = targets::rateest::Rateest,
        Redirect4 = targets::redirect::Redirect<false>,
        Redirect6 = targets::redirect::Redirect<true>,
        Reject4 = targets::reject::Reject<false>,
        Reject6 = targets::reject::Reject<true>,
        Secmark = targets::secmark::Secmark,
        Set = targets::set::Set,
        Snat4 = targets::snat::Snat<false>,
        Snat6 = targets::snat::Snat<true>,
        Snpt = targets::npt::Npt<false>,
        Synproxy = targets::synproxy::Synproxy,
        Tcpmss = targets::tcpmss::Tcpmss,
        Tcpoptstrip = targets::tcpoptstrip::Tcpoptstrip,
        Tee = targets::tee::Tee,
        Tos = targets::tos::Tos,
        Tproxy = targets::tproxy::Tproxy,
        Trace = targets::trace::Trace,
        Ttl = targets::hop_limit::HopLimit<false>,
    }
}

// A rule holds a few of these by value; a large extension boxes its parts.
const _: () = assert!(size_of::<AnyMatch>() <= 64 && size_of::<AnyTarget>() <= 64);
