//! A client on the bare socket.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::stream::{Stream, field};

/// A client that sends given bytes and parses answers strictly.
pub(crate) struct Client {
    stream: Stream,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Status line and fields, with their line ends, without the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The lines of the trailer.
    pub(crate) trailers: String,
}

impl Client {
    pub(crate) fn tcp(address: SocketAddr) -> Self {
        Self { stream: Stream::connect_tcp(address) }
    }

    /// From an address of one's choice.
    pub(crate) fn tcp_from(from: IpAddr, to: SocketAddr) -> Self {
        Self { stream: Stream::connect_tcp_from(from, to) }
    }

    /// Over TLS, by this name, on these terms; or why the handshake failed.
    pub(crate) fn tls(
        address: SocketAddr,
        name: &str,
        terms: &Arc<rustls::ClientConfig>,
    ) -> io::Result<Self> {
        Self::tcp(address).with_tls(name, terms)
    }

    /// The same on a connection that is there already.
    pub(crate) fn with_tls(mut self, name: &str, terms: &Arc<rustls::ClientConfig>) -> io::Result<Self> {
        let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
        let tls = rustls::ClientConnection::new(Arc::clone(terms), name).unwrap();
        self.stream.secure(tls.into())?;
        Ok(self)
    }

    /// What is known of the TLS that is spoken.
    pub(crate) fn session(&mut self) -> &mut rustls::ClientConnection {
        match self.stream.tls() {
            rustls::Connection::Client(client) => client,
            rustls::Connection::Server(_) => panic!("this is a client"),
        }
    }

    /// The names of the certificate that was shown, as they were issued.
    pub(crate) fn shown(&mut self) -> Vec<u8> {
        self.session().peer_certificates().unwrap()[0].to_vec()
    }

    pub(crate) fn unix(path: &Path) -> Self {
        Self { stream: Stream::connect_unix(path) }
    }

    /// Another hand on the same connection: one reads, the other writes.
    pub(crate) fn same(other: &Self) -> Self {
        Self { stream: Stream::new(other.stream.socket.try_clone().unwrap()) }
    }

    /// Makes the socket's buffers small, so that a stop is felt soon.
    pub(crate) fn with_small_buffers(self) -> Self {
        self.stream.socket.set_recv_buffer_size(16 * 1024).unwrap();
        self.stream.socket.set_send_buffer_size(16 * 1024).unwrap();
        self
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.send(bytes.as_ref()).unwrap();
        self
    }

