//! The time a packet arrives (kernel `net/netfilter/xt_time.c:time_mt`).

mod calendar;
mod values;

use crate::abi::{self, abi};
use crate::value::Flag;
use crate::*;
use oxtables_packet::Known;
use values::{ALL_MONTHDAYS, ALL_WEEKDAYS, Date, Daytime, Monthdays, Weekdays};

const DATESTART: Opt<Date> = Opt::new("datestart", "not before");
const DATESTOP: Opt<Date> = Opt::new("datestop", "not after");
const TIMESTART: Opt<Daytime> = Opt::new("timestart", "of each day, not before");
const TIMESTOP: Opt<Daytime> = Opt::new("timestop", "of each day, not after");
const MONTHDAYS: Opt<Neg<Monthdays>> = Opt::neg("monthdays", "on these days of a month");
const WEEKDAYS: Opt<Neg<Weekdays>> = Opt::neg("weekdays", "on these days of a week");
const CONTIGUOUS: Opt<Flag> =
    Opt::new("contiguous", "hours past midnight belong to the day they began on");
const KERNELTZ: Opt<Flag> = Opt::new("kerneltz", "in the kernel's time zone");
const UTC: Opt<Flag> =
    Opt::new("utc", "in UTC, as always without --kerneltz").excludes(&["kerneltz"]);
const LOCALTZ: Opt<Flag> = Opt::new("localtz", "the old name of --kerneltz").excludes(&["utc"]);

/// `XT_TIME_*` (linux/netfilter/xt_time.h).
const LOCAL_TZ: u8 = 1;
const IS_CONTIGUOUS: u8 = 2;

/// What `--datestop` is when it is not given: the end of 32-bit time.
const LAST: Date = Date(0x7fff_ffff);
const DAY: u32 = 86_400;

/// `-m time`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Time {
    /// The first moment.
    pub start: Date,
    /// The last.
    pub stop: Date,
    /// The first second of a day.
    pub day_start: Daytime,
    /// The last; before `day_start` for hours past midnight.
    pub day_stop: Daytime,
    /// The days of a month.
    pub monthdays: Monthdays,
    /// The days of a week.
    pub weekdays: Weekdays,
    /// In the kernel's time zone rather than UTC.
    pub kernel_zone: bool,
    /// Hours past midnight belong to the day before.
    pub contiguous: bool,
}

const EVERY_SECOND: (Daytime, Daytime) = (Daytime(0), Daytime(DAY - 1));

impl Extension for Time {
    const SPEC: Spec = Spec {
        options: &[
            DATESTART.def(),
            DATESTOP.def(),
            TIMESTART.def(),
            TIMESTOP.def(),
            MONTHDAYS.def(),
            WEEKDAYS.def(),
            CONTIGUOUS.def(),
            UTC.def(),
            KERNELTZ.def(),
            LOCALTZ.def(),
        ],
        revisions: &[Revision::new(0, 24)],
        doc: "matches the time a packet arrives",
        cases: CASES,
        ..Spec::named("time")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        if args.has(&LOCALTZ) {
            cx.host.warn(
                "WARNING: --localtz is being replaced by --kerneltz, since \"local\" is ambiguous. \
                 Note the kernel timezone has caveats - see manpage for details.",
            );
        }
        let made = Self {
            start: args.get(&DATESTART, cx)?.unwrap_or(Date(0)),
            stop: args.get(&DATESTOP, cx)?.unwrap_or(LAST),
            day_start: args.get(&TIMESTART, cx)?.unwrap_or(EVERY_SECOND.0),
            day_stop: args.get(&TIMESTOP, cx)?.unwrap_or(EVERY_SECOND.1),
            monthdays: args
                .get_neg(&MONTHDAYS, cx)?
                .map_or(Some(ALL_MONTHDAYS), Monthdays::upright)
                .ok_or(NO_MONTHDAY)?,
            weekdays: args
                .get_neg(&WEEKDAYS, cx)?
                .map_or(Some(ALL_WEEKDAYS), Weekdays::upright)
                .ok_or(NO_WEEKDAY)?,
            kernel_zone: args.has(&KERNELTZ) || args.has(&LOCALTZ),
            contiguous: args.has(&CONTIGUOUS),
        };
        if made.contiguous && made.day_start.0 < made.day_stop.0 {
            let senseless =
                "time: --contiguous only makes sense when stoptime is smaller than starttime";
            return Err(ArgError::own("time", senseless));
        }
        Ok(made)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        if (self.day_start, self.day_stop) != EVERY_SECOND {
            w.opt(&TIMESTART, &self.day_start);
            w.opt(&TIMESTOP, &self.day_stop);
        }
        if self.monthdays != ALL_MONTHDAYS {
            w.neg(&MONTHDAYS, &Neg::plain(self.monthdays));
        }
        if self.weekdays != ALL_WEEKDAYS {
            w.neg(&WEEKDAYS, &Neg::plain(self.weekdays));
        }
        if self.start.0 != 0 {
            w.opt(&DATESTART, &self.start);
        }
        // COMPAT: upstream leaves out a stop at 1970-01-01, and so loses it; here it is saved.
        w.opt(&DATESTOP, &self.stop);
        w.flag(&KERNELTZ, self.kernel_zone);
        w.flag(&CONTIGUOUS, self.contiguous);
    }

    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("TIME");
        if (self.day_start, self.day_stop) != EVERY_SECOND {
            w.word("from ").value(&self.day_start).raw(" to ").value(&self.day_stop);
        }
        if self.weekdays != ALL_WEEKDAYS {
            w.word("on ").value(&self.weekdays);
        }
        if self.monthdays != ALL_MONTHDAYS {
            self.monthdays.push_ordinals(w.word("on ").bytes());
        }
        if self.start.0 != 0 {
            self.start.push(w.word("starting from ").bytes(), b' ');
        }
        if self.stop != LAST {
            self.stop.push(w.word("until date ").bytes(), b' ');
        }
        if !self.kernel_zone {
            w.word("UTC");
        }
        if self.contiguous {
            w.word("contiguous");
        }
    }

    fn encode(&self, _rev: u8, _family: Family, out: &mut Vec<u8>) {
        let flag = |given, bit| if given { bit } else { 0 };
        let info = XtTimeInfo {
            date: [self.start.0, self.stop.0],
            daytime: [self.day_start.0, self.day_stop.0],
            monthdays: self.monthdays.0,
            weekdays: self.weekdays.0,
            flags: flag(self.kernel_zone, LOCAL_TZ) | flag(self.contiguous, IS_CONTIGUOUS),
        };
        abi::push(out, info);
    }

    fn decode(_rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw: XtTimeInfo = abi::read(bytes)?;
        let ([start, stop], [day_start, day_stop]) = (raw.date, raw.daytime);
        let made = Self {
            start: Date(start),
            stop: Date(stop),
            day_start: Daytime(day_start),
            day_stop: Daytime(day_stop),
            monthdays: Monthdays(raw.monthdays),
            weekdays: Weekdays(raw.weekdays),
            kernel_zone: raw.flags & LOCAL_TZ != 0,
            contiguous: raw.flags & IS_CONTIGUOUS != 0,
        };
        let days = made.monthdays.is_writable() && made.weekdays.is_writable();
        let times = day_start < DAY && day_stop < DAY && !(made.contiguous && day_start < day_stop);
        let dates = made.start.is_writable() && made.stop.is_writable();
        if days && times && dates { Ok(made) } else { Err(DecodeError::Unknown) }
    }

    fn view(&self) -> View {
        View::Opaque(Class::Context)
    }
}

