//! What the streams of a connection may hold together, and of the limits of connections.

use std::sync::mpsc;

use super::gate;
use crate::support::{
    App, Authority, Client, GUARD, Gate, Http2, answer,
    http2::{
        DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, Lost, REFUSED_STREAM, RST_STREAM, frame,
        list,
    },
};

/// Tells of each request, and answers when its body has come.
fn patient() -> (App, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        while let Some(head) = connection.head() {
            if head.starts_with("POST ") {
                tell.send(()).unwrap();
                connection.take(4);
            }
            connection.send(answer("200 OK", "", ""));
        }
    });
    (app, told)
}

/// A client from another address.
fn other(gate: &Gate, authority: &Authority, last: u8) -> Http2 {
    let terms =
        authority.terms_with(rustls::ALL_VERSIONS, |terms| terms.alpn_protocols = vec![b"h2".to_vec()]);
    let client = Client::tcp_from([127, 0, 0, last].into(), gate.tls_address());
    let mut client = Http2::on(client.with_tls("gate.test", &terms).unwrap());
    client.begin(&[]);
    client
}

/// A request that is under way at the app until the rest of it is sent.
fn begin(client: &mut Http2) -> u32 {
    client.request("POST", "/a", 0, &[("content-length", "4")])
}

fn finish(client: &mut Http2, stream: u32) {
    client.send(DATA, END_STREAM, stream, b"half");
    assert_eq!(client.answer(stream).unwrap().status, 200);
}

#[test]
fn a_stream_has_a_place_among_the_connections_of_its_client() {
    let (app, told) = patient();
    let (gate, authority) = gate(&app, |setup| setup.set("server.max_connections_per_client", "10"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let held: Vec<_> = (0..10).map(|_| begin(&mut client)).collect();
    held.iter().for_each(|_| told.recv_timeout(GUARD).unwrap());
    for _ in 0..3 {
        assert_eq!(client.get("/a"), Err(Lost::Reset(REFUSED_STREAM)));
    }
    Client::tcp_from([127, 0, 0, 1].into(), gate.address()).expect_close();
    assert_eq!(other(&gate, &authority, 2).get("/a").unwrap().status, 200);
    // The connection goes on, and one that ends makes room for one, whether it is the first or not.
    let mut running = held;
    for ended in [running.remove(3), running.remove(0)] {
        finish(&mut client, ended);
        running.push(begin(&mut client));
        told.recv_timeout(GUARD).unwrap();
        assert_eq!(client.get("/a"), Err(Lost::Reset(REFUSED_STREAM)));
    }
    // All places are given back.
    running.into_iter().for_each(|ended| finish(&mut client, ended));
    (0..10).for_each(|_| _ = begin(&mut client));
    (0..10).for_each(|_| told.recv_timeout(GUARD).unwrap());
}

#[test]
fn a_client_may_cancel_all_its_streams_and_begin_another_in_one_packet() {
    let (app, told) = patient();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let held: Vec<_> = (0..100).map(|_| begin(&mut client)).collect();
    held.iter().for_each(|_| told.recv_timeout(GUARD).unwrap());
    let cancelled = held.iter().flat_map(|stream| frame(RST_STREAM, 0, *stream, &8_u32.to_be_bytes()));
    let block = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ]);
    let begun = frame(HEADERS, END_STREAM | END_HEADERS, 201, &block);
    client.client.send(cancelled.chain(begun).collect::<Vec<_>>());
    assert_eq!(client.answer(201).unwrap().status, 200);
}

#[test]
fn a_client_that_goes_on_although_it_is_refused_is_ended() {
    let (app, told) = patient();
    // Beyond its own limit, and beyond that of a connection, to which the library holds it.
    for (limit, most) in [("10", 10), ("256", 100)] {
        let (gate, authority) = gate(&app, |setup| setup.set("server.max_connections_per_client", limit));
        let mut client = Http2::open(&gate, "gate.test", &authority);
        (0..most).for_each(|_| _ = begin(&mut client));
        (0..most).for_each(|_| told.recv_timeout(GUARD).unwrap());
        let mut refused = 0;
        let code = loop {
            match client.get("/a") {
                Err(Lost::Reset(code)) => assert_eq!(code, REFUSED_STREAM),
                Err(Lost::Connection(code)) => break code,
                Ok(answer) => panic!("{answer:?}"),
            }
            refused += 1;
            assert!(refused < 3000, "it goes on and on");
        };
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
        assert!(refused >= 200, "{refused}");
        assert_eq!(other(&gate, &authority, 2).get("/a").unwrap().status, 200);
    }
}

