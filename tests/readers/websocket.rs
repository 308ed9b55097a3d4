//! RFC 6455 through the gate beside without it: the same frames lead to the same answers.
//!
//! The cases cover the subjects of the Autobahn suite, made here: `docs/readers.md` says why.

mod cases;
mod frame;

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

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
    stream: TcpStream,
    held: Vec<u8>,
    said: Said,
}

/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

impl Peer {
    fn connect(to: SocketAddr, extensions: &str) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
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
        let _ = self.stream.shutdown(Shutdown::Write);
        self.read(|_| false);
        self.said.broken = false;
        self.said
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
    let gate = Gate::start(app.port, server.ignore_case);
    let straight = SocketAddr::from(([127, 0, 0, 1], app.port));
    let mut wrong = Vec::new();
    let cases = cases::all();
    for case in &cases {
        let without = Peer::connect(straight, &case.extensions).run(case);
        let with = Peer::connect(gate.address, &case.extensions).run(case);
        if without != with {
            wrong.push(format!("{}: without {} with {}", case.name, short(&without), short(&with)));
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
