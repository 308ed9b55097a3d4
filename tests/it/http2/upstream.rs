//! HTTP/2 towards the app in the clear, by prior knowledge; and gRPC through it.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::json;

use super::{gate_before, has_module, stream_both_ways};
use crate::{
    process::support::finish,
    support::{
        App, Authority, GUARD, Gate, Http2, Setup,
        http2::{DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INTERNAL_ERROR, Lost, SETTINGS, frame},
        http2_app::Http2App,
    },
};

#[test]
fn a_request_is_one_of_http_2() {
    let app = Http2App::start();
    let gate = Gate::start(Setup::before(&app.url()));
    let lines =
        "X-One: 1\r\nCookie: a=1; b=2\r\nConnection: x-two\r\nX-Two: 2\r\nX-User-Id: 7\r\nTE: trailers\r\n";
    let got = gate.client().ask("GET", "/a/b?c={d}", lines, b"").expect(200).json();
    assert_eq!(
        (&got["method"], &got["scheme"], &got["authority"], &got["target"]),
        (&json!("GET"), &json!("http"), &json!("gate.test"), &json!("/a/b?c={d}"))
    );
    let field = |name: &str| {
        let fields = got["fields"].as_array().unwrap();
        fields.iter().find(|field| field[0] == name).map(|field| field[1].as_str().unwrap().to_owned())
    };
    assert_eq!((field("x-one").as_deref(), field("cookie").as_deref()), (Some("1"), Some("a=1; b=2")));
    assert_eq!(field("x-forwarded-host").as_deref(), Some("gate.test"));
    assert_eq!(field("te").as_deref(), Some("trailers"));
    for gone in ["x-two", "x-user-id", "connection", "host", "transfer-encoding"] {
        assert_eq!(field(gone), None, "{gone}");
    }
    assert_eq!(gate.log.access("/a/b")["upstream"], json!(app.address.to_string()));
}

#[test]
fn every_kind_of_answer_has_its_end() {
    let app = Http2App::start();
    let gate = Gate::start(Setup::before(&app.url()));
    let mut client = gate.client();
    assert_eq!(client.get("/length").expect(200).body.len(), 100_000);
    let only = client.get("/trailers-only").expect(200);
    assert_eq!((only.field("grpc-status"), only.field("content-length")), (Some("5"), Some("0")));
    assert_eq!(client.get("/empty").expect(204).field("content-length"), None);
    assert_eq!(client.ask("HEAD", "/a", "", b"").status, 200);
    client.send("GET /hints HTTP/1.1\r\nHost: gate.test\r\n\r\n");
    assert_eq!(client.response().expect(103).field("link"), Some("</a>"));
    client.response().expect(200);
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mirrored = client.ask("POST", "/mirror", "", &body).expect(200);
    assert!(mirrored.body == body && mirrored.trailers == "x-end: 1\r\n", "{}", mirrored.trailers);
    assert_eq!(app.connections(), 1, "one connection for all");
}

#[test]
fn requests_share_a_connection_and_none_waits_for_another() {
    let app = Http2App::start();
    let (gate, authority) = gate_before(&app.url(), |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let waiting: Vec<_> = (0..20).map(|_| client.request("GET", "/wait", END_STREAM, &[])).collect();
    (0..20).for_each(|_| assert_eq!(app.told.recv(), Ok("begun")));
    // Answers that are not read hold up no other, either.
    client.opens_windows = false;
    for _ in 0..10 {
        client.request("GET", "/length", END_STREAM, &[]);
    }
    client.opens_windows = true;
    assert_eq!(gate.client().get("/a").expect(200).json()["target"], "/a");
    assert_eq!(app.connections(), 1);
    // A client that leaves ends the work for it.
    for stream in waiting {
        client.send(crate::support::http2::RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }
    (0..20).for_each(|_| assert_eq!(app.told.recv(), Ok("ended")));
}

#[test]
fn both_directions_stream_at_once() {
    let app = Http2App::start();
    let (gate, authority) = gate_before(&app.url(), |setup| setup);
    stream_both_ways(&mut Http2::open(&gate, "gate.test", &authority));
}

#[test]
fn an_answer_that_is_cut_is_never_whole() {
    let app = Http2App::start();
    let (gate, authority) = gate_before(&app.url(), |setup| setup);
    let mut client = Http2::open(&gate, "gate.test", &authority);
    let stream = client.request("POST", "/cut", 0, &[]);
    client.read_until(stream, |answer| answer.body == b"half");
    client.send(DATA, END_STREAM, stream, b"");
    assert_eq!(client.answer(stream), Err(Lost::Reset(INTERNAL_ERROR)));
    let mut old = gate.client();
    old.send("POST /cut HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    old.until("half\r\n");
    old.send("0\r\n\r\n");
    let (rest, _) = old.rest_and_reset();
    assert!(!String::from_utf8_lossy(&rest).ends_with("0\r\n\r\n"), "{}", rest.escape_ascii());
    assert_eq!(client.get("/error").unwrap().status, 502);
    assert_eq!(client.get("/a").unwrap().status, 200, "the connection goes on");
    assert_eq!(app.connections(), 1);
}

#[test]
fn what_the_app_has_not_seen_is_sent_again_once() {
    let app = Http2App::start();
    let gate = Gate::start(Setup::before(&app.url()));
    let mut client = gate.client();
    client.get("/a").expect(200);
    // A POST, because the app says that nothing has happened.
    client.ask("POST", "/refuse", "", b"x").expect(200);
    client.get("/refuse/always").expect(502);
    // It may have done something, so only what is idempotent is sent again.
    client.get("/leave").expect(200);
    assert_eq!(app.connections(), 2, "the one that was left, and a new one");
    let app = Http2App::start();
    let gate = Gate::start(Setup::before(&app.url()));
    gate.client().ask("POST", "/leave", "", b"x").expect(502);
}

#[test]
fn an_app_that_asks_for_calm_is_asked_on_another_connection() {
    let app = Http2App::start();
    let gate = Gate::start(Setup::before(&app.url()));
    let mut client = gate.client();
    client.get("/a").expect(200);
    client.get("/calm").expect(200);
    assert_eq!(app.connections(), 2, "one that has no room, and a new one");
}

#[test]
fn a_connection_that_the_app_leaves_gets_no_more_requests() {
    // It leaves before it has seen any request; the next connection answers.
    let app = App::start(|connection| {
        connection.take(24);
        connection.send(frame(SETTINGS, 0, 0, b""));
        loop {
            let head = connection.take(9);
            let Some(&kind) = head.get(3) else { return };
            connection.take(usize::from(head[1]) << 8 | usize::from(head[2]));
            match kind {
                HEADERS if connection.number == 0 => {
                    connection.send(frame(GOAWAY, 0, 0, &[0; 8]));
                }
                HEADERS => {
                    connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x88]));
                }
                _ => {}
            }
        }
    });
    let gate = Gate::start(Setup::before(&format!("h2c://{}", app.address())));
    gate.client().ask("POST", "/a", "", b"x").expect(200);
    assert_eq!(app.connections(), 2);
}

