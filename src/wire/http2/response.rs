//! The head of an answer of HTTP/1.1 as that of a stream.

use http::{Response, StatusCode, header, response::Parts};

use super::{Body, add, write_fields};
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
    for part in [b"HTTP/1.1 ", status.as_str().as_bytes(), b" \r\n"] {
        out.extend_from_slice(part);
    }
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
