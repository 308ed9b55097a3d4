//! A socket whose frames are counted.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    frames::{Error, Frames},
    outgoing::{Next, Outgoing},
};
use crate::{
    connection::{AsyncSocket, Deadline, Socket},
    wire::Reject,
};

/// The socket of a connection. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Metered {
    socket: AsyncSocket,
    frames: Rc<RefCell<Frames>>,
    outgoing: Rc<Cell<Outgoing>>,
    deadline: Deadline,
}

/// The bytes that the gate may send because of a frame without content; PING takes the most, 17.
const ANSWER: u64 = 32;

impl Metered {
    pub(super) fn new(socket: AsyncSocket, deadline: Deadline) -> Self {
        let frames = Rc::new(RefCell::new(Frames::new(deadline.now())));
        Self { socket, frames, outgoing: Rc::default(), deadline }
    }

    /// Why the connection has to end.
    pub(super) fn error(&self) -> Option<Error> {
        self.frames.borrow().error()
    }

    /// Why the request of a stream must be refused. Asked once for each stream, in their order.
    pub(super) fn reject(&self, stream: u32) -> Option<Reject> {
        self.frames.borrow_mut().reject(stream)
    }

    /// Whether a list of fields takes too long. As for a head of HTTP/1.1, it counts from the first byte.
    pub(super) fn is_late(&self, longest: Duration) -> bool {
        let since = self.frames.borrow().list_since();
        since.is_some_and(|since| Duration::from_millis(self.deadline.now().saturating_sub(since)) > longest)
    }

    pub(super) fn has_partial_list(&self) -> bool {
        self.frames.borrow().list_since().is_some()
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.socket.is_blocked()
    }

    /// The bytes that the client has taken, without the answers that it can ask for as it likes.
    pub(super) fn taken(&self) -> u64 {
        self.socket.written().saturating_sub(ANSWER * self.frames.borrow().empty())
    }

    /// Makes the connection end with a reset.
    pub(super) fn reset(&self) {
        self.socket.reset();
    }

    pub(super) fn take(&self) -> Option<Socket> {
        self.socket.take()
    }

    /// Writes what may be written of `bytes` in one piece.
    fn poll_write_next(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let next = self.outgoing.get().next(bytes, |stream| self.frames.borrow().is_for_http1(stream));
        let piece = match next {
            Next::AsIs(count) => bytes.get(..count).unwrap_or_default(),
            Next::Instead(code) => code,
        };
        let written = Pin::new(&mut self.socket).poll_write(cx, piece);
        if let Poll::Ready(Ok(count)) = written {
            self.moved(bytes.get(..count).unwrap_or_default());
        }
        written
    }

    /// Counts bytes that have been sent.
    fn moved(&self, bytes: &[u8]) {
        let mut outgoing = self.outgoing.get();
        let passed = outgoing.moved(bytes, |stream| self.frames.borrow().is_for_http1(stream));
        self.outgoing.set(outgoing);
        let mut frames = self.frames.borrow_mut();
        frames.sent(bytes.len());
        frames.refused(passed.refused, self.deadline.now());
        if let Some(stream) = passed.replaced {
            frames.forget(stream);
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let read =
            if self.error().is_none() { Pin::new(&mut self.socket).poll_read(cx, to) } else { Poll::Pending };
        let new = to.filled().get(before..).unwrap_or_default();
        self.frames.borrow_mut().received(new, self.deadline.now());
        if self.error().is_some() {
            // h2 must not see what is wrong, and the connection is ended by its task, which asks for the error.
            to.set_filled(before);
            return Poll::Pending;
        }
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_next(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.frames.borrow().has_for_http1() {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return self.poll_write_next(cx, first);
        }
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = written {
            let mut left = count;
            for slice in slices {
                let sent = slice.len().min(left);
                self.moved(slice.get(..sent).unwrap_or_default());
                left -= sent;
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
