//! The middleware of `deploy/middleware` in real apps: behind the gate, and asked around it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis::clock::Clock;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    AUDIENCE, ISSUER, SigningKey, encoded, jwks,
    kinds::{DJANGO, EXPRESS, FASTAPI, FLASK, Guarded, Kind, LOOPBACK},
};
use crate::support::{Gate, Port, Setup};

const TARGET: &str = "/orders/7?x=1";

/// Claims that are right for a GET of [`TARGET`], with some of them replaced; null takes one out.
fn claims(replaced: Value) -> Value {
    let now = Clock::System.now().0 / 1000;
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "iat": now, "nbf": now, "exp": now + 60, "jti": "r1",
        "htm": "GET", "htp": "/orders/7", "htq": encoded(Sha256::digest("x=1")), "groups": ["clerk"],
    });
    for (name, value) in replaced.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// Assertions that no app may take, each with its name.
fn bad(key: &SigningKey) -> Vec<(&'static str, String)> {
    let now = Clock::System.now().0 / 1000;
    let good = claims(json!({}));
    let with = |replaced: Value| key.sign(&key.header(), &claims(replaced));
    let valid = key.sign(&key.header(), &good);
    let (signed, signature) = valid.rsplit_once('.').unwrap();
    let none = format!(
        "{}.{}.",
        encoded(json!({"alg": "none", "kid": key.kid}).to_string()),
        encoded(good.to_string())
    );
    let symmetric = json!({"alg": "HS256", "kid": key.kid}).to_string();
    let symmetric = format!("{}.{}", encoded(symmetric), encoded(good.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.public).unwrap();
    mac.update(symmetric.as_bytes());
    let symmetric = format!("{symmetric}.{}", encoded(mac.finalize().into_bytes()));
    vec![
        ("none", none.clone()),
        ("none with a signature", format!("{none}{signature}")),
        ("HS256 with the public key", symmetric),
        ("EdDSA under another name", key.sign(&json!({"alg": "eddsa", "kid": key.kid}), &good)),
        ("another key under this id", key.forged().sign(&key.header(), &good)),
        ("a key that is out of use", key.forged().sign(&json!({"alg": "EdDSA", "kid": "old"}), &good)),
        ("no key", key.sign(&json!({"alg": "EdDSA"}), &good)),
        ("a key that is no name", key.sign(&json!({"alg": "EdDSA", "kid": [1]}), &good)),
        ("a key of the object's prototype", key.sign(&json!({"alg": "EdDSA", "kid": "__proto__"}), &good)),
        ("no signature", format!("{signed}.")),
        (
            "claims of another",
            format!(
                "{}.{}.{signature}",
                encoded(key.header().to_string()),
                encoded(claims(json!({"sub": "1"})).to_string())
            ),
        ),
        ("expired", with(json!({"exp": now - 60}))),
        ("without an end", with(json!({"exp": null}))),
        ("of the future", with(json!({"nbf": now + 600}))),
        ("for another app", with(json!({"aud": "shop2"}))),
        ("for several apps", with(json!({"aud": [AUDIENCE, "other"]}))),
        ("of another issuer", with(json!({"iss": "https://evil.test"}))),
        ("for another method", with(json!({"htm": "POST"}))),
        ("for another path", with(json!({"htp": "/orders/8"}))),
        ("for a path below", with(json!({"htp": "/orders"}))),
        ("for another query", with(json!({"htq": encoded(Sha256::digest("x=2"))}))),
        ("without the query", with(json!({"htq": null}))),
        ("without a path", with(json!({"htp": null}))),
        ("without a user", with(json!({"sub": null}))),
        ("with a user that is no text", with(json!({"sub": 7}))),
        ("two of them", format!("{valid}, {valid}")),
        ("one part", "x".to_owned()),
        ("empty parts", "..".to_owned()),
        ("no JSON", "e30x.e30x.e30x".to_owned()),
        ("null", format!("{}.{}.{signature}", encoded("null"), encoded("null"))),
        ("lists", format!("{}.{}.{signature}", encoded("[]"), encoded("[]"))),
        ("nothing", String::new()),
    ]
}

fn refuses_what_is_not_the_gates(kind: Kind) {
    let guarded = Guarded::start(kind, true, |setup| setup);
    let key = SigningKey::of(guarded.gate());
    let ask = |method: &str, target: &str, token: &str| {
        guarded.ask(method, target, &format!("X-Portcullis-Assertion: {token}\r\n"))
    };
    let valid = key.sign(&key.header(), &claims(json!({})));
    let answer = ask("GET", TARGET, &valid);
    let user = &answer.body["user"];
    assert_eq!(
        (answer.status, &user["id"], &user["groups"]),
        (200, &json!("7"), &json!(["clerk"])),
        "{kind:?}"
    );
    for (name, token) in bad(&key) {
        let answer = ask("GET", TARGET, &token);
        assert_eq!(answer.status, 401, "{kind:?}: {name}: {}", answer.body);
        assert_eq!(answer.body["error"]["code"], "ASSERTION_REFUSED", "{kind:?}: {name}");
        assert!(answer.head.contains("\r\nwww-authenticate: portcullis"), "{kind:?}: {name}");
    }
    let others =
        [("POST", TARGET), ("GET", "/orders/8?x=1"), ("GET", "/orders/7"), ("GET", "/orders/7?x=1&y")];
    for (method, target) in others {
        let answer = ask(method, target, &valid);
        assert_eq!(answer.status, 401, "{kind:?}: {method} {target}: {}", answer.body);
    }
    let bypassed = guarded.ask("GET", TARGET, "X-Forwarded-User: 7\r\nRemote-User: 7\r\n");
    assert_eq!(bypassed.status, 401, "{kind:?}: {}", bypassed.body);
}

fn knows_the_users_of_the_gate(kind: Kind) {
    let guarded = Guarded::start(kind, false, |setup| setup);
    let ann = guarded.gate().sign_up("ann");
    let lines = format!("Authorization: {}\r\n", ann.token);
    let mut client = guarded.gate().client();
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/a%20b/%C3%A4/~x;y=1"),
        ("GET", "/a?filter=%7B%22where%22%3A%7B%7D%7D&b=a+b&c=%2f&d=?"),
        ("GET", "/a?"),
        ("POST", "/orders?x=1"),
    ] {
        let answer = client.ask(method, target, &lines, if method == "POST" { b"body" } else { b"" });
        assert_eq!(answer.status, 200, "{kind:?}: {method} {target}: {}", answer.text());
        assert_eq!(answer.json()["user"]["id"], ann.id.to_string(), "{kind:?}: {method} {target}");
    }
    let anonymous = client.ask("GET", "/a", "X-Portcullis-Assertion: a.b.c\r\n", b"").expect(200);
    assert_eq!(anonymous.json()["user"], Value::Null, "{kind:?}");
}

