//! Errors in LoopBack's envelope (docs/loopback-3.28.md section 0).

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
    request::Parts,
};
use serde_json::{Map, Value, json};

use super::{
    negotiate::{Format, error_format},
    xml,
};
use crate::{
    rate::{Exceeded, whole_seconds},
    refusal::{error_fields, limit_fields},
};

/// An error in LoopBack's envelope (docs/loopback-3.28.md section 0).
#[derive(Clone, Debug)]
pub struct Problem(Box<Fields>);

/// Boxed, so that a `Result` stays small.
#[derive(Clone, Debug)]
struct Fields {
    status: StatusCode,
    name: Option<&'static str>,
    message: Cow<'static, str>,
    code: Option<&'static str>,
    details: Option<Value>,
    retry_after: Option<Duration>,
    limit: Option<Exceeded>,
    challenge: bool,
}

impl Problem {
    /// An error with the name `Error` and without a code.
    #[must_use]
    pub fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self::named(status, "Error", message)
    }

    /// An error with another name, without a code.
    #[must_use]
    pub fn named(status: u16, name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(Box::new(Fields {
            status,
            name: Some(name),
            message: message.into(),
            code: None,
            details: None,
            retry_after: None,
            limit: None,
            challenge: false,
        }))
    }

    /// 500 or 503, for which LoopBack shows only the status.
    #[must_use]
    pub fn opaque(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // The message of a fault inside could show details of the store to a client.
        let message = status.canonical_reason().unwrap_or("Internal Server Error");
        Self::new(status.as_u16(), message).nameless()
    }

    /// A path below a known model that is not one of its routes. `target` is relative to the model, with the query.
    #[must_use]
    pub fn no_such_method(model: &str, verb: &str, target: &str) -> Self {
        Self::new(404, format!("Shared class \"{model}\" has no method handling {verb} {target}"))
    }

    /// A path below the API root that belongs to no model. `target` is relative to the root, with the query.
    #[must_use]
    pub fn no_method(verb: &str, target: &str) -> Self {
        Self::new(404, format!("There is no method to handle {verb} {target}"))
    }

    /// A method that is not implemented yet.
    #[must_use]
    pub fn not_implemented(method: &str) -> Self {
        Self::new(501, format!("The method `{method}` is not implemented")).code("NOT_IMPLEMENTED")
    }

    /// Adds a code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    /// Adds details.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    /// Adds a `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds the fields of a limit that is exceeded.
    #[must_use]
    pub fn limited(mut self, exceeded: Exceeded) -> Self {
        self.0.limit = Some(exceeded);
        self
    }

    /// Adds the challenge `Bearer` to a 401 (profile `standard`; LoopBack sends none).
    #[must_use]
    pub fn challenging(mut self, challenge: bool) -> Self {
        self.0.challenge = challenge;
        self
    }

    /// Removes the name, as LoopBack does for an item of several errors.
    pub(super) fn nameless(mut self) -> Self {
        self.0.name = None;
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The code, if there is one.
    #[must_use]
    pub fn error_code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// Whether the error has this code.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.0.code == Some(code)
    }

    /// The body: `{"error":{…}}`.
    #[must_use]
    pub fn envelope(&self) -> Value {
        json!({ "error": self.inner() })
    }

    /// The response in the format that the client accepts.
    #[must_use]
    pub fn into_response(self, head: &Parts) -> Response<Bytes> {
        let inner = self.inner();
        let (kind, body) = match error_format(head) {
            Format::Json | Format::Script => ("application/json; charset=utf-8", self.envelope().to_string()),
            Format::Html => ("text/html; charset=utf-8", xml::page(&inner)),
            Format::Xml | Format::ApplicationXml => {
                ("text/xml; charset=utf-8", xml::error(&self.with_undefined(inner)))
            }
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.0.status;
        let length = response.body().len();
        let headers = response.headers_mut();
        // As in LoopBack (docs/loopback-3.28.md section 0).
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(wait) = self.0.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        headers.extend(self.0.limit.iter().flat_map(limit_fields));
        if self.0.challenge && self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// Whether the client of this request gets errors in XML.
    #[must_use]
    pub fn is_answered_in_xml(head: &Parts) -> bool {
        error_format(head) == Format::Xml
    }

    /// The fields of `error` in LoopBack's order.
    pub(super) fn inner(&self) -> Map<String, Value> {
        let fields = &*self.0;
        let mut inner = error_fields(fields.status.as_u16(), fields.name, &fields.message, fields.code);
        if let Some(details) = &self.0.details {
            inner.insert("details".to_owned(), details.clone());
        }
        inner
    }

    /// LoopBack's XML shows absent fields of a client error as `undefined`.
    fn with_undefined(&self, mut inner: Map<String, Value>) -> Map<String, Value> {
        if self.0.status.is_client_error() {
            // `details` is taken out and put back, because `code` precedes it.
            let details = inner.shift_remove("details");
            inner.entry("code").or_insert_with(|| "undefined".into());
            inner.insert("details".to_owned(), details.unwrap_or_else(|| "undefined".into()));
        }
        inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(accept: &str) -> Parts {
        http::Request::get("/").header("accept", accept).body(()).unwrap().into_parts().0
    }

    #[test]
    fn keeps_loopbacks_key_order() {
        for (problem, body) in [
            (
                Problem::new(401, "login failed").code("LOGIN_FAILED"),
                r#"{"error":{"statusCode":401,"name":"Error","message":"login failed","code":"LOGIN_FAILED"}}"#,
            ),
            (
                Problem::new(400, "m").details(json!({"userId": 1})).code("C"),
                r#"{"error":{"statusCode":400,"name":"Error","message":"m","code":"C","details":{"userId":1}}}"#,
            ),
            (Problem::opaque(500), r#"{"error":{"statusCode":500,"message":"Internal Server Error"}}"#),
            (Problem::opaque(503), r#"{"error":{"statusCode":503,"message":"Service Unavailable"}}"#),
            (
                Problem::no_such_method("User", "GET", "/3/nope?x=1"),
                r#"{"error":{"statusCode":404,"name":"Error","message":"Shared class \"User\" has no method handling GET /3/nope?x=1"}}"#,
            ),
            (
                Problem::no_method("GET", "/nope"),
                r#"{"error":{"statusCode":404,"name":"Error","message":"There is no method to handle GET /nope"}}"#,
            ),
        ] {
            assert_eq!(problem.envelope().to_string(), body);
        }
    }

    #[test]
    fn answers_in_the_form_that_the_client_takes() {
        let problem = Problem::new(401, "login failed").code("LOGIN_FAILED");
        for (accept, kind, start) in [
            ("*/*", "application/json; charset=utf-8", r#"{"error":{"statusCode":401,"#),
            ("text/html", "text/html; charset=utf-8", "<!doctype html>"),
            ("text/xml", "text/xml; charset=utf-8", "<?xml version='1.0'?>\n<error>\n    <statusCode>401"),
        ] {
            let response = problem.clone().into_response(&head(accept));
            let body = std::str::from_utf8(response.body()).unwrap();
            assert!(body.starts_with(start), "{body}");
            assert_eq!(response.headers()["content-type"], kind);
            assert_eq!(response.headers()["content-length"], body.len().to_string().as_str());
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert!(!response.headers().contains_key("www-authenticate"));
        }
        let xml = problem.into_response(&head("text/xml"));
        assert!(std::str::from_utf8(xml.body()).unwrap().contains("<details>undefined</details>"));
    }

    #[test]
    fn hints_when_to_come_back_and_how() {
        let busy = Problem::opaque(503).retry_after(Duration::from_millis(1200)).into_response(&head("*/*"));
        assert_eq!(busy.headers()["retry-after"], "2");
        let now = Problem::opaque(503).retry_after(Duration::ZERO).into_response(&head("*/*"));
        assert_eq!(now.headers()["retry-after"], "1");
        let denied = Problem::new(401, "no").challenging(true).into_response(&head("*/*"));
        assert_eq!(denied.headers()["www-authenticate"], "Bearer");
        let other = Problem::new(403, "no").challenging(true).into_response(&head("*/*"));
        assert!(!other.headers().contains_key("www-authenticate"));
    }
}
