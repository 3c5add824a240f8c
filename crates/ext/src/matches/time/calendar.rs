//! Days since 1970-01-01 and the dates they are, in the Gregorian calendar.

/// The days from 1970-01-01 to a date. A day beyond the end of its month counts on into the next.
pub(super) const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Years from March on, so that a leap day is the last of its year; eras of 400 years.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let months = (month + 9) % 12;
    let of_year = (153 * months + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub(super) const fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let months = (5 * of_year + 2) / 153;
    let day = of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = years + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The day of the week, Monday 1 to Sunday 7. 1970-01-01 was a Thursday.
pub(super) const fn weekday_of(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}
