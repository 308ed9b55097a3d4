//! The table from the cause of a refusal to status, code and body, and the envelope of every error.
//!
//! Two variants carry a status that is chosen elsewhere: `Denied` (`policy/decide.rs`) and `BadRequest`
//! (`wire/reject.rs` for what was sent; the steps of the gate send 400).
//!
//! The client gets few details, in LoopBack's envelope (docs/loopback-3.28.md section 0); the log gets all.

mod page;

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::{rate::Exceeded, wire::Reject};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is malformed or ambiguous. The message names the check.
    BadRequest {
        /// The status of the check.
        status: u16,
        /// The check, and what would be right.
        message: String,
    },
    /// A percent escape of the path is broken. The answer is LoopBack's.
    BadEscape(String),
    /// For another host than this connection is for.
    Misdirected,
    /// For a host that no app behind the gate has.
    UnknownHost,
    /// Plain HTTP where TLS is spoken.
    PlainHttp,
    /// The head did not arrive in time.
    HeadTooSlow,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body is larger than the limit for bodies that are read before a decision.
    BodyTooLarge,
    /// The token has expired.
    TokenExpired,
    /// The token's lifetime is 0 or not a number, for which LoopBack throws an exception.
    TokenUnusable,
    /// The request has two valid credentials of different users.
    TwoUsers,
    /// The request has a cookie, and the browser sent it from another site.
    CrossSite,
    /// A preflight for pages of an origin that is not listed.
    ForeignOrigin,
    /// A rule denies it.
    Denied {
        /// 401, 403 or 404.
        status: u16,
        /// The model, for the message of a 404.
        model: String,
        /// The row's id, for the message of a 404.
        model_id: Option<String>,
    },
    /// The sender may not describe requests (`forward_auth.trusted`).
    UntrustedPeer,
    /// A path that is reserved for the gate and not used, or that no app of the host has.
    NothingHere,
    /// Too many requests.
    TooMany(Exceeded),
    /// The store cannot answer.
    StoreDown,
    /// The owner of the row could not be determined.
    OwnerUnknown,
    /// The memory for buffers is used up.
    Overloaded,
    /// The app cannot be reached, or its answer is broken.
    AppDown,
    /// The app did not answer in time.
    AppTooSlow,
    /// The way to the app leads back to the gate (RFC 5842 section 7.2).
    Loop,
    /// An error of the gate.
    Internal,
}

/// The format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, for an API client.
    Json,
    /// HTML, for a browser that navigates.
    Page,
    /// A line of text, for a peer that does not speak HTTP: a person may read it among the bytes.
    Text,
}

/// Status and error of the answer.
struct ErrorBody {
    status: u16,
    name: &'static str,
    code: Option<&'static str>,
    message: Cow<'static, str>,
}

impl Refusal {
    /// The request asks for another method in its query or body (`[upstream] method_override`).
    #[must_use]
    pub fn method_override() -> Self {
        let message = "the query or the body asks for another method (`_method` or its like); send that method itself \
                       (method-override)";
        Self::BadRequest { status: 400, message: message.to_owned() }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.error_body().status
    }

    /// Status, name, code and message, for an answer that is written elsewhere.
    #[must_use]
    pub fn error_parts(&self) -> (u16, &'static str, Option<&'static str>, Cow<'static, str>) {
        let ErrorBody { status, name, code, message } = self.error_body();
        (status, name, code, message)
    }

