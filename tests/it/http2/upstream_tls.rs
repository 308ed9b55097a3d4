//! HTTP/2 towards the app over TLS: `h2://` in `servers`, which ALPN has to choose.

use std::{fs, sync::Arc};

use serde_json::json;

use super::{gate_before, stream_both_ways};
use crate::support::{
    App, Authority, GUARD, Gate, Http2, Issued, Setup, answer,
    http2::{DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, frame},
    http2_app::Http2App,
};

/// A gate in front of a server at this address that trusts this authority.
fn gate(upstream: &str, authority: &Authority, change: impl FnOnce(Setup) -> Setup) -> Gate {
    Gate::start(change(trusting(Setup::before(upstream), authority)))
}

fn trusting(setup: Setup, authority: &Authority) -> Setup {
    let ca = setup.path("app-ca.pem");
    fs::write(&ca, authority.pem()).unwrap();
    setup.set("upstream.ca", ca.to_str().unwrap())
}

fn showing(setup: Setup, issued: &Issued) -> Setup {
    issued.write(setup.path("").as_path(), "gate");
    let (cert, key) = (setup.path("gate.pem"), setup.path("gate.key"));
    setup
        .set("upstream.client_cert", cert.to_str().unwrap())
        .set("upstream.client_key", key.to_str().unwrap())
}

#[test]
fn requests_share_a_connection_and_say_https() {
    let authority = Authority::new();
    let app = Http2App::start_tls(&authority.issue(&["127.0.0.1"]).served(None));
    let gate = gate(&app.url(), &authority, |setup| setup.set("server.threads", "1"));
    let got = gate.client().get("/a?b").expect(200).json();
    assert_eq!(
        (&got["method"], &got["scheme"], &got["authority"], &got["target"]),
        (&json!("GET"), &json!("https"), &json!("gate.test"), &json!("/a?b"))
    );
    assert_eq!(gate.log.access("/a")["upstream"], json!(app.address.to_string()));
    let mut client = gate.client();
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mirrored = client.ask("POST", "/mirror", "", &body).expect(200);
    assert!(mirrored.body == body && mirrored.trailers == "x-end: 1\r\n", "{}", mirrored.trailers);
    client.ask("POST", "/refuse", "", b"x").expect(200);
    assert_eq!(client.get("/length").expect(200).body.len(), 100_000);
    assert_eq!(app.connections(), 1, "one connection for all");
}

#[test]
fn both_directions_stream_at_once() {
    let authority = Authority::new();
    let app = Http2App::start_tls(&authority.issue(&["127.0.0.1"]).served(None));
    let (gate, of_gate) = gate_before(&app.url(), |setup| trusting(setup, &authority));
    stream_both_ways(&mut Http2::open(&gate, "gate.test", &of_gate));
}

#[test]
fn the_server_is_asked_for_by_its_name() {
    let authority = Authority::new();
    let app = Http2App::start_tls(&authority.issue(&["localhost", "127.0.0.1"]).served(None));
    for (host, asked) in [("localhost", Some("localhost".to_owned())), ("127.0.0.1", None)] {
        let url = format!("h2://{host}:{}", app.address.port());
        let gate = gate(&url, &authority, |setup| setup.set("upstream.host", "server"));
        let got = gate.client().get("/a").expect(200).json();
        assert_eq!(got["authority"], json!(format!("{host}:{}", app.address.port())));
        assert_eq!(app.names().last(), Some(&asked));
    }
}

#[test]
fn a_certificate_that_does_not_fit_is_a_502() {
    let (authority, other) = (Authority::new(), Authority::new());
    for issued in [other.issue(&["127.0.0.1"]), authority.issue(&["app.test"])] {
        let app = Http2App::start_tls(&issued.served(None));
        let gate = gate(&app.url(), &authority, |setup| setup);
        gate.client().get("/a").expect(502);
        gate.wait_for_metric("portcullis_upstream_errors_total{kind=\"connect\"} 1");
        assert!(app.names().is_empty(), "no handshake ends well");
    }
}