#[test]
fn a_proxy_has_as_many_streams_as_it_needs() {
    let (app, told) = patient();
    let (gate, authority) = gate(&app, |setup| {
        setup.set("server.max_connections_per_client", "10").set("server.trusted_proxies", "127.0.0.1")
    });
    let mut client = Http2::open(&gate, "gate.test", &authority);
    (0..50).for_each(|_| _ = begin(&mut client));
    (0..50).for_each(|_| told.recv_timeout(GUARD).unwrap());
    assert_eq!(client.get("/a").unwrap().status, 200);
}

#[test]
fn a_stream_has_a_place_among_all_connections() {
    let (app, told) = patient();
    let (gate, authority) = gate(&app, |setup| setup.set("server.max_connections", "6"));
    // Two that rest make room.
    let mut resting: Vec<_> = (0..2).map(|_| gate.client()).collect();
    resting.iter_mut().for_each(|client| drop(client.get("/a").expect(200)));
    let mut busy = gate.client();
    busy.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha");
    told.recv_timeout(GUARD).unwrap();
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let held: Vec<_> = (0..5).map(|_| begin(&mut client)).collect();
    held.iter().for_each(|_| told.recv_timeout(GUARD).unwrap());
    resting.iter_mut().for_each(Client::expect_close);
    assert_eq!(client.get("/a"), Err(Lost::Reset(REFUSED_STREAM)));
    gate.client().expect_close();
    busy.send("lf").response().expect(200);
    // A connection that rests again makes room for another.
    gate.client().get("/a").expect(200);
    finish(&mut client, held[1]);
    gate.client().get("/a").expect(200);
}

/// A block that says `:path` and much more by references to one entry of the table, which `is_first` makes.
fn amplified(path: &[u8], is_first: bool) -> Vec<u8> {
    let start = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", path),
        (b":authority", b"gate.test"),
    ]);
    let entry = [&[0x40, 1, b'x', 127, 0xbd, 29][..], &[b'y'; 3900]].concat();
    [&start[..], if is_first { &entry } else { &[] }, &vec![0xbe; 15 - usize::from(is_first)]].concat()
}

#[test]
fn the_heads_of_a_connection_have_a_bound_together() {
    let (tell, told) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let app = App::answering(move |request| {
        if request.target() == "/held" {
            tell.send(()).unwrap();
            let _ = gone.lock().unwrap().recv();
        }
        answer("200 OK", "", "")
    });
    let (gate, authority) =
        gate(&app, |setup| setup.set("server.max_buffer_bytes", "2mb").set("server.threads", "1"));
    let mut greedy: Vec<_> = (0..2).map(|_| Http2::open(&gate, "gate.test", &authority)).collect();
    for client in &mut greedy {
        let mut streams: Vec<_> =
            (0..10).map(|at| client.block(END_STREAM | END_HEADERS, &amplified(b"/held", at == 0))).collect();
        // Four of 58 kB are within 256 KiB.
        for refused in streams.split_off(4) {
            assert_eq!(client.answer(refused), Err(Lost::Reset(REFUSED_STREAM)));
        }
        (0..4).for_each(|_| told.recv_timeout(GUARD).unwrap());
        assert_eq!(client.get("/a").unwrap().status, 200);
    }
    gate.client().get("/a").expect(200);
    let cookie = format!("Cookie: {}\r\n", "c".repeat(6000));
    gate.client().ask("GET", "/a", &cookie, b"").expect(200);
    drop(go);
    for client in &mut greedy {
        (0..4).for_each(|at| assert_eq!(client.answer(2 * at + 1).unwrap().status, 200));
        let again = client.block(END_STREAM | END_HEADERS, &amplified(b"/a", false));
        assert_eq!(client.answer(again).unwrap().status, 200, "the bytes are given back");
    }
}

#[test]
fn an_answer_that_waits_for_a_window_holds_no_head() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| {
        setup
            .set("server.max_buffer_bytes", "1mb")
            .set("server.threads", "1")
            .set("policies.unmatched", "authenticated")
    });
    let mut client = Http2::silent(&gate, "gate.test", &authority);
    client.begin(&[(4, 0)]);
    client.opens_windows = false;
    // Twenty of them are more than all of the memory for buffers, and than those of a connection may be.
    for at in 0..20 {
        let stream = client.block(END_STREAM | END_HEADERS, &amplified(b"/a", at == 0));
        assert_eq!(client.read_until(stream, |answer| answer.status != 0).status, 401);
    }
    let cookie = format!("Cookie: {}\r\n", "c".repeat(6000));
    gate.client().ask("GET", "/a", &cookie, b"").expect(401);
    // They are sent as soon as there is room.
    client.send_settings(&[(4, 60_000)]);
    assert!(client.answer(1).unwrap().text().contains("AUTHORIZATION_REQUIRED"));
    assert_eq!(client.answer(39).unwrap().status, 401);
}
