//! More clients than there are places.

use std::sync::mpsc;

use crate::support::{App, Client, GUARD, Gate, Setup, answer};

/// All waits but the one at test are far away.
fn patient(app: &App) -> Setup {
    ["server.header_timeout", "server.body_timeout", "server.write_timeout", "server.idle_timeout"]
        .iter()
        .fold(Setup::new(app), |setup, key| setup.set(key, "1h"))
}

#[test]
fn d5_who_says_nothing_has_the_time_of_a_head() {
    let app = App::echo();
    let gate = Gate::start(patient(&app).set("server.header_timeout", "200ms"));
    let mut rests = gate.client();
    rests.get("/a").expect(200);
    gate.client().expect_close();
    // Another deadline applies between two requests.
    rests.get("/a").expect(200);
    assert_eq!(gate.stop().all().iter().filter(|line| line["stream"] == "access").count(), 2);
}

#[test]
fn d5_silent_connections_make_room() {
    let app = App::echo();
    for threads in ["1", "2"] {
        let gate =
            Gate::start(patient(&app).set("server.max_connections", "40").set("server.threads", threads));
        let silent: Vec<_> = (0..60).map(|_| gate.client()).collect();
        for _ in 0..60 {
            gate.client().get("/a").expect(200);
        }
        drop(silent);
    }
}

#[test]
fn d5_the_connection_that_has_rested_longest_makes_room() {
    let app = App::echo();
    let gate = Gate::start(patient(&app).set("server.max_connections", "3"));
    let mut clients: Vec<_> = (0..3).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.get("/a").expect(200);
    }
    let mut fourth = gate.client();
    fourth.get("/a").expect(200);
    clients.remove(0).expect_close();
    for client in &mut clients {
        client.get("/a").expect(200);
    }
    fourth.get("/a").expect(200);
}

#[test]
fn d5_who_works_keeps_their_place() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        while connection.head().is_some() {
            tell.send(()).unwrap();
            connection.take(4);
            connection.send(answer("200 OK", "", ""));
        }
    });
    let gate = Gate::start(patient(&app).set("server.max_connections", "2"));
    let mut busy: Vec<_> = (0..2).map(|_| gate.client()).collect();
    for client in &mut busy {
        client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha");
        told.recv_timeout(GUARD).unwrap();
    }
    gate.client().expect_close();
    for client in &mut busy {
        client.send("lf").response().expect(200);
    }
}

#[test]
fn d5_one_client_has_256_connections_by_default_and_a_proxy_as_many_as_it_needs() {
    let app = App::echo();
    let gate = Gate::start(patient(&app));
    let held: Vec<_> = (0..256).map(|_| gate.client()).collect();
    gate.client().expect_close();
    assert!(held.iter().all(|client| client.socket().peer_addr().is_ok()));
    // Another client is not touched by it.
    Client::tcp_from("127.0.0.2".parse().unwrap(), gate.address()).get("/a").expect(200);
    for setup in [
        patient(&app).set("server.trusted_proxies", "127.0.0.0/8"),
        patient(&app).set("server.max_connections_per_client", "0"),
        patient(&app).set("server.http", "unix:gate.sock"),
    ] {
        let gate = Gate::start(setup);
        let mut held: Vec<_> = (0..300).map(|_| gate.client()).collect();
        held.first_mut().unwrap().get("/a").expect(200);
        held.last_mut().unwrap().get("/a").expect(200);
    }
}

#[test]
fn d5_a_client_beyond_its_share_evicts_no_other() {
    let app = App::echo();
    let setup =
        patient(&app).set("server.max_connections", "6").set("server.max_connections_per_client", "4");
    let gate = Gate::start(setup);
    let mut other = Client::tcp_from("127.0.0.2".parse().unwrap(), gate.address());
    other.get("/a").expect(200);
    let mut greedy: Vec<_> = (0..20).map(|_| gate.client()).collect();
    for client in greedy.iter_mut().skip(4) {
        client.expect_close();
    }
    other.get("/a").expect(200);
    for client in greedy.iter_mut().take(4) {
        client.get("/a").expect(200);
    }
}
