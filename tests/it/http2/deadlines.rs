//! A client that is slow, or silent, holds nothing for longer than over HTTP/1.

use std::time::Instant;

use super::gate;
use crate::support::{
    App, GUARD, Http2,
    http2::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, INTERNAL_ERROR, Lost,
        NO_ERROR, frame, list,
    },
};

#[test]
fn a_connection_without_streams_ends_in_its_time() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.idle_timeout", "300ms"));
    let mut idle = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(idle.get("/a").unwrap().status, 200);
    assert_eq!(idle.read_to_the_end(), Some(NO_ERROR));
    // A PING now and then is no request.
    let mut pinging = Http2::open(&gate, "gate.test", &authority);
    let began = Instant::now();
    while pinging.try_send(crate::support::http2::PING, 0, 0, b"01234567") && pinging.read_one().is_some() {
        assert!(began.elapsed() < GUARD);
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_begins_nothing_ends_in_the_time_of_a_head() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.header_timeout", "300ms"));
    let mut silent = Http2::silent(&gate, "gate.test", &authority);
    assert_eq!(silent.read_to_the_end(), None, "it said no preface");
    let mut idle = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(idle.read_to_the_end(), Some(NO_ERROR));
}

#[test]
fn a_head_has_its_time() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.header_timeout", "300ms"));
    let start = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ]);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    // From here on, it might rest for longer.
    assert_eq!(client.get("/a").unwrap().status, 200);
    client.block(END_STREAM, &start);
    assert_eq!(client.read_to_the_end(), Some(ENHANCE_YOUR_CALM));
    // In time it is a request.
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.block(END_STREAM, &start[..20]);
    client.send(CONTINUATION, END_HEADERS, stream, &start[20..]);
    assert_eq!(client.answer(stream).unwrap().status, 200);
}

#[test]
fn a_list_that_begins_no_stream_buys_no_time() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.idle_timeout", "300ms"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    assert_eq!(client.get("/a").unwrap().status, 200);
    // The library refuses it by itself: 200 times, and then it ends the connection with another code.
    let malformed = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
        (b"connection", b"close"),
    ]);
    for stream in (3..).step_by(2) {
        assert!(stream < 380, "it goes on and on");
        if !client.try_send(HEADERS, END_STREAM, stream, &malformed[..20]) {
            break;
        }
        // The gate may see a part of the list. No frame may come between, so nothing can tell when it has; and the rounds
        // have to outlast the idle time.
        std::thread::sleep(std::time::Duration::from_millis(5));
        if !client.try_send(CONTINUATION, END_HEADERS, stream, &malformed[20..])
            || matches!(client.answer(stream), Err(Lost::Connection(_)))
        {
            break;
        }
    }
    // It has ended for its time, and not for what it sent; the last frame may be lost.
    let code = client.read_to_the_end();
    assert!(matches!(code, None | Some(NO_ERROR)), "{code:?}");
}

#[test]
fn a_body_has_its_time() {
    let app = App::answering(|request| crate::support::answer("200 OK", "", &request.body));
    let (gate, authority) = gate(&app, |setup| setup.set("server.body_timeout", "300ms"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let slow = client.request("POST", "/a", 0, &[("content-length", "10")]);
    client.send(DATA, 0, slow, b"half");
    assert_eq!(client.answer(slow).unwrap().status, 408);
    // The connection goes on.
    assert_eq!(client.post("/a", &[], b"whole").unwrap().text(), "whole");
}

#[test]
fn a_window_that_stays_shut_ends_the_stream() {
    let app = App::answering(|_| crate::support::answer("200 OK", "", vec![b'x'; 200_000]));
    let (gate, authority) = gate(&app, |setup| setup.set("server.write_timeout", "500ms"));
    for window in [0, 1, 60_000] {
        let mut client = Http2::silent(&gate, "gate.test", &authority);
        client.begin(&[(4, window)]);
        client.opens_windows = false;
        let stream = client.request("GET", "/a", END_STREAM, &[]);
        assert_eq!(client.answer(stream), Err(Lost::Reset(INTERNAL_ERROR)), "{window}");
        assert_eq!(client.so_far(stream).body.len(), window as usize);
    }
    // The window of the connection, with streams that all wait for it.
    let mut client = Http2::open(&gate, "gate.test", &authority);
    client.opens_windows = false;
    let streams: Vec<_> = (0..50).map(|_| client.request("GET", "/a", END_STREAM, &[])).collect();
    for stream in streams {
        assert_eq!(client.answer(stream), Err(Lost::Reset(INTERNAL_ERROR)));
    }
}

#[test]
fn a_client_that_reads_nothing_is_closed() {
    let app = App::answering(|_| crate::support::answer("200 OK", "", vec![b'x'; 4_000_000]));
    let (gate, authority) = gate(&app, |setup| {
        setup.set("server.write_timeout", "500ms").set("server.max_connections_per_client", "20")
    });
    let terms =
        authority.terms_with(rustls::ALL_VERSIONS, |terms| terms.alpn_protocols = vec![b"h2".to_vec()]);
    let client = crate::support::Client::tcp(gate.tls_address()).with_small_buffers();
    let mut client = Http2::on(client.with_tls("gate.test", &terms).unwrap());
    client.begin(&[(4, 0x7fff_ffff)]);
    client.send(crate::support::http2::WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes());
    // In one piece, so that the first ones do not end before the last ones are sent.
    let ask = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ]);
    let asks: Vec<_> = (0..20).map(|at| frame(HEADERS, END_STREAM | END_HEADERS, 2 * at + 1, &ask)).collect();
    client.client.send(asks.concat());
    client.client.wait_for_reset();
    // Its streams had all places of the client, and give them back.
    let began = Instant::now();
    while crate::support::Client::tls(gate.tls_address(), "gate.test", &terms).is_err() {
        assert!(began.elapsed() < GUARD);
        std::thread::yield_now();
    }
}

#[test]
fn a_window_that_is_made_smaller_keeps_no_connection() {
    let app = App::answering(|_| crate::support::answer("200 OK", "", vec![b'x'; 20_000]));
    let (gate, authority) =
        gate(&app, |setup| setup.set("server.write_timeout", "500ms").set("server.idle_timeout", "500ms"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    client.opens_windows = false;
    for at in 0..20 {
        client.request("GET", &format!("/{at}"), END_STREAM, &[]);
        client.send_settings(&[(4, 0)]);
    }
    client.read_to_the_end();
}
