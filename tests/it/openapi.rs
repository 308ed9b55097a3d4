//! The API's description: that it is true, and that the API bears whatever fits it, or does not.

mod generated;

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    process::support::has,
    support::{App, Gate, Setup},
};

const PROFILES: [&str; 2] = ["standard", "loopback3"];
const DOCUMENT: &str = "/.portcullis/openapi.json";

fn document(gate: &Gate) -> Value {
    gate.client().get(DOCUMENT).expect(200).json()
}

#[test]
fn is_served_to_everyone_and_not_twice() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    let answer = client.get(DOCUMENT).expect(200);
    assert_eq!(answer.field("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let tag = answer.field("etag").unwrap();
    let again = client.ask("GET", DOCUMENT, &format!("If-None-Match: {tag}\r\n"), b"").expect(304);
    assert!(again.body.is_empty());
    let head = client.ask("HEAD", DOCUMENT, "", b"").expect(200);
    assert_eq!(head.field("content-length"), Some(&*answer.body.len().to_string()));
    let other = client.ask("POST", DOCUMENT, "", b"{}").expect(405);
    assert_eq!(other.field("allow"), Some("GET, HEAD"));
    client.get("/.portcullis/openapi.jso").expect(404);
    client.get("/.portcullis/openapi%2ejson").expect(404);
    assert!(app.requests().is_empty(), "nothing reached the app");
}

#[test]
fn is_not_served_where_it_is_switched_off() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("api.openapi", "false"));
    gate.client().get(DOCUMENT).expect(404);
    assert!(app.requests().is_empty());
}

/// A model with a property of each type, whose rows every user may read and write.
const MEMBER: &str = include_str!("openapi/member.json");

fn members(profile: &str) -> (App, Gate) {
    let app = App::echo();
    let setup = Setup::new(&app).set("profile", profile).set("policies.unmatched", "deny");
    let setup = setup.set("api.user_model", "Member");
    (app, Gate::start(setup.policy("member.json", MEMBER)))
}

#[test]
fn names_every_route_of_the_account_model() {
    for profile in PROFILES {
        let (_app, gate) = members(profile);
        let document = document(&gate);
        let paths = document["paths"].as_object().unwrap();
        let told = paths.iter().flat_map(|(path, item)| {
            let verbs = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            verbs.map(move |verb| format!("{} {path}", verb.to_uppercase()))
        });
        let told: BTreeSet<String> = told.collect();
        insta::assert_snapshot!(
            format!("openapi_routes_{profile}"),
            told.into_iter().collect::<Vec<_>>().join("\n")
        );
    }
}

#[test]
fn an_operation_has_a_name_of_its_own() {
    let (_app, gate) = members("standard");
    let document = document(&gate);
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            assert!(names.insert(operation["operationId"].to_string()), "{verb} {path}: {operation}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{verb} {path}");
        }
    }
    assert!(names.contains("\"Member.login\""), "{names:?}");
}

#[test]
fn tells_of_the_account_model_and_of_the_profile() {
    let (_app, gate) = members("standard");
    let standard = document(&gate);
    let schemas = &standard["components"]["schemas"];
    assert_eq!(schemas["NewUser"]["required"], json!(["email", "password", "nick"]));
    let written = &schemas["NewUser"]["properties"];
    assert_eq!(written["age"]["type"], "number");
    assert_eq!(written["tags"]["type"], "array");
    assert_eq!(written["vip"], json!({"type": "boolean", "description": "`false` where it is left out"}));
    assert_eq!(written["secret"], json!({"type": "string", "writeOnly": true}));
    assert_eq!(written["password"]["minLength"], 8);
    let shown = &schemas["User"]["properties"];
    assert_eq!(shown["age"]["type"], json!(["number", "null"]));
    for hidden in ["secret", "password", "verificationToken"] {
        assert_eq!(shown[hidden], Value::Null, "{hidden} is hidden");
    }
    let (_app, gate) = members("loopback3");
    let loopback = document(&gate);
    let statuses = |document: &Value, line: &str| {
        let (verb, path) = line.split_once(' ').unwrap();
        let responses = document["paths"][path][verb]["responses"].as_object().unwrap().clone();
        let told = responses.keys().map(String::as_str);
        told.filter(|status| !matches!(*status, "406" | "408" | "413" | "415")).collect::<Vec<_>>().join(" ")
    };
    for (line, of_standard, of_loopback) in [
        ("post /api/members/reset", "200 400 401 403 404 422 429 503", "204 400 401 404 422 429 503"),
        ("post /api/members/login", "200 400 401 403 429 503", "200 400 401 429 503"),
        ("get /api/members/{id}", "200 304 400 401 403 404 429 503", "200 304 400 401 404 429 503"),
    ] {
        assert_eq!(statuses(&standard, line), of_standard, "{line}");
        assert_eq!(statuses(&loopback, line), of_loopback, "{line}");
    }
}

