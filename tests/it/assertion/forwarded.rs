//! What the gate sends to an app that records it.

use std::{fs, time::Duration};

use portcullis::{accounts::Actor, store::Change};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{AUDIENCE, ISSUER, JWKS, decoded, encoded, jwks, verified, with_assertions};
use crate::support::{App, Client, Gate, Request, Setup};

const NAME: &str = "x-portcullis-assertion";

fn gate(app: &App) -> Gate {
    Gate::start(with_assertions(Setup::new(app)).with_manual_clock())
}

fn assertion(request: &Request) -> &str {
    request.field(NAME).unwrap_or_else(|| panic!("none: {}", request.head))
}

#[test]
fn a_users_request_carries_one_for_this_app_and_this_request() {
    let app = App::echo();
    let gate = gate(&app);
    let ann = gate.sign_up("ann");
    let lines = format!("Authorization: {}\r\nX-Portcullis-Assertion: own\r\n", ann.token);
    let target = format!("/a%20b/7?x=%2f&access_token={}&y=a+b", ann.token);
    gate.client().ask("PUT", &target, &lines, b"body").expect(200);
    let request = app.only_request();
    assert_eq!(request.line(), "PUT /a%20b/7?x=%2f&y=a+b HTTP/1.1");
    assert_eq!(request.head.matches("X-Portcullis-Assertion").count(), 1, "{}", request.head);
    let now = gate.clock.now().0 / 1000;
    assert_eq!(
        verified(&gate, assertion(&request)),
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": ann.id.to_string(), "iat": now, "nbf": now, "exp": now + 60,
            "jti": request.field("x-request-id").unwrap(), "htm": "PUT", "htp": "/a%20b/7",
            "htq": encoded(Sha256::digest("x=%2f&y=a+b")), "preferred_username": "ann", "groups": [],
        })
    );
}

#[test]
fn each_request_has_its_own_with_what_holds_now() {
    let app = App::echo();
    let gate = gate(&app);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    let lines = format!("Authorization: {}\r\n", ann.token);
    client.ask("GET", "/a", &lines, b"").expect(200);
    let role = Change::CreateRole { name: "clerk".to_owned() };
    let grant = Change::Grant { role: "clerk".to_owned(), user: ann.id.into() };
    gate.run(gate.parts().store.commit(vec![role, grant])).unwrap();
    gate.run(gate.parts().accounts().confirm_email(Actor::Operator, &ann.id.into())).unwrap();
    gate.advance(Duration::from_secs(5));
    client.ask("GET", "/b", &lines, b"").expect(200);
    let requests = app.requests();
    let [first, second] = [&requests[0], &requests[1]].map(|request| verified(&gate, assertion(request)));
    assert_eq!((&first["groups"], first.get("email")), (&json!([]), None));
    assert_eq!(second["groups"], json!(["clerk"]));
    assert_eq!((&second["email"], &second["email_verified"]), (&json!("ann@example.com"), &json!(true)));
    assert_eq!(second["iat"].as_i64(), first["iat"].as_i64().map(|at| at + 5));
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!((&first["htp"], &second["htp"]), (&json!("/a"), &json!("/b")));
}

#[test]
fn an_anonymous_request_carries_none_and_not_the_clients_own() {
    let app = App::echo();
    let gate = gate(&app);
    for lines in
        ["X-Portcullis-Assertion: a.b.c\r\n", "Authorization: unknown\r\nx-portcullis-assertion: a.b.c\r\n"]
    {
        gate.client().ask("GET", "/a", lines, b"").expect(200);
    }
    for request in app.requests() {
        assert_eq!(request.field(NAME), None, "{}", request.head);
    }
    gate.client().ask("GET", "/a", "X_Portcullis_Assertion: a.b.c\r\n", b"").expect(400);
}

#[test]
fn a_request_that_opens_a_websocket_carries_one() {
    let app = App::echo();
    let gate = gate(&app);
    let ann = gate.sign_up("ann");
    let lines = format!(
        "Authorization: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ann.token
    );
    // This app speaks no WebSocket, and answers as to any other request.
    gate.client().ask("GET", "/live", &lines, b"");
    assert_eq!(verified(&gate, assertion(&app.only_request()))["htp"], "/live");
}

