//! Snippets of the guides that their readers copy, run as they are written.

use std::process::Command;

use serde_json::Value;

use super::{Tree, commands::blocks};
use crate::process::support::{House, finish, has};

/// The first block of a page in this language after a heading.
fn block<'p>(tree: &'p Tree, page: &str, heading: &str, language: &str) -> &'p str {
    let (_, section) =
        tree.text(page).split_once(heading).unwrap_or_else(|| panic!("{page} lacks {heading}"));
    let found = blocks(section).into_iter().find(|(of, _)| *of == language);
    found.unwrap_or_else(|| panic!("{page} has no {language} after {heading}")).1
}

/// A message and its signature, as `src/notify/webhook.rs` has them too.
const SIGNED: [(&str, &str); 4] = [
    ("t", "1700000000"),
    ("body", r#"{"type":"logout"}"#),
    ("secret", "conformance"),
    ("v1", "183203c2a1a434c8d5a5c8f5d9f58cf5b5e39ff947ff49e723a15e85027c3857"),
];

/// Runs a verification of the page with the message in its environment; what it prints.
fn verify(program: &str, script: &str, body: &str) -> String {
    let mut command = Command::new(program);
    command.args([if program == "node" { "-e" } else { "-c" }, script]).envs(SIGNED).env("body", body);
    finish(command, "").ok().trim().to_owned()
}

#[test]
fn a_receiver_verifies_signatures_as_the_page_shows() {
    let tree = Tree::read();
    let snippet = |language| block(&tree, "docs/events.md", "## Verifying the signature", language);
    let [_, (_, body), _, (_, v1)] = SIGNED;
    if has("openssl") {
        assert_eq!(verify("sh", snippet("sh"), body), v1);
        assert_ne!(verify("sh", snippet("sh"), "{}"), v1);
    }
    if has("node") {
        let around = "const crypto = require('crypto'), e = process.env, secret = e.secret, rawBody = e.body;\n\
            const req = { headers: { 'x-portcullis-signature': `t=${e.t},v1=${e.v1}` } };\n";
        let script = format!("{around}{}\nconsole.log(genuine)", snippet("js"));
        assert_eq!(["true", "false"], [body, "{}"].map(|body| verify("node", &script, body)));
    }
    if has("python3") {
        let around = "import hmac, os, re\nfrom types import SimpleNamespace\ne = os.environ\n\
            request = SimpleNamespace(headers={'X-Portcullis-Signature': f\"t={e['t']},v1={e['v1']}\"})\n\
            secret, body = e['secret'].encode(), e['body'].encode()\n";
        let script = format!("{around}{}\nprint(genuine)", snippet("python"));
        assert_eq!(["True", "False"], [body, "{}"].map(|body| verify("python3", &script, body)));
    }
}

#[test]
fn a_client_does_what_the_page_of_accounts_shows() {
    if !has("curl") {
        return;
    }
    let tree = Tree::read();
    let lines = block(&tree, "docs/accounts.md", "## What clients can do", "sh").replace("\\\n", "");
    let house = House::new();
    // The page speaks of the second account.
    house.add_user("ann");
    let gate = house.serve();
    let mut token = String::new();
    let mut asked = 0;
    for line in lines.lines().filter(|line| line.starts_with("curl ")) {
        let line = line.replace("localhost:8080", &gate.http.0.to_string());
        let mut command = Command::new("sh");
        command.args(["-c", &line.replacen("curl", r"curl -sS -w '\n%{http_code}'", 1)]).env("TOKEN", &token);
        let out = finish(command, "").ok();
        let (answer, status) = out.rsplit_once('\n').unwrap();
        assert!(["200", "204"].contains(&status), "{line}: {out}");
        let answer: Value = serde_json::from_str(answer).unwrap_or_default();
        if answer["ttl"].is_number() {
            answer["id"].as_str().unwrap().clone_into(&mut token);
        }
        asked += 1;
    }
    assert!(asked >= 6 && !token.is_empty(), "only {asked} requests were made");
}
