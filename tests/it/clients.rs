//! Clients that were written for LoopBack 3: its own connector, and the requests of the Angular and mobile SDKs.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Condvar, Mutex},
};

use serde_json::{Value, json};

use crate::{
    process::support::{DEADLINE, finish, has},
    support::{App, Client, Gate, Request, Response, Setup, answer},
};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients")
}

/// Whether Node finds this package: beside the scripts, or in `NODE_PATH`.
fn has_package(name: &str) -> bool {
    if !has("node") {
        return false;
    }
    let script = format!("require.resolve('{name}')");
    let found = Command::new("node").args(["-e", &script]).current_dir(scripts()).output().unwrap();
    if !found.status.success() {
        // Fails where nothing may be skipped.
        return has(&format!("npm ci in tests/it/clients, for {name}"));
    }
    true
}

/// Receives events, and hands out the last one of a kind, once there is one.
#[derive(Default)]
struct Events {
    last: Mutex<HashMap<String, Value>>,
    rung: Condvar,
}

impl Events {
    fn answer(&self, request: &Request) -> Vec<u8> {
        let mut last = self.last.lock().unwrap();
        if request.line().starts_with("POST ") {
            let event: Value = serde_json::from_slice(&request.body).unwrap();
            last.insert(event["type"].as_str().unwrap().to_owned(), event);
            self.rung.notify_all();
            return answer("204 No Content", "", "");
        }
        let kind = request.target().trim_start_matches('/');
        let missing = |last: &mut HashMap<String, Value>| !last.contains_key(kind);
        let (last, _) = self.rung.wait_timeout_while(last, DEADLINE, missing).unwrap();
        answer("200 OK", "Content-Type: application/json\r\n", last[kind].to_string())
    }
}

#[test]
fn loopback_connector_remote_lives_its_life_here() {
    if !has_package("loopback-connector-remote") {
        return;
    }
    for profile in ["standard", "loopback3"] {
        let events = Events::default();
        let app = App::answering(move |request| events.answer(request));
        let setup = Setup::new(&app).set("profile", profile).set("policies.unmatched", "deny");
        let hook = format!("{}/hook", app.url());
        let gate = Gate::start(setup.set("webhook.url", &hook).set("webhook.secret", "hush"));
        let mut command = Command::new("node");
        command.arg("remote.js").arg(format!("http://{}", gate.address())).args([&app.url(), profile]);
        command.current_dir(scripts());
        let told = finish(command, "").ok();
        assert_eq!(told.lines().filter(|line| line.starts_with("ok: ")).count(), 11, "{profile}: {told}");
        assert!(app.requests().iter().all(|request| !request.target().starts_with("/api")), "{profile}");
    }
}

/// A request as `lbServices.js` sends it from a page, by the token that it keeps.
fn angular(client: &mut Client, line: &str, token: &str, body: &Value) -> Response {
    let (method, target) = line.split_once(' ').unwrap();
    let mut lines = "Accept: application/json, text/plain, */*\r\nReferer: http://localhost:9000/\r\n\
                     X-Requested-With: XMLHttpRequest\r\n"
        .to_owned();
    if !token.is_empty() {
        lines.push_str(&format!("authorization: {token}\r\n"));
    }
    if body.is_null() {
        return client.ask(method, target, &lines, b"");
    }
    lines.push_str("Content-Type: application/json;charset=utf-8\r\n");
    client.ask(method, target, &lines, body.to_string().as_bytes())
}

#[test]
fn the_angular_sdk_finds_what_it_expects() {
    for profile in ["standard", "loopback3"] {
        let app = App::echo();
        let gate = Gate::start(Setup::new(&app).set("profile", profile));
        let mut client = gate.client();
        let password = "a-good-password";
        let ann = json!({"email": "ann@example.com", "password": password});
        let user = angular(&mut client, "POST /api/Users", "", &ann).expect(200).json();
        assert_eq!(user, json!({"email": "ann@example.com", "id": 1}));

        let login = json!({"email": "ann@example.com", "password": password, "rememberMe": true});
        let token = angular(&mut client, "POST /api/Users/login?include=user&rememberMe=true", "", &login);
        let token = token.expect(200).json();
        assert_eq!((&token["user"], &token["userId"]), (&user, &json!(1)), "{profile}");
        let id = token["id"].as_str().unwrap();

        // `getCurrent`, `$save` of what came with it, and a filter with the blanks that Angular writes as `+`.
        let current = angular(&mut client, "GET /api/Users/1", id, &Value::Null).expect(200);
        assert_eq!(current.json(), user);
        let mut changed = user.clone();
        changed["username"] = json!("ann");
        changed["password"] = json!(password);
        angular(&mut client, "PUT /api/Users/1", id, &changed).expect(200);
        let filter = "/api/Users/1?filter=%7B%22fields%22:+%5B%22username%22%5D%7D";
        let only = angular(&mut client, &format!("GET {filter}"), id, &Value::Null).expect(200).json();
        assert_eq!(only, json!({"username": "ann"}));

        // A page that has what it asks for.
        let tag = client.ask("GET", "/api/Users/1", &format!("authorization: {id}\r\n"), b"");
        let tag = tag.field("etag").unwrap().to_owned();
        let lines = format!("authorization: {id}\r\nIf-None-Match: {tag}\r\n");
        client.ask("GET", "/api/Users/1", &lines, b"").expect(304);

        // Its interceptor looks at the status, and at `data.error.code`.
        let error = angular(&mut client, "GET /api/Users/2", id, &Value::Null).json()["error"].clone();
        assert!(
            matches!(error["code"].as_str(), Some("AUTHORIZATION_REQUIRED" | "ACCESS_DENIED")),
            "{error}"
        );
        angular(&mut client, "POST /api/Users/logout", id, &Value::Null).expect(204);
        angular(&mut client, "GET /api/Users/1", id, &Value::Null).expect(401);
        let wrong = json!({"email": "ann@example.com", "password": "wrong"});
        let error = angular(&mut client, "POST /api/Users/login?include=user", "", &wrong).expect(401).json();
        assert_eq!(error["error"]["code"], "LOGIN_FAILED", "{profile}");
        assert!(app.requests().is_empty(), "nothing reached the app");
    }
}
