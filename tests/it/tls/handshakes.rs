//! Handshakes that are slow, broken, many, or none.

use std::{sync::Arc, time::Duration};

use rustls::{CipherSuite, ClientConnection, pki_types::ServerName};

use crate::support::{App, Authority, Client, Gate, Setup};

/// The first message of a client, as it goes over the wire.
fn hello(authority: &Authority) -> Vec<u8> {
    let name = ServerName::try_from("gate.test").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(&authority.terms()), name).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_handshake_has_a_deadline() {
    let (app, authority) = (App::echo(), Authority::new());
    let setup =
        Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]).set("server.header_timeout", "200ms");
    let gate = Gate::start(setup);
    let hello = hello(&authority);
    // Nothing, a byte, half of it; and all of it, but no answer to what the gate says.
    for count in [0, 1, hello.len() / 2] {
        let mut client = Client::tcp(gate.tls_address());
        client.send(&hello[..count]);
        client.expect_close();
    }
    let mut client = Client::tcp(gate.tls_address());
    client.send(&hello);
    assert!(!client.raw_rest().is_empty(), "the gate answers, and closes all the same");
    gate.wait_for_metric("portcullis_tls_handshakes_total{result=\"failed\"} 3");
    gate.tls_client("gate.test", &authority).get("/a").expect(200);
}

#[test]
fn plain_http_is_told_what_is_spoken_here() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate = Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]));
    let mut client = Client::tcp(gate.tls_address());
    let told = client.get("/a").expect(400);
    assert_eq!(told.field("content-type"), Some("text/plain; charset=utf-8"));
    assert!(told.text().contains("write https:// instead of http://"), "{}", told.text());
    client.expect_close();
    let mut client = Client::tcp(gate.tls_address());
    assert_eq!(client.ask("HEAD", "/a", "", b"").expect(400).body, b"");
    client.expect_close();
    // The other way round.
    let mut client = gate.client();
    client.send(hello(&authority));
    let told = client.response().expect(400);
    assert!(told.text().contains("write http:// instead of https://"), "{}", told.text());
    assert!(app.requests().is_empty());
    gate.log
        .wait_for(|line| line["stream"] == "access" && line["rule"] == "plain-http" && line["status"] == 400);
}

#[test]
fn what_is_no_tls_ends_its_own_connection_alone() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate = Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]));
    let mut served = gate.tls_client("gate.test", &authority);
    served.get("/a").expect(200);
    let mut broken = hello(&authority);
    broken[5] = 0xff;
    for bytes in [
        &b"\x00\x01\x02\x03\x04\x05\x06"[..],
        b"\x16\x03\x01\xff\xff\xff\xff\xff",
        b"\x80\x2e\x01\x03\x01",
        &broken,
    ] {
        let mut client = Client::tcp(gate.tls_address());
        client.send(bytes);
        client.finish();
        client.raw_rest();
    }
    // After the handshake, too.
    let mut client = gate.tls_client("gate.test", &authority);
    std::io::Write::write_all(&mut client.socket(), b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    client.raw_rest();
    served.get("/b").expect(200);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn handshakes_of_one_client_that_hang_hold_up_no_other() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate = Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]));
    let hello = hello(&authority);
    let mut hanging: Vec<_> = (0..32)
        .map(|_| {
            let mut client = Client::tcp(gate.tls_address());
            client.send(&hello);
            client.take(1);
            client
        })
        .collect();
    let mut next = Client::tcp(gate.tls_address());
    next.send(&hello);
    assert!(!next.is_answered_within(Duration::from_millis(200)), "it waits for its turn");
    let other = Client::tcp_from("127.0.0.2".parse().unwrap(), gate.tls_address());
    let mut other = other.with_tls("gate.test", &authority.terms()).unwrap();
    other.get("/a").expect(200);
    hanging.pop();
    let mut next = next;
    next.socket().set_read_timeout(Some(crate::support::GUARD)).unwrap();
    assert_eq!(next.take(1), [0x16], "its turn has come");
}

/// It brings the handshakes of all its clients, where it passes TLS on.
#[test]
fn handshakes_of_a_trusted_proxy_do_not_wait_for_each_other() {
    let (app, authority) = (App::echo(), Authority::new());
    let setup = Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]);
    let gate = Gate::start(setup.set("server.trusted_proxies", "127.0.0.1"));
    let hello = hello(&authority);
    let _hanging: Vec<_> = (0..40)
        .map(|_| {
            let mut client = Client::tcp(gate.tls_address());
            client.send(&hello);
            assert_eq!(client.take(1), [0x16], "each is answered at once");
            client
        })
        .collect();
    gate.tls_client("gate.test", &authority).get("/a").expect(200);
}

#[test]
fn handshakes_under_way_end_with_the_gate() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate = Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]));
    let (mut silent, mut half) = (Client::tcp(gate.tls_address()), Client::tcp(gate.tls_address()));
    half.send(hello(&authority));
    half.take(1);
    gate.stop();
    silent.expect_close();
    half.raw_rest();
}

#[test]
fn the_order_of_cipher_suites_is_the_gates() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate = Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]));
    for (version, suite) in [
        (&rustls::version::TLS13, CipherSuite::TLS13_AES_128_GCM_SHA256),
        (&rustls::version::TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ] {
        // The client's list begins with AES-256.
        let terms = authority.terms_with(&[version], |_| ());
        let mut client = Client::tls(gate.tls_address(), "gate.test", &terms).unwrap();
        assert_eq!(client.session().negotiated_cipher_suite().unwrap().suite(), suite);
    }
}
