//! Resets and confirmations, to the payload that the receiver of the webhook gets.

use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use portcullis::{accounts::TokenRequest, identity::UserId};
use serde_json::{Value, json};

use super::{PASSWORD, ask, told};
use crate::support::{App, Gate, Setup, answer};

/// The receiver of the events.
pub(crate) struct Receiver {
    app: App,
    payloads: mpsc::Receiver<Value>,
}

/// A gate whose events go to a receiver.
pub(crate) fn house(profile: &str, settings: &[(&str, &str)]) -> (Receiver, Gate) {
    let (sender, payloads) = mpsc::channel();
    let sender = Mutex::new(sender);
    let app = App::answering(move |request| {
        assert!(request.field("x-portcullis-signature").is_some(), "{}", request.line());
        let payload = serde_json::from_slice(&request.body).unwrap();
        // The test may have seen enough.
        let _ = sender.lock().unwrap().send(payload);
        answer("204 No Content", "", "")
    });
    let hook = format!("{}/hook", app.url());
    let mut setup = Setup::new(&app).set("profile", profile);
    for (key, value) in [("webhook.url", hook.as_str()), ("webhook.secret", "hush")].iter().chain(settings) {
        setup = setup.set(key, value);
    }
    (Receiver { app, payloads }, Gate::start(setup))
}

impl Receiver {
    /// The next event of this kind.
    pub(crate) fn event(&self, kind: &str) -> Value {
        loop {
            let payload = self.payloads.recv_timeout(Duration::from_secs(30)).expect("an event");
            if payload["type"] == kind {
                return payload;
            }
        }
    }
}

#[test]
fn a_reset_token_lives_as_long_as_the_setting_says_and_no_use_extends_it() {
    for profile in ["standard", "loopback3"] {
        let settings = [("users.reset_password_token_ttl", "60"), ("users.sliding_ttl", "true")];
        let (receiver, gate) = house(profile, &settings);
        gate.sign_up("ann");
        let body = json!({"email": "ann@example.com"});
        ask(&mut gate.client(), "POST", "/api/users/reset", "", &body);
        let payload = receiver.event("reset.requested");
        assert_eq!(payload["accessToken"]["ttl"], 60, "{profile}");
        let tokens = gate.run(gate.parts().store.tokens(None)).unwrap();
        let reset = tokens.iter().find(|token| token.ttl == Some(60.0)).unwrap();
        assert!(reset.fixed, "{profile}");
    }
}

#[test]
fn a_forgotten_password_is_reset() {
    for (profile, asked, scoped) in [("standard", "200 {}", true), ("loopback3", "204", false)] {
        let (receiver, gate) = house(profile, &[]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let body = json!({"email": "ann@example.com"});
        assert_eq!(told(&mut client, "POST /api/users/reset", "", &body), asked);
        let payload = receiver.event("reset.requested");
        assert_eq!(payload["accessToken"].get("scopes").is_some(), scoped, "{profile}");
        let reset = payload["accessToken"]["id"].as_str().unwrap();
        let own = ask(&mut client, "GET", "/api/users/1", reset, &Value::Null).status;
        assert_eq!(own, if scoped { 403 } else { 200 }, "{profile}: what else the token opens");
        let body = json!({"newPassword": "another-good-password"});
        let line = "POST /api/users/reset-password";
        assert_eq!(told(&mut client, line, reset, &body), "204");
        assert_eq!(ask(&mut client, "GET", "/api/users/1", &ann.token, &Value::Null).status, 401);
        let again = ask(&mut client, "POST", "/api/users/reset-password", reset, &body).status;
        assert_eq!(again, if scoped { 401 } else { 204 }, "{profile}: a second time");
        let login = json!({"username": "ann", "password": "another-good-password"});
        assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &login).status, 200);
        let hooked = receiver.app.requests();
        assert!(hooked.iter().all(|request| request.target() == "/hook"), "{hooked:?}");
    }
}

#[test]
fn who_has_an_address_is_told_by_loopback_only() {
    for (profile, unknown) in [("standard", 200), ("loopback3", 404)] {
        let (_receiver, gate) = house(profile, &[]);
        let body = json!({"email": "unknown@example.com"});
        let answer = ask(&mut gate.client(), "POST", "/api/users/reset", "", &body);
        assert_eq!(answer.status, unknown, "{profile}: {}", answer.text());
    }
}

