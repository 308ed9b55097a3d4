//! Names that disagree, plain HTTP beside TLS, and browsers that are told to stay.

use crate::support::{App, Authority, Gate, Setup, answer};

fn gate(app: &App, change: impl FnOnce(Setup) -> Setup) -> (Gate, Authority) {
    let authority = Authority::new();
    let setup = Setup::new(app).tls(&[&authority.issue(&["gate.test", "*.shop.test", "127.0.0.1"])]);
    (Gate::start(change(setup)), authority)
}

fn ask(host: &str) -> String {
    format!("GET /a?x=1 HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn a_host_that_the_handshake_was_not_for_is_misdirected() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup);
    let mut client = gate.tls_client("gate.test", &authority);
    for (host, status) in [
        ("gate.test", 200),
        ("GATE.Test:8443", 200),
        ("gate.test.", 200),
        ("a.shop.test", 421),
        ("other.test", 421),
        ("127.0.0.1", 421),
        ("gate.test", 200),
    ] {
        let got = client.send(ask(host)).response().expect(status);
        if status == 421 {
            assert_eq!(got.json()["error"]["code"], "MISDIRECTED_REQUEST", "{host}");
        }
    }
    assert_eq!(app.requests().len(), 4);
    // Without a name in the handshake there is nothing to disagree with.
    gate.tls_client("127.0.0.1", &authority).send(ask("other.test")).response().expect(200);
    gate.client().send(ask("other.test")).response().expect(200);
}

#[test]
fn a_trusted_proxy_asks_for_all_of_its_clients() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("server.trusted_proxies", "127.0.0.1"));
    gate.tls_client("gate.test", &authority).send(ask("other.test")).response().expect(200);
}

#[test]
fn over_tls_browsers_are_told_to_stay() {
    let app = App::answering(|_| answer("200 OK", "strict-transport-security: max-age=1\r\n", "x"));
    let (gate, authority) = gate(&app, |setup| setup.set("tls.hsts", "60; includesubdomains"));
    let mut client = gate.tls_client("gate.test", &authority);
    let own = client.get("/.portcullis/none").expect(404);
    let refused = client.send("GET http://x/ HTTP/1.1\r\nHost: gate.test\r\n\r\n").response().expect(400);
    let forwarded = gate.tls_client("gate.test", &authority).get("/a").expect(200);
    for answer in [own, refused, forwarded] {
        let said = answer.head.to_ascii_lowercase();
        assert_eq!(
            said.matches("strict-transport-security: max-age=60; includesubdomains\r\n").count(),
            1,
            "{said}"
        );
        assert_eq!(said.matches("strict-transport-security").count(), 1, "{said}");
    }
    // In the clear it is no word of the gate's (RFC 6797 section 7.2).
    assert_eq!(gate.client().get("/.portcullis/none").expect(404).field("strict-transport-security"), None);
    assert_eq!(gate.client().get("/a").expect(200).field("strict-transport-security"), Some("max-age=1"));
}

#[test]
fn plain_http_is_redirected_to_the_name_that_was_asked_for() {
    let app = App::echo();
    let (gate, authority) = gate(&app, |setup| setup.set("tls.redirect_http", "true"));
    let port = gate.tls_address().port();
    let mut client = gate.client();
    for (host, to) in [
        ("gate.test", format!("https://gate.test:{port}/a?x=1")),
        ("gate.test:8080", format!("https://gate.test:{port}/a?x=1")),
        ("A.shop.test", format!("https://A.shop.test:{port}/a?x=1")),
        ("127.0.0.1:1", format!("https://127.0.0.1:{port}/a?x=1")),
    ] {
        let got = client.send(ask(host)).response().expect(308);
        assert_eq!(got.field("location"), Some(&*to), "{host}");
    }
    // Nothing leads to a host that is not ours.
    client.send(ask("evil.test")).response().expect(421);
    let token = gate_token(&gate, &authority);
    for method in ["POST", "HEAD", "DELETE"] {
        let got =
            client.ask(method, "/b", &format!("Host2: x\r\nAuthorization: {token}\r\n"), b"").expect(308);
        assert!(got.field("location").unwrap().ends_with("/b"), "{method}");
    }
    assert!(app.requests().is_empty());
    gate.tls_client("gate.test", &authority).get("/a").expect(200);
}

/// Accounts are served over TLS alone.
fn gate_token(gate: &Gate, authority: &Authority) -> String {
    let user = serde_json::json!({"email": "ann@example.com", "password": "a-good-password"});
    let mut client = gate.tls_client("gate.test", authority);
    client.post_json("/api/users", "", &user).expect(200);
    let token = client.post_json("/api/users/login", "", &user).expect(200).json();
    gate.client().post_json("/api/users/login", "", &user).expect(308);
    token["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_public_name_is_where_other_names_are_sent() {
    let app = App::echo();
    let (gate, _) = gate(&app, |setup| {
        setup
            .set("tls.redirect_http", "true")
            .set("server.public_url", "https://gate.test/base")
            .set("pages.enabled", "false")
    });
    let mut client = gate.client();
    for (host, to) in [
        ("gate.test:8080", "https://gate.test/a?x=1".to_owned()),
        ("evil.test", "https://gate.test/a?x=1".to_owned()),
        ("a.shop.test", format!("https://a.shop.test:{}/a?x=1", gate.tls_address().port())),
    ] {
        let got = client.send(ask(host)).response().expect(308);
        assert_eq!(got.field("location"), Some(&*to), "{host}");
    }
}

#[test]
fn what_came_to_a_trusted_proxy_over_tls_is_served() {
    let app = App::echo();
    let (gate, _) =
        gate(&app, |setup| setup.set("tls.redirect_http", "true").set("server.trusted_proxies", "127.0.0.1"));
    let mut client = gate.client();
    client.ask("GET", "/a", "X-Forwarded-Proto: https\r\n", b"").expect(200);
    client.ask("GET", "/a", "X-Forwarded-Proto: http\r\n", b"").expect(308);
}
