//! Whole IP packets sent as they are, and all packets of a network namespace seen as they pass.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, eth, ipproto};

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

    /// Sends a packet, routed to `to`, which is the destination its header says.
    pub fn send(&self, packet: &[u8], to: IpAddr) -> io::Result<()> {
        let to = SocketAddr::new(to, 0);
        rustix::net::sendto(&self.fd, packet, SendFlags::empty(), &to)?;
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
        let (family, kind) = (AddressFamily::PACKET, SocketType::DGRAM);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(family, kind, flags, Some(eth::ALL))?;
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
