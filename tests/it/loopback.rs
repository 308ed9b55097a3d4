//! LoopBack's models in front of the app: what comes before the rules and what after (docs/loopback-3.28.md section 0).

mod access_control;
mod keys;
mod passwords;
mod replication;
mod several_users;
mod users;

use crate::{
    api::{ask, told},
    support::{App, Gate, Setup},
};

const ORDER: &str = r#"{
  "name": "Order", "plural": "orders", "base": "PersistedModel",
  "relations": {
    "lines": { "type": "hasMany", "model": "Order" },
    "buyer": { "type": "belongsTo", "model": "Order" }
  },
  "methods": { "ship": { "http": { "verb": "post" } } },
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "replaceOrCreate" }
  ]
}"#;

fn gate(profile: &str) -> (App, Gate) {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("profile", profile).policy("order.json", ORDER));
    (app, gate)
}

#[test]
fn a_wrong_type_is_told_before_the_rules_and_everything_else_after_them() {
    let (app, gate) = gate("loopback3");
    let mut client = gate.client();
    for (line, body, expected) in [
        ("GET /api/orders?filter=x", "", "400 Value is not an object."),
        ("GET /api/orders?filter=%7Bx%7D", "", "400 Cannot parse JSON-encoded object value."),
        ("GET /api/orders?filter=%7B%7D", "", "401 Authorization Required"),
        ("GET /api/orders?filter[limit]=5&where=x", "", "401 Authorization Required"),
        ("GET /api/orders/count?where=x", "", "400 Value is not an object."),
        ("GET /api/orders/7?filter=x", "", "400 Value is not an object."),
        ("DELETE /api/orders/7?filter=x", "", "401 Authorization Required"),
        ("GET /api/orders/7/lines?filter=x", "", "400 Value is not an object."),
        ("GET /api/orders/7/lines/count?where=x", "", "400 Value is not an object."),
        ("GET /api/orders/7/buyer?filter=x", "", "401 Authorization Required"),
        ("GET /api/orders/7/buyer?refresh=x", "", "400 Value is not a boolean."),
        ("POST /api/orders", "\"x\"", "400 Value is not an object."),
        ("POST /api/orders", "[{}, 5]", "400 Some of array items are not an object."),
        ("POST /api/orders", "[{}]", "401 Authorization Required"),
        ("PATCH /api/orders/7", "[]", "400 Value is not an object."),
        ("PATCH /api/orders/7", "{}", "401 Authorization Required"),
        ("POST /api/orders/7/lines", "5", "400 Value is not an object."),
        ("POST /api/orders/ship", "5", "401 Authorization Required"),
    ] {
        let (method, target) = line.split_once(' ').unwrap();
        let answer = client.ask(method, target, "Content-Type: application/json\r\n", body.as_bytes());
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(format!("{} {message}", answer.status), expected, "{line} {body}");
    }
    for line in ["GET /api/orders/7", "PATCH /api/orders/7", "POST /api/orders/ship"] {
        let (method, target) = line.split_once(' ').unwrap();
        let answer = client.ask(method, target, "Content-Type: application/json\r\n", b"{bad").expect(400);
        assert_eq!(answer.json()["error"]["name"], "SyntaxError", "{line}");
    }
    // A body that is neither JSON nor a form is not read.
    client.ask("POST", "/api/orders", "Content-Type: text/plain\r\n", b"\"x\"").expect(401);
    assert!(app.requests().is_empty(), "nothing reached the app");
}

#[test]
fn a_body_that_was_read_reaches_the_app_byte_for_byte() {
    let (app, gate) = gate("loopback3");
    let body = br#"{ "id":  7, "x": [1,2 ] }"#;
    let target = "/api/orders/replaceOrCreate?x=1";
    gate.client().ask("POST", target, "Content-Type: application/json\r\n", body).expect(200);
    assert_eq!(app.only_request().target(), target);
    assert_eq!(app.only_request().body, body);
}

#[test]
fn the_standard_profile_leaves_arguments_to_the_app() {
    let (_app, gate) = gate("standard");
    let mut client = gate.client();
    client.get("/api/orders?filter=x").expect(401);
    client.ask("POST", "/api/orders", "Content-Type: application/json\r\n", b"{bad").expect(401);
}
