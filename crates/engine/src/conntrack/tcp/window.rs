//! Whether a segment is within its connection's windows (kernel
//! `net/netfilter/nf_conntrack_proto_tcp.c:tcp_in_window`).

use super::{ACK, Kind, RST, SYN, Segment, State, Tcp, after, before, flag};

/// `MAXACKWINCONST`.
const LEAST_ACK_WINDOW: u32 = 66_000;

/// What the windows say: `enum nf_ct_tcp_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    Accept,
    Ignore,
    Invalid,
}

impl Tcp {
    /// `tcp_init_sender`.
    fn begin_side(&mut self, segment: &Segment<'_>, dir: usize) {
        let receiver = *self.side(1 - dir);
        let sender = self.side(dir);
        (sender.end, sender.maxend) = (segment.end, segment.end);
        sender.maxwin = u32::from(segment.window).max(1);
        segment.options(sender);
        if dir == 1 && sender.flags & receiver.flags & flag::WINDOW_SCALE == 0 {
            sender.scale = 0;
            self.side(1 - dir).scale = 0;
        }
    }

    /// `tcp_in_window`.
    pub(super) fn window(&mut self, segment: &Segment<'_>, dir: usize) -> Window {
        let (mut seq, mut end) = (segment.seq, segment.end);
        let mut ack = segment.ack;
        let mut win = u32::from(segment.window);
        let permitted = self.side(1 - dir).flags & flag::SACK_PERM != 0;
        let mut sack = if permitted { segment.sack() } else { ack };
        let opening = matches!(self.state, State::SynSent | State::SynRecv);
        if self.side(dir).maxwin == 0 {
            if segment.has(SYN) {
                self.begin_side(segment, dir);
                if !segment.has(ACK) {
                    return Window::Accept;
                }
            } else {
                self.begin_middle(end, win, sack, dir);
            }
        } else if segment.has(SYN) && after(end, self.side(dir).end) && opening {
            self.begin_side(segment, dir);
            if dir == 1 && !segment.has(ACK) {
                return Window::Accept;
            }
        }
        let receiver_end = self.side(1 - dir).end;
        if !segment.has(ACK) || (segment.has(RST) && ack == 0) {
            (ack, sack) = (receiver_end, receiver_end);
        }
        if segment.has(RST) && seq == 0 && self.state == State::SynSent {
            seq = self.side(dir).end;
            end = seq;
        }
        if let Some(verdict) = self.outside(seq, end, sack, dir) {
            return verdict;
        }
        if !segment.has(SYN) {
            win = win.checked_shl(self.side(dir).scale.into()).unwrap_or(0);
        }
        self.update(segment, dir, Numbers { seq, end, ack, sack, win });
        Window::Accept
    }

    /// The other direction's first packet, and it is not its beginning.
    fn begin_middle(&mut self, end: u32, win: u32, sack: u32, dir: usize) {
        let sender = self.side(dir);
        sender.end = end;
        let swin = win.checked_shl(sender.scale.into()).unwrap_or(0);
        sender.maxwin = swin.max(1);
        sender.maxend = end.wrapping_add(sender.maxwin);
        let receiver = self.side(1 - dir);
        if receiver.maxwin == 0 {
            (receiver.end, receiver.maxend) = (sack, sack);
        } else if sack == receiver.end.wrapping_add(1) {
            receiver.end = sack;
        }
    }

    /// The four bounds; `None` for a segment within all of them.
    fn outside(&mut self, seq: u32, end: u32, sack: u32, dir: usize) -> Option<Window> {
        let (sender, receiver) = (*self.side(dir), *self.side(1 - dir));
        // `nf_tcp_log_invalid`
        let liberal = sender.flags & flag::BE_LIBERAL != 0;
        let verdict = |strict| Some(if liberal { Window::Accept } else { strict });
        let ack_window = sender.maxwin.max(LEAST_ACK_WINDOW);
        let ack_low = receiver.end.wrapping_sub(ack_window).wrapping_sub(1);
        let end_low = sender.end.wrapping_sub(receiver.maxwin).wrapping_sub(1);
        if !before(seq, sender.maxend.wrapping_add(1)) {
            let overshot = end.wrapping_sub(sender.maxend).wrapping_add(1);
            let near = receiver.maxwin != 0 && after(end, end_low) && after(sack, ack_low);
            if near && overshot <= receiver.maxwin && before(sack, receiver.end.wrapping_add(1)) {
                let sender = self.side(dir);
                sender.end = end;
                sender.flags |= flag::UNACKNOWLEDGED;
                return verdict(Window::Ignore);
            }
            return verdict(Window::Invalid);
        }
        if !before(sack, receiver.end.wrapping_add(1)) {
            return verdict(Window::Invalid);
        }
        if receiver.maxwin != 0 && !after(end, end_low) {
            return verdict(Window::Ignore);
        }
        if !after(sack, ack_low) {
            return verdict(Window::Ignore);
        }
        None
    }

    fn update(&mut self, segment: &Segment<'_>, dir: usize, n: Numbers) {
        let sender = self.side(dir);
        let swin = n.win.wrapping_add(n.sack.wrapping_sub(n.ack));
        sender.maxwin = sender.maxwin.max(swin);
        if after(n.end, sender.end) {
            sender.end = n.end;
            sender.flags |= flag::UNACKNOWLEDGED;
        }
        if segment.has(ACK) {
            if sender.flags & flag::MAXACK_SET == 0 {
                sender.maxack = n.ack;
                sender.flags |= flag::MAXACK_SET;
            } else if after(n.ack, sender.maxack) {
                sender.maxack = n.ack;
            }
        }
        let sender_maxend = sender.maxend;
        let receiver = self.side(1 - dir);
        if receiver.maxwin != 0 && after(n.end, sender_maxend) {
            receiver.maxwin = receiver.maxwin.wrapping_add(n.end.wrapping_sub(sender_maxend));
        }
        let edge = n.sack.wrapping_add(n.win);
        if after(edge, receiver.maxend.wrapping_sub(1)) {
            receiver.maxend = if n.win == 0 { edge.wrapping_add(1) } else { edge };
        }
        if n.ack == receiver.end {
            receiver.flags &= !flag::UNACKNOWLEDGED;
        }
        if segment.kind == Kind::Ack {
            let now = (dir, n.seq, n.ack, n.end, segment.window);
            let last = (self.last_dir, self.last_seq, self.last_ack, self.last_end, self.last_win);
            if now == last {
                self.retrans = self.retrans.saturating_add(1);
            } else {
                (self.last_dir, self.last_seq, self.last_ack, self.last_end, self.last_win) = now;
                self.retrans = 0;
            }
        }
    }
}

/// A segment's numbers, as the windows took them.
struct Numbers {
    seq: u32,
    end: u32,
    ack: u32,
    sack: u32,
    win: u32,
}