#[test]
fn tells_who_may_call_and_with_what() {
    let app = App::echo();
    let setup = Setup::new(&app).set("credentials.headers", "X-Ours").set("credentials.query", "false");
    let gate = Gate::start(
        setup
            .set("api.root", "/v1")
            .set("server.public_url", "https://example.com/gate")
            .set("pages.enabled", "false"),
    );
    let document = document(&gate);
    assert_eq!(document["servers"][0]["url"], "https://example.com/gate");
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let names: Vec<&str> = schemes.keys().map(String::as_str).collect();
    assert_eq!(names, ["authorization", "bearer", "accessToken", "header1"]);
    assert_eq!(schemes["header1"]["name"], "X-Ours");
    let operation = |line: &str| {
        let (verb, path) = line.split_once(' ').unwrap();
        document["paths"][path][verb].clone()
    };
    for (line, who, public) in [
        ("post /v1/users/login", "Open to everyone.", true),
        ("post /v1/users/logout", "Open to everyone.", false),
        ("get /v1/users/{id}", "Open to the account itself.", false),
        ("post /v1/users/change-password", "Open to every caller with a token.", false),
        ("get /v1/users", "Open only to roles and users that the policies name.", false),
    ] {
        let operation = operation(line);
        let description = operation["description"].as_str().unwrap();
        assert!(description.ends_with(who), "{line}: {description}");
        let optional = operation["security"].as_array().unwrap().contains(&json!({}));
        assert_eq!(optional, public, "{line}");
    }
}

#[test]
fn names_the_short_routes_where_they_are_on() {
    let app = App::echo();
    for (on, there) in [("true", true), ("false", false)] {
        let gate = Gate::start(Setup::new(&app).set("api.short_routes", on));
        let document = document(&gate);
        for line in [
            "post /login",
            "get /logout",
            "post /logout",
            "post /request-password-reset",
            "post /reset-password",
        ] {
            let (verb, path) = line.split_once(' ').unwrap();
            assert_eq!(document["paths"][path][verb].is_object(), there, "{line}");
        }
        assert!(document["paths"]["/api/users/login"]["post"].is_object());
    }
}

#[test]
fn is_valid() {
    if !has("openapi-spec-validator") {
        return;
    }
    for profile in PROFILES {
        let (_app, gate) = members(profile);
        let file = gate.path("openapi.json");
        std::fs::write(&file, document(&gate).to_string()).unwrap();
        let done =
            Command::new("openapi-spec-validator").args(["--schema", "3.1"]).arg(&file).output().unwrap();
        assert!(done.status.success(), "{profile}: {}", String::from_utf8_lossy(&done.stdout));
    }
}

/// Every operation, with what fits its description and what does not: no 5xx, and no answer that is not described.
fn schemathesis(profile: &str, more: &[&str]) {
    if !has("schemathesis") {
        return;
    }
    let (_app, gate) = members(profile);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openapi");
    let base = format!("http://{}", gate.address());
    let mut command = Command::new("schemathesis");
    command.arg("--config-file").arg(ours.join("schemathesis.toml"));
    command.args(["run", &format!("{base}{DOCUMENT}"), "--url", &base, "--no-color"]).args(more);
    command.env("SCHEMATHESIS_HOOKS", ours.join("hooks.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PORTCULLIS_USERS", format!("{base}/api/members"));
    let done = command.current_dir(gate.path("")).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    assert!(told.contains("Tested: "), "nothing was tested: {told}");
    gate.client().get(DOCUMENT).expect(200);
}

#[test]
fn schemathesis_finds_nothing_in_standard() {
    schemathesis("standard", &["--max-examples", "10"]);
}

#[test]
fn schemathesis_finds_nothing_in_loopback3() {
    // LoopBack says 404 to a verb that a path does not have.
    schemathesis("loopback3", &["--max-examples", "10", "--exclude-checks", "unsupported_method"]);
}
