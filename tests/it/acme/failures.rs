//! An ACME server that fails or refuses, and names that cannot be proven.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use portcullis::clock::Timestamp;
use serde_json::Value;

use super::{
    dns::NOWHERE,
    support::{Acme, Answer, Served},
};

const NAME: &str = "a.example";

/// The line about a failure.
fn failure(gate: &Served, reason: &str) -> Value {
    gate.line(|line| line["reason"].as_str().is_some_and(|of| of.contains(reason)))
}

/// How long after the line it is tried again.
fn pause(line: &Value) -> Duration {
    let moment = |field: &str| Timestamp::parse(line[field].as_str().unwrap()).unwrap().0;
    Duration::from_millis(u64::try_from(moment("next") - moment("ts")).unwrap())
}

#[test]
fn a_server_that_is_down_is_asked_again_soon() {
    let Some(acme) = Acme::start() else { return };
    let requests = AtomicUsize::new(0);
    acme.reply(move |_, _| (requests.fetch_add(1, Ordering::Relaxed) == 0).then(|| Answer::of(503, "")));
    let gate = acme.serve(&[NAME]);
    let line = failure(&gate, "503 Service Unavailable");
    assert_eq!((&line["level"], &line["domain"]), (&"error".into(), &NAME.into()), "{line}");
    assert!(line["fix"].as_str().unwrap().contains("tls.acme_directory"), "{line}");
    assert!(pause(&line) <= Duration::from_secs(5), "{line}");
    gate.wait_until_issued(NAME);
    acme.shown(NAME);
}

#[test]
fn a_server_of_another_authority_is_not_trusted() {
    let Some(acme) = Acme::start() else { return };
    let gate = acme.serve_with(&[NAME], "", "--set tls.acme_ca=");
    let line = failure(&gate, "UnknownIssuer");
    assert!(line["fix"].as_str().unwrap().contains("tls.acme_ca"), "{line}");
    assert_eq!(acme.asked().len(), 0);
}

#[test]
fn a_name_that_cannot_be_proven_is_tried_by_each_challenge_and_then_seldom() {
    let Some(acme) = Acme::start() else { return };
    let gate = acme.serve(&[NOWHERE, NAME]);
    let first = failure(&gate, "by tls-alpn-01");
    assert_eq!((&first["level"], &first["domain"]), (&"error".into(), &NOWHERE.into()), "{first}");
    assert!(first["reason"].as_str().unwrap().contains(NOWHERE), "{first}");
    assert!(first["fix"].as_str().unwrap().contains("lead"), "{first}");
    assert!(pause(&first) <= Duration::from_secs(5), "the other challenge is tried: {first}");
    // It keeps no other name from its certificate.
    gate.wait_until_issued(NAME);
    let second = failure(&gate, "by http-01");
    assert!(pause(&second) >= Duration::from_secs(5 * 60), "{second}");
    assert!(second["reason"].as_str().unwrap().contains(NOWHERE), "{second}");
    assert_eq!(gate.gate.http.get("/x", ""), 401);
}

#[test]
fn a_limit_of_the_server_is_kept() {
    let Some(acme) = Acme::start() else { return };
    let problem = r#"{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates"}"#;
    acme.reply(move |asked, _| {
        let answer =
            || Answer::Of(429, "Retry-After: 7200\r\nReplay-Nonce: x\r\n".to_owned(), problem.to_owned());
        (asked.path == "/order-plz").then(answer)
    });
    let gate = acme.serve(&[NAME]);
    let line = failure(&gate, "too many certificates (rateLimited)");
    assert!(pause(&line) >= Duration::from_secs(7190), "{line}");
    assert!(line["fix"].as_str().unwrap().starts_with("wait"), "{line}");
}

#[test]
fn a_limit_of_the_server_is_kept_for_the_other_names_too() {
    let Some(acme) = Acme::start() else { return };
    let problem = r#"{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many orders"}"#;
    let orders = AtomicUsize::new(0);
    acme.reply(move |asked, _| {
        let answer =
            || Answer::Of(429, "Retry-After: 5\r\nReplay-Nonce: x\r\n".to_owned(), problem.to_owned());
        (asked.path == "/order-plz" && orders.fetch_add(1, Ordering::Relaxed) == 0).then(answer)
    });
    let gate = acme.serve(&[NAME, "b.example"]);
    let limited = failure(&gate, "too many orders (rateLimited)");
    assert!(pause(&limited) >= Duration::from_secs(2700), "the pause of a limit: {limited}");
    // The other name is asked for when the limit is over, and not before.
    let issued = gate.line(|line| line["msg"] == "a new certificate is in force");
    assert!(issued["certificate"].as_str().unwrap().starts_with("b.example"), "{issued}");
    let moment = |line: &Value| Timestamp::parse(line["ts"].as_str().unwrap()).unwrap();
    assert!(moment(&issued) >= moment(&limited).plus(Duration::from_secs(2)), "{limited} {issued}");
}

#[test]
fn what_was_issued_is_checked_before_it_is_used() {
    let Some(acme) = Acme::start() else { return };
    let other = acme.authority.issue(&[NAME]);
    acme.reply(move |asked, _| {
        let answer = || Answer::Of(200, "Replay-Nonce: x\r\n".to_owned(), other.chain.clone());
        asked.path.starts_with("/certZ/").then(answer)
    });
    let gate = acme.serve(&[NAME]);
    let line = failure(&gate, "the private key is not that of the certificate");
    assert!(pause(&line) >= Duration::from_secs(3 * 60), "{line}");
    assert!(!acme.kept("a.example.pem").exists());
}
