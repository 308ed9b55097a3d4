//! What carries the bytes: a socket of the operating system, TCP or Unix, or a stream of HTTP/2.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    pin::pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::Interest,
    net::{TcpStream, UnixStream},
    task::yield_now,
};

use super::Http2Stream;

/// A socket with a bound on the work that one task does with it in a row.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) stream: Stream,
    /// The number of reads and writes since the last one that had to wait.
    in_a_row: u8,
}

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// It has no descriptor. The socket calls it before anything here is asked.
    Http2(Box<dyn Http2Stream>),
}

/// The number of reads and writes, of up to 32 KiB each, after which a task yields to the other connections of the core.
/// An inspected upload runs at 60 MB/s at least, so a task yields after 9 ms at most.
const TURN: u8 = 16;

impl Transport {
    /// Runs `call`, which reads or writes up to `wanted` bytes, as soon as the socket is ready for it.
    ///
    /// `call` makes the system call itself instead of using the runtime's read and write. Those go through the C library,
    /// where each call in a process with threads is a cancellation point that costs two locked instructions.
    pub(super) fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
        interest: Interest,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.in_a_row == TURN {
            self.in_a_row = 0;
            // `yield_now` instead of waking the task: the runtime polls a woken task up to 60 more times before it asks
            // the kernel for events of other connections.
            return pin!(yield_now()).poll(cx).map(|()| Err(io::ErrorKind::WouldBlock.into()));
        }
        self.in_a_row += 1;
        loop {
            let mut some = None;
            let moved = self.stream.try_io(interest, |fd| match call(fd) {
                // A short read or write: the next call would return EAGAIN. Reporting that now clears the readiness and
                // saves the call.
                Ok(count) if count > 0 && count < wanted => {
                    some = Some(count);
                    Err(io::ErrorKind::WouldBlock.into())
                }
                moved => moved,
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                moved => return Poll::Ready(moved),
            }
            if let Some(count) = some {
                return Poll::Ready(Ok(count));
            }
            self.in_a_row = 0;
            ready!(self.stream.poll_ready(cx, interest))?;
        }
    }
}

impl Stream {
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<()>> {
        match (self, interest.is_readable()) {
            (Self::Tcp(tcp), true) => tcp.poll_read_ready(cx),
            (Self::Tcp(tcp), false) => tcp.poll_write_ready(cx),
            (Self::Unix(unix), true) => unix.poll_read_ready(cx),
            (Self::Unix(unix), false) => unix.poll_write_ready(cx),
            (Self::Http2(_), _) => Poll::Ready(Ok(())),
        }
    }

    /// Runs `call`, or returns [`io::ErrorKind::WouldBlock`] if the socket is known not to be ready.
    pub(super) fn try_io(
        &self,
        interest: Interest,
        call: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_io(interest, || call(tcp.as_fd())),
            Self::Unix(unix) => unix.try_io(interest, || call(unix.as_fd())),
            Self::Http2(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(tcp) => Some(tcp.as_fd()),
            Self::Unix(unix) => Some(unix.as_fd()),
            Self::Http2(_) => None,
        }
    }
}

impl From<Stream> for Transport {
    fn from(stream: Stream) -> Self {
        Self { stream, in_a_row: 0 }
    }
}
