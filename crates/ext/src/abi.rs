//! Kernel structs as typed values: layouts checked when compiled, padding always zero.
//!
//! A derive macro would do the same, but the tree holds no procedural macro: they cannot be built
//! for the static binary a plain `cargo build --release` makes (see ARCHITECTURE.md).

/// A plain value at a fixed place of a kernel struct, in the machine's byte order.
pub(crate) trait Plain: Copy {
    /// Its length in bytes.
    const SIZE: usize;
    /// Writes the value to the start of `to`, which has at least [`Self::SIZE`] bytes.
    fn put(self, to: &mut [u8]);
    /// Reads the value from the start of `from`; missing bytes read as zero.
    fn get(from: &[u8]) -> Self;
}

macro_rules! plain_numbers {
    ($($t:ty),*) => {$(
        impl Plain for $t {
            const SIZE: usize = size_of::<$t>();
            fn put(self, to: &mut [u8]) {
                if let Some(to) = to.first_chunk_mut() {
                    *to = self.to_ne_bytes();
                }
            }
            fn get(from: &[u8]) -> Self {
                from.first_chunk().copied().map_or(0, <$t>::from_ne_bytes)
            }
        }
    )*};
}
plain_numbers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl<T: Plain, const N: usize> Plain for [T; N] {
    const SIZE: usize = T::SIZE * N;
    fn put(self, to: &mut [u8]) {
        for (value, slot) in self.into_iter().zip(to.chunks_mut(T::SIZE)) {
            value.put(slot);
        }
    }
    fn get(from: &[u8]) -> Self {
        let mut slots = from.chunks(T::SIZE);
        std::array::from_fn(|_| T::get(slots.next().unwrap_or_default()))
    }
}

/// A number the kernel keeps in network byte order (`__be16`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(2))]
pub(crate) struct Be16([u8; 2]);

const _: () = assert!(size_of::<Be16>() == size_of::<u16>());

impl Be16 {
    pub(crate) const fn new(n: u16) -> Self {
        Self(n.to_be_bytes())
    }

    pub(crate) const fn value(self) -> u16 {
        u16::from_be_bytes(self.0)
    }
}

impl Plain for Be16 {
    const SIZE: usize = size_of::<u16>();
    fn put(self, to: &mut [u8]) {
        self.0.put(to);
    }
    fn get(from: &[u8]) -> Self {
        Self(Plain::get(from))
    }
}

/// Declares a kernel struct: `struct NAME[SIZE] { field: type = OFFSET, .. }`. Size and offsets are
/// those of the C struct on a 64-bit machine and are checked against `#[repr(C)]` when compiled.
macro_rules! abi {
    ($(#[$meta:meta])* struct $name:ident[$size:literal] { $($field:ident: $type:ty = $offset:literal),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        const _: () = {
            assert!(size_of::<$name>() == $size, "size differs from the C struct");
            $(assert!(std::mem::offset_of!($name, $field) == $offset, stringify!($field));)*
        };

        impl $crate::abi::Plain for $name {
            const SIZE: usize = $size;
            fn put(self, to: &mut [u8]) {
                $(if let Some(to) = to.get_mut($offset..) {
                    $crate::abi::Plain::put(self.$field, to);
                })*
            }
            fn get(from: &[u8]) -> Self {
                Self { $($field: $crate::abi::Plain::get(from.get($offset..).unwrap_or_default())),* }
            }
        }
    };
}
pub(crate) use abi;

/// The value of `T` whose bytes are all zero.
pub(crate) fn zeroed<T: Plain>() -> T {
    T::get(&[])
}

/// Appends `value` with its padding zero.
pub(crate) fn push<T: Plain>(out: &mut Vec<u8>, value: T) {
    let start = out.len();
    out.resize(start + T::SIZE, 0);
    if let Some(to) = out.get_mut(start..) {
        value.put(to);
    }
}

/// Reads a `T` at the start of `bytes`.
///
/// # Errors
/// [`crate::DecodeError::Length`] when there are too few.
pub(crate) fn read<T: Plain>(bytes: &[u8]) -> Result<T, crate::DecodeError> {
    if bytes.len() < T::SIZE {
        return Err(crate::DecodeError::Length);
    }
    Ok(T::get(bytes))
}

/// `text` in a field of `N` bytes with at least one NUL after it; `None` when it does not fit or
/// holds a NUL itself.
pub(crate) fn c_string<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() >= N || text.contains(&0) {
        return None;
    }
    let mut field = [0; N];
    field.get_mut(..text.len())?.copy_from_slice(text);
    Some(field)
}

/// The text before the first NUL of `field`.
pub(crate) fn c_text(field: &[u8]) -> &[u8] {
    field.split(|&c| c == 0).next().unwrap_or_default()
}

/// `union nf_inet_addr` (linux/netfilter.h): 16 bytes, an IPv4 address in the first four.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(4))]
pub(crate) struct InetAddr(pub(crate) [u8; 16]);

impl Plain for InetAddr {
    const SIZE: usize = 16;
    fn put(self, to: &mut [u8]) {
        self.0.put(to);
    }
    fn get(from: &[u8]) -> Self {
        Self(Plain::get(from))
    }
}

impl InetAddr {
    /// The union holding `addr`.
    pub(crate) fn new(addr: std::net::IpAddr) -> Self {
        let mut bytes = [0; 16];
        let octets = oxtables_base::addr::octets(&addr);
        if let Some(slot) = bytes.get_mut(..octets.len()) {
            slot.copy_from_slice(&octets);
        }
        Self(bytes)
    }

    /// The address of `family` it holds; bytes beyond an IPv4 address must be zero, or `None`.
    pub(crate) fn get_addr(self, family: oxtables_base::Family) -> Option<std::net::IpAddr> {
        let len = usize::from(family.bits() / 8);
        if self.0.get(len..)?.iter().any(|&b| b != 0) {
            return None;
        }
        oxtables_base::addr::from_octets(self.0.get(..len)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    abi! {
        /// A struct with a hole, to see that the hole is zero.
        struct Holed[12] { a: u8 = 0, b: u32 = 4, c: Be16 = 8 }
    }

    #[test]
    fn padding_is_zero_and_fields_come_back() {
        let value = Holed { a: 1, b: 0x0102_0304, c: Be16::new(0x0506) };
        let mut out = vec![0xff; 3];
        push(&mut out, value);
        assert_eq!(out.len(), 15);
        assert_eq!(out[3..7], [1, 0, 0, 0]);
        assert_eq!(out[11..], [5, 6, 0, 0]);
        assert_eq!(read::<Holed>(&out[3..]), Ok(value));
        assert_eq!(read::<Holed>(&out[4..]), Err(crate::DecodeError::Length));
    }
}
