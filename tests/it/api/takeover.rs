//! What a cookie alone does not do to the account of its own user: any script of the site can send one.

use serde_json::{Value, json};

use super::{PASSWORD, credentials::signed};
use crate::support::{App, Client, Gate, Setup};

const SECRET: &str = "keyboard cat";
const NEW: &str = "another-good-password";

/// Users reach every way of writing their own row; the role `admin` reaches all rows.
const RULES: &str = r#"{ "User": { "public": true, "acls": [
    { "principalType": "ROLE", "principalId": "admin", "permission": "ALLOW" },
    { "principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW",
      "property": ["patchOrCreate", "replaceOrCreate", "upsertWithWhere", "updateAll",
                   "__create__accessTokens", "__updateById__accessTokens"] }
] } }"#;

/// A gate with an administrator (user 1) and Ann (user 2), and their tokens.
fn house(profile: &str) -> (Gate, [String; 2]) {
    let app = App::echo();
    let setup = Setup::new(&app).set("profile", profile).set("credentials.cookie_secret", SECRET);
    let setup = setup.policy("model-config.json", RULES);
    let gate = Gate::start(setup.policy("none.json", r#"{"name": "None", "public": false}"#));
    let (root, ann) = (gate.sign_up("root"), gate.sign_up("ann"));
    let role = portcullis::store::Change::CreateRole { name: "admin".to_owned() };
    let grant = portcullis::store::Change::Grant { role: "admin".to_owned(), user: root.id.into() };
    gate.run(gate.parts().store.commit(vec![role, grant])).unwrap();
    (gate, [root.token, ann.token])
}

/// The cookies that carry a token, as a script of the site sends them.
fn cookies(token: &str) -> [String; 2] {
    let own = "Origin: http://gate.test\r\n";
    [
        format!("Cookie: __Host-portcullis={token}\r\n{own}"),
        format!("Cookie: access_token={}\r\n{own}", signed(token, SECRET)),
    ]
}

/// Status and code of the answer.
fn asked(client: &mut Client, line: &str, credential: &str, body: &Value) -> (u16, String) {
    let (method, target) = line.split_once(' ').unwrap();
    let lines = format!("{credential}Content-Type: application/json\r\n");
    let answer = client.ask(method, target, &lines, body.to_string().as_bytes());
    let told = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    (answer.status, told["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// Every way to take over Ann's account, or to end it.
fn takeovers() -> Vec<(&'static str, Value)> {
    let whole = json!({"email": "new@example.com", "username": "ann", "password": NEW});
    let names = json!({"email": "new@example.com", "password": NEW});
    let with_id = json!({"id": 2, "email": "new@example.com", "password": NEW});
    vec![
        ("PATCH /api/users/2", json!({"password": NEW})),
        ("PATCH /api/users/2", json!({"email": "new@example.com"})),
        ("PATCH /api/users/2", json!({"username": "new"})),
        ("PUT /api/users/2", whole.clone()),
        ("POST /api/users/2/replace", whole),
        ("PATCH /api/users", json!({"id": 2, "email": "new@example.com"})),
        ("PATCH /api/users", json!({"id": 2, "password": NEW})),
        ("PUT /api/users", with_id.clone()),
        ("POST /api/users/replaceOrCreate", with_id),
        ("POST /api/users/upsertWithWhere?where[username]=ann", names),
        ("POST /api/users/update?where[username]=ann", json!({"password": NEW})),
        ("POST /api/users/update?where[username]=ann", json!({"email": "new@example.com"})),
        ("POST /api/users/2/accessTokens", json!({})),
        ("POST /api/users/2/accessTokens", json!([{"ttl": 60}])),
        ("PUT /api/users/2/accessTokens/x", json!({"ttl": 60})),
        ("DELETE /api/users/2", json!({})),
    ]
}

#[test]
fn a_cookie_does_not_take_over_its_own_account() {
    let (gate, [_, ann]) = house("standard");
    let mut client = gate.client();
    for cookie in cookies(&ann) {
        for (line, body) in takeovers() {
            let told = asked(&mut client, line, &cookie, &body);
            assert_eq!(told, (403, "CURRENT_PASSWORD_REQUIRED".to_owned()), "{line} {body} {cookie}");
        }
    }
    let login = json!({"username": "ann", "email": "ann@example.com", "password": PASSWORD});
    client.post_json("/api/users/login", "", &login).expect(200);
}

#[test]
fn a_cookie_does_the_rest() {
    let (gate, [root, ann]) = house("standard");
    let mut client = gate.client();
    let [own, _] = cookies(&ann);
    let good = (200, String::new());
    // A form of the app may send all of the row.
    for body in [json!({"nickname": "a"}), json!({"email": "ann@example.com", "username": "ann", "x": 1})] {
        assert_eq!(asked(&mut client, "PATCH /api/users/2", &own, &body), good, "{body}");
    }
    let change = json!({"oldPassword": PASSWORD, "newPassword": NEW});
    assert_eq!(asked(&mut client, "POST /api/users/change-password", &own, &change).0, 204);
    // Rows of others are what a rule gives an administrator.
    let [by_admin, _] = cookies(&root);
    for (line, body) in [
        ("PATCH /api/users/2", json!({"email": "third@example.com", "password": PASSWORD})),
        ("POST /api/users/2/accessTokens", json!({})),
        ("DELETE /api/users/2", json!({})),
    ] {
        assert_eq!(asked(&mut client, line, &by_admin, &body), good, "{line}");
    }
    let told = asked(&mut client, "PATCH /api/users/1", &by_admin, &json!({"password": NEW}));
    assert_eq!(told, (403, "CURRENT_PASSWORD_REQUIRED".to_owned()), "an administrator's own row");
}

#[test]
fn a_token_in_a_header_and_profile_loopback3_stay_as_they_are() {
    for (line, body) in takeovers().into_iter().filter(|(line, _)| !line.ends_with("/x")) {
        for (profile, by_cookie) in [("standard", false), ("loopback3", true)] {
            let (gate, [_, ann]) = house(profile);
            let header = format!("X-Access-Token: {ann}\r\n");
            let credential = if by_cookie { &cookies(&ann)[1] } else { &header };
            let told = asked(&mut gate.client(), line, credential, &body);
            assert_eq!(told, (200, String::new()), "{profile}: {line} {body}");
        }
    }
}
