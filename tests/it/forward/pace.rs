//! Clients that are slow, but never silent.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::support::{App, Client, GUARD, Gate, Setup, answer};

/// All other waits are far away.
fn patient(app: &App) -> Setup {
    ["server.header_timeout", "server.idle_timeout", "server.write_timeout", "upstream.response_timeout"]
        .iter()
        .fold(Setup::new(app), |setup, key| setup.set(key, "1h"))
}

/// Sends a byte at a time, well within every pause, until the gate has something to say.
fn drip(client: &mut Client, byte: &[u8]) {
    for _ in 0..1000 {
        if client.try_send(byte).is_err() || client.is_answered_within(Duration::from_millis(20)) {
            break;
        }
    }
    client.socket().set_read_timeout(Some(GUARD)).unwrap();
}

#[test]
fn d6_a_body_that_drips_is_a_408() {
    let app = App::start(|connection| assert!(connection.request().is_none(), "no whole request"));
    let gate = Gate::start(patient(&app).set("server.body_timeout", "300ms"));
    for (head, byte) in [
        ("POST /a HTTP/1.1\r\nContent-Length: 1000000", &b"a"[..]),
        ("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked", b"1\r\na\r\n"),
        ("POST /api/users/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 5000", b" "),
        ("POST /api/users HTTP/1.1\r\nTransfer-Encoding: chunked", b"1\r\n \r\n"),
    ] {
        let mut client = gate.client();
        client.send(format!("{head}\r\nHost: a\r\n\r\n"));
        drip(&mut client, byte);
        let response = client.response().expect(408);
        assert_eq!(response.field("connection"), Some("close"), "{head}");
    }
}

/// Counted in bytes, as the time depends on the machine: how much of an upload is served between a request and its
/// answer on the same core.
#[test]
fn d6_an_upload_without_a_pause_leaves_the_core_to_others() {
    const MOST: usize = 24 << 20;
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let app = App::start(move |connection| {
        while let Some(head) = connection.head() {
            if head.starts_with("GET") {
                connection.send(answer("200 OK", "", "quick"));
                continue;
            }
            loop {
                let piece = connection.piece().len();
                count.fetch_add(piece, Ordering::Relaxed);
                if piece == 0 {
                    return;
                }
            }
        }
    });
    let gate = Gate::start(patient(&app).set("policies.unmatched", "allow").set("server.threads", "1"));
    let mut hog = gate.client();
    hog.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000000\r\n\r\n");
    let mut writer = Client::same(&hog);
    let writing = thread::spawn(move || while writer.try_send([b'&'; 256 << 10]).is_ok() {});
    while taken.load(Ordering::Relaxed) < 1 << 20 {
        thread::yield_now();
    }
    for _ in 0..3 {
        let before = taken.load(Ordering::Relaxed);
        gate.client().get("/quick").expect(200);
        let meanwhile = taken.load(Ordering::Relaxed) - before;
        assert!(meanwhile < MOST, "{} MiB of an upload came first", meanwhile >> 20);
    }
    hog.socket().shutdown(std::net::Shutdown::Both).unwrap();
    drop(hog);
    writing.join().unwrap();
}

#[test]
fn d6_a_body_that_keeps_the_rate_takes_its_time() {
    let app = App::answering(|request| answer("200 OK", "", request.body.len().to_string()));
    let gate = Gate::start(patient(&app).set("server.body_timeout", "100ms"));
    let mut pieces = 0;
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let piece = [b"400\r\n".as_slice(), &[b'a'; 0x400], b"\r\n"].concat();
    // Much longer than `body_timeout`, each piece well within it, and at a multiple of the rate.
    while pieces < 40 {
        client.send(&piece);
        pieces += 1;
        assert!(!client.is_answered_within(Duration::from_millis(20)), "it was ended");
    }
    client.socket().set_read_timeout(Some(GUARD)).unwrap();
    assert_eq!(client.send("0\r\n\r\n").response().expect(200).text(), (40 * 0x400).to_string());
}

#[test]
fn d6_without_a_rate_a_body_may_drip_and_an_api_body_may_not() {
    let app = App::echo();
    let gate = Gate::start(patient(&app).set("server.body_timeout", "300ms").set("server.body_min_rate", ""));
    let mut client = gate.client();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n");
    for _ in 0..39 {
        client.send("a");
        assert!(!client.is_answered_within(Duration::from_millis(20)), "it was ended");
    }
    client.socket().set_read_timeout(Some(GUARD)).unwrap();
    client.send("a").response().expect(200);
    let mut client = gate.client();
    client.send("POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
    drip(&mut client, b" ");
    client.response().expect(408);
}

#[test]
fn d6_an_answer_that_is_taken_a_byte_at_a_time_is_ended() {
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
    let setup = patient(&app).set("server.write_timeout", "500ms").set("server.body_min_rate", "100mb/s");
    let gate = Gate::start(setup);
    for target in ["/length", "/chunked"] {
        let mut client = gate.client().with_small_buffers();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        // Always something, never enough; the end is a reset.
        let error = loop {
            client.read_some(4096);
            match told.recv_timeout(Duration::from_millis(5)) {
                Ok(error) => break error,
                Err(error) => assert_eq!(error, mpsc::RecvTimeoutError::Timeout),
            }
        };
        assert_ne!(error, io::ErrorKind::WouldBlock, "{target}: the gate never let go");
    }
}

#[test]
fn d6_a_stream_that_has_little_to_say_is_not_slow() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let app = App::start(move |connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        while may_go.lock().unwrap().recv_timeout(GUARD).is_ok() {
            connection.send("data: x\n\n");
        }
    });
    let setup = patient(&app).set("server.write_timeout", "100ms").set("server.body_min_rate", "1gb/s");
    let gate = Gate::start(setup.set("server.body_timeout", "100ms"));
    let mut client = gate.client();
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().expect(200);
    for _ in 0..20 {
        assert!(!client.is_answered_within(Duration::from_millis(30)), "it was ended");
        go.send(()).unwrap();
        client.socket().set_read_timeout(Some(GUARD)).unwrap();
        client.until("data: x\n\n\r\n");
    }
    drop(go);
}
