//! The head of a stream's request as one of HTTP/1.1.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};

use super::{add, put, write_fields};
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
            write_fields(out, [(name, value)]);
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

/// A request to an app of HTTP/2, without the fields that are about a connection or frame the body. `Content-Length` and
/// the acceptance of trailers stay. `scheme`: `https` if the app is reached over TLS (RFC 9113 section 8.3.1).
///
/// # Errors
/// When a part of it cannot be one of HTTP/2.
pub fn request(head: &RequestHead, scheme: &'static str) -> Result<Request<()>, http::Error> {
    let uri = Uri::builder().scheme(scheme).authority(head.host()).path_and_query(head.target()).build()?;
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

#[cfg(test)]
mod tests {
    use http::request;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{Framing, HeadLimits, Scan};

    const LIMITS: HeadLimits = HeadLimits { bytes: 1 << 20, fields: 256 };

    /// The parts of a request with these fields, as h2 has them.
    fn parts(method: &str, uri: &str, fields: &[(&str, &[u8])]) -> Option<Parts> {
        let mut parts = request::Builder::new().method(method).uri(uri).body(()).ok()?.into_parts().0;
        for (name, value) in fields {
            add(&mut parts.headers, name.as_bytes(), value).ok()?;
        }
        Some(parts)
    }

    fn read(parts: &Parts, body: Body) -> Result<RequestHead, Reject> {
        let mut out = Vec::new();
        write_request(&mut out, parts, body, "dGhlIHNhbXBsZSBub25jZQ==")?;
        let mut head = RequestHead::new();
        assert_eq!(head.scan(&out, &LIMITS)?, Scan::Complete(out.len()), "{}", out.escape_ascii());
        Ok(head)
    }

    #[test]
    fn a_request_is_what_it_was() {
        let fields: [(&str, &[u8]); 5] = [
            ("x", b"\xff"),
            ("cookie", b"a=1"),
            ("te", b"trailers"),
            ("cookie", b"b=2"),
            ("content-length", b"3"),
        ];
        let parts = parts("PUT", "https://h.test:8443/a/%2f?b", &fields).unwrap();
        let head = read(&parts, Body::Length(3)).unwrap();
        assert_eq!((head.method(), head.target(), head.host()), ("PUT", "/a/%2f?b", "h.test:8443"));
        assert_eq!((head.framing(), head.accepts_trailers()), (Framing::Length(3), true));
        assert_eq!((head.field("x"), head.field("cookie")), (Some(&b"\xff"[..]), Some(&b"a=1; b=2"[..])));
        assert_eq!(head.fields().filter(|field| field.name == "cookie").count(), 1);
        // And the way to an app of HTTP/2.
        let sent = request(&head, "https").unwrap();
        assert_eq!((sent.method(), sent.uri().path_and_query()), (&parts.method, parts.uri.path_and_query()));
        assert_eq!(
            (sent.uri().scheme(), sent.uri().authority()),
            (parts.uri.scheme(), parts.uri.authority())
        );
        let same = |name: &str| sent.headers().get(name) == parts.headers.get(name);
        assert!(same("x") && same("te") && same("content-length") && sent.headers().get("host").is_none());
    }

    #[test]
    fn a_body_without_a_length_has_chunks_and_a_tunnel_its_handshake() {
        let plain = parts("POST", "https://a/", &[]).unwrap();
        assert_eq!(read(&plain, Body::Chunked).unwrap().framing(), Framing::Chunked);
        assert_eq!(read(&plain, Body::Empty).unwrap().framing(), Framing::Empty);
        let tunnel = parts("CONNECT", "https://a/b", &[("sec-websocket-version", b"13")]).unwrap();
        let head = read(&tunnel, Body::Tunnel).unwrap();
        assert_eq!((head.method(), head.websocket_key().is_some()), ("GET", true));
        assert_eq!(read(&tunnel, Body::Empty).unwrap_err(), Reject::MethodNotAllowed);
        let sent = request(&head, "http").unwrap();
        assert!(sent.headers().get("upgrade").is_none() && sent.headers().get("connection").is_none());
    }

    #[test]
    fn what_names_the_connection_or_two_hosts_is_refused() {
        for (field, expected) in [
            (("connection", &b"close"[..]), Reject::ConnectionField),
            (("keep-alive", b"1"), Reject::ConnectionField),
            (("proxy-connection", b"1"), Reject::ConnectionField),
            (("transfer-encoding", b"chunked"), Reject::ConnectionField),
            (("upgrade", b"websocket"), Reject::ConnectionField),
            (("te", b"gzip"), Reject::ConnectionField),
            (("host", b"b"), Reject::AuthorityAndHost),
            (("x", b" a"), Reject::ValueBlanks),
            (("cookie", b"a\t"), Reject::ValueBlanks),
        ] {
            let parts = parts("GET", "https://a/", &[field]).unwrap();
            assert_eq!(read(&parts, Body::Empty).unwrap_err(), expected, "{field:?}");
        }
    }

    proptest! {
        /// Whatever a request holds, it is one head with as many fields as it has.
        #[test]
        fn no_field_becomes_another(
            method in "[!-~]{1,8}",
            path in "/[ -~]{0,20}",
            fields in prop::collection::vec(("[!-~]{1,8}", prop::collection::vec(any::<u8>(), 0..12)), 0..8),
        ) {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            let Some(parts) = parts(&method, &format!("https://a{path}"), &fields) else { return Ok(()) };
            if let Ok(head) = read(&parts, Body::Empty) {
                let cookies = parts.headers.get_all("cookie").iter().count().saturating_sub(1);
                prop_assert_eq!(head.fields().len(), 1 + parts.headers.len() - cookies);
                prop_assert_eq!(head.method(), &method);
                prop_assert_eq!(Some(head.target()), parts.uri.path_and_query().map(|target| target.as_str()));
            }
        }
    }
}