#[test]
fn a_confirmation_leads_to_allowed_places_only() {
    let allowed = [("users.redirect_hosts", "app.example.com")];
    for (redirect, standard) in [
        ("/done?x=1", true),
        ("https://app.example.com/in", true),
        ("https://app.example.com:8443/in", false),
        ("//evil.example", false),
        ("/\\evil.example", false),
        ("https://evil.example/", false),
        ("https://app.example.com@evil.example/", false),
        ("javascript:alert(1)", false),
    ] {
        for (profile, leads) in [("standard", standard), ("loopback3", true)] {
            let (receiver, gate) = house(profile, &allowed);
            gate.sign_up("ann");
            let mut client = gate.client();
            assert_eq!(ask(&mut client, "POST", "/api/users/1/verify", "", &Value::Null).status, 204);
            let payload = receiver.event("verification.requested");
            let token = payload["verificationToken"].as_str().unwrap();
            let encoded = redirect.replace('\\', "%5C");
            let target = format!("/api/users/confirm?uid=1&token={token}&redirect={encoded}");
            let answer = ask(&mut client, "GET", &target, "", &Value::Null);
            if leads {
                assert_eq!(answer.status, 302, "{profile}: {redirect}: {}", answer.text());
                assert_eq!(answer.field("location"), Some(encoded.as_str()), "{profile}");
                assert!(answer.field("content-type").is_none() && answer.text().is_empty());
            } else {
                assert_eq!(answer.status, 400, "{profile}: {redirect}");
                let plain = format!("/api/users/confirm?uid=1&token={token}");
                assert_eq!(ask(&mut client, "GET", &plain, "", &Value::Null).status, 204, "it is still good");
            }
        }
    }
}

#[test]
fn a_registration_is_confirmed_by_its_letter() {
    let settings = [
        ("users.email_verification_required", "true"),
        ("mail.verify_on_register", "true"),
        ("server.public_url", "https://id.example.com"),
    ];
    let (receiver, gate) = house("loopback3", &settings);
    let mut client = gate.client();
    let account = json!({"username": "ann", "email": "ann@example.com", "password": PASSWORD});
    assert_eq!(ask(&mut client, "POST", "/api/users", "", &account).status, 200);
    let login = json!({"username": "ann", "password": PASSWORD});
    let refused = ask(&mut client, "POST", "/api/users/login", "", &login).json();
    assert_eq!(refused["error"]["code"], "LOGIN_FAILED_EMAIL_NOT_VERIFIED");
    let payload = receiver.event("verification.requested");
    let url = payload["url"].as_str().unwrap();
    let target = url.strip_prefix("https://id.example.com").expect("never the host that a client names");
    assert_eq!(ask(&mut client, "GET", target, "", &Value::Null).status, 302);
    assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &login).status, 200);
    let second = told(&mut client, &format!("GET {target}"), "", &Value::Null);
    assert!(second.starts_with("400") && second.contains("INVALID_TOKEN"), "{second}");
}

