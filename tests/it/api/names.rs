//! The user that a login's names identify: realms, letter case, and unconfirmed addresses; in both profiles.

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
        // Without a delimiter a name is one user's, whatever the realm.
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
fn an_unconfirmed_address_opens_nothing_where_confirmation_is_required() {
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

#[test]
fn c7_an_unconfirmed_address_is_told_to_no_app_in_standard() {
    for profile in PROFILES {
        for required in ["false", "true"] {
            let app = App::echo();
            let setup = Setup::new(&app).set("profile", profile);
            let gate = Gate::start(setup.set("users.email_verification_required", required));
            let account = json!({"email": "ceo@corp.example", "username": "ceo", "password": PASSWORD});
            ask(&mut gate.client(), "POST", "/api/users", "", &account).expect(200);
            let request = portcullis::accounts::TokenRequest::default();
            let minted = gate.run(gate.parts().accounts().issue(&1.into(), request)).unwrap();
            let told = |gate: &Gate| {
                let echoed = ask(&mut gate.client(), "GET", "/anything", minted.id.expose(), &Value::Null);
                echoed.text().to_lowercase().contains("ceo@corp.example")
            };
            assert_eq!(told(&gate), profile == "loopback3" && required == "false", "{profile} {required}");
            let accounts = gate.parts().accounts();
            gate.run(accounts.confirm_email(portcullis::accounts::Actor::Operator, &1.into())).unwrap();
            assert!(told(&gate), "{profile} {required}: a confirmed one is");
        }
    }
}

#[test]
fn c7_a_name_is_taken_in_every_spelling() {
    let gate = gate("standard", &[]);
    let mut client = gate.client();
    let first = json!({"email": "victim@example.com", "username": "\u{e9}va"});
    assert_eq!(register(&mut client, &first), "200");
    for body in [
        json!({"email": "victim@EXAMPLE.com"}),
        json!({"email": "victim@\u{ff45}xample.com"}),
        json!({"email": "victim@example\u{3002}com"}),
        json!({"email": "victim\u{200b}@example.com"}),
        json!({"email": "other@example.com", "username": "e\u{301}va"}),
        json!({"email": "other@example.com", "username": "\u{e9}va\u{200d}"}),
        json!({"email": "other@example.com", "username": "\u{e9}va "}),
    ] {
        assert_eq!(register(&mut client, &body), "422", "{body}");
    }
    assert_eq!(login(&mut client, &json!({"email": "victim@Example.COM"})), "200");
    assert_eq!(login(&mut client, &json!({"username": "e\u{301}va"})), "200");
    // LoopBack's own names are whatever was sent.
    let gate = self::gate("loopback3", &[]);
    let mut client = gate.client();
    assert_eq!(register(&mut client, &first), "200");
    assert_eq!(
        register(&mut client, &json!({"email": "victim@EXAMPLE.com", "username": "\u{e9}va\u{200d}"})),
        "200"
    );
}

#[test]
fn c7_registration_can_be_closed_at_every_door() {
    let admin = r#"{"name": "User", "base": "User", "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "accessType": "WRITE"},
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "upsertWithWhere"},
        {"principalType": "ROLE", "principalId": "admin", "permission": "ALLOW", "property": "create"}]}"#;
    for registration in ["closed", "invite"] {
        for profile in PROFILES {
            let app = App::echo();
            let setup =
                Setup::new(&app).set("profile", profile).policy("user.json", admin).set("api.users", "users");
            let gate = Gate::start(setup.set("users.registration", registration));
            let parts = gate.parts();
            let ann = json!({"email": "ann@example.com", "username": "ann", "password": PASSWORD});
            let data = ann.as_object().unwrap().clone();
            gate.run(parts.accounts().register(portcullis::accounts::Actor::Operator, data)).unwrap();
            let mut client = gate.client();
            let new = json!({"email": "new@example.com", "password": PASSWORD});
            for (line, body) in [
                ("POST /api/users", new.clone()),
                ("POST /api/users", json!({})),
                ("POST /api/users", json!({"email": "ann@example.com", "password": PASSWORD})),
                ("POST /api/users", json!([new])),
                ("PATCH /api/users", new.clone()),
                ("PUT /api/users", new.clone()),
                ("POST /api/users/replaceOrCreate", new.clone()),
                ("POST /api/users/upsertWithWhere?where=%7B%22id%22:77%7D", new.clone()),
            ] {
                let (verb, target) = line.split_once(' ').unwrap();
                let answer = ask(&mut client, verb, target, "", &body);
                assert_eq!(answer.status, 403, "{profile} {line}: {}", answer.text());
                assert_eq!(answer.json()["error"]["code"], "REGISTRATION_CLOSED", "{profile} {line}");
            }
            let grant = vec![
                portcullis::store::Change::CreateRole { name: "admin".to_owned() },
                portcullis::store::Change::Grant { role: "admin".to_owned(), user: 1.into() },
            ];
            let login = json!({"username": "ann", "password": PASSWORD});
            let token = ask(&mut client, "POST", "/api/users/login", "", &login).expect(200).json();
            let token = token["id"].as_str().unwrap();
            assert_eq!(
                ask(&mut client, "POST", "/api/users", token, &new).status,
                403,
                "{profile}: no rule names her"
            );
            gate.run(parts.store.commit(grant)).unwrap();
            assert_eq!(
                ask(&mut client, "POST", "/api/users", token, &new).status,
                200,
                "{profile}: a rule names her"
            );
        }
    }
}

