//! Pages of other origins (docs/cors.md).

use std::process::Command;

use super::{converse, has_browser};
use crate::support::{App, Gate, Setup, answer};

#[test]
fn a_real_browser_lets_listed_pages_in_and_no_others() {
    if !has_browser() {
        return;
    }
    let app = App::answering(|request| {
        let line = request.line().trim_end_matches(" HTTP/1.1");
        answer("200 OK", "Content-Type: text/plain\r\n", line)
    });
    let pages = App::answering(|_| answer("200 OK", "Content-Type: text/html\r\n", "<!doctype html>"));
    let setup = Setup::new(&app)
        .tables("[cors]\norigins = [\"http://app.shop.localhost\"]\ncredentials = true\n")
        .set("policies.unmatched", "authenticated");
    let gate = Gate::start(setup);
    let mut command = Command::new("node");
    let pages = pages.address().to_string();
    command.args(["cors.js", &gate.address().to_string(), &pages]);
    let told = converse(command, |asked| panic!("{asked}"));
    for step in [
        "a listed page registers, logs in and reads",
        "a listed page acts by the cookie",
        "pages of other origins get nothing",
    ] {
        assert!(told.lines().any(|line| line == format!("ok: {step}")), "{step}: {told}");
    }
    let posts = app.requests().iter().filter(|request| request.line().starts_with("POST")).count();
    assert_eq!(posts, 0, "a form of another origin does nothing");
}
