//! A password, passphrase or enable secret: not `Debug`, not `Serialize`, wiped on drop.

use std::sync::Arc;
use zeroize::Zeroizing;

/// No router takes a longer one.
const LONGEST: usize = 1024;

/// A secret text; clones share the one copy in memory. Read it with [`Secret::expose`], as late as possible.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// A secret that can be typed at a router's prompt without being more than one line. The error's text says what is
    /// wrong with it and nothing of it.
    pub fn checked(text: String) -> Result<Self, String> {
        let secret = Self::new(text);
        let text = secret.expose();
        if text.is_empty() {
            Err("is empty".to_owned())
        } else if text.len() > LONGEST {
            Err(format!("has more than {LONGEST} bytes"))
        } else if text.contains(['\n', '\r']) {
            Err("has more than one line".to_owned())
        } else if text.chars().any(char::is_control) {
            Err("has control characters in it".to_owned())
        } else if text.contains('\u{fffd}') {
            // What the command line made of bytes that are no text: sent to a router, it would only be refused.
            Err("is not valid UTF-8".to_owned())
        } else {
            Ok(secret)
        }
    }

    /// As [`Secret::checked`], one trailing newline cut.
    pub fn line(text: &str) -> Result<Self, String> {
        let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        Self::checked(line.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}