#[test]
fn a_connection_that_answers_nothing_in_time_gets_no_more_requests() {
    let app = Http2App::start();
    let gate = Gate::start(Setup::before(&app.url()).set("upstream.response_timeout", "300ms"));
    let mut client = gate.client();
    client.get("/wait").expect(504);
    client.get("/a").expect(200);
    assert_eq!(app.connections(), 2);
    let began = Instant::now();
    while app.ended() < 1 {
        assert!(began.elapsed() < GUARD, "the connection is not closed");
        client.get("/a").expect(200);
    }
    assert_eq!((app.connections(), app.ended()), (2, 1));
}

#[test]
fn probes_and_requests_share_a_connection() {
    let app = Http2App::start();
    let setup = Setup::before(&app.url()).set("upstream.health_path", "/health").set("server.threads", "1");
    let gate = Gate::start(setup);
    for _ in 0..3 {
        assert_eq!(app.told.recv_timeout(GUARD), Ok("probed"));
        gate.client().get("/a").expect(200);
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_request_that_http_2_cannot_say_is_nobodys_failure() {
    let (one, two) = (Http2App::start(), Http2App::start());
    let setup = Setup::before(&format!("{},{}", one.url(), two.url())).set("server.threads", "1");
    let gate = Gate::start(setup);
    let mut client = gate.client();
    for path in [r#"/a?b="c""#, "/a?<b>", "/<a>"] {
        for _ in 0..6 {
            client.get(path).expect(502);
        }
    }
    // Neither is passed over.
    let served = (0..8).map(|at| {
        client.get(&format!("/{at}")).expect(200);
        gate.log.access(&format!("/{at}"))["upstream"].to_string()
    });
    assert_eq!(served.collect::<std::collections::BTreeSet<_>>().len(), 2);
}

#[test]
fn an_app_that_speaks_another_http_is_a_502() {
    let app = App::echo();
    let address = app.address();
    let gate = Gate::start(Setup::before(&format!("h2c://{address}")));
    gate.client().get("/a").expect(502);
    let gate = Gate::start(Setup::before(&format!("http://{}", Http2App::start().address)));
    gate.client().get("/a").expect(502);
}

#[test]
fn an_owner_is_looked_up_there_too() {
    let app = Http2App::start();
    let policy = r#"{"name": "Note", "routes": [{"path": "/notes/{id}"}],
        "owner": {"lookup": "/rows/{id}", "field": "/ownerId"},
        "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                 {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#;
    let gate = Gate::start(Setup::before(&app.url()).policy("note.json", policy));
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = gate.client();
    let mut read =
        |token: &str| client.ask("GET", "/notes/1", &format!("Authorization: {token}\r\n"), b"").status;
    assert_eq!((read(&ann.token), read(&bob.token)), (200, 403));
    assert_eq!(app.connections(), 1);
}

#[test]
fn grpc_passes_whole() {
    if !has_module("grpc", "grpcio") {
        return;
    }
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/http2/grpc");
    for is_tls in [false, true] {
        let of_app = Authority::new();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("app-ca.pem");
        fs::write(&ca, of_app.pem()).unwrap();
        of_app.issue(&["127.0.0.1"]).write(folder.path(), "app");
        let mut server = Command::new("python3");
        server.arg(scripts.join("server.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        if is_tls {
            server.args(["app.key", "app.pem"].map(|file| folder.path().join(file)));
        }
        let mut server = server.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        let upstream = format!("{}://127.0.0.1:{}", if is_tls { "h2" } else { "h2c" }, port.trim());
        let (gate, authority) = gate_before(&upstream, |setup| {
            if is_tls { setup.set("upstream.ca", ca.to_str().unwrap()) } else { setup }
        });
        fs::write(gate.path("ca.pem"), authority.pem()).unwrap();
        let mut client = Command::new("python3");
        client.arg(scripts.join("client.py"));
        client.arg(gate.tls_address().port().to_string()).arg(gate.path("ca.pem"));
        let done = finish(client, "");
        drop(server.stdin.take());
        server.wait().unwrap();
        assert_eq!(done.ok().trim(), "done", "{upstream}");
    }
}
