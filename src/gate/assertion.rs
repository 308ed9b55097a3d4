//! The signed assertion of a forwarded request, and the keys to check it with (docs/assertion.md).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::request::Request;
use crate::{
    assertion::{Facts, HEADER},
    store::Subject,
    wire::RequestHead,
};

/// The public keys.
pub(super) const JWKS: &str = "/.well-known/portcullis/jwks.json";

impl Request<'_> {
    /// The assertion for a request with this head and query; `None` = the settings want none.
    pub(super) fn assertion(
        &self,
        subject: &Subject,
        head: &RequestHead,
        query: Option<&str>,
    ) -> Option<String> {
        let signer = self.gate.settings.assertion.as_ref()?;
        let who = self.who(subject, self.trusts_email());
        let facts = Facts {
            audience: &self.app.settings.audience,
            user: who.id,
            username: who.username,
            email: who.email,
            email_verified: subject.email_verified,
            roles: who.roles,
            request_id: self.context.request_id.as_str(),
            method: head.method(),
            path: head.path(),
            query,
        };
        Some(signer.sign(&facts, self.gate.clock.now()))
    }

    /// The identity headers with the assertion behind them; `None` = the settings want none.
    pub(super) fn signed(
        &self,
        subject: &Subject,
        head: &RequestHead,
        query: Option<&str>,
        identity: &[u8],
    ) -> Option<Vec<u8>> {
        let assertion = self.assertion(subject, head, query)?;
        let parts = [identity, HEADER.as_bytes(), b": ", assertion.as_bytes(), b"\r\n"];
        Some(parts.concat())
    }

    /// The public keys as a JWK Set; `None` = there are no assertions.
    pub(super) fn jwks(&self) -> Option<Response<Bytes>> {
        let keys = self.gate.settings.assertion.as_ref()?.jwks();
        if !matches!(self.head.method(), "GET" | "HEAD") {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(0));
            return Some(response);
        }
        let length = keys.len();
        let mut response = Response::new(keys);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        // A key is published a day before it signs.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        Some(response)
    }
}