#[test]
fn arguments_of_a_confirmation_come_from_anywhere() {
    let (_receiver, gate) = house("loopback3", &[]);
    gate.sign_up("ann");
    let mut client = gate.client();
    for (target, lines, body, message) in [
        ("?token=x", "", "", "uid is a required argument"),
        ("?uid=1&token=", "", "", "token is a required argument"),
        ("?uid=1&token=null", "", "", "Invalid token: null"),
        ("?uid=9&token=x", "", "", "User not found: 9"),
        ("?uid=1&uid=1&token=x", "", "", "User not found: 1,1"),
        ("", "uid: 1\r\ntoken: bad\r\n", "", "Invalid token: bad"),
        ("", "Content-Type: application/json\r\n", r#"{"uid":"1","token":"bad"}"#, "Invalid token: bad"),
    ] {
        let target = format!("/api/users/confirm{target}");
        let answer = client.ask("GET", &target, lines, body.as_bytes());
        assert_eq!(answer.json()["error"]["message"], message, "{target} {lines}");
    }
}

/// A token that resets the password of this user, as a payload brings it.
fn reset_token(gate: &Gate, id: i64) -> String {
    let request = TokenRequest { scopes: vec!["reset-password".to_owned()], ..TokenRequest::default() };
    let minted = gate.run(gate.parts().accounts().issue(&UserId::Number(id), request)).unwrap();
    minted.id.expose().to_owned()
}

#[test]
fn c2_many_at_once_with_one_reset_token_set_one_password() {
    let (_receiver, gate) = house("standard", &[]);
    let ann = gate.sign_up("ann");
    let token = reset_token(&gate, ann.id);
    let mut clients: Vec<_> = (0..50).map(|_| gate.client()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let body = json!({ "newPassword": format!("a-good-password-{index}") }).to_string();
        client.send(format!(
            "POST /api/users/reset-password HTTP/1.1\r\nHost: a\r\nX-Access-Token: {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.response().status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 401, 503].contains(status)), "{statuses:?}");
    let again =
        ask(&mut gate.client(), "POST", "/api/users/reset-password", &token, &json!({"newPassword": "x"}));
    assert_eq!(again.status, 401);
}

#[test]
fn c3_a_login_token_does_not_set_a_password_without_the_old_one() {
    for (profile, status) in [("standard", 403), ("loopback3", 204)] {
        let (_receiver, gate) = house(profile, &[]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let new = json!({"newPassword": "another-good-password"});
        let answer = ask(&mut client, "POST", "/api/users/reset-password", &ann.token, &new);
        assert_eq!(answer.status, status, "{profile}: {}", answer.text());
        if profile == "standard" {
            assert_eq!(answer.json()["error"]["code"], "RESET_TOKEN_REQUIRED");
            assert!(answer.text().contains("change-password"), "{}", answer.text());
            let login = json!({"username": "ann", "password": PASSWORD});
            assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &login).status, 200);
            let change = json!({"oldPassword": PASSWORD, "newPassword": "another-good-password"});
            assert_eq!(
                ask(&mut client, "POST", "/api/users/change-password", &ann.token, &change).status,
                204
            );
            let token = reset_token(&gate, ann.id);
            let set = ask(
                &mut client,
                "POST",
                "/api/users/reset-password",
                &token,
                &json!({"newPassword": PASSWORD}),
            );
            assert_eq!(set.status, 204, "{}", set.text());
        }
    }
}

#[test]
fn c6_a_reset_is_told_with_the_stored_address() {
    let (receiver, gate) = house("standard", &[("users.case_sensitive_email", "false")]);
    gate.sign_up("mike");
    let typed = json!({"email": "mi\u{212a}e@example.com"});
    assert_eq!(ask(&mut gate.client(), "POST", "/api/users/reset", "", &typed).status, 200);
    assert_eq!(receiver.event("reset.requested")["email"], "mike@example.com");
}

#[test]
fn d1_no_reset_waits_for_the_events_of_another_user() {
    let (sender, payloads) = mpsc::channel();
    let sender = Mutex::new(sender);
    let app = App::answering(move |request| {
        let payload: Value = serde_json::from_slice(&request.body).unwrap();
        if payload["user"]["id"] == 1 {
            return answer("500 Internal Server Error", "", "");
        }
        let _ = sender.lock().unwrap().send(payload);
        answer("204 No Content", "", "")
    });
    let setup =
        Setup::new(&app).set("webhook.url", &format!("{}/hook", app.url())).set("webhook.secret", "hush");
    let gate = Gate::start(setup);
    let ann = gate.sign_up("ann");
    gate.sign_up("bob");
    let mut client = gate.client();
    for nick in 0..1_000 {
        // Beyond the limit of writes it is a 429, which is as good.
        ask(&mut client, "PATCH", "/api/users/1", &ann.token, &json!({ "nick": nick }));
    }
    let body = json!({"email": "bob@example.com"});
    assert_eq!(ask(&mut client, "POST", "/api/users/reset", "", &body).status, 200);
    let receiver = Receiver { app, payloads };
    assert_eq!(receiver.event("reset.requested")["user"]["id"], 2);
}
