//! Several hosts with one login.

use std::{process::Command, time::Instant};

use serde_json::{Value, json};

use super::{converse, has_browser};
use crate::{
    pages::{hosts::three_before, support::PASSWORD},
    support::{App, GUARD, Gate, answer},
};

#[test]
fn people_use_several_hosts_in_a_real_browser() {
    if !has_browser() {
        return;
    }
    let app = App::answering(|request| match request.target().strip_prefix("/to/") {
        Some(host) => answer("302 Found", &format!("Location: http://{host}.localhost/\r\n"), ""),
        None => {
            let page = "<!doctype html><title>app</title><link rel=\"icon\" href=\"data:,\"><p>";
            answer("200 OK", "Content-Type: text/html\r\n", format!("{page}{}", request.line()))
        }
    });
    let staff = r#"{"name": "Staff", "routes": [{"path": "/staff", "property": "staff"}], "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}]}"#;
    let setup = three_before(&app)
        .policy("staff.json", staff)
        .set("users.redirect_hosts", "third.localhost")
        .set("webhook.url", &format!("{}/hook", app.url()))
        .set("webhook.secret", "hush");
    let gate = Gate::start(setup);
    let account = json!({"email": "ann@example.com", "username": "ann", "password": PASSWORD});
    let (lines, body) = ("Content-Type: application/json\r\nHost: one.localhost\r\n", account.to_string());
    let mut client = gate.client();
    client.send(format!("POST /api/users HTTP/1.1\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len()));
    client.response().expect(200);
    let mut command = Command::new("node");
    command.arg("hosts.js").arg(gate.address().to_string());
    let link = |_: &str| format!("http://one.localhost/.portcullis/reset?token={}", reset_token(&app));
    let told = converse(command, link);
    assert!(told.ends_with("ok: no console error\n"), "{told}");
}

/// The token of the only reset that was asked for.
fn reset_token(app: &App) -> String {
    let began = Instant::now();
    loop {
        let hooks = app.requests().into_iter().filter(|request| request.target() == "/hook");
        let mut events = hooks.map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
        if let Some(event) = events.find(|event| event["type"] == "reset.requested") {
            return event["accessToken"]["id"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < GUARD, "no reset was asked for");
    }
}
