//! `getsockopt`, `setsockopt` and `bind` of plain C structs, which rustix does not offer.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sets an `int` option.
pub(crate) fn set_int(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of::<i32>()).map_err(io::Error::other)?;
    // SAFETY: the pointer is to a live i32 and the length is its size; the kernel only reads it.
    let rc =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Binds a packet socket to an interface (packet(7)); neither that address nor `struct sockaddr_ll` is rustix's.
pub(crate) fn bind_to_interface(fd: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?,
        sll_protocol: 0,
        sll_ifindex: i32::try_from(interface).map_err(io::Error::other)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
    // SAFETY: the pointer is to a live sockaddr_ll and the length is its size; the kernel only reads it.
    let rc = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets the kernel read and overwrite `buf`, as requests by `getsockopt` do; returns the bytes it wrote.
pub(crate) fn exchange(
    fd: BorrowedFd<'_>,
    level: i32,
    name: i32,
    buf: &mut [u8],
) -> io::Result<usize> {
    let mut len = libc::socklen_t::try_from(buf.len()).map_err(io::Error::other)?;
    // SAFETY: the pointer is to `buf.len()` writable bytes, and `len` says so; any bytes are valid for u8.
    let rc = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, buf.as_mut_ptr().cast(), &raw mut len)
    };
    if rc == 0 {
        usize::try_from(len).map_err(io::Error::other)
    } else {
        Err(io::Error::last_os_error())
    }
}
