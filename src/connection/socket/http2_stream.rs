//! One stream of a connection that carries several at once.

use std::{
    fmt, io,
    net::SocketAddr,
    task::{Context, Poll},
};

use crate::connection::Buffer;

/// A stream of HTTP/2, which reads and writes as a connection of HTTP/1.1 that carries one request. So whatever reads
/// the request and writes the answer is the same for both, and both have one reading.
///
/// Dropping it resets the stream, unless its answer is complete.
pub trait Http2Stream: fmt::Debug {
    /// As [`super::Socket::poll_fill`].
    ///
    /// # Errors
    /// When the stream or its connection has been reset.
    fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>>;

    /// As [`super::Socket::poll_write`]. A head must be written whole.
    ///
    /// # Errors
    /// As [`Http2Stream::poll_fill`], and when the bytes are not HTTP/1.1.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// As [`super::Socket::poll_flush`].
    ///
    /// # Errors
    /// As [`Http2Stream::poll_write`].
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// As [`super::Socket::poll_shutdown`].
    ///
    /// # Errors
    /// As [`Http2Stream::poll_write`].
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// As [`super::Socket::poll_discard`].
    fn poll_discard(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`super::Socket::poll_finish`].
    ///
    /// # Errors
    /// As [`Http2Stream::poll_write`].
    fn poll_finish(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// As [`super::Socket::has_unsent`].
    fn has_unsent(&self) -> bool;

    /// As [`super::Socket::has_hung_up`].
    fn has_hung_up(&self) -> bool;

    /// As [`super::Socket::is_unprocessed`].
    fn is_unprocessed(&self) -> bool {
        false
    }

    /// As [`super::Socket::is_unsendable`].
    fn is_unsendable(&self) -> bool {
        false
    }

    /// What is known of the connection below; `None` towards the app.
    fn info(&self) -> Option<&ConnectionInfo>;
}

/// A connection, for its streams.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The version of TLS; `None` without TLS.
    pub tls_version: Option<&'static str>,
    /// The subject of the client's certificate.
    pub client: Option<Box<str>>,
    /// The server name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// The local address.
    pub local_address: Option<SocketAddr>,
    /// The address of the other end.
    pub peer_address: Option<SocketAddr>,
}
