//! The deadline of each wait, and the client's answer after it.
//!
//! The deadline at test is short and every other one long: a wrong one would only fire after the guard.

use std::{
    io,
    sync::{Mutex, mpsc},
    time::Duration,
};

use crate::support::{App, GUARD, Gate, Setup, answer};

/// All deadlines far away; then the one at test.
fn patient(app: &App) -> Setup {
    [
        "server.header_timeout",
        "server.body_timeout",
        "server.write_timeout",
        "server.idle_timeout",
        "upstream.connect_timeout",
        "upstream.response_timeout",
    ]
    .iter()
    .fold(Setup::new(app), |setup, key| setup.set(key, "1h"))
}

#[test]
fn an_app_that_does_not_answer_is_a_504() {
    let app = App::start(|connection| {
        while let Some(request) = connection.request() {
            if request.line().contains("/hang") {
                connection.hang();
                return;
            }
            connection.send(answer("200 OK", "", ""));
        }
    });
    let gate = Gate::start(patient(&app).set("upstream.response_timeout", "100ms"));
    let mut client = gate.client();
    // On a new connection, and on one that was used before.
    for _ in 0..2 {
        for (method, body) in [("GET", ""), ("POST", "body")] {
            client.ask(method, "/hang", "", body.as_bytes()).expect(504);
            client.get("/a").expect(200);
        }
    }
    assert!(gate.metrics().contains("portcullis_upstream_errors_total{kind=\"response_timeout\"} 4\n"));
}

#[test]
fn no_other_deadline_ends_an_answer_that_takes_its_time() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        while connection.request().is_some() {
            may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
            connection.send(answer("200 OK", "", "at last"));
        }
    });
    let setup =
        ["upstream.connect_timeout", "server.header_timeout", "server.body_timeout", "server.write_timeout"]
            .iter()
            .fold(Setup::new(&app), |setup, key| setup.set(key, "100ms"));
    let gate = Gate::start(setup.set("server.idle_timeout", "500ms"));
    let mut client = gate.client();
    for _ in 0..2 {
        client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        // Longer than each of them: another connection's idle time goes by.
        gate.client().expect_close();
        go.send(()).unwrap();
        assert_eq!(client.response().expect(200).text(), "at last");
    }
}

#[test]
fn an_app_that_drips_its_head_is_a_504() {
    let app = App::start(|connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nX-A: ");
        // A byte a while, well within every deadline.
        connection.socket().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        while connection.is_open() && connection.send("a") {}
    });
    let gate = Gate::start(patient(&app).set("upstream.response_timeout", "200ms"));
    gate.client().get("/a").expect(504);
}

#[test]
fn an_app_that_stops_in_the_middle_of_a_body_is_a_cut() {
    let app = App::start(|connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        connection.hang();
    });
    let gate = Gate::start(patient(&app).set("upstream.response_timeout", "100ms"));
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().expect(200);
    assert_eq!(client.rest(), "half");
}

#[test]
fn a_stream_that_has_begun_is_not_cut() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\n\r\nbegun");
        may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
        connection.send(", ended");
    });
    let gate = Gate::start(
        Setup::new(&app).set("upstream.response_timeout", "100ms").set("server.idle_timeout", "500ms"),
    );
    let mut client = gate.client();
    client.send("GET /a HTTP/1.0\r\nHost: a\r\n\r\n");
    client.head().expect(200);
    assert_eq!(client.take(5), b"begun");
    gate.client().expect_close();
    go.send(()).unwrap();
    assert_eq!(client.rest(), ", ended");
}

#[test]
fn a_client_that_takes_nothing_is_let_go() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        let chunked = connection.request().unwrap().line().contains("/chunked");
        let framing = if chunked { "Transfer-Encoding: chunked" } else { "Content-Length: 1000000000" };
        connection.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        let piece = [b"10000\r\n".as_slice(), &[b'.'; 0x10000], b"\r\n"].concat();
        let error = loop {
            if let Err(error) = connection.try_send(&piece) {
                break error.kind();
            }
        };
        tell.send(error).unwrap();
    });
    let gate = Gate::start(patient(&app).set("server.write_timeout", "200ms"));
    for target in ["/length", "/chunked"] {
        let mut client = gate.client().with_small_buffers();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let error = told.recv_timeout(GUARD * 2).unwrap();
        assert_ne!(error, io::ErrorKind::WouldBlock, "{target}: the gate never let go");
        assert_eq!(gate.log.access(target)["status"], 200);
    }
    let metrics = gate.metrics();
    assert!(metrics.contains("portcullis_upstream_errors_total{kind=\"response_timeout\"} 0\n"), "{metrics}");
}

#[test]
fn a_body_that_stops_is_a_408_and_ends_the_connection() {
    let app = App::start(|connection| assert!(connection.request().is_none(), "no whole request"));
    let gate = Gate::start(patient(&app).set("server.body_timeout", "100ms"));
    for (target, framed) in [
        ("/a", "Content-Length: 10\r\n\r\nhalf"),
        ("/a", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        ("/api/users", "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"),
    ] {
        let mut client = gate.client();
        client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\n{framed}"));
        let response = client.response().expect(408);
        assert_eq!(response.field("connection"), Some("close"), "{target}");
        client.finish().expect_close();
    }
}
