//! Pages that a link with a token in its query leads to.

use std::time::Duration;

use portcullis::{accounts::TokenRequest, identity::UserId};
use serde_json::{Value, json};

use super::ask;
use crate::support::{App, Gate, Setup};

const PAGES: &str = r#"{
    "name": "Pages",
    "routes": [{"path": "/reset-password", "property": "page"}, {"path": "/account", "property": "account"}],
    "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "page"},
        {"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW", "property": "account"}
    ]
}"#;
const MODEL: &str = r#"{
    "name": "Order", "base": "PersistedModel",
    "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW"}]
}"#;

fn gate(profile: &str) -> (App, Gate) {
    let app = App::echo();
    let setup = Setup::new(&app)
        .set("profile", profile)
        .set("users.restrict_reset_password_token_scope", "true")
        .policy("pages.json", PAGES)
        .policy("order.json", MODEL)
        .with_manual_clock();
    (app, Gate::start(setup))
}

fn issue(gate: &Gate, scopes: &[&str]) -> String {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let request = TokenRequest { ttl: Some(60.0), scopes, name: None, fixed: true, host: None };
    gate.run(gate.parts().accounts().issue(&UserId::Number(1), request)).unwrap().id.expose().to_owned()
}

#[test]
fn a12_a_public_page_opens_to_a_link_with_a_reset_token() {
    for profile in ["standard", "loopback3"] {
        let (app, gate) = gate(profile);
        gate.sign_up("ann");
        let token = issue(&gate, &["reset-password"]);
        let mut client = gate.client();
        let link = format!("/reset-password?access_token={token}&lang=en");
        let page = client.get(&link).expect(200);
        assert!(!page.text().contains("X-Forwarded-User"), "{profile}: {}", page.text());
        let request = app.only_request_to("/reset-password");
        assert_eq!(request.target(), "/reset-password?lang=en", "{profile}");
        assert!(!request.head.contains(&token), "{profile}");
        let line = gate.log.access("/reset-password");
        assert_eq!((&line["user"], &line["decision"]), (&Value::Null, &json!("allow")), "{profile}");
        // More than an anonymous caller has is not to be had, nor anything by a header.
        for target in ["/account", "/api/users/1", "/api/users/1/accessTokens"] {
            let status = client.get(&format!("{target}?access_token={token}")).status;
            assert!(matches!(status, 401 | 403), "{profile}: {target}: {status}");
        }
        let by_header = client.ask("GET", "/reset-password", &format!("Authorization: {token}\r\n"), b"");
        assert!(matches!(by_header.status, 401 | 403), "{profile}: {}", by_header.status);
        // It is still good for what it is for.
        let new = json!({"newPassword": "another-good-one"});
        let target = format!("/api/users/reset-password?access_token={token}");
        ask(&mut client, "POST", &target, "", &new).expect(204);
    }
}

#[test]
fn a12_methods_of_models_open_in_standard_alone() {
    for (profile, status) in [("standard", 200), ("loopback3", 401)] {
        let (_app, gate) = gate(profile);
        gate.sign_up("ann");
        let token = issue(&gate, &["reset-password"]);
        let mut client = gate.client();
        client.get("/api/orders/count").expect(200);
        client.get(&format!("/api/orders/count?access_token={token}")).expect(status);
    }
}

#[test]
fn a12_a_public_page_opens_to_a_link_whose_token_is_over() {
    for (profile, public) in [("standard", 200), ("loopback3", 401)] {
        let (_app, gate) = gate(profile);
        gate.sign_up("ann");
        let mut client = gate.client();
        for (target, status) in [("/reset-password", public), ("/account", 401), ("/api/users/1", 401)] {
            let token = issue(&gate, &[]);
            gate.advance(Duration::from_secs(61));
            let answer = client.get(&format!("{target}?access_token={token}")).expect(status);
            assert_eq!(answer.text().contains("INVALID_TOKEN"), status == 401, "{profile}: {target}");
            let by_header = issue(&gate, &[]);
            gate.advance(Duration::from_secs(61));
            client.ask("GET", target, &format!("Authorization: {by_header}\r\n"), b"").expect(401);
        }
    }
}
