//! Who is meant by a login's names: realms, letter case, and addresses that nobody has confirmed; in both profiles.

use serde_json::{Value, json};

use super::{PASSWORD, ask};
use crate::support::{App, Client, Gate, Setup};

const PROFILES: [&str; 2] = ["standard", "loopback3"];

fn gate(profile: &str, settings: &[(&str, &str)]) -> Gate {
    let app = App::echo();
    let mut setup = Setup::new(&app).set("profile", profile);
    for (key, value) in settings {
        setup = setup.set(key, value);
    }
    Gate::start(setup)
}

/// `200`, or the status and LoopBack's code.
fn said(client: &mut Client, target: &str, body: &Value) -> String {
    let mut body = body.clone();
    body["password"] = PASSWORD.into();
    let answer = ask(client, "POST", target, "", &body);
    match answer.json()["error"]["code"].as_str() {
        Some(code) => format!("{} {code}", answer.status),
        None => answer.status.to_string(),
    }
}

fn login(client: &mut Client, body: &Value) -> String {
    said(client, "/api/users/login", body)
}

fn register(client: &mut Client, body: &Value) -> String {
    said(client, "/api/users", body)
}

#[test]
fn a_required_realm_has_to_be_named() {
    for profile in PROFILES {
        let gate = gate(profile, &[("users.realm_required", "true")]);
        let mut client = gate.client();
        let ann = json!({"realm": "red", "email": "ann@example.com", "username": "ann"});
        assert_eq!(register(&mut client, &ann), "200", "{profile}");
        for (body, expected) in [
            (json!({"email": "ann@example.com", "realm": "red"}), "200"),
            (json!({"username": "ann", "realm": "red"}), "200"),
            (json!({"email": "ann@example.com"}), "400 REALM_REQUIRED"),
            (json!({"email": "ann@example.com", "realm": ""}), "400 REALM_REQUIRED"),
            (json!({"email": "ann@example.com", "realm": 5}), "400 INVALID_REALM"),
            (json!({"email": "ann@example.com", "realm": "blue"}), "401 LOGIN_FAILED"),
            (json!({}), "400 REALM_REQUIRED"),
            (json!({"realm": "red"}), "400 USERNAME_EMAIL_REQUIRED"),
            (json!({"email": "red:ann@example.com", "realm": "red"}), "401 LOGIN_FAILED"),
        ] {
            assert_eq!(login(&mut client, &body), expected, "{profile}: {body}");
        }
        // Without a delimiter a name is anybody's once, whatever the realm.
        let other = json!({"realm": "blue", "email": "ann@example.com", "username": "ann"});
        assert_eq!(register(&mut client, &other), "422", "{profile}");
    }
}

#[test]
fn a_delimiter_takes_the_realm_from_the_name() {
    for profile in PROFILES {
        let both = [("users.realm_required", "true"), ("users.realm_delimiter", ":")];
        let gate = gate(profile, &both);
        let mut client = gate.client();
        for realm in ["red", "blue"] {
            let ann = json!({"realm": realm, "email": "ann@example.com", "username": "ann"});
            assert_eq!(register(&mut client, &ann), "200", "{profile}: unique in {realm}");
            assert_eq!(register(&mut client, &ann), "422", "{profile}: unique in {realm}");
        }
        let owner = |client: &mut Client, email: &str| {
            let body = json!({"email": email, "password": PASSWORD});
            ask(client, "POST", "/api/users/login", "", &body).expect(200).json()["userId"].clone()
        };
        assert_eq!(owner(&mut client, "red:ann@example.com"), 1, "{profile}");
        assert_eq!(owner(&mut client, "blue:ann@example.com"), 2, "{profile}");
        for (body, expected) in [
            (json!({"username": "blue:ann"}), "200"),
            (json!({"username": "red:ann", "realm": "green"}), "200"),
            (json!({"username": ":ann", "realm": "red"}), "200"),
            (json!({"username": "ann", "realm": "red"}), "200"),
            (json!({"username": "ann"}), "400 REALM_REQUIRED"),
            (json!({"username": "green:ann"}), "401 LOGIN_FAILED"),
            (json!({"username": "red:"}), "400 USERNAME_EMAIL_REQUIRED"),
        ] {
            assert_eq!(login(&mut client, &body), expected, "{profile}: {body}");
        }
    }
}

#[test]
fn without_realms_a_realm_says_nothing() {
    for profile in PROFILES {
        let gate = gate(profile, &[]);
        gate.sign_up("ann");
        let body = json!({"username": "ann", "realm": "nowhere"});
        assert_eq!(login(&mut gate.client(), &body), "200", "{profile}");
    }
}

#[test]
fn the_case_of_an_address_counts_as_the_setting_says() {
    for profile in PROFILES {
        for (sensitive, second, upper) in [("true", "200", "401 LOGIN_FAILED"), ("false", "422", "200")] {
            let gate = gate(profile, &[("users.case_sensitive_email", sensitive)]);
            let mut client = gate.client();
            assert_eq!(register(&mut client, &json!({"email": "Ann@Example.com"})), "200", "{profile}");
            assert_eq!(login(&mut client, &json!({"email": "Ann@Example.com"})), "200", "{profile}");
            let other = login(&mut client, &json!({"email": "ANN@example.com"}));
            assert_eq!(other, upper, "{profile}: {sensitive}");
            let twice = register(&mut client, &json!({"email": "ann@example.com"}));
            assert_eq!(twice, second, "{profile}: {sensitive}");
        }
    }
}

#[test]
fn an_address_that_nobody_has_confirmed_opens_nothing_where_that_is_required() {
    for profile in PROFILES {
        for (required, expected) in [("false", "200"), ("true", "401 LOGIN_FAILED_EMAIL_NOT_VERIFIED")] {
            let gate = gate(profile, &[("users.email_verification_required", required)]);
            let mut client = gate.client();
            let ann = json!({"email": "ann@example.com"});
            assert_eq!(register(&mut client, &ann), "200", "{profile}");
            assert_eq!(login(&mut client, &ann), expected, "{profile}: {required}");
            let wrong = json!({"email": "ann@example.com", "password": "not-my-password"});
            let answer = ask(&mut client, "POST", "/api/users/login", "", &wrong).expect(401).json();
            assert_eq!(answer["error"]["code"], "LOGIN_FAILED", "{profile}: {required}");
        }
    }
}
