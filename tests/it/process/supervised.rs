//! What a service manager hears of the gate, and sockets that it has opened (docs/operations.md, "As a systemd service").

use std::{
    io::Read,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    process::Command,
};

use rustix::process::Signal;

use super::support::{DEADLINE, Gate, House, finish, has, wait_until};

/// A service manager that is told things.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn of(house: &House) -> Self {
        let socket = UnixDatagram::bind(house.path("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket }
    }

    /// A command that is told of this manager.
    fn command(house: &House, line: &str) -> Command {
        let mut command = house.command(line);
        command.env("NOTIFY_SOCKET", house.path("notify"));
        command
    }

    /// The next notice that is not about the watchdog.
    fn next(&self) -> String {
        loop {
            let notice = self.any();
            if notice != "WATCHDOG=1" {
                return notice;
            }
        }
    }

    fn any(&self) -> String {
        let mut bytes = [0; 1024];
        let length = self.socket.recv(&mut bytes).expect("a notice");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

#[test]
fn the_manager_hears_of_the_start_reloads_and_the_stop() {
    let house = House::new();
    let manager = Manager::of(&house);
    let gate = Gate::start(Manager::command(&house, "serve"));
    let ready = manager.next();
    assert_eq!(ready, format!("READY=1\nSTATUS=serving on http://{}", gate.http.0));
    assert_ne!(gate.http.get("/about", ""), 0, "it serves");
    gate.signal(Signal::HUP);
    assert!(manager.next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(manager.next(), ready);
    house.write("policies/bad.json", "{");
    gate.signal(Signal::HUP);
    assert!(manager.next().starts_with("RELOADING=1\n"));
    let refused = manager.next();
    assert!(refused.starts_with("READY=1\nSTATUS=serving on http://"), "{refused}");
    assert!(refused.contains("the last reload was refused: ") && refused.contains("bad.json"), "{refused}");
    gate.signal(Signal::TERM);
    assert!(manager.next().starts_with("STOPPING=1\nSTATUS="));
    assert_eq!(gate.ended(), Some(0));
}

#[test]
fn the_watchdog_is_fed_while_the_gate_serves_and_while_it_stops() {
    let house = House::with("");
    house.write("portcullis.toml", &house.configuration("").replace("shutdown_grace", "drain_delay"));
    let manager = Manager::of(&house);
    let mut command = Manager::command(&house, "serve");
    command.env("WATCHDOG_USEC", "20000");
    let gate = Gate::start(command);
    assert!(manager.any().starts_with("READY=1\n"), "no sign of life before the start is complete");
    for _ in 0..3 {
        assert_eq!(manager.any(), "WATCHDOG=1");
    }
    gate.signal(Signal::TERM);
    assert!(manager.next().starts_with("STOPPING=1\n"));
    assert_eq!(manager.any(), "WATCHDOG=1");
    gate.signal(Signal::TERM);
    assert_eq!(gate.ended(), Some(1), "the drain was cut");
}

#[test]
fn a_manager_that_cannot_be_told_does_no_harm() {
    for address in ["/nowhere/notify", "vsock:2:1234"] {
        let house = House::new();
        let mut command = house.command("serve");
        command.env("NOTIFY_SOCKET", address).env("WATCHDOG_USEC", "20000");
        let gate = Gate::start(command);
        gate.logged(r#"the service manager "#);
        gate.signal(Signal::HUP);
        assert_ne!(gate.http.get("/about", ""), 0);
        assert_eq!(gate.stop(), Some(0), "{address}");
    }
}

/// A port that is free now.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The gate, started by systemd's own tool on sockets with these names when the first client comes.
fn activate(house: &House, sockets: &[SocketAddr], names: &str) -> Command {
    let mut command = Command::new("systemd-socket-activate");
    for socket in sockets {
        command.arg("--listen").arg(socket.to_string());
    }
    let program = house.command("serve");
    command
        .arg(format!("--fdname={names}"))
        .arg(program.get_program())
        .arg("serve")
        .current_dir(house.path("."));
    command
}

#[test]
fn sockets_of_the_manager_take_the_places_of_its_own() {
    if !has("systemd-socket-activate") {
        return;
    }
    let house = House::with("[admin]\nlisten = \"127.0.0.1:0\"\n");
    let (http, admin) = (free_port(), free_port());
    let starting = {
        let command = activate(&house, &[http, admin], "http:admin");
        // The tool waits for a client before it starts the gate.
        std::thread::spawn(move || Gate::start(command))
    };
    let mut early = wait_until("the socket is open", || TcpStream::connect(http).ok());
    early.set_read_timeout(Some(DEADLINE)).unwrap();
    std::io::Write::write_all(&mut early, b"GET /about HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n")
        .unwrap();
    let gate = starting.join().unwrap();
    assert_eq!(gate.http.0, http);
    assert!(gate.logged(r#""msg":"serving""#).contains(&format!(r#""admin":"{admin}""#)));
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "a client that came before the start is served: {answer}");
    assert_eq!(super::support::Http(admin).get("/readyz", ""), 200);
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn sockets_that_are_for_nothing_are_refused() {
    if !has("systemd-socket-activate") {
        return;
    }
    for (names, said) in [
        ("portcullis.socket", "a socket called `portcullis.socket`; write `FileDescriptorName=http`"),
        ("admin", "a socket called `admin`, and `admin.listen` is not set"),
        ("https", "a socket called `https`, and `server.https` is not set"),
    ] {
        let house = House::new();
        let http = free_port();
        let mut command = activate(&house, &[http], names);
        command.stdout(std::process::Stdio::null());
        let client = std::thread::spawn(move || wait_until("it listens", || TcpStream::connect(http).ok()));
        let refused = finish(command, "");
        drop(client.join().unwrap());
        assert_eq!(refused.code, Some(1), "{names}: {refused:?}");
        assert!(refused.err.contains(said), "{names}: {refused:?}");
    }
}
