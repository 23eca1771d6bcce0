//! A password, passphrase or enable secret: not `Debug`, not `Serialize`, wiped on drop.

use zeroize::Zeroizing;

/// A secret text. Read it with [`Secret::expose`], as late as possible.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}
