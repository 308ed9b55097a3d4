//! What HTTP/2 can say and HTTP/1 cannot: never another line of a head, never another request.

use super::gate;
use crate::support::{
    App, Http2,
    http2::{
        Answer, COMPRESSION_ERROR, DATA, END_HEADERS, END_STREAM, Ended, HEADERS, HTTP_1_1_REQUIRED, Lost,
        PROTOCOL_ERROR, REFUSED_STREAM, list,
    },
};

/// The payloads of DATA frames.
type Pieces = &'static [&'static [u8]];
type Fields<'f> = &'f [(&'f [u8], &'f [u8])];

const USUAL: [(&[u8], &[u8]); 4] =
    [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/a"), (b":authority", b"gate.test")];

/// The usual request with this instead, or in addition.
fn with<'f>(changes: Fields<'f>) -> Vec<(&'f [u8], &'f [u8])> {
    let mut fields = USUAL.to_vec();
    for change in changes {
        match fields.iter_mut().find(|(name, _)| *name == change.0 && name[0] == b':') {
            Some(field) => field.1 = change.1,
            None => fields.push(*change),
        }
    }
    fields
}

/// Whether nothing of this was served: a 4xx of the gate with this check, or an error of the stream or the connection.
fn refused(ended: &Ended) -> String {
    match ended {
        Ok(Answer { status: 400..500, .. }) => {
            let answer = ended.as_ref().unwrap();
            let text = answer.text();
            let check = text
                .rsplit_once('(')
                .and_then(|(_, rest)| rest.split_once(')'))
                .map_or("", |(check, _)| check);
            format!("{} {check}", answer.status)
        }
        Ok(answer) => panic!("{answer:?}"),
        Err(Lost::Reset(PROTOCOL_ERROR)) => "reset".to_owned(),
        Err(Lost::Connection(Some(PROTOCOL_ERROR | COMPRESSION_ERROR))) => "goaway".to_owned(),
        Err(lost) => panic!("{lost:?}"),
    }
}

/// What is never served, and how it is refused: by the gate, or by an error of the stream or of the connection.
const REFUSED: &[(&str, Fields<'static>)] = &[
    ("goaway", &[(b"x", b"a\r\nx-user-id: 1")]),
    ("goaway", &[(b"x", b"a\nb")]),
    ("goaway", &[(b"x", b"a\rb")]),
    ("goaway", &[(b"x", b"a\0b")]),
    ("goaway", &[(b"x", b"a\x7fb")]),
    ("goaway", &[(b"x\r\ny", b"a")]),
    ("goaway", &[(b"x: y\r\nz", b"a")]),
    ("goaway", &[(b"x:", b"a")]),
    ("goaway", &[(b"x y", b"a")]),
    ("goaway", &[(b"", b"a")]),
    ("goaway", &[(b"X-Upper", b"a")]),
    ("goaway", &[(b"x\xff", b"a")]),
    ("goaway", &[(b":method", b"GET /b HTTP/1.1\r\nx:")]),
    ("goaway", &[(b":method", b"GET /b")]),
    ("goaway", &[(b":method", b"")]),
    ("goaway", &[(b":other", b"a")]),
    ("reset", &[(b":path", b"/a HTTP/1.1\r\nx: y\r\n\r\n")]),
    ("reset", &[(b":path", b"/a b")]),
    ("reset", &[(b":path", b"/a\tb")]),
    ("reset", &[(b":path", b"/a\0b")]),
    ("reset", &[(b":path", b"")]),
    ("reset", &[(b":path", b"http://gate.test/a")]),
    ("reset", &[(b":path", b"a")]),
    ("400 origin-form", &[(b":path", b"*")]),
    ("400 origin-form", &[(b":method", b"OPTIONS"), (b":path", b"*")]),
    ("400 origin-form", &[(b":path", b"?a")]),
    ("400 fragment", &[(b":path", b"/a#b")]),
    ("400 fragment", &[(b":path", b"#")]),
    ("400 fragment", &[(b":path", b"/a?b#c")]),
    ("400 non-ascii-byte", &[(b":path", "/ä".as_bytes())]),
    ("goaway", &[(b":path", b"/\xe4")]),
    ("400 backslash", &[(b":path", b"/a\\b")]),
    ("reset", &[(b":authority", b"gate.test\r\nx: y")]),
    ("reset", &[(b":authority", b"gate.test/a")]),
    ("reset", &[(b":authority", b"")]),
    ("400 invalid-host", &[(b":authority", b"a@gate.test")]),
    ("400 invalid-host", &[(b":authority", b"gate.test,other.test")]),
    ("400 authority-and-host", &[(b"host", b"other.test")]),
    ("400 authority-and-host", &[(b"host", b"gate.test:443")]),
    ("400 duplicate-host", &[(b"host", b"gate.test"), (b"host", b"gate.test")]),
    ("400 scheme", &[(b":scheme", b"http")]),
    ("400 scheme", &[(b":scheme", b"HTTPS")]),
    ("400 scheme", &[(b":scheme", b"")]),
    ("400 value-blanks", &[(b"x", b" a")]),
    ("400 value-blanks", &[(b"x", b"a\t")]),
    ("400 value-blanks", &[(b"cookie", b"a=1 ")]),
    ("reset", &[(b"connection", b"close")]),
    ("reset", &[(b"connection", b"x-user-id")]),
    ("reset", &[(b"keep-alive", b"timeout=5")]),
    ("reset", &[(b"proxy-connection", b"close")]),
    ("reset", &[(b"transfer-encoding", b"chunked")]),
    ("reset", &[(b"upgrade", b"websocket")]),
    ("reset", &[(b"te", b"gzip")]),
    ("reset", &[(b"te", b"trailers, gzip")]),
    ("reset", &[(b":status", b"200")]),
    ("405 method-not-allowed", &[(b":method", b"TRACE")]),
    ("400 method", &[(b":method", b"get")]),
    ("400 method", &[(b":method", b"G'T")]),
    ("417 expect", &[(b"expect", b"200-ok")]),
    ("400 folded-header-name", &[(b"x_user_id", b"1")]),
];

#[test]
fn what_could_become_another_line_is_refused() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.max_header_bytes", "8kB"));
    for (expected, changes) in REFUSED {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let stream = client.block(END_STREAM | END_HEADERS, &list(&with(changes)));
        let shown: Vec<_> =
            changes.iter().map(|(name, value)| (name.escape_ascii(), value.escape_ascii())).collect();
        assert_eq!(&refused(&client.answer(stream)), expected, "{shown:?}");
        if *expected != "goaway" {
            assert_eq!(client.get("/next").unwrap().status, 200, "{shown:?}");
        }
    }
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("GET", &format!("/{}", "a".repeat(9000)), END_STREAM, &[]);
    assert_eq!(refused(&client.answer(stream)), "431 head-too-large");
    assert!(app.requests().iter().all(|request| request.target() == "/next"));
}

