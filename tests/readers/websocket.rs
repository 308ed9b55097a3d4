//! RFC 6455 through the gate, with TLS and without, beside without it: the same frames lead to the same answers.
//!
//! The cases cover the subjects of the Autobahn suite, made here: `docs/readers.md` says why.

mod cases;
mod frame;

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::{gate::Gate, server::SERVERS, setting};
use cases::{Case, Step};
use frame::Frame;

/// What a server said: the lines of its handshake that are about the WebSocket, its messages, its control frames, and
/// whether the stream ended. Data and control frames come in no fixed order to each other.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    status: String,
    handshake: Vec<String>,
    messages: Vec<(u8, Vec<u8>)>,
    control: Vec<(u8, Vec<u8>)>,
    broken: bool,
}

struct Peer {
    stream: Wire,
    held: Vec<u8>,
    said: Said,
}

/// A connection.
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

impl Peer {
    fn connect(to: SocketAddr, extensions: &str) -> Self {
        Self::begin(Wire::Plain(tcp(to)), extensions)
    }

    fn connect_tls(to: SocketAddr, terms: &Arc<ClientConfig>, extensions: &str) -> Self {
        let tls = ClientConnection::new(Arc::clone(terms), "localhost".try_into().unwrap()).unwrap();
        Self::begin(Wire::Tls(Box::new(StreamOwned::new(tls, tcp(to)))), extensions)
    }

    fn begin(stream: Wire, extensions: &str) -> Self {
        let mut peer = Self { stream, held: Vec::new(), said: Said::default() };
        let head = format!(
            "GET /pub/ws HTTP/1.1\r\nHost: localhost\r\nX-Rig-Tag: ready\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extensions}\r\n"
        );
        peer.stream.write_all(head.as_bytes()).unwrap();
        let end = loop {
            if let Some(at) = peer.held.windows(4).position(|found| found == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(peer.fill(), "no handshake: {}", String::from_utf8_lossy(&peer.held));
        };
        let head: Vec<u8> = peer.held.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        peer.said.status = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        let mut about: Vec<String> = lines
            .filter(|line| line.to_ascii_lowercase().starts_with("sec-websocket"))
            .map(str::to_ascii_lowercase)
            .collect();
        about.sort();
        peer.said.handshake = about;
        peer
    }

    fn fill(&mut self) -> bool {
        let mut piece = [0; 64 * 1024];
        let Ok(count) = self.stream.read(&mut piece) else { return false };
        self.held.extend_from_slice(&piece[..count]);
        count > 0
    }

    /// Reads until `enough` or the end of the stream.
    fn read(&mut self, enough: impl Fn(&Said) -> bool) {
        while !enough(&self.said) {
            while let Some((frame, length)) = Frame::parse(&self.held) {
                self.held.drain(..length);
                let list =
                    if frame.opcode & 8 == 0 { &mut self.said.messages } else { &mut self.said.control };
                list.push((frame.first, frame.payload));
            }
            if enough(&self.said) || !self.fill() {
                return;
            }
        }
    }

    fn run(mut self, case: &Case) -> Said {
        if self.said.status != "101" {
            return self.said;
        }
        for step in &case.steps {
            match step {
                Step::Send(bytes) => self.said.broken |= self.stream.write_all(bytes).is_err(),
                Step::Await(count) => self.read(|said| said.messages.len() >= *count),
            }
        }
        self.read(|said| said.control.iter().any(|(first, _)| first & 15 == 8));
        self.stream.end();
        self.read(|_| false);
        self.said.broken = false;
        self.said
    }
}

fn tcp(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

impl Wire {
    /// Nothing more will be sent.
    fn end(&mut self) {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => {
                tls.conn.send_close_notify();
                let _ = tls.flush();
                &mut tls.sock
            }
        };
        let _ = tcp.shutdown(Shutdown::Write);
    }
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(bytes),
            Self::Tls(tls) => tls.read(bytes),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// All cases against a server, without the gate and through it.
fn same_through_the_gate(name: &str) {
    let server = SERVERS.iter().find(|server| server.name == name).unwrap();
    let app = match server.start() {
        Ok(app) => app,
        Err(missing) => {
            assert!(setting("PORTCULLIS_NO_SKIP").is_none(), "{name}: {missing}");
            crate::tell_skipped(name, &missing);
            return;
        }
    };
    let gate = Gate::start_tls(app.port, server.ignore_case);
    let (terms, tls_address) = (gate.terms(), gate.tls_address.unwrap());
    let straight = SocketAddr::from(([127, 0, 0, 1], app.port));
    let mut wrong = Vec::new();
    let cases = cases::all();
    for case in &cases {
        let without = Peer::connect(straight, &case.extensions).run(case);
        let with = Peer::connect(gate.address, &case.extensions).run(case);
        let secure = Peer::connect_tls(tls_address, &terms, &case.extensions).run(case);
        for (way, with) in [("with", with), ("over TLS", secure)] {
            if without != with {
                wrong.push(format!("{}: without {} {way} {}", case.name, short(&without), short(&with)));
            }
        }
    }
    println!("{name}: {} WebSocket cases, {} differ", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn short(said: &Said) -> String {
    format!("{said:?}").chars().take(300).collect()
}

#[test]
fn websocket_cases_of_uvicorn_are_the_same_through_the_gate() {
    same_through_the_gate("uvicorn");
}

#[test]
fn websocket_cases_of_hypercorn_are_the_same_through_the_gate() {
    same_through_the_gate("hypercorn");
}
