//! An answer with the header fields that every page has.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
        SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{rate::Exceeded, refusal::limit_fields};

/// What a `Location` cannot have as it is (RFC 3986 section 2): a target with letters beyond ASCII arrives, too.
const IN_LOCATION: &AsciiSet = &CONTROLS.add(b' ');

/// No script (but see [`Answer::with_script`]), no style but ours, no frame. Forms are sent to this site.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'self'";

/// An answer to a browser.
#[derive(Debug)]
pub(super) struct Answer {
    // Boxed, because it is the error of some steps.
    response: Box<Response<Bytes>>,
}

impl Answer {
    /// A page.
    pub(super) fn page(html: String) -> Self {
        let mut answer = Self { response: Box::new(Response::new(html.into())) };
        answer.field(CONTENT_TYPE, "text/html; charset=utf-8");
        answer
    }

    /// A file; its type is a field that the caller adds.
    pub(super) fn bytes(bytes: Bytes) -> Self {
        Self { response: Box::new(Response::new(bytes)) }
    }

    /// A redirect that is followed with a GET (RFC 9110 section 15.4.4).
    pub(super) fn redirect(target: &str) -> Self {
        let target = utf8_percent_encode(target, IN_LOCATION).to_string();
        Self::bytes(Bytes::new()).status(303).with(LOCATION, &target)
    }

    /// With another status.
    pub(super) fn status(mut self, status: u16) -> Self {
        *self.response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        self
    }

    /// With a field; one that cannot be sent is left out.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.field(name, value);
        self
    }

    /// With a cookie.
    pub(super) fn cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        if let Some(cookie) = cookie {
            self.response.headers_mut().append(SET_COOKIE, cookie);
        }
        self
    }

    /// For a method that the page does not have.
    pub(super) fn allowing(self, methods: &str) -> Self {
        self.status(405).with(ALLOW, methods)
    }

    /// To be tried again after some time.
    pub(super) fn after(self, seconds: u64) -> Self {
        self.with(RETRY_AFTER, &seconds.to_string())
    }

    /// For a request beyond a limit.
    pub(super) fn limited(mut self, exceeded: &Exceeded) -> Self {
        self.response.headers_mut().extend(limit_fields(exceeded));
        self
    }

    /// Lets the page's forms lead to other origins.
    pub(super) fn leading_to(self, origins: &[String]) -> Self {
        if origins.is_empty() {
            return self;
        }
        self.with(CONTENT_SECURITY_POLICY, &format!("{POLICY} {}", origins.join(" ")))
    }

    /// Lets the page run the scripts of the assets, which a form with a challenge has.
    pub(super) fn with_script(self) -> Self {
        let own = self.response.headers().get(CONTENT_SECURITY_POLICY);
        let own = own.and_then(|value| value.to_str().ok()).unwrap_or(POLICY);
        let policy = format!("{own}; script-src 'self'");
        self.with(CONTENT_SECURITY_POLICY, &policy)
    }

    fn field(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().insert(name, value);
        }
    }

    /// The response.
    pub(super) fn into_response(mut self) -> Response<Bytes> {
        // RFC 9110 section 15.5.2: a 401 has a challenge. Browsers show nothing for this one.
        if self.response.status() == StatusCode::UNAUTHORIZED {
            self.field(WWW_AUTHENTICATE, "Bearer");
        }
        let headers = self.response.headers_mut();
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, POLICY),
            // Links of mails have a token in the query.
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("x-robots-tag"), "noindex"),
        ] {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        *self.response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_arrives_wherever_it_leads() {
        for (target, expected) in [
            ("/a?b=%20c#d", "/a?b=%20c#d"),
            ("/straße?größe=é", "/stra%C3%9Fe?gr%C3%B6%C3%9Fe=%C3%A9"),
            ("https://two.example/日本", "https://two.example/%E6%97%A5%E6%9C%AC"),
            ("/a b", "/a%20b"),
        ] {
            let response = Answer::redirect(target).into_response();
            assert_eq!(response.headers().get(LOCATION).unwrap(), expected);
        }
    }
}
