//! A stream to a client or to the app: TCP or a Unix socket, with TLS on it or without, or a stream of HTTP/2.

mod asynchronous;
mod http2_stream;
mod secure;
mod session;
mod transport;

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::BorrowedFd,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send, sockopt::set_tcp_quickack},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncWrite, Interest},
    net::{TcpStream, UnixStream},
};

use super::Buffer;
use session::Session;
use transport::{Stream, Transport};

pub use asynchronous::AsyncSocket;
pub use http2_stream::{ConnectionInfo, Http2Stream};

/// A connected stream.
#[derive(Debug)]
pub struct Socket {
    transport: Transport,
    /// The state of TLS; `None` without TLS.
    session: Option<Box<Session>>,
}

/// The idle time before a keep-alive probe, and between two probes.
const PROBE: Duration = Duration::from_secs(10);

/// The peer of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A client with an address.
    Ip(IpAddr),
    /// A client on this machine, over a Unix socket.
    Local,
    /// A trusted proxy whose PROXY header names no client. The bytes may be those of a client, so the proxy's trust in
    /// forwarding headers does not extend to them.
    Unnamed(IpAddr),
}

impl Socket {
    /// Reads available bytes into the free space of the buffer. 0 = the peer has closed its side.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        if let Some(session) = &mut self.session {
            return session.poll_fill(&mut self.transport, cx, buffer);
        }
        if let Stream::Http2(stream) = &mut self.transport.stream {
            return stream.poll_fill(cx, buffer);
        }
        let space = buffer.space();
        let wanted = space.len();
        let read = self.transport.poll_io(cx, Interest::READABLE, wanted, |fd| {
            Ok(recv(fd, &mut *space, RecvFlags::empty()).map(|(count, _)| count)?)
        });
        read.map_ok(|count| {
            buffer.advance(count);
            count
        })
    }

    /// Waits for input without a buffer, so that an idle connection needs none.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session.as_ref().is_some_and(|session| session.holds_input()) {
            return Poll::Ready(Ok(()));
        }
        self.transport.stream.poll_ready(cx, Interest::READABLE)
    }

    /// Whether the peer is connected and has sent nothing. Asks the kernel without waiting, because the runtime
    /// only knows what it has polled for.
    #[must_use]
    pub fn is_quiet(&mut self) -> bool {
        if let Some(session) = &mut self.session {
            return session.is_quiet(&mut self.transport);
        }
        let Some(fd) = self.transport.stream.fd() else { return false };
        let mut byte = [0];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        // Data, an end and an error all mean that the connection is not quiet.
        matches!(recv(fd, &mut byte, flags), Err(Errno::AGAIN))
    }

    /// Acknowledges received bytes at once. An app with Nagle's algorithm holds back the rest of its answer
    /// until then, and a delayed acknowledgement takes 40 ms (RFC 1122 section 4.2.3.2).
    pub fn acknowledge(&self) {
        if let Stream::Tcp(tcp) = &self.transport.stream {
            // A failure only costs time.
            let _ = set_tcp_quickack(tcp, true);
        }
    }

    /// Whether the connection is closed in both directions: it was reset, or a probe was not answered. Asks the
    /// kernel without waiting.
    #[must_use]
    pub fn has_hung_up(&self) -> bool {
        if let Stream::Http2(stream) = &self.transport.stream {
            return stream.has_hung_up();
        }
        let Some(fd) = self.transport.stream.fd() else { return false };
        // The kernel reports these two without being asked for them.
        let over = PollFlags::HUP | PollFlags::ERR;
        let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok() && polled.iter().any(|polled| polled.revents().intersects(over))
    }

    /// Waits until the peer's window has had room for the rest of an answer that has been taken whole. For any other, and on
    /// a socket of its own, it is ready at once.
    ///
    /// # Errors
    /// When the stream has been reset.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport.stream {
            Stream::Http2(stream) => stream.poll_finish(cx),
            Stream::Tcp(_) | Stream::Unix(_) => Poll::Ready(Ok(())),
        }
    }

    /// Discards the rest of a request that has been answered whole, until its end, as long as that is little. For any other,
    /// and on a socket of its own, it is ready at once.
    pub fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.transport.stream {
            Stream::Http2(stream) => stream.poll_discard(cx),
            Stream::Tcp(_) | Stream::Unix(_) => Poll::Ready(()),
        }
    }

    /// Whether it is a stream of a connection of HTTP/2.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        matches!(&self.transport.stream, Stream::Http2(_))
    }

    /// Whether the request could not be written because HTTP/2 cannot say it: nothing of it was sent.
    #[must_use]
    pub fn is_unsendable(&self) -> bool {
        matches!(&self.transport.stream, Stream::Http2(stream) if stream.is_unsendable())
    }

    /// Whether the app is known not to have seen the request that was sent, so that it can be sent again. Only HTTP/2 tells.
    #[must_use]
    pub fn is_unprocessed(&self) -> bool {
        matches!(&self.transport.stream, Stream::Http2(stream) if stream.is_unprocessed())
    }

    /// Turns on keep-alive probes, which find peers that have vanished (RFC 9293 section 3.8.4).
    pub fn probe(&self) {
        if let Stream::Tcp(tcp) = &self.transport.stream {
            // More often than on other connections: here only a probe shows that the peer has vanished.
            let often = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE).with_retries(3);
            // A failure only costs time.
            let _ = SockRef::from(tcp).set_tcp_keepalive(&often);
        }
    }

    /// Makes the connection end with a reset when it is dropped. Unsent bytes are discarded, and the peer sees
    /// that this is not an orderly end (RFC 9293 section 3.5.2). Unix sockets have no reset. A stream of HTTP/2 is reset
    /// in any case if its answer is not complete.
    pub fn reset(&self) {
        if let Stream::Tcp(tcp) = &self.transport.stream {
            // If it fails, the end is an orderly one; there is no other way.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }

    /// Whether the local address is a loopback address. A system call.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        match &self.transport.stream {
            Stream::Tcp(tcp) => {
                tcp.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback())
            }
            Stream::Unix(_) | Stream::Http2(_) => false,
        }
    }

    /// The local address. A system call; `None` for Unix sockets.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.transport.stream {
            Stream::Tcp(tcp) => tcp.local_addr().ok(),
            Stream::Unix(_) => None,
            Stream::Http2(stream) => stream.info()?.local_address,
        }
    }

    /// The address of the other end. A system call; `None` for Unix sockets.
    #[must_use]
    pub fn peer_address(&self) -> Option<SocketAddr> {
        match &self.transport.stream {
            Stream::Tcp(tcp) => tcp.peer_addr().ok(),
            Stream::Unix(_) => None,
            Stream::Http2(stream) => stream.info()?.peer_address,
        }
    }

    /// Writes some of `bytes`.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(session) = &mut self.session {
            return session.poll_write(&mut self.transport, cx, bytes);
        }
        let transport = &mut self.transport;
        if let Stream::Http2(stream) = &mut transport.stream {
            return stream.poll_write(cx, bytes);
        }
        transport.poll_io(cx, Interest::WRITABLE, bytes.len(), |fd| Ok(send(fd, bytes, SendFlags::NOSIGNAL)?))
    }

    /// Shuts down the write side.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(session) = &mut self.session {
            ready!(session.poll_close(&mut self.transport, cx))?;
        }
        match &mut self.transport.stream {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
            Stream::Http2(stream) => stream.poll_shutdown(cx),
        }
    }

    /// Reads the first received bytes without consuming them. 0 = the peer has closed its side.
    pub fn poll_peek(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let stream = &self.transport.stream;
        loop {
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            let peek = |fd: BorrowedFd<'_>| Ok(recv(fd, &mut *bytes, flags).map(|(count, _)| count)?);
            match stream.try_io(Interest::READABLE, peek) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                peeked => return Poll::Ready(peeked),
            }
            ready!(stream.poll_ready(cx, Interest::READABLE))?;
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(tcp: TcpStream) -> Self {
        Self { transport: Stream::Tcp(tcp).into(), session: None }
    }
}

