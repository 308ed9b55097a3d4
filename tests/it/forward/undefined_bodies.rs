//! Bodies where none is defined, and empty ones: an app that does not read them takes them for its next request.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use crate::{
    process::support::has,
    support::{App, GUARD, Gate, Setup, answer},
};

/// A body that is itself a request.
const INNER: &str = "DELETE /admin/9 HTTP/1.1\r\nHost: a\r\nX-Forwarded-User: 1\r\n\r\n";

/// Those of WebDAV and its kin define a body that few apps read.
const METHODS: [&str; 12] = [
    "GET",
    "HEAD",
    "DELETE",
    "OPTIONS",
    "PURGE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "LOCK",
    "REPORT",
    "SEARCH",
    "QUERY",
];

/// The body, framed both ways.
fn framed(body: &str) -> [String; 2] {
    let length = body.len();
    [
        format!("Content-Length: {length}\r\n\r\n{body}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
    ]
}

#[test]
fn b3_a_body_that_is_not_defined_has_a_connection_of_its_own() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for method in METHODS {
        for framed in framed("hello") {
            // One connection is at rest, and stays there.
            client.get("/before").expect(200);
            let before = app.connections();
            client.send(format!("{method} /a HTTP/1.1\r\nHost: a\r\n{framed}"));
            let response = client.response_to(method).expect(200);
            assert_eq!(response.field("connection"), None, "the client's connection stays: {method}");
            client.get("/after").expect(200);
            assert_eq!(app.connections(), before + 1, "{method} {framed}");
        }
    }
    let requests = app.requests();
    let alone: Vec<_> = requests.iter().filter(|request| request.target() == "/a").collect();
    assert_eq!(alone.len(), METHODS.len() * 2);
    for request in alone {
        assert_eq!(request.field("connection"), Some("close"), "{}", request.head);
        assert_eq!(request.body, b"hello", "{}", request.head);
    }
}

#[test]
fn b3_a_defined_body_shares_its_connection() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for method in ["POST", "PUT", "PATCH"] {
        let [with_length, _] = framed("hello");
        client.send(format!("{method} /a HTTP/1.1\r\nHost: a\r\n{with_length}"));
        assert_eq!(client.response().expect(200).json()["body"], "hello", "{method}");
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn b16_chunks_go_alone_whatever_the_method() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for (at, method) in ["POST", "PUT", "PATCH", "GET"].into_iter().enumerate() {
        client.get("/before").expect(200);
        let [_, chunked] = framed("hello");
        client.send(format!("{method} /a HTTP/1.1\r\nHost: a\r\n{chunked}"));
        assert_eq!(client.response().expect(200).json()["body"], "hello", "{method}");
        assert_eq!(app.requests().last().unwrap().field("connection"), Some("close"), "{method}");
        assert_eq!(app.connections(), 2 + at, "{method}");
    }
}

#[test]
fn b3_no_body_shares_a_connection_of_an_app_that_may_not_read_it() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("upstream.reads_bodies", "false"));
    let mut client = gate.client();
    let mut count = 0;
    for method in ["POST", "PUT", "PATCH", "GET"] {
        for framed in framed(INNER) {
            client.send(format!("{method} /a HTTP/1.1\r\nHost: a\r\n{framed}"));
            client.response().expect(200);
            count += 1;
            assert_eq!(
                app.requests().last().unwrap().field("connection"),
                Some("close"),
                "{method} {framed}"
            );
            assert_eq!(app.connections(), count, "{method} {framed}");
        }
    }
    for _ in 0..2 {
        client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        client.response().expect(200);
    }
    assert_eq!(app.connections(), count + 1, "nothing to read is not a body");
}

#[test]
fn b3_an_app_that_calls_itself_a_handler_of_python_gets_no_body_on_a_shared_connection() {
    for (server, is_alone) in
        [("BaseHTTP/0.6 Python/3.11.2", true), ("SimpleHTTP/0.6", true), ("gunicorn", false)]
    {
        let app =
            App::answering(move |request| answer("200 OK", &format!("Server: {server}\r\n"), request.line()));
        let gate = Gate::open(&app);
        let mut client = gate.client();
        client.get("/before").expect(200);
        let [with_length, _] = framed(INNER);
        client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\n{with_length}"));
        client.response().expect(200);
        let close = is_alone.then_some("close");
        assert_eq!(app.requests().last().unwrap().field("connection"), close, "{server}");
    }
}

#[test]
fn b3_a_body_that_was_read_before_the_decision_goes_alone_too() {
    let policy = r#"{"name": "Note", "base": "PersistedModel",
        "methods": {"wipe": {"http": {"verb": "del", "path": "/wipe"}, "accepts": [{"arg": "x", "type": "string"}]}},
        "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW"}]}"#;
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("note.json", policy));
    let mut client = gate.client();
    client.get("/before").expect(200);
    let lines = "Content-Type: application/json\r\n";
    client.ask("DELETE", "/api/Notes/wipe", lines, br#"{"x": "y"}"#).expect(200);
    client.get("/after").expect(200);
    assert_eq!(app.only_request_to("/api").field("connection"), Some("close"));
    assert_eq!(app.connections(), 2);
}

