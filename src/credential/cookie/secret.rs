//! The secret of signed cookies.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret of the app's Express cookie parser. `Debug` hides it, and there is no `Display`.
#[derive(Clone)]
pub struct CookieSecret(pub(super) Box<[u8]>);

impl CookieSecret {
    /// The secret of the configuration.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    /// Whether `signature` is the HMAC-SHA256 of `text` in base64 without padding. Compared in constant time.
    pub(super) fn signed(&self, text: &str, signature: &str) -> bool {
        let Ok(signature) = STANDARD_NO_PAD.decode(signature) else { return false };
        Hmac::<Sha256>::new_from_slice(&self.0)
            .is_ok_and(|mac| mac.chain_update(text.as_bytes()).verify_slice(&signature).is_ok())
    }
}

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret(..)")
    }
}
