//! A stream to a client or to the app: TCP or a Unix socket.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsFd, BorrowedFd},
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

/// A connected stream.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    /// Reads and writes in a row that did not have to wait.
    in_a_row: u8,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// After so many reads and writes that did not have to wait, the other connections of the core get their turn.
const TURN: u8 = 128;

/// The idle time before a keep-alive probe, and between two probes.
const PROBE: Duration = Duration::from_secs(10);

/// The peer of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A client with an address.
    Ip(IpAddr),
    /// A client on this machine, over a Unix socket.
    Local,
}

impl Socket {
    /// Reads available bytes into the free space of the buffer. 0 = the peer has closed its side.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let space = buffer.space();
        let wanted = space.len();
        let read = self.poll_io(cx, Interest::READABLE, wanted, |fd| {
            Ok(recv(fd, &mut *space, RecvFlags::empty()).map(|(count, _)| count)?)
        });
        read.map_ok(|count| {
            buffer.advance(count);
            count
        })
    }

    /// Waits for input without a buffer, so that an idle connection needs none.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_ready(cx, Interest::READABLE)
    }

    /// Whether the peer is connected and has sent nothing. Asks the kernel without waiting, because the runtime
    /// only knows what it has polled for.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        // Data, an end and an error all mean that the connection is not quiet.
        matches!(recv(self.stream.as_fd(), &mut byte, flags), Err(Errno::AGAIN))
    }

    /// Acknowledges received bytes at once. An app with Nagle's algorithm holds back the rest of its answer
    /// until then, and a delayed acknowledgement takes 40 ms (RFC 1122 section 4.2.3.2).
    pub fn acknowledge(&self) {
        if let Stream::Tcp(tcp) = &self.stream {
            // A failure only costs time.
            let _ = set_tcp_quickack(tcp, true);
        }
    }

    /// Whether the connection is closed in both directions: it was reset, or a probe was not answered. Asks the
    /// kernel without waiting.
    #[must_use]
    pub fn has_hung_up(&self) -> bool {
        // The kernel reports these two without being asked for them.
        let over = PollFlags::HUP | PollFlags::ERR;
        let mut polled = [PollFd::from_borrowed_fd(self.stream.as_fd(), PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok() && polled.iter().any(|polled| polled.revents().intersects(over))
    }

    /// Turns on keep-alive probes, which find peers that have vanished (RFC 9293 section 3.8.4).
    pub fn probe(&self) {
        if let Stream::Tcp(tcp) = &self.stream {
            // More often than on other connections: here only a probe shows that the peer has vanished.
            let often = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE).with_retries(3);
            // A failure only costs time.
            let _ = SockRef::from(tcp).set_tcp_keepalive(&often);
        }
    }

    /// Makes the connection end with a reset when it is dropped. Unsent bytes are discarded, and the peer sees
    /// that this is not an orderly end (RFC 9293 section 3.5.2). Unix sockets have no reset.
    pub fn reset(&self) {
        if let Stream::Tcp(tcp) = &self.stream {
            // If it fails, the end is an orderly one; there is no other way.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }

    /// Whether the local address is a loopback address. A system call.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        match &self.stream {
            Stream::Tcp(tcp) => {
                tcp.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback())
            }
            Stream::Unix(_) => false,
        }
    }

    /// Writes some of `bytes`.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Interest::WRITABLE, bytes.len(), |fd| Ok(send(fd, bytes, SendFlags::NOSIGNAL)?))
    }

    /// Shuts down the write side.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
        }
    }

    /// Moves up to `wanted` bytes by `call`, or waits until it can be done.
    ///
    /// By system calls of our own instead of the runtime's read and write: those go through the C library, where each
    /// call of a process with threads is a point of cancellation and pays two locked instructions for it.
    fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
        interest: Interest,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.in_a_row == TURN {
            self.in_a_row = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
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

impl From<TcpStream> for Socket {
    fn from(tcp: TcpStream) -> Self {
        Self { stream: Stream::Tcp(tcp), in_a_row: 0 }
    }
}

impl From<UnixStream> for Socket {
    fn from(unix: UnixStream) -> Self {
        Self { stream: Stream::Unix(unix), in_a_row: 0 }
    }
}

impl Stream {
    fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<()>> {
        match (self, interest.is_readable()) {
            (Self::Tcp(tcp), true) => tcp.poll_read_ready(cx),
            (Self::Tcp(tcp), false) => tcp.poll_write_ready(cx),
            (Self::Unix(unix), true) => unix.poll_read_ready(cx),
            (Self::Unix(unix), false) => unix.poll_write_ready(cx),
        }
    }

    /// Calls, unless the runtime knows that it would have to wait ([`io::ErrorKind::WouldBlock`]).
    fn try_io(
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

impl Peer {
    /// The address for limits and logs. A client of a Unix socket counts as `127.0.0.1`.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        match self {
            Self::Ip(ip) => *ip,
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
}

impl From<Peer> for Remote {
    fn from(peer: Peer) -> Self {
        Self { peer, text: peer.ip().into() }
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
