//! The lifetime, the number and the scopes of tokens.

use std::time::{Duration, Instant};

use portcullis::{
    accounts::TokenRequest,
    identity::{TokenHash, UserId},
    store::Token,
};
use serde_json::{Value, json};

use super::{PASSWORD, ask};
use crate::support::{App, Client, GUARD, Gate, Setup};

/// Owners may see their tokens.
const TOKENS: &str = r#"{ "User": { "public": true, "acls": [
    { "principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW" }
] } }"#;

/// A gate of this profile with these settings, where users see their own tokens.
fn gate(profile: &str, settings: &[(&str, &str)]) -> (App, Gate) {
    let app = App::echo();
    let mut setup = Setup::new(&app).set("profile", profile).with_manual_clock();
    setup =
        setup.policy("model-config.json", TOKENS).policy("none.json", r#"{"name": "N", "public": false}"#);
    for (key, value) in settings {
        setup = setup.set(key, value);
    }
    (app, Gate::start(setup))
}

fn log_in(client: &mut Client, body: &Value) -> Value {
    let mut login = json!({"username": "ann", "password": PASSWORD});
    login.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    ask(client, "POST", "/api/users/login", "", &login).expect(200).json()
}

fn id(token: &Value) -> &str {
    token["id"].as_str().unwrap()
}

fn own(client: &mut Client, token: &str) -> u16 {
    ask(client, "GET", "/api/users/1", token, &Value::Null).status
}

fn stored(gate: &Gate) -> Vec<Token> {
    gate.run(gate.parts().store.tokens(None)).unwrap()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < GUARD, "{what}");
        std::thread::yield_now();
    }
}

fn issue(gate: &Gate, ttl: Option<f64>, scopes: &[&str]) -> String {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let request = TokenRequest { ttl, scopes, name: Some("robot".to_owned()), fixed: true, host: None };
    let minted = gate.run(gate.parts().accounts().issue(&UserId::Number(1), request)).unwrap();
    minted.id.expose().to_owned()
}

#[test]
fn use_extends_a_token_where_the_setting_says_so() {
    for profile in ["standard", "loopback3"] {
        for (sliding, after) in [("true", 200), ("false", 401)] {
            let (_app, gate) = gate(profile, &[("users.sliding_ttl", sliding)]);
            gate.sign_up("ann");
            let mut client = gate.client();
            let token = log_in(&mut client, &json!({"ttl": 600}));
            for _ in 0..3 {
                gate.advance(Duration::from_secs(400));
                let status = own(&mut client, id(&token));
                if status == 401 {
                    break;
                }
            }
            assert_eq!(own(&mut client, id(&token)), after, "{profile}: {sliding}");
            // A use extends the lifetime from its own time, and not without end.
            gate.advance(Duration::from_secs(600));
            assert_eq!(own(&mut client, id(&token)), 401, "{profile}: {sliding}");
        }
    }
}

#[test]
fn no_use_carries_a_token_beyond_the_longest_lifetime() {
    let settings = [("users.sliding_ttl", "true"), ("users.ttl", "600"), ("users.max_ttl", "1000")];
    let (_app, gate) = gate("standard", &settings);
    gate.sign_up("ann");
    let mut client = gate.client();
    let token = log_in(&mut client, &json!({}));
    for (wait, status) in [(500, 200), (499, 200), (1, 401)] {
        gate.advance(Duration::from_secs(wait));
        assert_eq!(own(&mut client, id(&token)), status, "after {wait}");
    }
}

#[test]
fn what_an_operator_gave_a_lifetime_keeps_it() {
    let (_app, gate) = gate("standard", &[("users.sliding_ttl", "true")]);
    gate.sign_up("ann");
    let (mut client, token) = (gate.client(), issue(&gate, Some(600.0), &[]));
    for status in [200, 401] {
        gate.advance(Duration::from_secs(400));
        assert_eq!(own(&mut client, &token), status);
    }
}

