//! Whole IP packets sent as they are, and all packets of a network namespace seen as they pass.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RawProtocol, RecvFlags, SendFlags, SocketFlags, SocketType, eth,
    ipproto,
};

use crate::sockopt::{bind_to_interface, set_int};

/// Sends packets whose IP header the caller made. Needs `CAP_NET_RAW` in the network namespace.
#[derive(Debug)]
pub struct Sender {
    fd: OwnedFd,
}

impl Sender {
    /// A sender of IPv6 or IPv4 packets from the calling thread's network namespace.
    pub fn open(ipv6: bool) -> io::Result<Self> {
        let family = if ipv6 { AddressFamily::INET6 } else { AddressFamily::INET };
        // raw(7), ipv6(7): IPPROTO_RAW implies that the header is in the bytes.
        let (kind, protocol) = (SocketType::RAW, Some(ipproto::RAW));
        Ok(Self { fd: rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, protocol)? })
    }

    /// Sets the priority (`SO_PRIORITY`) that its packets carry: other parts of the kernel can tell them by it.
    pub fn set_priority(&self, priority: i32) -> io::Result<()> {
        set_int(self.fd.as_fd(), libc::SOL_SOCKET, libc::SO_PRIORITY, priority)
    }

    /// Sends a packet, routed to `to`, which is the destination its header says.
    pub fn send(&self, packet: &[u8], to: IpAddr) -> io::Result<()> {
        let to = SocketAddr::new(to, 0);
        rustix::net::sendto(&self.fd, packet, SendFlags::empty(), &to)?;
        Ok(())
    }
}

/// Sends Ethernet frames through one interface. Needs `CAP_NET_RAW` in the network namespace.
#[derive(Debug)]
pub struct Frames {
    fd: OwnedFd,
}

impl Frames {
    /// A sender through the interface of that index, from the calling thread's network namespace. It receives nothing.
    pub fn open(interface: u32) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::PACKET, SocketType::RAW);
        // packet(7): protocol 0 receives nothing.
        let fd = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        bind_to_interface(fd.as_fd(), interface)?;
        Ok(Self { fd })
    }

    /// Sends a frame, from its destination address on, without checksum.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        rustix::net::send(&self.fd, frame, SendFlags::empty())?;
        Ok(())
    }
}

/// Sees every packet that any interface of a network namespace receives or sends. Needs `CAP_NET_RAW` there.
#[derive(Debug)]
pub struct Tap {
    fd: OwnedFd,
    buf: Vec<u8>,
}

impl Tap {
    /// A tap in the calling thread's network namespace; what passes from now on is kept until it is read.
    pub fn open() -> io::Result<Self> {
        Self::of(eth::ALL)
    }

    /// A tap for what the namespace *receives* of one EtherType; what it sends is not seen.
    pub fn received(ethertype: u16) -> io::Result<Self> {
        let number = RawProtocol::new(u32::from(ethertype.to_be()));
        let number = number.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Self::of(Protocol::from_raw(number))
    }

    fn of(protocol: Protocol) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::PACKET, SocketType::DGRAM);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(family, kind, flags, Some(protocol))?;
        Ok(Self { fd, buf: vec![0; 65_536] })
    }

    /// The next packet from its network header on, waiting up to `patience`; `None` if none came. Not only IP: the
    /// address resolution of IPv4 passes here as well.
    pub fn next(&mut self, patience: Duration) -> io::Result<Option<&[u8]>> {
        let len = match self.receive() {
            Err(Errno::AGAIN) if self.readable(patience)? => self.receive(),
            other => other,
        };
        match len {
            Ok(len) => Ok(self.buf.get(..len)),
            Err(Errno::AGAIN) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn receive(&mut self) -> Result<usize, Errno> {
        loop {
            match rustix::net::recv(&self.fd, &mut self.buf[..], RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                other => return other.map(|(len, _)| len),
            }
        }
    }

    fn readable(&self, patience: Duration) -> io::Result<bool> {
        let wait = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).map_err(io::Error::other)?,
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&wait)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }
}
