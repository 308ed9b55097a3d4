//! Finds the access token of a request, in all forms (docs/loopback-3.28.md sections 1.1 and 1.2).
//!
//! [`offered`] finds the candidates. [`is_credential`], [`strip_query`], [`strip_nested`], [`strip_url`] and
//! [`strip_cookies`] keep them from the app. Both use the same names: whatever is read as a credential is also
//! removed.

mod cookie;
mod header;
mod hit;
mod strip;

use crate::qs::{self, Found};

pub use cookie::{CookieSecret, strip_cookies};
pub use hit::{Hit, Place};
pub use settings::{Bearer, FORM_COOKIES, PAGE_COOKIES, Schemes, Settings};
pub use strip::{strip_nested, strip_query, strip_url};

/// All candidates in LoopBack's order. The first one decides.
#[derive(Debug, Default)]
pub struct Offered<'h> {
    hits: [Option<Hit<'h>>; CAPACITY],
    overflow: bool,
}

/// The number of built-in places: a query parameter, two headers, a cookie. No normal request uses more.
const CAPACITY: usize = 4;

const PARAM: &str = "access_token";
const HEADERS: [&str; 2] = ["x-access-token", "authorization"];
const COOKIES: [&str; 2] = ["access_token", "authorization"];

/// The candidates of a request. `query` is the raw query without `?`, `fields` the names and values of the
/// head. `is_local` is called if there is a cookie `portcullis`, which counts only if the request came directly
/// from this machine: any program on the way could have set it.
///
/// ```
/// use portcullis::credential::{Place, Settings, offered};
///
/// let settings = Settings::default();
/// let fields: [(&str, &[u8]); 2] = [("Host", b"app.test"), ("Authorization", b"Bearer 9fK2")];
/// let found = offered(&settings, None, fields.into_iter(), |_| true, || false);
/// let token = found.first().map(|hit| (hit.place, &*hit.id));
/// assert_eq!(token, Some((Place::Header, "9fK2")));
/// ```
#[must_use]
pub fn offered<'h>(
    settings: &'h Settings,
    query: Option<&'h str>,
    fields: impl Iterator<Item = (&'h str, &'h [u8])> + Clone,
    may_have: impl Fn(&str) -> bool,
    is_local: impl Fn() -> bool,
) -> Offered<'h> {
    let mut offered = Offered::default();
    if let Some(query) = query.filter(|_| settings.query) {
        for name in settings.param_names() {
            // A list or an object is no id for LoopBack, either.
            let Found::Text(id) = qs::find(query, name) else { continue };
            offered.push(Hit { place: Place::Param, id, alternative: None });
        }
    }
    // The order is LoopBack's: query, headers, cookies (docs/loopback-3.28.md section 1.1).
    for name in settings.header_names().filter(|name| may_have(name)) {
        if let Some(hit) = header::read(fields.clone(), name, settings) {
            offered.push(hit);
        }
    }
    if !may_have("cookie") {
        return offered;
    }
    let cookies = cookie::pairs(fields);
    // Most API requests have no cookies.
    if cookies.clone().next().is_none() {
        return offered;
    }
    if let Some(secret) = &settings.cookie_secret {
        for id in settings.cookie_names().filter_map(|name| cookie::signed(cookies.clone(), name, secret)) {
            offered.push(Hit { place: Place::Cookie, id, alternative: None });
        }
    }
    offered.push_page_cookies(cookies, is_local);
    offered
}

/// The candidates among the cookies of the login pages alone. The arguments are as in [`offered`].
#[must_use]
pub fn page_cookies<'h>(
    fields: impl Iterator<Item = (&'h str, &'h [u8])> + Clone,
    is_local: impl Fn() -> bool,
) -> Offered<'h> {
    let mut offered = Offered::default();
    offered.push_page_cookies(cookie::pairs(fields), is_local);
    offered
}

/// Returns `value`, the value of `Authorization`, if no other part of the request can contain a credential. The result of
/// [`offered`] then depends on this value alone. `may_have` is as in [`offered`].
#[must_use]
pub fn lone_authorization<'h>(
    settings: &Settings,
    query: Option<&str>,
    value: Option<&'h [u8]>,
    may_have: impl Fn(&str) -> bool,
) -> Option<&'h [u8]> {
    let mut is_read = false;
    let may_be_elsewhere = query.is_some()
        || may_have("cookie")
        || settings.header_names().any(|name| {
            let is_it = header::is_authorization(name);
            is_read |= is_it;
            !is_it && may_have(name)
        });
    value.filter(|_| is_read && !may_be_elsewhere)
}