/// A key file that was removed: the next gate on the same port signs with another key.
fn fetches_new_keys(kind: Kind) {
    let port = Port::free();
    let on_port = |setup: Setup| setup.set("server.http", &port.address().to_string());
    let mut guarded = Guarded::start(kind, true, on_port);
    let sees = |gate: &Gate, name: &str| {
        let user = gate.sign_up(name);
        let answer = gate.client().ask("GET", "/a", &format!("Authorization: {}\r\n", user.token), b"");
        assert_eq!(answer.status, 200, "{kind:?}: {}", answer.text());
    };
    sees(guarded.gate(), "ann");
    let old = (SigningKey::of(guarded.gate()), jwks(guarded.gate()));
    guarded.replace_gate(on_port);
    assert_ne!(jwks(guarded.gate()), old.1);
    sees(guarded.gate(), "bob");
    let token = old.0.sign(&old.0.header(), &claims(json!({})));
    let answer = guarded.ask("GET", TARGET, &format!("X-Portcullis-Assertion: {token}\r\n"));
    assert_eq!(answer.status, 401, "{kind:?}: an old key: {}", answer.body);
}

fn is_sound(kind: Kind) {
    if kind.is_here() {
        refuses_what_is_not_the_gates(kind);
        knows_the_users_of_the_gate(kind);
        fetches_new_keys(kind);
    }
}

#[test]
fn an_express_app_has_the_users_of_the_gate() {
    is_sound(EXPRESS);
}

#[test]
fn a_flask_app_has_the_users_of_the_gate() {
    is_sound(FLASK);
}

#[test]
fn a_fastapi_app_has_the_users_of_the_gate() {
    is_sound(FASTAPI);
}

#[test]
fn a_django_app_has_the_users_of_the_gate() {
    is_sound(DJANGO);
}

#[test]
fn a_loopback_apps_own_rules_know_the_user() {
    if !LOOPBACK.is_here() {
        return;
    }
    let guarded = Guarded::start(LOOPBACK, false, |setup| setup);
    let ann = guarded.gate().sign_up("ann");
    assert_eq!(ann.id, 1, "the owner of the app's first row");
    let lines = format!("Authorization: {}\r\n", ann.token);
    let mut client = guarded.gate().client();
    let who = client.ask("GET", "/api/Notes/who", &lines, b"").expect(200).json();
    assert_eq!(who, json!({"userId": 1}));
    let own = client.ask("GET", "/api/Notes/1", &lines, b"").expect(200).json();
    assert_eq!(own["text"], "of the first user");
    client.ask("GET", "/api/Notes/2", &lines, b"").expect(401);
    client.get("/api/Notes/who").expect(401);
    assert_eq!(guarded.ask("GET", "/api/Notes/1", "X-Portcullis-Assertion: x\r\n").status, 401);
}
