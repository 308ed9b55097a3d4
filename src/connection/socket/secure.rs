//! The part of a socket that only matters with TLS.

use std::{
    io,
    task::{Context, Poll},
};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;

use super::{Socket, session::Session};

impl Socket {
    /// Reads some bytes of the stream itself, before it speaks TLS. 0 = the peer has closed its side.
    pub fn poll_take(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let wanted = bytes.len();
        self.transport.poll_io(cx, Interest::READABLE, wanted, |fd| {
            Ok(recv(fd, &mut *bytes, RecvFlags::empty()).map(|(count, _)| count)?)
        })
    }

    /// Speaks TLS from now on; nothing is sent before [`Socket::poll_handshake`].
    #[must_use]
    pub fn with_tls(self, connection: rustls::Connection) -> Self {
        Self { session: Some(Box::new(Session::new(connection))), ..self }
    }

    /// Moves the handshake on, until it is done. An error has been told to the other end, as far as it listens.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.session {
            Some(session) => session.poll_handshake(&mut self.transport, cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// The version of TLS that is spoken, such as `1.3`; `None` without TLS.
    #[must_use]
    pub fn tls_version(&self) -> Option<&'static str> {
        self.session.as_ref().map(|session| session.version())
    }

    /// The certificate that the other end has shown, DER.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.session.as_ref()?.peer_certificate()
    }

    /// The subject of the client's certificate, as [`Socket::set_client`] has it.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.session.as_ref()?.client()
    }

    /// Remembers the subject of the client's certificate for all requests of the connection.
    pub fn set_client(&mut self, subject: Box<str>) {
        if let Some(session) = &mut self.session {
            session.set_client(subject);
        }
    }

    /// Whether the handshake resumed an earlier session.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_resumed())
    }

    /// The name that the client asked for in its handshake, if it did.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.session.as_ref()?.server_name()
    }

    /// Whether some of what was written has not been handed to the system yet: only with TLS, and only when the other
    /// end takes no more for now. It goes on with [`Socket::poll_flush`].
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.has_unsent())
    }

    /// Hands what was written to the system.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.session {
            Some(session) => session.poll_flush(&mut self.transport, cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