    /// The answer. `is_standard`: whether it has what profile `standard` adds: `WWW-Authenticate` for a 401, and fields
    /// that keep it out of frames. LoopBack never sends them.
    #[must_use]
    pub fn into_response(self, form: Form, is_standard: bool, request_id: &str) -> http::Response<Bytes> {
        let error = self.error_body();
        let body = match form {
            Form::Json => error.json(),
            Form::Page => error.page(request_id),
            Form::Text => format!("{}\n", error.message),
        };
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() =
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        // For all fields, so that it never grows.
        headers.reserve(FIELDS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
        // A message may quote the request; a browser must not take it for a page.
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_standard {
            // A page that opens one of ours in a frame would see there that it was refused, and where.
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-request-id", id);
        }
        self.add_headers(headers, error.status, is_standard);
        response
    }

    // `Bearer` only. `gate/challenge.rs` adds `Basic` for clients and routes that need it.
    fn add_headers(&self, headers: &mut HeaderMap, status: u16, challenge: bool) {
        if status == 401 && challenge {
            // RFC 6750 section 3.1: only a token that was sent can be invalid.
            let is_invalid = matches!(self, Self::TokenExpired | Self::TokenUnusable);
            let value = if is_invalid { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        match self {
            Self::TooMany(exceeded) => headers.extend(limit_fields(exceeded)),
            // They may pass soon, and RFC 9110 section 10.2.3 lets a 503 say so.
            Self::StoreDown | Self::OwnerUnknown | Self::Overloaded => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
            }
            _ => {}
        }
        if status == 405 {
            headers.insert(
                header::ALLOW,
                HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            );
        }
    }

    /// The table of refusals that a client causes.
    fn error_body(&self) -> ErrorBody {
        match self {
            Self::BadRequest { status, message } => ErrorBody {
                status: *status,
                name: "Error",
                code: Some("BAD_REQUEST"),
                message: message.clone().into(),
            },
            Self::BadEscape(segment) => {
                let message = format!("Failed to decode param '{segment}'").into();
                ErrorBody { status: 400, name: "URIError", code: None, message }
            }
            Self::Misdirected | Self::UnknownHost | Self::PlainHttp | Self::UntrustedPeer => self.misplaced(),
            Self::HeadTooSlow => error(408, "REQUEST_TIMEOUT", "the request head did not arrive in time"),
            Self::BodyTooSlow => error(408, "REQUEST_TIMEOUT", "the request body did not arrive in time"),
            Self::BodyTooLarge => ErrorBody {
                status: 413,
                name: "PayloadTooLargeError",
                code: None,
                message: "request entity too large".into(),
            },
            // LoopBack throws for an unusable token and answers 500. To the client it is as useless as an
            // expired one.
            Self::TokenExpired | Self::TokenUnusable => error(401, "INVALID_TOKEN", "Invalid Access Token"),
            Self::TwoUsers => {
                error(400, "TWO_CREDENTIALS", "the request carries credentials of two users; send one")
            }
            Self::CrossSite | Self::ForeignOrigin => self.cross_origin_error(),
            Self::Denied { status: 403, .. } => error(403, "ACCESS_DENIED", "Access Denied"),
            Self::Denied { status: 404, model, model_id } => {
                // JavaScript's text for no value, as in LoopBack (docs/loopback-3.28.md section 8.8).
                let id = model_id.as_deref().unwrap_or("undefined");
                let message = format!("could not find {model} with id {id}").into();
                ErrorBody { status: 404, name: "Error", code: Some("MODEL_NOT_FOUND"), message }
            }
            Self::Denied { .. } => error(401, "AUTHORIZATION_REQUIRED", "Authorization Required"),
            Self::NothingHere => error(404, "NOT_FOUND", "there is nothing here"),
            Self::TooMany(_) => {
                error(429, "TOO_MANY_REQUESTS", "too many requests; wait as long as Retry-After says")
            }
            Self::StoreDown
            | Self::OwnerUnknown
            | Self::Overloaded
            | Self::AppDown
            | Self::AppTooSlow
            | Self::Loop
            | Self::Internal => self.server_error(),
        }
    }

    /// The table of refusals that concern pages of other sites.
    fn cross_origin_error(&self) -> ErrorBody {
        match self {
            Self::ForeignOrigin => error(
                403,
                "ORIGIN_NOT_ALLOWED",
                "pages of this origin may not call this site; `cors.origins` lists those that may",
            ),
            _ => error(
                403,
                "CROSS_SITE",
                "a cookie does this only from a page of this site (Sec-Fetch-Site, Origin or Referer); \
                 other clients send the token in a header",
            ),
        }
    }

    /// The table of requests that are sent to the wrong place.
    fn misplaced(&self) -> ErrorBody {
        match self {
            Self::Misdirected => error(
                421,
                "MISDIRECTED_REQUEST",
                "this connection is not for that host; open another one for it",
            ),
            Self::UnknownHost => error(421, "MISDIRECTED_REQUEST", "nothing behind this gate has that host"),
            Self::PlainHttp => error(
                400,
                "BAD_REQUEST",
                "this port speaks HTTPS: write https:// instead of http:// (plain-http)",
            ),
            _ => error(
                403,
                "UNTRUSTED_PEER",
                "this listener judges requests for the proxies of `forward_auth.trusted` alone, and your address is not \
                 among them (untrusted-peer)",
            ),
        }
    }

    /// The table of refusals that a client does not cause.
    fn server_error(&self) -> ErrorBody {
        match self {
            Self::StoreDown => {
                error(503, "STORE_UNAVAILABLE", "the account store cannot answer now; try again")
            }
            Self::OwnerUnknown => error(
                503,
                "OWNER_UNAVAILABLE",
                "the owner of this resource cannot be found out now; try again",
            ),
            Self::Overloaded => error(503, "OVERLOADED", "too many large requests are under way; try again"),
            Self::AppDown => error(
                502,
                "BAD_GATEWAY",
                "the application behind this gate cannot be reached or gave a broken answer",
            ),
            Self::AppTooSlow => {
                error(504, "GATEWAY_TIMEOUT", "the application behind this gate did not answer in time")
            }
            Self::Loop => error(508, "LOOP_DETECTED", "the way to the application leads back to this gate"),
            _ => ErrorBody { status: 500, name: "", code: None, message: "Internal Server Error".into() },
        }
    }
}

/// Nothing but the style in the page itself, and no frame (W3C Content Security Policy Level 3).
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// The fields of a refusal, and those that the gate adds to it.
const FIELDS: usize = 12;

/// A row of the tables: an `Error` with a code.
fn error(status: u16, code: &'static str, message: &'static str) -> ErrorBody {
    ErrorBody { status, name: "Error", code: Some(code), message: message.into() }
}

/// The header fields of an answer to a request beyond a limit.
pub fn limit_fields(exceeded: &Exceeded) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
    let fields = exceeded.fields().into_iter();
    fields.filter_map(|(name, value)| Some((HeaderName::from_static(name), value.try_into().ok()?)))
}

/// The content of `error` in LoopBack's envelope, in its order of keys. The gate's refusals and the User API's errors
/// (`api/problem.rs`, which adds `details`) use it.
#[must_use]
pub fn error_fields(
    status: u16,
    name: Option<&str>,
    message: &str,
    code: Option<&str>,
) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("statusCode".to_owned(), status.into());
    if let Some(name) = name {
        fields.insert("name".to_owned(), name.into());
    }
    fields.insert("message".to_owned(), message.into());
    if let Some(code) = code {
        fields.insert("code".to_owned(), code.into());
    }
    fields
}

