//! LoopBack's suites `user` and `user.integration` over HTTP, as far as no other test covers them.

use serde_json::{Value, json};

use super::{ask, told};
use crate::{api::recovery::house, support::Client};

/// The password of every account that a gate signs up.
const PASSWORD: &str = "a-good-password";

fn log_in(client: &mut Client, query: &str, password: &str) -> Value {
    let body = json!({"email": "ann@example.com", "password": password});
    ask(client, "POST", &format!("/api/users/login{query}"), "", &body).expect(200).json()
}

#[test]
fn a_login_shows_the_user_where_it_is_asked_for() {
    let (_receiver, gate) = house("loopback3", &[]);
    gate.sign_up("ann");
    let mut client = gate.client();
    for (query, shown) in
        [("", false), ("?include=USER", true), ("?include=USER&include=Post", true), ("?include=Post", false)]
    {
        let token = log_in(&mut client, query, PASSWORD);
        assert_eq!(token["user"]["email"] == "ann@example.com", shown, "{query}");
        assert!(token["user"].get("password").is_none() && token["id"].as_str().unwrap().len() == 64);
    }
    let body = json!({"email": "ann@example.com", "password": PASSWORD}).to_string();
    let other = client
        .ask("POST", "/api/users/login", "Content-Type: text/plain\r\n", body.as_bytes())
        .expect(400)
        .json();
    assert_eq!(other["error"]["code"], "USERNAME_EMAIL_REQUIRED", "another content type is not a body");
}

#[test]
fn tokens_are_never_included() {
    let (_receiver, gate) = house("loopback3", &[]);
    let ann = gate.sign_up("ann");
    let shown = ask(
        &mut gate.client(),
        "GET",
        "/api/users/1?filter={\"include\":\"accessTokens\"}",
        &ann.token,
        &Value::Null,
    );
    let shown = shown.expect(200).json();
    assert_eq!((&shown["username"], shown.get("accessTokens")), (&json!("ann"), None));
}

#[test]
fn a_registration_does_not_confirm_itself() {
    let (_receiver, gate) = house("loopback3", &[]);
    let body = json!({"email": "ann@example.com", "password": PASSWORD, "emailVerified": true});
    let shown = ask(&mut gate.client(), "POST", "/api/users", "", &body).expect(200).json();
    assert_eq!(shown["emailVerified"], false);
}

#[test]
fn an_address_is_verified_on_request() {
    let (receiver, gate) = house("loopback3", &[]);
    gate.sign_up("ann");
    let mut client = gate.client();
    let unknown = ask(&mut client, "POST", "/api/users/99/verify", "", &Value::Null).expect(404).json();
    assert_eq!(unknown["error"]["code"], "MODEL_NOT_FOUND");
    for (redirect, status) in [("", 204), ("&redirect=/welcome", 302)] {
        assert_eq!(told(&mut client, "POST /api/users/1/verify", "", &Value::Null), "204");
        let token =
            receiver.event("verification.requested")["verificationToken"].as_str().unwrap().to_owned();
        assert_eq!(token.len(), 128);
        for (uid, token, expected, code) in
            [("1_invalid", &*token, 404, "USER_NOT_FOUND"), ("1", "wrong", 400, "INVALID_TOKEN")]
        {
            let target = format!("/api/users/confirm?uid={uid}&token={token}{redirect}");
            let refused = client.get(&target).expect(expected).json();
            assert_eq!(refused["error"]["code"], code, "a mistake leads nowhere");
        }
        let target = format!("/api/users/confirm?uid=1&token={token}{redirect}");
        let confirmed = client.get(&target).expect(status);
        assert_eq!(confirmed.field("location"), redirect.strip_prefix("&redirect="));
        client.get(&target).expect(400);
    }
}

#[test]
fn the_session_that_changes_the_password_stays_and_others_end() {
    let (_receiver, gate) = house("loopback3", &[]);
    let ann = gate.sign_up("ann");
    let bob = gate.sign_up("bob");
    let mut client = gate.client();
    let other = log_in(&mut client, "", PASSWORD)["id"].as_str().unwrap().to_owned();
    let own = |client: &mut Client, token: &str, id: i64| {
        ask(client, "GET", &format!("/api/users/{id}"), token, &Value::Null).status
    };
    ask(&mut client, "PATCH", "/api/users/1", &ann.token, &json!({"nick": "a"})).expect(200);
    assert_eq!(own(&mut client, &other, 1), 200, "another property ends nothing");
    let change = json!({"oldPassword": PASSWORD, "newPassword": "another-good-one"});
    ask(&mut client, "POST", "/api/users/change-password", "", &change).expect(401);
    ask(&mut client, "POST", "/api/users/change-password", &ann.token, &change).expect(204);
    assert_eq!(
        [own(&mut client, &ann.token, 1), own(&mut client, &other, 1), own(&mut client, &bob.token, 2)],
        [200, 401, 200]
    );
    let again = log_in(&mut client, "", "another-good-one")["id"].as_str().unwrap().to_owned();
    ask(&mut client, "PATCH", "/api/users/1", &ann.token, &json!({"email": "new@example.com"})).expect(200);
    assert_eq!([own(&mut client, &ann.token, 1), own(&mut client, &again, 1)], [200, 401]);
}

#[test]
fn resets_and_logouts_are_refused_in_loopbacks_words() {
    let (_receiver, gate) = house("loopback3", &[]);
    gate.sign_up("ann");
    let mut client = gate.client();
    for (target, token, body, status, code) in [
        ("/api/users/reset", "", json!({}), 400, json!("EMAIL_REQUIRED")),
        ("/api/users/reset", "", json!({"email": "unknown@example.com"}), 404, json!("EMAIL_NOT_FOUND")),
        (
            "/api/users/reset-password",
            "",
            json!({"newPassword": PASSWORD}),
            401,
            json!("AUTHORIZATION_REQUIRED"),
        ),
        ("/api/users/logout", "", json!({}), 401, Value::Null),
        ("/api/users/logout", "unknown-token", json!({}), 401, Value::Null),
    ] {
        let refused = ask(&mut client, "POST", target, token, &body).expect(status).json();
        assert_eq!(
            refused["error"].get("code").cloned().unwrap_or_default(),
            code,
            "{target} {token} {body}"
        );
    }
}
