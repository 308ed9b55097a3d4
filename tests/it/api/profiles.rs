//! Differences of profile `standard` from LoopBack 3.28 (docs/interface.md, "Profiles").

use serde_json::{Value, json};

use super::{PASSWORD, ask, gate, told};
use crate::support::{App, Gate, Setup};

#[test]
fn logout_takes_any_verb_but_options() {
    for verb in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"] {
        for (profile, ends) in [("standard", true), ("loopback3", verb == "POST")] {
            let (_app, gate) = gate(profile);
            let ann = gate.sign_up("ann");
            let mut client = gate.client();
            let status = ask(&mut client, verb, "/api/users/logout", &ann.token, &Value::Null).status;
            assert_eq!(status == 204, ends, "{profile}: {verb} gives {status}");
            let after = ask(&mut client, "GET", "/api/users/1", &ann.token, &Value::Null).status;
            assert_eq!(after == 401, ends, "{profile}: {verb}, and then {after}");
        }
    }
    for (profile, ends) in [("standard", false), ("loopback3", true)] {
        let (_app, gate) = gate(profile);
        let ann = gate.sign_up("ann");
        let status = ask(&mut gate.client(), "OPTIONS", "/api/users/logout", &ann.token, &Value::Null).status;
        assert_eq!(status == 204, ends, "{profile}: OPTIONS gives {status}");
        let after = ask(&mut gate.client(), "GET", "/api/users/1", &ann.token, &Value::Null).status;
        assert_eq!(after == 401, ends, "{profile}: OPTIONS, and then {after}");
    }
}

#[test]
fn logout_takes_the_token_of_the_body() {
    for name in ["sid", "access_token"] {
        for (profile, status) in [("standard", 204), ("loopback3", 401)] {
            let (_app, gate) = gate(profile);
            let ann = gate.sign_up("ann");
            let mut client = gate.client();
            let answer = ask(&mut client, "POST", "/api/users/logout", "", &json!({name: ann.token}));
            assert_eq!(answer.status, status, "{profile}: {name}");
            let after = ask(&mut client, "GET", "/api/users/1", &ann.token, &Value::Null).status;
            assert_eq!(after, if status == 204 { 401 } else { 200 }, "{profile}: {name}");
        }
    }
}

#[test]
fn json_that_curl_sends_without_a_content_type_is_read() {
    let body = json!({"username": "ann", "password": PASSWORD}).to_string();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let elsewhere = format!("{form}Sec-Fetch-Site: cross-site\r\n");
    for (lines, standard) in [("", 200), (form, 200), (&elsewhere, 400)] {
        for (profile, status) in [("standard", standard), ("loopback3", 400)] {
            let (_app, gate) = gate(profile);
            gate.sign_up("ann");
            let answer = gate.client().ask("POST", "/api/users/login", lines, body.as_bytes());
            assert_eq!(answer.status, status, "{profile}: {lines}: {}", answer.text());
        }
    }
}

#[test]
fn the_ttl_of_a_login_is_a_positive_number() {
    for (ttl, standard, loopback3) in [
        (json!(60), "60", "60"),
        (json!("60"), "60", "60"),
        (json!(0.5), "0.5", "0.5"),
        (json!(99_999_999), "31556926", "31556926"),
        (json!(0), "400", "1209600"),
        (json!("abc"), "400", "null"),
        (json!(-1), "400", "-1"),
        (json!(true), "400", "1"),
        (json!(null), "400", "1209600"),
        (json!([5]), "400", "1209600"),
        (json!({"ttl": 5, "id": "chosen"}), "400", "1209600"),
    ] {
        for (profile, expected) in [("standard", standard), ("loopback3", loopback3)] {
            let (_app, gate) = gate(profile);
            gate.sign_up("ann");
            let body = json!({"username": "ann", "password": PASSWORD, "ttl": ttl});
            let answer = ask(&mut gate.client(), "POST", "/api/users/login", "", &body);
            if expected == "400" {
                assert_eq!(answer.status, 400, "{profile}: {ttl}: {}", answer.text());
                continue;
            }
            let told = answer.expect(200).json();
            assert_eq!(told["ttl"].to_string(), expected, "{profile}: {ttl}");
            assert_eq!(told["id"].as_str().unwrap().len(), 64, "{profile}: {ttl}");
        }
    }
}

