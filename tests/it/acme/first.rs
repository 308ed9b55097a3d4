//! The first certificate, by each challenge.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rustix::process::Signal;

use super::support::{Acme, Manner};
use crate::support::Client;

const NAME: &str = "a.example";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_handshake_proves_the_name() {
    let Some(acme) = Acme::start() else { return };
    let gate = acme.serve_with(&[NAME], "", "--set admin.listen=127.0.0.1:0");
    gate.wait_until_issued(NAME);
    acme.shown(NAME);
    assert!(!gate.gate.log().contains("\"fix\""), "http-01 is not needed");
    // A client that sends no name gets what there is.
    let unnamed = Client::tls(gate.https, "127.0.0.1", &acme.terms()).map(drop).unwrap_err();
    assert!(unnamed.to_string().contains(NAME), "{unnamed}");
    // The folders and the files are the gate's own.
    let (account, certificate) = (acme.kept("account.json"), acme.kept("a.example.pem"));
    assert_eq!((mode(&account), mode(&certificate)), (0o600, 0o600));
    let folder = account.parent().unwrap();
    assert_eq!((mode(folder), mode(folder.parent().unwrap())), (0o700, 0o700));
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "nothing else is left");
    let contact = acme.asked().into_iter().find_map(|asked| asked.payload.get("contact").cloned());
    assert_eq!(contact.unwrap(), serde_json::json!(["mailto:ops@example.com"]));
    let admin = gate.line(|line| line["msg"] == "serving")["admin"].as_str().unwrap().replace("http://", "");
    let metrics = Client::tcp(admin.parse().unwrap()).get("/metrics").text().to_owned();
    let line =
        metrics.lines().find(|line| line.starts_with("portcullis_cert_not_after_seconds{name=\"a.example\""));
    assert!(line.unwrap().contains("-dir/a.example.pem\"}"), "{metrics}");
}

#[test]
fn a_request_proves_the_name_where_handshakes_need_a_certificate() {
    let Some(acme) = Acme::start() else { return };
    let gate = acme.serve_with(&[NAME], "client_ca = \"ca.pem\"\nredirect_http = true", "");
    gate.wait_until_issued(NAME);
    // Plain HTTP leads to the name from now on.
    assert_eq!(Client::tcp(gate.gate.http.0).get("/x").status, 421, "`gate.test` has no certificate");
    let mut client = Client::tcp(gate.gate.http.0);
    client.send(format!("GET /x HTTP/1.1\r\nHost: {NAME}\r\n\r\n"));
    let to = format!("https://{NAME}:{}/x", gate.https.port());
    assert_eq!(client.response().expect(308).field("location"), Some(&*to));
}

#[test]
fn bad_nonces_are_no_failure() {
    let manner = Manner { bad_nonces: 50, ..Manner::default() };
    let Some(acme) = Acme::with(manner) else { return };
    let gate = acme.serve(&[NAME, "b.example"]);
    for name in [NAME, "b.example"] {
        gate.wait_until_issued(name);
        acme.shown(name);
    }
    assert!(
        acme.asked().iter().any(|asked| asked.answer.contains("badNonce")),
        "it is what the test is about"
    );
    let failed = gate.gate.log().lines().find(|line| line.contains("\"fix\"")).map(str::to_owned);
    assert!(failed.is_none(), "{failed:?}");
}

#[test]
fn names_from_files_and_from_acme_stand_side_by_side() {
    let Some(acme) = Acme::start() else { return };
    let (own, wide) = (acme.authority.issue(&["own.example"]), acme.authority.issue(&["*.shop.example"]));
    let gate = acme.serve_with(&[], &acme.files(&[&own, &wide]), "");
    let terms = acme.authority.terms();
    let shown = |name: &str| Client::tls(gate.https, name, &terms).unwrap().shown();
    let name = "a.shop.example";
    assert_eq!((shown("own.example"), shown(name)), (own.der.clone(), wide.der.clone()));
    // A name that a reload brings. Until it has a certificate, the wildcard is for it.
    acme.configure(&[name], &acme.files(&[&own, &wide]));
    gate.gate.signal(Signal::HUP);
    gate.wait_until_issued(name);
    assert_ne!(acme.shown(name), wide.der);
    assert_eq!((shown("own.example"), shown("b.shop.example")), (own.der.clone(), wide.der.clone()));
    // And one that a reload takes away again.
    acme.configure(&["c.example"], &acme.files(&[&own, &wide]));
    gate.gate.signal(Signal::HUP);
    gate.wait_until_issued("c.example");
    assert_eq!(shown(name), wide.der);
    assert!(acme.kept("a.shop.example.pem").exists(), "it is kept for the case that the name comes back");
}
