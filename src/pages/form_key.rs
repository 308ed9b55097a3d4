//! The token of a form: a keyed hash of a cookie that only this site can set (OWASP, "signed double-submit cookie"). A form
//! of an account page is bound to its session too, so that a page of one user does nothing for another.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::cookies::Browser;
use crate::{clock::Timestamp, encoding::hex, store::Session};

/// The key of form tokens: of this process, so that forms of before a restart are sent again.
#[derive(Clone)]
pub(super) struct FormKey([u8; 32]);

/// The session that a form is bound to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound<'s> {
    /// Forms for visitors: they survive a login in another tab.
    Browser,
    /// Forms of a user.
    Session(&'s Session),
}

impl FormKey {
    /// A key of random bytes.
    pub(super) fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The token of a browser's forms.
    pub(super) fn token(&self, browser: &Browser, bound: Bound<'_>) -> String {
        let session: &[u8] = if let Bound::Session(session) = bound { &session.hash.0 } else { &[] };
        self.hash(&[browser.id.as_bytes(), session]).map(hex).unwrap_or_default()
    }

    /// The keyed hash of a text about a browser's form. It is never that of a token: those begin with hexadecimal digits.
    pub(super) fn tag(&self, browser: &Browser, text: &str) -> Option<[u8; 32]> {
        self.hash(&[b"form ", browser.id.as_bytes(), b" ", text.as_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac.finalize().into_bytes().into())
    }
}

impl FormKey {
    /// A text that only this browser can send back, and not after `until`.
    pub(super) fn seal(&self, browser: &Browser, text: &str, until: Timestamp) -> String {
        let until = until.0;
        format!("{until}.{}.{text}", self.seal_of(browser, text, until))
    }

    /// The text of a seal that is good.
    pub(super) fn open<'s>(&self, browser: &Browser, sealed: &'s str, now: Timestamp) -> Option<&'s str> {
        let (until, rest) = sealed.split_once('.')?;
        let (seal, text) = rest.split_once('.')?;
        let until: i64 = until.parse().ok()?;
        let expected = self.seal_of(browser, text, until);
        let is_ours: bool = expected.as_bytes().ct_eq(seal.as_bytes()).into();
        (is_ours && !expected.is_empty() && now.0 < until).then_some(text)
    }

    fn seal_of(&self, browser: &Browser, text: &str, until: i64) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        // A form token's begins with the browser's digits, so no token is a seal.
        mac.update(format!("sealed {} {until} {text}", browser.id).as_bytes());
        hex(mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for FormKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_one_key_and_one_browser() {
        let (key, other) = (FormKey::new([1; 32]), FormKey::new([2; 32]));
        let (ann, bob) = (Browser::new("a".repeat(32)), Browser::new("b".repeat(32)));
        let token = key.token(&ann, Bound::Browser);
        assert_eq!(token, key.token(&ann, Bound::Browser));
        assert_eq!(token, key.token(&ann.clone().at_login(None), Bound::Browser));
        assert_ne!(token, other.token(&ann, Bound::Browser));
        assert_ne!(token, key.token(&bob, Bound::Browser));
        assert_eq!(format!("{key:?}"), "FormKey(..)");
    }

    #[test]
    fn a_sealed_text_is_of_one_browser_and_of_its_time() {
        let (key, other) = (FormKey::new([1; 32]), FormKey::new([2; 32]));
        let (ann, bob) = (Browser::new("a".repeat(32)), Browser::new("b".repeat(32)));
        let sealed = key.seal(&ann, "7.é", Timestamp(1000));
        assert_eq!(key.open(&ann, &sealed, Timestamp(999)), Some("7.é"));
        assert_eq!(key.open(&ann, &sealed, Timestamp(1000)), None);
        assert_eq!(key.open(&bob, &sealed, Timestamp(0)), None);
        assert_eq!(other.open(&ann, &sealed, Timestamp(0)), None);
        for changed in [sealed.replace("7.é", "8.é"), sealed.replacen("1000", "9000", 1), String::new()] {
            assert_eq!(key.open(&ann, &changed, Timestamp(0)), None, "{changed}");
        }
    }
}