    /// As [`Client::send`], where the other end may have closed.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.send(bytes.as_ref())
    }

    /// Each byte in a packet of its own.
    pub(crate) fn send_by_bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for byte in bytes.as_ref() {
            self.stream.send(&[*byte]).unwrap();
        }
        self
    }

    /// Says that no more will be sent.
    pub(crate) fn finish(&mut self) -> &mut Self {
        self.stream.finish();
        self
    }

    /// A request with a `Host`, these further lines (each with its CRLF) and this body, and its answer.
    pub(crate) fn ask(&mut self, method: &str, target: &str, lines: &str, body: &[u8]) -> Response {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: gate.test\r\n{lines}");
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        self.send([request.as_bytes(), body].concat());
        self.response_to(method)
    }

    /// A GET and its answer.
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.ask("GET", target, "", b"")
    }

    /// A JSON body and its answer; `token` is sent as `Authorization` unless it is empty.
    pub(crate) fn post_json(&mut self, target: &str, token: &str, body: &serde_json::Value) -> Response {
        let mut lines = "Content-Type: application/json\r\n".to_owned();
        if !token.is_empty() {
            lines.push_str(&format!("Authorization: {token}\r\n"));
        }
        self.ask("POST", target, &lines, body.to_string().as_bytes())
    }

    /// The next answer, to any method but HEAD. 1xx heads are answers of their own.
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next answer, read as its framing says.
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        let mut response = self.head();
        let head = &response.head;
        if method == "HEAD" || response.status < 200 || matches!(response.status, 204 | 304) {
            return response;
        }
        if field(head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            assert!(field(head, "content-length").is_none(), "two framings: {head}");
            (response.body, response.trailers) = self.stream.chunks().unwrap().expect("the body was cut");
        } else if let Some(length) = field(head, "content-length") {
            let length: usize = length.parse().unwrap();
            response.body = self.stream.take(length).unwrap();
            assert_eq!(response.body.len(), length, "the body was cut: {head}");
        } else {
            response.body = self.stream.rest().unwrap();
        }
        response
    }

    /// The next head alone; its body is read with [`Client::take`] and its like.
    pub(crate) fn head(&mut self) -> Response {
        let head = self.stream.until(b"\r\n\r\n").expect("an answer").expect("the gate closed before a head");
        let mut head = String::from_utf8(head).unwrap();
        head.truncate(head.len() - 2);
        assert!(head.starts_with("HTTP/1.1 "), "{head}");
        let status = head.split(' ').nth(1).unwrap().trim_end().parse().unwrap();
        Response { status, head, body: Vec::new(), trailers: String::new() }
    }

    /// This many bytes; what there is when the gate closes before.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        self.stream.take(count).unwrap()
    }

    /// This many bytes; `None` when the connection ends before, in order or not.
    pub(crate) fn try_take(&mut self, count: usize) -> Option<Vec<u8>> {
        match self.stream.take(count) {
            Ok(bytes) => (bytes.len() == count).then_some(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the gate is silent"),
            Err(_) => None,
        }
    }

    /// Up to and with `mark`.
    pub(crate) fn until(&mut self, mark: &str) -> String {
        let found = self.stream.until(mark.as_bytes()).unwrap();
        String::from_utf8(found.unwrap_or_else(|| panic!("no `{mark}` before the end"))).unwrap()
    }

    /// Everything to the close, which must be an orderly one.
    pub(crate) fn rest(&mut self) -> String {
        String::from_utf8(self.stream.rest().expect("an orderly close")).unwrap()
    }

    /// Everything to the close, or how it ended otherwise.
    pub(crate) fn try_rest(&mut self) -> io::Result<Vec<u8>> {
        self.stream.rest()
    }

    /// Every byte to the end, however it comes.
    pub(crate) fn raw_rest(&mut self) -> Vec<u8> {
        self.stream.all_to_the_end()
    }

    /// Takes some of what has come; the connection may have ended.
    pub(crate) fn read_some(&mut self, most: usize) {
        let _ = io::Read::read(&mut &self.stream.socket, &mut vec![0; most]);
    }

    /// Every byte to the end, and whether that was a reset.
    pub(crate) fn rest_and_reset(&mut self) -> (Vec<u8>, bool) {
        let reset = loop {
            match self.stream.fill() {
                Ok(true) => {}
                Ok(false) => break false,
                Err(error) => break error.kind() == io::ErrorKind::ConnectionReset,
            }
        };
        (self.stream.all_to_the_end(), reset)
    }

    /// The gate closes without another byte; a reset counts, too.
    pub(crate) fn expect_close(&mut self) {
        match self.stream.rest() {
            Ok(rest) => assert_eq!(String::from_utf8_lossy(&rest), "", "nothing more is sent"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// Waits for a reset without reading, which would make room for more bytes.
    pub(crate) fn wait_for_reset(&self) {
        let mut socket = [PollFd::new(&self.stream.socket, PollFlags::empty())];
        let ready = poll(&mut socket, Some(&Timespec::try_from(super::GUARD).unwrap())).unwrap();
        assert_eq!(ready, 1, "the gate keeps the connection");
        assert!(socket[0].revents().contains(PollFlags::ERR), "{:?}", socket[0].revents());
    }

    /// Waits so long for a byte: whether one is there, or the gate has closed.
    pub(crate) fn is_answered_within(&mut self, time: Duration) -> bool {
        self.stream.socket.set_read_timeout(Some(time)).unwrap();
        !matches!(self.stream.fill(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Waits for a byte of an answer: whether the gate has closed instead.
    pub(crate) fn is_closed(&mut self) -> bool {
        !matches!(self.stream.fill(), Ok(true))
    }

    pub(crate) fn socket(&self) -> &socket2::Socket {
        &self.stream.socket
    }
}

impl Response {
    /// A field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// Fails with the whole answer when the status is another one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, String::from_utf8_lossy(&self.body));
        self
    }
}