impl From<UnixStream> for Socket {
    fn from(unix: UnixStream) -> Self {
        Self { transport: Stream::Unix(unix).into(), session: None }
    }
}

impl From<Box<dyn Http2Stream>> for Socket {
    fn from(stream: Box<dyn Http2Stream>) -> Self {
        Self { transport: Stream::Http2(stream).into(), session: None }
    }
}

impl Peer {
    /// The address for limits and logs. A client of a Unix socket counts as `127.0.0.1`.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        match self {
            Self::Ip(ip) | Self::Unnamed(ip) => *ip,
            Self::Local => IpAddr::from([127, 0, 0, 1]),
        }
    }
}

/// A peer with its address as text, which is formatted once for all requests of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Remote {
    /// The peer.
    pub peer: Peer,
    /// [`Peer::ip`] as text.
    pub text: PeerText,
    /// Whether the connection uses TLS.
    pub is_secure: bool,
}

impl From<Peer> for Remote {
    fn from(peer: Peer) -> Self {
        Self { peer, text: peer.ip().into(), is_secure: false }
    }
}

/// A peer's address as text, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct PeerText {
    text: [u8; 45],
    len: usize,
}

impl From<IpAddr> for PeerText {
    fn from(address: IpAddr) -> Self {
        let mut text = [0; 45];
        let mut rest = &mut text[..];
        // The longest address has 45 characters, so it fits.
        let _ = match address {
            IpAddr::V4(address) => write_v4(&mut rest, address),
            IpAddr::V6(address) => write!(rest, "{address}"),
        };
        let len = 45 - rest.len();
        Self { text, len }
    }
}

/// The same text as `Display` at a tenth of the cost.
fn write_v4(out: &mut &mut [u8], address: Ipv4Addr) -> io::Result<()> {
    for (at, octet) in address.octets().into_iter().enumerate() {
        let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit);
        let zeros = match octet {
            0..10 => 2,
            10..100 => 1,
            _ => 0,
        };
        if at > 0 {
            out.write_all(b".")?;
        }
        out.write_all(digits.get(zeros..).unwrap_or_default())?;
    }
    Ok(())
}

impl PeerText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_fits() {
        for text in [
            "127.0.0.1",
            "10.255.100.9",
            "0.0.0.0",
            "1.20.203.99",
            "::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::ffff:255.255.255.255",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(PeerText::from(address).as_str(), address.to_string());
        }
    }

    #[tokio::test]
    async fn b11_the_kernel_is_asked_whether_the_other_end_is_quiet() {
        use std::io::Write as _;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut app, _) = listener.accept().unwrap();
        let mut socket = Socket::from(ours);
        assert!(socket.is_quiet());
        // From here to the end the runtime has no chance to poll.
        app.write_all(b"surplus").unwrap();
        assert!(!socket.is_quiet());
        let mut buffer = Buffer::default();
        std::future::poll_fn(|cx| socket.poll_fill(cx, &mut buffer)).await.unwrap();
        assert_eq!(buffer.filled(), b"surplus", "asking takes nothing");
        assert!(socket.is_quiet());
        drop(app);
        assert!(!socket.is_quiet());
    }
}
