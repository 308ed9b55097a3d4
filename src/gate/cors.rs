//! Requests of pages of other origins (docs/cors.md; Fetch Standard, "HTTP CORS protocol").
//!
//! The gate is the only one that speaks CORS where it is on: it answers preflights before the decision, and what the
//! app says about origins is replaced, so that no answer has two of a field.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::{request::Request, reserved};
use crate::{refusal::Refusal, wire::RequestHead};

/// The methods that a preflight permits. Which of them a caller may use is decided with the request itself.
const METHODS: &str = "GET, HEAD, PUT, PATCH, POST, DELETE";

/// How long a browser keeps the answer to a preflight, in seconds: a day, as in LoopBack's scaffold.
const MAX_AGE: &str = "86400";

/// Fields of the gate's own answers that a script may read.
const EXPOSED: &str = "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id";

impl Request<'_> {
    /// The answer to a preflight; `None` = the request is none.
    pub(super) fn preflight(&self) -> Result<Option<Response<Bytes>>, Refusal> {
        let Some(cors) = &self.gate.settings.cors else { return Ok(None) };
        let head = self.head;
        if head.method() != "OPTIONS" || head.field("access-control-request-method").is_none() {
            return Ok(None);
        }
        let Some(origin) = only_origin(head) else { return Ok(None) };
        if cors.allowed(Some(origin)).is_none() {
            return Err(Refusal::ForeignOrigin);
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        // As in LoopBack's scaffold: what a page may send is not what limits it here.
        if let Some(wanted) = head.field("access-control-request-headers")
            && let Ok(wanted) = HeaderValue::from_bytes(wanted)
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
            headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        }
        Ok(Some(response))
    }

    /// Adds the fields of CORS to an answer of the gate. The pages of the gate are for no other origin.
    pub(super) fn add_cors(&self, response: &mut Response<Bytes>) {
        let Some(cors) = &self.gate.settings.cors else { return };
        let path = self.head.path();
        if reserved::is_reserved(path) && path != reserved::OPENAPI {
            return;
        }
        let headers = response.headers_mut();
        for (name, value) in cors.fields(only_origin(self.head)).iter() {
            headers.append(name, value.clone());
        }
        if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    /// The fields of CORS of an answer of the app, each line with its CRLF; `None` = CORS is off.
    pub(super) fn cors_lines(&self) -> Option<Vec<u8>> {
        let cors = self.gate.settings.cors.as_ref()?;
        let fields = cors.fields(only_origin(self.head));
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
        };
        Some(fields.iter().flat_map(line).collect())
    }

    /// Whether the request comes from a page of an origin that may act by a cookie.
    pub(super) fn is_of_trusted_origin(&self) -> bool {
        let cors = self.gate.settings.cors.as_ref();
        cors.is_some_and(|cors| only_origin(self.head).is_some_and(|origin| cors.trusts(origin)))
    }
}

/// The `Origin` of a request; `None` if it has none or several.
fn only_origin(head: &RequestHead) -> Option<&[u8]> {
    let mut values = head.fields().filter(|field| field.name.eq_ignore_ascii_case("origin"));
    let first = values.next()?.value;
    values.next().is_none().then_some(first)
}
