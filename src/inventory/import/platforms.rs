//! The platforms that a file names, each found and compiled once.

use crate::platform::{self, Platform};
use std::collections::HashMap;
use std::path::PathBuf;

#[derive(Default)]
pub(super) struct Platforms {
    dir: Option<PathBuf>,
    known: HashMap<String, Result<Platform, String>>,
}

impl Platforms {
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, known: HashMap::new() }
    }

    /// The platform, or what is wrong with it.
    pub(super) fn get(&mut self, name: &str) -> Result<&Platform, &str> {
        let dir = self.dir.as_deref();
        let found = self.known.entry(name.to_owned()).or_insert_with(|| {
            platform::find(name, dir)
                .and_then(|definition| Platform::compile(&definition))
                .map_err(|failure| failure.message)
        });
        found.as_ref().map_err(String::as_str)
    }
}
