//! Filling in `{name}` in a persona's text, and the date and time that such texts show.

use std::time::{SystemTime, UNIX_EPOCH};

/// Names and what stands for them; a later one of the same name wins.
#[derive(Clone, Default)]
pub(crate) struct Facts(Vec<(&'static str, String)>);

impl Facts {
    pub(crate) fn set(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name, value.to_string()));
    }

    /// `text` with every known `{name}` filled in; unknown ones stay.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len() + 32);
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            filled.push_str(&rest[..open]);
            rest = &rest[open..];
            let known = rest.find('}').and_then(|close| {
                let name = &rest[1..close];
                self.0.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (close, value))
            });
            match known {
                Some((close, value)) => {
                    filled.push_str(value);
                    rest = &rest[close + 1..];
                }
                None => {
                    filled.push('{');
                    rest = &rest[1..];
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The time of day in UTC, in the pieces that routers print.
    pub(crate) fn set_clock(&mut self) {
        const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let days = now.as_secs() / 86_400;
        let (year, month, day) = civil(days as i64);
        let second = now.as_secs() % 86_400;
        let weekday = DAYS[(days % 7) as usize];
        self.set("year", year);
        self.set("month", MONTHS[month as usize - 1]);
        self.set("month_2", format!("{month:02}"));
        self.set("day", day);
        self.set("day_2", format!("{day:02}"));
        self.set("day_padded", format!("{day:2}"));
        self.set("weekday", &weekday[..3]);
        self.set("weekday_long", weekday);
        self.set("time", format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60));
        self.set("millis", format!("{:03}", now.subsec_millis()));
    }
}

/// Days since 1970 → year, month, day (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}
