//! Clients that would fill the log.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
};

use serde_json::Value;

use super::support::{DEADLINE, Gate, House, wait_until};
use crate::support::App;

/// The lines of the log whose message holds `text`.
fn lines(gate: &Gate, text: &str) -> Vec<Value> {
    let log = gate.log();
    log.lines().filter(|line| line.contains(text)).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(gate: &Gate, text: &str, key: &str) -> u64 {
    lines(gate, text).iter().map(|line| line[key].as_u64().unwrap()).sum()
}

/// Connects, and sees the gate close.
fn is_refused(to: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(to).unwrap();
    matches!(stream.read(&mut [0]), Ok(0) | Err(_))
}

#[test]
fn d8_refused_connections_are_told_once_a_second_with_their_number() {
    let house = House::new();
    let (tell, told) = mpsc::channel();
    // A client that waits for its answer keeps its place.
    let app = App::start(move |connection| {
        if connection.head().is_some() {
            tell.send(()).unwrap();
        }
        connection.hang();
    });
    for (key, setting) in [
        ("server.max_connections_per_client", "server.max_connections_per_client=1"),
        ("server.max_connections", "server.max_connections=1"),
    ] {
        let gate = Gate::start(house.command(&format!(
            "serve --set {setting} --set upstream.servers={} --set server.shutdown_grace=100ms",
            app.url()
        )));
        let text = format!("`{key}`");
        let mut first = TcpStream::connect(gate.http.0).unwrap();
        first.write_all(b"GET /about HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        told.recv_timeout(DEADLINE).unwrap();
        for _ in 0..300 {
            assert!(is_refused(gate.http.0));
        }
        wait_until("all are told", || (count(&gate, &text, "count") >= 300).then_some(()));
        let told = lines(&gate, &text);
        assert!(told.len() <= 20, "{told:?}");
        assert_eq!((&told[0]["level"], &told[0]["max"]), (&"warn".into(), &1.into()));
        assert_eq!(gate.stop(), Some(0));
    }
}

#[test]
fn d8_a_failing_app_is_told_once_a_second() {
    let house = House::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gate = Gate::start(house.command(&format!("serve --set upstream.servers=http://{unused}")));
    for _ in 0..200 {
        assert_eq!(gate.http.get("/about", ""), 502);
    }
    let told = lines(&gate, "\"the app failed\"");
    assert!(!told.is_empty() && told.len() <= 20, "{told:?}");
    assert!(told[0]["error"].as_str().unwrap().contains("cannot connect"), "{told:?}");
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn d8_a_server_that_is_passed_over_is_told_once_a_second() {
    let house = House::new();
    let dead = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = format!("http://{},http://{},http://{}", dead(), dead(), dead());
    let gate = Gate::start(house.command(&format!("serve --set upstream.servers={servers}")));
    for _ in 0..200 {
        assert_eq!(gate.http.get("/about", ""), 502);
    }
    // One line a second of each core.
    let told = lines(&gate, "\"the next server is tried\"");
    assert!(!told.is_empty() && told.len() <= 60, "{}", told.len());
    assert!(told[0]["more"].is_u64(), "{told:?}");
    assert_eq!(gate.stop(), Some(0));
}
