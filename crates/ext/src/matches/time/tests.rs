use super::*;

#[test]
fn the_calendar_agrees_with_itself_and_with_known_days() {
    assert_eq!(calendar::date_of(0), (1970, 1, 1));
    assert_eq!(calendar::weekday_of(0), 4);
    // 2026-11-22 was day 20779, a Sunday.
    assert_eq!(calendar::days_of(2026, 11, 22), 20_779);
    assert_eq!(calendar::weekday_of(20_779), 7);
    for days in -1000..60_000 {
        let (year, month, day) = calendar::date_of(days);
        assert_eq!(calendar::days_of(year, month, day), days);
        let (next_year, next_month, next_day) = calendar::date_of(days + 1);
        let next = (year, month, day + 1) == (next_year, next_month, next_day)
            || (next_day == 1 && (next_month == month + 1 || (month, next_month) == (12, 1)));
        assert!(next, "{year}-{month}-{day}");
    }
    assert_eq!(calendar::date_of(calendar::days_of(2024, 2, 30)), (2024, 3, 1));
    assert_eq!(calendar::date_of(calendar::days_of(2100, 2, 29)), (2100, 3, 1));
}

/// Monday 2026-11-23, `hour:00`, and so many days later.
fn at(days: i64, hour: i64) -> i64 {
    (20_780 + days) * 86_400 + hour * 3600
}

fn night(contiguous: bool) -> Time {
    Time {
        start: Date(0),
        stop: LAST,
        day_start: Daytime(22 * 3600),
        day_stop: Daytime(5 * 3600),
        monthdays: ALL_MONTHDAYS,
        weekdays: Weekdays(1 << 1),
        kernel_zone: false,
        contiguous,
    }
}

#[test]
fn hours_past_midnight_belong_to_the_day_before_only_when_contiguous() {
    // Monday night: Monday 23:00, and Monday 03:00 or, contiguous, Tuesday 03:00.
    for contiguous in [false, true] {
        let night = night(contiguous);
        assert!(night.holds_at(at(0, 23)));
        assert_eq!(night.holds_at(at(0, 3)), !contiguous);
        assert_eq!(night.holds_at(at(1, 3)), contiguous);
        assert!(!night.holds_at(at(0, 12)));
        assert!(!night.holds_at(at(1, 23)));
    }
}

#[test]
fn both_ends_of_a_period_belong_to_it() {
    let day = Time {
        start: Date(u32::try_from(at(0, 8)).unwrap()),
        stop: Date(u32::try_from(at(3, 0)).unwrap()),
        day_start: Daytime(0),
        day_stop: Daytime(DAY - 1),
        monthdays: Monthdays(1 << 23 | 1 << 26),
        weekdays: ALL_WEEKDAYS,
        ..night(false)
    };
    assert!(!day.holds_at(at(0, 8) - 1));
    assert!(day.holds_at(at(0, 8)));
    assert!(!day.holds_at(at(1, 8)), "the 24th");
    assert!(day.holds_at(at(3, 0)));
    assert!(!day.holds_at(at(3, 0) + 1));
}
