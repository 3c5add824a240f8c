//! Network interface names and indexes.

use std::ffi::{CStr, CString};
use std::io;

/// The index of the interface of that name; `ENODEV` if there is none.
pub fn index(name: &[u8]) -> io::Result<u32> {
    let name = CString::new(name)?;
    // SAFETY: the pointer is to a NUL-terminated string that outlives the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// The name of the interface of that index; `ENXIO` if there is none.
pub fn name(index: u32) -> io::Result<Vec<u8>> {
    let mut buf = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the IF_NAMESIZE bytes the function may write.
    let got = unsafe { libc::if_indextoname(index, buf.as_mut_ptr().cast()) };
    if got.is_null() {
        return Err(io::Error::last_os_error());
    }
    CStr::from_bytes_until_nul(&buf).map(|c| c.to_bytes().to_vec()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_both_ways() {
        let lo = super::index(b"lo").unwrap();
        assert_eq!(super::name(lo).unwrap(), b"lo");
        assert_eq!(super::index(b"no-such-iface").unwrap_err().raw_os_error(), Some(libc::ENODEV));
        assert_eq!(super::name(u32::MAX).unwrap_err().raw_os_error(), Some(libc::ENXIO));
    }
}
