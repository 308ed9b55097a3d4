//! A client that has sent all and ends its sending half is answered; one that is gone ends the work for it.

use std::{sync::mpsc, time::Duration};

use crate::support::{App, Client, Connection, GUARD, Gate, Setup, answer};

/// The time that the gate has for a mistake. A slow machine makes the test weaker, not wrong.
const PAUSE: Duration = Duration::from_millis(300);

/// Whether the gate leaves the connection open for a while.
fn stays(connection: &mut Connection) -> bool {
    connection.socket().set_read_timeout(Some(PAUSE)).unwrap();
    let open = connection.is_open();
    connection.socket().set_read_timeout(Some(GUARD)).unwrap();
    open
}

/// Ends the connection with a reset.
fn reset(client: Client) {
    client.socket().set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
}

const REQUESTS: &[(&str, &str)] = &[
    ("GET", "\r\n"),
    ("POST", "Content-Length: 5\r\n\r\nhello"),
    ("POST", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    ("DELETE", "Content-Length: 5\r\n\r\nhello"),
    ("GET", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
];

#[test]
fn e4_a_whole_request_is_answered_though_nothing_more_is_sent() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        while let Some(request) = connection.request() {
            tell.send(stays(connection)).unwrap();
            connection.send(answer("200 OK", "", request.body));
        }
    });
    let gate = Gate::open(&app);
    for (method, rest) in REQUESTS {
        for version in ["1.1", "1.0"] {
            if version == "1.0" && rest.contains("chunked") {
                continue;
            }
            let mut client = gate.client();
            // In one packet with the request, or nearly so.
            client.send(format!("{method} /a HTTP/{version}\r\nHost: a\r\n{rest}")).finish();
            let body = client.response().expect(200).body;
            assert_eq!(body, if rest.contains("hello") { "hello" } else { "" }.as_bytes(), "{method} {rest}");
            assert!(told.recv_timeout(GUARD).unwrap(), "{method} {rest}");
            client.expect_close();
        }
    }
    assert_eq!(app.requests().len(), 8);
}

#[test]
fn e4_everything_that_was_pipelined_is_answered() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo\
         GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    client.finish();
    for target in ["/1", "/2", "/3"] {
        assert_eq!(client.response().expect(200).json()["target"], target);
    }
    client.expect_close();
}

#[test]
fn e4_our_own_answers_and_refusals_arrive() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("policies.unmatched", "deny"));
    gate.sign_up("ann");
    let body = r#"{"username": "ann", "password": "a-good-password"}"#;
    let length = body.len();
    let lines = format!("Host: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n");
    for (request, status) in [
        (format!("POST /api/users/login HTTP/1.1\r\n{lines}\r\n{body}"), 200),
        (format!("POST /a HTTP/1.1\r\n{lines}\r\n{body}"), 401),
        ("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = gate.client();
        client.send(&request).finish();
        client.response().expect(status);
        client.expect_close();
    }
}

#[test]
fn e4_a_stream_goes_on_to_its_end() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\n\r\nfirst");
        tell.send(()).unwrap();
        assert!(stays(connection));
        connection.send(", second");
        assert!(stays(connection));
        connection.send(", last");
    });
    let gate = Gate::open(&app);
    for early in [true, false] {
        let mut client = gate.client();
        client.send("GET /stream HTTP/1.0\r\nHost: a\r\n\r\n");
        if early {
            client.finish();
        }
        told.recv_timeout(GUARD).unwrap();
        client.head().expect(200);
        assert_eq!(client.take(5), b"first");
        client.finish();
        assert_eq!(client.rest(), ", second, last");
    }
}

const ASK: &str = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[test]
fn e4_a_websocket_is_opened_and_heard_to_its_end() {
    let app = App::start(|connection| {
        connection.head().unwrap();
        assert!(stays(connection));
        connection.send(SWITCH);
        let asked = connection.take(8);
        // The client's end arrives; what the app still has to say goes to it.
        assert_eq!(connection.piece(), b"");
        connection.send(asked);
        connection.send(" answered");
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(format!("{ASK}question")).finish();
    client.response().expect(101);
    assert_eq!(client.rest(), "question answered");
}

#[test]
fn e4_a_client_that_resets_its_connection_ends_the_work_for_it() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        let head = connection.head().unwrap();
        if head.contains("/stream") {
            connection.send("HTTP/1.1 200 OK\r\n\r\nfirst");
        }
        tell.send(()).unwrap();
        assert!(connection.hang());
        tell.send(()).unwrap();
    });
    let gate = Gate::open(&app);
    for (path, finishes) in
        [("/waits", false), ("/waits-half", true), ("/stream", false), ("/stream-half", true)]
    {
        let mut client = gate.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        if finishes {
            client.finish();
        }
        told.recv_timeout(GUARD).unwrap();
        reset(client);
        told.recv_timeout(GUARD).expect("the gate closes towards the app");
        gate.log.access(path);
    }
}

#[test]
fn e4_a_client_that_closes_is_noticed_by_what_it_is_sent() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        connection.head().unwrap();
        tell.send(()).unwrap();
        connection.send("HTTP/1.1 200 OK\r\n\r\n");
        // An event now and then, as a stream has them.
        connection.socket().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        while connection.is_open() && connection.send("event\n") {}
        tell.send(()).unwrap();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").finish();
    told.recv_timeout(GUARD).unwrap();
    drop(client);
    told.recv_timeout(GUARD).expect("the gate closes towards the app");
}

#[test]
fn e4_a_tunnel_ends_with_a_client_that_is_gone() {
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let app = App::start(move |connection| {
        connection.head().unwrap();
        connection.send(SWITCH);
        assert_eq!(connection.piece(), b"", "the client's end arrives");
        tell.send(()).unwrap();
        // It neither says a word nor closes.
        let _ = ended.lock().unwrap().recv();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(ASK);
    client.response().expect(101);
    client.finish();
    told.recv_timeout(GUARD).unwrap();
    reset(client);
    assert_eq!(gate.log.access("/socket")["status"], 101);
    drop(end);
}
