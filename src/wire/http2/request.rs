//! The head of a stream's request as one of HTTP/1.1.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};

use super::add;
use crate::wire::{Reject, RequestHead};

/// The body that follows a request's HEADERS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// HEADERS ended the stream.
    Empty,
    /// As many bytes as `Content-Length` says. Frames with another sum are an error of the stream.
    Length(u64),
    /// Until the stream ends: chunked coding.
    Chunked,
    /// The bytes of a WebSocket, once it is open (RFC 8441).
    Tunnel,
}

impl Body {
    /// The body of a request. `ended`: whether HEADERS ended the stream. `protocol`: the one of an extended CONNECT.
    #[must_use]
    pub fn of(fields: &HeaderMap, ended: bool, protocol: Option<&str>) -> Self {
        if protocol == Some("websocket") {
            return Self::Tunnel;
        }
        match fields.get(header::CONTENT_LENGTH) {
            _ if ended => Self::Empty,
            // The scanner refuses what is no length.
            Some(length) => {
                Self::Length(length.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX))
            }
            None => Self::Chunked,
        }
    }
}

/// Appends the head to `out`. What it says twice must agree, and no part of it can become another line.
///
/// `key`: for the handshake of a WebSocket, which HTTP/2 asks for by an extended CONNECT without a key (RFC 8441 section
/// 5).
///
/// # Errors
/// A [`Reject`] for a request that is malformed in HTTP/2 alone (RFC 9113 sections 8.2 and 8.3). `out` then holds a part
/// of the head. All else is refused by [`crate::wire::RequestHead::scan`].
pub fn write_request(out: &mut Vec<u8>, request: &Parts, body: Body, key: &str) -> Result<(), Reject> {
    let method = match request.method {
        Method::CONNECT if body == Body::Tunnel => Method::GET.as_str(),
        Method::CONNECT => return Err(Reject::MethodNotAllowed),
        _ => request.method.as_str(),
    };
    // A part that is not there is refused as an empty one.
    let target = request.uri.path_and_query().map_or("", |target| target.as_str());
    if target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(Reject::ControlByte);
    }
    put(out, &[method.as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"]);
    write_host(out, request)?;
    let mut cookies = request.headers.get_all(header::COOKIE).iter().peekable();
    if cookies.peek().is_some() {
        out.extend_from_slice(b"cookie: ");
        // Browsers send each pair as a field of its own; HTTP/1.1 has one field (RFC 9113 section 8.2.3).
        while let Some(pairs) = cookies.next() {
            check_value(pairs)?;
            out.extend_from_slice(pairs.as_bytes());
            out.extend_from_slice(if cookies.peek().is_some() { b"; " } else { b"\r\n" });
        }
    }
    for (name, value) in &request.headers {
        if is_of_connection(name, value) {
            return Err(Reject::ConnectionField);
        }
        check_value(value)?;
        if name != header::COOKIE && (name != header::HOST || request.uri.authority().is_none()) {
            put(out, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
    }
    match body {
        Body::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Body::Tunnel => {
            let handshake = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ";
            put(out, &[handshake, key.as_bytes(), b"\r\n"]);
        }
        Body::Empty | Body::Length(_) => {}
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// `:authority` as `Host`. A `Host` beside it must be the same (RFC 9113 section 8.3.1).
fn write_host(out: &mut Vec<u8>, request: &Parts) -> Result<(), Reject> {
    let Some(authority) = request.uri.authority() else { return Ok(()) };
    let authority = authority.as_str().as_bytes();
    if authority.iter().any(|byte| !byte.is_ascii_graphic()) {
        return Err(Reject::InvalidHost);
    }
    let mut hosts = request.headers.get_all(header::HOST).iter();
    if hosts.any(|host| !host.as_bytes().eq_ignore_ascii_case(authority)) {
        return Err(Reject::AuthorityAndHost);
    }
    if request.headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Reject::DuplicateHost);
    }
    put(out, &[b"host: ", authority, b"\r\n"]);
    Ok(())
}

/// Refuses a value that is malformed in HTTP/2 (RFC 9113 section 8.2.1). HTTP/1.1 drops blanks around it.
fn check_value(value: &HeaderValue) -> Result<(), Reject> {
    let bytes = value.as_bytes();
    if bytes.iter().any(|&byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(Reject::FieldValue);
    }
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_blank(bytes.first()) || is_blank(bytes.last()) { Err(Reject::ValueBlanks) } else { Ok(()) }
}

/// Whether a field is about the connection, which HTTP/2 does not allow (RFC 9113 section 8.2.2).
fn is_of_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    match *name {
        header::CONNECTION | header::TRANSFER_ENCODING | header::UPGRADE => true,
        header::TE => value != "trailers",
        _ => matches!(name.as_str(), "keep-alive" | "proxy-connection"),
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// A request to an app of HTTP/2, without the fields that are about a connection or frame the body. `Content-Length` and
/// the acceptance of trailers stay.
///
/// # Errors
/// When a part of it cannot be one of HTTP/2.
pub fn request(head: &RequestHead) -> Result<Request<()>, http::Error> {
    let uri = Uri::builder().scheme("http").authority(head.host()).path_and_query(head.target()).build()?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method().as_bytes())?;
    *request.uri_mut() = uri;
    let fields = request.headers_mut();
    for field in head.fields() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if !is("host") && (!field.is_hop_by_hop || is("content-length")) {
            add(fields, field.name.as_bytes(), field.value)?;
        }
    }
    if head.accepts_trailers() {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    Ok(request)
}
