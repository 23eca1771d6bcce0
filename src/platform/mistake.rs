//! Mistakes in a platform file, shown with file, line and what to write instead.

use super::definition::Text;
use super::{Definition, Failure};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::Spanned;

/// The text of a definition and the name under which its mistakes are reported.
pub(super) struct Source<'a> {
    label: String,
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(definition: &'a Definition) -> Self {
        let label = match &definition.origin {
            Some(path) => path.display().to_string(),
            None => format!("{}.toml (built in)", definition.name),
        };
        Self { label, text: &definition.text }
    }

    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        toml::from_str(self.text).map_err(|e| self.at(e.span().unwrap_or(0..0), &lower_first(e.message().trim())))
    }

    pub(super) fn mistake(&self, at: &Text, reason: &str) -> Failure {
        self.at(at.span(), reason)
    }

    pub(super) fn mistake_in<T>(&self, at: &Spanned<T>, reason: &str) -> Failure {
        self.at(at.span(), reason)
    }

    /// Counted from 1.
    pub(super) fn line_of<T>(&self, at: &Spanned<T>) -> usize {
        self.line(at.span())
    }

    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        1 + before.bytes().filter(|b| *b == b'\n').count()
    }

    fn at(&self, span: Range<usize>, reason: &str) -> Failure {
        let line = self.line(span);
        let reason = reason.replace('\n', ", ");
        Failure::settings(format!("{}:{line}: {reason}", self.label))
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
