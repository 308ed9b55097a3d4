//! Bodies stream: both ways, at any size, and no faster than the slower end takes them.

use std::{io, sync::mpsc, thread, time::Duration};

use crate::support::{App, Client, GUARD, Gate, Setup, answer};

/// A body that goes through a gate which may hold a few hundred kilobytes of it.
const LARGE: usize = 128 * 1024 * 1024;
const BLOCK: usize = 64 * 1024;

/// The bytes that the kernel may hold between two ends that do not read: its largest buffers, four times over.
const KERNEL: usize = 48 * 1024 * 1024;

/// A block that says which one it is.
fn block(number: usize) -> Vec<u8> {
    let mut block = vec![b'.'; BLOCK];
    block[..8].copy_from_slice(&number.to_be_bytes());
    block
}

/// Reads `LARGE` bytes and checks that they are the blocks, in order.
fn check(mut take: impl FnMut(usize) -> Vec<u8>) {
    for number in 0..LARGE / BLOCK {
        assert!(take(BLOCK) == block(number), "block {number}");
    }
}

#[test]
fn a_large_body_goes_up() {
    let app = App::start(|connection| {
        let head = connection.head().unwrap();
        assert!(head.contains(&format!("Content-Length: {LARGE}\r\n")), "{head}");
        check(|count| connection.take(count));
        connection.send(answer("200 OK", "", "taken"));
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    for number in 0..LARGE / BLOCK {
        client.send(block(number));
    }
    assert_eq!(client.response().expect(200).text(), "taken");
}

#[test]
fn a_large_body_comes_down() {
    let app = App::start(|connection| {
        connection.request().unwrap();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        for number in 0..LARGE / BLOCK {
            connection.send(block(number));
        }
        connection.hang();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().field("content-length"), Some(LARGE.to_string().as_str()));
    check(|count| client.take(count));
}

#[test]
fn a_large_body_goes_up_and_comes_down_in_chunks_at_once() {
    let app = App::start(|connection| {
        connection.head().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // The gate's chunks go back as they come.
        loop {
            let piece = connection.piece();
            if piece.is_empty() || !connection.send(&piece) || piece.ends_with(b"\r\n0\r\n\r\n") {
                break;
            }
        }
        connection.hang();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    let mut writer = Client::same(&client);
    let writing = thread::spawn(move || {
        writer.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for number in 0..LARGE / BLOCK / 4 {
            writer.send(format!("{BLOCK:x};ext=1\r\n")).send(block(number)).send("\r\n");
        }
        writer.send("0\r\nX-Trailer: 1\r\n\r\n");
    });
    let response = client.response().expect(200);
    writing.join().unwrap();
    assert_eq!(response.body.len(), LARGE / 4);
    for (number, found) in response.body.chunks(BLOCK).enumerate() {
        assert!(found == block(number), "block {number}");
    }
    assert_eq!(response.trailers, "", "a request's trailers are dropped");
}

/// Sends blocks until none is taken for a while: how many bytes were taken.
fn push(mut send: impl FnMut(&[u8]) -> io::Result<usize>) -> usize {
    let (block, mut taken) = (block(0), 0);
    while taken < LARGE {
        match send(&block) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error} after {taken} bytes"),
        }
    }
    taken
}

/// The idle time after which both ends count as stopped. A slow machine makes the test weaker, not wrong.
const STALL: Duration = Duration::from_millis(300);

#[test]
fn an_app_that_stops_reading_stops_the_client() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let app = App::start(move |connection| {
        connection.head().unwrap();
        may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
        assert_eq!(connection.take(LARGE).len(), LARGE);
        connection.send(answer("200 OK", "", "all of it"));
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    client.socket().set_write_timeout(Some(STALL)).unwrap();
    let taken = push(|block| io::Write::write(&mut client.socket(), block));
    assert!(taken < KERNEL, "{taken} bytes were taken although no peer reads them");
    go.send(()).unwrap();
    client.socket().set_write_timeout(Some(GUARD)).unwrap();
    client.send(vec![0; LARGE - taken]);
    assert_eq!(client.response().expect(200).text(), "all of it");
}

#[test]
fn a_client_that_stops_reading_stops_the_app() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        connection.request().unwrap();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        connection.socket().set_write_timeout(Some(STALL)).unwrap();
        let taken = push(|block| io::Write::write(&mut connection.socket(), block));
        tell.send(taken).unwrap();
        connection.socket().set_write_timeout(Some(GUARD)).unwrap();
        connection.send(vec![0; LARGE - taken]);
        connection.hang();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    let taken = told.recv_timeout(GUARD).unwrap();
    assert!(taken < KERNEL, "{taken} bytes were taken although no peer reads them");
    assert_eq!(client.response().expect(200).body.len(), LARGE);
}

#[test]
fn a_chunked_request_is_chunked_anew() {
    let app = App::start(|connection| {
        let head = connection.head().unwrap();
        assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("trailer"), "{head}");
        let body = connection.until("0\r\n\r\n").unwrap();
        connection.send(answer("200 OK", "", body));
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: Chunked\r\n\r\n");
    client.send_by_bytes("004;a=\"b\"\r\nab\r\n\r\n3\r\ncde\r\n0\r\nX-Sum: 9\r\n\r\n");
    let seen = client.response().expect(200);
    let mut plain = seen.text().replace("1\r\na\r\n1\r\nb\r\n", "2\r\nab\r\n");
    // However it was cut, these are its bytes, and there is no extension and no trailer.
    assert!(!plain.contains(['=', ';']) && !plain.contains("X-Sum"), "{plain}");
    plain.retain(|c| "abcde".contains(c));
    assert_eq!(plain, "abcde");
}

#[test]
fn an_answers_trailers_are_kept() {
    let app = App::answering(|_| {
        b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n".to_vec()
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for _ in 0..2 {
        let response = client.get("/a").expect(200);
        assert_eq!((response.text(), response.trailers.as_str()), ("abc", "X-Sum: 9\r\n"));
    }
    assert_eq!(app.connections(), 1, "a chunked answer leaves the connection clean");
}

#[test]
fn the_gate_says_continue_once_and_the_app_never_hears_of_it() {
    let app = App::start(|connection| {
        let head = connection.head().unwrap();
        assert!(!head.to_ascii_lowercase().contains("expect"), "{head}");
        // An app that says it unasked is not passed on.
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = connection.take(5);
        connection.send(answer("200 OK", "", body));
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.response().head, "HTTP/1.1 100 Continue\r\n");
    client.send("hello");
    assert_eq!(client.response().expect(200).text(), "hello");
    client.finish().expect_close();
}

#[test]
fn a_client_that_does_not_wait_for_continue_keeps_its_connection() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for framed in
        ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
    {
        client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{framed}"));
        let response = client.response().expect(200);
        assert_eq!(response.json()["body"], "hello");
        assert_eq!(response.field("connection"), None, "{}", response.head);
    }
}

#[test]
fn a_refused_upload_is_never_asked_for() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("policies.unmatched", "deny"));
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let response = client.response().expect(401);
    assert_eq!(response.field("connection"), Some("close"), "it may or may not send the body now");
    client.expect_close();
    assert_eq!(app.connections(), 0);
}

#[test]
fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        connection.head().unwrap();
        connection.send(answer("403 Forbidden", "", "enough"));
        // Bytes in flight may still arrive; then the gate closes: half a request is on this connection.
        tell.send(connection.hang()).unwrap();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nhello");
    assert_eq!(client.response().expect(403).text(), "enough");
    client.expect_close();
    assert!(told.recv_timeout(GUARD).unwrap());
}

#[test]
fn a_413_arrives_instead_of_a_reset() {
    const BODY: usize = 200_000_000;
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    let head = "POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    client.send(format!("{head}Content-Length: {BODY}\r\n\r\n"));
    let block = block(0);
    for _ in 0..BODY / BLOCK {
        client.send(&block);
    }
    client.send(vec![b'.'; BODY % BLOCK]);
    let response = client.response().expect(413);
    assert_eq!(response.json()["error"]["name"], "PayloadTooLargeError");
    client.expect_close();

    // The same in chunks, whose end is not known.
    let mut client = gate.client();
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
    for _ in 0..BODY / BLOCK / 10 {
        client.send(format!("{BLOCK:x}\r\n")).send(&block).send("\r\n");
    }
    client.send("0\r\n\r\n");
    client.response().expect(413);
    client.expect_close();
}

#[test]
fn a_small_unwanted_body_is_discarded() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("policies.unmatched", "deny"));
    let mut client = gate.client();
    for _ in 0..3 {
        client.ask("POST", "/a", "", b"never read").expect(401);
    }
    assert_eq!(app.connections(), 0);
}