/// Returns `value`, the only value of `Cookie`, if no other part of the request can contain a credential. If
/// [`is_plain_cookie`] is false, the result of [`offered`] then depends on this value alone. `may_have` is as in
/// [`offered`].
#[must_use]
pub fn lone_cookie<'h>(
    settings: &Settings,
    query: Option<&str>,
    value: Option<&'h [u8]>,
    may_have: impl Fn(&str) -> bool,
) -> Option<&'h [u8]> {
    value.filter(|_| query.is_none() && !settings.header_names().any(may_have))
}

/// Whether a value of `Cookie` may name the session cookie that counts on this machine alone.
#[must_use]
pub fn is_plain_cookie(value: &[u8]) -> bool {
    let [secure, plain] = PAGE_COOKIES;
    let count = |name: &str| memchr::memmem::find_iter(value, name).count();
    // The name of the one is a part of the other's.
    count(plain) != count(secure)
}

/// Whether a request header is one of our credentials. Names are compared as apps may fold them (`_` and `.` as
/// `-`).
#[must_use]
pub fn is_credential(settings: &Settings, name: &str, value: &[u8]) -> bool {
    let is_place = settings.header_names().any(|own| {
        own.len() == name.len()
            && (own.eq_ignore_ascii_case(name)
                || own.bytes().map(header::fold).eq(name.bytes().map(header::fold)))
    });
    // Other schemes of `Authorization` belong to the app.
    is_place && (!header::is_authorization(name) || settings.schemes.take(value))
}

impl Settings {
    fn param_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.params.iter().map(String::as_str).chain(self.default_keys.then_some(PARAM))
    }

    fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(String::as_str).chain(self.built_in(HEADERS))
    }

    fn cookie_names(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(String::as_str).chain(self.built_in(COOKIES))
    }

    fn built_in(&self, names: [&'static str; 2]) -> impl Iterator<Item = &str> {
        names.into_iter().filter(|_| self.default_keys)
    }
}

/// LoopBack's default places, and the cookie of the login pages.
impl Default for Settings {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            params: Vec::new(),
            cookies: Vec::new(),
            cookie_secret: None,
            query: true,
            default_keys: true,
            schemes: Schemes { raw: true, bearer: true, basic: true },
            bearer: Bearer::default(),
            exact_case: false,
        }
    }
}

impl Schemes {
    /// Whether a value of `Authorization` has one of the schemes. The scheme is the first word (RFC 9110
    /// section 11.4); a value of a single word is an id.
    fn take(&self, value: &[u8]) -> bool {
        let end = memchr::memchr2(b' ', b'\t', value);
        let scheme = end.and_then(|end| value.get(..end)).unwrap_or(value);
        if scheme.eq_ignore_ascii_case(b"bearer") {
            self.bearer
        } else if scheme.eq_ignore_ascii_case(b"basic") {
            self.basic
        } else {
            end.is_none() && self.raw
        }
    }
}

impl<'h> Offered<'h> {
    /// The candidate that decides.
    #[must_use]
    pub fn first(&self) -> Option<&Hit<'h>> {
        self.hits.first().and_then(Option::as_ref)
    }

    /// The other candidates.
    pub fn others(&self) -> impl Iterator<Item = &Hit<'h>> {
        self.hits.iter().skip(1).flatten()
    }

    /// Whether there were more candidates than fit. No honest client sends so many, so the request is refused.
    #[must_use]
    pub fn overflow(&self) -> bool {
        self.overflow
    }

    fn push_page_cookies(
        &mut self,
        cookies: impl Iterator<Item = (&'h str, &'h str)> + Clone,
        is_local: impl Fn() -> bool,
    ) {
        let [secure, plain] = PAGE_COOKIES.map(|name| cookie::plain(cookies.clone(), name));
        for id in [secure, plain.filter(|_| is_local())].into_iter().flatten() {
            self.push(Hit { place: Place::Cookie, id, alternative: None });
        }
    }

    fn push(&mut self, hit: Hit<'h>) {
        match self.hits.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(hit),
            None => self.overflow = true,
        }
    }
}

mod settings;
#[cfg(test)]
mod tests;
