//! Users and their tokens as rows, for callers whom the rules let see them.

use serde_json::{Value, json};

use super::{PASSWORD, ask, told};
use crate::support::{App, Client, Gate, Setup};

/// The role `admin` may do everything.
const ADMIN: &str = r#"{ "User": { "public": true, "acls": [
    { "principalType": "ROLE", "principalId": "admin", "permission": "ALLOW" }
] } }"#;

/// A gate with an admin (user 1) and Bob (user 2); the admin's token.
fn house(profile: &str) -> (App, Gate, String) {
    let app = App::echo();
    let setup = Setup::new(&app).set("profile", profile).policy("model-config.json", ADMIN);
    let gate =
        Gate::start(setup.policy("none.json", r#"{"name": "None", "public": false}"#).with_manual_clock());
    let (root, _) = (gate.sign_up("root"), gate.sign_up("bob"));
    let store = &gate.parts().store;
    let role = portcullis::store::Change::CreateRole { name: "admin".to_owned() };
    let grant = portcullis::store::Change::Grant { role: "admin".to_owned(), user: root.id.into() };
    gate.run(store.commit(vec![role, grant])).unwrap();
    (app, gate, root.token)
}

fn log_in(client: &mut Client, name: &str) -> String {
    let body = json!({"username": name, "password": PASSWORD});
    let answer = ask(client, "POST", "/api/users/login", "", &body).json();
    answer["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_admin_reads_rows() {
    let (_app, gate, token) = house("loopback3");
    let mut client = gate.client();
    let bob = r#"{"username":"bob","email":"bob@example.com","id":2}"#;
    for (line, expected) in [
        ("GET /api/users?filter[where][username]=bob", format!("200 [{bob}]")),
        (
            "GET /api/users?filter=%7B%22order%22%3A%22id%20DESC%22%2C%22limit%22%3A1%7D",
            format!("200 [{bob}]"),
        ),
        ("GET /api/users?filter[skip]=1&filter[fields][0]=id", r#"200 [{"id":2}]"#.to_owned()),
        ("GET /api/users/findOne?filter[where][id]=2", format!("200 {bob}")),
        ("GET /api/users/02", format!("200 {bob}")),
        ("GET /api/users/count", r#"200 {"count":2}"#.to_owned()),
        ("GET /api/users/count?where[id][gt]=1", r#"200 {"count":1}"#.to_owned()),
        ("GET /api/users/2/exists", r#"200 {"exists":true}"#.to_owned()),
        ("GET /api/users/9/exists", r#"200 {"exists":false}"#.to_owned()),
        ("HEAD /api/users/2", "200".to_owned()),
        ("HEAD /api/users/9", "404".to_owned()),
        ("DELETE /api/users/9", r#"200 {"count":0}"#.to_owned()),
    ] {
        assert_eq!(told(&mut client, line, &token, &Value::Null), expected, "{line}");
    }
    for (line, status, message) in [
        ("GET /api/users?filter[limit]=-1", 400, "The limit parameter \"-1\" is not valid"),
        ("GET /api/users?filter[include]=nope", 400, "Relation \"nope\" is not defined for User model"),
        ("GET /api/users/findOne?filter[where][id]=9", 404, "Unknown \"User\" id \"undefined\"."),
        ("GET /api/users/null", 400, "id is a required argument"),
        ("POST /api/users/update", 400, "where is a required argument"),
        ("PATCH /api/users/9", 404, "could not find a model with id 9"),
        (
            "PUT /api/users/9",
            422,
            "The `User` instance is not valid. Details: `password` can't be blank (value: undefined); `email` can't be blank (value: undefined).",
        ),
        ("POST /api/users/upsertWithWhere?where[id]=2", 400, "data object cannot be empty!"),
        ("GET /api/users/change-stream", 501, "The method `createChangeStream` is not implemented"),
    ] {
        let (verb, target) = line.split_once(' ').unwrap();
        let answer = ask(&mut client, verb, target, &token, &Value::Null);
        assert_eq!(answer.json()["error"]["message"], message, "{line}");
        assert_eq!(answer.status, status, "{line}");
    }
}

#[test]
fn hidden_properties_select_no_row_in_standard() {
    for (profile, count) in [("standard", 0), ("loopback3", 2)] {
        let (_app, gate, token) = house(profile);
        let mut client = gate.client();
        let line = "GET /api/users/count?where[password]=x";
        assert_eq!(told(&mut client, line, &token, &Value::Null), format!("200 {{\"count\":{count}}}"));
        let update =
            ask(&mut client, "POST", "/api/users/update?where[password]=x", &token, &json!({"realm": "x"}));
        assert_eq!(update.status, 400, "{profile}: {}", update.text());
    }
}

#[test]
fn tokens_are_shown_by_handles_that_open_nothing() {
    let (_app, gate, token) = house("loopback3");
    let mut client = gate.client();
    let made =
        ask(&mut client, "POST", "/api/users/2/accessTokens", &token, &json!({"ttl": 60, "userId": 1}));
    assert_eq!(made.field("cache-control"), Some("no-store"));
    let made = made.json();
    assert_eq!((&made["ttl"], &made["userId"]), (&json!(60), &json!(2)));
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(ask(&mut client, "GET", "/api/users/2", &id, &Value::Null).status, 200);

    let list = "/api/users/2/accessTokens?filter[where][ttl]=60";
    let rows = ask(&mut client, "GET", list, &token, &Value::Null).json();
    let handle = rows[0]["id"].as_str().unwrap().to_owned();
    assert_ne!(handle, id);
    assert_eq!(ask(&mut client, "GET", "/api/users/2", &handle, &Value::Null).status, 401);
    for key in [&id, &handle] {
        let target = format!("/api/users/2/accessTokens/{key}");
        assert_eq!(ask(&mut client, "GET", &target, &token, &Value::Null).json()["id"], *handle);
        let elsewhere = format!("/api/users/1/accessTokens/{key}");
        assert_eq!(ask(&mut client, "GET", &elsewhere, &token, &Value::Null).status, 404);
    }
    let target = format!("/api/users/2/accessTokens/{handle}");
    assert_eq!(ask(&mut client, "PUT", &target, &token, &json!({"ttl": 90})).json()["ttl"], 90);
    let moved = ask(&mut client, "PUT", &target, &token, &json!({"userId": 1}));
    assert_eq!(moved.status, 400, "{}", moved.text());
    assert_eq!(ask(&mut client, "DELETE", &target, &token, &Value::Null).status, 204);
    assert_eq!(ask(&mut client, "GET", "/api/users/2", &id, &Value::Null).status, 401);
    let missing = told(&mut client, &format!("DELETE {target}"), &token, &Value::Null);
    assert!(missing.contains("No instance with id TOKEN found for AccessToken"), "{missing}");

    let with_user = "/api/users/2/accessTokens?filter[include]=user&filter[fields]=ttl";
    let rows = ask(&mut client, "GET", with_user, &token, &Value::Null).json();
    assert_eq!(
        rows[0],
        json!({"ttl": 1_209_600, "user": {"username": "bob", "email": "bob@example.com", "id": 2}})
    );
    log_in(&mut client, "bob");
    let count = "GET /api/users/2/accessTokens/count";
    assert_eq!(told(&mut client, count, &token, &Value::Null), r#"200 {"count":2}"#);
    assert_eq!(ask(&mut client, "DELETE", "/api/users/2/accessTokens", &token, &Value::Null).status, 204);
    assert_eq!(told(&mut client, count, &token, &Value::Null), r#"200 {"count":0}"#);
}

#[test]
fn only_loopback_lets_a_client_choose_a_tokens_id() {
    for (profile, chosen) in [("standard", false), ("loopback3", true)] {
        let (_app, gate, token) = house(profile);
        let mut client = gate.client();
        let request = json!({"id": "chosen-by-me", "ttl": 60});
        let make = |client: &mut Client| ask(client, "POST", "/api/users/2/accessTokens", &token, &request);
        assert_eq!(make(&mut client).json()["id"] == "chosen-by-me", chosen, "{profile}");
        assert_eq!(make(&mut client).status, if chosen { 409 } else { 200 }, "{profile}");
        let endless = ask(&mut client, "POST", "/api/users/2/accessTokens", &token, &json!({"ttl": -5}));
        assert_eq!(endless.status, if chosen { 200 } else { 400 }, "{profile}: {}", endless.text());
    }
}
