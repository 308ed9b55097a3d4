//! The head of an answer of HTTP/1.1 as that of a stream.

use http::{Response, StatusCode};

use super::add;
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
