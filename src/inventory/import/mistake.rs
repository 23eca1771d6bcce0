//! What is wrong with a file of lines or routers, and where. Keeps the first hundred mistakes and counts all.

use crate::quote::excerpt;
use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

/// The most mistakes, and the most remarks, that are kept; all are counted.
pub const NAMED: usize = 100;
/// The most characters of one mistake or remark.
const LONGEST: usize = 600;
/// The most places that are remembered because they could not be parsed.
const TORN: usize = 10_000;

/// A line of one of the files, counted from 1; 0 = the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// The first mistakes by file and line, and how many there are.
#[derive(Debug, Default)]
pub struct Mistakes {
    pub named: Vec<Mistake>,
    pub count: usize,
}

impl Mistakes {
    fn push(&mut self, place: &Place, text: &str, files: &[Rc<str>]) {
        self.count += 1;
        self.named.push(Mistake { place: place.clone(), text: excerpt(text, LONGEST) });
        if self.named.len() >= 2 * NAMED {
            self.sort(files);
        }
    }

    /// Sorts them by file and line and keeps the first.
    fn sort(&mut self, files: &[Rc<str>]) {
        self.named
            .sort_by_key(|mistake| (files.iter().position(|name| *name == mistake.place.file), mistake.place.line));
        self.named.truncate(NAMED);
    }
}

/// Mistakes and remarks as they are found, in any order.
#[derive(Default)]
pub(super) struct Findings {
    files: Vec<Rc<str>>,
    mistakes: Mistakes,
    remarks: Mistakes,
    /// Places that could not be parsed: what was made of them says nothing, and what seems to be missing may be in there.
    torn: HashSet<Place>,
    torn_files: HashSet<Rc<str>>,
}

impl Findings {
    /// `files`: in the order in which their mistakes are listed.
    pub(super) fn of(files: Vec<Rc<str>>) -> Self {
        Self { files, ..Self::default() }
    }

    /// How many mistakes there are so far.
    pub(super) fn count(&self) -> usize {
        self.mistakes.count
    }

    /// Mistakes and remarks.
    pub(super) fn told(mut self) -> (Mistakes, Mistakes) {
        self.mistakes.sort(&self.files);
        self.remarks.sort(&self.files);
        (self.mistakes, self.remarks)
    }

    pub(super) fn has_remark(&self, end: &str) -> bool {
        self.remarks.named.iter().any(|remark| remark.text.ends_with(end))
    }

    pub(super) fn mistake(&mut self, place: &Place, text: impl AsRef<str>) {
        if !self.torn.contains(place) {
            self.mistakes.push(place, text.as_ref(), &self.files);
        }
    }

    /// A mistake because of which not all of the file can be read. A parser may say more than one thing about a broken line; the
    /// first one is the mistake.
    pub(super) fn torn(&mut self, place: &Place, text: impl AsRef<str>) {
        self.mistake(place, text);
        self.torn_files.insert(Rc::clone(&place.file));
        if self.torn.len() < TORN {
            self.torn.insert(place.clone());
        }
    }

    pub(super) fn remark(&mut self, place: &Place, text: impl AsRef<str>) {
        self.remarks.push(place, text.as_ref(), &self.files);
    }

    /// What seems to be missing in a file, if all of it was read.
    pub(super) fn missing(&mut self, place: &Place, text: impl AsRef<str>) {
        if !self.torn_files.contains(&place.file) {
            self.mistake(place, text);
        }
    }

    /// What seems to be missing in all files, if all of them were read.
    pub(super) fn missing_everywhere(&mut self, place: &Place, text: impl AsRef<str>) {
        if self.torn_files.is_empty() {
            self.mistake(place, text);
        }
    }
}
