//! Owner look-ups in the log.

use super::support::{Gate, House};
use crate::support::{App, answer};

const NOTES: &str = r#"{"name": "Row", "routes": [{"path": "/rows/{id}"}],
    "owner": {"lookup": "/rows/{id}.json", "field": "/owner"},
    "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
             {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#;

#[test]
fn b8_e9_a_400_and_an_unread_coding_are_named_in_the_log() {
    let app = App::answering(|request| match request.target() {
        "/rows/1.json" => answer("400 Bad Request", "", "Invalid HTTP_HOST header"),
        _ => answer("200 OK", "Content-Encoding: br\r\n", "{}"),
    });
    let house = House::new();
    house.write("policies/row.json", NOTES);
    house.add_user("ann");
    let mut command = house.command("serve");
    command.env("PORTCULLIS_UPSTREAM__SERVERS", app.url());
    let gate = Gate::start(command);
    let token = gate.http.login("ann");
    assert_eq!(gate.http.get("/rows/1", &token), 403);
    let line = gate.logged("the app answered 400 to an owner look-up");
    assert!(line.contains("/rows/1.json") && line.contains("upstream.host"), "{line}");
    assert_eq!(gate.http.get("/rows/2", &token), 503);
    gate.logged("content coding `br`");
}
