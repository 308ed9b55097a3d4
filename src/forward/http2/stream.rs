//! A request to an app of HTTP/2, written and answered as one of HTTP/1.1.

use std::{
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{
    Reason,
    client::{ResponseFuture, SendRequest},
};

use super::link::{Active, Link};
use crate::{
    connection::{
        Buffer, ConnectionInfo, Http2Stream,
        http2::{Received, Rest, Sent, io_error},
    },
    wire::{
        RequestHead, Scan,
        http2::{Body, WRITTEN, request, write_response},
    },
};

/// A stream.
pub(super) struct Stream {
    active: Active,
    requests: SendRequest<Bytes>,
    scheme: &'static str,
    head: RequestHead,
    /// `None` until the head has been sent.
    sent: Option<Sent>,
    answer: Answer,
    is_unprocessed: bool,
    is_unsendable: bool,
}

enum Answer {
    /// The head has not been sent.
    Unasked,
    Awaited(ResponseFuture),
    Begun(Received),
    /// It will not come.
    Lost,
}

impl Stream {
    /// `scheme`: that of the request.
    pub(super) fn new(link: Rc<Link>, scheme: &'static str) -> Self {
        let requests = link.requests();
        Self {
            active: Active::new(link),
            requests,
            scheme,
            head: RequestHead::new(),
            sent: None,
            answer: Answer::Unasked,
            is_unprocessed: false,
            is_unsendable: false,
        }
    }

    /// Sends the head at the front of `bytes`. Returns its length.
    fn poll_head(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Err(error) = ready!(self.requests.poll_ready(cx)) {
            return Poll::Ready(Err(self.lost(error)));
        }
        let scanned = self.head.scan(bytes, &WRITTEN);
        let Ok(Scan::Complete(count)) = scanned else {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        };
        let request = match request(&self.head, self.scheme) {
            Ok(request) => request,
            Err(error) => {
                self.is_unsendable = true;
                return Poll::Ready(Err(io::Error::other(error)));
            }
        };
        let rest = Rest::from(self.head.framing());
        match self.requests.send_request(request, matches!(rest, Rest::Done)) {
            Ok((answer, send)) => {
                self.answer = Answer::Awaited(answer);
                self.sent = Some(Sent::new(send, rest));
                Poll::Ready(Ok(count))
            }
            Err(error) => Poll::Ready(Err(self.lost(error))),
        }
    }

    /// Waits for a head of the answer. Interim ones are written into the buffer, the final one begins the answer.
    fn poll_answer(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let Answer::Awaited(answer) = &mut self.answer else { return Poll::Pending };
        let mut text = Vec::new();
        match ready!(answer.poll_informational(cx)) {
            Some(Ok(interim)) => {
                write_response(&mut text, &interim.into_parts().0, Body::Empty, self.head.method());
                // It is small, or one more than an answer may have.
                let has_room = buffer.put(&text);
                let count = if has_room { Ok(text.len()) } else { Err(io::ErrorKind::OutOfMemory.into()) };
                return Poll::Ready(count);
            }
            Some(Err(error)) => return Poll::Ready(Err(self.lost(error))),
            None => {}
        }
        match ready!(Pin::new(answer).poll(cx)) {
            Ok(response) => {
                let (parts, received) = response.into_parts();
                let ended = received.is_end_stream() || self.head.method() == "HEAD";
                let body = Body::of(&parts.headers, ended, None);
                write_response(&mut text, &parts, body, self.head.method());
                self.answer = Answer::Begun(Received::answer(received, body, text));
                self.poll_fill(cx, buffer)
            }
            Err(error) => Poll::Ready(Err(self.lost(error))),
        }
    }

    /// Notes what an error means for the request and its connection.
    fn lost(&mut self, error: h2::Error) -> io::Error {
        self.answer = Answer::Lost;
        let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        // A GOAWAY is an error of the streams that the app has not seen (RFC 9113 section 6.8).
        self.is_unprocessed = error.is_remote() && (is_refused || error.is_go_away());
        // An app that asks for calm has no room for more streams of this connection, perhaps because clients of others do not
        // read. New requests take another one, the repeat of this one too.
        let is_full = error.is_remote() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
        if !error.is_reset() || is_full {
            self.active.0.close();
        }
        io_error(error)
    }
}

impl Http2Stream for Stream {
    fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        // Sends the rest of what was taken first, such as a request whose answer is awaited. An error is reported by the next
        // write, because an answer can still be read.
        let _ = self.poll_flush(cx);
        match &mut self.answer {
            Answer::Unasked | Answer::Awaited(_) => self.poll_answer(cx, buffer),
            Answer::Begun(received) => {
                received.poll_fill(cx, buffer).map(|filled| Ok(filled.map_err(io_error)?.unwrap_or(0)))
            }
            Answer::Lost => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        if self.sent.is_none() {
            taken = ready!(self.poll_head(cx, bytes))?;
        }
        let Some(sent) = &mut self.sent else { return Poll::Ready(Err(io::ErrorKind::InvalidInput.into())) };
        if taken == 0 {
            ready!(sent.poll_flush(cx))?;
        }
        taken += sent.take(bytes.get(taken..).unwrap_or_default())?;
        if let Poll::Ready(flushed) = sent.poll_flush(cx) {
            flushed?;
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sent.as_mut().map_or(Poll::Ready(Ok(())), |sent| sent.poll_flush(cx))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    fn has_unsent(&self) -> bool {
        self.sent.as_ref().is_some_and(Sent::has_unsent)
    }

    fn has_hung_up(&self) -> bool {
        matches!(self.answer, Answer::Lost)
    }

    fn is_unsendable(&self) -> bool {
        self.is_unsendable
    }

    fn is_unprocessed(&self) -> bool {
        self.is_unprocessed
    }

    fn info(&self) -> Option<&ConnectionInfo> {
        None
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream").field("is_unprocessed", &self.is_unprocessed).finish_non_exhaustive()
    }
}
