//! The forms that a setting's value takes: how text becomes a value, how a value is shown, and what to say is allowed.

use super::{Budget, Settings};
use crate::duration;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The place of a value in the settings.
type At<T> = fn(&mut Settings) -> &mut T;

/// A form, with the place of the value.
pub(super) enum Form {
    /// A time, and the texts of the shortest and the longest allowed.
    Time(At<Duration>, &'static str, &'static str),
    /// A whole number in a range.
    Number(fn(&Settings) -> u32, fn(&mut Settings, u32), u32, u32),
    /// true or false.
    Switch(At<bool>),
    /// An absolute path.
    Path(At<Option<PathBuf>>),
    /// One line of text.
    Text(At<Option<String>>),
    /// One line of text that a function allows, and what that function allows.
    Checked(At<Option<String>>, fn(&str) -> bool, &'static str),
    /// The same where there is always a value.
    Word(At<String>, fn(&str) -> bool, &'static str),
    /// A time that may be absent, and the texts of the shortest and the longest allowed.
    Limit(At<Option<Duration>>, &'static str, &'static str),
    /// One of some words, known to getter and setter by its place among them.
    Choice(&'static [&'static str], fn(&Settings) -> Option<usize>, fn(&mut Settings, usize)),
    /// `burst 5, every 10s`.
    Budget(At<Budget>),
}

/// `time!(poll.deadline, "100ms" to "10m")`
macro_rules! time {
    ($section:ident . $key:ident, $from:literal to $to:literal) => {
        $crate::settings::form::Form::Time(|s| &mut s.$section.$key, $from, $to)
    };
}

/// `number!(poll.count, 1 to 10_000)`; the field may be of any unsigned type that holds the range.
macro_rules! number {
    ($section:ident . $key:ident, $from:literal to $to:literal) => {
        $crate::settings::form::Form::Number(
            |s| s.$section.$key.try_into().unwrap_or(u32::MAX),
            |s, n| s.$section.$key = n.try_into().unwrap_or($from),
            $from,
            $to,
        )
    };
}

pub(super) use {number, time};

impl Form {
    /// False when the text is not allowed; then nothing has changed.
    pub(super) fn set(&self, settings: &mut Settings, text: &str) -> bool {
        match self {
            Self::Time(at, from, to) => {
                let Some(time) = duration::parse(text) else { return false };
                let inside = within(time, from, to);
                if inside {
                    *at(settings) = time;
                }
                inside
            }
            Self::Number(_, set, from, to) => match text.parse() {
                // `parse` takes a `+`, which no file would.
                Ok(number) if (*from..=*to).contains(&number) && !text.starts_with('+') => {
                    set(settings, number);
                    true
                }
                _ => false,
            },
            Self::Switch(at) => text.parse().map(|on| *at(settings) = on).is_ok(),
            Self::Path(at) => {
                let allowed = Path::new(text).is_absolute() && !text.chars().any(char::is_control);
                if allowed {
                    *at(settings) = Some(text.into());
                }
                allowed
            }
            Self::Text(at) => {
                let allowed = is_line(text);
                if allowed {
                    *at(settings) = Some(text.to_owned());
                }
                allowed
            }
            Self::Checked(at, allows, _) => {
                let allowed = is_line(text) && allows(text);
                if allowed {
                    *at(settings) = Some(text.to_owned());
                }
                allowed
            }
            Self::Word(at, allows, _) => {
                let allowed = is_line(text) && allows(text);
                if allowed {
                    text.clone_into(at(settings));
                }
                allowed
            }
            Self::Limit(at, from, to) => {
                let time = duration::parse(text).filter(|time| within(*time, from, to));
                time.inspect(|time| *at(settings) = Some(*time)).is_some()
            }
            Self::Choice(names, _, set) => {
                let choice = names.iter().position(|name| *name == text);
                choice.inspect(|choice| set(settings, *choice)).is_some()
            }
            Self::Budget(at) => budget(text).inspect(|budget| *at(settings) = *budget).is_some(),
        }
    }

    /// The value as it would be written in a file, without quotes.
    pub(super) fn get(&self, settings: &Settings) -> Option<String> {
        // The place of a value is known as a `&mut` only; whoever shows settings has time for a copy.
        let settings = &mut settings.clone();
        match self {
            Self::Time(at, ..) => Some(duration::show(*at(settings))),
            Self::Number(get, ..) => Some(get(settings).to_string()),
            Self::Switch(at) => Some(at(settings).to_string()),
            Self::Path(at) => at(settings).as_ref().map(|path| path.display().to_string()),
            Self::Text(at) | Self::Checked(at, ..) => at(settings).clone(),
            Self::Word(at, ..) => Some(at(settings).clone()),
            Self::Limit(at, ..) => at(settings).map(duration::show),
            Self::Choice(names, get, _) => get(settings).and_then(|choice| names.get(choice)).map(|n| (*n).to_owned()),
            Self::Budget(at) => {
                let budget = at(settings);
                Some(format!("burst {}, every {}", budget.burst, duration::show(budget.every)))
            }
        }
    }

    /// To follow "allowed is".
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Time(_, from, to) | Self::Limit(_, from, to) => {
                format!("a time from {from} to {to}, like 30s, 500ms or 2.5s")
            }
            Self::Number(_, _, from, to) => format!("a whole number from {from} to {to}"),
            Self::Switch(_) => "true or false".to_owned(),
            Self::Path(_) => "an absolute path".to_owned(),
            Self::Text(_) => "one line of text".to_owned(),
            Self::Checked(.., allowed) | Self::Word(.., allowed) => (*allowed).to_owned(),
            Self::Choice(names, ..) => match names {
                [] => String::new(),
                [only] => (*only).to_owned(),
                [others @ .., last] => format!("{} or {last}", others.join(", ")),
            },
            Self::Budget(_) => {
                "a number of logins at once and a time for each further one, like burst 5, every 10s".into()
            }
        }
    }

    /// As the toml crate calls them.
    pub(super) fn toml_types(&self) -> &'static [&'static str] {
        match self {
            Self::Time(..) | Self::Limit(..) => &["string", "integer", "float"],
            Self::Number(..) => &["integer"],
            Self::Switch(_) => &["boolean"],
            Self::Path(_) | Self::Text(_) | Self::Checked(..) | Self::Word(..) | Self::Choice(..) | Self::Budget(_) => {
                &["string"]
            }
        }
    }
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

fn within(time: Duration, from: &str, to: &str) -> bool {
    duration::parse(from) <= Some(time) && Some(time) <= duration::parse(to)
}

fn budget(text: &str) -> Option<Budget> {
    let (burst, every) = text.strip_prefix("burst ")?.split_once(", every ")?;
    let burst = burst.parse().ok().filter(|burst| (1..=100_000).contains(burst))?;
    let every = duration::parse(every).filter(|every| *every >= Duration::from_millis(1))?;
    Some(Budget { burst, every })
}
