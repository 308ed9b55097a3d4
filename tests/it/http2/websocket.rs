//! WebSockets over HTTP/2 (RFC 8441), to an app that speaks HTTP/1.1.

use std::sync::mpsc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha1::{Digest, Sha1};

use super::gate;
use crate::support::{
    App, Connection, Http2,
    http2::{DATA, END_STREAM, INTERNAL_ERROR, Lost, RST_STREAM},
};

const USUAL: [(&str, &str); 6] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/socket?a=1"),
    (":authority", "gate.test"),
    ("sec-websocket-version", "13"),
];

/// Opens the tunnel that was asked for, by the key of the gate.
fn open(connection: &mut Connection, lines: &str) -> Option<String> {
    let head = connection.head()?;
    let key = head.lines().filter_map(|line| line.split_once(": "));
    let key =
        key.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).expect("a key").1;
    let accept =
        Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    connection.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n{lines}\r\n",
        STANDARD.encode(accept)
    ));
    Some(head)
}

/// Sends back what comes, to the end of the client's side.
fn mirror() -> (App, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        let Some(head) = open(connection, "Sec-WebSocket-Protocol: chat\r\n") else { return };
        tell.send(head).unwrap();
        loop {
            let piece = connection.piece();
            if piece.is_empty() || !connection.send(&piece) {
                break;
            }
        }
        tell.send("ended".to_owned()).unwrap();
    });
    (app, told)
}

#[test]
fn a_tunnel_carries_bytes_both_ways() {
    let (app, told) = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(client.settings[&8], 1, "SETTINGS_ENABLE_CONNECT_PROTOCOL");
    let stream = client
        .headers(0, &[&USUAL[..], &[("sec-websocket-protocol", "a, chat"), ("x-user-id", "7")]].concat());
    let head = told.recv().unwrap();
    assert!(
        head.starts_with("GET /socket?a=1 HTTP/1.1\r\nHost: gate.test\r\n") && !head.contains("x-user-id"),
        "{head}"
    );
    let opened = client.read_until(stream, |answer| answer.status != 0);
    assert_eq!((opened.status, opened.field("sec-websocket-protocol")), (200, Some("chat")));
    assert_eq!((opened.field("upgrade"), opened.field("sec-websocket-accept")), (None, None));
    let frame = |size: usize| [&[0x82, 126][..], &(size as u16).to_be_bytes(), &vec![7; size]].concat();
    let mut sent = Vec::new();
    for size in [126, 10_000, 40_000] {
        let frame = frame(size);
        for piece in frame.chunks(16_000) {
            client.send(DATA, 0, stream, piece);
        }
        sent.extend_from_slice(&frame);
        let length = sent.len();
        client.read_until(stream, move |answer| answer.body.len() >= length);
    }
    assert!(client.so_far(stream).body == sent);
    // The end of one side is the end of that side, and then the app ends the other.
    client.send(DATA, END_STREAM, stream, b"");
    assert_eq!(told.recv().unwrap(), "ended");
    assert!(client.answer(stream).unwrap().body == sent);
    client.ping();
}

#[test]
fn a_reset_ends_the_tunnel() {
    let (app, told) = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    for half_closed in [false, true] {
        let stream = client.headers(0, &[&USUAL[..], &[("sec-websocket-protocol", "chat")]].concat());
        told.recv().unwrap();
        client.read_until(stream, |answer| answer.status == 200);
        if half_closed {
            client.send(DATA, END_STREAM, stream, b"");
        }
        client.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        assert_eq!(told.recv().unwrap(), "ended");
    }
}

