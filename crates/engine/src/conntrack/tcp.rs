//! The TCP tracker: states and windows as `net/netfilter/nf_conntrack_proto_tcp.c` keeps them.
//!
//! Simplified: no SYN proxy, and no adjustment of sequence numbers (no helper rewrites payloads here).

mod window;

use oxtables_packet::{Direction, Packet};
use window::Window;

/// `enum tcp_conntrack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    SynSent2,
}

/// What a segment makes of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    To(State),
    Invalid,
    Ignore,
}

/// `enum tcp_bit_set`: what a segment is, by its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    None,
}

/// What the tracker says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Part of the connection; the entry now lives so many seconds from here, if that changes.
    Valid(Option<u32>),
    /// No part of it.
    Invalid,
    /// A new connection in the place of the old: delete the entry, look again (`NF_REPEAT`).
    Reopened,
    /// Answered by a reset before anything else: valid, and the entry goes.
    Killed,
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const URG: u8 = 32;

/// `tcp_valid_flags`, without ECE, CWR and PSH.
const VALID_FLAGS: [u8; 9] =
    [SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG];

/// `IP_CT_TCP_FLAG_*`.
mod flag {
    pub(super) const WINDOW_SCALE: u8 = 0x01;
    pub(super) const SACK_PERM: u8 = 0x02;
    pub(super) const CLOSE_INIT: u8 = 0x04;
    pub(super) const BE_LIBERAL: u8 = 0x08;
    pub(super) const UNACKNOWLEDGED: u8 = 0x10;
    pub(super) const MAXACK_SET: u8 = 0x20;
    pub(super) const CHALLENGE_ACK: u8 = 0x40;
    pub(super) const SIMULTANEOUS: u8 = 0x80;
}

/// `struct ip_ct_tcp_state`.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    end: u32,
    maxend: u32,
    maxwin: u32,
    maxack: u32,
    scale: u8,
    flags: u8,
}

/// `struct ip_ct_tcp`.
#[derive(Clone, Debug)]
pub(crate) struct Tcp {
    seen: [Side; 2],
    pub(crate) state: State,
    last_dir: usize,
    last_kind: Kind,
    last_seq: u32,
    last_ack: u32,
    last_end: u32,
    last_win: u16,
    last_scale: u8,
    last_flags: u8,
    retrans: u8,
}

/// One segment's numbers.
struct Segment<'a> {
    packet: &'a Packet,
    flags: u8,
    kind: Kind,
    seq: u32,
    ack: u32,
    end: u32,
    window: u16,
}

/// `before(a, b)`: serial number arithmetic.
fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) > i32::MAX.unsigned_abs()
}

fn after(a: u32, b: u32) -> bool {
    before(b, a)
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Original => 0,
        Direction::Reply => 1,
    }
}

