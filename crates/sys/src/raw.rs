//! Whole IP packets sent as they are, and all packets of a network namespace seen as they pass.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
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

/// Both ends of a cable in one: sends frames as they are by one interface, and sees those that come in by it. Needs
/// `CAP_NET_RAW` in the network namespace.
#[derive(Debug)]
pub struct Wire {
    fd: OwnedFd,
    buf: Vec<u8>,
}

impl Wire {
    /// A socket on the interface with this index, in the calling thread's network namespace.
    pub fn open(index: u32) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (family, kind) = (AddressFamily::PACKET, SocketType::RAW);
        let fd = rustix::net::socket_with(family, kind, flags, Some(eth::ALL))?;
        // SAFETY: sockaddr_ll is integers only, for which zero is a value.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        // linux/if_ether.h: ETH_P_ALL is 3.
        address.sll_protocol = 3u16.to_be();
        address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
        let len = u32::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
        // SAFETY: the pointer is to a live sockaddr_ll of that length.
        match unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) } {
            0 => Ok(Self { fd, buf: vec![0; 65_536] }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Sends a frame, from its destination address on.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        rustix::net::send(&self.fd, frame, SendFlags::empty())?;
        Ok(())
    }

    /// The next frame that came in; `None` if there is none now.
    pub fn received(&mut self) -> io::Result<Option<&[u8]>> {
        let len = receive(&self.fd, &mut self.buf)?;
        Ok(len.and_then(|len| self.buf.get(..len)))
    }
}

/// Sees the packets of one protocol that are delivered to this host, IPv4 with their IP header. Needs `CAP_NET_RAW` in
/// the network namespace.
#[derive(Debug)]
pub struct Delivered {
    fd: OwnedFd,
    buf: Vec<u8>,
}

impl Delivered {
    /// A socket for a protocol of IPv4 (1 to 254), in the calling thread's network namespace.
    pub fn open(protocol: u8) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (family, kind) = (AddressFamily::INET, SocketType::RAW);
        let protocol = std::num::NonZeroU32::new(protocol.into())
            .map(rustix::net::Protocol::from_raw)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let fd = rustix::net::socket_with(family, kind, flags, Some(protocol))?;
        Ok(Self { fd, buf: vec![0; 65_536] })
    }

    /// The next packet that was delivered; `None` if there is none now.
    pub fn received(&mut self) -> io::Result<Option<&[u8]>> {
        let len = receive(&self.fd, &mut self.buf)?;
        Ok(len.and_then(|len| self.buf.get(..len)))
    }
}

fn receive(fd: &OwnedFd, buf: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match rustix::net::recv(fd, &mut *buf, RecvFlags::empty()) {
            Ok((len, _)) => return Ok(Some(len)),
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
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
