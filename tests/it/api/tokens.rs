//! Tokens as requests bring them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PASSWORD, ask, gate};
use crate::support::Gate;

/// A login with a lifetime of a minute.
fn short_lived(gate: &Gate) -> String {
    gate.sign_up("ann");
    let login = json!({"username": "ann", "password": PASSWORD, "ttl": 60});
    let answer = ask(&mut gate.client(), "POST", "/api/users/login", "", &login).expect(200);
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_expired_token_is_a_401_once_and_then_unknown() {
    for (profile, challenge) in [("standard", Some(r#"Bearer error="invalid_token""#)), ("loopback3", None)] {
        // Also where all may go, and where anonymous callers log in.
        for line in ["GET /open", "GET /api/users/1", "POST /api/users/login", "POST /api/users/logout"] {
            let (app, gate) = gate(profile);
            let token = short_lived(&gate);
            let mut client = gate.client();
            gate.advance(Duration::from_millis(59_999));
            assert_eq!(
                ask(&mut client, "GET", "/api/users/1", &token, &Value::Null).status,
                200,
                "{profile}"
            );
            gate.advance(Duration::from_millis(1));
            let (verb, target) = line.split_once(' ').unwrap();
            let first = ask(&mut client, verb, target, &token, &Value::Null);
            let expected = json!({"error": {
                "statusCode": 401, "name": "Error", "message": "Invalid Access Token", "code": "INVALID_TOKEN",
            }});
            assert_eq!((first.status, first.json()), (401, expected), "{profile}: {line}");
            assert_eq!(first.field("www-authenticate"), challenge, "{profile}: {line}");
            assert!(app.requests().is_empty(), "{profile}: {line}");
            let second = ask(&mut client, verb, target, &token, &Value::Null);
            let anonymous = ask(&mut client, verb, target, "", &Value::Null);
            assert_eq!(second.status, anonymous.status, "{profile}: {line}");
            assert!(!second.text().contains("INVALID_TOKEN"), "{profile}: {line}");
        }
    }
}

#[test]
fn two_lines_of_two_users_are_none_on_any_connection() {
    for (profile, two) in [("standard", 400), ("loopback3", 200)] {
        let (_app, gate) = gate(profile);
        let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
        let mut client = gate.client();
        let mut lines = |first: &str, second: &str| {
            let lines = format!("Authorization: {first}\r\nAuthorization: {second}\r\n");
            client.ask("GET", "/open", &lines, b"").status
        };
        // The second time the connection knows the first caller.
        for _ in 0..3 {
            assert_eq!(lines(&ann.token, &ann.token), 200, "{profile}");
            assert_eq!(lines(&ann.token, "unknown"), 200, "{profile}");
            assert_eq!(lines(&ann.token, "Digest username=\"bob\""), 200, "{profile}: no credential of ours");
            assert_eq!(lines(&ann.token, &bob.token), two, "{profile}");
            assert_eq!(lines(&bob.token, &format!("Bearer {}", ann.token)), two, "{profile}");
        }
        for _ in 0..3 {
            let line = format!("Authorization: {}\r\n", ann.token);
            client.ask("GET", "/open", &line, b"").expect(200);
        }
        let both = format!("Authorization: {}\r\nAuthorization: {}\r\n", ann.token, bob.token);
        assert_eq!(client.ask("GET", "/open", &both, b"").status, two, "{profile}: a known caller");
    }
}

#[test]
fn two_credentials_of_two_users_are_none() {
    for (profile, two) in [("standard", 400), ("loopback3", 200)] {
        let (app, gate) = gate(profile);
        let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
        let mut client = gate.client();
        let again = json!({"username": "ann", "password": PASSWORD});
        let again = ask(&mut client, "POST", "/api/users/login", "", &again).json()["id"].clone();
        let mut both = |query: &str, header: &str| {
            let target = format!("/open?access_token={query}");
            ask(&mut client, "GET", &target, header, &Value::Null).status
        };
        assert_eq!(both(&ann.token, &bob.token), two, "{profile}");
        assert_eq!(both(&ann.token, again.as_str().unwrap()), 200, "{profile}: the same user twice");
        assert_eq!(both(&ann.token, "unknown"), 200, "{profile}: one is unknown");
        assert_eq!(app.requests().len(), if two == 200 { 3 } else { 2 }, "{profile}");
        assert_eq!(both("unknown", &bob.token), two, "{profile}: the first says anonymous, the second bob");
    }
}

#[test]
fn a_token_is_taken_from_each_of_its_places() {
    let (app, gate) = gate("standard");
    let ann = gate.sign_up("ann");
    let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("token:{}", ann.token));
    let bearer = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &ann.token);
    let lines = [
        format!("X-Access-Token: {}\r\n", ann.token),
        format!("Authorization: {}\r\n", ann.token),
        format!("Authorization: Bearer {}\r\n", ann.token),
        format!("Authorization: Bearer {bearer}\r\n"),
        format!("Authorization: Basic {basic}\r\n"),
        format!("Cookie: __Host-portcullis={}\r\n", ann.token),
    ];
    let mut client = gate.client();
    for lines in &lines {
        let told = client.ask("GET", "/open", lines, b"").expect(200).json();
        let sent = told["headers"].to_string();
        assert!(sent.contains(r#"["X-Forwarded-User","1"]"#), "{lines}: {sent}");
        for secret in [&ann.token, &basic, &bearer] {
            assert!(!sent.contains(secret.as_str()), "{lines}: {sent}");
        }
    }
    client.get(&format!("/open?a=1&access_token={}&b=2", ann.token)).expect(200);
    assert_eq!(app.requests().pop().unwrap().line(), "GET /open?a=1&b=2 HTTP/1.1");
}

#[test]
fn the_gates_own_paths_are_never_the_apps() {
    for profile in ["standard", "loopback3"] {
        let (app, gate) = gate(profile);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        for target in
            ["/.portcullis/none", "/.portcullis", "/%2eportcullis/x", "/.well-known/portcullis/jwks.json"]
        {
            assert_eq!(
                ask(&mut client, "GET", target, &ann.token, &Value::Null).status,
                404,
                "{profile}: {target}"
            );
        }
        assert!(app.requests().is_empty(), "{profile}");
        assert_eq!(client.get("/.well-known/change-password").status, 200);
    }
}
