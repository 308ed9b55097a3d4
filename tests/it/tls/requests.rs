//! A request over TLS is a request like any other; that it came over TLS is known to the app, the log, and the rules of
//! cookies.

use std::time::Duration;

use crate::support::{App, Authority, Client, Gate, Setup, answer, echo};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const ASK: &str = "GET /socket HTTP/1.1\r\nHost: gate.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A gate in front of this app, and who issued its certificate.
fn gate(app: &App, change: impl FnOnce(Setup) -> Setup) -> (Gate, Authority) {
    let authority = Authority::new();
    let setup = Setup::new(app).tls(&[&authority.issue(&["gate.test", "127.0.0.1"])]);
    (Gate::start(change(setup)), authority)
}

#[test]
fn the_app_and_the_log_know_how_it_came() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    gate.tls_client("gate.test", &authority)
        .ask("GET", "/tls", "X-Forwarded-Proto: http\r\n", b"")
        .expect(200);
    gate.client().ask("GET", "/plain", "X-Forwarded-Proto: https\r\n", b"").expect(200);
    assert_eq!(app.only_request_to("/tls").field("x-forwarded-proto"), Some("https"));
    assert_eq!(app.only_request_to("/plain").field("x-forwarded-proto"), Some("http"));
    assert_eq!(gate.log.access("/tls")["tls"], "1.3");
    assert_eq!(gate.log.access("/plain")["tls"], serde_json::Value::Null);
}

#[test]
fn a_trusted_proxy_over_tls_is_believed_what_it_says() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.trusted_proxies", "127.0.0.1"));
    for (target, lines, proto) in [
        ("/silent", "", "https"),
        ("/http", "X-Forwarded-Proto: http\r\n", "http"),
        ("/https", "X-Forwarded-Proto: https\r\n", "https"),
        ("/off", "X-Forwarded-Ssl: off\r\n", "http"),
    ] {
        gate.tls_client("gate.test", &authority).ask("GET", target, lines, b"").expect(200);
        assert_eq!(app.only_request_to(target).field("x-forwarded-proto"), Some(proto), "{target}");
    }
}

#[test]
fn a_cookie_is_good_from_the_site_as_it_is_spoken_to() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let user = gate.sign_up("ann");
    let mut client = gate.tls_client("gate.test", &authority);
    for (origin, status) in
        [("https://gate.test", 200), ("http://gate.test", 403), ("https://evil.test", 403)]
    {
        let lines = format!("Cookie: __Host-portcullis={}\r\nOrigin: {origin}\r\n", user.token);
        client.ask("POST", "/a", &lines, b"x").expect(status);
    }
}

#[test]
fn bodies_pass_whole_both_ways() {
    let app = App::answering(|request| answer("200 OK", "", &request.body));
    let (gate, authority) = gate(&app, |setup| setup);
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mut client = gate.tls_client("gate.test", &authority);
    for size in [1, 16_383, 16_384, 16_385, 40_000] {
        let got = client.ask("POST", "/a", "", &body[..size]).expect(200);
        assert!(got.body == body[..size], "{size}");
    }
    // A client that takes it in small pieces, and the kernel holds little of it.
    let slow = Client::tcp(gate.tls_address()).with_small_buffers();
    let mut slow = slow.with_tls("gate.test", &authority.terms()).unwrap();
    let got = slow.ask("POST", "/a", "", &body).expect(200);
    assert!(got.body == body);
}

