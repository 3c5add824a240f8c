//! A `NETLINK_NETFILTER` socket: requests, dumps, and whole transactions in one `sendmsg`.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, netlink,
    sockopt,
};

use crate::sockopt::set_int;

/// `SOL_NETLINK`.
const SOL_NETLINK: i32 = 270;
/// `NETLINK_CAP_ACK`: error replies without the refused message's body.
const CAP_ACK: i32 = 10;
/// `NETLINK_EXT_ACK`: error replies say what was wrong.
const EXT_ACK: i32 = 11;
/// `NETLINK_ADD_MEMBERSHIP`.
const ADD_MEMBERSHIP: i32 = 1;
/// A dump's datagrams have at most 32 KiB, whatever the buffer (`af_netlink.c:netlink_recvmsg`); single replies may have more.
const RECEIVE: usize = 65_536;
/// What the kernel accounts for a datagram besides its bytes (`netlink_sendmsg` keeps 32, the skb its overhead).
const SEND_SLACK: usize = 4096;
/// What one error reply costs in the receive buffer, generously.
const REPLY_COST: usize = 1024;

/// Why a transaction was not sent.
#[derive(Debug)]
pub enum SendError {
    /// The batch does not fit the send buffer, and the buffer may not be made larger: `net.core.wmem_max` limits it for
    /// processes without `CAP_NET_ADMIN` in the first user namespace.
    TooBig {
        /// Bytes of the batch.
        bytes: usize,
    },
    /// Anything else.
    Os(io::Error),
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooBig { bytes } => {
                write!(
                    f,
                    "a transaction of {bytes} bytes is more than the sysctl net.core.wmem_max allows to send at once"
                )
            }
            Self::Os(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// A netlink socket to netfilter. The kernel gives it its port when it first sends.
#[derive(Debug)]
pub struct Netfilter {
    fd: OwnedFd,
    buf: Vec<u8>,
    /// `SO_SNDBUF` asked for so far.
    send_buffer: usize,
}

impl Netfilter {
    /// Opens a socket, closed on exec. Extended and capped error replies are switched on where the kernel has them.
    pub fn open() -> io::Result<Self> {
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::NETFILTER),
        )?;
        // Kernels before 4.12 do not know these; replies are then longer and say less, and are read all the same.
        for option in [EXT_ACK, CAP_ACK] {
            let _unknown_to_old_kernels = set_int(fd.as_fd(), SOL_NETLINK, option, 1);
        }
        Ok(Self { fd, buf: Vec::new(), send_buffer: 0 })
    }

    /// Joins a multicast group (`NFNLGRP_*`), with as large a buffer as is allowed: what finds no room is lost.
    pub fn join(&self, group: i32, buffer: usize) -> io::Result<()> {
        if sockopt::set_socket_recv_buffer_size_force(&self.fd, buffer).is_err() {
            let _best_effort = sockopt::set_socket_recv_buffer_size(&self.fd, buffer);
        }
        // Without a number of its own a socket gets nothing that the kernel, number 0, sends to all
        // (af_netlink.c:do_one_broadcast).
        rustix::net::bind(&self.fd, &SocketAddrNetlink::new(0, 0))?;
        set_int(self.fd.as_fd(), SOL_NETLINK, ADD_MEMBERSHIP, group)
    }

    /// Sends one request, or several in one datagram.
    pub fn send(&self, request: &[u8]) -> io::Result<()> {
        self.sendmsg(&[IoSlice::new(request)]).map_err(io::Error::from)
    }

