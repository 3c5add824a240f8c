//! Error numbers in the C library's words, which scripts compare.

use std::ffi::CStr;

/// The text of `strerror`, as `No such file or directory`.
pub fn text(errno: i32) -> String {
    let mut buf = [0u8; 128];
    // SAFETY: the buffer is writable for the length told.
    let rc = unsafe { libc::strerror_r(errno, buf.as_mut_ptr().cast(), buf.len()) };
    match CStr::from_bytes_until_nul(&buf) {
        Ok(text) if rc == 0 || !text.is_empty() => text.to_string_lossy().into_owned(),
        _ => format!("Unknown error {errno}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn speaks_as_glibc() {
        assert_eq!(super::text(libc::ENOENT), "No such file or directory");
        assert_eq!(super::text(libc::EBUSY), "Device or resource busy");
        assert_eq!(super::text(4_321), "Unknown error 4321");
    }
}
