//! LoopBack's suite `access-control` over HTTP: three kinds of callers, four models.

use serde_json::{Value, json};

use crate::support::{App, Client, Gate, Setup, SignedUp, answer};

const USER: &str = r#"{"name": "user", "base": "User", "plural": "users", "replaceOnPUT": false,
  "relations": {"accessTokens": {"type": "hasMany", "model": "accessToken", "foreignKey": "userId"}}}"#;

const TOKEN: &str = r#"{"name": "accessToken", "base": "AccessToken", "plural": "accessTokens", "acls": [
  {"accessType": "*", "permission": "DENY", "principalType": "ROLE", "principalId": "$everyone"},
  {"permission": "ALLOW", "principalType": "ROLE", "principalId": "$everyone", "property": "create"}]}"#;

/// A model that everyone reads, and one role writes.
const BANK: &str = r#"{"name": "bank", "base": "PersistedModel", "plural": "banks", "acls": [
  {"accessType": "*", "permission": "DENY", "principalType": "ROLE", "principalId": "$everyone"},
  {"accessType": "READ", "permission": "ALLOW", "principalType": "ROLE", "principalId": "$everyone"},
  {"accessType": "WRITE", "permission": "ALLOW", "principalType": "ROLE", "principalId": "teller"}]}"#;

/// Rows of their owners, who may do all with them but delete them.
fn account(name: &str, replaces: bool) -> String {
    json!({"name": name, "base": "PersistedModel", "plural": name, "replaceOnPUT": replaces,
    "relations": {"user": {"type": "belongsTo", "model": "user", "foreignKey": "userId"}},
    "acls": [
        {"accessType": "*", "permission": "DENY", "principalType": "ROLE", "principalId": "$everyone"},
        {"accessType": "*", "permission": "ALLOW", "principalType": "ROLE", "principalId": "$owner"},
        {"permission": "DENY", "principalType": "ROLE", "principalId": "$owner", "property": "deleteById"},
    ]})
    .to_string()
}

