//! Users in several models, which the tokens name: LoopBack's suite `multiple-user-principal-types` over HTTP.

use portcullis::store::Change;
use serde_json::{Value, json};

use super::ask;
use crate::support::{App, Gate, Setup, answer};

const ONE: &str = "/api/OneUsers";

/// The accounts are `OneUser`; `AnotherUser` is the app's.
fn gate(profile: &str) -> (App, Gate) {
    let tokens = json!({"accessTokens": {"type": "hasMany", "model": "accessToken",
        "polymorphic": {"foreignKey": "userId", "discriminator": "principalType"}}});
    let rule = |kind: &str, id: &str, property: &str| json!({"principalType": kind, "principalId": id, "permission": "ALLOW", "property": property});
    let user = |name: &str| {
        json!({"name": name, "base": "User", "plural": format!("{name}s"), "relations": tokens,
               "acls": [rule("ROLE", "$owner", "__get__accessTokens")]})
    };
    let product = json!({"name": "Product", "base": "PersistedModel", "plural": "Products", "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
        rule("ROLE", "seller", "find"),
        rule("OneUser", "1", "count"),
        rule("USER", "1", "findOne"),
        rule("AnotherUser", "1", "findOne"),
        rule("ROLE", "$authenticated", "create"),
        rule("ROLE", "$owner", "findById"),
    ], "relations": {
        "maker": {"type": "belongsTo", "model": "AnotherUser", "foreignKey": "makerId"},
        "seller": {"type": "belongsTo", "model": "OneUser", "foreignKey": "sellerId"},
    }});
    let app = App::answering(|request| match request.line() {
        line if line.contains("/Products/by-id") => answer("200 OK", "", r#"{"userId": 1, "owner": 1}"#),
        line if line.contains("/Products/made") => answer("200 OK", "", r#"{"makerId": 1, "sellerId": 9}"#),
        line if line.contains("/Products/sold") => answer("200 OK", "", r#"{"makerId": 2, "sellerId": 1}"#),
        _ => answer("200 OK", "", "[]"),
    });
    let setup = Setup::new(&app)
        .set("profile", profile)
        .set("api.user_model", "OneUser")
        .policy("one.json", &user("OneUser").to_string())
        .policy("another.json", &user("AnotherUser").to_string())
        .policy("token.json", &json!({"name": "accessToken", "base": "AccessToken"}).to_string())
        .policy("product.json", &product.to_string());
    (app, Gate::start(setup))
}

fn sign_up(gate: &Gate, name: &str) -> Value {
    let account = json!({"email": format!("{name}@b.c"), "password": "a-good-password"});
    let mut client = gate.client();
    ask(&mut client, "POST", ONE, "", &account).expect(200);
    ask(&mut client, "POST", &format!("{ONE}/login"), "", &account).expect(200).json()
}

#[test]
fn a4_a_token_says_of_which_model_its_user_is() {
    for profile in ["loopback3", "standard"] {
        let (_app, gate) = gate(profile);
        let token = sign_up(&gate, "ann");
        assert_eq!((&token["userId"], &token["principalType"]), (&json!(1), &json!("OneUser")));
        let id = token["id"].as_str().unwrap();
        let rows = ask(&mut gate.client(), "GET", &format!("{ONE}/1/accessTokens"), id, &Value::Null);
        assert_eq!(rows.expect(200).json()[0]["principalType"], "OneUser");
    }
}

#[test]
fn a4_roles_and_rules_are_of_the_models_principal_type() {
    for (profile, denied) in [("loopback3", 401), ("standard", 403)] {
        let (_app, gate) = gate(profile);
        let (ann, bob) = (sign_up(&gate, "ann"), sign_up(&gate, "bob"));
        // `role grant` gives a role to these accounts, whatever their principal type is called.
        let grant = vec![
            Change::CreateRole { name: "seller".to_owned() },
            Change::Grant { role: "seller".to_owned(), user: 1.into() },
        ];
        gate.run(gate.parts().store.commit(grant)).unwrap();
        let mut client = gate.client();
        for (target, by_ann, by_bob) in [
            ("GET /api/Products", 200, denied),
            ("GET /api/Products/count", 200, denied),
            // Rules of type USER, and of another model, match no caller here.
            ("GET /api/Products/findOne", denied, denied),
            ("POST /api/Products", 200, 200),
            // The owner is found by the relation to this model alone.
            ("GET /api/Products/sold", 200, denied),
            ("GET /api/Products/made", denied, denied),
            ("GET /api/Products/by-id", denied, denied),
            ("GET /api/OneUsers/1", 200, denied),
            // Of another user model no caller here is the owner by an id alone.
            ("GET /api/AnotherUsers/1", denied, denied),
        ] {
            for (token, expected) in [(&ann, by_ann), (&bob, by_bob)] {
                let (method, target) = target.split_once(' ').unwrap();
                let token = token["id"].as_str().unwrap();
                let body = if method == "POST" { json!({}) } else { Value::Null };
                let found = ask(&mut client, method, target, token, &body).status;
                assert_eq!(found, expected, "{profile} {method} {target} by {}", token.len());
            }
        }
    }
}

#[test]
fn passwords_are_those_of_the_tokens_own_model() {
    let (app, gate) = gate("loopback3");
    let token = sign_up(&gate, "ann");
    let token = token["id"].as_str().unwrap();
    let mut client = gate.client();
    let change = json!({"oldPassword": "a-good-password", "newPassword": "another-good-one"});
    ask(&mut client, "POST", "/api/OneUsers/change-password", token, &change).expect(204);
    let login = |password: &str| json!({"email": "ann@b.c", "password": password});
    ask(&mut client, "POST", "/api/OneUsers/login", "", &login("another-good-one")).expect(200);
    let set = json!({"newPassword": "a-third-good-one"});
    ask(&mut client, "POST", "/api/OneUsers/reset-password", token, &set).expect(204);
    ask(&mut client, "POST", "/api/OneUsers/login", "", &login("a-third-good-one")).expect(200);
    ask(&mut client, "POST", "/api/OneUsers/login", "", &login("a-good-password")).expect(401);
    // The other model's routes are the app's: they are decided here, and answered there, without our token.
    app.requests();
    ask(&mut client, "POST", "/api/AnotherUsers/login", "", &login("a-good-password")).expect(200);
    let seen = app.requests();
    assert!(seen.iter().any(|request| request.line().starts_with("POST /api/AnotherUsers/login")));
}
