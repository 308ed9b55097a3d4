//! The body of a message that is received, framed as in HTTP/1.1.

use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::RecvStream;
use http::HeaderMap;

use crate::{
    connection::Buffer,
    wire::{
        http2::{Body, write_fields},
        write_chunk_head,
    },
};

/// The rest of a body.
pub struct Received {
    received: RecvStream,
    is_chunked: bool,
    /// Bytes that the length leaves. Data that completes it waits for the end of the stream: with more data the request
    /// is malformed (RFC 9113 section 8.1.1), and the app must not have it.
    left: Option<u64>,
    is_done: bool,
    /// Whether it is that of a tunnel, which has an end like a connection of its own.
    is_tunnel: bool,
    /// What is read next: a head, or the line before a chunk; data of the stream; and what follows it.
    before: Vec<u8>,
    data: Bytes,
    after: Bytes,
    is_at_trailers: bool,
}

impl Received {
    /// The body of a request.
    #[must_use]
    pub fn new(received: RecvStream, body: Body) -> Self {
        Self {
            received,
            is_chunked: body == Body::Chunked,
            left: if let Body::Length(length) = body { Some(length) } else { None },
            is_done: body == Body::Empty,
            is_tunnel: body == Body::Tunnel,
            before: Vec::new(),
            data: Bytes::new(),
            after: Bytes::new(),
            is_at_trailers: false,
        }
    }

    /// The body of an answer behind this head.
    #[must_use]
    pub fn answer(received: RecvStream, body: Body, head: Vec<u8>) -> Self {
        Self { before: head, ..Self::new(received, body) }
    }

    /// Reads into the free space of the buffer; `None` at the end of the body.
    ///
    /// # Errors
    /// When the stream has been reset, or its body is not as long as announced.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
    ) -> Poll<Result<Option<usize>, h2::Error>> {
        let mut count = 0;
        loop {
            if self.is_done || self.left != Some(0) {
                count += self.move_on(buffer)?;
                // What the buffer has no space for is read by the next call.
                if self.is_waiting() {
                    return Poll::Ready(Ok(Some(count)));
                }
            }
            if self.is_done {
                return Poll::Ready(Ok((count > 0 || self.is_tunnel).then_some(count)));
            }
            if self.is_at_trailers {
                match self.received.poll_trailers(cx) {
                    Poll::Ready(Ok(trailers)) => self.end(trailers.as_ref()),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending if count > 0 => return Poll::Ready(Ok(Some(count))),
                    Poll::Pending => return Poll::Pending,
                }
                continue;
            }
            match self.received.poll_data(cx) {
                // An empty frame says nothing.
                Poll::Ready(Some(Ok(data))) if data.is_empty() => {}
                Poll::Ready(Some(Ok(data))) => self.begin(data),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                // What reads the chunks checks them as it does those of HTTP/1.1.
                Poll::Ready(None) if self.is_chunked => self.is_at_trailers = true,
                Poll::Ready(None) => self.end(None),
                Poll::Pending if count > 0 => return Poll::Ready(Ok(Some(count))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Waits for the end of a body without a byte.
    ///
    /// # Errors
    /// As [`Received::poll_fill`].
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            match ready!(self.received.poll_data(cx)) {
                Some(data) => drop(data?),
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Discards what still arrives, until the end or until more than `left` bytes.
    pub fn poll_discard(&mut self, cx: &mut Context<'_>, left: &mut usize) -> Poll<()> {
        while !self.received.is_end_stream() {
            // A stream that was reset has an end, too.
            let Some(Ok(data)) = ready!(self.received.poll_data(cx)) else { break };
            let Some(rest) = left.checked_sub(data.len()) else { break };
            *left = rest;
            if self.received.flow_control().release_capacity(data.len()).is_err() {
                break;
            }
        }
        Poll::Ready(())
    }

    fn begin(&mut self, data: Bytes) {
        if let Some(left) = &mut self.left {
            // h2 has compared them.
            *left = left.saturating_sub(data.len() as u64);
        }
        if self.is_chunked {
            write_chunk_head(&mut self.before, data.len());
            self.after = Bytes::from_static(b"\r\n");
        }
        self.data = data;
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) {
        self.is_done = true;
        if self.is_chunked {
            let mut end = b"0\r\n".to_vec();
            write_fields(&mut end, trailers.into_iter().flatten());
            end.extend_from_slice(b"\r\n");
            self.after = end.into();
        }
    }

    fn is_waiting(&self) -> bool {
        !(self.before.is_empty() && self.data.is_empty() && self.after.is_empty())
    }

    /// Moves what is read next into the buffer, as far as it has space, and opens the window as far.
    fn move_on(&mut self, buffer: &mut Buffer) -> Result<usize, h2::Error> {
        let line = buffer.fit(&self.before);
        self.before.drain(..line);
        if !self.before.is_empty() {
            return Ok(line);
        }
        let data = buffer.fit(&self.data);
        self.data.advance(data);
        if data > 0 {
            self.received.flow_control().release_capacity(data)?;
        }
        if !self.data.is_empty() {
            return Ok(line + data);
        }
        let end = buffer.fit(&self.after);
        self.after.advance(end);
        Ok(line + data + end)
    }
}
