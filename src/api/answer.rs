//! Results in the form of Express: negotiated, with a weak ETag, and 304 if the client has them.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION,
        X_CONTENT_TYPE_OPTIONS,
    },
    request::Parts,
};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use sha1::{Digest, Sha1};

use super::{
    negotiate::{Format, Strictness, query, result_format},
    xml,
};
use crate::encoding::{NOT_IN_A_URI, hex_value};

const JSON: &str = "application/json; charset=utf-8";
const XML: &str = "text/xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The result of a method.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A value.
    Value(Value),
    /// A value with a token, which no cache may store.
    Secret(Value),
    /// No content: 204.
    Nothing,
    /// A redirect: 302.
    Redirect(String),
}

impl Answer {
    /// The response for the client.
    pub(super) fn into_response(self, head: &Parts, strictness: Strictness) -> Response<Bytes> {
        let format = result_format(head, strictness);
        let (value, secret) = match self {
            Self::Value(value) => (value, false),
            Self::Secret(value) => (value, true),
            Self::Nothing => {
                return nothing(match format {
                    Some(Format::Xml) => XML,
                    Some(Format::ApplicationXml) => "application/xml",
                    Some(_) => JSON,
                    None => TEXT,
                });
            }
            Self::Redirect(target) => return redirect(&target),
        };
        let mut response = match format {
            None => text(StatusCode::NOT_ACCEPTABLE, TEXT, "Not Acceptable".to_owned()),
            Some(Format::Xml) => text(StatusCode::OK, XML, xml::result(&value)),
            Some(Format::ApplicationXml) => {
                text(StatusCode::OK, "application/xml; charset=utf-8", xml::result(&value))
            }
            Some(Format::Script) => script(head, &value),
            Some(Format::Json | Format::Html) => text(StatusCode::OK, JSON, value.to_string()),
        };
        // A token in a shared cache would log others in.
        if secret {
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if is_fresh(head, &response) {
            not_modified(&mut response);
        }
        response
    }
}

/// Turns a response into a 304.
pub(super) fn not_modified(response: &mut Response<Bytes>) {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.body_mut() = Bytes::new();
    response.headers_mut().remove(CONTENT_TYPE);
    response.headers_mut().remove(CONTENT_LENGTH);
}

/// The weak ETag of Express: the length in hex and 27 characters of SHA-1.
pub(super) fn etag(body: &[u8]) -> Option<HeaderValue> {
    let digest = STANDARD_NO_PAD.encode(Sha1::digest(body));
    HeaderValue::from_str(&format!("W/\"{:x}-{digest}\"", body.len())).ok()
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let (length, tag) = (response.body().len(), etag(response.body()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.extend(tag.map(|tag| (ETAG, tag)));
    response
}

fn nothing(kind: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn redirect(target: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(&encoded(target)).ok().map(|target| (LOCATION, target)));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    response
}

/// Encodes a target as Express does: characters that a URI cannot contain are percent-encoded, escapes are kept.
fn encoded(target: &str) -> String {
    let (before, escapes) =
        target.split_once('%').map_or((target, None), |(before, rest)| (before, Some(rest)));
    let mut out = utf8_percent_encode(before, NOT_IN_A_URI).to_string();
    for rest in escapes.into_iter().flat_map(|rest| rest.split('%')) {
        let is_escape =
            matches!(rest.as_bytes(), [high, low, ..] if hex_value(*high).and(hex_value(*low)).is_some());
        out.push_str(if is_escape { "%" } else { "%25" });
        out.extend(utf8_percent_encode(rest, NOT_IN_A_URI));
    }
    out
}

/// JSONP: a script that calls `?callback=` with the value. Without a callback, plain JSON.
fn script(head: &Parts, value: &Value) -> Response<Bytes> {
    let parameters = query(head.uri.query());
    let callback = match parameters.get("callback") {
        Some(Value::Array(names)) => names.first(),
        name => name,
    };
    let callback: String = match callback {
        Some(Value::String(name)) => {
            // Other characters could run a script of the caller's choice.
            name.chars().filter(|c| c.is_ascii_alphanumeric() || "_$.[]".contains(*c)).collect()
        }
        _ => String::new(),
    };
    if callback.is_empty() {
        return text(StatusCode::OK, JSON, value.to_string());
    }
    // U+2028 and U+2029 are allowed in strings of JSON but end a line in scripts before ES2019.
    let json = value.to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let body = format!("/**/ typeof {callback} === 'function' && {callback}({json});");
    let mut response = text(StatusCode::OK, "text/javascript; charset=utf-8", body);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether the client has this response already and accepts a 304.
pub(super) fn is_fresh(head: &Parts, response: &Response<Bytes>) -> bool {
    let readable = matches!(head.method, Method::GET | Method::HEAD) && response.status().is_success();
    let header = |headers: &HeaderMap, name| {
        headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok().map(str::to_owned))
    };
    let (Some(wanted), Some(tag)) = (header(&head.headers, IF_NONE_MATCH), header(response.headers(), ETAG))
    else {
        return false;
    };
    let reload = header(&head.headers, CACHE_CONTROL).is_some_and(|value| value.contains("no-cache"));
    if !readable || reload || head.headers.contains_key(IF_MODIFIED_SINCE) {
        return false;
    }
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    wanted.trim() == "*" || wanted.split(',').any(|known| bare(known) == bare(&tag))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(target: &str, headers: &[(&'static str, &str)], answer: Answer) -> Response<Bytes> {
        let mut request = http::Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer.into_response(&request.body(()).unwrap().into_parts().0, Strictness::Exact)
    }

    fn user() -> Answer {
        Answer::Value(json!({"username": "alice", "email": "alice@example.com", "id": 1}))
    }

    #[test]
    fn sends_what_express_sends() {
        let response = ask("/", &[], user());
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], JSON);
        assert_eq!(response.headers()["content-length"], "55");
        // Recorded from LoopBack for the very same body.
        assert_eq!(response.headers()["etag"], r#"W/"37-nh1UcHvvBwY8wREln6FA3p7J7M0""#);
        assert!(!response.headers().contains_key("cache-control"));
        let token = ask("/", &[], Answer::Secret(json!({})));
        assert_eq!(token.headers()["cache-control"], "no-store");
    }

    #[test]
    fn says_not_modified_to_who_has_it() {
        let tag = r#"W/"37-nh1UcHvvBwY8wREln6FA3p7J7M0""#;
        for (headers, status) in [
            (vec![("if-none-match", "*")], 304),
            (vec![("if-none-match", tag)], 304),
            (vec![("if-none-match", r#""x", "37-nh1UcHvvBwY8wREln6FA3p7J7M0""#)], 304),
            (vec![("if-none-match", "\"x\"")], 200),
            (vec![("if-none-match", "*"), ("cache-control", "no-cache")], 200),
            (vec![("if-none-match", "*"), ("accept", "text/html")], 406),
        ] {
            let response = ask("/", &headers, user());
            assert_eq!(response.status(), status, "{headers:?}");
            assert_eq!(response.body().is_empty(), status == 304);
            assert_eq!(response.headers().contains_key("content-type"), status != 304);
        }
        let post = http::Request::post("/").header("if-none-match", "*").body(()).unwrap().into_parts().0;
        assert_eq!(user().into_response(&post, Strictness::Exact).status(), 200);
    }

    #[test]
    fn negotiates_after_the_method_ran() {
        let refused = ask("/", &[("accept", "text/html")], user());
        assert_eq!(
            (refused.status(), &refused.body()[..]),
            (StatusCode::NOT_ACCEPTABLE, &b"Not Acceptable"[..])
        );
        assert_eq!(refused.headers()["etag"], r#"W/"e-dqk0oyZuM+x+D21Lq3ZqYJ94/o4""#);
        let nothing = ask("/", &[], Answer::Nothing);
        assert_eq!(
            (nothing.status(), nothing.headers()["content-type"].to_str().unwrap()),
            (StatusCode::NO_CONTENT, JSON)
        );
        assert_eq!(ask("/", &[("accept", "text/html")], Answer::Nothing).headers()["content-type"], TEXT);
        assert_eq!(ask("/?_format=xml", &[], user()).headers()["content-type"], "text/xml; charset=utf-8");
    }

    #[test]
    fn calls_back_only_by_a_plain_name() {
        let accept = [("accept", "application/javascript")];
        let answer = || Answer::Value(json!({"a": "\u{2028}"}));
        let script = ask("/?callback=cb", &accept, answer());
        assert_eq!(&script.body()[..], br#"/**/ typeof cb === 'function' && cb({"a":"\u2028"});"#);
        assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
        let odd = ask("/?callback=a%28%29%3Balert%3C1%3E", &accept, answer());
        assert!(odd.body().starts_with(b"/**/ typeof aalert1 ==="));
        assert_eq!(ask("/", &accept, answer()).headers()["content-type"], JSON);
    }
}
