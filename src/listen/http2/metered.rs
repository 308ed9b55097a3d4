//! A socket whose frames are counted.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Error, Frames};
use crate::{
    connection::{AsyncSocket, Deadline, Socket},
    wire::Reject,
};

/// The socket of a connection. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Metered {
    socket: AsyncSocket,
    frames: Rc<RefCell<Frames>>,
    deadline: Deadline,
}

/// The bytes that the gate may send because of a frame without content; PING takes the most, 17.
const ANSWER: u64 = 32;

impl Metered {
    pub(super) fn new(socket: AsyncSocket, deadline: Deadline) -> Self {
        let frames = Rc::new(RefCell::new(Frames::new(deadline.now())));
        Self { socket, frames, deadline }
    }

    /// Why the connection has to end.
    pub(super) fn error(&self) -> Option<Error> {
        self.frames.borrow().error()
    }

    /// Why the request of a stream must be refused. Asked once for each stream, in their order.
    pub(super) fn refused(&self, stream: u32) -> Option<Reject> {
        self.frames.borrow_mut().refused(stream)
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

    pub(super) fn take(&self) -> Option<Socket> {
        self.socket.take()
    }

    fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.frames.borrow_mut().sent(*count);
        }
        written
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
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.sent(written)
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
