//! `api.short_routes`: `/login` and its kin at the root of the host.

use portcullis::{accounts::TokenRequest, identity::UserId};
use serde_json::{Value, json};

use super::{PASSWORD, ask};
use crate::support::{App, Gate, Response, Setup};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn gate(profile: &str, settings: &[(&str, &str)]) -> (App, Gate) {
    let app = App::echo();
    let mut setup = Setup::new(&app).set("profile", profile).set("api.short_routes", "true");
    for (key, value) in settings {
        setup = setup.set(key, value);
    }
    (app, Gate::start(setup))
}

fn form(gate: &Gate, target: &str, body: &str) -> Response {
    gate.client().ask("POST", target, FORM, body.as_bytes())
}

/// Whether the app has got it.
fn is_echoed(answer: &Response, target: &str) -> bool {
    answer.status == 200 && answer.text().contains(target)
}

#[test]
fn a_login_by_json_or_form_is_a_login() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile, &[]);
        gate.sign_up("ann");
        let body = json!({"username": "ann", "password": PASSWORD, "ttl": 60});
        let by_json = ask(&mut gate.client(), "POST", "/login?include=user", "", &body).expect(200).json();
        assert_eq!((&by_json["ttl"], &by_json["user"]["username"]), (&json!(60), &json!("ann")));
        let by_form = form(&gate, "/Login/", &format!("email=ann%40example.com&password={PASSWORD}"));
        let token = by_form.expect(200).json()["id"].as_str().unwrap().to_owned();
        assert_eq!(ask(&mut gate.client(), "GET", "/api/users/1", &token, &Value::Null).status, 200);
        let wrong = form(&gate, "/login", "email=ann%40example.com&password=wrong").expect(401).json();
        assert_eq!(wrong["error"]["code"], "LOGIN_FAILED");
    }
}

#[test]
fn any_verb_but_options_logs_out() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile, &[]);
        gate.sign_up("ann");
        for verb in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let login = json!({"username": "ann", "password": PASSWORD});
            let token = ask(&mut gate.client(), "POST", "/login", "", &login).json()["id"].clone();
            let token = token.as_str().unwrap();
            let answer = ask(&mut gate.client(), verb, "/logout", token, &Value::Null);
            let after = ask(&mut gate.client(), "GET", "/api/users/1", token, &Value::Null).status;
            let ends = verb != "OPTIONS";
            assert_eq!((answer.status == 204, after == 401), (ends, ends), "{profile} {verb}");
        }
        assert_eq!(gate.client().get("/logout").status, 401);
    }
}

#[test]
fn a_password_is_reset_as_the_seeds_do_it() {
    for (profile, known) in [("standard", 200), ("loopback3", 204)] {
        let (_app, gate) = gate(profile, &[]);
        let ann = gate.sign_up("ann");
        assert_eq!(form(&gate, "/request-password-reset", "email=ann%40example.com").status, known);
        let target = || {
            let request =
                TokenRequest { scopes: vec!["reset-password".to_owned()], ..TokenRequest::default() };
            let reset = gate.run(gate.parts().accounts().issue(&UserId::Number(ann.id), request)).unwrap();
            let token = if profile == "standard" { reset.id.expose() } else { &ann.token };
            format!("/reset-password?access_token={token}")
        };
        let first = target();
        for (body, status) in [
            ("confirmation=x", 400),
            ("password=", 400),
            ("password=another-good-one&confirmation=another", 400),
            ("password=another-good-one&confirmation=another-good-one", 204),
        ] {
            let answer = form(&gate, &first, body);
            assert_eq!(answer.status, status, "{profile} {body}: {}", answer.text());
        }
        let target = target();
        assert_eq!(form(&gate, &target, "newPassword=yet-another-good-one").status, 204, "{profile}");
        let login = json!({"username": "ann", "password": "yet-another-good-one"});
        assert_eq!(ask(&mut gate.client(), "POST", "/login", "", &login).status, 200);
        assert_eq!(form(&gate, "/reset-password", "password=some-good-one").status, 401, "anonymous");
        let typed = ask(&mut gate.client(), "POST", &target, "", &json!({"password": 5})).expect(400);
        assert!(typed.text().contains("Value is not a string."), "{}", typed.text());
    }
}

#[test]
fn the_app_keeps_every_other_verb() {
    let (_app, gate) = gate("standard", &[]);
    for line in
        ["GET /login", "PUT /login", "GET /reset-password", "DELETE /request-password-reset", "GET /login/x"]
    {
        let (verb, path) = line.split_once(' ').unwrap();
        assert!(is_echoed(&ask(&mut gate.client(), verb, path, "", &Value::Null), path), "{line}");
    }
}

#[test]
fn the_account_models_rules_and_limits_hold() {
    let user = json!({"name": "User", "base": "User", "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY", "property": "login"}]});
    let app = App::echo();
    let setup = Setup::new(&app).set("api.short_routes", "true").policy("user.json", &user.to_string());
    let closed = Gate::start(setup);
    assert_eq!(
        form(&closed, "/login", "email=a%40b.c&password=x").json()["error"]["code"],
        "AUTHORIZATION_REQUIRED"
    );

    let (_app, limited) = gate("standard", &[("limits.login_per_client", "1/minute")]);
    let statuses: Vec<u16> = ["/login", "/api/users/login", "/login"]
        .map(|path| form(&limited, path, "email=a%40b.c&password=x").status)
        .into();
    assert_eq!(statuses, [401, 429, 429]);
}

#[test]
fn they_are_off_by_default() {
    let app = App::echo();
    let gate = Gate::open(&app);
    assert!(is_echoed(&form(&gate, "/login", "email=a%40b.c"), "/login"));
}