impl<'a> Segment<'a> {
    /// `tcp_error`: `None` for one whose header cannot be. `verify`: the checksum is looked at.
    fn of(packet: &'a Packet, verify: bool) -> Option<Self> {
        let tcp = packet.tcp().ok()?;
        let (at, len) = (tcp.offset(), tcp.header_len());
        let whole = packet.total_len().checked_sub(at)?;
        if len < 20 || whole < len || (verify && !super::checksum_is_right(packet)) {
            return None;
        }
        let flags = tcp.flags();
        if !VALID_FLAGS.contains(&(flags & (FIN | SYN | RST | ACK | URG))) {
            return None;
        }
        let kind = match flags {
            f if f & RST != 0 => Kind::Rst,
            f if f & SYN != 0 => {
                if f & ACK != 0 {
                    Kind::SynAck
                } else {
                    Kind::Syn
                }
            }
            f if f & FIN != 0 => Kind::Fin,
            f if f & ACK != 0 => Kind::Ack,
            _ => Kind::None,
        };
        let payload = u32::try_from(whole - len).ok()?;
        let more = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        let end = tcp.seq().wrapping_add(payload).wrapping_add(more);
        let (seq, ack) = (tcp.seq(), tcp.ack());
        Some(Self { packet, flags, kind, seq, ack, end, window: tcp.window() })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// `tcp_options`.
    fn options(&self, side: &mut Side) {
        side.scale = 0;
        side.flags &= flag::BE_LIBERAL;
        self.each_option(|kind, body| match (kind, body) {
            (4, []) => side.flags |= flag::SACK_PERM,
            (3, &[scale]) => {
                side.scale = scale.min(14);
                side.flags |= flag::WINDOW_SCALE;
            }
            _ => {}
        });
    }

    /// `tcp_sack`: the highest right edge of a block.
    fn sack(&self) -> u32 {
        let mut highest = self.ack;
        self.each_option(|kind, body| {
            if kind == 5 && !body.is_empty() && body.len() % 8 == 0 {
                for block in body.chunks_exact(8) {
                    let edge = block.iter().skip(4).fold(0u32, |all, &b| all << 8 | u32::from(b));
                    if after(edge, highest) {
                        highest = edge;
                    }
                }
            }
        });
        highest
    }

    fn each_option(&self, mut take: impl FnMut(u8, &[u8])) {
        let Ok(tcp) = self.packet.tcp() else { return };
        let len = tcp.header_len().saturating_sub(20);
        let Ok(mut rest) = self.packet.bytes_at(tcp.offset() + 20, len) else { return };
        while let [kind, after @ ..] = rest {
            match kind {
                0 => return,
                1 => rest = after,
                _ => {
                    let Some(&size) = after.first() else { return };
                    let size = usize::from(size);
                    let Some(body) = rest.get(2..size) else { return };
                    take(*kind, body);
                    rest = rest.get(size..).unwrap_or(&[]);
                }
            }
        }
    }
}

/// `tcp_conntracks`.
fn next(direction: Direction, kind: Kind, old: State) -> Move {
    use Direction::{Original, Reply};
    use Kind::{Ack, Fin, None as Nothing, Rst, Syn, SynAck};
    use State as S;
    let to = Move::To;
    match (direction, kind, old) {
        (_, Nothing, _) => Move::Invalid,
        (_, Rst, S::None) => Move::Invalid,
        (_, Rst, _) => to(S::Close),
        (Original, Syn, S::None | S::SynSent | S::TimeWait | S::Close) => to(S::SynSent),
        (Original, Syn, S::SynSent2) => to(S::SynSent2),
        (Original, Syn, _) => Move::Ignore,
        (Reply, Syn, S::SynSent | S::SynSent2) => to(S::SynSent2),
        (Reply, Syn, S::TimeWait) => to(S::SynSent),
        (Reply, Syn, _) => Move::Invalid,
        (Original, SynAck, S::SynRecv | S::SynSent2) => to(S::SynRecv),
        (Original, SynAck, _) => Move::Invalid,
        (Reply, SynAck, S::None) => Move::Invalid,
        (Reply, SynAck, S::SynSent | S::SynSent2) => to(S::SynRecv),
        (Reply, SynAck, _) => Move::Ignore,
        (_, Fin, S::None | S::SynSent | S::SynSent2) => Move::Invalid,
        (_, Fin, S::SynRecv | S::Established) => to(S::FinWait),
        (_, Fin, S::FinWait | S::CloseWait | S::LastAck) => to(S::LastAck),
        (_, Fin | Ack, S::TimeWait) => to(S::TimeWait),
        (_, Fin | Ack, S::Close) => to(S::Close),
        (Original, Ack, S::None | S::SynRecv | S::Established) => to(S::Established),
        (Original, Ack, S::SynSent | S::SynSent2) => Move::Invalid,
        (Reply, Ack, S::None) => Move::Invalid,
        (Reply, Ack, S::SynSent | S::SynSent2) => Move::Ignore,
        (Reply, Ack, S::SynRecv) => to(S::SynRecv),
        (Reply, Ack, S::Established) => to(S::Established),
        (_, Ack, S::FinWait | S::CloseWait) => to(S::CloseWait),
        (_, Ack, S::LastAck) => to(S::TimeWait),
    }
}

/// `tcp_timeouts`, in seconds.
const fn timeout(state: State) -> u32 {
    match state {
        State::None | State::SynSent | State::SynSent2 | State::FinWait | State::TimeWait => 120,
        State::SynRecv | State::CloseWait => 60,
        State::Established => 5 * 24 * 3600,
        State::LastAck => 30,
        State::Close => 10,
    }
}

/// `TCP_CONNTRACK_RETRANS` and `TCP_CONNTRACK_UNACK`.
const RETRANS: u32 = 300;
const UNACK: u32 = 300;
const MAX_RETRANS: u8 = 3;
/// What the entry is, beside TCP's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) confirmed: bool,
    pub(crate) seen_reply: bool,
    pub(crate) assured: bool,
}

impl Tcp {
    /// `tcp_new`: `None` if no connection begins so.
    fn begin(segment: &Segment<'_>) -> Option<Self> {
        let Move::To(state) = next(Direction::Original, segment.kind, State::None) else {
            return None;
        };
        let maxwin = u32::from(segment.window).max(1);
        let mut first = Side { end: segment.end, maxend: segment.end, maxwin, ..Side::default() };
        let mut second = Side::default();
        if state == State::SynSent {
            segment.options(&mut first);
        } else {
            // Picked up in the middle (`nf_conntrack_tcp_loose`).
            first.maxend = segment.end.wrapping_add(maxwin);
            first.flags = flag::SACK_PERM | flag::BE_LIBERAL;
            second.flags = first.flags;
        }
        Some(Self {
            seen: [first, second],
            state: State::None,
            last_dir: 0,
            last_kind: Kind::None,
            last_seq: 0,
            last_ack: 0,
            last_end: 0,
            last_win: 0,
            last_scale: 0,
            last_flags: 0,
            retrans: 0,
        })
    }

