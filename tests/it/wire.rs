//! The named hostile requests of `tests/hostile`, over the socket: each is refused, and the app gets nothing.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{App, Gate, Setup};

/// A file's expectation: the status, and the check that refuses it.
fn expectations() -> BTreeMap<String, (u16, String)> {
    let text = fs::read_to_string(folder().join("expected.txt")).unwrap();
    let mut expectations = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("request/")) {
        let [name, status, check] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        expectations.insert(name.to_owned(), (status.parse().unwrap(), check.to_owned()));
    }
    assert!(expectations.len() > 200, "{}", expectations.len());
    expectations
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile"))
}

/// The limits that the files are made for.
fn setup(app: &App) -> Setup {
    Setup::new(app).set("server.max_header_bytes", "8kb").set("server.max_headers", "128")
}

#[test]
fn a_refused_head_never_reaches_the_app() {
    let app = App::echo();
    let gate = Gate::start(setup(&app));
    let mut wrong = Vec::new();
    for (name, (status, check)) in expectations() {
        // A fault in a chunk is found after the head was forwarded; see below.
        if check == "ok" || check == "unfinished" || name.contains("/chunk-") {
            continue;
        }
        let mut client = gate.client();
        client.send(fs::read(folder().join(&name)).unwrap());
        let response = client.response();
        // A client of another protocol gets plain text.
        let told = response.text();
        let named = told.contains(&format!("({check})")) || told.contains("Failed to decode param");
        if response.status != status || !named || response.field("connection") != Some("close") {
            wrong.push(format!("{name}: expected {status} {check}, got {} {told}", response.status));
        }
        client.finish().expect_close();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(app.connections(), 0, "{:?}", app.requests());
}

#[test]
fn a_request_with_a_bad_chunk_never_reaches_the_app_whole() {
    let app = App::echo();
    let gate = Gate::start(setup(&app));
    let mut wrong = Vec::new();
    for (name, (status, check)) in expectations() {
        if check == "ok" || check == "unfinished" || !name.contains("/chunk-") {
            continue;
        }
        let mut client = gate.client();
        client.send(fs::read(folder().join(&name)).unwrap());
        let response = client.response();
        if response.status != status {
            wrong.push(format!("{name}: expected {status} {check}, got {}", response.status));
        }
        client.finish().expect_close();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(app.requests().len(), 0, "{:?}", app.requests());
}

#[test]
fn an_odd_but_right_request_is_served() {
    let app = App::echo();
    let gate = Gate::start(setup(&app));
    for (name, (_, check)) in expectations() {
        if check != "ok" {
            continue;
        }
        let mut client = gate.client();
        client.send(fs::read(folder().join(&name)).unwrap());
        // One waits for a 100 before its body, one announces more than can ever come, and one holds what only a
        // route may allow.
        let expected = match &*name {
            "request/expect-ok.http" => 100,
            "request/path-ok-encoded-slash.http" => 400,
            "request/cl-ok-largest.http" => continue,
            _ => 200,
        };
        let response = client.response();
        assert_eq!(response.status, expected, "{name}: {}", response.head);
    }
}

#[test]
fn a_refused_head_request_is_answered_without_a_body() {
    let app = App::echo();
    let gate = Gate::start(setup(&app));
    for head in [
        "HEAD /a/../b HTTP/1.1\r\nHost: gate.test\r\n\r\n",
        "HEAD /a HTTP/1.1\r\n\r\n",
        "\r\nHEAD /a HTTP/1.1\r\nHost: gate.test\r\nBad Name: x\r\n\r\n",
        "HEAD /a HTTP/1.1\r\nHost: gate.test\r\nX-Forwarded_User: x\r\n\r\n",
    ] {
        let mut client = gate.client();
        client.send(head);
        let response = client.response_to("HEAD");
        assert_eq!(response.status, 400, "{head}");
        assert_ne!(response.field("content-length"), Some("0"), "{head}");
        client.finish().expect_close();
    }
    assert_eq!(app.connections(), 0, "{:?}", app.requests());
}

#[test]
fn e11_legal_oddities_reach_the_app() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for empty in [1, 2, 3, 16] {
        client.send(format!("{}GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n".repeat(empty)));
        client.response().expect(200);
    }
    // As old clients end a body.
    client.send("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response().expect(200);
    client.response().expect(200);
    client.send("GET /odd HTTP/1.1\r\nHost: a:\r\nTE: trailers\r\nConnection: TE\r\nCookie:\r\n\r\n");
    client.response().expect(200);
    let request = app.only_request_to("/odd");
    assert_eq!(request.field("host"), Some("a"));
    assert_eq!(request.field("x-forwarded-host"), Some("a"));
    assert_eq!((request.field("te"), request.field("connection")), (Some("trailers"), Some("TE")));
    assert_eq!(request.field("cookie"), Some(""));
    // As every browser sends it.
    client.get(r"/find?q=C:\temp\\x&r=\w+").expect(200);
    assert_eq!(app.only_request_to("/find").target(), r"/find?q=C:\temp\\x&r=\w+");
    client.get(r"/find\me?q=1").expect(400);
}

#[test]
fn e11_empty_lines_alone_are_never_answered() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("server.header_timeout", "100ms"));
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\n");
    client.response().expect(200);
    // Bytes that arrive now would be taken for the answer to the next request.
    client.expect_close();
}

#[test]
fn b4_a_method_in_lower_case_does_not_reach_the_app() {
    let app = App::echo();
    for profile in ["standard", "loopback3"] {
        let gate = Gate::start(Setup::new(&app).set("profile", profile));
        for method in ["delete", "Delete", "DELETe", "get", "move", "x-Custom"] {
            let response = gate.client().ask(method, "/inv/7", "", b"").expect(400);
            assert!(response.text().contains("(method)"), "{}", response.text());
        }
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn b15_a_length_of_2_to_the_63_hides_no_request() {
    let app = App::echo();
    let gate = Gate::open(&app);
    for length in ["9223372036854775808", "18446744073709551615", "10000000000000000000"] {
        let mut client = gate.client();
        client.send(format!(
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        client.response().expect(400);
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn b18_a_chunk_of_a_request_is_read_by_its_grammar() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let send = |line: &str| {
        let mut client = gate.client();
        client.send(format!(
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{line}\r\nabc\r\n0\r\n\r\n"
        ));
        client.response()
    };
    for line in ["3;", "3;=", "3;(", "3;a=\"x", "3 ", "3;a=b ", "8000000000000003"] {
        assert_eq!(send(line).status, 400, "{line}");
    }
    assert_eq!(app.connections(), 0, "a chunk that came with the head is read before the app is asked");
    for line in ["3", "3 ; a = b", "3;a=\"x;y\"", "3\t;a;b"] {
        assert_eq!(send(line).expect(200).json()["body"], "abc", "{line}");
    }
}