#[test]
fn a_tunnel_ends_with_its_token_and_with_the_gate() {
    let app = App::start(|connection| {
        open(connection, "");
        connection.hang();
    });
    let (gate, authority) = gate(&app, |setup| setup.set("policies.unmatched", "authenticated"));
    let user = gate.sign_up("ann");
    let token = user.token.as_str();
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.headers(0, &USUAL);
    assert_eq!(client.answer(stream).unwrap().status, 401);
    let with_token = [&USUAL[..], &[("authorization", token)]].concat();
    let first = client.headers(0, &with_token);
    client.read_until(first, |answer| answer.status == 200);
    gate.client().post_json("/api/users/logout", token, &json!({})).expect(204);
    assert_eq!(client.answer(first).unwrap().body, [0x88, 2, 0x03, 0xf0], "1008");
    let login = json!({"email": "ann@example.com", "password": "a-good-password"});
    let again = gate.client().post_json("/api/users/login", "", &login).expect(200).json();
    let token = again["id"].as_str().unwrap().to_owned();
    let second = client.headers(0, &[&USUAL[..], &[("authorization", &token)]].concat());
    client.read_until(second, |answer| answer.status == 200);
    gate.stop();
    assert_eq!(client.answer(second).unwrap().body, [0x88, 2, 0x03, 0xe9], "1001");
}

#[test]
fn a_handshake_is_whole_or_none() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let without = |name: &str| USUAL.iter().filter(|(found, _)| *found != name).copied().collect::<Vec<_>>();
    let instead = |name: &str, value: &'static str| {
        let change =
            |(found, old): &(&'static str, &'static str)| (*found, if *found == name { value } else { *old });
        USUAL.iter().map(change).collect::<Vec<_>>()
    };
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, fields, expected) in [
        ("no version", without("sec-websocket-version"), Some("(websocket-handshake)")),
        ("another version", instead("sec-websocket-version", "8"), Some("(websocket-handshake)")),
        ("a key", [&USUAL[..], &[key]].concat(), Some("(websocket-handshake)")),
        ("another protocol", instead(":protocol", "connect-udp"), Some("(method-not-allowed)")),
        ("by GET", instead(":method", "GET"), None),
        ("no path", without(":path"), None),
        ("no scheme", without(":scheme"), None),
        ("a path of dots", instead(":path", "/a/../b"), Some("(dot-segment)")),
        ("an upgrade", [&USUAL[..], &[("upgrade", "websocket")]].concat(), None),
    ] {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let stream = client.headers(0, &fields);
        match (client.answer(stream), expected) {
            (Ok(answer), Some(check)) => assert!(answer.text().contains(check), "{name}: {}", answer.text()),
            (Err(Lost::Reset(1)), None) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(app.requests().is_empty());
}

#[test]
fn only_a_checked_101_opens_a_tunnel() {
    let app = App::answering(|request| {
        let status = request.target().strip_prefix("/socket?").unwrap();
        // The last has no `Sec-WebSocket-Accept`.
        crate::support::answer(&format!("{status} X"), "Upgrade: websocket\r\nConnection: upgrade\r\n", "")
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    for (status, expected) in
        [(200, 502), (204, 502), (206, 502), (299, 502), (302, 302), (404, 404), (101, 502)]
    {
        let path = format!("/socket?{status}");
        let fields = USUAL.map(|(name, value)| (name, if name == ":path" { &path } else { value }));
        let stream = client.headers(0, &fields);
        let answer = client.answer(stream).unwrap();
        assert_eq!(answer.status, expected, "{status}");
        assert!(expected != 502 || answer.text().contains("BAD_GATEWAY"), "{}", answer.text());
    }
    assert_eq!(app.requests().len(), 7);
    // An answer of the gate itself opens none, either.
    let user = gate.sign_up("ann");
    let path = format!("/api/users/{}", user.id);
    gate.client().ask("GET", &path, &format!("Authorization: {}\r\n", user.token), b"").expect(200);
    let fields = USUAL.map(|(name, value)| (name, if name == ":path" { &path } else { value }));
    let stream = client.headers(0, &[&fields[..], &[("authorization", &user.token)]].concat());
    assert_eq!(client.answer(stream), Err(Lost::Reset(INTERNAL_ERROR)));
}
