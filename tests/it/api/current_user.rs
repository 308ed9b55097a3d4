//! `users.current_user_literal`: `/users/me` (docs/loopback-3.28.md section 1.6).

use serde_json::Value;

use super::{ask, told};
use crate::support::{App, Gate, Setup};

const REFUSED: &str = r#"401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}"#;

fn gate(profile: &str) -> (App, Gate) {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("profile", profile).set("users.current_user_literal", "me"));
    (app, gate)
}

#[test]
fn me_is_the_caller() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile);
        gate.sign_up("ann");
        let bob = gate.sign_up("bob");
        let mut client = gate.client();
        let own = r#"200 {"username":"bob","email":"bob@example.com","id":2}"#;
        assert_eq!(told(&mut client, "GET /api/users/me", &bob.token, &Value::Null), own, "{profile}");
        assert_eq!(told(&mut client, "GET /api/users/me", "", &Value::Null), REFUSED, "{profile}");
        assert_eq!(told(&mut client, "GET /api/users/me", "unknown", &Value::Null), REFUSED, "{profile}");
    }
}

#[test]
fn what_is_judged_is_what_the_app_gets_and_what_the_log_says() {
    let (_app, gate) = gate("standard");
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    let echoed = ask(&mut client, "GET", "/files/me/photo?of=/me", &ann.token, &Value::Null);
    assert!(echoed.text().contains("/files/1/photo?of=/me"), "{}", echoed.text());
    let refused = ask(&mut client, "GET", "/files/me", "", &Value::Null);
    assert_eq!(refused.status, 401, "also if every caller is allowed");
    let lines = gate.stop().text();
    assert!(lines.contains(r#""path":"/files/1/photo""#), "{lines}");
}

#[test]
fn loopback_looks_for_it_in_the_query_too() {
    for (profile, status, query) in [("standard", 200, "of=/me/x"), ("loopback3", 401, "of=/1/x")] {
        let (_app, gate) = gate(profile);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let target = "/files?of=/me/x";
        assert_eq!(ask(&mut client, "GET", target, "", &Value::Null).status, status, "{profile}");
        let echoed = ask(&mut client, "GET", target, &ann.token, &Value::Null);
        assert!(echoed.text().contains(query), "{profile}: {}", echoed.text());
    }
}
