//! Access tokens: the id that a client holds, the hash that the store holds, the handle that is shown.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A token's id, the credential itself. Shown once, to its owner; stored nowhere.
pub struct TokenId(String);

/// SHA-256 of a token id: what the store and every index hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

/// What stands for a token where LoopBack would show its id: 64 characters that are no credential
/// (INTERFACE.md section 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle(String);

impl TokenId {
    /// Takes an id as a request or an import gives it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// An id of `length` characters of `[A-Za-z0-9]`, drawn from `chance` (loopback3.md section 1.4).
    ///
    /// Returns `None` when `chance` runs dry; bytes of 248 and above are passed over, so that all 62
    /// characters are equally likely.
    #[must_use]
    pub fn from_chance(chance: impl IntoIterator<Item = u8>, length: usize) -> Option<Self> {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let text: String = chance
            .into_iter()
            .filter(|byte| *byte < 248)
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 62)).map(|c| char::from(*c)))
            .take(length)
            .collect();
        (text.len() == length).then_some(Self(text))
    }

    /// The id's text, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the store knows this token by.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenId(..)")
    }
}

impl TokenHash {
    /// The hash of a token id as a client sent it.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(Sha256::digest(id.as_bytes()).into())
    }

    /// The public handle: hex of SHA-256 over this hash, so that it leads back to neither.
    #[must_use]
    pub fn handle(&self) -> Handle {
        let mut text = String::with_capacity(64);
        for byte in Sha256::new().chain_update(b"portcullis handle\0").chain_update(self.0).finalize() {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        Handle(text)
    }
}

/// Eight characters, enough to tell two tokens apart in a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = URL_SAFE_NO_PAD.encode(self.0);
        write!(f, "TokenHash({})", text.get(..8).unwrap_or_default())
    }
}

impl Handle {
    /// Reads a handle as a list or an answer showed it: 64 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The handle's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_length_and_alphabet() {
        let id = TokenId::from_chance((0..=255).cycle(), 64).unwrap();
        assert_eq!(id.expose().len(), 64);
        assert!(id.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(TokenId::from_chance([255; 900], 1).is_none(), "biased bytes are passed over");
    }

    #[test]
    fn a_handle_is_no_credential() {
        let id = TokenId::new("tok-alice".into());
        let handle = id.hash().handle();
        assert_eq!(handle.as_str().len(), 64);
        assert_ne!(TokenHash::of(handle.as_str()), id.hash());
        assert_eq!(handle, TokenHash::of("tok-alice").handle());
    }

    #[test]
    fn nothing_shows_a_token() {
        let id = TokenId::new("very-secret".into());
        assert_eq!(format!("{id:?}"), "TokenId(..)");
    }
}
