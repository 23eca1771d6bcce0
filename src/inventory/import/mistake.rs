//! What is wrong with a file of lines or routers, and where.

use std::fmt;
use std::rc::Rc;

/// A line of one of the files, counted from 1; 0 = the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As the user named it.
    pub file: Rc<str>,
    pub line: usize,
}

/// One mistake: `FILE:LINE: text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub place: Place,
    pub text: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Mistakes and remarks as they are found, in any order.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) remarks: Vec<Mistake>,
    /// Places that could not be parsed: what was made of them says nothing, and what seems to be missing may be in there.
    torn: Vec<Place>,
}

impl Findings {
    pub(super) fn mistake(&mut self, place: &Place, text: impl Into<String>) {
        if !self.torn.contains(place) {
            self.mistakes.push(Mistake { place: place.clone(), text: text.into() });
        }
    }

    /// A mistake because of which not all of the file can be read. A parser may say more than one thing about a broken line; the
    /// first one is the mistake.
    pub(super) fn torn(&mut self, place: &Place, text: impl Into<String>) {
        self.mistake(place, text);
        self.torn.push(place.clone());
    }

    pub(super) fn remark(&mut self, place: &Place, text: impl Into<String>) {
        self.remarks.push(Mistake { place: place.clone(), text: text.into() });
    }

    /// What seems to be missing in a file, if all of it was read.
    pub(super) fn missing(&mut self, place: &Place, text: impl Into<String>) {
        if !self.torn.iter().any(|torn| torn.file == place.file) {
            self.mistake(place, text);
        }
    }

    /// What seems to be missing in all files, if all of them were read.
    pub(super) fn missing_everywhere(&mut self, place: &Place, text: impl Into<String>) {
        if self.torn.is_empty() {
            self.mistake(place, text);
        }
    }
}
