//! The account model's own settings: those of its file apply, `[users]` overrides them, and a reload applies both.

use std::fs;

use serde_json::{Value, json};

use super::{PASSWORD, ask, told};
use crate::support::{App, Client, Gate, Setup};

/// A `User` with these settings, as a project's file has it.
fn user(settings: &Value) -> String {
    let mut user = json!({"name": "User", "base": "User"});
    for (key, value) in settings.as_object().unwrap() {
        user[key] = value.clone();
    }
    user.to_string()
}

fn gate(settings: &Value, configured: &[(&str, &str)]) -> (App, Gate) {
    let app = App::echo();
    let mut setup = Setup::new(&app).set("profile", "loopback3").policy("user.json", &user(settings));
    for (key, value) in configured {
        setup = setup.set(key, value);
    }
    (app, Gate::start(setup))
}

/// Writes other settings, and reads the policies again.
fn turn(gate: &Gate, settings: &Value) {
    fs::write(gate.path("policies/user.json"), user(settings)).unwrap();
    gate.reload().unwrap();
}

fn login(client: &mut Client, body: &Value) -> Value {
    ask(client, "POST", "/api/users/login", "", body).json()
}

/// `{code}` of a login's answer, or the ttl of its token.
fn outcome(client: &mut Client, email: &str, more: &Value) -> String {
    let mut body = json!({"email": email, "password": PASSWORD});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let answer = login(client, &body);
    answer["error"]["code"].as_str().map_or_else(|| answer["ttl"].to_string(), str::to_owned)
}

#[test]
fn the_file_counts_unless_the_configuration_says_otherwise() {
    let file = json!({"ttl": 60, "options": {"maxTTL": 120}});
    for (configured, plain, long) in [
        (&[][..], "60", "120"),
        (&[("users.ttl", "30")], "30", "120"),
        (&[("users.max_ttl", "45")], "45", "45"),
        (&[("users.ttl", "1209600"), ("users.max_ttl", "31556926")], "1209600", "9999"),
    ] {
        let (_app, gate) = gate(&file, configured);
        gate.sign_up("ann");
        let mut client = gate.client();
        assert_eq!(outcome(&mut client, "ann@example.com", &json!({})), plain, "{configured:?}");
        assert_eq!(outcome(&mut client, "ann@example.com", &json!({"ttl": 9999})), long, "{configured:?}");
    }
}

#[test]
fn an_eternal_token_lives_as_long_as_the_file_allows_it() {
    let (_app, gate) = gate(&json!({"allowEternalTokens": true, "ttl": -1}), &[]);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    assert_eq!(ask(&mut client, "GET", "/api/users/1", &ann.token, &Value::Null).status, 200);
    turn(&gate, &json!({}));
    assert_eq!(ask(&mut client, "GET", "/api/users/1", &ann.token, &Value::Null).status, 401);
}

#[test]
fn a_reload_turns_the_confirmation_on_for_logins_and_headers() {
    let app = App::echo();
    let setup = Setup::new(&app).set("profile", "loopback3").policy("user.json", &user(&json!({})));
    let gate = Gate::start(setup);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    let email_told = |client: &mut Client| {
        let echoed = ask(client, "GET", "/anything", &ann.token, &Value::Null);
        echoed.text().to_lowercase().contains("x-forwarded-email")
    };
    assert!(email_told(&mut client));
    turn(&gate, &json!({"emailVerificationRequired": true}));
    assert!(!email_told(&mut client), "not even what was rendered before");
    let refused = outcome(&mut client, "ann@example.com", &json!({}));
    assert_eq!(refused, "LOGIN_FAILED_EMAIL_NOT_VERIFIED");
    turn(&gate, &json!({}));
    assert!(email_told(&mut client));
}

#[test]
fn a_reload_folds_the_names_anew() {
    let (_app, gate) = gate(&json!({}), &[]);
    gate.sign_up("Ann");
    let mut client = gate.client();
    let (exact, other) = ("Ann@example.com", "aNN@EXAMPLE.com");
    assert_eq!(outcome(&mut client, exact, &json!({})), "1209600");
    assert_eq!(outcome(&mut client, other, &json!({})), "LOGIN_FAILED");
    turn(&gate, &json!({"caseSensitiveEmail": false, "ttl": 77}));
    assert_eq!(outcome(&mut client, other, &json!({})), "77");
    let again = json!({"email": other, "password": PASSWORD});
    assert_eq!(ask(&mut client, "POST", "/api/users", "", &again).status, 422);
    turn(&gate, &json!({"realmRequired": true}));
    assert_eq!(outcome(&mut client, exact, &json!({})), "REALM_REQUIRED");
}

#[test]
fn names_are_folded_as_the_file_says_from_the_start() {
    let (_app, gate) =
        gate(&json!({"caseSensitiveEmail": false, "realmRequired": true, "realmDelimiter": "/"}), &[]);
    let mut client = gate.client();
    for realm in ["one", "two"] {
        let account = json!({"email": "Ann@X.org", "realm": realm, "password": PASSWORD});
        assert_eq!(ask(&mut client, "POST", "/api/users", "", &account).status, 200, "{realm}");
    }
    assert_eq!(outcome(&mut client, "two/ANN@x.org", &json!({})), "1209600");
}

#[test]
fn the_rest_of_the_settings_is_served_too() {
    let file = json!({
        "resetPasswordTokenTTL": 77, "restrictResetPasswordTokenScope": true, "hidden": ["phone"],
        "rejectPasswordChangesViaPatchOrReplace": true, "replaceOnPUT": false,
        "properties": {"phone": "string"},
    });
    let app = App::echo();
    let tokens =
        json!({"name": "AccessToken", "base": "AccessToken", "options": {"accessTokenIdLength": 24}});
    let setup = Setup::new(&app).set("profile", "loopback3").policy("user.json", &user(&file));
    let gate = Gate::start(setup.policy("access-token.json", &tokens.to_string()));
    let ann = gate.sign_up("ann");
    assert_eq!(ann.token.len(), 24);
    let mut client = gate.client();
    let patched = told(&mut client, "PUT /api/users/1", &ann.token, &json!({"phone": "5"}));
    assert_eq!(patched, r#"200 {"username":"ann","email":"ann@example.com","id":1}"#);
    let password =
        ask(&mut client, "PATCH", "/api/users/1", &ann.token, &json!({"password": "another-good-one"}));
    assert!(password.text().contains("PASSWORD_CHANGE_NOT_ALLOWED"), "{}", password.text());
    let new = json!({"newPassword": "another-good-one"});
    let scoped = ask(&mut client, "POST", "/api/users/reset-password", &ann.token, &new);
    assert_eq!(scoped.status, 401, "a token of a login has not its scope");
    let settings = gate.parts().accounts();
    assert!((settings.settings().reset_ttl - 77.0).abs() < f64::EPSILON);
}