    fn side(&mut self, at: usize) -> &mut Side {
        let [first, second] = &mut self.seen;
        if at == 0 { first } else { second }
    }

    /// `nf_conntrack_tcp_set_closing`: the state, and the seconds it lasts.
    pub(crate) fn close(&mut self) -> u32 {
        self.state = State::Close;
        timeout(State::Close)
    }

    /// Whether both ends are through with it.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::TimeWait | State::Close)
    }

    /// `nf_conntrack_tcp_established`.
    fn established(&self, status: Status) -> bool {
        self.state == State::Established && status.assured
    }
}

/// `nf_conntrack_tcp_packet`. `tcp` is `None` for an entry that begins with this packet. The second of the answer
/// is whether the connection is assured from here on.
pub(crate) fn judge(
    tcp: &mut Option<Tcp>,
    packet: &Packet,
    direction: Direction,
    status: Status,
    verify: bool,
) -> (Judged, bool) {
    let Some(segment) = Segment::of(packet, verify) else { return (Judged::Invalid, false) };
    if !status.confirmed {
        *tcp = Tcp::begin(&segment);
    }
    let Some(tcp) = tcp else { return (Judged::Invalid, false) };
    tcp.packet(&segment, direction, status)
}

impl Tcp {
    fn packet(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        status: Status,
    ) -> (Judged, bool) {
        let (dir, old) = (index(direction), self.state);
        let (new, checked) = match self.moved(segment, direction, status) {
            Ok(moved) => moved,
            Err(judged) => return (judged, false),
        };
        if !checked {
            match self.window(segment, dir) {
                Window::Accept => {}
                Window::Ignore => return (Judged::Valid(None), false),
                Window::Invalid => {
                    self.out_of_window(segment.kind, dir, status);
                    return (Judged::Invalid, false);
                }
            }
        }
        self.taken(segment, dir, old, new, status)
    }

    /// Where the segment would move the state, and whether the window was looked at for that; or
    /// what is said of a segment that moves nothing.
    fn moved(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        status: Status,
    ) -> Result<(State, bool), Judged> {
        let dir = index(direction);
        let (old, kind) = (self.state, segment.kind);
        let new = match next(direction, kind, old) {
            Move::Invalid => return Err(Judged::Invalid),
            Move::To(State::SynSent) if old >= State::TimeWait => {
                let flags = self.seen.iter().fold(0, |all, s| all | s.flags);
                let reset = self.last_dir == dir && self.last_kind == Kind::Rst;
                if flags & flag::CLOSE_INIT != 0 || reset {
                    return Err(Judged::Reopened);
                }
                self.ignored(segment, direction, old).ok_or(Judged::Valid(None))?
            }
            Move::Ignore => self.ignored(segment, direction, old).ok_or(Judged::Valid(None))?,
            Move::To(State::TimeWait)
                if old == State::LastAck
                    && kind == Kind::Ack
                    && self.last_dir != dir
                    && self.last_kind == Kind::Syn
                    && self.last_flags & flag::CHALLENGE_ACK != 0 =>
            {
                self.last_flags &= !flag::CHALLENGE_ACK;
                return Err(Judged::Valid(None));
            }
            Move::To(State::SynSent2) => {
                self.last_flags |= flag::SIMULTANEOUS;
                State::SynSent2
            }
            Move::To(State::SynRecv)
                if dir == 1 && kind == Kind::Ack && self.last_flags & flag::SIMULTANEOUS != 0 =>
            {
                State::Established
            }
            Move::To(State::Close) if kind == Kind::Rst => {
                return self.reset(segment, dir, old, status).ok_or(Judged::Invalid);
            }
            Move::To(state) => state,
        };
        Ok((new, false))
    }

