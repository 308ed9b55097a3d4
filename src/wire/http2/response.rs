//! The head of an answer of HTTP/1.1 as that of a stream.

use http::{Response, StatusCode, header, response::Parts};

use super::{Body, add, put, write_fields};
use crate::wire::ResponseHead;

/// The head without the fields that are about a connection or frame the body. `Content-Length` stays.
///
/// # Errors
/// When a part of it cannot be one of HTTP/2.
pub fn response(head: &ResponseHead) -> Result<Response<()>, http::Error> {
    let mut response = Response::new(());
    let opens_tunnel = head.status() == 101;
    // The answer to an extended CONNECT has the status of any other, and proves nothing by a key (RFC 8441 section 5).
    *response.status_mut() = if opens_tunnel { StatusCode::OK } else { StatusCode::from_u16(head.status())? };
    let fields = response.headers_mut();
    for field in head.fields() {
        if opens_tunnel && field.name.eq_ignore_ascii_case("sec-websocket-accept") {
            continue;
        }
        if !field.is_hop_by_hop || field.name.eq_ignore_ascii_case("content-length") {
            add(fields, field.name.as_bytes(), field.value)?;
        }
    }
    Ok(response)
}

/// Appends the head of an app's answer as one of HTTP/1.1. Its connection is not reused: the stream is for one request.
/// `method`: that of the request.
pub fn write_response(out: &mut Vec<u8>, answer: &Parts, body: Body, method: &str) {
    let status = answer.status;
    // HTTP/2 has no phrase (RFC 9113 section 8.3.2), and HTTP/1.1 needs none, but some clients do: h2load.
    let phrase = status.canonical_reason().unwrap_or_default();
    put(out, &[b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", phrase.as_bytes(), b"\r\n"]);
    write_fields(out, &answer.headers);
    if !status.is_informational() {
        let is_bodiless =
            method == "HEAD" || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let framing: &[u8] = match body {
            Body::Chunked => b"transfer-encoding: chunked\r\n",
            Body::Empty if !is_bodiless && !answer.headers.contains_key(header::CONTENT_LENGTH) => {
                b"content-length: 0\r\n"
            }
            Body::Empty | Body::Length(_) | Body::Tunnel => b"",
        };
        out.extend_from_slice(framing);
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Framing, HeadLimits, Scan};

    fn scan(method: &str, text: &[u8]) -> ResponseHead {
        let mut head = ResponseHead::new();
        let limits = HeadLimits { bytes: 8192, fields: 100 };
        assert_eq!(
            head.scan(text, &limits, method),
            Ok(Scan::Complete(text.len())),
            "{}",
            text.escape_ascii()
        );
        head
    }

    #[test]
    fn an_answer_keeps_its_fields_and_loses_its_framing() {
        let head = scan(
            "GET",
            b"HTTP/1.1 404 No\r\nX-A: \xff\r\nConnection: close, x-b\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        let answer = response(&head).unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().len()), (404, 1));
        assert_eq!(answer.headers()["x-a"].as_bytes(), b"\xff");
        let length = response(&scan("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")).unwrap();
        assert_eq!(length.headers()["content-length"], "5");
        let switch = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\nX: 1\r\n\r\n";
        let opened = response(&scan("GET", switch)).unwrap();
        assert_eq!((opened.status().as_u16(), opened.headers().len()), (200, 1));
    }

    #[test]
    fn an_answer_of_http_2_is_framed() {
        let written = |method: &str, status: u16, length: Option<&'static str>, body: Body| {
            let mut answer = Response::builder().status(status);
            if let Some(length) = length {
                answer = answer.header("content-length", length);
            }
            let mut out = Vec::new();
            write_response(&mut out, &answer.body(()).unwrap().into_parts().0, body, method);
            let phrase = StatusCode::from_u16(status).unwrap().canonical_reason().unwrap();
            assert!(out.starts_with(format!("HTTP/1.1 {status} {phrase}\r\n").as_bytes()));
            let head = scan(method, &out);
            assert!(!head.keep_alive() || status < 200);
            (head.status(), head.framing(), head.content_length())
        };
        assert_eq!(written("GET", 200, None, Body::Chunked), (200, Framing::Chunked, None));
        assert_eq!(written("GET", 200, Some("5"), Body::Length(5)), (200, Framing::Length(5), Some(5)));
        assert_eq!(written("GET", 200, None, Body::Empty), (200, Framing::Length(0), Some(0)));
        assert_eq!(written("HEAD", 200, None, Body::Empty), (200, Framing::Empty, None));
        assert_eq!(written("GET", 204, None, Body::Empty), (204, Framing::Empty, None));
        assert_eq!(written("GET", 304, Some("9"), Body::Empty), (304, Framing::Empty, Some(9)));
        assert_eq!(written("GET", 103, None, Body::Empty), (103, Framing::Empty, None));
    }
}
