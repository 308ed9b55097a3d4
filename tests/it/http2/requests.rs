//! A request over HTTP/2 is a request like any other.

use std::sync::mpsc;

use serde_json::json;

use super::gate;
use crate::support::{
    App, Http2, Setup, answer,
    http2::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INTERNAL_ERROR, Lost, NO_ERROR, RST_STREAM,
        WINDOW_UPDATE, list,
    },
};

/// Answers with the body of the request.
fn mirror() -> App {
    App::answering(|request| answer("200 OK", "X-Mirror: 1\r\n", &request.body))
}

#[test]
fn a_request_is_one_for_the_app_and_in_the_log() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("tls.hsts", "86400"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request(
        "GET",
        "/a/b?c={d}|^`",
        END_STREAM,
        &[
            ("x-one", "1"),
            ("cookie", "a=1"),
            ("x-forwarded-proto", "http"),
            ("cookie", "b=2"),
            ("x-user-id", "7"),
        ],
    );
    let answer = client.answer(stream).unwrap();
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")));
    assert!(answer.field("strict-transport-security").unwrap().contains("max-age=86400"));
    assert!(answer.field("content-length").is_some() && answer.field("connection").is_none());
    let request = app.only_request();
    assert_eq!(request.line(), "GET /a/b?c={d}|^` HTTP/1.1");
    assert_eq!(request.field("host"), Some("gate.test"));
    assert_eq!(request.field("cookie"), Some("a=1; b=2"));
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!((request.field("x-one"), request.field("x-user-id")), (Some("1"), None));
    let line = gate.log.access("/a/b");
    assert_eq!(
        (&line["tls"], &line["status"], &line["client"]),
        (&json!("1.3"), &json!(200), &json!("127.0.0.1"))
    );
}

#[test]
fn a_host_alone_names_the_host() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let usual = [(":method", "GET"), (":scheme", "https"), (":path", "/a")];
    let stream = client.headers(END_STREAM, &[&usual[..], &[("host", "gate.test")]].concat());
    assert_eq!(client.answer(stream).unwrap().status, 200);
    assert_eq!(app.only_request().field("host"), Some("gate.test"));
    // In another letter case it is the same, and `:authority` counts.
    let stream = client.request("GET", "/b", END_STREAM, &[("host", "GATE.test")]);
    assert_eq!(client.answer(stream).unwrap().status, 200);
    assert_eq!(app.only_request_to("/b").field("host"), Some("gate.test"));
    // A request for another host is for another connection.
    let other = [(":method", "GET"), (":scheme", "https"), (":path", "/c"), (":authority", "other.test")];
    let stream = client.headers(END_STREAM, &other);
    assert_eq!(client.answer(stream).unwrap().status, 421);
}

#[test]
fn bodies_pass_whole_both_ways() {
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    for size in [0, 1, 16_383, 16_384, 60_000] {
        for with_length in [true, false] {
            let length = size.to_string();
            let fields = [("content-length", length.as_str())];
            let stream = client.request("POST", "/a", 0, if with_length { &fields } else { &[] });
            for piece in body[..size].chunks(10_000) {
                client.send(DATA, 0, stream, piece);
            }
            client.send(DATA, END_STREAM, stream, b"");
            let got = client.answer(stream).unwrap();
            assert!(got.status == 200 && got.body == body[..size], "{size} {with_length}");
        }
    }
    // More than any window.
    let stream = client.request("POST", "/large", 0, &[]);
    let (mut window, mut sent) = (i64::from(client.settings[&4]), 0);
    while sent < body.len() {
        while window < 10_000 {
            let frame = client.read_one().unwrap();
            // The window of the connection is larger.
            if frame.kind == WINDOW_UPDATE && frame.stream == stream {
                window += i64::from(u32::from_be_bytes(frame.payload.try_into().unwrap()));
            }
        }
        client.send(DATA, 0, stream, &body[sent..sent + 10_000]);
        (sent, window) = (sent + 10_000, window - 10_000);
    }
    client.send(DATA, END_STREAM, stream, b"");
    assert!(client.answer(stream).unwrap().body == body);
}

#[test]
fn many_streams_at_once_are_answered_each_with_its_own() {
    let app = App::answering(|request| answer("200 OK", "", request.target()));
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(client.settings[&3], 100, "SETTINGS_MAX_CONCURRENT_STREAMS");
    for round in 0..3 {
        let streams: Vec<_> = (0..100)
            .map(|at| (at, client.request("GET", &format!("/{round}/{at}"), END_STREAM, &[])))
            .collect();
        for (at, stream) in streams.into_iter().rev() {
            assert_eq!(client.answer(stream).unwrap().text(), format!("/{round}/{at}"));
        }
    }
}