#[test]
fn a_path_for_http_1_alone_is_asked_for_there() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let mut asked = |path: &str| {
        let stream = client.request("GET", path, END_STREAM, &[]);
        client.answer(stream).map(|answer| answer.status)
    };
    for path in [r#"/a?filter={"where":1}"#, "/a?<b>", "/a?b>c", "/<a>"] {
        assert_eq!(asked(path).unwrap_err(), Lost::Reset(HTTP_1_1_REQUIRED), "{path}");
        assert_eq!(asked("/next").unwrap(), 200);
    }
    // Of these HTTP/1.1 takes none.
    for path in ["/a b", "a"] {
        assert_eq!(asked(path).unwrap_err(), Lost::Reset(PROTOCOL_ERROR), "{path}");
    }
    for path in ["/a?b={c}|^`", "/a?b='c'"] {
        assert_eq!(asked(path).unwrap(), 200, "{path}");
    }
    // What was refused before says nothing of the stream after it.
    let stream = client.request("POST", r#"/a?b="c""#, 0, &[]);
    assert_eq!(client.answer(stream).unwrap_err(), Lost::Reset(HTTP_1_1_REQUIRED));
    let stream = client.request("GET", "/a", END_STREAM, &[("te", "gzip")]);
    assert_eq!(client.answer(stream).unwrap_err(), Lost::Reset(PROTOCOL_ERROR));
}

#[test]
fn pseudo_fields_come_once_and_first() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let lists: Vec<Vec<(&[u8], &[u8])>> = vec![
        USUAL[1..].to_vec(),
        [&USUAL[..1], &USUAL[2..]].concat(),
        [&USUAL[..2], &USUAL[3..]].concat(),
        [&USUAL[..], &USUAL[..1]].concat(),
        [&USUAL[..], &[(b":path", b"/b")]].concat(),
        [&USUAL[..3], &[(b"x", b"1")], &USUAL[3..]].concat(),
        vec![(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/a")],
    ];
    for (at, fields) in lists.iter().enumerate() {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let stream = client.block(END_STREAM | END_HEADERS, &list(fields));
        let expected = if at + 1 == lists.len() { "400 missing-host" } else { "reset" };
        assert_eq!(refused(&client.answer(stream)), expected, "{at}");
    }
    assert!(app.requests().is_empty());
}

#[test]
fn a_plain_connect_opens_nothing() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.headers(0, &[(":method", "CONNECT"), (":authority", "gate.test:443")]);
    assert_eq!(refused(&client.answer(stream)), "405 method-not-allowed");
    assert!(app.requests().is_empty());
}

