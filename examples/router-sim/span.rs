//! A length of time as people write it: `200ms`, `1.5s`, `2m`. It knows nothing of routers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let seconds = match &text[digits.len()..] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            _ if text == "0" => 1.0,
            _ => return Err(format!("`{text}` is not a time: write 200ms, 1.5s or 2m")),
        };
        let number: f64 = digits.parse().map_err(|_| format!("`{text}` is not a time: `{digits}` is not a number"))?;
        Duration::try_from_secs_f64(number * seconds)
            .map(Self)
            .map_err(|_| format!("`{text}` is not a time that can be waited"))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}ms", self.0.as_secs_f64() * 1000.0)
    }
}