#[test]
fn chunks_pass_as_they_come() {
    let app = App::start(|connection| {
        while let Some(request) = connection.request() {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
            // The rest once the client has seen that.
            if request.target() == "/a" {
                connection.until("seen");
            }
            connection.send("6\r\nsecond\r\n0\r\nX-End: 1\r\n\r\n");
        }
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = gate.tls_client("gate.test", &authority);
    let got = client.get("/b").expect(200);
    assert_eq!((got.text(), got.trailers.as_str()), ("firstsecond", "X-End: 1\r\n"));
}

#[test]
fn pieces_of_any_size_are_one_request() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = gate.tls_client("gate.test", &authority);
    // A record for each byte.
    client.send_by_bytes("GET /bytes HTTP/1.1\r\nHost: gate.test\r\n\r\n");
    client.response().expect(200);
    // A byte of the wire at a time.
    let mut client = gate.tls_client("gate.test", &authority);
    let mut wire = Vec::new();
    std::io::Write::write_all(
        &mut client.session().writer(),
        b"GET /wire HTTP/1.1\r\nHost: gate.test\r\n\r\n",
    )
    .unwrap();
    client.session().write_tls(&mut wire).unwrap();
    for byte in wire {
        std::io::Write::write_all(&mut client.socket(), &[byte]).unwrap();
    }
    client.response().expect(200);
    // Many in one piece, more than the gate reads at once.
    let many = 600;
    client.send("GET /many HTTP/1.1\r\nHost: gate.test\r\nX-Fill: 0123456789\r\n\r\n".repeat(many));
    for _ in 0..many {
        client.response().expect(200);
    }
    assert_eq!(app.requests().len(), 2 + many);
}

#[test]
fn a_websocket_passes() {
    let app = App::start(|connection| {
        connection.head();
        connection.send(SWITCH);
        // What comes goes back.
        loop {
            let piece = connection.piece();
            if piece.is_empty() || !connection.send(piece) {
                return;
            }
        }
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = gate.tls_client("gate.test", &authority);
    client.send(ASK);
    assert_eq!(client.head().status, 101);
    let frame = |size: usize| [&[0x82, 126][..], &(size as u16).to_be_bytes(), &vec![7; size]].concat();
    for size in [126, 20_000, 60_000] {
        client.send(frame(size));
        assert!(client.take(size + 4) == frame(size), "{size}");
    }
    gate.stop();
    assert_eq!(client.take(4), [0x88, 2, 0x03, 0xe9], "a close frame at the gate's end");
}

#[test]
fn a_connection_ends_with_a_farewell() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.idle_timeout", "200ms"));
    // `rest` fails where the stream ends without one.
    let mut idle = gate.tls_client("gate.test", &authority);
    idle.get("/a").expect(200);
    assert_eq!(idle.rest(), "");
    let mut last = gate.tls_client("gate.test", &authority);
    last.ask("GET", "/a", "Connection: close\r\n", b"").expect(200);
    assert_eq!(last.rest(), "");
    let mut refused = gate.tls_client("gate.test", &authority);
    refused.send("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    refused.response().expect(400);
    assert_eq!(refused.rest(), "");
}

#[test]
fn an_answer_that_was_cut_has_none() {
    let app = App::start(|connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\n\r\nhalf");
        connection.reset();
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = gate.tls_client("gate.test", &authority);
    client.send("GET /a HTTP/1.0\r\nHost: gate.test\r\n\r\n");
    client.head();
    let rest = client.try_rest();
    assert!(rest.is_err(), "an orderly end would make it whole: {rest:?}");
}

#[test]
fn a_client_that_ends_its_half_gets_its_answer() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = gate.tls_client("gate.test", &authority);
    client.send("GET /a HTTP/1.1\r\nHost: gate.test\r\n\r\n").finish();
    client.response().expect(200);
    assert_eq!(client.rest(), "");
}

#[test]
fn records_of_a_client_that_rests_do_not_keep_it() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.idle_timeout", "400ms"));
    let mut client = gate.tls_client("gate.test", &authority);
    client.get("/a").expect(200);
    // A record that never ends, a byte now and then.
    let mut socket = client.socket().try_clone().unwrap();
    let began = std::time::Instant::now();
    let head = [0x17, 3, 3, 0x40, 0];
    let mut sent = 0;
    while began.elapsed() < crate::support::GUARD {
        let byte = head.get(sent).copied().unwrap_or(0);
        if std::io::Write::write_all(&mut socket, &[byte]).is_err() {
            break;
        }
        sent += 1;
        if client.is_answered_within(Duration::from_millis(50)) {
            break;
        }
    }
    assert!(began.elapsed() < crate::support::GUARD, "the gate closed in the end");
}

#[test]
fn without_plain_http_there_is_tls_alone() {
    let app = App::answering(echo);
    let (gate, authority) = gate(&app, |setup| setup.set("server.http", ""));
    gate.tls_client("127.0.0.1", &authority).get("/a").expect(200);
    let user = serde_json::json!({"email": "ann@example.com", "password": "a-good-password"});
    gate.tls_client("gate.test", &authority).post_json("/api/users", "", &user).expect(200);
}
