//! The conversation with the kernel: questions, dumps, and transactions with their refusals.

use std::io::IoSlice;

use oxtables_sys::netlink::{Netfilter, SendError};
use oxtables_wire::nft::{self, Chain, ChainView, Head, Rule, RuleView, TableView, msg};
use oxtables_wire::nl::{Failure, Message, Messages, WireError, Writer, flag, kind};

use crate::batch::Batch;
use crate::error::{BackendError, Doing, Refusal};

/// Errors of the kernel that mean "somebody else was faster, read again" (`errno.h`).
const EINTR: i32 = 4;
const EAGAIN: i32 = 11;
const ENOENT: i32 = 2;
const ENOBUFS: i32 = 105;
const ERESTART: i32 = 85;

/// How a transaction ended.
#[derive(Debug)]
pub(crate) enum Commit {
    /// It is in the kernel.
    Done,
    /// The rule set changed since the generation the batch names: read again and plan again.
    Stale,
    /// The kernel refused it; nothing of it is in the kernel.
    Refused(Vec<Refusal>),
}

/// Why a dump gave nothing.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The rule set changed meanwhile: read again.
    Changed,
    /// What was asked for is not there.
    Missing,
    /// Anything else.
    Other(BackendError),
}

impl From<WireError> for ReadError {
    fn from(e: WireError) -> Self {
        Self::Other(BackendError::Garbled(e))
    }
}

impl From<BackendError> for ReadError {
    fn from(e: BackendError) -> Self {
        Self::Other(e)
    }
}

/// A socket to nf_tables and a counter for its sequence numbers.
#[derive(Debug)]
pub(crate) struct Link {
    socket: Netfilter,
    seq: u32,
    request: Writer,
}

impl Link {
    pub(crate) fn open() -> Result<Self, BackendError> {
        let socket =
            Netfilter::open().map_err(|error| BackendError::Os { doing: Doing::Open, error })?;
        Ok(Self { socket, seq: 0, request: Writer::with_capacity(512) })
    }

    /// The rule set's generation.
    pub(crate) fn generation(&mut self) -> Result<u32, ReadError> {
        let mut found = None;
        let head = self.head(0, 0);
        nft::get_gen(&mut self.request, head.seq).map_err(BackendError::unwritable)?;
        self.ask(Doing::Generation, head, |m| {
            found = Some(nft::genid(m)?);
            Ok(())
        })?;
        found.ok_or(ReadError::Missing)
    }

