//! The cookies of the pages: the session's, and the one that forms are bound to.

use http::{HeaderValue, header::COOKIE};

use super::input::{Transport, Visit};
use crate::{
    clock::Timestamp,
    credential::{FORM_COOKIES, PAGE_COOKIES},
    encoding::hex,
};

/// The names over TLS. A browser takes `__Host-` only from this host itself, over TLS, for all paths (RFC 6265bis).
const SECURE: Names = Names { session: PAGE_COOKIES[0], form: FORM_COOKIES[0] };

/// The names on a loopback address without TLS.
const PLAIN: Names = Names { session: PAGE_COOKIES[1], form: FORM_COOKIES[1] };

/// The time after a login, in seconds, within which a missing session cookie has a cause that is worth telling.
const JUST_NOW: i64 = 120;

struct Names {
    session: &'static str,
    form: &'static str,
}

/// How long a browser keeps the session cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Until it is closed.
    Session,
    /// This many seconds.
    Seconds(u64),
    /// It removes the cookie.
    Remove,
}

/// The value of the form cookie: an identifier of the browser, and the time of its last login here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Browser {
    pub(super) id: String,
    login: Option<i64>,
}

impl Transport {
    /// Whether the browser speaks TLS.
    pub(super) fn is_tls(self) -> bool {
        self == Self::Tls
    }

    fn names(self) -> &'static Names {
        if self == Self::Loopback { &PLAIN } else { &SECURE }
    }

    /// A `Set-Cookie` value for the session. `token` has characters of a token id only.
    pub(super) fn session_cookie(self, token: &str, keep: Keep) -> Option<HeaderValue> {
        let age = match keep {
            Keep::Session => String::new(),
            Keep::Seconds(seconds) => format!("; Max-Age={seconds}"),
            Keep::Remove => "; Max-Age=0".to_owned(),
        };
        self.cookie(self.names().session, token, &age)
    }

    fn cookie(self, name: &str, value: &str, age: &str) -> Option<HeaderValue> {
        let secure = if self == Self::Loopback { "" } else { "; Secure" };
        let text = format!("{name}={value}; Path=/{secure}; HttpOnly; SameSite=Lax{age}");
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Browser {
    /// The length of an identifier: 128 bits in hexadecimal digits.
    const LENGTH: usize = 32;

    /// A browser that has no cookie yet; `None` if the system has no random bytes.
    pub(super) fn random() -> Option<Self> {
        let mut random = [0; Self::LENGTH / 2];
        getrandom::fill(&mut random).ok()?;
        Some(Self { id: hex(random), login: None })
    }

    #[cfg(test)]
    pub(super) fn new(id: String) -> Self {
        Self { id, login: None }
    }

    /// Reads the form cookie.
    pub(super) fn read(visit: &Visit<'_>) -> Option<Self> {
        let name = visit.transport.names().form;
        let fields = visit.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = fields.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(own, _)| own.trim() == name)?;
        let (id, login) =
            value.trim().split_once('.').map_or((value.trim(), None), |(id, at)| (id, Some(at)));
        let is_ours = id.len() == Self::LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ours.then(|| Self { id: id.to_owned(), login: login.and_then(|at| at.parse().ok()) })
    }

    /// The same with a login at this time, or without one.
    pub(super) fn at_login(self, now: Option<Timestamp>) -> Self {
        Self { login: now.map(|now| now.0 / 1000), ..self }
    }

    /// Whether the browser has logged in a moment ago.
    pub(super) fn was_just_here(&self, now: Timestamp) -> bool {
        self.login.is_some_and(|at| (0..JUST_NOW).contains(&(now.0 / 1000 - at)))
    }

    /// A `Set-Cookie` value.
    pub(super) fn cookie(&self, transport: Transport) -> Option<HeaderValue> {
        let login = self.login.map(|at| format!(".{at}")).unwrap_or_default();
        transport.cookie(transport.names().form, &format!("{}{login}", self.id), "")
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::pages::testing::visit;

    #[test]
    fn session_cookies_are_as_strict_as_the_connection_allows() {
        for (transport, keep, expected) in [
            (Transport::Tls, Keep::Session, "__Host-portcullis=t; Path=/; Secure; HttpOnly; SameSite=Lax"),
            (
                Transport::Tls,
                Keep::Seconds(7),
                "__Host-portcullis=t; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=7",
            ),
            (Transport::Loopback, Keep::Remove, "portcullis=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"),
            (Transport::Clear, Keep::Session, "__Host-portcullis=t; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ] {
            assert_eq!(transport.session_cookie("t", keep).unwrap(), expected);
        }
        assert!(Transport::Tls.session_cookie("a\r\nb", Keep::Session).is_none());
    }

    #[test]
    fn a_browser_is_recognized_by_a_cookie_of_ours_alone() {
        let id = "0123456789abcdef0123456789abcdef";
        for (cookie, expected) in [
            (format!("a=1; __Host-portcullis-form={id}"), Some(None)),
            (format!("__Host-portcullis-form={id}.17;b"), Some(Some(17))),
            (format!("__Host-portcullis-form={id}.x"), Some(None)),
            (format!("portcullis-form={id}"), None),
            (format!("__Host-portcullis-form={id}0"), None),
            ("__Host-portcullis-form=<script>".to_owned(), None),
            (String::new(), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, cookie.parse().unwrap());
            let found = Browser::read(&Visit { headers: &headers, ..visit() });
            assert_eq!(found.map(|browser| browser.login), expected, "{cookie}");
        }
    }

    #[test]
    fn a_login_is_remembered_for_a_moment() {
        let browser = Browser::new("0".repeat(32)).at_login(Some(Timestamp(60_000)));
        assert!(browser.was_just_here(Timestamp(61_000)));
        assert!(!browser.was_just_here(Timestamp(60_000 + JUST_NOW * 1000)));
        assert!(!browser.was_just_here(Timestamp(1)), "a clock that was set back");
        assert!(!browser.at_login(None).was_just_here(Timestamp(61_000)));
    }
}
