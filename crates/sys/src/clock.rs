//! Local time, as the C library tells it (`TZ`, `/etc/localtime`).

use std::io;

/// Broken-down local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Full year.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
    /// 0 Sunday to 6.
    pub weekday: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 60.
    pub second: i32,
    /// East of Greenwich, in seconds.
    pub offset: i64,
}

/// Seconds since 1970 as local time; `EOVERFLOW` when the year does not fit.
pub fn local(seconds: i64) -> io::Result<LocalTime> {
    // SAFETY: tm is integers and a pointer, for all of which zero is a value.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values; localtime_r keeps none of them.
    let got = unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
    if got.is_null() {
        return Err(io::Error::last_os_error());
    }
    Ok(LocalTime {
        year: tm.tm_year.saturating_add(1900),
        month: tm.tm_mon.saturating_add(1),
        day: tm.tm_mday,
        weekday: tm.tm_wday,
        hour: tm.tm_hour,
        minute: tm.tm_min,
        second: tm.tm_sec,
        offset: tm.tm_gmtoff,
    })
}

/// The text of `ctime` without its newline, as `Thu Jan  1 01:00:00 1970`.
pub fn ctime(seconds: i64) -> io::Result<String> {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let t = local(seconds)?;
    let name = |names: &[&'static str], n: i32| {
        usize::try_from(n).ok().and_then(|n| names.get(n).copied())
    };
    Ok(format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        name(&DAYS, t.weekday).unwrap_or("???"),
        name(&MONTHS, t.month.saturating_sub(1)).unwrap_or("???"),
        t.day,
        t.hour,
        t.minute,
        t.second,
        t.year
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn as_the_c_library() {
        let t = 1_784_117_106;
        let mut buf = [0u8; 64];
        // SAFETY: ctime_r writes at most 26 bytes.
        let got = unsafe { libc::ctime_r(&raw const t, buf.as_mut_ptr().cast()) };
        assert!(!got.is_null());
        let theirs = std::ffi::CStr::from_bytes_until_nul(&buf).unwrap().to_str().unwrap();
        assert_eq!(super::ctime(t).unwrap(), theirs.trim_end());
    }
}
