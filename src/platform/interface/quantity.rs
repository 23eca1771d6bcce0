//! Numbers as routers print them, in the unit that a capture's name says: `number`, or a rate in `bit`, `kbit`, `mbit`, `gbit`
//! or `byte` per second.

use super::super::regex::Captures;

/// What a number may be named in a pattern, and what it counts of our unit.
const UNITS: [(&str, u64); 6] =
    [("number", 1), ("bit", 1), ("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000), ("byte", 8)];

/// Of counters.
pub(super) const COUNTER: [&str; 1] = ["number"];
/// Of rates and bandwidths.
pub(super) const RATE: [&str; 5] = ["bit", "kbit", "mbit", "gbit", "byte"];

/// The number of the first unit that took part in the match; None where it is none, as `-`.
pub(super) fn of(captures: &Captures<'_>) -> Option<u64> {
    UNITS
        .iter()
        .find_map(|(name, factor)| Some((captures.name(name)?, factor)))
        .and_then(|(text, factor)| scaled(&text, *factor))
}

/// Decimals that are left after scaling are cut.
fn scaled(text: &str, factor: u64) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 9 {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(decimals.len()).ok()?);
    let number = whole.parse::<u64>().ok().map(u128::from)? * scale + decimals.parse::<u128>().unwrap_or(0);
    u64::try_from(number * u128::from(factor) / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn decimals_are_cut_after_scaling_and_nothing_overflows() {
        assert_eq!(scaled("42.74", 8), Some(341));
        assert_eq!(scaled("2552703.00", 8), Some(20_421_624));
        assert_eq!(scaled("18446744073709551615", 1), Some(u64::MAX));
        for (text, factor) in [("18446744073709551616", 1), ("18446744073709551615", 8), ("-", 1), ("", 8), ("1e3", 1)]
        {
            assert_eq!(scaled(text, factor), None, "{text}");
        }
    }
}
