//! PROXY headers, of trusted proxies alone.

use crate::support::{App, Authority, Client, Gate, Setup};

const ASK: &str = "GET /a HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n";

fn gate(app: &App) -> Gate {
    Gate::start(
        Setup::new(app).set("server.proxy_protocol", "true").set("server.trusted_proxies", "127.0.0.1"),
    )
}

/// Version 2: a client over IPv4, with a TLV behind it.
fn binary(command: u8) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header
        .extend_from_slice(&[command, 0x11, 0, 16, 192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 0xbb, 4, 0, 1, 0]);
    header
}

#[test]
fn the_client_is_the_one_that_the_proxy_names() {
    let app = App::echo();
    let gate = gate(&app);
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 80\r\n".to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 80\r\n".to_vec(), "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (binary(0x21), "192.0.2.7"),
        (binary(0x20), "127.0.0.1"),
    ] {
        // At once, and a byte at a time.
        for split in [false, true] {
            let mut connection = gate.client();
            if split {
                connection.send_by_bytes(&header);
            } else {
                connection.send(&header);
            }
            let seen = connection.send(ASK).response().expect(200).json();
            let forwarded = &seen["headers"];
            let of_client: Vec<_> = forwarded
                .as_array()
                .unwrap()
                .iter()
                .filter(|pair| pair[0] == "X-Forwarded-For")
                .map(|pair| pair[1].as_str().unwrap())
                .collect();
            assert_eq!(of_client, [client]);
        }
    }
    gate.log.wait_for(|line| line["client"] == "2001:db8::7");
}

#[test]
fn a_client_behind_it_is_not_believed_as_the_proxy_is() {
    let app = App::echo();
    let gate = gate(&app);
    let ask =
        "GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.9\r\nX-Forwarded-Proto: https\r\n\r\n";
    gate.client().send("PROXY TCP4 192.0.2.7 10.0.0.1 1 80\r\n").send(ask).response().expect(200);
    assert_eq!(app.only_request().field("x-forwarded-for"), Some("192.0.2.7"));
    assert_eq!(app.only_request().field("x-forwarded-proto"), Some("http"));
}

#[test]
fn a_client_that_the_proxy_does_not_name_is_not_believed_either() {
    let app = App::echo();
    let gate = gate(&app);
    let ask =
        "GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.9\r\nX-Forwarded-Proto: https\r\n\r\n";
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), binary(0x20)] {
        gate.client().send(header).send(ask).response().expect(200);
    }
    for request in app.requests() {
        assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    }
}

/// The cookie `portcullis` counts on this machine alone, and a balancer on it does not bring its clients there.
#[test]
fn a_client_behind_it_is_not_on_this_machine() {
    let app = App::echo();
    let gate = gate(&app);
    let token = {
        let mut client = gate.client();
        client.send("PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n");
        let account = serde_json::json!({"email": "ann@example.com", "password": "a-good-password"});
        client.post_json("/api/users", "", &account).expect(200);
        let login = client.post_json("/api/users/login", "", &account).expect(200).json();
        login["id"].as_str().unwrap().to_owned()
    };
    let ask = format!("GET /api/users/1 HTTP/1.1\r\nHost: localhost\r\nCookie: portcullis={token}\r\n\r\n");
    for (header, status) in [
        // Another client on this machine, and not the proxy.
        (b"PROXY TCP4 127.0.0.2 127.0.0.1 1 80\r\n".to_vec(), 200),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 1 80\r\n".to_vec(), 401),
    ] {
        gate.client().send(header).send(&ask).response().expect(status);
    }
}

