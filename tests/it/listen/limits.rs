//! Limits on the size and the rate of a client's requests.

use std::time::{Duration, Instant};

use crate::support::{App, Client, GUARD, Gate, Setup, answer};

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

/// The first client of these that gets an answer.
fn first_answered(clients: &mut [Client]) -> &mut Client {
    let began = Instant::now();
    let at = loop {
        let answered = |client: &mut Client| client.is_answered_within(Duration::from_millis(5));
        if let Some(at) = clients.iter_mut().position(answered) {
            break at;
        }
        assert!(began.elapsed() < GUARD, "there is no end to the memory");
    };
    &mut clients[at]
}

#[test]
fn large_requests_have_a_bound_together_and_small_ones_go_on() {
    let app = App::echo();
    let setup = Setup::new(&app).set("server.max_buffer_bytes", "1mb").set("server.threads", "1");
    let gate = Gate::start(setup.set("limits.login_per_client", ""));
    let head = format!("GET /a HTTP/1.1\r\nHost: a\r\nX-A: {}", "a".repeat(40_000));
    let body = format!(
        "POST /api/users/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Content-Length: 90001\r\n\r\n{}",
        "a".repeat(90_000)
    );
    for unfinished in [&head, &body] {
        let mut clients: Vec<_> = (0..40).map(|_| gate.client()).collect();
        for client in &mut clients {
            // The last ones may find themselves refused already.
            let _ = client.try_send(unfinished);
        }
        let refused = first_answered(&mut clients).response().expect(503);
        assert_eq!(refused.json()["error"]["code"], "OVERLOADED");
        assert_eq!(refused.field("retry-after"), Some("1"));
        for _ in 0..3 {
            gate.client().get("/a").expect(200);
            let login = serde_json::json!({ "email": "ann@example.com", "password": "wrong" });
            gate.client().post_json("/api/users/login", "", &login).expect(401);
        }
        drop(clients);
        let began = Instant::now();
        while gate.client().send(format!("{head}\r\n\r\n")).response().status != 200 {
            assert!(began.elapsed() < GUARD, "the memory is not given back");
        }
    }
}

#[test]
fn a_large_answer_needs_no_large_buffers() {
    let large = vec![b'a'; 3_000_000];
    let app = App::answering(move |_| answer("200 OK", "", &large));
    let setup = Setup::new(&app).set("server.max_buffer_bytes", "1mb").set("server.threads", "1");
    let gate = Gate::start(setup);
    let head = format!("GET /a HTTP/1.1\r\nHost: a\r\nX-A: {}", "a".repeat(40_000));
    let mut clients: Vec<_> = (0..40).map(|_| gate.client()).collect();
    for client in &mut clients {
        let _ = client.try_send(&head);
    }
    first_answered(&mut clients).response().expect(503);
    assert_eq!(gate.client().get("/a").expect(200).body.len(), 3_000_000);
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
