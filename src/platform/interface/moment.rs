//! How long ago something was, as routers write it: `6w1d`, `40week(s) 5day(s)`, `00:00:29`, or a date beside the router's own
//! clock. No clock of ours.

/// Seconds of a duration in words or as `HH:MM:SS`. None for anything that is not wholly one.
pub(super) fn ago(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: Option<u64> = None;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let seconds = if after.starts_with(':') {
            let (clock, end) =
                rest.split_at(rest.find(|c: char| c != ':' && !c.is_ascii_digit()).unwrap_or(rest.len()));
            rest = end;
            of_clock(clock)?
        } else {
            let word = after.trim_start();
            let (unit, end) = word.split_at(word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len()));
            rest = end.strip_prefix("(s)").unwrap_or(end);
            number.checked_mul(seconds_of(unit)?)?
        };
        total = Some(total.unwrap_or(0).checked_add(seconds)?);
        rest = rest.trim_start_matches([' ', ',']);
    }
    total
}

fn seconds_of(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "y" | "year" | "years" => 365 * 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        "d" | "day" | "days" => 86_400,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        _ => return None,
    })
}

fn of_clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let [hours, minutes, seconds] = [(); 3].map(|()| parts.next().and_then(|part| part.parse::<u64>().ok()));
    let (hours, minutes, seconds) = (hours?, minutes?, seconds?);
    if parts.next().is_some() || minutes > 59 || seconds > 60 {
        return None;
    }
    hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    Some((digits.parse().ok()?, rest))
}

/// A date of a router, and what it says of its time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds since 1970 in the zone in which it is written.
    local: i64,
    /// East of UTC, in seconds.
    offset: Option<i64>,
    summer: bool,
}

impl Moment {
    /// `2021-03-03 13:49:10`, then perhaps `UTC+07:00`, `EEST+03:00:00`, `-08:00`, `DST`. None for anything else, as `-` or
    /// `never`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, rest) = text.split_at_checked(10)?;
        let rest = rest.trim_start_matches([' ', 'T']);
        let (clock, zone) = rest.split_at_checked(8)?;
        let mut parts = date.split(['-', '/']);
        let [year, month, day] = [(); 3].map(|()| parts.next().and_then(|part| part.parse::<i64>().ok()));
        let (year, month, day) = (year?, month?, day?);
        if parts.next().is_some()
            || !(1970..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
        {
            return None;
        }
        let of_day = of_clock(clock).filter(|seconds| *seconds < 86_400 + 1)?;
        let zone = zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        Some(Self {
            local: days_since_1970(year, month, day) * 86_400 + i64::try_from(of_day).ok()?,
            offset: offset(zone),
            summer: zone.contains("DST"),
        })
    }

    /// Seconds from this moment to `now`. None where they cannot be compared, or it has not been yet.
    pub(super) fn until(self, now: Self) -> Option<u64> {
        let apart = match (self.offset, now.offset) {
            (Some(then), Some(now)) => now - then,
            _ if self.summer != now.summer => return None,
            _ => 0,
        };
        u64::try_from(now.local - self.local - apart).ok()
    }
}

/// `…+HH:MM` or `…-HH:MM:SS`.
fn offset(zone: &str) -> Option<i64> {
    let at = zone.rfind(['+', '-'])?;
    let (sign, digits) = (if zone[at..].starts_with('-') { -1 } else { 1 }, zone[at + 1..].trim_end());
    let mut parts = digits.splitn(3, ':').map(|part| part.parse::<i64>().ok().filter(|n| (0..60).contains(n)));
    let (hours, minutes) = (parts.next()??, parts.next()??);
    Some(sign * (hours * 3600 + minutes * 60))
}

/// Of the Gregorian calendar; H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_every_vendor_are_seconds() {
        for (text, seconds) in [
            ("00:00:29", 29),
            ("03:44:33", 13_473),
            ("6w1d", 43 * 86_400),
            ("1d02h", 93_600),
            ("1y2w", 379 * 86_400),
            ("40week(s) 5day(s)", 285 * 86_400),
            ("14 weeks 4 days 22 hours 58 minutes", 102 * 86_400 + 22 * 3600 + 58 * 60),
            ("112 day(s), 6 hour(s), 41 minute(s), 9 second(s)", 112 * 86_400 + 24_069),
            ("2d 03:04:05", 2 * 86_400 + 11_045),
        ] {
            assert_eq!(ago(text), Some(seconds), "{text}");
        }
        for text in ["never", "", "-", "6", "6w1", "6 fortnights", "00:29", "99:99:99", "18446744073709551615w"] {
            assert_eq!(ago(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_compared_in_the_zone_in_which_the_router_writes_them() {
        let between = |then: &str, now: &str| Moment::parse(then)?.until(Moment::parse(now)?);
        for (then, now, seconds) in [
            ("2021-03-03 13:49:10 UTC+07:00", "2021-03-29 12:46:00+07:00", Some(26 * 86_400 - 3790)),
            ("2018-10-25 13:47:08 UTC-08:00", "2018-10-25 13:53:52-08:00", Some(404)),
            ("2020-02-28 23:59:59", "2020-03-01 00:00:00", Some(86_401)),
            ("2022-12-03 14:48:11 EEST+03:00:00", "2022-12-04 09:59:42 EEST+03:00:00", Some(69_091)),
            ("2022-10-30 02:30:00+03:00", "2022-10-30 02:30:00+02:00", Some(3600)),
            ("2026/11/23 18:34:26.95", "2026/11/23 18:34:30", Some(4)),
            ("2022-07-01 10:00:00 DST", "2022-12-01 10:00:00", None),
            ("2022-12-01 10:00:01", "2022-12-01 10:00:00", None),
            ("-", "2022-12-01 10:00:00", None),
            ("2022-13-01 10:00:00", "2022-12-01 10:00:00", None),
        ] {
            assert_eq!(between(then, now), seconds, "{then} … {now}");
        }
    }
}
