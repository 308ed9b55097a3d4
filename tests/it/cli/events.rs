//! The webhook gets the events of commands too: a running gate delivers them at once. Without one, the next gate to
//! start does.

use serde_json::Value;

use super::support::{House, PASSWORD, wait_until};
use crate::support::App;

/// The receiver's events, in order: the event, its subject, and its author.
fn told(receiver: &App) -> Vec<String> {
    let line = |request: &crate::support::Request| {
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        let what = event["what"].as_str().unwrap_or_default();
        let user = event["user"]["id"].to_string();
        format!("{} {user} {what} {}", event["type"].as_str().unwrap(), event["client"].as_str().unwrap())
    };
    receiver.requests().iter().map(line).collect()
}

fn wait_for(receiver: &App, wanted: &[&str]) {
    let lines = wait_until("the events arrive", || {
        let lines = told(receiver);
        (lines.len() >= wanted.len()).then_some(lines)
    });
    // Those of one user come in order, those of others beside them.
    let of = |user: &str, lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| line.split(' ').nth(1) == Some(user)).cloned().collect()
    };
    let wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
    for user in ["1", "2", "null"] {
        assert_eq!(of(user, &lines), of(user, &wanted), "{lines:?}");
    }
}

#[test]
fn commands_tell_the_webhook_with_and_without_a_gate() {
    let receiver = App::answering(|_| crate::support::answer("200 OK", "", ""));
    let webhook = format!("[webhook]\nurl = \"{}/events\"\nsecret = \"a-shared-secret\"\n", receiver.url());
    let house = House::with(&webhook);
    house.ok("role add clerk");
    let add = "user add --email ann@example.com --username ann --role clerk --password-stdin";
    house.run_with(add, PASSWORD).ok();
    house.run_with("user add --email bob@example.com --password-stdin", PASSWORD).ok();
    house.ok("role revoke clerk ann");
    house.ok("role revoke clerk ann");
    assert!(told(&receiver).is_empty(), "no gate delivers yet");
    let before = [
        "role.changed null added operator",
        "user.registered 1  operator",
        "role.changed 1 granted operator",
        "role.changed 1 revoked operator",
        "user.registered 2  operator",
    ];
    let gate = house.serve();
    wait_for(&receiver, &before);
    house.ok("user verify ann");
    house.ok("token issue ann");
    house.ok("token revoke --user ann");
    house.ok("user disable ann");
    house.run_with("user set-password ann --password-stdin", "another-good-password").ok();
    house.ok("user delete 2 --yes");
    let after = [
        "user.verified 1  operator",
        "token.revoked 1  operator",
        "user.changed 1  operator",
        "password.changed 1  operator",
        "user.deleted 2  operator",
    ];
    wait_for(&receiver, &[&before[..], &after[..]].concat());
    for event in ["user.verified", "token.revoked", "user.deleted"] {
        let line = gate.logged(&format!("\"msg\":\"{event}\""));
        assert!(line.contains(r#""stream":"audit""#) && line.contains(r#""by":"operator""#), "{line}");
    }
    assert_eq!(gate.stop(), Some(0));
}