#[test]
fn a_trusted_proxy_that_sends_none_is_not_served() {
    let app = App::echo();
    let gate = gate(&app);
    for wrong in [
        ASK.as_bytes().to_vec(),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n".to_vec(),
        b"PROXY TCP9 192.0.2.7 10.0.0.1 56324 80\r\n".to_vec(),
        [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat(),
        binary(0x22),
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"[..], &[0; 300]].concat(),
    ] {
        let mut client = gate.client();
        client.send(&wrong);
        client.expect_close();
    }
    assert!(app.requests().is_empty());
    gate.client().send("PROXY UNKNOWN\r\n").send(ASK).response().expect(200);
}

#[test]
fn a_header_of_a_stranger_is_a_400_that_says_so() {
    let (app, authority) = (App::echo(), Authority::new());
    let setup = Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]);
    let setup = setup.set("server.proxy_protocol", "true").set("server.trusted_proxies", "127.0.0.1");
    let gate = Gate::start(setup);
    let stranger = |address| Client::tcp_from("127.0.0.2".parse().unwrap(), address);
    for address in [gate.address(), gate.tls_address()] {
        for header in [
            b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 80\r\n".to_vec(),
            b"PROXY UNKNOWN\r\n".to_vec(),
            binary(0x21),
        ] {
            let answer = stranger(address).send([&header, ASK.as_bytes()].concat()).response().expect(400);
            assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
            assert!(
                answer.text().contains("no PROXY header is expected from this address"),
                "{}",
                answer.text()
            );
            assert!(answer.text().contains("`server.trusted_proxies`"), "{}", answer.text());
        }
    }
    gate.log.wait_for(|line| {
        line["stream"] == "access" && line["rule"] == "proxy-header" && line["client"] == "127.0.0.2"
    });
    stranger(gate.address()).send(ASK).response().expect(200);
    assert_eq!(app.only_request().field("x-forwarded-for"), Some("127.0.0.2"));
}

#[test]
fn a_header_where_none_is_set_up_is_a_400_that_names_the_setting() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("server.trusted_proxies", "127.0.0.1"));
    for header in [b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 80\r\n".to_vec(), binary(0x21)] {
        let answer = gate.client().send([&header, ASK.as_bytes()].concat()).response().expect(400);
        assert!(answer.text().contains("set `server.proxy_protocol = true`"), "{}", answer.text());
    }
    assert!(app.requests().is_empty());
    // A method of that name is a request.
    gate.client().ask("PROXY", "/TCP4", "", b"").expect(200);
    assert_eq!(app.only_request().line(), "PROXY /TCP4 HTTP/1.1");
}

#[test]
fn on_a_unix_socket_every_connection_has_to_begin_with_one() {
    let app = App::echo();
    let setup = Setup::new(&app);
    let socket = format!("unix:{}", setup.path("gate.sock").display());
    let gate = Gate::start(setup.set("server.http", &socket).set("server.proxy_protocol", "true"));
    let mut without = gate.client();
    without.send(ASK);
    without.expect_close();
    assert!(app.requests().is_empty());
    gate.client().send("PROXY TCP4 192.0.2.7 10.0.0.1 56324 80\r\n").send(ASK).response().expect(200);
    assert_eq!(app.only_request().field("x-forwarded-for"), Some("192.0.2.7"));
}

#[test]
fn it_stands_before_tls_and_has_the_same_time() {
    let (app, authority) = (App::echo(), Authority::new());
    let setup = Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]);
    let gate = Gate::start(
        setup
            .set("server.proxy_protocol", "true")
            .set("server.trusted_proxies", "127.0.0.1")
            .set("server.header_timeout", "300ms"),
    );
    let mut client = Client::tcp(gate.tls_address());
    client.send(binary(0x21));
    let mut client = client.with_tls("gate.test", &authority.terms()).unwrap();
    client.get("/tls").expect(200);
    assert_eq!(app.only_request().field("x-forwarded-for"), Some("192.0.2.7"));
    for begun in ["", "PROXY TCP4 192.0.2.7"] {
        let mut slow = gate.client();
        slow.send(begun);
        slow.expect_close();
    }
}

#[test]
fn clients_behind_one_proxy_are_counted_apart() {
    let app = App::echo();
    let setup =
        Setup::new(&app).set("server.proxy_protocol", "true").set("server.trusted_proxies", "127.0.0.1");
    let gate = Gate::start(setup.set("server.max_connections_per_client", "1"));
    let open = |client: &str| {
        let mut connection = gate.client();
        connection.send(format!("PROXY TCP4 {client} 10.0.0.1 1 80\r\n"));
        connection
    };
    let mut first = open("192.0.2.7");
    first.get("/a").expect(200);
    open("192.0.2.7").expect_close();
    open("192.0.2.8").get("/a").expect(200);
    first.get("/a").expect(200);
}
