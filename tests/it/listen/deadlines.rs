//! Clients that are slow or say nothing.

use std::time::Duration;

use crate::support::{App, GUARD, Gate, Setup};

#[test]
fn a_head_that_drips_is_a_408_and_a_close() {
    let app = App::echo();
    let gate =
        Gate::start(Setup::new(&app).set("server.header_timeout", "300ms").set("server.idle_timeout", "1h"));
    let mut client = gate.client();
    for byte in "GET /a HTTP/1.1\r\nX-Slow: ".bytes().chain(std::iter::repeat(b'a')) {
        // Each byte is well in time for a deadline that counted from the last one.
        if client.try_send([byte]).is_err() || client.is_answered_within(Duration::from_millis(10)) {
            break;
        }
    }
    client.socket().set_read_timeout(Some(GUARD)).unwrap();
    let response = client.response().expect(408);
    assert_eq!(response.json()["error"]["code"], "REQUEST_TIMEOUT");
    assert_eq!(response.field("connection"), Some("close"));
    client.expect_close();
    assert_eq!(app.connections(), 0);
}

#[test]
fn the_deadline_of_a_head_counts_for_each_request_anew() {
    let app = App::echo();
    let gate =
        Gate::start(Setup::new(&app).set("server.header_timeout", "300ms").set("server.idle_timeout", "1h"));
    let mut client = gate.client();
    for _ in 0..2 {
        client.get("/a").expect(200);
        // Silence between requests is not the head's time: another connection's head goes over it meanwhile.
        let mut other = gate.client();
        other.send("GET");
        other.response().expect(408);
    }
    client.get("/a").expect(200);
    // The same holds for half of a pipelined second request.
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n");
    client.response().expect(200);
    client.response().expect(408);
    client.expect_close();
}

#[test]
fn a_connection_that_rests_too_long_is_closed_without_a_word() {
    let app = App::echo();
    let gate =
        Gate::start(Setup::new(&app).set("server.idle_timeout", "200ms").set("server.header_timeout", "1h"));
    gate.client().expect_close();
    let mut client = gate.client();
    client.get("/a").expect(200);
    client.expect_close();
    assert_eq!(gate.stop().all().iter().filter(|line| line["stream"] == "access").count(), 1);
}

#[test]
fn a_client_that_half_closes_before_a_head_is_forgotten() {
    let app = App::echo();
    let gate = Gate::open(&app);
    for sent in ["", "G", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = gate.client();
        client.send(sent).finish().expect_close();
    }
    assert_eq!(app.connections(), 0);
}
