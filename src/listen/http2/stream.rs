//! A stream of a client: its request and its answer as HTTP/1.1.

mod answer;

use std::{
    fmt, io,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::Method;

use self::answer::Answer;
use crate::{
    connection::{Buffer, ConnectionInfo, Http2Stream, http2::Received},
    wire::http2::Body,
};

/// A stream whose head has been read.
pub(super) struct Stream {
    incoming: Received,
    answer: Answer,
    info: Rc<ConnectionInfo>,
    /// Whether the client is known to have reset it.
    is_reset: bool,
    /// Bytes of the request that may still be discarded after the answer.
    discardable: usize,
}

/// The rest of a request up to this size is discarded after its answer, as on a connection of HTTP/1.1.
const DISCARDED: usize = 64 * 1024;

impl Stream {
    /// `body`: how the request's body is framed in HTTP/1.1.
    pub(super) fn new(
        received: RecvStream,
        respond: SendResponse<Bytes>,
        method: &Method,
        body: Body,
        info: Rc<ConnectionInfo>,
    ) -> Self {
        let incoming = Received::new(received, body);
        let answer = Answer::new(respond, method.clone(), body == Body::Tunnel);
        Self { incoming, answer, info, is_reset: false, discardable: DISCARDED }
    }

    /// Waits for the end of a body without a byte. `false` if the stream has been reset.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.incoming.poll_end(cx).map(|ended| ended.is_ok())
    }

    fn reset_seen<T>(&mut self) -> Poll<io::Result<T>> {
        self.is_reset = true;
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl Http2Stream for Stream {
    fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        // After the answer nothing of the request matters; h2 tells the client (RFC 9113 section 8.1).
        if self.answer.is_whole() {
            return Poll::Ready(Ok(0));
        }
        match self.incoming.poll_fill(cx, buffer) {
            Poll::Ready(Ok(Some(count))) => Poll::Ready(Ok(count)),
            Poll::Ready(Err(_)) => self.reset_seen(),
            Poll::Pending => Poll::Pending,
            // The body is complete. A connection of HTTP/1.1 would be silent now.
            Poll::Ready(Ok(None)) => match self.answer.poll_reset(cx) {
                Poll::Ready(()) => self.reset_seen(),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.answer.poll_flush(cx))?;
        let taken = self.answer.take(bytes)?;
        if let Poll::Ready(flushed) = self.answer.poll_flush(cx) {
            flushed?;
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.answer.poll_flush(cx) {
            // The last bytes wait here as they would in the kernel's buffer of a socket: what has read the request and
            // written the answer need not wait with them, see [`Http2Stream::poll_finish`].
            Poll::Pending if self.answer.is_whole() => Poll::Ready(Ok(())),
            flushed => flushed,
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Half an answer does not get any longer.
        if self.answer.is_whole() { self.answer.poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.answer.is_done() || self.is_reset {
            return Poll::Ready(());
        }
        self.incoming.poll_discard(cx, &mut self.discardable)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.answer.poll_flush(cx))?;
        self.answer.end();
        self.answer.poll_flush(cx)
    }

    fn has_unsent(&self) -> bool {
        self.answer.has_unsent() && !self.answer.is_whole()
    }

    fn has_hung_up(&self) -> bool {
        self.is_reset
    }

    fn info(&self) -> Option<&ConnectionInfo> {
        Some(&self.info)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream").field("is_reset", &self.is_reset).finish_non_exhaustive()
    }
}