#[test]
fn created_and_ttl_tell_a_client_when_an_extended_token_ends() {
    let (_app, gate) = gate("standard", &[("users.sliding_ttl", "true")]);
    gate.sign_up("ann");
    let mut client = gate.client();
    let token = log_in(&mut client, &json!({"ttl": 3600}));
    let row = |client: &mut Client| {
        let handle = TokenHash::of(id(&token)).handle().as_str().to_owned();
        let target = format!("/api/users/1/accessTokens/{handle}");
        ask(client, "GET", &target, id(&token), &Value::Null).expect(200).json()
    };
    assert_eq!(row(&mut client)["created"], token["created"]);
    gate.advance(Duration::from_secs(1800));
    let extended = row(&mut client);
    assert_eq!(extended["ttl"], token["ttl"]);
    let created: portcullis::clock::Timestamp =
        portcullis::clock::Timestamp::parse(extended["created"].as_str().unwrap()).unwrap();
    assert_eq!(created.0, gate.clock.now().0 / 1000 * 1000, "to the second, and never later");
    let kept = stored(&gate).into_iter().find(|token| token.ttl == Some(3600.0)).unwrap();
    assert_eq!(kept.created.to_string(), token["created"], "the store knows when it was made");
}

#[test]
fn an_extended_token_survives_a_stop() {
    let (_app, gate) = gate("standard", &[("users.sliding_ttl", "true")]);
    gate.sign_up("ann");
    let mut client = gate.client();
    let token = log_in(&mut client, &json!({"ttl": 600}));
    gate.advance(Duration::from_secs(500));
    assert_eq!(own(&mut client, id(&token)), 200);
    let store = gate.parts().store;
    let used = gate.clock.now().0 / 1000 * 1000;
    gate.stop();
    let tokens = futures_of(store.tokens(None));
    let written = tokens.iter().find(|token| token.ttl == Some(600.0)).unwrap().used.unwrap();
    assert_eq!((written.at().0, written.client().to_string()), (used, "127.0.0.1".to_owned()));
}

fn futures_of(tokens: impl Future<Output = Result<Vec<Token>, portcullis::store::StoreError>>) -> Vec<Token> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(tokens).unwrap()
}

#[test]
fn a_user_has_so_many_tokens_and_the_oldest_ends() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile, &[("users.max_tokens", "3")]);
        gate.sign_up("ann");
        let mut client = gate.client();
        let mut ids: Vec<String> = Vec::new();
        for how in 0..6 {
            gate.advance(Duration::from_secs(1));
            let token = if how % 2 == 0 {
                id(&log_in(&mut client, &json!({}))).to_owned()
            } else if how == 3 {
                let target = "/api/users/1/accessTokens";
                let made =
                    ask(&mut client, "POST", target, ids.last().unwrap().as_str(), &json!({})).expect(200);
                id(&made.json()).to_owned()
            } else {
                issue(&gate, None, &[])
            };
            ids.push(token);
            assert!(stored(&gate).len() <= 3, "{profile}: {how}");
        }
        let alive: Vec<u16> = ids.iter().map(|id| own(&mut client, id)).collect();
        assert_eq!(alive, [401, 401, 401, 200, 200, 200], "{profile}");
    }
}

#[test]
fn a_token_that_is_over_makes_room_first() {
    let (_app, gate) = gate("standard", &[("users.max_tokens", "3")]);
    gate.sign_up("ann");
    let mut client = gate.client();
    let kept = log_in(&mut client, &json!({}));
    gate.advance(Duration::from_secs(1));
    let short = log_in(&mut client, &json!({"ttl": 1}));
    gate.advance(Duration::from_secs(2));
    // The one of the registration and this one: `kept` is older than `short`, but alive.
    log_in(&mut client, &json!({}));
    assert_eq!(own(&mut client, id(&kept)), 200);
    assert_eq!(own(&mut client, id(&short)), 401);
}

#[test]
fn logins_at_the_same_moment_keep_the_bound() {
    let (_app, gate) = gate("standard", &[("users.max_tokens", "2")]);
    gate.sign_up("ann");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| log_in(&mut gate.client(), &json!({})));
        }
    });
    assert!(stored(&gate).len() <= 2, "{}", stored(&gate).len());
}