#[test]
fn c7_owners_may_be_kept_from_renaming_themselves() {
    for profile in PROFILES {
        let gate = gate(profile, &[("users.rename", "false")]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let whole = |more: &str, value: &str| {
            let mut body = json!({"email": "ann@example.com", "username": "ann", "password": PASSWORD});
            body[more] = value.into();
            body
        };
        for (line, body) in [
            ("PATCH /api/users/1", json!({"username": "root"})),
            ("PATCH /api/users/1", json!({"email": "ceo@corp.example"})),
            ("PUT /api/users/1", whole("username", "root")),
            ("POST /api/users/1/replace", whole("email", "ceo@corp.example")),
        ] {
            let (verb, target) = line.split_once(' ').unwrap();
            let answer = ask(&mut client, verb, target, &ann.token, &body).expect(403);
            assert_eq!(answer.json()["error"]["code"], "RENAME_NOT_ALLOWED", "{profile} {line}");
        }
        let kept = json!({"nick": "a", "username": "ann", "email": "ann@example.com"});
        assert_eq!(ask(&mut client, "PATCH", "/api/users/1", &ann.token, &kept).status, 200, "{profile}");
    }
}

const TAKEN: &str = "422 uniqueness";
const REFUSED: &str = "422 custom.username";

/// `200`, or the status and what is said of the username.
fn named(client: &mut Client, line: &str, token: &str, body: &Value) -> String {
    let (verb, target) = line.split_once(' ').unwrap();
    let answer = ask(client, verb, target, token, body);
    let error = if answer.status < 300 { Value::Null } else { answer.json()["error"].clone() };
    let details = error["details"].get(0).map_or(&error["details"], |first| &first["details"]);
    match details["codes"]["username"][0].as_str() {
        Some(code) => format!("{} {code}", answer.status),
        None => answer.status.to_string(),
    }
}

#[test]
fn c7_a_username_is_no_other_identity_in_any_endpoint() {
    let open = r#"{"name": "User", "base": "User", "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "accessType": "WRITE"},
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "upsertWithWhere"}]}"#;
    for profile in PROFILES {
        let app = App::echo();
        let setup = Setup::new(&app).set("profile", profile).policy("user.json", open);
        let limits = setup.set("api.users", "users").set("limits.register_per_client", "");
        let gate = Gate::start(limits);
        let mut client = gate.client();
        let own = "own@example.com";
        for (email, name) in [("victim@example.com", "victim"), (own, "mallory")] {
            let body = json!({"email": email, "username": name, "password": PASSWORD});
            ask(&mut client, "POST", "/api/users", "", &body).expect(200);
        }
        let login = json!({"username": "mallory", "password": PASSWORD});
        let token = ask(&mut client, "POST", "/api/users/login", "", &login).expect(200).json();
        let token = token["id"].as_str().unwrap();
        let names = [
            ("victim@example.com", REFUSED),
            ("1", REFUSED),
            ("5f1a2b3c4d5e6f7a8b9c0d1e", REFUSED),
            ("Victim", TAKEN),
            ("\u{ff56}ictim", TAKEN),
            ("a,b", REFUSED),
            ("$owner", REFUSED),
            ("anonymous", REFUSED),
        ];
        for (at, (name, refused)) in names.into_iter().enumerate() {
            let whole = |email: &str| json!({"email": email, "username": name, "password": PASSWORD});
            let new = |door: &str| format!("{door}{at}@example.com");
            for (line, token, body) in [
                ("POST /api/users", "", whole(&new("a"))),
                ("POST /api/users", "", json!([whole(&new("b"))])),
                ("PATCH /api/users", "", whole(&new("c"))),
                ("PUT /api/users", "", whole(&new("d"))),
                ("POST /api/users/replaceOrCreate", "", whole(&new("e"))),
                ("POST /api/users/upsertWithWhere?where=%7B%22id%22:77%7D", "", whole(&new("f"))),
                ("PATCH /api/users/2", token, json!({"username": name})),
                ("PUT /api/users/2", token, whole(own)),
                ("POST /api/users/2/replace", token, whole(own)),
                ("POST /api/users/update?where=%7B%22id%22:2%7D", token, json!({"username": name})),
            ] {
                // LoopBack takes any of them, once.
                let said = named(&mut client, line, token, &body);
                if profile == "standard" {
                    assert_eq!(said, refused, "{line} {name}");
                } else {
                    assert_ne!(said, REFUSED, "{line} {name}");
                }
            }
        }
    }
}

