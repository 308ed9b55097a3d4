//! TLS on a socket, with rustls.
//!
//! Written bytes are encrypted at once and sent as far as the socket accepts them. The rest is buffered, and no more
//! bytes are accepted until it has been sent ([`Session::poll_flush`]).

use std::{
    io::{self, IoSlice, Read as _, Write},
    mem::MaybeUninit,
    os::fd::BorrowedFd,
    task::{Context, Poll, ready},
};

use rustix::{
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg},
};
use rustls::{Connection, HandshakeKind, ProtocolVersion};
use tokio::io::Interest;

use super::transport::Transport;
use crate::connection::Buffer;

/// The TLS state of a connection.
#[derive(Debug)]
pub(super) struct Session {
    tls: Connection,
    /// Received bytes that rustls had no room for yet (see `feed`).
    ahead: Vec<u8>,
    /// The subject of the client's certificate.
    client: Option<Box<str>>,
    closing: bool,
    /// Whether what is buffered waits for the first answer: session tickets, and answers to key updates of a client, which
    /// may come as late as that (RFC 8446 section 4.6.3).
    holds_tickets: bool,
}

/// The bytes of one read: the largest record (RFC 8446 section 5.2: 2^14 bytes, up to 256 more, and a header of 5).
const LARGEST_RECORD: usize = 16_384 + 256 + 5;

/// The largest number of bytes that are encrypted at once, as many as one read of an app's answer returns.
const PIECE: usize = 32 * 1024;

/// Writes encrypted bytes to the socket.
struct Wire<'fd>(BorrowedFd<'fd>);

impl Session {
    pub(super) fn new(tls: Connection) -> Self {
        Self { tls, ahead: Vec::new(), client: None, closing: false, holds_tickets: false }
    }

    /// As [`super::Socket::poll_handshake`].
    pub(super) fn poll_handshake(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            // With 1.3, the client's message is the last one (RFC 8446 section 2).
            if !self.tls.is_handshaking() && self.is_server() && self.is_newest() {
                self.holds_tickets = true;
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_flush(transport, cx))?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_receive(transport, cx))? {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// As [`super::Socket::poll_fill`]. A stream that ends without close_notify is an error, because it may have been
    /// truncated (RFC 8446 section 6.1).
    pub(super) fn poll_fill(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        self.poll_read(transport, cx, buffer.space()).map_ok(|count| {
            buffer.advance(count);
            count
        })
    }

    /// As [`Session::poll_fill`], into a slice.
    pub(super) fn poll_read(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // Sends buffered bytes first, such as a request whose answer is awaited. An error is reported by the next write,
        // because received bytes can still be read.
        let _ = self.poll_answer(transport, cx);
        loop {
            match self.tls.reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
            // The reader reports the end of the stream.
            ready!(self.poll_receive(transport, cx))?;
            // The peer may have requested a key update. If the answer cannot be sent now, the next write sends it.
            let _ = self.poll_answer(transport, cx);
        }
    }

    /// As [`super::Socket::poll_write`].
    pub(super) fn poll_write(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(transport, cx))?;
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        let taken = self.tls.writer().write(piece)?;
        let _ = self.poll_flush(transport, cx)?;
        Poll::Ready(Ok(taken))
    }

