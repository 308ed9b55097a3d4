//! TLS towards the app: its certificate is verified, and the rest is as over plain TCP.

use std::fs;

use crate::support::{App, Authority, Connection, Gate, Issued, Setup, answer, echo};

fn serve(connection: &mut Connection) {
    while let Some(request) = connection.request() {
        let body = if request.target() == "/echo" { request.body.clone() } else { Vec::new() };
        connection.send(if request.target() == "/echo" {
            answer("200 OK", "", body)
        } else {
            echo(&request)
        });
    }
}

/// The address of an app over TLS, by this name.
fn url(app: &App, host: &str) -> String {
    format!("https://{host}:{}", app.address().port())
}

/// A gate in front of it that trusts this authority.
fn gate(app: &App, host: &str, authority: &Authority, change: impl FnOnce(Setup) -> Setup) -> Gate {
    let setup = Setup::before(&url(app, host));
    let ca = setup.path("app-ca.pem");
    fs::write(&ca, authority.pem()).unwrap();
    Gate::start(change(setup.set("upstream.ca", ca.to_str().unwrap())))
}

#[test]
fn requests_go_over_tls_and_connections_are_kept() {
    let authority = Authority::new();
    let app = App::start_tls(&authority.issue(&["localhost", "127.0.0.1"]).served(None), serve);
    for host in ["127.0.0.1", "localhost"] {
        let gate = gate(&app, host, &authority, |setup| setup);
        let before = app.connections();
        let mut client = gate.client();
        for _ in 0..3 {
            client.get("/a").expect(200);
        }
        // A server sends tickets on its own account: they do not make a connection unfit.
        assert_eq!(app.connections() - before, 1, "{host}");
        let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
        assert!(client.ask("POST", "/echo", "", &body).expect(200).body == body);
    }
}

/// RFC 6066 section 3 has no addresses.
#[test]
fn the_name_of_the_server_is_sent_in_the_handshake_and_an_address_is_not() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost", "127.0.0.1"]).served(None);
    let app = App::start_tls(&issued, |connection| {
        let name = connection.server_name().unwrap_or_else(|| "none".to_owned());
        while connection.request().is_some() {
            connection.send(answer("200 OK", "", &name));
        }
    });
    for (host, sent) in [("localhost", "localhost"), ("127.0.0.1", "none")] {
        let gate = gate(&app, host, &authority, |setup| setup);
        // The client asks for `gate.test`, which is not the server's name.
        assert_eq!(gate.client().get("/a").expect(200).text(), sent);
    }
}

#[test]
fn a_certificate_that_does_not_fit_is_a_502() {
    let (authority, other) = (Authority::new(), Authority::new());
    let ended =
        authority.issue_with(&["127.0.0.1"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    for (issued, told) in [
        (other.issue(&["127.0.0.1"]), "UnknownIssuer"),
        (authority.issue(&["app.test"]), "not valid for name"),
        (ended, "expired"),
    ] {
        let app = App::start_tls(&issued.served(None), serve);
        let gate = gate(&app, "127.0.0.1", &authority, |setup| setup);
        let refused = gate.client().get("/a").expect(502);
        // The log says it: `tests/it/process/tls.rs`.
        assert!(!refused.text().contains(told), "the client is told little");
        assert!(app.requests().is_empty(), "{told}");
        gate.wait_for_metric("portcullis_upstream_errors_total{kind=\"connect\"} 1");
    }
}

#[test]
fn an_app_that_speaks_the_other_kind_is_a_502() {
    let authority = Authority::new();
    // As servers answer what is no HTTP.
    let plain = App::start(|connection| {
        connection.piece();
        connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let gate = self::gate(&plain, "127.0.0.1", &authority, |setup| setup);
    gate.client().get("/a").expect(502);
    let secure = App::start_tls(&authority.issue(&["127.0.0.1"]).served(None), serve);
    let gate = Gate::start(Setup::before(&secure.url()));
    gate.client().get("/a").expect(502);
    assert!(plain.requests().is_empty() && secure.requests().is_empty());
}

#[test]
fn the_gate_shows_its_own_certificate() {
    let (authority, of_gate) = (Authority::new(), Authority::new());
    let app = App::start_tls(&authority.issue(&["127.0.0.1"]).served(Some(&of_gate)), serve);
    let without = gate(&app, "127.0.0.1", &authority, |setup| setup);
    without.client().get("/a").expect(502);
    let with = |issued: &Issued| {
        gate(&app, "127.0.0.1", &authority, |setup| {
            issued.write(setup.path("").as_path(), "gate");
            let (cert, key) = (setup.path("gate.pem"), setup.path("gate.key"));
            setup
                .set("upstream.client_cert", cert.to_str().unwrap())
                .set("upstream.client_key", key.to_str().unwrap())
        })
    };
    with(&of_gate.issue(&[])).client().get("/a").expect(200);
    with(&authority.issue(&[])).client().get("/a").expect(502);
}

#[test]
fn an_answer_that_is_cut_is_not_taken_for_whole() {
    let authority = Authority::new();
    let app = App::start_tls(&authority.issue(&["127.0.0.1"]).served(None), |connection| {
        connection.head();
        // Without a farewell, as an attacker on the way would end it.
        connection.send("HTTP/1.1 200 OK\r\n\r\nhalf");
        connection.close();
    });
    let gate = gate(&app, "127.0.0.1", &authority, |setup| setup);
    let mut client = gate.client();
    client.send("GET /a HTTP/1.0\r\nHost: a\r\n\r\n");
    let (_, was_reset) = client.rest_and_reset();
    assert!(was_reset, "an orderly end would make it whole");
}

#[test]
fn a_health_probe_goes_over_tls() {
    let authority = Authority::new();
    let app = App::start_tls(&authority.issue(&["127.0.0.1"]).served(None), serve);
    let _gate = gate(&app, "127.0.0.1", &authority, |setup| setup.set("upstream.health_path", "/health"));
    let began = std::time::Instant::now();
    while !app.requests().iter().any(|request| request.target() == "/health") {
        assert!(began.elapsed() < crate::support::GUARD, "no probe");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn files_that_are_wrong_stop_the_start() {
    let setup = Setup::before("https://127.0.0.1:1");
    fs::write(setup.path("ca.pem"), "").unwrap();
    let ca = setup.path("ca.pem");
    let error = Gate::try_start(setup.set("upstream.ca", ca.to_str().unwrap())).err().unwrap();
    assert!(format!("{error:#}").contains("ca.pem`: the file is empty"), "{error:#}");
}
