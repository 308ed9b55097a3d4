//! An app that is the gate itself.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::{Arc, OnceLock},
    thread,
};

use crate::support::{App, Gate, Setup};

/// Hands every connection on to an address that is named later.
fn relay() -> (SocketAddr, Arc<OnceLock<SocketAddr>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, target) = (listener.local_addr().unwrap(), Arc::<OnceLock<SocketAddr>>::default());
    let to = Arc::clone(&target);
    thread::spawn(move || {
        while let Ok((from, _)) = listener.accept() {
            let to = TcpStream::connect(to.wait()).unwrap();
            for (mut from, mut to) in [(from.try_clone().unwrap(), to.try_clone().unwrap()), (to, from)] {
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    (address, target)
}

#[test]
fn e5_a_gate_knows_its_own_requests() {
    let (address, target) = relay();
    let gate = Gate::start(Setup::before(&format!("http://{address}")));
    target.set(gate.address()).unwrap();
    let mut client = gate.client();
    for method in ["GET", "POST", "DELETE"] {
        let response = client.ask(method, "/a", "", b"").expect(508);
        assert_eq!(response.json()["error"]["code"], "LOOP_DETECTED");
    }
    let log = gate.stop();
    assert_eq!(log.all().iter().filter(|line| line["stream"] == "access").count(), 6);
}

#[test]
fn e5_a_ring_of_gates_is_known_too() {
    let (address, target) = relay();
    let one = Gate::start(Setup::before(&format!("http://{address}")));
    let two = Gate::start(Setup::before(&format!("http://{}", one.address())));
    target.set(two.address()).unwrap();
    one.client().get("/a").expect(508);
    two.client().get("/a").expect(508);
    assert_eq!(one.stop().all().len() + two.stop().all().len(), 6);
}

#[test]
fn e5_a_row_of_gates_is_no_ring() {
    let app = App::echo();
    let inner = Gate::open(&app);
    let outer = Gate::start(Setup::before(&format!("http://{}", inner.address())));
    outer.client().ask("GET", "/a", "X-Portcullis-Via: evil, 0123456789abcdef\r\n", b"").expect(200);
    let via = app.only_request().field("x-portcullis-via").unwrap().to_owned();
    let tokens: Vec<_> = via.split(", ").collect();
    assert!(tokens.len() == 3 && tokens[0] == "0123456789abcdef" && tokens[1] != tokens[2], "{via}");
}

#[test]
fn e5_the_name_of_this_machine_is_known_at_the_start() {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    let known = (name, 0).to_socket_addrs().is_ok_and(|mut found| found.any(|found| found.is_ipv4()));
    if name.is_empty() || !known {
        return eprintln!("skipped: this machine's name leads nowhere");
    }
    let told = (0..10).find_map(|_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let setup = Setup::before(&format!("http://{name}:{port}"));
        let error = Gate::try_start(setup.set("server.http", &format!("0.0.0.0:{port}"))).err()?.to_string();
        // Another test may have taken the port.
        (!error.contains("another process")).then_some(error)
    });
    let told = told.expect("it started");
    assert!(told.contains("where this gate listens itself (`server.http`)"), "{told}");
}
