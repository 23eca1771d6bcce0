//! Round-trip times as a router prints them: plain numbers of its unit, or with their own (`1ms87us`). Knows nothing of headers and
//! counters.

use super::Failure;
use super::definition::PingFile;
use super::indicator::excerpt;
use super::mistake::Source;
use super::pattern::Pattern;
use super::reply::unit;

#[derive(Debug)]
pub(super) struct Times {
    patterns: Vec<Pattern>,
    /// Of one printed unit, in seconds.
    unit: f64,
}

const NAMES: [&str; 3] = ["min", "avg", "max"];

impl Times {
    pub(super) fn new(source: &Source, file: &PingFile) -> Result<Self, Failure> {
        let unit = unit(source, &file.time_unit)?;
        let pattern = |text| Pattern::new(source, text, &NAMES, &NAMES);
        Ok(Self { patterns: file.times.iter().map(pattern).collect::<Result<_, _>>()?, unit: unit.as_secs_f64() })
    }

    /// Shortest, average and longest in seconds, where they are printed; the error says what does not add up.
    pub(super) fn read(&self, text: &[u8]) -> Result<Option<[f64; 3]>, String> {
        let Some(found) = self.patterns.iter().find_map(|times| times.get()?.captures_at(text, 0)) else {
            return Ok(None);
        };
        let mut times = [0.0; 3];
        for (time, name) in times.iter_mut().zip(NAMES) {
            let text = found.name(name).unwrap_or_default();
            let seconds = self.seconds(&text);
            let seconds = seconds.ok_or_else(|| format!("round-trip time {:?} is no number", excerpt(&text)))?;
            // Whole micro-units, so that 2.32 ms is 0.00232 s and not 0.0023199999.
            *time = (seconds * 1e9).round() / 1e9;
        }
        let [min, average, max] = times;
        if min > max {
            return Err(format!("shortest round trip {min} s, longest {max} s"));
        }
        // One unit of play: some routers round the three in different ways.
        if average + self.unit < min || average > max + self.unit {
            return Err(format!("average round trip {average} s, not between {min} and {max} s"));
        }
        Ok(Some(times))
    }

    fn seconds(&self, text: &str) -> Option<f64> {
        match text.parse::<f64>() {
            Ok(number) => Some(number * self.unit).filter(|time| time.is_finite()),
            Err(_) => spelled(text),
        }
    }
}

/// `1ms87us`, `1.93ms`, `2s`: numbers with their units, the largest first.
fn spelled(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 3] = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (mut rest, mut sum, mut smallest) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let (name, unit) = UNITS.into_iter().find(|(name, _)| rest.starts_with(name))?;
        if unit >= smallest {
            return None;
        }
        smallest = unit;
        rest = rest.get(name.len()..)?;
        sum += number * unit;
    }
    (smallest.is_finite() && sum.is_finite()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::spelled;

    #[test]
    fn times_with_their_own_units_are_added_up() {
        for (text, micros) in
            [("395us", 395.0), ("1ms87us", 1087.0), ("157ms", 157e3), ("1s2ms3us", 1_002_003.0), ("1.93ms", 1930.0)]
        {
            assert!((spelled(text).unwrap() * 1e6 - micros).abs() < 1e-6, "{text}");
        }
        for text in ["", "ms", "1", "1ms2", "1us2ms", "1ms2ms", "1.2.3ms", "-1ms", "1 ms", "1ns"] {
            assert_eq!(spelled(text), None, "{text:?}");
        }
    }
}
