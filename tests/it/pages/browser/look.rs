//! Flows with and without scripts, accessibility, and a screenshot of every page in `target/screenshots`.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use portcullis::accounts::TokenRequest;

use super::{converse, has_browser};
use crate::{
    pages::support::setup,
    support::{App, Gate, answer},
};

#[test]
fn people_use_the_pages_in_a_real_browser() {
    if !has_browser() {
        return;
    }
    let (elsewhere, answers) = (App::echo(), AtomicUsize::new(0));
    let app = App::answering(move |request| {
        let page =
            "<!doctype html><html lang=\"en\"><title>app</title><link rel=\"icon\" href=\"data:,\"><p>";
        let count = answers.fetch_add(1, Ordering::Relaxed);
        let keep = if request.target().contains("/kept/") { "Cache-Control: max-age=600\r\n" } else { "" };
        let fields = format!("Content-Type: text/html\r\n{keep}");
        answer("200 OK", &fields, format!("{page}{} is request {count}.", request.line()))
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
    command.env("RESET_TOKEN", reset.id.expose()).env("ELSEWHERE", elsewhere.url());
    let told = converse(command, |asked| panic!("{asked}?"));
    for step in ["comesBack", "keyboard", "tabs", "cached", "lost", "fetches", "otherSite", "noCookies"] {
        assert!(told.lines().any(|line| line == format!("ok: {step}")), "{step}: {told}");
    }
    assert!(told.ends_with("ok: no console error\n"), "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("ok: page ")).count(), 21, "{told}");
}
