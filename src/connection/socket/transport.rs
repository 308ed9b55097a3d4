//! A stream of the system: TCP or a Unix socket.

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

/// The stream itself.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) stream: Stream,
    /// Reads and writes in a row that did not have to wait.
    in_a_row: u8,
}

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The reads and writes in a row, of up to 32 KiB each, after which the other connections of the core get their turn.
/// An upload that is inspected passes at 60 MB/s at least, so a turn takes 9 ms at most.
const TURN: u8 = 16;

impl Transport {
    /// Moves up to `wanted` bytes by `call`, or waits until it can be done.
    ///
    /// By system calls of our own instead of the runtime's read and write: those go through the C library, where each
    /// call of a process with threads is a point of cancellation and pays two locked instructions for it.
    pub(super) fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
        interest: Interest,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.in_a_row == TURN {
            self.in_a_row = 0;
            // Not by waking the task: it would be polled again 60 times before the runtime asks the kernel what has
            // come for others.
            return pin!(yield_now()).poll(cx).map(|()| Err(io::ErrorKind::WouldBlock.into()));
        }
        self.in_a_row += 1;
        loop {
            let mut some = None;
            let moved = self.stream.try_io(interest, |fd| match call(fd) {
                // It took or gave less than it was offered, so the next call would have to wait. The runtime hears
                // that now, and the call is spared.
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
        }
    }

    /// Calls, unless the runtime knows that it would have to wait ([`io::ErrorKind::WouldBlock`]).
    pub(super) fn try_io(
        &self,
        interest: Interest,
        call: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_io(interest, || call(tcp.as_fd())),
            Self::Unix(unix) => unix.try_io(interest, || call(unix.as_fd())),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(tcp) => tcp.as_fd(),
            Self::Unix(unix) => unix.as_fd(),
        }
    }
}

impl From<Stream> for Transport {
    fn from(stream: Stream) -> Self {
        Self { stream, in_a_row: 0 }
    }
}
