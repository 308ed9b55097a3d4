//! What clients see of open challenges, and of names that have no certificate yet.

use std::sync::{Arc, Mutex};

use super::support::{Acme, Answer, Asked};
use crate::support::Client;

const NAME: &str = "a.example";

const PATH: &str = "/.well-known/acme-challenge/";

/// The token of http-01 in the authorization that was asked for before.
fn token(before: &[Asked]) -> String {
    let authorization = before.iter().rev().find(|asked| asked.answer.contains("\"challenges\"")).unwrap();
    let authorization: serde_json::Value = serde_json::from_str(&authorization.answer).unwrap();
    let challenges = authorization["challenges"].as_array().unwrap();
    let http = challenges.iter().find(|challenge| challenge["type"] == "http-01").unwrap();
    http["token"].as_str().unwrap().to_owned()
}

#[test]
fn the_token_of_an_open_challenge_is_served_and_nothing_else() {
    let Some(acme) = Acme::start() else { return };
    let (address, found) = (acme.listeners()[0], Arc::<Mutex<Vec<String>>>::default());
    acme.reply({
        let found = Arc::clone(&found);
        move |asked, before| {
            if asked.path.starts_with("/chalZ/") {
                let path = format!("{PATH}{}", token(before));
                let mut answers = found.lock().unwrap();
                for (method, path) in [
                    ("GET", path.clone()),
                    ("GET", format!("{path}?x")),
                    ("HEAD", path.clone()),
                    ("POST", path.clone()),
                    ("GET", format!("{path}x")),
                    ("GET", PATH.to_owned()),
                    ("GET", path.replace("acme-", "acme%2d")),
                ] {
                    let answer = Client::tcp(address).ask(method, &path, "", b"");
                    let kind = answer.field("content-type").unwrap_or_default().to_owned();
                    answers.push(format!("{} {kind} {}", answer.status, answer.text()));
                }
            }
            None
        }
    });
    // With `client_ca`, http-01 is the only challenge.
    let gate = acme.serve_with(&[NAME], "client_ca = \"ca.pem\"\nredirect_http = true", "");
    gate.wait_until_issued(NAME);
    let token = token(&acme.asked());
    let answers = found.lock().unwrap().clone();
    for served in &answers[..2] {
        assert!(served.starts_with(&format!("200 application/octet-stream {token}.")), "{served}");
    }
    assert_eq!(answers[2], "200 application/octet-stream ");
    for other in &answers[3..7] {
        assert!(other.starts_with("421"), "as any request to a host without a certificate: {other}");
    }
    // It is closed with the order.
    assert_eq!(Client::tcp(address).get(&format!("{PATH}{token}")).status, 421);
}

#[test]
fn the_path_of_challenges_is_the_apps() {
    let Some(acme) = Acme::start() else { return };
    acme.reply(|_, _| Some(Answer::of(503, "")));
    let gate = acme.serve_with(&[NAME], "", "--set policies.unmatched=allow");
    let answer = Client::tcp(gate.gate.http.0).get(&format!("{PATH}of-the-app")).expect(200);
    assert!(answer.text().contains("acme-challenge/of-the-app"), "{}", answer.text());
}

#[test]
fn a_name_without_a_certificate_gets_no_handshake_and_a_line_that_says_so() {
    let Some(acme) = Acme::start() else { return };
    let own = acme.authority.issue(&["own.example"]);
    acme.reply(|_, _| Some(Answer::of(503, "")));
    let gate = acme.serve_with(&[NAME], &acme.files(&[&own]), "");
    let terms = acme.authority.terms();
    let refused = Client::tls(gate.https, "A.Example", &terms).map(drop).unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    let line = gate.line(|line| line["msg"] == "a TLS handshake failed");
    assert_eq!(line["error"], "`a.example` has no certificate yet");
    // The others are served, over TLS and without.
    Client::tls(gate.https, "own.example", &terms).unwrap();
    assert_eq!(gate.gate.http.get("/x", ""), 401);
    let status = acme.house.json("status");
    let told: Vec<_> =
        status["certificates"].as_array().unwrap().iter().map(|of| of.as_str().unwrap()).collect();
    assert!(
        told[0].starts_with("own.example until") && told[1..] == ["a.example: no certificate by ACME yet"]
    );
}

#[test]
fn only_an_open_challenge_is_shown_to_its_protocol() {
    let Some(acme) = Acme::start() else { return };
    let offering = |protocols: &[&str]| {
        let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        acme.authority.terms_with(rustls::ALL_VERSIONS, |terms| terms.alpn_protocols = protocols)
    };
    let own = acme.authority.issue(&["own.example"]);
    acme.reply(|_, _| Some(Answer::of(503, "")));
    let gate = acme.serve_with(&[NAME], &acme.files(&[&own]), "");
    let with = |name, protocols: &[&str]| Client::tls(gate.https, name, &offering(protocols));
    for name in [NAME, "own.example"] {
        assert!(with(name, &["acme-tls/1"]).is_err(), "no challenge is open for {name}");
    }
    // A client that can speak HTTP is no ACME server (RFC 8737 section 3).
    for protocols in [&["acme-tls/1", "http/1.1"][..], &["http/1.1", "acme-tls/1"]] {
        let mut client = with("own.example", protocols).unwrap();
        assert_eq!(client.session().alpn_protocol(), Some(&b"http/1.1"[..]));
    }
}