    /// A packet that fits and moves the state.
    fn taken(
        &mut self,
        segment: &Segment<'_>,
        dir: usize,
        old: State,
        new: State,
        status: Status,
    ) -> (Judged, bool) {
        (self.last_kind, self.last_dir, self.state) = (segment.kind, dir, new);
        if segment.kind == Kind::Syn {
            // As seen with 6.18: a SYN that fits is not one that a reset can answer past the windows.
            self.last_end = 0;
        }
        if old != new && new == State::FinWait {
            self.side(dir).flags |= flag::CLOSE_INIT;
        }
        let flags = self.seen.iter().fold(0, |all, s| all | s.flags);
        let plain = timeout(new);
        let mut seconds = match () {
            () if self.retrans >= MAX_RETRANS && plain > RETRANS => RETRANS,
            () if segment.kind == Kind::Rst => timeout(State::Close),
            () if flags & flag::UNACKNOWLEDGED != 0 && plain > UNACK => UNACK,
            () if self.last_win == 0 && plain > RETRANS => RETRANS,
            () => plain,
        };
        let mut assured = false;
        if !status.seen_reply {
            if segment.has(RST) {
                return (Judged::Killed, false);
            }
            if segment.kind == Kind::Syn && old == State::SynSent {
                return (Judged::Valid(None), false);
            }
            if new == State::Established {
                seconds = seconds.min(UNACK);
            }
        } else if !status.assured {
            assured =
                matches!(old, State::SynRecv | State::Established) && new == State::Established;
        }
        (Judged::Valid(Some(seconds)), assured)
    }

    /// A packet that says nothing to us for now; a state if it puts us in step again.
    fn ignored(
        &mut self,
        segment: &Segment<'_>,
        direction: Direction,
        old: State,
    ) -> Option<State> {
        let dir = index(direction);
        if segment.kind == Kind::SynAck
            && self.last_kind == Kind::Syn
            && self.last_dir != dir
            && segment.ack == self.last_end
        {
            let (end, win) = (self.last_end, u32::from(self.last_win).max(1));
            self.last_flags &= !flag::CHALLENGE_ACK;
            let (scale, flags, last) = (self.last_scale, self.last_flags, self.last_dir);
            let maxack = self.side(last).maxack;
            *self.side(last) = Side { end, maxend: end, maxwin: win, maxack, scale, flags };
            // One that was picked up in the middle stays liberal, as seen with 6.18.
            let liberal = self.side(dir).flags & flag::BE_LIBERAL;
            *self.side(dir) = Side { flags: liberal, ..Side::default() };
            self.state = State::SynSent;
            return Some(State::SynRecv);
        }
        (self.last_kind, self.last_dir) = (segment.kind, dir);
        (self.last_seq, self.last_end, self.last_win) = (segment.seq, segment.end, segment.window);
        if segment.kind == Kind::Syn && dir == 0 {
            let mut seen = Side::default();
            segment.options(&mut seen);
            self.last_flags = seen.flags;
            self.last_scale = seen.scale;
            if old == State::LastAck {
                self.last_flags |= flag::CHALLENGE_ACK;
            }
        }
        if old == State::SynSent && segment.kind == Kind::Ack && dir == 1 {
            self.last_ack = segment.ack;
        }
        None
    }

    /// A reset: the state it leads to, and whether the windows need not be looked at; `None` for a stray one.
    fn reset(
        &mut self,
        segment: &Segment<'_>,
        dir: usize,
        old: State,
        status: Status,
    ) -> Option<(State, bool)> {
        // `tcp_can_early_drop`.
        let closing = matches!(
            old,
            State::FinWait | State::LastAck | State::TimeWait | State::Close | State::CloseWait
        );
        if closing {
            return Some((State::Close, true));
        }
        let other = *self.side(1 - dir);
        let mut new = State::Close;
        if other.flags & flag::MAXACK_SET != 0 && self.last_kind != Kind::Syn {
            let seq = segment.seq;
            if seq == 0 && !self.established(status) {
                return Some((new, false));
            }
            if before(seq, other.maxack) {
                return None;
            }
            let train = self.last_kind == Kind::Ack && self.last_dir == dir && seq == self.last_end;
            if !self.established(status) || seq == other.maxack || train {
                return Some((new, false));
            }
            new = old;
        }
        let answers_ignored = (status.seen_reply && self.last_kind == Kind::Syn)
            || (!status.assured && self.last_kind == Kind::Ack);
        if answers_ignored && segment.ack == self.last_end {
            return Some((new, true));
        }
        let challenged = old == State::SynSent
            && self.last_kind == Kind::Ack
            && self.last_dir == 1
            && segment.seq == self.last_ack;
        Some((new, challenged))
    }

    /// `nf_tcp_handle_invalid`.
    fn out_of_window(&mut self, kind: Kind, dir: usize, status: Status) {
        if !status.assured || !matches!(kind, Kind::Rst | Kind::Fin) {
            return;
        }
        let seen = self.last_dir != dir && matches!(self.last_kind, Kind::Fin | Kind::Rst);
        if !seen {
            (self.last_kind, self.last_dir) = (kind, dir);
        }
    }
}
