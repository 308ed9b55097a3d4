//! The answer to a stream: bytes of HTTP/1.1 in, frames out.

use std::{
    io,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{Reason, server::SendResponse};
use http::Method;

use crate::{
    connection::http2::{Rest, Sent, io_error},
    wire::{
        ResponseHead, Scan,
        http2::{WRITTEN, response},
    },
};

/// The state of an answer.
pub(super) struct Answer {
    respond: SendResponse<Bytes>,
    method: Method,
    /// Whether a 2xx opens a tunnel (RFC 8441 section 5).
    is_tunnel: bool,
    head: ResponseHead,
    /// `None` until the final head has been sent.
    body: Option<Sent>,
}

impl Answer {
    pub(super) fn new(respond: SendResponse<Bytes>, method: Method, is_tunnel: bool) -> Self {
        Self { respond, method, is_tunnel, head: ResponseHead::new(), body: None }
    }

    /// Whether the whole answer has been handed to h2.
    pub(super) fn is_done(&self) -> bool {
        self.body.as_ref().is_some_and(Sent::is_done)
    }

    /// Whether the whole answer has been taken.
    pub(super) fn is_whole(&self) -> bool {
        self.body.as_ref().is_some_and(Sent::is_whole)
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.body.as_ref().is_some_and(Sent::has_unsent)
    }

    /// Waits until the client resets the stream, or its connection ends.
    pub(super) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.body {
            Some(body) => body.poll_reset(cx),
            None => self.respond.poll_reset(cx).map(drop),
        }
    }

    /// Takes some bytes of the answer. Everything that was taken before must have been sent.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        // Interim heads, then the final one.
        while self.body.is_none() && taken < bytes.len() {
            taken += self.take_head(bytes.get(taken..).unwrap_or_default())?;
        }
        match &mut self.body {
            // What refuses a head that it has not read does not know the method (RFC 9110 section 9.3.2).
            Some(_) if self.method == Method::HEAD => Ok(bytes.len()),
            Some(body) => Ok(taken + body.take(bytes.get(taken..).unwrap_or_default())?),
            None => Ok(taken),
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let scanned = self.head.scan(bytes, &WRITTEN, self.method.as_str());
        let Ok(Scan::Complete(count)) = scanned else { return Err(io::ErrorKind::InvalidData.into()) };
        // A 2xx would open the tunnel unchecked. The exchange refuses the app's; this refuses any other, such as that of
        // the User API.
        if self.is_tunnel && (200..300).contains(&self.head.status()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let response = response(&self.head).map_err(io::Error::other)?;
        let rest = match self.head.status() {
            101 => Rest::Open,
            100..200 => {
                self.respond.send_informational(response).map_err(io_error)?;
                return Ok(count);
            }
            _ => Rest::from(self.head.framing()),
        };
        let ends = matches!(rest, Rest::Done);
        // The answer may have to wait for a window, and needs no head for that.
        self.head = ResponseHead::new();
        self.body = Some(Sent::new(self.respond.send_response(response, ends).map_err(io_error)?, rest));
        Ok(count)
    }

    /// Ends an answer that has no other end.
    pub(super) fn end(&mut self) {
        if let Some(body) = &mut self.body {
            body.end();
        }
    }

    /// As [`Sent::poll_flush`].
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.body.as_mut().map_or(Poll::Ready(Ok(())), |body| body.poll_flush(cx))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Half an answer must not look like a whole one. After a whole one, h2 tells a client that still sends that the rest
        // is not needed (RFC 9113 section 8.1).
        if !self.is_done() {
            self.respond.send_reset(Reason::INTERNAL_ERROR);
        }
    }
}