#[test]
fn tokens_that_were_over_long_ago_are_swept() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile, &[]);
        gate.sign_up("ann");
        let mut client = gate.client();
        let [told, swept] = [60, 61].map(|ttl| log_in(&mut client, &json!({"ttl": ttl})));
        gate.wait_for_metric("portcullis_tokens_live 3");
        gate.advance(Duration::from_secs(61));
        gate.wait_for_metric("portcullis_tokens_live 1");
        gate.advance(Duration::from_secs(29 * 86_400));
        let invalid = ask(&mut client, "GET", "/open", id(&told), &Value::Null).expect(401).json();
        assert_eq!(invalid["error"]["code"], "INVALID_TOKEN", "{profile}: a month after it was over");
        assert_eq!(ask(&mut client, "GET", "/open", id(&told), &Value::Null).status, 200, "{profile}");
        gate.advance(Duration::from_secs(86_400));
        wait_until("the token is swept", || stored(&gate).len() == 1);
        assert_eq!(ask(&mut client, "GET", "/open", id(&swept), &Value::Null).status, 200, "{profile}");
    }
}

#[test]
fn tokens_for_ever_only_where_they_are_allowed() {
    for (profile, allowed, login) in [
        ("standard", "true", 200),
        ("standard", "false", 400),
        ("loopback3", "true", 200),
        ("loopback3", "false", 200),
    ] {
        let (_app, gate) = gate(profile, &[("users.allow_eternal_tokens", allowed)]);
        gate.sign_up("ann");
        let mut client = gate.client();
        let body = json!({"username": "ann", "password": PASSWORD, "ttl": -1});
        let answer = ask(&mut client, "POST", "/api/users/login", "", &body).expect(login);
        if login == 400 {
            continue;
        }
        assert_eq!(answer.json()["ttl"], -1, "{profile}");
        gate.advance(Duration::from_secs(40 * 365 * 86_400));
        let expected = if allowed == "true" { 200 } else { 401 };
        assert_eq!(own(&mut client, id(&answer.json())), expected, "{profile}: {allowed}");
    }
}

#[test]
fn lifetimes_are_what_the_settings_say() {
    for profile in ["standard", "loopback3"] {
        let settings =
            [("users.ttl", "100"), ("users.max_ttl", "200"), ("users.access_token_id_length", "40")];
        let (_app, gate) = gate(profile, &settings);
        gate.sign_up("ann");
        let mut client = gate.client();
        for (body, ttl) in [(json!({}), 100), (json!({"ttl": 150}), 150), (json!({"ttl": 201}), 200)] {
            let token = log_in(&mut client, &body);
            assert_eq!(token["ttl"], ttl, "{profile}: {body}");
            assert_eq!(id(&token).len(), 40, "{profile}");
        }
    }
}

/// One route for tokens with the scope of reports, one for all.
const REPORTS: &str = r#"{ "name": "Report",
  "routes": [
    { "path": "/reports", "property": "list", "accessScopes": ["reports"] },
    { "path": "/notes", "property": "notes" }
  ],
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW" }
  ]
}"#;

/// The same of a LoopBack model.
const AUDIT: &str = r#"{ "name": "Audit", "base": "PersistedModel", "plural": "audits",
  "methods": { "report": { "http": { "verb": "get", "path": "/report" }, "accessScopes": ["reports"] } },
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW" }
  ]
}"#;

#[test]
fn a_token_with_scopes_opens_what_asks_for_them_and_nothing_else() {
    for (profile, denied) in [("standard", 403), ("loopback3", 401)] {
        let app = App::echo();
        let setup = Setup::new(&app).set("profile", profile).with_manual_clock();
        let gate = Gate::start(setup.policy("reports.json", REPORTS).policy("audit.json", AUDIT));
        let ann = gate.sign_up("ann");
        let [robot, both] =
            [&["reports"][..], &["reports", "DEFAULT"]].map(|scopes| issue(&gate, None, scopes));
        let mut client = gate.client();
        for (target, statuses) in [
            ("/reports", [200, 200, denied, 401]),
            ("/api/audits/report", [200, 200, denied, 401]),
            ("/notes", [denied, 200, 200, 401]),
            ("/api/audits", [denied, 200, 200, 401]),
            ("/api/users/1", [denied, 200, 200, 401]),
            ("/of-no-policy", [denied, 200, 200, 200]),
        ] {
            let found = [&robot, &both, &ann.token, ""]
                .map(|token| ask(&mut client, "GET", target, token, &Value::Null).status);
            assert_eq!(found, statuses, "{profile}: {target}");
        }
    }
}
