//! Upgrades: decided like any request, and then bytes both ways.

use std::sync::mpsc;

use crate::support::{App, Connection, GUARD, Gate, Setup, answer};

/// The example of RFC 6455 section 1.3.
const ASK: &str = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Sends back what comes, until the end.
fn echo(connection: &mut Connection) {
    loop {
        let piece = connection.piece();
        if piece.is_empty() || !connection.send(piece) {
            return;
        }
    }
}

#[test]
fn bytes_flow_both_ways_after_a_101() {
    let app = App::start(|connection| {
        let head = connection.head().unwrap();
        assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
        assert!(head.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "{head}");
        connection.send(SWITCH);
        echo(connection);
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK);
    let response = client.response().expect(101);
    assert_eq!(response.field("upgrade"), Some("websocket"));
    assert_eq!(response.field("connection"), Some("Upgrade"));
    assert_eq!(response.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for message in [&b"\x81\x05hello"[..], b"\0\xff\r\n\r\n", &[7; 100_000]] {
        client.send(message);
        assert_eq!(client.take(message.len()), message);
    }
    // Either side ends its half.
    client.finish().expect_close();
    let line = gate.log.access("/socket");
    assert_eq!(line["status"], 101);
    assert!(line["bytes_in"].as_u64().unwrap() >= 100_013, "{line}");
}

#[test]
fn bytes_that_come_with_the_heads_are_not_lost() {
    let app = App::start(|connection| {
        connection.head().unwrap();
        connection.send(format!("{SWITCH}at once"));
        echo(connection);
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(format!("{ASK}early"));
    client.response().expect(101);
    assert_eq!(client.take(12), b"at onceearly");
    client.send("more");
    assert_eq!(client.take(4), b"more");
}

#[test]
fn the_app_may_end_it_too() {
    let app = App::start(|connection| {
        connection.head().unwrap();
        connection.send(format!("{SWITCH}bye"));
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK);
    client.response().expect(101);
    assert_eq!(client.rest(), "bye");
}

#[test]
fn a_client_that_vanishes_ends_it_for_the_app() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        connection.head().unwrap();
        connection.send(SWITCH);
        tell.send(connection.hang()).unwrap();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK);
    client.response().expect(101);
    drop(client);
    assert!(told.recv_timeout(GUARD).unwrap());
}

#[test]
fn an_upgrade_is_decided_like_any_request() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("policies.unmatched", "authenticated"));
    let mut client = gate.client();
    client.send(ASK);
    client.response().expect(401);
    assert_eq!(app.connections(), 0);
    let ann = gate.sign_up("ann");
    let asked = ASK.replace("Host", &format!("Authorization: {}\r\nHost", ann.token));
    let mut client = gate.client();
    client.send(asked);
    client.response().expect(200);
}

#[test]
fn an_app_may_answer_an_upgrade_as_a_request() {
    let app = App::answering(|_| answer("200 OK", "", "no socket here"));
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for _ in 0..2 {
        client.send(ASK);
        assert_eq!(client.response().expect(200).text(), "no socket here");
    }
    assert_eq!(client.get("/next").expect(200).text(), "no socket here");
}

/// The upgrade as an app that takes every protocol would read it.
const OTHER_UPGRADES: &[&str] = &[
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "Connection: Upgrade\r\nUpgrade: h2c\r\n",
    "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    "Connection: Upgrade\r\nUpgrade: foo\r\n",
    "Connection: Upgrade\r\nUpgrade: foo, h2c\r\n",
    "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: foo\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket/13\r\n",
    "Upgrade: websocket\r\n",
];

#[test]
fn b1_no_upgrade_but_a_websocket_reaches_the_app() {
    // An app that switches to whatever it is asked for.
    let app = App::answering(|request| match request.field("upgrade") {
        Some(protocol) => SWITCH.replace("websocket", protocol).into(),
        None => answer("200 OK", "", "a request"),
    });
    let gate = Gate::open(&app);
    for lines in OTHER_UPGRADES {
        let mut client = gate.client();
        client.send(format!("GET /pub/x HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
        assert_eq!(client.response().expect(200).text(), "a request", "{lines}");
        // The next bytes are the next request, and judged as one.
        assert_eq!(client.get("/next").expect(200).text(), "a request", "{lines}");
    }
    for request in app.requests() {
        let head = request.head.to_ascii_lowercase();
        assert!(!head.contains("upgrade") && !head.contains("http2-settings"), "{head}");
    }
}

#[test]
fn b1a_a_body_with_another_upgrade_is_read_as_it_is_framed() {
    let app = App::echo();
    let gate = Gate::open(&app);
    for lines in OTHER_UPGRADES {
        for framed in
            ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
        {
            let mut client = gate.client();
            client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}{framed}"));
            assert_eq!(client.response().expect(200).json()["body"], "hello", "{lines}{framed}");
        }
    }
    // As Java's HttpClient logs in.
    gate.sign_up("ann");
    let body = r#"{"username": "ann", "password": "a-good-password"}"#;
    let lines = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\
                 Content-Type: application/json\r\n";
    let login = gate.client().ask("POST", "/api/users/login", lines, body.as_bytes()).expect(200);
    assert!(login.json()["id"].is_string());
}

#[test]
fn b17_half_a_handshake_is_a_400_and_does_not_reach_the_app() {
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let app = App::answering(|_| SWITCH.into());
    let gate = Gate::open(&app);
    for (name, ask) in [
        ("version 777", ASK.replace("Version: 13", "Version: 777")),
        ("no version", ASK.replace("Sec-WebSocket-Version: 13\r\n", "")),
        ("no key", ASK.replace(KEY, "")),
        ("a short key", ASK.replace("dGhl", "")),
        ("two keys", ASK.replace(KEY, &KEY.repeat(2))),
        ("two protocols", ASK.replace("Upgrade: websocket\r\n", "Upgrade: websocket\r\nUpgrade: h2c\r\n")),
        ("POST", ASK.replace("GET", "POST")),
        ("a body", ASK.replace("Host", "Content-Length: 3\r\nHost") + "abc"),
        ("chunks", ASK.replace("Host", "Transfer-Encoding: chunked\r\nHost") + "0\r\n\r\n"),
    ] {
        let mut client = gate.client();
        client.send(ask);
        let response = client.response();
        assert_eq!(response.status, 400, "{name}");
        client.finish().expect_close();
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn b17_a_101_that_is_no_genuine_handshake_is_a_502() {
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let with = |lines: &str| SWITCH.replace(ACCEPT, &format!("{ACCEPT}{lines}"));
    let bad = [
        ("another protocol", SWITCH.replace("websocket", "h2c")),
        ("two protocols", with("Upgrade: h2c\r\n")),
        ("no protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned()),
        ("no accept", SWITCH.replace(ACCEPT, "")),
        ("a wrong accept", SWITCH.replace("s3pP", "s3pQ")),
        ("two accepts", with(ACCEPT)),
        ("a length", with("Content-Length: 0\r\n")),
        ("chunks", with("Transfer-Encoding: chunked\r\n")),
        ("a subprotocol that was not offered", with("Sec-WebSocket-Protocol: chat\r\n")),
        ("an extension that was not offered", with("Sec-WebSocket-Extensions: permessage-deflate\r\n")),
    ];
    let answers = bad.clone();
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        let head = connection.head().unwrap();
        let at: usize = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
        connection.send(&answers[at].1);
        // Not a byte of the client follows.
        tell.send(connection.piece()).unwrap();
    });
    let gate = Gate::open(&app);
    for (at, (name, _)) in bad.iter().enumerate() {
        for ask in [ASK, "GET /socket HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let mut client = gate.client();
            client.send(ask.replace("/socket", &format!("/{at}"))).send("early");
            let response = client.response();
            assert_eq!(response.status, 502, "{name}");
            assert_eq!(told.recv_timeout(GUARD).unwrap(), b"", "{name}");
        }
    }
    // The right one, unasked.
    let app = App::answering(|_| SWITCH.into());
    let gate = Gate::open(&app);
    gate.client().get("/unasked").expect(502);
}

#[test]
fn b17_no_byte_of_the_client_reaches_the_app_before_its_101() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        let head = connection.head().unwrap();
        connection.socket().set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
        tell.send(connection.is_open()).unwrap();
        connection.socket().set_read_timeout(Some(GUARD)).unwrap();
        assert!(!head.contains("early"));
        connection.send(SWITCH);
        echo(connection);
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(format!("{ASK}early"));
    assert!(told.recv_timeout(GUARD).unwrap(), "nothing came");
    client.response().expect(101);
    assert_eq!(client.take(5), b"early");
}

#[test]
fn b17_a_connection_that_was_asked_to_switch_is_not_used_again() {
    let app = App::answering(|_| answer("200 OK", "", "no socket here"));
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK);
    client.response().expect(200);
    client.get("/next").expect(200);
    assert_eq!(app.connections(), 2);
}

#[test]
fn b17_an_offered_subprotocol_and_extension_may_be_chosen() {
    let app = App::start(|connection| {
        connection.head().unwrap();
        let chosen = "Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Extensions: permessage-deflate; x=1\r\nSec-WebSocket-Accept";
        connection.send(SWITCH.replace("Sec-WebSocket-Accept", chosen));
        echo(connection);
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    let offers = "Sec-WebSocket-Protocol: v1, v2\r\nSec-WebSocket-Extensions: permessage-deflate\r\nHost";
    client.send(ASK.replace("Host", offers));
    let response = client.response().expect(101);
    assert_eq!(response.field("sec-websocket-protocol"), Some("v2"));
    client.send("hello");
    assert_eq!(client.take(5), b"hello");
}

#[test]
fn d6_a_client_that_takes_nothing_of_a_tunnel_is_given_up() {
    for rate in ["", "1kb/s"] {
        let (tell, told) = mpsc::channel();
        let app = App::start(move |connection| {
            connection.head().unwrap();
            connection.send(SWITCH);
            while connection.send([7; 0x10000]) {}
            tell.send(()).unwrap();
        });
        let setup = Setup::new(&app).set("server.write_timeout", "500ms").set("server.body_min_rate", rate);
        let gate = Gate::start(setup);
        let mut client = gate.client().with_small_buffers();
        client.send(ASK);
        client.head().expect(101);
        told.recv_timeout(GUARD).expect("the app's connection ends");
        assert_eq!(gate.log.access("/socket")["status"], 101);
        assert!(client.rest_and_reset().1, "what the kernel held for it is gone");
    }
}

#[test]
fn d6_an_app_that_takes_nothing_of_a_tunnel_is_given_up() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let app = App::start(move |connection| {
        connection.head().unwrap();
        connection.send(SWITCH);
        // It reads nothing, and closes nothing.
        let _ = may_go.lock().unwrap().recv_timeout(GUARD);
    });
    let gate = Gate::start(Setup::new(&app).set("server.write_timeout", "500ms"));
    let mut client = gate.client();
    client.send(ASK);
    client.head().expect(101);
    client.socket().set_write_timeout(Some(GUARD)).unwrap();
    let error = loop {
        if let Err(error) = client.try_send([7; 0x10000]) {
            break error.kind();
        }
    };
    assert_ne!(error, std::io::ErrorKind::WouldBlock, "the gate never let go");
    drop(go);
}