#[test]
fn c7_an_address_is_a_username_where_it_is_the_accounts_own_and_is_told_once_it_is_confirmed() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app));
    let mut client = gate.client();
    let whole = json!({"email": "ann@example.com", "username": "ann@example.com", "password": PASSWORD});
    ask(&mut client, "POST", "/api/users", "", &whole).expect(200);
    let login = json!({"username": "ann@example.com", "password": PASSWORD});
    let token = ask(&mut client, "POST", "/api/users/login", "", &login).expect(200).json();
    let token = token["id"].as_str().unwrap();
    let told = |client: &mut Client| {
        let echoed = ask(client, "GET", "/anything", token, &Value::Null).text().to_lowercase();
        echoed.contains(r#"["x-forwarded-preferred-username","ann@example.com"]"#)
    };
    assert!(!told(&mut client), "not confirmed yet");
    let accounts = gate.parts().accounts();
    gate.run(accounts.confirm_email(portcullis::accounts::Actor::Operator, &1.into())).unwrap();
    assert!(told(&mut client));
    // With another address the name is no more its own.
    let moved = json!({"email": "other@example.com"});
    assert_eq!(named(&mut client, "PATCH /api/users/1", token, &moved), REFUSED);
    let both = json!({"email": "other@example.com", "username": "other@example.com"});
    assert_eq!(named(&mut client, "PATCH /api/users/1", token, &both), "200");
    assert!(!told(&mut client));
}

#[test]
fn c7_names_that_look_alike_are_one_of_many_at_once() {
    let gate = gate("standard", &[("limits.register_per_client", "")]);
    let names = ["Carol", "carol", "CAROL", "\u{ff23}arol", "cArol", "\u{ff43}AROL"];
    let taken: Vec<String> = std::thread::scope(|scope| {
        let tries: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let mut client = gate.client();
                scope.spawn(move || {
                    let body = json!({"email": format!("c{at}@example.com"), "username": name, "password": PASSWORD});
                    named(&mut client, "POST /api/users", "", &body)
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(taken.iter().filter(|said| *said == "200").count(), 1, "{taken:?}");
}
