//! Frames that cost the client little and the gate more. Each flood ends its connection, and no other.

use super::gate;
use crate::support::{
    App, Authority, Gate, Http2,
    http2::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PRIORITY,
        PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, list,
    },
};

/// More than any budget. What the gate does not read any more, it may close on.
const MANY: u32 = 3000;

/// Sends as much, as long as the gate takes it: the code of its GOAWAY.
fn flood(client: &mut Http2, mut send: impl FnMut(&mut Http2, u32) -> bool) -> Option<u32> {
    let _ = (0..MANY).find(|at| !send(client, *at));
    client.read_to_the_end()
}

fn open() -> (App, Gate, Authority) {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    (app, gate, authority)
}

#[test]
fn frames_without_content_end_the_connection() {
    let (_app, gate, authority) = open();
    let mut honest = Http2::open(&gate, "gate.test", &authority);
    let increment = 1_u32.to_be_bytes();
    let cases: [(&str, u8, u32, &[u8]); 6] = [
        ("ping", PING, 0, b"01234567"),
        ("settings", SETTINGS, 0, b""),
        ("settings that change a table", SETTINGS, 0, &[0, 1, 0, 0, 16, 0]),
        ("window update", WINDOW_UPDATE, 0, &increment),
        ("priority", PRIORITY, 1, &[0, 0, 0, 0, 1]),
        ("unknown", 0x2a, 0, b""),
    ];
    for (name, kind, stream, payload) in cases {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let code = flood(&mut client, |client, _| client.try_send(kind, 0, stream, payload));
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{name}");
        assert_eq!(honest.get("/a").unwrap().status, 200, "{name}");
    }
}

#[test]
fn empty_data_ends_the_connection() {
    let (_app, gate, authority) = open();
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("POST", "/a", 0, &[]);
    let code = flood(&mut client, |client, _| client.try_send(DATA, 0, stream, b""));
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
}

#[test]
fn a_rapid_reset_ends_the_connection() {
    let (app, gate, authority) = open();
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let fields = [
        (&b":method"[..], &b"GET"[..]),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ];
    let block = list(&fields);
    // CVE-2023-44487: begin and reset, in one packet each and in many at once.
    let code = flood(&mut client, |client, at| {
        let stream = 2 * at + 1;
        client.try_send(HEADERS, END_STREAM | END_HEADERS, stream, &block)
            && client.try_send(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
    });
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(app.requests().len() < 300, "{}", app.requests().len());
}

#[test]
fn requests_that_are_cancelled_in_one_packet_end_no_connection() {
    let (app, gate, authority) = open();
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let block = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ]);
    let cancelled = |at: u32| {
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, 2 * at + 1, &block);
        [begin, frame(RST_STREAM, 0, 2 * at + 1, &8_u32.to_be_bytes())].concat()
    };
    client.client.send((0..150).flat_map(cancelled).collect::<Vec<_>>());
    client.send(HEADERS, END_STREAM | END_HEADERS, 301, &block);
    assert_eq!(client.answer(301).unwrap().status, 200);
    assert!(app.requests().len() < 50, "{}", app.requests().len());
}

#[test]
fn a_reset_that_the_client_provokes_is_counted_as_its_own() {
    let (app, gate, authority) = open();
    let fields = [
        (&b":method"[..], &b"GET"[..]),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ];
    let block = list(&fields);
    // CVE-2025-8671: frames that are an error of a stream.
    let provoke: [(&str, u8, &[u8]); 3] = [
        ("a window of nothing", WINDOW_UPDATE, &[0; 4]),
        ("a window that overflows", WINDOW_UPDATE, &0x7fff_ffff_u32.to_be_bytes()),
        ("data after the end", DATA, b"x"),
    ];
    for (name, kind, payload) in provoke {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let before = app.requests().len();
        let code = flood(&mut client, |client, at| {
            let stream = 2 * at + 1;
            client.try_send(HEADERS, END_STREAM | END_HEADERS, stream, &block)
                && client.try_send(kind, 0, stream, payload)
        });
        assert!(matches!(code, Some(ENHANCE_YOUR_CALM | PROTOCOL_ERROR) | None), "{name}: {code:?}");
        let served = app.requests().len() - before;
        assert!(served < 400, "{name}: {served}");
    }
    // A malformed request each.
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let malformed = list(&[&fields[..], &[(b"connection", b"close")]].concat());
    let code = flood(&mut client, |client, at| {
        client.try_send(HEADERS, END_STREAM | END_HEADERS, 2 * at + 1, &malformed)
    });
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
}

#[test]
fn a_head_that_never_ends_ends_the_connection() {
    let (app, gate, authority) = open();
    let start = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ]);
    let filler = list(&[(b"x", &[b'y'; 8000])]);
    for (name, piece) in [("empty", &[][..]), ("with fields", &filler)] {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        client.block(END_STREAM, &start);
        let code = flood(&mut client, |client, _| client.try_send(CONTINUATION, 0, 1, piece));
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{name}");
    }
    assert!(app.requests().is_empty());
}

#[test]
fn a_list_that_unpacks_to_much_ends_the_connection() {
    let (app, gate, authority) = open();
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let start = list(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a"),
        (b":authority", b"gate.test"),
    ]);
    // A field of 3 kB in the table, and an index of it for each further byte.
    let entry = [&[0x40, 1, b'x', 127, 0xb9, 22][..], &[b'y'; 3000]].concat();
    let bomb = [&start[..], &entry, &[0xbe; 10_000]].concat();
    let stream = client.block(END_STREAM | END_HEADERS, &bomb);
    let _ = client.answer(stream);
    assert_eq!(client.read_to_the_end(), Some(ENHANCE_YOUR_CALM));
    assert!(app.requests().is_empty());
}
