//! Signed cookies as Express writes and reads them, and the plain cookie of the login pages.

mod secret;

use std::borrow::Cow;

use super::{FORM_COOKIES, PAGE_COOKIES, Settings};
use crate::javascript::decode_uri_component;

pub use secret::CookieSecret;

/// The cookies of all `Cookie` headers in order, as name and value without blanks and quotes.
pub(super) fn pairs<'h>(
    fields: impl Iterator<Item = (&'h str, &'h [u8])> + Clone,
) -> impl Iterator<Item = (&'h str, &'h str)> + Clone {
    fields
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"))
        .flat_map(|(_, value)| value.split(|byte| *byte == b';'))
        .filter_map(|pair| str::from_utf8(pair).ok()?.split_once('='))
        .map(|(name, value)| (name.trim_ascii(), unquoted(value.trim_ascii())))
}

/// The value of a signed cookie with a valid signature. Only the first cookie of a name counts, as in Express.
pub(super) fn signed<'h>(
    mut pairs: impl Iterator<Item = (&'h str, &'h str)>,
    name: &str,
    secret: &CookieSecret,
) -> Option<Cow<'h, str>> {
    let (_, raw) = pairs.find(|(own, _)| *own == name)?;
    // A value with a broken escape is not decoded.
    let value = decode_uri_component(raw).unwrap_or(Cow::Borrowed(raw));
    // `s:` marks a signed value; the signature is base64 and has no dot.
    let (text, signature) = value.strip_prefix("s:")?.rsplit_once('.')?;
    // `j:` marks a JSON value in Express. An object is not an id.
    (secret.signed(text, signature) && !text.starts_with("j:")).then(|| Cow::Owned(text.to_owned()))
}

/// The value of a cookie of the login pages. An empty one is ignored.
pub(super) fn plain<'h>(
    mut pairs: impl Iterator<Item = (&'h str, &'h str)>,
    name: &str,
) -> Option<Cow<'h, str>> {
    let (_, value) = pairs.find(|(own, _)| *own == name)?;
    (!value.is_empty()).then_some(Cow::Borrowed(value))
}

/// The value of a `Cookie` header without credentials, as the app gets it; borrowed if it has none.
///
/// A cookie `access_token` is a credential only if signed cookies are read. Otherwise it belongs to the app.
#[must_use]
pub fn strip_cookies<'v>(settings: &Settings, value: &'v [u8]) -> Cow<'v, [u8]> {
    let credential = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        let of_the_app =
            settings.cookie_secret.is_some() && settings.cookie_names().any(|own| own.as_bytes() == name);
        of_the_app || PAGE_COOKIES.iter().chain(&FORM_COOKIES).any(|own| own.as_bytes() == name)
    };
    let pairs = || value.split(|byte| *byte == b';');
    if !pairs().any(|pair| credential(&pair)) {
        return Cow::Borrowed(value);
    }
    let mut kept = Vec::with_capacity(value.len());
    for pair in
        pairs().filter(|pair| !credential(pair)).map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
    {
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(pair);
    }
    Cow::Owned(kept)
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cookie-signature` 1.0: `sign("tok-alice", "keyboard cat")`.
    const SIGNED: &str = "s%3Atok-alice.kRndn8Ru3BThyoAMQFB3eb9hNgag8ni%2Bk1aRy4LBYHw";

    fn find(header: &str, secret: &str) -> Option<String> {
        let fields = [("Cookie", header.as_bytes())];
        signed(pairs(fields.into_iter()), "access_token", &CookieSecret::new(secret)).map(Cow::into_owned)
    }

    #[test]
    fn reads_the_signed_cookies_of_express() {
        let good = format!("a=1; access_token={SIGNED}");
        assert_eq!(find(&good, "keyboard cat").as_deref(), Some("tok-alice"));
        assert_eq!(find(&format!("access_token=\"{SIGNED}\""), "keyboard cat").as_deref(), Some("tok-alice"));
        assert_eq!(find(&good, "another cat"), None);
        assert_eq!(find(&good.replace("alice", "malice"), "keyboard cat"), None);
        assert_eq!(find(good.strip_suffix('w').unwrap(), "keyboard cat"), None);
        assert_eq!(find("access_token=tok-alice", "keyboard cat"), None, "plain cookies are never read");
        assert_eq!(find("access_token=s:tok-alice", "keyboard cat"), None);
        assert_eq!(find("access_token=s:.", "keyboard cat"), None);
        assert_eq!(
            find(&format!("access_token=x; {good}"), "keyboard cat"),
            None,
            "the first of a name counts"
        );
    }

    #[test]
    fn strips_our_cookies_and_leaves_the_others() {
        let own = Settings::default();
        let signed = Settings {
            cookie_secret: Some(CookieSecret::new("x")),
            cookies: vec!["sid".into()],
            ..own.clone()
        };
        for (settings, value, expected) in [
            (&own, "a=1; b=2", "a=1; b=2"),
            (&own, "a=1; access_token=2", "a=1; access_token=2"),
            (&own, "a=1; portcullis=x; b=2", "a=1; b=2"),
            (&own, "__Host-portcullis=x", ""),
            (&own, "__Host-portcullis-form=x; __Host-portcullis=y; a=1; portcullis-form=z", "a=1"),
            (&own, "portcullis-forms=1; my-portcullis=2", "portcullis-forms=1; my-portcullis=2"),
            (&own, "a=1;portcullis = x;portcullis=y", "a=1"),
            (&signed, "sid=1; access_token=2;authorization=3;c=4", "c=4"),
        ] {
            let stripped = strip_cookies(settings, value.as_bytes());
            assert_eq!(stripped, expected.as_bytes(), "{value}");
            assert_eq!(matches!(stripped, Cow::Borrowed(_)), value == expected, "{value}");
        }
    }
}
