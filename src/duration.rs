//! Times as people and Zabbix write them: `2.5s`, `500ms`, `10m`, `1h`, `1d`, `1w`; a bare number is seconds. Pure.

use std::time::Duration;

/// Longer is surely a mistake, and every sum of times stays far from overflow.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86400);

/// From the shortest that a whole number of is shown; see [`show`].
const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Reads a time; None when it is none, or longer than ten years. Digits beyond a nanosecond are dropped.
pub fn parse(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = if unit.is_empty() { "s" } else { unit };
    let milliseconds = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| (1..=18).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let unit = u128::from(milliseconds) * 1_000_000;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let nanoseconds = whole.parse::<u128>().ok()? * unit + fraction.parse::<u128>().ok()? * unit / scale;
    let time = Duration::from_nanos(u64::try_from(nanoseconds).ok()?);
    (time <= LONGEST).then_some(time)
}

/// The shortest text that [`parse`] reads back, to the millisecond: `10m`, `2.5s`, `50ms`.
pub fn show(time: Duration) -> String {
    let milliseconds = time.as_millis();
    if milliseconds > 1000 && !milliseconds.is_multiple_of(1000) {
        return format!("{}s", time.as_secs_f64());
    }
    let whole =
        UNITS.iter().rev().find(|(_, unit)| milliseconds != 0 && milliseconds.is_multiple_of(u128::from(*unit)));
    match whole {
        Some((name, unit)) => format!("{}{name}", milliseconds / u128::from(*unit)),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_people_and_zabbix_write_is_read() {
        let cases = [
            ("30s", 30_000),
            ("500ms", 500),
            ("2.5s", 2_500),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("3", 3_000),
            ("0", 0),
            ("0.25", 250),
            ("1d", 86_400_000),
            ("2w", 1_209_600_000),
            ("1.5m", 90_000),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        let cases = [
            "",
            "s",
            "ms",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1 s",
            " 1",
            "1S",
            "1e3",
            "1h30m",
            "1.2.3",
            "inf",
            "NaN",
            "1y",
            "١s",
            "0x10",
            "11y",
            "4000d",
            "99999999999999999999",
            "999999999999999999w",
            "1s\0",
        ];
        for text in cases {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse(&"9".repeat(64 << 10)), None);
    }

    #[test]
    fn what_is_shown_is_read_back() {
        let cases = ["0s", "50ms", "2.5s", "1.001s", "30s", "10m", "1h", "90s", "1w", "2d", "1500s"];
        for text in ["0s", "50ms", "2.5s", "1.001s", "30s", "10m", "1h", "90s", "1w", "2d", "25m"] {
            assert_eq!(parse(text).map(show).as_deref(), Some(text));
        }
        for text in cases {
            assert_eq!(parse(text).map(show).and_then(|t| parse(&t)), parse(text));
        }
    }
}
