//! PROXY headers towards the app.

use crate::support::{App, Authority, Connection, Gate, Setup, answer};

/// The header of a connection that names no client: UNKNOWN of version 1, LOCAL of version 2.
const NO_CLIENT: [&str; 2] = ["PROXY UNKNOWN", "20000000"];

/// Answers with the PROXY header of the connection, in hexadecimal digits if it is binary; and a look-up with the owner,
/// which is user 1 if the header names no client.
fn told(connection: &mut Connection) {
    let header = read_header(connection);
    while let Some(request) = connection.request() {
        if request.field("x-portcullis-lookup").is_some() {
            let owner = if NO_CLIENT.contains(&&*header) { 1 } else { 2 };
            connection.send(answer("200 OK", "", format!("{{\"ownerId\": {owner}}}")));
        } else {
            connection.send(answer("200 OK", "", &header));
        }
    }
}

fn read_header(connection: &mut Connection) -> String {
    let first = connection.take(12);
    if first.starts_with(b"PROXY ") {
        let rest = connection.until("\r\n").unwrap();
        return format!("{}{}", String::from_utf8(first).unwrap(), rest.trim_end());
    }
    assert_eq!(first, b"\r\n\r\n\0\r\nQUIT\n");
    let fixed = connection.take(4);
    let rest = connection.take(usize::from(u16::from_be_bytes([fixed[2], fixed[3]])));
    [fixed, rest].concat().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn setup(app: &App, version: &str) -> Setup {
    Setup::new(app).set("upstream.send_proxy_protocol", version)
}

#[test]
fn the_app_is_told_the_two_ends_of_the_clients_connection() {
    let app = App::start(told);
    for version in ["true", "v1"] {
        let gate = Gate::start(setup(&app, version));
        let mut client = gate.client();
        let own = client.socket().local_addr().unwrap().as_socket().unwrap();
        let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}", own.port(), gate.address().port());
        assert_eq!(client.get("/a").expect(200).text(), expected);
    }
    let gate = Gate::start(setup(&app, "v2"));
    let mut client = gate.client();
    let own = client.socket().local_addr().unwrap().as_socket().unwrap();
    let expected = format!("2111000c7f0000017f000001{:04x}{:04x}", own.port(), gate.address().port());
    assert_eq!(client.get("/a").expect(200).text(), expected);
}

#[test]
fn a_connection_is_used_for_one_client() {
    let app = App::start(told);
    let gate = Gate::start(setup(&app, "v1").set("server.trusted_proxies", "127.0.0.1/32"));
    let mut proxy = gate.client();
    for _ in 0..3 {
        for client in ["198.51.100.1", "198.51.100.2", "2001:db8::7"] {
            let line = format!("X-Forwarded-For: {client}\r\n");
            let told = proxy.ask("GET", "/a", &line, b"").expect(200).text().to_owned();
            let expected = match client {
                "2001:db8::7" => {
                    format!("PROXY TCP6 2001:db8::7 ::ffff:127.0.0.1 0 {}", gate.address().port())
                }
                _ => format!("PROXY TCP4 {client} 127.0.0.1 0 {}", gate.address().port()),
            };
            assert_eq!(told, expected);
        }
    }
    assert_eq!(app.connections(), 3, "and used again");
}

#[test]
fn a_look_up_names_no_client() {
    let app = App::start(told);
    for version in ["v1", "v2"] {
        let gate = Gate::start(setup(&app, version).set("policies.unmatched", "deny").policy(
            "notes.json",
            r#"{"name": "Note", "routes": [{"path": "/notes/{id}"}],
                "owner": {"lookup": "/notes/{id}", "field": "/ownerId"},
                "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                         {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#,
        ));
        let before = app.connections();
        let ann = gate.sign_up("ann");
        let line = format!("Authorization: {}\r\n", ann.token);
        let text = gate.client().ask("GET", "/notes/7", &line, b"").expect(200).text().to_owned();
        assert!(!NO_CLIENT.contains(&&*text), "the request names its client: {text}");
        assert_eq!(app.connections() - before, 2, "{version}: one for the look-up, one for the client");
    }
}

#[test]
fn over_tls_the_header_comes_first() {
    let authority = Authority::new();
    let terms = authority.issue(&["127.0.0.1"]).served(None);
    let app = App::start(move |connection| {
        let header = read_header(connection);
        connection.secure(&terms);
        while connection.request().is_some() {
            connection.send(answer("200 OK", "", &header));
        }
    });
    let setup =
        Setup::before(&format!("https://{}", app.address())).set("upstream.send_proxy_protocol", "v1");
    let ca = setup.path("app-ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let gate = Gate::start(setup.set("upstream.ca", ca.to_str().unwrap()));
    assert!(gate.client().get("/a").expect(200).text().starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "));
}
