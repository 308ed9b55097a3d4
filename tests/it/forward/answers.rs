//! Answers of every kind.

use std::sync::{Mutex, mpsc};

use crate::support::{App, GUARD, Gate, answer};

#[test]
fn answers_without_a_body_leave_the_clients_connection_usable() {
    let app = App::answering(|request| match request.target() {
        "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec(),
        "/chunked-head" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 5\r\n\r\n".to_vec(),
        "/0" => answer("200 OK", "", ""),
        _ => answer("200 OK", "", "next"),
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    let expected = [
        ("HEAD", "/head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
        ("HEAD", "/chunked-head", "HTTP/1.1 200 OK\r\n"),
        ("GET", "/204", "HTTP/1.1 204 No Content\r\n"),
        ("GET", "/304", "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 5\r\n"),
        ("GET", "/0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
    ];
    for (method, target, head) in expected {
        assert_eq!(client.ask(method, target, "", b"").head, head, "{method} {target}");
        assert_eq!(client.get("/next").text(), "next", "after {method} {target}");
    }
    // The rest of the stream is unknown after an answer without a body, so its connection is not reused.
    assert_eq!(app.connections(), 5);
}

#[test]
fn a_body_where_there_can_be_none_is_not_forwarded() {
    let app = App::answering(|request| match request.target() {
        "/204" => b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\n\r\npoison".to_vec(),
        "/head" => answer("200 OK", "", "poison"),
        _ => answer("200 OK", "", "next"),
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for (method, target) in [("GET", "/204"), ("GET", "/304"), ("HEAD", "/head")] {
        let response = client.ask(method, target, "", b"");
        assert!(response.status < 400, "{}", response.head);
        assert_eq!(client.get("/next").text(), "next", "after {target}");
    }
}

#[test]
fn early_hints_come_before_the_answer() {
    let app = App::answering(|_| {
        let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n".to_vec();
        [hints, answer("200 OK", "", "page")].concat()
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().head, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n");
    assert_eq!(client.response().expect(200).text(), "page");
    // HTTP/1.0 knows no interim answers.
    let mut old = gate.client();
    old.send("GET /a HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(old.response().expect(200).text(), "page");
}

#[test]
fn a_hint_comes_while_the_app_still_thinks() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
        may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
        connection.send(answer("200 OK", "", "page"));
        connection.hang();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().status, 103);
    go.send(()).unwrap();
    assert_eq!(client.response().expect(200).text(), "page");
}

#[test]
fn an_answer_that_ends_with_the_connection_ends_for_the_client_too() {
    let app = App::start(|connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\n\r\nall there is");
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for _ in 0..2 {
        let response = client.get("/a").expect(200);
        assert_eq!(response.field("transfer-encoding"), Some("chunked"), "the client's connection stays");
        assert_eq!(response.text(), "all there is");
    }
    let mut old = gate.client();
    old.send("GET /a HTTP/1.0\r\nHost: a\r\n\r\n");
    let response = old.response().expect(200);
    assert_eq!(response.head, "HTTP/1.1 200 OK\r\nConnection: close\r\n");
    assert_eq!(response.text(), "all there is");
}

#[test]
fn an_old_client_is_answered_as_it_understands() {
    let app = App::answering(|request| {
        assert!(request.line().ends_with(" HTTP/1.1"), "{}", request.head);
        if request.line().contains("chunked") {
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
                .to_vec();
        }
        answer("200 OK", "", "abc")
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response().expect(200);
    assert_eq!(response.head, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n");
    client.send("GET /chunked HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response().expect(200);
    assert_eq!(response.head, "HTTP/1.1 200 OK\r\nConnection: close\r\n");
    assert_eq!(response.text(), "abc");
    let mut client = gate.client();
    client.send("GET /a HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().expect(200).field("connection"), Some("close"));
    client.expect_close();
}

#[test]
fn events_arrive_one_by_one() {
    let (go, may_go) = mpsc::channel::<&'static str>();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        let chunked = connection.request().unwrap().line().contains("/chunked");
        let framing = if chunked { "Transfer-Encoding: chunked\r\nConnection: close\r\n" } else { "" };
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n"));
        while let Ok(event) = may_go.lock().unwrap().recv_timeout(GUARD) {
            if event.is_empty() {
                break;
            }
            let event = if chunked { format!("{:x}\r\n{event}\r\n", event.len()) } else { event.to_owned() };
            connection.send(event);
        }
        connection.send(if chunked { "0\r\n\r\n" } else { "" });
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for target in ["/chunked", "/until-close"] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.head().field("content-type"), Some("text/event-stream"));
        for event in ["data: 1\n\n", "data: 22\n\n", "data: 333\n\n"] {
            // The next one is not sent before this one has arrived.
            go.send(event).unwrap();
            assert_eq!(client.until("\n\n\r\n"), format!("{:x}\r\n{event}\r\n", event.len()));
        }
        go.send("").unwrap();
        assert_eq!(client.until("\r\n\r\n"), "0\r\n\r\n");
    }
}

#[test]
fn statuses_and_reasons_are_the_apps_own() {
    let app = App::answering(|request| {
        let status = request.target().trim_start_matches('/').replace("%20", " ");
        answer(&status, "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: legacy\r\n", "")
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for status in [
        "200 OK",
        "201 Made",
        "302 Found",
        "401 Unknown",
        "404 Not-Here",
        "418 Teapot",
        "500 Oops",
        "599 Odd",
    ] {
        let head = client.get(&format!("/{}", status.replace(' ', "%20"))).head;
        let wanted = status.replace("%20", " ");
        let lines = "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: legacy\r\nContent-Length: 0\r\n";
        assert_eq!(head, format!("HTTP/1.1 {wanted}\r\n{lines}"));
    }
}
