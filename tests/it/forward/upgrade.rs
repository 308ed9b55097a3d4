//! Upgrades: decided like any request, and then bytes both ways.

use std::sync::mpsc;

use crate::support::{App, Connection, GUARD, Gate, Setup, answer};

const ASK: &str = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: y\r\n\r\n";

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
        assert!(head.contains("Sec-WebSocket-Key: x\r\n"), "{head}");
        connection.send(SWITCH);
        echo(connection);
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK);
    let response = client.response().expect(101);
    assert_eq!(response.field("upgrade"), Some("websocket"));
    assert_eq!(response.field("connection"), Some("Upgrade"));
    assert_eq!(response.field("sec-websocket-accept"), Some("y"));
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

#[test]
fn a_switch_that_nobody_asked_for_is_a_broken_answer() {
    let app = App::answering(|request| {
        if request.line().contains("/other") { SWITCH.replace("websocket", "h2c") } else { SWITCH.to_owned() }
            .into()
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.get("/unasked").expect(502);
    client.send(ASK.replace("/socket", "/other"));
    client.response().expect(502);
    // A 101 that names no protocol.
    let app = App::answering(|_| b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec());
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK);
    client.response().expect(502);
}

#[test]
fn an_upgrade_with_a_body_is_refused() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK.replace("Host", "Content-Length: 3\r\nHost")).send("abc");
    client.response().expect(400);
    assert_eq!(app.connections(), 0);
}
