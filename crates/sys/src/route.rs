//! A `NETLINK_ROUTE` socket: links, addresses and routes of the calling thread's network namespace.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// A netlink socket to the router.
#[derive(Debug)]
pub struct Route {
    fd: OwnedFd,
}

impl Route {
    /// Opens a socket, closed on exec. It stays in the network namespace it was opened in.
    pub fn open() -> io::Result<Self> {
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            // NETLINK_ROUTE is protocol 0.
            None,
        )?;
        Ok(Self { fd })
    }

    /// Sends one request, which must ask for an acknowledgement (`NLM_F_ACK`), and waits for it.
    ///
    /// The error is the kernel's refusal, as `EEXIST` for what is there already.
    pub fn request(&self, message: &[u8]) -> io::Result<()> {
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.fd, message, SendFlags::empty(), &kernel)?;
        let mut reply = [0u8; 4096];
        let len = loop {
            match rustix::net::recv(&self.fd, &mut reply[..], RecvFlags::empty()) {
                Ok((len, _)) => break len,
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        };
        // struct nlmsghdr, then the error of struct nlmsgerr: 0, or an errno negated.
        match reply.get(..len) {
            Some([_, _, _, _, 2, 0, _, _, _, _, _, _, _, _, _, _, a, b, c, d, ..]) => {
                match i32::from_ne_bytes([*a, *b, *c, *d]) {
                    0 => Ok(()),
                    errno => Err(io::Error::from_raw_os_error(errno.saturating_neg())),
                }
            }
            _ => Err(io::Error::other("the kernel answered a route request with something else")),
        }
    }
}

/// As much as a kernel puts into one datagram of a dump.
const DUMP: usize = 1 << 16;

impl Route {
    /// Sends a request for a dump (`NLM_F_DUMP`) and gives each datagram of the answer, the last with its `NLMSG_DONE`.
    pub fn dump(&self, message: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.fd, message, SendFlags::empty(), &kernel)?;
        let mut datagram = vec![0u8; DUMP];
        loop {
            let len = match rustix::net::recv(&self.fd, &mut datagram[..], RecvFlags::empty()) {
                Ok((len, _)) => len,
                Err(Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            };
            let got = datagram.get(..len).unwrap_or_default();
            each(got);
            if ends(got)? {
                return Ok(());
            }
        }
    }
}

/// Whether a dump's datagram has its `NLMSG_DONE` (3); the error of an `NLMSG_ERROR` (2).
fn ends(datagram: &[u8]) -> io::Result<bool> {
    let mut rest = datagram;
    while let Some(&[a, b, c, d, kind, 0, ..]) = rest.first_chunk::<16>() {
        match (kind, rest.get(16..20)) {
            (3, _) => return Ok(true),
            (2, Some(&[a, b, c, d])) => {
                let errno = i32::from_ne_bytes([a, b, c, d]).saturating_neg();
                return Err(io::Error::from_raw_os_error(errno));
            }
            _ => {}
        }
        let len = usize::try_from(u32::from_ne_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        rest = rest.get(len.max(16).saturating_add(3) & !3..).unwrap_or_default();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_kernels() {
        // RTM_DELLINK (17) of an interface that is not there: ENODEV for root, EPERM for others.
        let mut m = 32u32.to_ne_bytes().to_vec();
        m.extend(17u16.to_ne_bytes());
        m.extend(5u16.to_ne_bytes());
        m.extend([0; 12]);
        m.extend(i32::MAX.to_ne_bytes());
        m.extend([0; 8]);
        let error = Route::open().unwrap().request(&m).unwrap_err().raw_os_error();
        assert!(matches!(error, Some(libc::ENODEV | libc::EPERM)), "{error:?}");
    }

    #[test]
    fn a_dump_has_its_end() {
        // RTM_GETLINK (18), NLM_F_REQUEST|NLM_F_DUMP, struct ifinfomsg.
        let mut m = 32u32.to_ne_bytes().to_vec();
        m.extend(18u16.to_ne_bytes());
        m.extend(0x301u16.to_ne_bytes());
        m.extend([0; 24]);
        let mut all = Vec::new();
        Route::open().unwrap().dump(&m, |datagram| all.extend_from_slice(datagram)).unwrap();
        assert!(all.windows(3).any(|w| w == b"lo\0"));
    }
}