#[test]
fn a_batch_is_created_whole_or_not_at_all() {
    let batch = json!([
        {"email": "ann@example.com", "username": "ann", "password": PASSWORD},
        {"email": "bad", "password": PASSWORD},
    ]);
    for (profile, login) in [("standard", 401), ("loopback3", 200)] {
        let (_app, gate) = gate(profile);
        let mut client = gate.client();
        assert_ne!(ask(&mut client, "POST", "/api/users", "", &batch).status, 200, "{profile}");
        let ann = json!({"username": "ann", "password": PASSWORD});
        assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &ann).status, login, "{profile}");
    }
}

#[test]
fn a_hash_is_no_password_that_a_client_can_supply() {
    let hash = bcrypt::hash("chosen-password", 4).unwrap();
    for (profile, registered, login) in [("standard", 422, 401), ("loopback3", 200, 200)] {
        let (_app, gate) = gate(profile);
        let mut client = gate.client();
        let ann = json!({"email": "ann@example.com", "username": "ann", "password": hash});
        assert_eq!(ask(&mut client, "POST", "/api/users", "", &ann).status, registered, "{profile}");
        for (password, status) in [("chosen-password", login), (&*hash, 401)] {
            let body = json!({"username": "ann", "password": password});
            let answer = ask(&mut client, "POST", "/api/users/login", "", &body);
            assert_eq!(answer.status, status, "{profile}: {password}");
        }
    }
}

#[test]
fn a_verification_is_not_the_clients_to_give() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile);
        let ann = json!({"email": "a@example.com", "password": PASSWORD, "emailVerified": true, "verificationToken": "t"});
        let answer = told(&mut gate.client(), "POST /api/users", "", &ann);
        assert_eq!(answer, r#"200 {"email":"a@example.com","emailVerified":false,"id":1}"#, "{profile}");
    }
}

#[test]
fn short_and_common_passwords_are_refused() {
    for (password, standard, loopback3) in [
        ("short", 422, 200),
        ("password123", 422, 200),
        ("a-fine-one", 200, 200),
        (&"x".repeat(73), 200, 422),
        (&"x".repeat(1_025), 422, 422),
    ] {
        for (profile, status) in [("standard", standard), ("loopback3", loopback3)] {
            let (_app, gate) = gate(profile);
            let ann = json!({"email": "a@example.com", "password": password});
            let answer = ask(&mut gate.client(), "POST", "/api/users", "", &ann);
            assert_eq!(answer.status, status, "{profile}: {password}: {}", answer.text());
        }
    }
}

/// A model of the app whose rows are their owners'.
const ORDER: &str = r#"{
  "name": "Order", "base": "PersistedModel", "plural": "orders",
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW" }
  ]
}"#;

/// An app whose rows of `/api/orders` belong to user 1.
fn shop(profile: &str) -> (App, Gate) {
    let app = App::answering(|_| crate::support::answer("200 OK", "", r#"{"id": 5, "userId": 1}"#));
    let gate = Gate::start(Setup::new(&app).set("profile", profile).policy("order.json", ORDER));
    (app, gate)
}

#[test]
fn ownership_is_judged_by_the_path_alone() {
    for (line, body, standard, loopback3) in [
        ("GET /api/orders/5", Value::Null, 200, 200),
        ("PATCH /api/orders", json!({"id": 5}), 403, 200),
        ("POST /api/orders/update?id=5", json!({}), 403, 200),
    ] {
        for (profile, status) in [("standard", standard), ("loopback3", loopback3)] {
            let (app, gate) = shop(profile);
            let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
            let mut client = gate.client();
            let (verb, target) = line.split_once(' ').unwrap();
            assert_eq!(ask(&mut client, verb, target, &ann.token, &body).status, status, "{profile}: {line}");
            let forwarded =
                app.requests().into_iter().filter(|request| request.field("x-portcullis-lookup").is_none());
            assert_eq!(forwarded.count(), usize::from(status == 200), "{profile}: {line}");
            let refused = if profile == "standard" { 403 } else { 401 };
            assert_eq!(
                ask(&mut client, verb, target, &bob.token, &body).status,
                refused,
                "{profile}: {line}"
            );
        }
    }
}

#[test]
fn a_known_caller_who_may_not_gets_a_403_and_a_stranger_a_challenge() {
    for (profile, known, challenge) in [("standard", 403, Some("Bearer")), ("loopback3", 401, None)] {
        let (_app, gate) = shop(profile);
        let (_ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
        let mut client = gate.client();
        let denied = ask(&mut client, "GET", "/api/orders/5", &bob.token, &Value::Null);
        assert_eq!(denied.status, known, "{profile}");
        let stranger = client.get("/api/orders/5").expect(401);
        assert_eq!(stranger.field("www-authenticate"), challenge, "{profile}");
    }
}