/// The message of a reject names its check.
impl From<&Reject> for Refusal {
    fn from(reject: &Reject) -> Self {
        match reject {
            Reject::PercentEscape { segment } => Self::BadEscape(segment.to_string()),
            _ => Self::BadRequest {
                status: reject.status(),
                message: format!("{} ({})", reject.advice(), reject.check()),
            },
        }
    }
}

impl Form {
    /// The format for a request: HTML only for a browser that navigates. Scripts get JSON. `navigates`: see
    /// [`navigates`].
    #[must_use]
    pub fn of(method: &str, navigates: bool) -> Self {
        if matches!(method, "GET" | "HEAD") && navigates { Self::Page } else { Self::Json }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Page => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// Whether a browser has sent a request to show the answer as a page.
#[must_use]
pub fn navigates(accept: Option<&[u8]>, fetch_mode: Option<&[u8]>) -> bool {
    // Old browsers do not send the field.
    let is_said = fetch_mode.is_none_or(|mode| mode == b"navigate");
    is_said && accept.is_some_and(|accept| accept.split(|b| *b == b',').any(is_html))
}

fn is_html(range: &[u8]) -> bool {
    range.trim_ascii().get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"text/html"))
}

impl ErrorBody {
    /// The body. An internal error has neither name nor code, as in LoopBack.
    fn json(&self) -> String {
        let name = Some(self.name).filter(|name| !name.is_empty());
        json!({ "error": error_fields(self.status, name, &self.message, self.code) }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(refusal: Refusal) -> (u16, String) {
        let response = refusal.into_response(Form::Json, true, "r1");
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    }

    fn denied(status: u16) -> Refusal {
        Refusal::Denied { status, model: "Order".into(), model_id: None }
    }

    #[test]
    fn denials_are_loopbacks() {
        let (status, text) = body(denied(401));
        assert_eq!(status, 401);
        assert_eq!(
            text,
            r#"{"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}"#
        );
        assert!(body(denied(403)).1.contains(r#""message":"Access Denied","code":"ACCESS_DENIED""#));
        assert!(body(denied(404)).1.contains("could not find Order with id undefined"));
    }

    #[test]
    fn a_fault_of_ours_tells_nothing() {
        let (status, text) = body(Refusal::Internal);
        assert_eq!(
            (status, &*text),
            (500, r#"{"error":{"statusCode":500,"message":"Internal Server Error"}}"#)
        );
    }

    #[test]
    fn a_bad_escape_has_loopbacks_words() {
        let (status, text) = body(Refusal::BadEscape("%zz".into()));
        assert_eq!(status, 400);
        assert_eq!(
            text,
            r#"{"error":{"statusCode":400,"name":"URIError","message":"Failed to decode param '%zz'"}}"#
        );
    }

    #[test]
    fn headers_say_what_to_do() {
        let rate = "60/hour".parse().unwrap();
        let wait = std::time::Duration::from_millis(1_200);
        let exceeded = Exceeded { limit: crate::rate::LimitName::Routes, rate, wait };
        let wait = Refusal::TooMany(exceeded).into_response(Form::Json, true, "r1");
        assert_eq!(wait.headers()["retry-after"], "2");
        assert_eq!(wait.headers()["ratelimit-policy"], "\"routes\";q=60;w=3600");
        assert_eq!(wait.headers()["ratelimit"], "\"routes\";r=0;t=2");
        let expired = Refusal::TokenExpired.into_response(Form::Json, true, "r1");
        assert_eq!(expired.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
        let loopback = Refusal::TokenExpired.into_response(Form::Json, false, "r1");
        assert!(!loopback.headers().contains_key("www-authenticate"));
        assert_eq!(loopback.headers()["x-request-id"], "r1");
        let framed = |response: &http::Response<Bytes>| {
            let field = |name| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
            (field("content-security-policy"), field("x-frame-options"))
        };
        assert_eq!(framed(&expired), (Some(POLICY.to_owned()), Some("DENY".to_owned())));
        assert_eq!(framed(&loopback), (None, None));
    }

    #[test]
    fn a_page_is_for_navigations_only() {
        let html: Option<&[u8]> = Some(b"text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!(Form::of("GET", navigates(html, Some(b"navigate"))), Form::Page);
        assert_eq!(Form::of("GET", navigates(html, None)), Form::Page);
        assert_eq!(Form::of("GET", navigates(html, Some(b"cors"))), Form::Json);
        assert_eq!(Form::of("POST", navigates(html, None)), Form::Json);
        assert_eq!(Form::of("GET", navigates(Some(b"*/*"), None)), Form::Json);
        let page = Refusal::BadRequest { status: 400, message: "<script>".into() }.into_response(
            Form::Page,
            true,
            "r1",
        );
        let text = String::from_utf8(page.body().to_vec()).unwrap();
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script>"), "{text}");
        assert!(text.contains("request r1"));
    }
}
