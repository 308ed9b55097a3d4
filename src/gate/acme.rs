//! Answers the ACME server's request for an open challenge (http-01, RFC 8555 section 8.3).

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use super::request::Request;

/// The path in front of the token.
const PATH: &str = "/.well-known/acme-challenge/";

impl Request<'_> {
    /// The answer to the request for a token of an open challenge; `None` for all else. The app may use the path, too.
    pub(super) fn acme(&self) -> Option<Response<Bytes>> {
        let tokens = self.gate.settings.acme.as_ref()?;
        let token = self.head.path().strip_prefix(PATH)?;
        if !matches!(self.head.method(), "GET" | "HEAD") {
            return None;
        }
        let authorization = tokens.authorization(token)?;
        let mut response = Response::new(Bytes::copy_from_slice(authorization.as_bytes()));
        let kind = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Some(response)
    }
}
