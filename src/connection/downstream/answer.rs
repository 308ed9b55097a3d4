//! Answers of the gate itself.

use std::io::{self, Write};

use bytes::Bytes;

use super::Downstream;
use crate::wire::{self, RequestHead, Version};

impl Downstream {
    /// Writes an answer of the gate.
    ///
    /// # Errors
    /// When the client has closed, or does not read in time.
    pub async fn respond(
        &mut self,
        request: &RequestHead,
        response: &http::Response<Bytes>,
        keep_alive: bool,
    ) -> io::Result<()> {
        let connection = match (keep_alive, request.version()) {
            (false, _) => "Connection: close\r\n",
            // HTTP/1.0 closes by default (RFC 9112 section 9.3).
            (true, Version::Http10) => "Connection: keep-alive\r\n",
            (true, Version::Http11) => "",
        };
        self.write_response(response, connection, request.method() == "HEAD");
        self.flush().await
    }

    /// Answers a client whose head could not be read, and announces the close.
    ///
    /// # Errors
    /// As [`Downstream::respond`].
    pub async fn respond_and_close(&mut self, response: &http::Response<Bytes>) -> io::Result<()> {
        let head_only = asks_for_head(self.scratch.input.filled());
        self.write_response(response, "Connection: close\r\n", head_only);
        self.flush().await
    }

    fn write_response(&mut self, response: &http::Response<Bytes>, connection: &str, head_only: bool) {
        self.answered = true;
        let date = self.deadline.date();
        let out = &mut self.scratch.to_client;
        out.clear();
        let status = response.status();
        // Writing into a Vec cannot fail.
        let _ =
            write!(out, "HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default());
        for (name, value) in response.headers() {
            let _ = write!(out, "{name}: ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        // 204 and 304 have no body and no length (RFC 9110 section 8.6).
        let bodiless = matches!(status.as_u16(), 204 | 304);
        if !bodiless && !response.headers().contains_key(http::header::CONTENT_LENGTH) {
            let _ = write!(out, "content-length: {}\r\n", response.body().len());
        }
        if let Some(value) = &self.strict_transport {
            let _ = write!(out, "strict-transport-security: {value}\r\n");
        }
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(&date);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(connection.as_bytes());
        out.extend_from_slice(b"\r\n");
        if !head_only && !bodiless {
            out.extend_from_slice(response.body());
        }
    }
}

/// Whether the input begins with a HEAD request, whose answer has no body (RFC 9110 section 9.3.2), even if the
/// rest is malformed. The method is complete once a blank follows it.
fn asks_for_head(input: &[u8]) -> bool {
    input.get(wire::empty_lines(input)..).unwrap_or_default().starts_with(b"HEAD ")
}