#[test]
fn the_length_is_that_of_the_data() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    const CASES: &[(&[&str], Pieces, &str)] = &[
        (&["3"], &[b"abcd"], "reset"),
        (&["3"], &[b"ab"], "reset"),
        (&["0"], &[b"a"], "reset"),
        (&["3"], &[], "reset"),
        (&["3", "4"], &[b"abc"], "reset"),
        (&["3", "3"], &[b"abc"], "400 duplicate-content-length"),
        (&["+3"], &[b"abc"], "reset"),
        (&["0x3"], &[b"abc"], "reset"),
        (&["3,3"], &[b"abc"], "reset"),
    ];
    for (lengths, pieces, expected) in CASES {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let fields: Vec<_> = lengths.iter().map(|length| ("content-length", *length)).collect();
        let stream = client.request("POST", "/a", if pieces.is_empty() { END_STREAM } else { 0 }, &fields);
        for (at, piece) in pieces.iter().enumerate() {
            client.send(DATA, if at + 1 == pieces.len() { END_STREAM } else { 0 }, stream, piece);
        }
        assert_eq!(refused(&client.answer(stream)), *expected, "{lengths:?} {pieces:?}");
        client.ping();
    }
    assert!(app.requests().is_empty(), "{:?}", app.requests());
}

#[test]
fn a_body_is_whole_when_its_stream_has_ended() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    for length in ["3", "0"] {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let stream = client.request("POST", "/a", 0, &[("content-length", length)]);
        client.send(DATA, 0, stream, &b"abc"[..length.parse().unwrap()]);
        // Another request is served meanwhile, so this one has been read as far as it has come.
        assert_eq!(client.get("/next").unwrap().status, 200);
        client.send(DATA, END_STREAM, stream, b"d");
        assert_eq!(client.answer(stream), Err(Lost::Reset(PROTOCOL_ERROR)), "{length}");
    }
    assert!(app.requests().iter().all(|request| request.target() == "/next"), "{:?}", app.requests());
}

#[test]
fn trailers_hold_no_pseudo_fields() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    for trailers in [&[(&b":path"[..], &b"/admin"[..])][..], &[(b"x", b"1"), (b":method", b"DELETE")]] {
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let stream = client.request("POST", "/a", 0, &[]);
        client.send(DATA, 0, stream, b"abc");
        client.send(HEADERS, END_STREAM | END_HEADERS, stream, &list(trailers));
        assert_eq!(client.answer(stream), Err(Lost::Connection(Some(PROTOCOL_ERROR))));
    }
    // Trailers that do not end the stream are malformed, too.
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("POST", "/a", 0, &[]);
    client.send(HEADERS, END_HEADERS, stream, &list(&[(b"x", b"1")]));
    assert_eq!(client.answer(stream), Err(Lost::Reset(PROTOCOL_ERROR)));
    assert!(app.requests().is_empty(), "{:?}", app.requests());
}

#[test]
fn heads_are_as_large_as_in_http_1() {
    let app = App::echo();
    let (gate, authority) =
        gate(&app, |setup| setup.set("server.max_header_bytes", "8kB").set("server.max_headers", "50"));
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let large = |size: usize| "x".repeat(size);
    let fits = large(7000);
    let stream = client.request("GET", "/fits", END_STREAM, &[("x", &fits)]);
    assert_eq!(client.answer(stream).unwrap().status, 200);
    let above = large(8160);
    let stream = client.request("GET", "/a", END_STREAM, &[("x", &above)]);
    assert_eq!(refused(&client.answer(stream)), "431 head-too-large");
    let many = vec![("x", "1"); 50];
    let stream = client.request("GET", "/a", END_STREAM, &many);
    assert_eq!(refused(&client.answer(stream)), "431 too-many-fields");
    // Far above, h2 answers by itself.
    let far = large(15_000);
    let stream = client.request("GET", "/a", END_STREAM, &[("x", &far)]);
    assert_eq!(client.answer(stream).unwrap().status, 431);
    assert_eq!(client.get("/fits").unwrap().status, 200);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn more_streams_than_agreed_are_refused() {
    let app = App::start(|connection| {
        connection.head();
        connection.hang();
    });
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let streams: Vec<_> = (0..103).map(|_| client.request("GET", "/a", END_STREAM, &[])).collect();
    for stream in &streams[100..] {
        assert_eq!(client.answer(*stream), Err(Lost::Reset(REFUSED_STREAM)));
    }
    client.ping();
}

#[test]
fn a_head_request_that_is_refused_has_an_answer_without_a_body() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    for change in [(&b":path"[..], &b"/a#b"[..]), (b":scheme", b"http"), (b"x_user_id", b"1")] {
        let changes = [(&b":method"[..], &b"HEAD"[..]), change];
        let stream = client.block(END_STREAM | END_HEADERS, &list(&with(&changes)));
        let answer = client.answer(stream).unwrap();
        assert_eq!((answer.status, answer.text()), (400, ""), "{change:?}");
        assert!(answer.field("content-length").is_some_and(|length| length != "0"));
    }
    assert_eq!(client.get("/a").unwrap().status, 200);
}