#[test]
fn every_kind_of_answer_has_its_end() {
    let app = App::start(|connection| {
        while let Some(request) = connection.request() {
            connection.send(match request.target() {
                "/chunked" => {
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-end\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-End: 1\r\n\r\n"
                }
                "/empty" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/same" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"x\"\r\n\r\n",
                "/hints" => {
                    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\nok"
                }
                "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
                "/none" => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\n\r\nto the end",
            });
            if request.target() == "/close" {
                return;
            }
        }
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let got = client.get("/chunked").unwrap();
    assert_eq!((got.text(), &got.trailers[..]), ("abcde", &[("x-end".to_owned(), "1".to_owned())][..]));
    assert_eq!(got.field("transfer-encoding"), None);
    assert_eq!(client.get("/empty").unwrap().status, 204);
    let same = client.get("/same").unwrap();
    assert_eq!((same.status, same.field("content-length"), same.body.len()), (304, Some("7"), 0));
    let hints = client.get("/hints").unwrap();
    assert_eq!((hints.interim.as_slice(), hints.text(), hints.field("keep-alive")), (&[103][..], "ok", None));
    let stream = client.request("HEAD", "/head", END_STREAM, &[]);
    let head = client.answer(stream).unwrap();
    assert_eq!((head.field("content-length"), head.body.len()), (Some("1234"), 0));
    assert_eq!(client.get("/none").unwrap().body.len(), 0);
    let close = client.get("/close").unwrap();
    assert_eq!((close.text(), close.field("content-length")), ("to the end", None));
}

#[test]
fn an_answer_that_is_cut_is_never_whole() {
    let app = App::start(|connection| {
        let head = connection.head().unwrap_or_default();
        if head.contains("/chunked") {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n");
        } else {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!");
        }
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    for path in ["/chunked", "/length"] {
        let stream = client.request("GET", path, END_STREAM, &[]);
        assert_eq!(client.answer(stream), Err(Lost::Reset(INTERNAL_ERROR)), "{path}");
        assert!(!client.so_far(stream).is_whole);
    }
    // The connection goes on.
    client.ping();
}

#[test]
fn a_client_that_waits_for_100_gets_it() {
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("POST", "/a", 0, &[("expect", "100-continue"), ("content-length", "3")]);
    client.read_until(stream, |answer| answer.interim == [100]);
    client.send(DATA, END_STREAM, stream, b"abc");
    assert_eq!(client.answer(stream).unwrap().text(), "abc");
}

#[test]
fn an_early_answer_ends_the_upload() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("api.body_limit", "1kB"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    for fields in [
        &[("content-type", "application/json"), ("content-length", "100000")][..],
        &[("content-type", "application/json")],
    ] {
        let stream = client.request("POST", "/api/users/login", 0, fields);
        if fields.len() == 1 {
            client.send(DATA, 0, stream, &[b' '; 2000]);
        }
        let got = client.answer(stream).unwrap();
        assert_eq!(got.status, 413, "{}", got.text());
        assert_eq!(client.read_until(stream, |answer| answer.reset.is_some()).reset, Some(NO_ERROR));
    }
    // One that ends its request after the answer gets no reset, which some clients take for a loss of the answer.
    let stream = client.request("POST", "/api/users/login", 0, &[("content-length", "2000")]);
    assert_eq!(client.answer(stream).unwrap().status, 413);
    client.send(DATA, END_STREAM, stream, &[b' '; 2000]);
    client.ping();
    assert_eq!(client.so_far(stream).reset, None);
    assert_eq!(client.get("/a").unwrap().status, 200);
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn a_login_and_its_end_are_as_ever() {
    let (told, ended) = mpsc::channel();
    let app = App::start(move |connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        connection.hang();
        told.send(()).unwrap();
    });
    let (gate, authority) = gate(&app, |setup| setup.set("policies.unmatched", "authenticated"));
    let user = gate.sign_up("ann");
    let mut client = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(client.get("/a").unwrap().status, 401);
    let token = user.token.as_str();
    let stream = client.request("GET", "/events", END_STREAM, &[("authorization", token)]);
    client.read_until(stream, |answer| answer.body == b"data: 1\n\n");
    let logout = client.request("POST", "/api/users/logout", END_STREAM, &[("authorization", token)]);
    assert_eq!(client.answer(logout).unwrap().status, 204);
    // Within a second of its token the stream ends, and the app's connection; the client's does not.
    assert_eq!(client.answer(stream), Err(Lost::Reset(INTERNAL_ERROR)));
    ended.recv().unwrap();
    assert_eq!(client.get("/a").unwrap().status, 401);
}

#[test]
fn a_client_that_resets_its_stream_ends_the_work_for_it() {
    let (told, ended) = mpsc::channel();
    let app = App::start(move |connection| {
        let Some(head) = connection.head() else { return };
        if head.starts_with("GET /quick") {
            connection.send(answer("200 OK", "", "quick"));
            return;
        }
        told.send("begun").unwrap();
        connection.hang();
        told.send("ended").unwrap();
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("GET", "/slow", END_STREAM, &[]);
    assert_eq!(ended.recv(), Ok("begun"));
    client.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    assert_eq!(ended.recv(), Ok("ended"));
    assert_eq!(client.get("/quick").unwrap().text(), "quick");
    // The end of the connection ends all of them.
    client.request("GET", "/slow", END_STREAM, &[]);
    assert_eq!(ended.recv(), Ok("begun"));
    drop(client);
    assert_eq!(ended.recv(), Ok("ended"));
}

#[test]
fn trailers_of_a_request_are_dropped() {
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("POST", "/a", 0, &[]);
    client.send(DATA, 0, stream, b"abc");
    // The app's side of the tests asserts that there are none.
    client.send(HEADERS, END_STREAM | END_HEADERS, stream, &list(&[(b"x-user-id", b"1")]));
    assert_eq!(client.answer(stream).unwrap().text(), "abc");
}

#[test]
fn trailers_of_a_request_are_checked_as_in_http_1() {
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    for name in ["content-length", "host", "trailer"] {
        let stream = client.request("POST", "/a", 0, &[]);
        client.send(DATA, 0, stream, b"abc");
        client.send(HEADERS, END_STREAM | END_HEADERS, stream, &list(&[(name.as_bytes(), b"3")]));
        let answer = client.answer(stream).unwrap();
        assert_eq!(answer.status, 400, "{name}");
        assert!(answer.text().contains("(trailer-name)"), "{name}: {}", answer.text());
    }
}

#[test]
fn at_its_end_the_gate_lets_streams_end() {
    let (told, begun) = mpsc::channel();
    let (go, gone) = mpsc::channel();
    let gone = std::sync::Mutex::new(gone);
    let app = App::start(move |connection| {
        connection.head();
        told.send(()).unwrap();
        gone.lock().unwrap().recv().unwrap();
        connection.send(answer("200 OK", "", "whole"));
    });
    let (gate, authority) = gate(&app, |setup: Setup| setup.set("server.shutdown_grace", "30s"));
    let mut idle = Http2::open(&gate, "gate.test", &authority);
    idle.ping();
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("GET", "/a", END_STREAM, &[]);
    begun.recv().unwrap();
    let stopping = std::thread::spawn(move || gate.stop());
    // A client without streams is told at once, and let go.
    assert_eq!(idle.read_to_the_end(), Some(NO_ERROR));
    while client.read_one().unwrap().kind != crate::support::http2::GOAWAY {}
    go.send(()).unwrap();
    assert_eq!(client.answer(stream).unwrap().text(), "whole");
    assert_eq!(client.read_to_the_end(), Some(NO_ERROR));
    stopping.join().unwrap();
}

#[test]
fn a_new_certificate_ends_no_connection() {
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(client.post("/a", &[], b"before").unwrap().text(), "before");
    let issued = authority.issue(&["gate.test"]);
    issued.write(&gate.path(""), "0");
    gate.reload().unwrap();
    assert_eq!(client.post("/a", &[], b"after").unwrap().text(), "after");
    let mut fresh = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(fresh.client.shown(), issued.der);
}

#[test]
fn one_head_is_as_large_as_the_setting_says() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.max_header_bytes", "1mb"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let large = vec![b'a'; 10_000];
    let mut fields: Vec<(&[u8], &[u8])> =
        vec![(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/a"), (b":authority", b"gate.test")];
    fields.extend((0..40).map(|_| (&b"x-a"[..], &large[..])));
    let block = list(&fields);
    let pieces: Vec<_> = block.chunks(16_000).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let flags = if at + 1 == pieces.len() { END_HEADERS } else { 0 };
        match at {
            0 => client.send(HEADERS, END_STREAM | flags, 1, piece),
            _ => client.send(CONTINUATION, flags, 1, piece),
        };
    }
    assert_eq!(client.answer(1).unwrap().status, 200);
    assert!(app.only_request().head.len() > 400_000);
}
