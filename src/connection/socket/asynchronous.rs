//! A socket for code that reads and writes by the runtime's traits: that of HTTP/2.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use super::Socket;

/// A socket behind the runtime's traits. Clones share it, so that one of them can watch the progress and take the socket
/// back.
#[derive(Clone, Debug)]
pub struct AsyncSocket(Rc<State>);

#[derive(Debug)]
struct State {
    /// `None` after [`AsyncSocket::take`].
    socket: RefCell<Option<Socket>>,
    /// Whether the last write had to wait.
    is_blocked: Cell<bool>,
    written: Cell<u64>,
}

impl From<Socket> for AsyncSocket {
    fn from(socket: Socket) -> Self {
        let socket = RefCell::new(Some(socket));
        Self(Rc::new(State { socket, is_blocked: Cell::new(false), written: Cell::new(0) }))
    }
}

impl AsyncSocket {
    /// Whether the peer accepts no more bytes for now, although some are waiting.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.0.is_blocked.get()
    }

    /// The bytes that have been written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.0.written.get()
    }

    /// As [`Socket::reset`].
    pub fn reset(&self) {
        if let Some(socket) = &*self.0.socket.borrow() {
            socket.reset();
        }
    }

    /// Takes the socket back. From now on it is closed for all clones.
    #[must_use]
    pub fn take(&self) -> Option<Socket> {
        self.0.socket.borrow_mut().take()
    }

    fn with<T>(&self, call: impl FnOnce(&mut Socket) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut *self.0.socket.borrow_mut() {
            Some(socket) => call(socket),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.0.is_blocked.set(written.is_pending());
        if let Poll::Ready(Ok(count)) = &written {
            self.0.written.set(self.0.written.get() + *count as u64);
        }
        written
    }
}

impl AsyncRead for AsyncSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let space = to.initialize_unfilled();
        let count = ready!(self.with(|socket| socket.poll_read(cx, space)))?;
        to.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for AsyncSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wrote(self.with(|socket| socket.poll_write(cx, bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.wrote(self.with(|socket| socket.poll_write_vectored(cx, slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.with(|socket| socket.poll_flush(cx));
        self.0.is_blocked.set(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|socket| socket.poll_shutdown(cx))
    }
}

impl Socket {
    /// Reads available bytes. 0 = the peer has closed its side.
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(session) = &mut self.session {
            return session.poll_read(&mut self.transport, cx, bytes);
        }
        let wanted = bytes.len();
        self.transport.poll_io(cx, Interest::READABLE, wanted, |fd| {
            Ok(recv(fd, &mut *bytes, RecvFlags::empty()).map(|(count, _)| count)?)
        })
    }

    /// Writes some bytes of several slices.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(session) = &mut self.session {
            return session.poll_write_vectored(&mut self.transport, cx, slices);
        }
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        self.transport.poll_io(cx, Interest::WRITABLE, wanted, |fd| {
            Ok(sendmsg(fd, slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
        })
    }
}