    /// Sends a whole transaction, all of `parts` as one datagram: nf_tables aborts a batch whose end is not in the same one.
    ///
    /// `messages` sizes the receive buffer, so that as many refusals find room.
    pub fn send_batch(&mut self, parts: &[IoSlice<'_>], messages: usize) -> Result<(), SendError> {
        let bytes = parts.iter().map(|p| p.len()).sum::<usize>();
        self.make_room(bytes, messages);
        match self.sendmsg(parts) {
            Ok(()) => Ok(()),
            Err(Errno::MSGSIZE) => Err(SendError::TooBig { bytes }),
            Err(e) => Err(SendError::Os(e.into())),
        }
    }

    fn sendmsg(&self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let kernel = SocketAddrNetlink::new(0, 0);
        loop {
            let mut none = SendAncillaryBuffer::default();
            match rustix::net::sendmsg_addr(&self.fd, &kernel, parts, &mut none, SendFlags::empty())
            {
                Err(Errno::INTR) => {}
                // A datagram is sent whole or not at all.
                other => return other.map(drop),
            }
        }
    }

    /// Grows the buffers where the batch needs more than every system gives (212,992 bytes).
    fn make_room(&mut self, bytes: usize, messages: usize) {
        let wanted = bytes.saturating_add(SEND_SLACK);
        if wanted > 100_000 && wanted > self.send_buffer {
            // FORCE fails for root of a user namespace; the plain one is capped at wmem_max, and the kernel doubles it.
            if sockopt::set_socket_send_buffer_size_force(&self.fd, wanted).is_err() {
                let _sendmsg_will_tell = sockopt::set_socket_send_buffer_size(&self.fd, wanted);
            }
            self.send_buffer = wanted;
        }
        let replies = messages.saturating_mul(REPLY_COST).min(1 << 29);
        if replies > 200_000
            && sockopt::set_socket_recv_buffer_size_force(&self.fd, replies).is_err()
        {
            // Refusals that find no room are dropped by the kernel, and `recv` says so with ENOBUFS.
            let _best_effort = sockopt::set_socket_recv_buffer_size(&self.fd, replies);
        }
    }

    /// Waits for a datagram.
    pub fn recv(&mut self) -> io::Result<&[u8]> {
        self.receive(RecvFlags::TRUNC)?.ok_or_else(|| Errno::AGAIN.into())
    }

    /// A datagram if one is there: what the kernel has to say about a batch is there when sending it returns.
    pub fn recv_now(&mut self) -> io::Result<Option<&[u8]>> {
        self.receive(RecvFlags::TRUNC | RecvFlags::DONTWAIT)
    }

    /// Waits up to `millis` for something to read.
    pub fn readable(&self, millis: u32) -> io::Result<bool> {
        let wait = Timespec {
            tv_sec: i64::from(millis / 1000),
            tv_nsec: i64::from(millis % 1000).saturating_mul(1_000_000),
        };
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        Ok(poll(&mut fds, Some(&wait))? > 0)
    }

    fn receive(&mut self, flags: RecvFlags) -> io::Result<Option<&[u8]>> {
        if self.buf.is_empty() {
            // Zeroed by the system as far as it is touched, where resizing would touch it all.
            self.buf = vec![0; RECEIVE];
        }
        let len = loop {
            match rustix::net::recv(&self.fd, &mut self.buf[..], flags) {
                Ok((_, len)) => break len,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(e) => return Err(e.into()),
            }
        };
        // With MSG_TRUNC the length is the datagram's, not what fitted.
        self.buf.get(..len).map(Some).ok_or_else(|| Errno::MSGSIZE.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NFT_MSG_GETGEN`, which needs no privilege to be refused or answered.
    fn getgen() -> Vec<u8> {
        let mut m = 20u32.to_ne_bytes().to_vec();
        m.extend(0x0a10u16.to_ne_bytes());
        m.extend(1u16.to_ne_bytes());
        m.extend([0; 12]);
        m
    }

    #[test]
    fn asks_for_the_generation() {
        let mut s = Netfilter::open().unwrap();
        s.send(&getgen()).unwrap();
        let reply = s.recv().unwrap().to_vec();
        // NEWGEN for who may ask, NLMSG_ERROR with EPERM for others.
        let kind = u16::from_ne_bytes([reply[4], reply[5]]);
        assert!(
            kind == 0x0a0f || (kind == 2 && reply[16..20] == (-1i32).to_ne_bytes()),
            "{reply:?}"
        );
        assert!(s.recv_now().unwrap().is_none());
        assert!(!s.readable(1).unwrap());
    }

    #[test]
    fn too_big_names_the_sysctl() {
        let text = SendError::TooBig { bytes: 7 }.to_string();
        assert!(text.contains("net.core.wmem_max") && text.contains("7 bytes"));
    }
}
