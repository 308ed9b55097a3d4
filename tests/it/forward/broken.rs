//! Apps that break HTTP, or are not there.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Mutex, mpsc},
};

use socket2::{Domain, Socket, Type};

use crate::support::{App, GUARD, Gate, Response, Setup, answer};

/// A 502 or 504 that a person can find in the log.
#[track_caller]
fn expect_failure(response: Response, status: u16) {
    let response = response.expect(status);
    let id = response.field("x-request-id").expect("a request id");
    assert_eq!(id.len(), 32, "{id}");
    assert_eq!(response.json()["error"]["statusCode"], status);
}

/// Answers that no client may get to see.
const BROKEN: &[(&str, &str)] = &[
    ("nothing", ""),
    ("half a status line", "HTTP/1.1 20"),
    ("half a head", "HTTP/1.1 200 OK\r\nContent-Le"),
    ("no end of the head", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
    ("garbage", "hello, I am an app\r\n\r\n"),
    ("another protocol", "SSH-2.0-OpenSSH_9.6\r\n"),
    ("http/2", "HTTP/2 200\r\n\r\n"),
    ("http/0.9", "<html></html>"),
    ("no status", "HTTP/1.1 OK\r\n\r\n"),
    ("status of two digits", "HTTP/1.1 20 OK\r\n\r\n"),
    ("status 0", "HTTP/1.1 000 OK\r\n\r\n"),
    ("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nno"),
    ("one bare line feed", "HTTP/1.1 200 OK\r\nX-A: 1\nContent-Length: 2\r\n\r\nno"),
    ("a folded field", "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nno"),
    ("a field without a name", "HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 2\r\n\r\nno"),
    ("a zero byte", "HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 2\r\n\r\nno"),
    ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nno"),
    ("a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nno"),
    ("a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nno"),
    (
        "length and chunks",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    ),
    ("an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nno"),
    ("a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n-1\r\n\r\n"),
    ("a length of 2^63", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nno"),
    ("interim answers only", "HTTP/1.1 103 Early Hints\r\n\r\n"),
];

#[test]
fn a_broken_answer_is_a_502_with_a_request_id() {
    let (put, next) = mpsc::channel::<&'static str>();
    let next = Mutex::new(next);
    let app = App::start(move |connection| {
        connection.request().unwrap();
        let bytes = next.lock().unwrap().recv_timeout(GUARD).unwrap();
        connection.send(bytes);
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for (name, bytes) in BROKEN {
        put.send(bytes).unwrap();
        client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut response = client.response();
        if response.status == 103 {
            response = client.response();
        }
        println!("{name}");
        expect_failure(response, 502);
    }
    assert_eq!(app.connections(), BROKEN.len(), "no connection is used again");
    put.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").unwrap();
    assert_eq!(client.get("/a").expect(200).text(), "fine");
}

#[test]
fn b15_b18_a_length_and_a_chunk_of_an_answer_are_read_by_their_grammar() {
    fn chunked(line: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{line}\r\nabc\r\n0\r\n\r\n")
    }
    let bad = ["3;", "3;=", "3;(", "3;a=\"x", "3 ", "8000000000000003"].map(chunked);
    let length = ["9223372036854775808", "18446744073709551615"]
        .map(|length| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nabc"));
    let good = ["3", "3 ; a = b", "3;a=\"x;y\"", "3\t;a;b"].map(chunked);
    let (put, next) = mpsc::channel::<String>();
    let next = Mutex::new(next);
    let app = App::start(move |connection| {
        connection.request().unwrap();
        let bytes = next.lock().unwrap().recv_timeout(GUARD).unwrap();
        connection.send(bytes);
    });
    let gate = Gate::open(&app);
    for bytes in bad.into_iter().chain(length) {
        println!("{bytes}");
        put.send(bytes).unwrap();
        expect_failure(gate.client().get("/a"), 502);
    }
    for bytes in good {
        put.send(bytes).unwrap();
        assert_eq!(gate.client().get("/a").expect(200).text(), "abc");
    }
}

#[test]
fn a_head_without_an_end_is_a_502() {
    for piece in ["X-A: b\r\n", "b"] {
        let app = App::start(move |connection| {
            connection.request().unwrap();
            connection.send("HTTP/1.1 200 OK\r\nX-A: b");
            let piece = piece.repeat(1000);
            while connection.send(&piece) {}
        });
        let gate = Gate::open(&app);
        expect_failure(gate.client().get("/a"), 502);
    }
}

#[test]
fn interim_answers_without_an_end_are_a_502() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"] {
        let app = App::start(move |connection| {
            connection.request().unwrap();
            while connection.send(interim) {}
        });
        let gate = Gate::open(&app);
        let mut client = gate.client();
        client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut hints = 0;
        let last = loop {
            let response = client.response();
            if response.status >= 200 {
                break response;
            }
            hints += 1;
        };
        assert!(hints < 20, "{hints}");
        expect_failure(last, 502);
    }
}

#[test]
fn half_a_body_is_a_cut_and_never_a_whole_one() {
    let app = App::start(|connection| {
        let request = connection.request().unwrap();
        // Whatever is wrong comes after the client has got the head.
        connection.send("HTTP/1.1 200 OK\r\n");
        connection.send(match request.target() {
            "/length" => "Content-Length: 10\r\n\r\nhalf",
            "/chunk" => "Transfer-Encoding: chunked\r\n\r\na\r\nhalf",
            "/chunks" => "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            "/trailer" => "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-A: 1\r\n",
            other => panic!("{other}"),
        });
    });
    let gate = Gate::open(&app);
    for target in ["/length", "/chunk", "/chunks", "/trailer"] {
        let mut client = gate.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = client.head().expect(200);
        let rest = client.rest();
        if head.field("content-length").is_some() {
            assert_eq!(rest, "half", "{target}");
        } else {
            assert_eq!(rest, "4\r\nhalf\r\n", "{target}: no end is made up");
        }
        assert_eq!(gate.log.access(target)["status"], 200, "{target}");
    }
    assert_eq!(app.connections(), 4, "no connection is used again");
}

#[test]
fn a_bad_chunk_in_an_answer_that_has_begun_is_a_cut() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
        connection.send("4\r\nhalf\r\n-1\r\n\r\n");
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().expect(200);
    go.send(()).unwrap();
    let rest = client.rest();
    assert!(!rest.contains("0\r\n\r\n") && !rest.contains("HTTP/1.1"), "{rest}");
}

#[test]
fn a_refusal_is_never_written_into_an_answer_that_has_begun() {
    let app = App::start(|connection| {
        connection.head().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n");
        connection.hang();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    client.head().expect(200);
    assert_eq!(client.take(10), b"5\r\nearly\r\n");
    client.send("no size\r\n");
    client.expect_close();
}

#[test]
fn an_app_that_is_down_at_the_start_is_a_502_until_it_comes_up() {
    // On an address of its own, where no other test is given the port meanwhile.
    let place = TcpListener::bind("127.77.0.1:0").unwrap().local_addr().unwrap();
    let gate = Gate::start(Setup::before(&format!("http://{place}")));
    let mut client = gate.client();
    for _ in 0..2 {
        expect_failure(client.get("/a"), 502);
    }
    let app = App::start_on(place, |connection| {
        connection.request().unwrap();
        connection.send(answer("200 OK", "Connection: close\r\n", "up"));
    });
    assert_eq!(client.get("/a").expect(200).text(), "up");
    drop(app);
    expect_failure(client.get("/a"), 502);
    let metrics = gate.metrics();
    assert!(metrics.contains("portcullis_upstream_errors_total{kind=\"connect\"} 3\n"), "{metrics}");
}

#[test]
fn a_page_tells_the_request_id_to_a_person() {
    let gate = Gate::start(Setup::before("http://127.77.0.2:9"));
    let response = gate.client().ask("GET", "/a", "Accept: text/html\r\n", b"").expect(502);
    let id = response.field("x-request-id").unwrap().to_owned();
    assert!(response.text().contains(&id), "{}", response.text());
    assert!(!response.text().contains("127.77"), "where the app is stays here: {}", response.text());
}

#[test]
fn an_app_that_takes_no_connection_is_a_504() {
    // A queue of one place that is full: Linux leaves further handshakes unanswered.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let filling: Vec<_> = (0..4)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // "In progress" is the answer that is wanted.
            let _ = socket.connect(&address.into());
            socket
        })
        .collect();
    let setup = Setup::before(&format!("http://{address}")).set("upstream.connect_timeout", "100ms");
    let gate = Gate::start(setup);
    expect_failure(gate.client().get("/a"), 504);
    assert!(gate.metrics().contains("portcullis_upstream_errors_total{kind=\"connect_timeout\"} 1\n"));
    drop(filling);
}

#[test]
fn e1_an_answer_that_a_reset_ends_is_not_whole() {
    let heads = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ];
    for head in heads {
        for (reset, version) in [(true, "1.1"), (true, "1.0"), (false, "1.1"), (false, "1.0")] {
            let (go, may_go) = mpsc::channel::<()>();
            let may_go = Mutex::new(may_go);
            let app = App::start(move |connection| {
                connection.request().unwrap();
                connection.send(format!("{head}half"));
                // The client has that half before the connection ends.
                may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
                if reset {
                    connection.reset();
                }
            });
            let gate = Gate::open(&app);
            let mut client = gate.client();
            client.send(format!("GET /a HTTP/{version}\r\nHost: a\r\n\r\n"));
            client.until("half");
            go.send(()).unwrap();
            if version == "1.1" && !reset {
                // The client's connection stays open then: its end is no sign, and nothing to wait for.
                client.until("\r\n0\r\n\r\n");
                continue;
            }
            let (rest, was_reset) = client.rest_and_reset();
            let rest = String::from_utf8(rest).unwrap();
            let whole = if version == "1.1" { rest.ends_with("0\r\n\r\n") } else { !was_reset };
            assert_eq!(whole, !reset, "{head} {version}: {rest:?} {was_reset}");
        }
    }
}