    /// Every table of a family.
    pub(crate) fn tables(
        &mut self,
        family: u8,
        mut each: impl FnMut(&TableView<'_>),
    ) -> Result<(), ReadError> {
        let head = self.head(family, flag::DUMP);
        nft::table(&mut self.request, msg::GETTABLE, head, b"")
            .map_err(BackendError::unwritable)?;
        self.ask(Doing::Tables, head, |m| {
            each(&TableView::read(m)?);
            Ok(())
        })
    }

    /// Every chain of a table.
    pub(crate) fn chains(
        &mut self,
        family: u8,
        table: &[u8],
        mut each: impl FnMut(&ChainView<'_>),
    ) -> Result<(), ReadError> {
        let head = self.head(family, flag::DUMP);
        let filter = Chain { table, ..Chain::default() };
        nft::chain(&mut self.request, msg::GETCHAIN, head, &filter)
            .map_err(BackendError::unwritable)?;
        self.ask(Doing::Chains, head, |m| {
            let view = ChainView::read(m)?;
            // Older kernels dump the chains of every table.
            if view.table == table {
                each(&view);
            }
            Ok(())
        })
    }

    /// One chain; [`ReadError::Missing`] if it is not there.
    pub(crate) fn chain(
        &mut self,
        family: u8,
        table: &[u8],
        name: &[u8],
        each: impl FnOnce(&ChainView<'_>),
    ) -> Result<(), ReadError> {
        if name.is_empty() {
            // No chain has an empty name, and the kernel refuses to look for one.
            return Err(ReadError::Missing);
        }
        let head = self.head(family, 0);
        let wanted = Chain { table, name, ..Chain::default() };
        nft::chain(&mut self.request, msg::GETCHAIN, head, &wanted)
            .map_err(BackendError::unwritable)?;
        let mut each = Some(each);
        self.ask(Doing::Chains, head, |m| {
            let view = ChainView::read(m)?;
            if let Some(each) = each.take() {
                each(&view);
            }
            Ok(())
        })
    }

    /// The rules of one chain, in order.
    ///
    /// Never of a whole table: the kernel walks such a dump from its first rule for every 32 KiB it hands out.
    pub(crate) fn rules(
        &mut self,
        family: u8,
        table: &[u8],
        chain: &[u8],
        mut each: impl FnMut(&RuleView<'_>) -> Result<(), WireError>,
    ) -> Result<(), ReadError> {
        let head = self.head(family, flag::DUMP);
        let filter = Rule { table, chain, ..Rule::default() };
        nft::rule(&mut self.request, msg::GETRULE, head, &filter, |_| ())
            .map_err(BackendError::unwritable)?;
        self.ask(Doing::Rules, head, |m| {
            let view = RuleView::read(m)?;
            if view.table == table && view.chain == chain { each(&view) } else { Ok(()) }
        })
    }

    /// Whether the kernel has an extension at a revision.
    pub(crate) fn has_revision(
        &mut self,
        family: u8,
        name: &[u8],
        rev: u32,
        target: bool,
    ) -> Result<bool, BackendError> {
        let head = self.head(family, 0);
        nft::compat_get(&mut self.request, head, name, rev, target)
            .map_err(BackendError::unwritable)?;
        match self.ask(Doing::Revision, head, |_| Ok(())) {
            Ok(()) => Ok(true),
            Err(ReadError::Missing) => Ok(false),
            Err(ReadError::Changed) => Err(BackendError::Changing),
            Err(ReadError::Other(BackendError::Os { error, .. }))
                if error.raw_os_error() == Some(93) =>
            {
                Ok(false)
            }
            Err(ReadError::Other(e)) => Err(e),
        }
    }

    /// Sends a transaction as one datagram and reads what the kernel says to it.
    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<Commit, BackendError> {
        let parts = [IoSlice::new(batch.as_bytes())];
        match self.socket.send_batch(&parts, batch.messages()) {
            Ok(()) => {}
            Err(SendError::TooBig { bytes }) => return Err(BackendError::TooBig { bytes }),
            Err(SendError::Os(error)) => {
                return Err(BackendError::Os { doing: Doing::Commit, error });
            }
        }
        let (mut refusals, mut overrun) = (Vec::new(), false);
        loop {
            match self.socket.recv_now() {
                Ok(None) => break,
                Ok(Some(datagram)) => {
                    for m in Messages::new(datagram) {
                        let m = m.map_err(BackendError::Garbled)?;
                        if m.kind != kind::ERROR {
                            continue;
                        }
                        let failure = Failure::read(&m).map_err(BackendError::Garbled)?;
                        match failure.errno {
                            0 => {}
                            ERESTART => return Ok(Commit::Stale),
                            _ => refusals.push(batch.refusal(&failure)),
                        }
                    }
                }
                Err(e) if e.raw_os_error() == Some(ENOBUFS) && !overrun => overrun = true,
                Err(error) => return Err(BackendError::Os { doing: Doing::Commit, error }),
            }
        }
        match (refusals.is_empty(), overrun) {
            (true, false) => Ok(Commit::Done),
            // So many refusals that not even one found room.
            (true, true) => Err(BackendError::Os {
                doing: Doing::Commit,
                error: std::io::Error::from_raw_os_error(ENOBUFS),
            }),
            _ => Ok(Commit::Refused(refusals)),
        }
    }

    /// Begins a new question.
    fn head(&mut self, family: u8, flags: u16) -> Head {
        self.request.clear();
        self.seq = self.seq.wrapping_add(1);
        Head { flags, seq: self.seq, family }
    }

    /// Sends `self.request` and gives every answer to `each`, to the dump's end or the one answer of a plain question.
    fn ask(
        &mut self,
        doing: Doing,
        head: Head,
        mut each: impl FnMut(&Message<'_>) -> Result<(), WireError>,
    ) -> Result<(), ReadError> {
        let os = |error| ReadError::Other(BackendError::Os { doing, error });
        self.socket.send(self.request.as_bytes()).map_err(os)?;
        let mut changed = false;
        loop {
            let datagram = self.socket.recv().map_err(os)?;
            for m in Messages::new(datagram) {
                let m = m?;
                // An answer to a question given up before.
                if m.seq != head.seq {
                    continue;
                }
                changed |= m.interrupted();
                let failed = match m.kind {
                    kind::ERROR => Failure::read(&m)?.errno,
                    kind::DONE => m.done().unwrap_or(Ok(0))?,
                    _ => {
                        each(&m)?;
                        // NFNL_MSG_COMPAT_GET marks its one answer as one of many, so the question decides.
                        if head.flags & flag::DUMP != 0 {
                            continue;
                        }
                        0
                    }
                };
                return match failed {
                    0 if changed => Err(ReadError::Changed),
                    0 => Ok(()),
                    EINTR | EAGAIN => Err(ReadError::Changed),
                    ENOENT => Err(ReadError::Missing),
                    errno => Err(os(std::io::Error::from_raw_os_error(errno))),
                };
            }
        }
    }
}
