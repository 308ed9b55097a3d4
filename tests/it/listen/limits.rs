//! Limits on the size and the rate of a client's requests.

use std::time::Instant;

use crate::support::{App, Client, GUARD, Gate, Setup};

#[test]
fn a_head_that_is_too_large_is_a_431() {
    let app = App::echo();
    let gate =
        Gate::start(Setup::new(&app).set("server.max_header_bytes", "1kb").set("server.max_headers", "5"));
    let lines = |count: usize| "X-A: 1\r\n".repeat(count);
    // `Host` is one of the five.
    gate.client().ask("GET", "/a", &lines(4), b"").expect(200);
    gate.client().ask("GET", "/a", &lines(5), b"").expect(431);
    gate.client().ask("GET", "/a", &format!("X-A: {}\r\n", "a".repeat(900)), b"").expect(200);
    gate.client().ask("GET", "/a", &format!("X-A: {}\r\n", "a".repeat(1100)), b"").expect(431);
    // One that never ends is refused before its end.
    let mut client = gate.client();
    client.send(format!("GET /a HTTP/1.1\r\nX-A: {}", "a".repeat(2000)));
    client.response().expect(431);
    client.expect_close();
    assert_eq!(app.requests().len(), 2);
}

/// Asks until a new connection is served: the gate learns of a close a little later.
fn until_served(connect: impl Fn() -> Client) -> Client {
    let began = Instant::now();
    loop {
        let mut client = connect();
        if client.try_send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").is_ok() && !client.is_closed() {
            client.response().expect(200);
            return client;
        }
        assert!(began.elapsed() < GUARD, "no connection is served any more");
    }
}

#[test]
fn connections_beyond_the_limit_of_a_client_are_closed() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("server.max_connections_per_client", "2"));
    let mut first = gate.client();
    let mut second = gate.client();
    first.get("/a").expect(200);
    second.get("/a").expect(200);
    gate.client().expect_close();
    first.get("/a").expect(200);
    drop(second);
    let _third = until_served(|| gate.client());
    gate.client().expect_close();
}

#[test]
fn too_many_requests_are_a_429_that_says_when() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("limits.requests_per_client", "3/hour"));
    let mut client = gate.client();
    for _ in 0..3 {
        client.get("/a").expect(200);
    }
    for mut client in [client, gate.client()] {
        let response = client.get("/a").expect(429);
        let wait: u64 = response.field("retry-after").unwrap().parse().unwrap();
        assert!((1..=1200).contains(&wait), "{wait}");
        assert_eq!(response.json()["error"]["code"], "TOO_MANY_REQUESTS");
        assert_eq!(response.field("connection"), None, "the connection stays");
    }
    assert_eq!(app.requests().len(), 3);
}

#[test]
fn clients_behind_a_trusted_proxy_are_told_apart() {
    let app = App::echo();
    let gate = Gate::start(
        Setup::new(&app)
            .set("limits.requests_per_client", "1/hour")
            .set("server.trusted_proxies", "127.0.0.1/32"),
    );
    let mut client = gate.client();
    for (from, status) in [("1.1.1.1", 200), ("1.1.1.1", 429), ("2.2.2.2", 200), ("3.3.3.3, 2.2.2.2", 429)] {
        client.ask("GET", "/a", &format!("X-Forwarded-For: {from}\r\n"), b"").expect(status);
    }
}
