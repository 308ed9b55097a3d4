//! The addresses of the gate and of the app.

use std::{net::TcpListener, os::unix::fs::PermissionsExt};

use crate::support::{App, Client, Gate, Setup, echo};

#[test]
fn a_taken_port_is_told_with_what_to_do() {
    let app = App::echo();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Err(error) = Gate::try_start(Setup::new(&app).set("server.http", &address)) else {
        panic!("it started")
    };
    assert_eq!(
        format!("{error:#}"),
        format!(
            "cannot listen on `{address}`: another process listens there; stop it, or set `server.http` to another address"
        )
    );
    let gate = Gate::open(&app);
    let address = gate.address().to_string();
    let Err(error) = Gate::try_start(Setup::new(&app).set("server.http", &address)) else {
        panic!("two share it")
    };
    assert!(error.to_string().contains("another process"), "{error}");
    let Err(error) =
        Gate::try_start(Setup::new(&app).set("admin.listen", &taken.local_addr().unwrap().to_string()))
    else {
        panic!("it started")
    };
    assert!(error.to_string().contains("set `admin.listen` to another address"), "{error}");
}

#[test]
fn unix_sockets_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_unix(&folder.path().join("app.sock"), |connection| {
        while let Some(request) = connection.request() {
            connection.send(echo(&request));
        }
    });
    let setup = Setup::new(&app);
    let socket = setup.path("gate.sock");
    let gate = Gate::start(setup.set("server.http", "unix:gate.sock").set("server.threads", "2"));
    assert_eq!(gate.path("gate.sock"), socket);
    let mut clients: Vec<_> = (0..4).map(|_| Client::unix(&socket)).collect();
    for client in &mut clients {
        let told = client.ask("POST", "/a", "", b"over a socket").expect(200).json();
        assert_eq!(told["body"], "over a socket");
    }
    let request = &app.requests()[0];
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("host"), Some("gate.test"));
    assert_eq!(gate.log.access("/a")["client"], "unix");
}

#[test]
fn a_socket_file_that_a_dead_gate_left_is_replaced() {
    let app = App::echo();
    let folder = tempfile::tempdir().unwrap();
    let place = format!("unix:{}", folder.path().join("gate.sock").display());
    for _ in 0..2 {
        let gate = Gate::start(Setup::new(&app).set("server.http", &place));
        gate.client().get("/a").expect(200);
    }
}

#[test]
fn e8_others_of_the_group_can_connect_to_a_unix_socket_and_it_may_be_set() {
    let app = App::echo();
    for (mode, bits) in [("", 0o660), ("0666", 0o666), ("600", 0o600)] {
        let setup = Setup::new(&app).set("server.http", "unix:gate.sock");
        let gate = Gate::start(if mode.is_empty() { setup } else { setup.set("server.socket_mode", mode) });
        let found = gate.path("gate.sock").metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, bits, "{mode}: {found:o}");
        gate.client().get("/a").expect(200);
    }
}
