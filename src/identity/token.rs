//! Access tokens: the id for the client, the hash for the store, the handle for lists.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::encoding::hex;

/// The id of a token, which is the credential. It is shown once, to its owner, and never stored.
///
/// ```
/// use portcullis::identity::{TokenHash, TokenId};
///
/// let id = TokenId::new("9fK2".to_owned());
/// assert_eq!(id.hash(), TokenHash::of("9fK2"), "the store finds it by its hash");
/// assert!(!format!("{id:?}").contains("9fK2"), "no log line shows it");
/// ```
pub struct TokenId(String);

/// SHA-256 of a token id, as the store and all indexes contain it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

/// The public handle of a token, shown where LoopBack shows the id: 64 characters that are not a credential
/// (docs/interface.md, "Token handles").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle(String);

/// The lifetime rules of tokens: `[users]` in docs/settings.md.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetimes {
    /// Whether a `ttl` of -1 means unlimited.
    pub eternal: bool,
    /// Whether the lifetime counts from the last use.
    pub sliding: bool,
    /// Maximum lifetime in seconds. Uses cannot extend a token beyond it, or beyond its own `ttl` if that is longer.
    pub max_ttl: f64,
}

impl Lifetimes {
    /// The end of a token in milliseconds since the Unix epoch, like `created` and `used`: infinite for one that never
    /// ends, minus infinity for one that was never valid. `None` for an invalid `ttl` (docs/loopback-3.28.md section
    /// 1.3).
    ///
    /// `used` is the last use, if it counts for this token.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
    pub fn end(&self, ttl: Option<f64>, created: i64, used: Option<i64>) -> Option<f64> {
        let ttl = ttl.filter(|ttl| *ttl > 0.0 || *ttl == -1.0)?;
        if ttl < 0.0 {
            return Some(if self.eternal { f64::INFINITY } else { f64::NEG_INFINITY });
        }
        let made = created as f64;
        let end = made + ttl * 1000.0;
        match used.filter(|_| self.sliding) {
            // A use never shortens the lifetime, even if the clock was wrong.
            Some(used) => {
                Some((used as f64 + ttl * 1000.0).min(made + ttl.max(self.max_ttl) * 1000.0).max(end))
            }
            None => Some(end),
        }
    }
}

/// LoopBack's rules: a token ends when its `ttl` has passed since its creation.
impl Default for Lifetimes {
    fn default() -> Self {
        Self { eternal: false, sliding: false, max_ttl: 31_556_926.0 }
    }
}

impl TokenId {
    /// Takes an id from a request or an import.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// An id of `length` characters of `[A-Za-z0-9]`, drawn from `random` (docs/loopback-3.28.md section 1.4).
    ///
    /// Returns `None` if `random` has too few bytes. Bytes of 248 and above are skipped, so that all 62 characters are
    /// equally likely.
    #[must_use]
    pub fn from_random(random: impl IntoIterator<Item = u8>, length: usize) -> Option<Self> {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let text: String = random
            .into_iter()
            // 248 = 4 × 62.
            .filter(|byte| *byte < 248)
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 62)).map(|c| char::from(*c)))
            .take(length)
            .collect();
        (text.len() == length).then_some(Self(text))
    }

    /// The text, for the one answer that contains it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The hash by which the store knows the token.
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

    /// The public handle: hex of SHA-256 over this hash, so that neither hash nor id can be derived from it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        // The prefix separates handles from other hashes of the same bytes.
        Handle(hex(Sha256::new().chain_update(b"portcullis handle\0").chain_update(self.0).finalize()))
    }
}

/// Eight characters, which are enough to distinguish tokens in a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = URL_SAFE_NO_PAD.encode(self.0);
        write!(f, "TokenHash({})", text.get(..8).unwrap_or_default())
    }
}

impl Handle {
    /// Parses a handle from a list or an answer: 64 lower-case hex digits.
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
        let id = TokenId::from_random((0..=255).cycle(), 64).unwrap();
        assert_eq!(id.expose().len(), 64);
        assert!(id.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(TokenId::from_random([255; 900], 1).is_none(), "biased bytes are passed over");
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

    #[test]
    fn a_token_ends_by_its_rules() {
        let fixed = Lifetimes::default();
        let sliding = Lifetimes { sliding: true, max_ttl: 100.0, ..fixed };
        let eternal = Lifetimes { eternal: true, ..sliding };
        let at = |seconds: i64| Some(seconds * 1000);
        for (rules, ttl, used, end) in [
            (fixed, Some(10.0), None, Some(11_000.0)),
            (fixed, Some(0.5), None, Some(1_500.0)),
            (fixed, Some(10.0), at(5), Some(11_000.0)),
            (fixed, Some(-1.0), at(5), Some(f64::NEG_INFINITY)),
            (eternal, Some(-1.0), None, Some(f64::INFINITY)),
            (eternal, Some(-2.0), None, None),
            (fixed, Some(0.0), None, None),
            (fixed, Some(f64::NAN), None, None),
            (fixed, None, None, None),
            (sliding, Some(10.0), None, Some(11_000.0)),
            (sliding, Some(10.0), at(5), Some(15_000.0)),
            (sliding, Some(10.0), at(0), Some(11_000.0)),
            (sliding, Some(10.0), at(95), Some(101_000.0)),
            (sliding, Some(10.0), at(1_000), Some(101_000.0)),
            // What was allowed from the beginning is not taken away.
            (sliding, Some(200.0), at(50), Some(201_000.0)),
        ] {
            assert_eq!(rules.end(ttl, 1_000, used), end, "{rules:?} {ttl:?} {used:?}");
        }
    }
}
