//! The end: what runs is finished, nothing new begins.

use std::{
    net::TcpStream,
    sync::{Mutex, mpsc},
    thread,
    time::Instant,
};

use crate::support::{App, Client, GUARD, Gate, Setup, answer};

/// Waits until the port is closed.
fn until_refused(address: std::net::SocketAddr) {
    let began = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(began.elapsed() < GUARD, "it still takes connections");
        thread::yield_now();
    }
}

#[test]
fn a_request_under_way_is_finished() {
    let (tell, told) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.line().contains("/slow") {
                tell.send(()).unwrap();
                may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
            }
            connection.send(answer("200 OK", "", "done"));
        }
    });
    let gate = Gate::start(Setup::new(&app).set("server.shutdown_grace", "1h").set("server.threads", "2"));
    let address = gate.address();
    let (mut idle, mut fresh, mut busy) = (gate.client(), gate.client(), gate.client());
    idle.get("/a").expect(200);
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    told.recv_timeout(GUARD).unwrap();
    let mut admin = gate.admin();
    admin.get("/readyz").expect(200);
    let stopping = thread::spawn(move || gate.stop());
    idle.expect_close();
    fresh.expect_close();
    until_refused(address);
    let told = admin.get("/readyz").expect(503);
    assert!(told.text().contains("not ready"), "{}", told.text());
    admin.get("/healthz").expect(200);
    assert!(!stopping.is_finished());
    go.send(()).unwrap();
    assert_eq!(busy.response().expect(200).text(), "done");
    busy.finish().expect_close();
    let log = stopping.join().unwrap();
    let paths: Vec<_> = log.all().iter().map(|line| line["path"].clone()).collect();
    assert!(paths.contains(&"/slow".into()), "the last lines are written: {paths:?}");
    assert_eq!(app.requests().len(), 2, "what was behind it in the queue is not begun");
}

#[test]
fn the_rest_is_cut_when_the_grace_is_over() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        connection.request().unwrap();
        tell.send(false).unwrap();
        tell.send(connection.hang()).unwrap();
    });
    let gate = Gate::start(Setup::new(&app).set("server.shutdown_grace", "100ms"));
    let mut client = gate.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    told.recv_timeout(GUARD).unwrap();
    gate.stop();
    client.expect_close();
    assert!(told.recv_timeout(GUARD).unwrap(), "the app's connection is closed, too");
}

#[test]
fn a_stopped_gate_leaves_its_port_to_the_next() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("server.threads", "2"));
    let address = gate.address();
    let mut client = gate.client();
    client.get("/a").expect(200);
    gate.stop();
    client.expect_close();
    let gate = Gate::start(Setup::new(&app).set("server.http", &address.to_string()));
    gate.client().get("/a").expect(200);
}

#[test]
fn e6_until_others_have_seen_that_it_is_not_ready_it_serves_and_says_that_connections_end() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("server.drain_delay", "1h"));
    let address = gate.address();
    let mut admin = gate.admin();
    let mut clients: Vec<_> = (0..4).map(|_| gate.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/a").expect(200).field("connection"), None);
    }
    // It waits for an hour: the end of the test is its end.
    thread::spawn(move || gate.stop());
    let began = Instant::now();
    while admin.get("/readyz").status == 200 {
        assert!(began.elapsed() < GUARD, "it is still ready");
    }
    while Client::tcp(address).get("/a").expect(200).field("connection").is_none() {
        assert!(began.elapsed() < GUARD, "connections do not end");
    }
    for target in ["/a", "/.portcullis/none", "/api/users/1"] {
        let mut client = clients.pop().unwrap();
        let response = client.get(target);
        assert_eq!(response.field("connection"), Some("close"), "{}", response.head);
        client.finish().expect_close();
    }
    // One that rests is left in peace: its next request would be lost.
    clients.pop().unwrap().get("/a").expect(200);
}

#[test]
fn e6_after_the_delay_the_listener_is_closed() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("server.drain_delay", "300ms"));
    let address = gate.address();
    let mut rests = gate.client();
    rests.get("/a").expect(200);
    let stopping = thread::spawn(move || gate.stop());
    rests.expect_close();
    until_refused(address);
    stopping.join().unwrap();
}

#[test]
fn e6_an_answer_that_has_an_end_is_no_whole_one_when_the_grace_is_over() {
    let app = App::start(|connection| {
        let events = connection.request().unwrap().line().contains("/events");
        let kind = if events { "text/event-stream; charset=utf-8" } else { "text/plain" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send(format!("{head}5\r\nbegun\r\n"));
        connection.hang();
    });
    let gate = Gate::start(Setup::new(&app).set("server.shutdown_grace", "200ms"));
    let mut clients: Vec<_> = ["/events", "/text"]
        .iter()
        .map(|target| {
            let mut client = gate.client();
            client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            client.until("5\r\nbegun\r\n");
            client
        })
        .collect();
    let stopping = thread::spawn(move || gate.stop());
    assert_eq!(clients.remove(0).rest(), "0\r\n\r\n");
    assert_eq!(clients.remove(0).rest(), "");
    stopping.join().unwrap();
}