/// Every row belongs to the first account.
fn gate() -> (App, Gate) {
    let app = App::answering(|request| match request.line() {
        line if line.starts_with("GET ") => answer("200 OK", "", r#"{"id": 1, "userId": 1}"#),
        _ => answer("200 OK", "", "{}"),
    });
    let setup = Setup::new(&app)
        .set("profile", "loopback3")
        .policy("user.json", USER)
        .policy("access-token.json", TOKEN)
        .policy("bank.json", BANK)
        .policy("replacing.json", &account("accounts-replacing", true))
        .policy("updating.json", &account("accounts-updating", false))
        .set("api.user_model", "user");
    let gate = Gate::start(setup);
    (app, gate)
}

fn status(client: &mut Client, line: &str, token: &str, body: &Value) -> u16 {
    let (method, target) = line.split_once(' ').unwrap();
    let mut lines = String::from("Content-Type: application/json\r\n");
    if !token.is_empty() {
        lines.push_str(&format!("Authorization: {token}\r\n"));
    }
    client.ask(method, target, &lines, body.to_string().as_bytes()).status
}

/// Each request by a caller without a token, with an unknown one, and by a user: denied is a 401.
fn check(gate: &Gate, user: &SignedUp, rows: &[(&str, [bool; 3])]) {
    let mut client = gate.client();
    for (line, expected) in rows {
        let tokens = ["", "an-unknown-token", &user.token];
        let allowed = tokens.map(|token| status(&mut client, line, token, &json!({})) != 401);
        assert_eq!(allowed, *expected, "{line}");
    }
}

const NO_CALLER: [bool; 3] = [false; 3];
const EVERY_CALLER: [bool; 3] = [true; 3];
const OWNER: [bool; 3] = [false, false, true];

#[test]
fn users_see_only_themselves() {
    let (_app, gate) = gate();
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    check(
        &gate,
        &bob,
        &[
            ("GET /api/users", NO_CALLER),
            ("GET /api/users/1", NO_CALLER),
            ("PUT /api/users/1", NO_CALLER),
            ("PATCH /api/users/1", NO_CALLER),
            ("DELETE /api/users/1", NO_CALLER),
            ("POST /api/users/upsertWithWhere", NO_CALLER),
            // With nothing in it a registration is a 422, and no denial.
            ("POST /api/users", EVERY_CALLER),
            ("GET /api/users/2?ok", OWNER),
            ("PATCH /api/users/2?ok", OWNER),
        ],
    );
    let mut client = gate.client();
    for token in ["", &ann.token] {
        assert_eq!(
            status(&mut client, "DELETE /api/users", token, &Value::Null),
            404,
            "there is no such method"
        );
    }
    // `replaceOnPUT: false`: a PUT changes what it names, and leaves the rest.
    let put = client.ask(
        "PUT",
        "/api/users/2?ok",
        &format!("Authorization: {}\r\nContent-Type: application/json\r\n", bob.token),
        br#"{"nick": "b"}"#,
    );
    let shown = put.expect(200).json();
    assert_eq!((&shown["nick"], &shown["email"]), (&json!("b"), &json!("bob@example.com")));
    assert!(shown.get("password").is_none());
    assert_eq!(status(&mut client, "DELETE /api/users/2?ok", &bob.token, &Value::Null), 200);
    assert_eq!(status(&mut client, "POST /api/users/logout", &ann.token, &Value::Null), 204);
}

#[test]
fn tokens_of_a_public_model_can_be_created_and_not_read() {
    let (app, gate) = gate();
    let ann = gate.sign_up("ann");
    check(
        &gate,
        &ann,
        &[
            ("POST /api/accessTokens", EVERY_CALLER),
            ("GET /api/accessTokens", NO_CALLER),
            ("PUT /api/accessTokens", NO_CALLER),
            ("GET /api/accessTokens/x", NO_CALLER),
            ("PUT /api/accessTokens/x", NO_CALLER),
            ("DELETE /api/accessTokens/x", NO_CALLER),
        ],
    );
    assert_eq!(app.requests().len(), 3, "what is allowed is the app's to answer");
}

#[test]
fn everyone_reads_banks_and_one_role_writes_them() {
    use portcullis::store::Change;
    let (_app, gate) = gate();
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let grant = vec![
        Change::CreateRole { name: "teller".to_owned() },
        Change::Grant { role: "teller".to_owned(), user: bob.id.into() },
    ];
    gate.run(gate.parts().store.commit(grant)).unwrap();
    for (user, writes) in [(&ann, NO_CALLER), (&bob, OWNER)] {
        check(
            &gate,
            user,
            &[
                ("GET /api/banks", EVERY_CALLER),
                ("GET /api/banks/1", EVERY_CALLER),
                ("POST /api/banks", writes),
                ("PUT /api/banks/1", writes),
                ("DELETE /api/banks/1", writes),
                ("POST /api/banks/upsertWithWhere", writes),
            ],
        );
    }
}

#[test]
fn owners_do_with_their_rows_what_the_rules_leave_them() {
    let (_app, gate) = gate();
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    for model in ["accounts-replacing", "accounts-updating"] {
        let lines = ["GET", "PUT", "PATCH"].map(|verb| format!("{verb} /api/{model}/1"));
        let replace = format!("POST /api/{model}/1/replace");
        for (user, allowed) in [(&ann, OWNER), (&bob, NO_CALLER)] {
            let own: Vec<(&str, [bool; 3])> =
                lines.iter().chain([&replace]).map(|line| (line.as_str(), allowed)).collect();
            check(&gate, user, &own);
            let never =
                [format!("GET /api/{model}"), format!("POST /api/{model}"), format!("DELETE /api/{model}/1")];
            check(&gate, user, &never.each_ref().map(|line| (line.as_str(), NO_CALLER)));
        }
    }
}
