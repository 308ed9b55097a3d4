//! The API's description: that it is true, and that the API bears whatever fits it, or does not.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    process::support::has,
    support::{App, Gate, Setup},
};

const PROFILES: [&str; 2] = ["standard", "loopback3"];
const DOCUMENT: &str = "/.portcullis/openapi.json";

fn document(gate: &Gate) -> Value {
    gate.client().get(DOCUMENT).expect(200).json()
}

#[test]
fn is_served_to_everyone_and_not_twice() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    let answer = client.get(DOCUMENT).expect(200);
    assert_eq!(answer.field("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let tag = answer.field("etag").unwrap();
    let again = client.ask("GET", DOCUMENT, &format!("If-None-Match: {tag}\r\n"), b"").expect(304);
    assert!(again.body.is_empty());
    let head = client.ask("HEAD", DOCUMENT, "", b"").expect(200);
    assert_eq!(head.field("content-length"), Some(&*answer.body.len().to_string()));
    let other = client.ask("POST", DOCUMENT, "", b"{}").expect(405);
    assert_eq!(other.field("allow"), Some("GET, HEAD"));
    client.get("/.portcullis/openapi.jso").expect(404);
    client.get("/.portcullis/openapi%2ejson").expect(404);
    assert!(app.requests().is_empty(), "nothing reached the app");
}

#[test]
fn is_not_served_where_it_is_switched_off() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("api.openapi", "false"));
    gate.client().get(DOCUMENT).expect(404);
    assert!(app.requests().is_empty());
}