/// COMPAT: upstream takes day lists that end up empty (`--weekdays 8`, `! --weekdays 1,2,3,4,5,6,7`)
/// and saves what it cannot read again; such a rule never matches, and is refused here.
const NO_MONTHDAY: ArgError = ArgError::own("time", "time: no day is left by --monthdays");
const NO_WEEKDAY: ArgError = ArgError::own("time", "time: no day is left by --weekdays");

impl Match for Time {
    /// `time_mt`, in its order.
    fn test(&self, _packet: &Packet, cx: &Context) -> Truth {
        let now = match (&cx.time, self.kernel_zone, &cx.minutes_west) {
            (Known::Unknown(why), ..) | (_, true, Known::Unknown(why)) => {
                return Truth::Unknown(why);
            }
            (Known::Absent, ..) => return Truth::No,
            (Known::Known(now), true, Known::Known(west)) => now.seconds - 60 * i64::from(*west),
            (Known::Known(now), ..) => now.seconds,
        };
        self.holds_at(now).into()
    }
}

impl Time {
    fn holds_at(&self, mut now: i64) -> bool {
        if now < i64::from(self.start.0) || now > i64::from(self.stop.0) {
            return false;
        }
        let second = now.rem_euclid(i64::from(DAY));
        let (start, stop) = (i64::from(self.day_start.0), i64::from(self.day_stop.0));
        if start < stop {
            if second < start || second > stop {
                return false;
            }
        } else {
            if second < start && second > stop {
                return false;
            }
            if self.contiguous && second <= stop {
                now -= i64::from(DAY);
            }
        }
        let days = now.div_euclid(i64::from(DAY));
        let (_, _, monthday) = calendar::date_of(days);
        self.weekdays.has(calendar::weekday_of(days)) && self.monthdays.has(monthday)
    }
}

abi! {
    /// `struct xt_time_info` (linux/netfilter/xt_time.h).
    struct XtTimeInfo[24] {
        date: [u32; 2] = 0,
        daytime: [u32; 2] = 8,
        monthdays: u32 = 16,
        weekdays: u8 = 20,
        flags: u8 = 21,
    }
}

const CASES: &[spec::Case] = &[
    ("", Some("--datestop 2038-01-19T03:14:07")),
    (
        "--timestart 9:00 --weekdays Fri,2,Monday,",
        Some(
            "--timestart 09:00:00 --timestop 23:59:59 --weekdays Mon,Tue,Fri \
             --datestop 2038-01-19T03:14:07",
        ),
    ),
    (
        "--datestart 2024-02-29T1:2:3 --datestop 2025",
        Some("--datestart 2024-02-29T01:02:03 --datestop 2025-01-01T00:00:00"),
    ),
    (
        "--datestart 2023-02-30",
        Some("--datestart 2023-03-02T00:00:00 --datestop 2038-01-19T03:14:07"),
    ),
    (
        "! --weekdays Sa,Su --monthdays 31,1 --kerneltz",
        Some(
            "--monthdays 1,31 --weekdays Mon,Tue,Wed,Thu,Fri --datestop 2038-01-19T03:14:07 --kerneltz",
        ),
    ),
    ("--weekdays 1,2,3,4,5,6,7", Some("--datestop 2038-01-19T03:14:07")),
    ("--datestop 1970", Some("--datestop 1970-01-01T00:00:00")),
    ("--weekdays mon", None),
    ("--weekdays 0", None),
    ("--weekdays 8", None),
    ("--monthdays 32", None),
    ("--timestart 24:00", None),
    ("--timestart 5", None),
    ("--datestart 2039", None),
    ("--datestart 2020-", None),
    ("--datestart 2020-01-01T00:00:60", None),
    ("--utc --kerneltz", None),
    ("--contiguous", None),
    ("--timestart 1:00 --timestop 2:00 --contiguous", None),
];

#[cfg(test)]
mod tests;
