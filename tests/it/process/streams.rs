//! Streams of a real gate, and what operators do meanwhile.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use rustix::process::Signal;

use super::support::{DEADLINE, Gate, House};
use crate::support::App;

const ANSWERS: [(&str, &str); 2] = [
    (
        "/socket",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ),
    ("/events", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
];

/// An app that begins a stream, and waits.
fn app() -> App {
    App::start(|connection| {
        let Some(head) = connection.head() else { return };
        let found = ANSWERS.iter().find(|(target, _)| head.contains(target));
        connection
            .send(found.map_or("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", |(_, answer)| answer));
        connection.hang();
    })
}

/// A stream that has begun.
fn open(to: SocketAddr, target: &str, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = if target == "/socket" { upgrade } else { "" };
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n{upgrade}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    stream
}

fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

fn serve(house: &House, app: &App, settings: &str) -> Gate {
    Gate::start(house.command(&format!("serve --set upstream.servers={} {settings}", app.url())))
}

#[test]
fn c4_what_an_operator_ends_is_ended() {
    let (house, app) = (House::new(), app());
    let gate = serve(&house, &app, "--set server.threads=2");
    for (name, command) in [
        ("ann", "token revoke --user username:ann"),
        ("bob", "user disable username:bob"),
        ("carl", "user delete username:carl --yes"),
        ("dora", "user set-password username:dora --password-stdin"),
    ] {
        gate.http.register(name);
        let token = gate.http.login(name);
        let mut socket = open(gate.http.0, "/socket", &token);
        let mut events = open(gate.http.0, "/events", &token);
        house.run_with(command, "another-good-password").ok();
        assert_eq!(rest(&mut socket), [0x88, 2, 0x03, 0xf0], "{command}");
        assert_eq!(rest(&mut events), b"", "{command}");
    }
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn e6_at_the_end_streams_are_ended_in_order() {
    let (house, app) = (House::new(), app());
    let gate = serve(&house, &app, "--set server.shutdown_grace=300ms");
    gate.http.register("ann");
    let token = gate.http.login("ann");
    let mut socket = open(gate.http.0, "/socket", &token);
    let mut events = open(gate.http.0, "/events", &token);
    gate.signal(Signal::TERM);
    assert_eq!(rest(&mut socket), [0x88, 2, 0x03, 0xe9], "1001: going away");
    assert_eq!(rest(&mut events), b"0\r\n\r\n");
    assert_eq!(gate.ended(), Some(0));
}
