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
}