#[test]
fn each_of_several_apps_has_an_audience_of_its_own() {
    let app = App::echo();
    let entry = |name: &str, host: &str| {
        format!(
            "\n[[apps]]\nname = \"{name}\"\nhosts = [\"{host}\"]\npolicies = {{ unmatched = \"allow\" }}\n"
        )
    };
    let tables = [entry("shop", "shop.test"), entry("rest", "rest.test")].concat();
    let setup = with_assertions(Setup::new(&app).tables(&tables));
    let gate = Gate::start(
        setup.set("server.public_url", "http://shop.test/").set("identity.assertion_audience", "acme/"),
    );
    let account = json!({"email": "ann@example.com", "password": "a-good-password"});
    let ask = |line: &str, host: &str, lines: &str, body: &str| {
        let length = body.len();
        let mut client = gate.client();
        client.send(format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
        ));
        client.response().expect(200).json()
    };
    let post = |target: &str| {
        let lines = "Content-Type: application/json\r\n";
        ask(&format!("POST {target}"), "shop.test", lines, &account.to_string())
    };
    post("/api/users");
    let token = post("/api/users/login")["id"].as_str().unwrap().to_owned();
    for name in ["shop", "rest"] {
        let lines = format!("Authorization: {token}\r\n");
        ask(&format!("GET /{name}"), &format!("{name}.test"), &lines, "");
        let request = app.only_request_to(&format!("/{name}"));
        let token = assertion(&request);
        let claims: serde_json::Value =
            serde_json::from_slice(&decoded(token.split('.').nth(1).unwrap())).unwrap();
        assert_eq!(
            (claims["aud"].as_str(), claims["iss"].as_str()),
            (Some(&*format!("acme/{name}")), Some("http://shop.test"))
        );
    }
}

#[test]
fn the_keys_are_public_and_for_a_few_minutes_in_caches() {
    let app = App::echo();
    let gate = gate(&app);
    let mut client = gate.client();
    let answer = client.get(JWKS).expect(200);
    assert_eq!(answer.field("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.field("cache-control"), Some("public, max-age=300"));
    let key = answer.json()["keys"][0].clone();
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"), &json!("sig"))
    );
    assert_eq!(key.get("d"), None);
    let head = client.ask("HEAD", JWKS, "", b"").expect(200);
    assert_eq!(head.field("content-length"), answer.field("content-length"));
    let refused = client.ask("POST", JWKS, "", b"").expect(405);
    assert_eq!(refused.field("allow"), Some("GET, HEAD"));
    client.get("/.well-known/portcullis/").expect(404);
    assert!(app.requests().is_empty());
}

#[test]
fn without_the_setting_there_are_neither_assertions_nor_keys() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let ann = gate.sign_up("ann");
    gate.client().get(JWKS).expect(404);
    gate.client().ask("GET", "/a", &format!("Authorization: {}\r\n", ann.token), b"").expect(200);
    assert_eq!(app.only_request().field(NAME), None);
    assert!(!gate.path("data/assertion-keys.json").exists());
}

#[test]
fn keys_outlive_a_restart_and_damaged_ones_refuse_to_start() {
    let (app, data) = (App::echo(), tempfile::tempdir().unwrap());
    let setup = || with_assertions(Setup::new(&app)).set("server.data_dir", data.path().to_str().unwrap());
    let first = Gate::start(setup());
    let keys = jwks(&first);
    first.stop();
    let second = Gate::start(setup());
    assert_eq!(jwks(&second), keys);
    second.stop();
    let file = data.path().join("assertion-keys.json");
    fs::write(&file, "{\"keys\": [").unwrap();
    let error = format!("{:#}", Gate::try_start(setup()).err().expect("it refuses to start"));
    assert!(error.contains("assertion-keys.json") && error.contains("remove it and restart"), "{error}");
    fs::remove_file(&file).unwrap();
    assert_ne!(jwks(&Gate::start(setup())), keys);
}

#[test]
fn a_proxy_that_asks_gets_one_for_the_request_that_it_describes() {
    let app = App::echo();
    let setup = with_assertions(Setup::new(&app));
    let gate =
        Gate::start(setup.set("forward_auth.listen", "127.0.0.1:0").set("forward_auth.trusted", "127.0.0.1"));
    let ann = gate.sign_up("ann");
    let ask = |lines: &str| {
        let lines = format!("X-Original-Method: PUT\r\nX-Original-URI: /a%20b?x=1\r\n{lines}");
        Client::tcp(gate.judge_address()).ask("GET", "/", &lines, b"").expect(200)
    };
    let answer = ask(&format!("Authorization: {}\r\n", ann.token));
    let claims = verified(&gate, answer.field(NAME).unwrap());
    let query = encoded(Sha256::digest("x=1"));
    let bound = ["htm", "htp", "htq", "sub"].map(|name| claims[name].as_str().unwrap().to_owned());
    assert_eq!(bound, ["PUT", "/a%20b", &query, &ann.id.to_string()]);
    assert_eq!(ask("X-Portcullis-Assertion: a.b.c\r\n").field(NAME), Some(""), "it replaces the client's");
}