#[test]
fn b3_an_app_that_reads_no_such_body_serves_no_hidden_request() {
    let (tell, seen) = mpsc::channel();
    let app = App::start(move |connection| {
        while let Some(head) = connection.head() {
            tell.send(head.lines().next().unwrap().to_owned()).unwrap();
            connection.send(answer("200 OK", "", ""));
            if head.contains("Connection: close\r\n") {
                return;
            }
        }
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for framed in framed(INNER) {
        for te in ["", "TE: trailers\r\nConnection: TE\r\n"] {
            client.send(format!("GET /public/1 HTTP/1.1\r\nHost: a\r\n{te}{framed}"));
            client.response().expect(200);
            client.get("/next").expect(200);
            for line in ["GET /public/1 HTTP/1.1", "GET /next HTTP/1.1"] {
                assert_eq!(seen.recv_timeout(GUARD).unwrap(), line, "{framed}");
            }
        }
    }
}

#[test]
fn b3_an_early_answer_leaves_no_connection_to_use_again() {
    let app = App::start(|connection| {
        while connection.head().is_some() {
            // It says nothing of closing, and reads no body.
            connection.send(answer("200 OK", "", "early"));
        }
    });
    let gate = Gate::open(&app);
    for (at, framed) in ["Content-Length: 100\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
        .into_iter()
        .enumerate()
    {
        let mut client = gate.client();
        client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\n{framed}"));
        assert_eq!(client.response().expect(200).text(), "early");
        assert_eq!(gate.client().get("/next").expect(200).text(), "early");
        assert_eq!(app.connections(), 2 + at, "{framed}");
    }
}

#[test]
fn b16_an_empty_body_that_has_come_is_dropped() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for end in ["0\r\n\r\n", "000\r\n\r\n", "0;a=b\r\n\r\n", "0\r\nX-Sum: 1\r\n\r\n"] {
        for method in ["GET", "DELETE", "OPTIONS", "PURGE", "POST"] {
            client
                .send(format!("{method} /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{end}"));
            client.response().expect(200);
            client.get("/next").expect(200);
        }
    }
    assert_eq!(app.connections(), 1);
    for request in app.requests() {
        assert_eq!(request.field("transfer-encoding"), None, "{}", request.head);
        let length = request.line().starts_with("POST").then_some("0");
        assert_eq!(request.field("content-length"), length, "{}", request.head);
        assert_eq!(request.field("connection"), None, "{}", request.head);
    }
}

#[test]
fn b16_an_empty_body_that_is_late_goes_alone() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        while let Some(head) = connection.head() {
            if head.contains("Transfer-Encoding") {
                tell.send(()).unwrap();
                assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
                assert_eq!(connection.until("0\r\n\r\n").unwrap(), "0\r\n\r\n");
            }
            connection.send(answer("200 OK", "", ""));
        }
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.get("/before").expect(200);
    for cut in [0, 1, 3] {
        let (early, late) = "0\r\n\r\n".split_at(cut);
        client.send(format!("GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{early}"));
        told.recv_timeout(GUARD).unwrap();
        client.send(late);
        client.response().expect(200);
        client.get("/next").expect(200);
    }
    assert_eq!(app.connections(), 4);
}

/// A Python process that is ended with the test.
struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Python {
    fn start(script: &str) -> (Self, u16) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/forward/undefined_bodies");
        let child = Command::new("python3").arg(folder.join(script)).stdout(Stdio::piped()).spawn().unwrap();
        let mut python = Self(child);
        let mut port = String::new();
        BufReader::new(python.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
        (python, port.trim().parse().unwrap())
    }
}

#[test]
fn b3_b16_pythons_http_server_serves_no_hidden_request() {
    if !has("python3") {
        return;
    }
    let (_python, port) = Python::start("app.py");
    let setup = || Setup::before(&format!("http://127.0.0.1:{port}"));
    let mut expected = Vec::new();
    let unread = ["POST", "PUT", "PATCH"];
    for (setup, methods) in
        [(setup(), &METHODS[..]), (setup().set("upstream.reads_bodies", "false"), &unread)]
    {
        let gate = Gate::start(setup);
        let mut client = gate.client();
        let bodies =
            framed(INNER).into_iter().chain(["Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()]);
        for framed in bodies {
            for method in methods {
                client.send(format!("{method} /pub/1 HTTP/1.1\r\nHost: a\r\n{framed}"));
                client.response_to(method).expect(200);
                expected.push(format!("{method} /pub/1"));
                // On a connection of the app that others use.
                expected.push("GET /seen".to_owned());
                let seen = client.get("/seen").expect(200);
                assert_eq!(seen.text().lines().collect::<Vec<_>>(), expected, "{method} {framed}");
            }
        }
    }
}
