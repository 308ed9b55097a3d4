//! The methods of a socket that concern TLS.

use std::{
    io,
    task::{Context, Poll},
};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;

use super::{Socket, session::Session};

impl Socket {
    /// Reads some bytes before TLS begins. 0 = the peer has closed its side.
    pub fn poll_take(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let wanted = bytes.len();
        self.transport.poll_io(cx, Interest::READABLE, wanted, |fd| {
            Ok(recv(fd, &mut *bytes, RecvFlags::empty()).map(|(count, _)| count)?)
        })
    }

    /// Starts TLS. Nothing is sent before [`Socket::poll_handshake`].
    #[must_use]
    pub fn with_tls(self, connection: rustls::Connection) -> Self {
        Self { session: Some(Box::new(Session::new(connection))), ..self }
    }

    /// Runs the handshake. After an error, the alert has been sent if the peer accepted it.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.session {
            Some(session) => session.poll_handshake(&mut self.transport, cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// The version of TLS, such as `1.3`. `None` without TLS.
    #[must_use]
    pub fn tls_version(&self) -> Option<&'static str> {
        self.session.as_ref().map(|session| session.version())
    }

    /// The peer's certificate, DER.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.session.as_ref()?.peer_certificate()
    }

    /// The subject of the client's certificate, if [`Socket::set_client`] was called.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.session.as_ref()?.client()
    }

    /// Stores the subject of the client's certificate for all requests of the connection.
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

    /// The server name of the client's handshake (SNI), if there is one.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.session.as_ref()?.server_name()
    }

    /// Whether written bytes are still buffered. Only with TLS, while the socket accepts no more. [`Socket::poll_flush`]
    /// sends them.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.has_unsent())
    }

    /// Sends written bytes that are still buffered.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.session {
            Some(session) => session.poll_flush(&mut self.transport, cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