    /// As [`Session::poll_write`], from several slices, which share records.
    pub(super) fn poll_write_vectored(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(transport, cx))?;
        let taken = self.tls.writer().write_vectored(slices)?;
        let _ = self.poll_flush(transport, cx)?;
        Poll::Ready(Ok(taken))
    }

    /// Sends buffered bytes.
    pub(super) fn poll_flush(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.holds_tickets = false;
        while self.tls.wants_write() {
            let tls = &mut self.tls;
            // rustls chooses the size, so `poll_io` cannot detect a short write.
            let sent = transport.poll_io(cx, Interest::WRITABLE, 0, |fd| tls.write_tls(&mut Wire(fd)));
            if ready!(sent)? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends buffered bytes, unless they are only tickets.
    fn poll_answer(&mut self, transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.holds_tickets { Poll::Ready(Ok(())) } else { self.poll_flush(transport, cx) }
    }

    /// Sends close_notify (RFC 8446 section 6.1).
    pub(super) fn poll_close(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closing, true) {
            self.tls.send_close_notify();
        }
        self.poll_flush(transport, cx)
    }

    /// As [`super::Socket::is_quiet`]. Messages that a server sends unasked, such as session tickets, are consumed.
    pub(super) fn is_quiet(&mut self, transport: &mut Transport) -> bool {
        let Self { tls, ahead, .. } = self;
        loop {
            if !tls.wants_read() || !ahead.is_empty() {
                return false;
            }
            let mut room = [const { MaybeUninit::uninit() }; LARGEST_RECORD];
            // Asks the kernel, because the runtime only knows what it has polled for.
            let Some(fd) = transport.stream.fd() else { return false };
            match recv(fd, &mut room, RecvFlags::DONTWAIT) {
                Ok(((bytes, _), count)) if count > 0 && feed(tls, ahead, bytes).is_ok() => {}
                Err(Errno::AGAIN) => return true,
                _ => return false,
            }
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.tls.wants_write() && !self.holds_tickets
    }

    /// Whether bytes, or the end, can be read without reading from the socket.
    pub(super) fn holds_input(&self) -> bool {
        !self.tls.wants_read() || !self.ahead.is_empty()
    }

    pub(super) fn version(&self) -> &'static str {
        if self.is_newest() { "1.3" } else { "1.2" }
    }

    fn is_newest(&self) -> bool {
        self.tls.protocol_version() != Some(ProtocolVersion::TLSv1_2)
    }

    fn is_server(&self) -> bool {
        matches!(&self.tls, Connection::Server(_))
    }

    /// The protocol that was chosen by ALPN.
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The peer's certificate.
    pub(super) fn peer_certificate(&self) -> Option<&[u8]> {
        self.tls.peer_certificates()?.first().map(AsRef::as_ref)
    }

    pub(super) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    pub(super) fn set_client(&mut self, subject: Box<str>) {
        self.client = Some(subject);
    }

    pub(super) fn server_name(&self) -> Option<&str> {
        match &self.tls {
            Connection::Server(server) => server.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// Reads from the socket and decrypts. `false` at the end of the stream.
    fn poll_receive(&mut self, transport: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut fed = Ok(());
        let Self { tls, ahead, .. } = self;
        let count = if ahead.is_empty() {
            let received = transport.poll_io(cx, Interest::READABLE, LARGEST_RECORD, |fd| {
                let mut room = [const { MaybeUninit::uninit() }; LARGEST_RECORD];
                let ((bytes, _), count) = recv(fd, &mut room, RecvFlags::empty())?;
                fed = feed(tls, ahead, bytes);
                Ok(count)
            });
            ready!(received)?
        } else {
            let held = std::mem::take(ahead);
            fed = feed(tls, ahead, &held);
            held.len()
        };
        if let Err(error) = fed {
            // Sends the alert. The peer may have gone, so a failure is ignored.
            let _ = self.poll_flush(transport, cx);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(count > 0))
    }
}

/// Decrypts received bytes; none mean the end of the stream. Bytes for whose plaintext rustls has no room are kept in
/// `ahead` until the plaintext has been read.
fn feed(tls: &mut Connection, ahead: &mut Vec<u8>, bytes: &[u8]) -> Result<(), rustls::Error> {
    let mut left = bytes;
    loop {
        match tls.read_tls(&mut left) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                tls.process_new_packets()?;
            }
            Err(_) if !tls.wants_read() => {
                ahead.extend_from_slice(left);
                return Ok(());
            }
            Err(error) => return Err(rustls::Error::General(error.to_string())),
        }
        if left.is_empty() {
            return Ok(());
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [only] => self.write(only),
            pieces => Ok(sendmsg(self.0, pieces, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
