//! The User API through the whole gate.

mod accounts;
mod bodies;
mod challenges;
mod cookies;
mod cors;
mod credentials;
mod current_user;
mod hostile;
mod lifetimes;
mod limits;
mod links;
mod matrix;
mod names;
mod own_model;
mod profiles;
pub(crate) mod recovery;
mod rows;
mod settings;
mod short;
mod takeover;
mod tokens;

use serde_json::Value;

use crate::support::{App, Client, Gate, Response, Setup};

/// The password that [`Gate::sign_up`] gives every account.
const PASSWORD: &str = "a-good-password";

/// A gate of this profile, where paths without a policy are open.
fn gate(profile: &str) -> (App, Gate) {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("profile", profile).with_manual_clock());
    (app, gate)
}

/// A request with a JSON body, unless it is `null`, and what is left of its answer without what changes from run to
/// run: `200 {…}`.
pub(crate) fn told(client: &mut Client, line: &str, token: &str, body: &Value) -> String {
    let (method, target) = line.split_once(' ').unwrap();
    let answer = ask(client, method, target, token, body);
    let text = redacted(answer.text());
    format!("{} {text}", answer.status).trim_end().to_owned()
}

pub(crate) fn ask(client: &mut Client, method: &str, target: &str, token: &str, body: &Value) -> Response {
    let mut lines = String::new();
    if !token.is_empty() {
        lines.push_str(&format!("X-Access-Token: {token}\r\n"));
    }
    if body.is_null() {
        return client.ask(method, target, &lines, b"");
    }
    lines.push_str("Content-Type: application/json\r\n");
    client.ask(method, target, &lines, body.to_string().as_bytes())
}

/// Tokens are never the same.
fn redacted(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 64);
    words.fold(text.to_owned(), |text, token| text.replace(token, "TOKEN"))
}
