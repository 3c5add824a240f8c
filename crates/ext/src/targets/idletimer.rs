//! A timer started anew by each packet (kernel `net/netfilter/xt_IDLETIMER.c:idletimer_tg_target_v1`).

use crate::abi::{self, abi};
use crate::value::{Flag, Name};
use crate::*;

/// `MAX_IDLETIMER_LABEL_SIZE` less the NUL (linux/netfilter/xt_IDLETIMER.h).
const LABEL_LEN: usize = 27;
/// `XT_IDLETIMER_ALARM`.
const ALARM_TYPE: u8 = 1;

const TIMEOUT: Opt<u32> =
    Opt::new("timeout", "seconds until it runs out").required().within(0, u32::MAX as u64);
const LABEL: Opt<Name<LABEL_LEN>> = Opt::new("label", "the timer's name").required();
const ALARM: Opt<Flag> = Opt::new("alarm", "it runs on while the machine sleeps");

/// `-j IDLETIMER`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Idletimer {
    timeout: u32,
    label: Name<LABEL_LEN>,
    alarm: bool,
}

impl Extension for Idletimer {
    const SPEC: Spec = Spec {
        options: &[TIMEOUT.def(), LABEL.def(), ALARM.def()],
        revisions: &[Revision::new(1, 48).private_from(40), Revision::new(0, 40).private_from(32)],
        doc: "tells when no packet has come for a while, and goes on with the next rule",
        cases: &[
            ("--label x.y --timeout 5", Some("--timeout 5 --label x.y")),
            ("--timeout 5 --label \"a b\" --alarm", Some("--timeout 5 --label \"a b\" --alarm")),
            ("--timeout 5 --label aaaaaaaaaaaaaaaaaaaaaaaaaaaa", None),
            ("--timeout 4294967296 --label x", None),
            ("--timeout 5", None),
            ("", None),
        ],
        ..Spec::named("IDLETIMER")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        let (timeout, label) = (args.need(&TIMEOUT, cx)?, args.need(&LABEL, cx)?);
        Ok(Self { timeout, label, alarm: args.has(&ALARM) })
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        w.opt(&TIMEOUT, &self.timeout);
        w.opt(&LABEL, &self.label);
        w.flag(&ALARM, self.alarm);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("timeout:").number(self.timeout).raw(" label:");
        w.bytes().extend_from_slice(self.label.bytes());
        w.raw(if self.alarm { " alarm" } else { "" });
    }

    /// Revision 0 has no alarm timers.
    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let label = abi::c_string(self.label.bytes()).unwrap_or([0; 28]);
        let info = IdletimerInfo { timeout: self.timeout, label };
        if rev == 1 {
            let timer_type = if self.alarm { ALARM_TYPE } else { 0 };
            abi::push(out, IdletimerInfoV1 { info, send_nl_msg: 0, timer_type });
            out.extend_from_slice(&[0; 12]);
        } else if !self.alarm {
            abi::push(out, info);
            out.extend_from_slice(&[0; 8]);
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = match rev {
            1 => abi::read(bytes)?,
            _ => IdletimerInfoV1 { info: abi::read(bytes)?, ..abi::zeroed() },
        };
        Ok(Self {
            timeout: raw.info.timeout,
            label: Name::new(abi::c_text(&raw.info.label)).ok_or(DecodeError::Unknown)?,
            alarm: raw.timer_type == ALARM_TYPE,
        })
    }

    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

abi! {
    /// `struct idletimer_tg_info` (linux/netfilter/xt_IDLETIMER.h) without the kernel's pointer.
    struct IdletimerInfo[32] { timeout: u32 = 0, label: [u8; 28] = 4 }
}

abi! {
    /// `struct idletimer_tg_info_v1` without the kernel's pointer.
    struct IdletimerInfoV1[36] { info: IdletimerInfo = 0, send_nl_msg: u8 = 32, timer_type: u8 = 33 }
}