#[test]
fn the_gate_shows_its_own_certificate() {
    let (authority, of_gate) = (Authority::new(), Authority::new());
    let app = Http2App::start_tls(&authority.issue(&["127.0.0.1"]).served(Some(&of_gate)));
    gate(&app.url(), &authority, |setup| setup).client().get("/a").expect(502);
    let with = |issued: &Issued| gate(&app.url(), &authority, |setup| showing(setup, issued));
    with(&of_gate.issue(&[])).client().get("/a").expect(200);
    with(&authority.issue(&[])).client().get("/a").expect(502);
}

#[test]
fn an_app_that_does_not_choose_the_version_in_servers_is_a_502() {
    let authority = Authority::new();
    let issued = authority.issue(&["127.0.0.1"]).served(None);
    let serving = |protocols: &[&[u8]]| {
        let mut terms = (*issued).clone();
        terms.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        App::start_tls(&terms.into(), |connection| {
            while connection.request().is_some() {
                connection.send(answer("200 OK", "", b""));
            }
        })
    };
    // By an alert, and by no choice at all.
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let app = serving(protocols);
        let gate = gate(&format!("h2://{}", app.address()), &authority, |setup| setup);
        gate.client().get("/a").expect(502);
        gate.wait_for_metric("portcullis_upstream_errors_total{kind=\"connect\"} 1");
        assert!(app.requests().is_empty());
    }
    // The other way round. An app that offers both gets what `servers` says.
    let app = Http2App::start_tls(&issued);
    let gate = gate(&format!("https://{}", app.address), &authority, |setup| setup);
    gate.client().get("/a").expect(502);
    let app = serving(&[b"h2", b"http/1.1"]);
    let gate = self::gate(&format!("https://{}", app.address()), &authority, |setup| setup);
    gate.client().get("/a").expect(200);
    assert_eq!(app.requests().len(), 1, "in HTTP/1.1");
}

#[test]
fn probes_and_owner_look_ups_go_there_too() {
    let authority = Authority::new();
    let app = Http2App::start_tls(&authority.issue(&["127.0.0.1"]).served(None));
    let policy = r#"{"name": "Note", "routes": [{"path": "/notes/{id}"}],
        "owner": {"lookup": "/rows/{id}", "field": "/ownerId"},
        "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                 {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#;
    let gate = gate(&app.url(), &authority, |setup| {
        setup.policy("note.json", policy).set("upstream.health_path", "/health").set("server.threads", "1")
    });
    assert_eq!(app.told.recv_timeout(GUARD), Ok("probed"));
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = gate.client();
    let mut read =
        |token: &str| client.ask("GET", "/notes/1", &format!("Authorization: {token}\r\n"), b"").status;
    assert_eq!((read(&ann.token), read(&bob.token)), (200, 403));
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_proxy_header_comes_before_the_handshake() {
    let authority = Authority::new();
    let mut terms = (*authority.issue(&["127.0.0.1"]).served(None)).clone();
    terms.alpn_protocols = vec![b"h2".to_vec()];
    let terms = Arc::new(terms);
    let app = App::start(move |connection| {
        let line = connection.until("\r\n").unwrap();
        assert!(connection.secure(&terms));
        connection.take(24);
        connection.send(frame(SETTINGS, 0, 0, b""));
        loop {
            let head = connection.take(9);
            let [_, high, low, kind, _, stream @ ..] = &head[..] else { return };
            connection.take(usize::from(*high) << 8 | usize::from(*low));
            if *kind == HEADERS {
                let stream = u32::from_be_bytes(stream.try_into().unwrap());
                connection.send(frame(HEADERS, END_HEADERS, stream, &[0x88]));
                connection.send(frame(DATA, END_STREAM, stream, line.as_bytes()));
            }
        }
    });
    let gate = gate(&format!("h2://{}", app.address()), &authority, |setup| {
        setup.set("upstream.send_proxy_protocol", "v1")
    });
    let mut client = gate.client();
    let own = client.socket().local_addr().unwrap().as_socket().unwrap();
    let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", own.port(), gate.address().port());
    for _ in 0..2 {
        assert_eq!(client.get("/a").expect(200).text(), expected);
    }
    assert_eq!(app.connections(), 1);
}
