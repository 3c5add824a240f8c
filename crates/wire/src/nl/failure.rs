//! `NLMSG_ERROR` and its extended acknowledgement.

use super::{Attrs, HEADER_LEN, Message, WireError, aligned, flag, kind};

/// `NLMSGERR_ATTR_MSG`.
const ATTR_MSG: u16 = 1;
/// `NLMSGERR_ATTR_OFFS`.
const ATTR_OFFS: u16 = 2;

/// The kernel's answer to one message: a refusal, or with errno 0 an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Positive errno; 0 means the message was accepted.
    pub errno: i32,
    /// Sequence number of the message it is about.
    pub seq: u32,
    /// Type of the message it is about.
    pub kind: u16,
    /// The kernel's own words, when it has some.
    pub text: Option<&'a [u8]>,
    /// The offending attribute, in bytes from the start of the message's header.
    pub offset: Option<u32>,
}

impl<'a> Failure<'a> {
    /// Reads an `NLMSG_ERROR`; any other type is an error.
    ///
    /// `struct nlmsgerr` holds the error, the header of the message it is about, the rest of that message unless
    /// `NLM_F_CAPPED` is set or it went well, and with `NLM_F_ACK_TLVS` attributes (`linux/netlink.h`).
    pub fn read(message: &Message<'a>) -> Result<Self, WireError> {
        if message.kind != kind::ERROR {
            return Err(WireError::Unexpected { kind: message.kind });
        }
        let (code, about) = message.payload.split_first_chunk::<4>().ok_or(WireError::Truncated)?;
        let head = about.first_chunk::<HEADER_LEN>().ok_or(WireError::Truncated)?;
        let &[l0, l1, l2, l3, k0, k1, _, _, s0, s1, s2, s3, ..] = head;
        let errno = i32::from_ne_bytes(*code).saturating_neg();
        let mut failure = Self {
            errno,
            seq: u32::from_ne_bytes([s0, s1, s2, s3]),
            kind: u16::from_ne_bytes([k0, k1]),
            text: None,
            offset: None,
        };
        if message.flags & flag::ACK_TLVS != 0 {
            let whole = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3]));
            let cut = message.flags & flag::CAPPED != 0 || errno == 0;
            let skip =
                if cut { HEADER_LEN } else { aligned(whole.map_err(|_| WireError::Truncated)?) };
            for attr in Attrs::new(about.get(skip..).ok_or(WireError::Truncated)?) {
                let attr = attr?;
                match attr.kind {
                    ATTR_MSG => failure.text = Some(attr.text()),
                    ATTR_OFFS => failure.offset = Some(attr.native32()?),
                    _ => {}
                }
            }
        }
        Ok(failure)
    }
}
