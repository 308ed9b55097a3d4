//! Certificates as an operator meets them: made for development, checked, shown, replaced, and told of in the log.

use std::{fs, process::Command};

use jiff::tz::TimeZone;
use portcullis::clock::Clock;
use rustix::process::Signal;
use rustls::{
    HandshakeKind,
    version::{TLS12, TLS13},
};
use serde_json::Value;

use super::support::{Gate, House, finish, has};
use crate::support::{App, Authority, Client, Connection, Issued, answer, http2_app::Http2App};

fn serve(house: &House) -> Gate {
    Gate::start(house.command("serve --set server.https=127.0.0.1:0"))
}

/// Where it speaks TLS.
fn address(gate: &Gate) -> std::net::SocketAddr {
    let serving: Value = serde_json::from_str(&gate.logged(r#""msg":"serving""#)).unwrap();
    serving["https"].as_str().unwrap().strip_prefix("https://").unwrap().parse().unwrap()
}

fn put(house: &House, issued: &Issued) {
    issued.write(&house.path("certs"), "server");
}

#[test]
fn a_certificate_for_development_is_made_and_served() {
    let house = House::new();
    let told = house.ok("cert dev");
    assert!(
        told.contains("certs/ca.pem") && told.contains("curl --cacert certs/ca.pem https://localhost:8443/"),
        "{told}"
    );
    assert_eq!(house.json("cert dev")["cert"], "certs/server.pem");
    for name in ["", "a b", "https://shop.test", "shop.test:443", "*.*.test"] {
        let mut command = house.command("cert dev --name");
        command.arg(name);
        let told = finish(command, "").refused();
        assert!(told.contains(&format!("`{name}` is no name for a certificate")), "{name}: {told}");
    }
    let told = house.ok("cert dev --name shop.localhost --name *.shop.test");
    assert!(
        told.contains("for localhost, 127.0.0.1, ::1, shop.localhost, *.shop.test, for 90 days"),
        "{told}"
    );
    let check = house.ok("check --set server.https=127.0.0.1:0");
    assert!(check.contains("0 errors, ") && !check.contains("certs/"), "{check}");
    let gate = serve(&house);
    let mut roots = rustls::RootCertStore::empty();
    let ca = rustls::pki_types::pem::PemObject::from_pem_file(house.path("certs/ca.pem")).unwrap();
    roots.add(ca).unwrap();
    let terms = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    let terms = std::sync::Arc::new(terms);
    for name in ["localhost", "127.0.0.1", "::1", "shop.localhost", "www.shop.test"] {
        Client::tls(address(&gate), name, &terms).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let status = house.json("status");
    let certificate = status["certificates"][0].as_str().unwrap();
    assert!(
        certificate.starts_with("localhost, 127.0.0.1, ::1, shop.localhost, *.shop.test until 20"),
        "{certificate}"
    );
    assert!(house.ok("status").contains("localhost, 127.0.0.1, ::1, shop.localhost, *.shop.test until 20"));
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn the_log_tells_what_becomes_of_certificates() {
    let house = House::new();
    let settings =
        house.configuration("").replacen("[server]", "[server]\npublic_url = \"https://shop.test\"", 1);
    house.write("portcullis.toml", &settings);
    fs::create_dir(house.path("certs")).unwrap();
    let authority = Authority::new();
    let in_days = |days: i64| {
        let now = jiff::Timestamp::from_millisecond(Clock::System.now().0).unwrap();
        let then = now.to_zoned(TimeZone::UTC).date().saturating_add(jiff::Span::new().days(days));
        let part = |part: i8| u8::try_from(part).unwrap();
        rcgen::date_time_ymd(then.year().into(), part(then.month()), part(then.day()))
    };
    put(&house, &authority.issue_with(&["localhost"], |params| params.not_after = in_days(10)));
    let check = house.ok("check --set server.https=127.0.0.1:0");
    assert!(
        check.contains("certs/server.pem: warning: the certificate ends at") && check.contains("; renew it"),
        "{check}"
    );
    let gate = serve(&house);
    gate.logged("the certificate ends in less than 14 days; renew it");
    put(&house, &authority.issue_with(&["localhost"], |params| params.not_after = in_days(-1)));
    let refused = house.run("check --set server.https=127.0.0.1:0");
    assert_eq!(refused.code, Some(1));
    assert!(refused.out.contains("certs/server.pem: error: the certificate ended at"), "{}", refused.out);
    gate.signal(Signal::HUP);
    let told = gate.logged("new certificates are refused; the old ones stay in force");
    assert!(told.contains("certs/server.pem`: the certificate ended at"), "{told}");
    put(&house, &authority.issue(&["localhost", "new.test"]));
    gate.signal(Signal::HUP);
    let told = gate.logged("a new certificate is in force");
    assert!(told.contains("localhost, new.test until 4096-01-01"), "{told}");
    put(&house, &authority.issue(&["localhost", "*.other.test", "www.other.test"]));
    gate.signal(Signal::HUP);
    let told = gate.logged("no certificate is for these names any more");
    assert!(told.contains(r#""names":"new.test""#), "{told}");
    // A wildcard is for the name that it covers.
    put(&house, &authority.issue(&["*.other.test"]));
    gate.signal(Signal::HUP);
    let told = gate.logged(r#""names":"localhost""#);
    assert!(told.contains("no certificate is for these names any more"), "{told}");
    let told = gate.logged("no certificate is for this host");
    assert!(told.contains(r#""host":"shop.test""#), "{told}");
    // What clients do is told, too, once a second at most.
    let mut client = Client::tcp(address(&gate));
    client.send(b"\x16\x03\x01\x00\x02xx");
    client.raw_rest();
    let told = gate.logged("a TLS handshake failed");
    assert!(told.contains(r#""client":"127.0.0.1""#), "{told}");
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn a_start_with_an_ended_certificate_says_so_and_serves() {
    let house = House::new();
    fs::create_dir(house.path("certs")).unwrap();
    let authority = Authority::new();
    put(
        &house,
        &authority.issue_with(&["localhost"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)),
    );
    let gate = serve(&house);
    let told = gate.logged("the certificate ended at 2020-01-01T00:00:00.000Z; renew it");
    assert!(told.contains(r#""level":"error""#), "{told}");
    assert_ne!(gate.http.get("/about", ""), 0);
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn an_app_that_speaks_the_other_version_is_named_with_what_to_write() {
    let (house, authority) = (House::new(), Authority::new());
    fs::write(house.path("app-ca.pem"), authority.pem()).unwrap();
    let issued = authority.issue(&["127.0.0.1"]).served(None);
    let mut old = (*issued).clone();
    old.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (old, new) = (App::start_tls(&old.into(), |_| ()), Http2App::start_tls(&issued));
    for (scheme, address, right) in
        [("h2", old.address(), "write `https://`"), ("https", new.address, "write `h2://`")]
    {
        let line = format!(
            "serve --set upstream.servers={scheme}://{address} --set upstream.ca=app-ca.pem --set policies.unmatched=allow"
        );
        let gate = Gate::start(house.command(&line));
        assert_eq!(gate.http.get("/a", ""), 502);
        let told = gate.logged("the app failed");
        assert!(told.contains(&address.to_string()) && told.contains(right), "{told}");
        assert_eq!(gate.stop(), Some(0));
    }
}

fn serve_all(connection: &mut Connection) {
    while connection.request().is_some() {
        connection.send(answer("200 OK", "", "x"));
    }
}

#[test]
fn the_log_says_what_is_wrong_with_tls_to_the_app() {
    let (authority, other) = (Authority::new(), Authority::new());
    let ended =
        authority.issue_with(&["127.0.0.1"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let secure = |issued: &Issued| App::start_tls(&issued.served(None), serve_all);
    // As servers answer what is no HTTP.
    let plain = || {
        App::start(|connection| {
            connection.piece();
            connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        })
    };
    for (app, scheme, cause) in [
        (secure(&other.issue(&["127.0.0.1"])), "https", "set `upstream.ca` to the authority's file"),
        (secure(&authority.issue(&["app.test"])), "https", "certificate not valid for name"),
        (secure(&ended), "https", "certificate expired"),
        (plain(), "https", "the app does not speak TLS: write http:// for it in `upstream.servers`"),
        (plain(), "h2", "the app does not speak TLS: write h2c:// for it in `upstream.servers`"),
        (
            secure(&authority.issue(&["127.0.0.1"])),
            "http",
            "the app speaks TLS: write https:// for it in `upstream.servers`",
        ),
    ] {
        let house = House::new();
        house.write("app-ca.pem", &authority.pem());
        let address = app.address();
        let mut line =
            format!("serve --set policies.unmatched=allow --set upstream.servers={scheme}://{address}");
        if scheme != "http" {
            line.push_str(" --set upstream.ca=app-ca.pem");
        }
        let gate = Gate::start(house.command(&line));
        assert_eq!(gate.http.get("/a", ""), 502, "{cause}");
        let told = gate.logged("the app failed");
        assert!(told.contains(cause), "{cause}: {told}");
        let connects = told.contains(&format!("cannot connect to the app at `{address}`"));
        assert_eq!(connects, scheme != "http", "{told}");
        assert_eq!(gate.stop(), Some(0));
    }
}

/// The clock of the gate alone is set: clients keep a ticket for as long as they are told.
#[test]
fn keys_of_session_tickets_change_every_six_hours_and_the_last_two_are_good() {
    if !has("faketime") {
        return;
    }
    let mut faketime = Command::new("faketime");
    faketime.args(["now", "printenv", "LD_PRELOAD"]);
    let library = finish(faketime, "").ok();
    let (house, authority) = (House::new(), Authority::new());
    fs::create_dir(house.path("certs")).unwrap();
    put(&house, &authority.issue(&["gate.test"]));
    let set_clock = |hours: u32| house.write("clock", &format!("+{hours}h"));
    set_clock(0);
    let mut command = house.command("serve --set server.https=127.0.0.1:0");
    command
        .env("LD_PRELOAD", library.trim_end())
        .env("FAKETIME_TIMESTAMP_FILE", house.path("clock"))
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let gate = Gate::start(command);
    // It only goes forward.
    for (version, start) in [(&TLS13, 0), (&TLS12, 21)] {
        set_clock(start);
        // Each has sessions of its own.
        let [first, second, third] = [(); 3].map(|()| authority.terms_with(&[version], |_| ()));
        let visit = |terms| {
            let mut client = Client::tls(address(&gate), "gate.test", terms).unwrap();
            client.get("/about").expect(200);
            client.session().handshake_kind().unwrap()
        };
        assert_eq!([visit(&first), visit(&second)], [HandshakeKind::Full; 2]);
        assert_eq!(visit(&first), HandshakeKind::Resumed);
        set_clock(start + 7);
        assert_eq!(visit(&first), HandshakeKind::Resumed, "by the key before");
        assert_eq!(visit(&third), HandshakeKind::Full);
        set_clock(start + 14);
        assert_eq!(visit(&second), HandshakeKind::Full, "its key is gone");
        assert_eq!([visit(&first), visit(&third)], [HandshakeKind::Resumed; 2]);
    }
    assert_eq!(gate.stop(), Some(0));
}
