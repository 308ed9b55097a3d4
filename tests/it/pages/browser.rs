//! Real Chromium, driven by `browser/pages.js`: flows with and without scripts, accessibility, and a screenshot of every
//! page in `target/screenshots`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use portcullis::accounts::TokenRequest;

use super::{hosts::three_before, support::setup};
use crate::{
    process::support::{finish_within, has},
    support::{App, Gate, answer},
};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/pages/browser")
}

/// Whether Chromium and the packages are there; fails where nothing may be skipped.
fn has_browser() -> bool {
    if !has("node") || !has("chromium") {
        return false;
    }
    ["playwright-core", "axe-core"].iter().all(|name| {
        let script = format!("require.resolve('{name}')");
        let found = Command::new("node").args(["-e", &script]).current_dir(scripts()).output().unwrap();
        found.status.success() || has(&format!("npm ci in tests/it/pages/browser, for {name}"))
    })
}

#[test]
fn people_use_the_pages_in_a_real_browser() {
    if !has_browser() {
        return;
    }
    let elsewhere = App::echo();
    let app = App::answering(|request| {
        let page =
            "<!doctype html><html lang=\"en\"><title>app</title><link rel=\"icon\" href=\"data:,\"><p>";
        answer("200 OK", "Content-Type: text/html\r\n", format!("{page}{}", request.line()))
    });
    let setup = setup(&app)
        .set("pages.languages", "en,de,ja,zh")
        .set("webhook.url", &format!("{}/hook", app.url()))
        .set("webhook.secret", "hush");
    let gate = Gate::start(setup);
    gate.sign_up("ann");
    let scopes = vec!["reset-password".to_owned()];
    let request = TokenRequest { scopes, ttl: Some(900.0), ..TokenRequest::default() };
    let reset = gate.run(gate.parts().accounts().issue(&1.into(), request)).unwrap();
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    let mut command = Command::new("node");
    command.arg("pages.js").arg(format!("http://{}", gate.address())).arg(&screenshots);
    command.env("RESET_TOKEN", reset.id.expose()).env("ELSEWHERE", elsewhere.url()).current_dir(scripts());
    let told = finish_within(Duration::from_secs(540), command, "").ok();
    for step in [
        "comes back",
        "keyboard",
        "tabs",
        "lost form",
        "fetch",
        "other site",
        "no cookies",
        "no console error",
    ] {
        assert!(told.lines().any(|line| line == format!("ok: {step}")), "{step}: {told}");
    }
    assert_eq!(told.lines().filter(|line| line.starts_with("ok: page ")).count(), 21, "{told}");
}

#[test]
fn people_use_several_hosts_in_a_real_browser() {
    if !has_browser() {
        return;
    }
    let app = App::answering(|request| match request.target().strip_prefix("/to/") {
        Some(host) => answer("302 Found", &format!("Location: http://{host}.localhost/\r\n"), ""),
        None => answer("200 OK", "Content-Type: text/html\r\n", "<!doctype html><title>app</title>"),
    });
    let gate = Gate::start(three_before(&app).set("users.redirect_hosts", "third.localhost"));
    let mut command = Command::new("node");
    command.arg("hosts.js").arg(gate.address().to_string()).current_dir(scripts());
    let told = finish_within(Duration::from_secs(120), command, "").ok();
    for step in [
        "a registration comes back",
        "a logout is told",
        "a login comes back",
        "an app leads on to known hosts",
        "a deletion is told",
    ] {
        assert!(told.lines().any(|line| line == format!("ok: {step}")), "{step}: {told}");
    }
}
