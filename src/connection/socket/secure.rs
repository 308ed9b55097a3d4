//! The methods of a socket that concern TLS.

use std::{
    io,
    task::{Context, Poll},
};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;

use super::{ConnectionInfo, Socket, session::Session, transport::Stream};

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
        match &self.session {
            Some(session) => Some(session.version()),
            None => self.stream_info().and_then(|info| info.tls_version),
        }
    }

    /// The protocol that was chosen by ALPN (RFC 7301).
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.session.as_ref()?.alpn()
    }

    /// This connection, for its streams.
    #[must_use]
    pub fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            tls_version: self.tls_version(),
            client: self.client().map(Into::into),
            server_name: self.server_name().map(Into::into),
            local_address: self.local_address(),
            peer_address: self.peer_address(),
        }
    }

    /// The connection below a stream of HTTP/2.
    fn stream_info(&self) -> Option<&ConnectionInfo> {
        match &self.transport.stream {
            Stream::Http2(stream) => stream.info(),
            Stream::Tcp(_) | Stream::Unix(_) => None,
        }
    }

    /// The peer's certificate, DER.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.session.as_ref()?.peer_certificate()
    }

    /// The subject of the client's certificate, if [`Socket::set_client`] was called.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        match &self.session {
            Some(session) => session.client(),
            None => self.stream_info()?.client.as_deref(),
        }
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
        match &self.session {
            Some(session) => session.server_name(),
            None => self.stream_info()?.server_name.as_deref(),
        }
    }

    /// Whether written bytes are still buffered. Only with TLS and in HTTP/2, while the peer accepts no more.
    /// [`Socket::poll_flush`] sends them.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        match (&self.session, &self.transport.stream) {
            (Some(session), _) => session.has_unsent(),
            (None, Stream::Http2(stream)) => stream.has_unsent(),
            (None, Stream::Tcp(_) | Stream::Unix(_)) => false,
        }
    }

    /// Sends written bytes that are still buffered.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (&mut self.session, &mut self.transport.stream) {
            (Some(session), _) => session.poll_flush(&mut self.transport, cx),
            (None, Stream::Http2(stream)) => stream.poll_flush(cx),
            (None, Stream::Tcp(_) | Stream::Unix(_)) => Poll::Ready(Ok(())),
        }
    }
}
