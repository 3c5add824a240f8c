//! Names of addresses, from whatever the system's resolver asks.

use std::net::{IpAddr, SocketAddr};

/// The name of `addr`, or `None` when the resolver has none.
#[must_use]
pub fn name_of(addr: IpAddr) -> Option<Vec<u8>> {
    /// The longest name, with its NUL (`NI_MAXHOST`, netdb.h).
    const LEN: usize = 1025;
    let (storage, len) = raw(SocketAddr::new(addr, 0));
    let mut name = [0u8; LEN];
    // SAFETY: `storage` holds an initialised address of `len` bytes, `name` has LEN bytes to be
    // written to, and no service is asked for.
    let error = unsafe {
        libc::getnameinfo(
            std::ptr::from_ref(&storage).cast(),
            len,
            name.as_mut_ptr().cast(),
            1025,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    let end = name.iter().position(|&c| c == 0)?;
    (error == 0 && end > 0).then(|| name.get(..end).map(<[u8]>::to_vec)).flatten()
}

fn raw(addr: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all bytes zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let to = std::ptr::from_mut(&mut storage);
    let len = match addr {
        SocketAddr::V4(a) => {
            let made = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: 0,
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(a.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: a sockaddr_storage has room and alignment for every kind of address.
            unsafe { to.cast::<libc::sockaddr_in>().write(made) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(a) => {
            let made = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: 0,
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: a.ip().octets() },
                sin6_scope_id: 0,
            };
            // SAFETY: as above.
            unsafe { to.cast::<libc::sockaddr_in6>().write(made) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, libc::socklen_t::try_from(len).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_has_the_name_of_the_hosts_file() {
        // Without /etc/hosts there is nothing to compare with.
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let listed = hosts.lines().any(|l| l.starts_with("127.0.0.1") && l.contains("localhost"));
        let name = super::name_of(std::net::IpAddr::from([127, 0, 0, 1]));
        assert!(!listed || name.as_deref() == Some(b"localhost"), "{name:?}");
    }
}
