//! A connection keeps the session of its last token. That makes no token valid, and no change goes unnoticed.

use std::time::Duration;

use super::tokens::{ENDS, log_in};
use crate::support::{App, Client, Gate, Setup, SignedUp};

/// Asks on a connection that stays open; the status, and whom the app was told.
fn ask(client: &mut Client, token: &str) -> (u16, Option<String>) {
    ask_with(client, &format!("Authorization: {token}\r\n"))
}

fn ask_with(client: &mut Client, field: &str) -> (u16, Option<String>) {
    let answer = client.ask("GET", "/notes", field, b"");
    let told = (answer.status == 200).then(|| answer.json());
    let user = told.and_then(|told| {
        let headers = told["headers"].as_array()?.clone();
        headers
            .iter()
            .find(|pair| pair[0] == "X-Forwarded-User")
            .map(|pair| pair[1].as_str().unwrap().to_owned())
    });
    (answer.status, user)
}

fn start() -> (App, Gate) {
    let account = r#"{"name": "User", "base": "User",
        "acls": [{"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#;
    let notes = r#"{"name": "Note", "routes": [{"path": "/notes"}],
        "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                 {"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW"}]}"#;
    let app = App::echo();
    let setup = Setup::new(&app).policy("user.json", account).policy("notes.json", notes);
    let gate = Gate::start(setup.set("server.threads", "2").with_manual_clock());
    (app, gate)
}

/// Connections of which each has used the token three times, so that it is remembered.
fn warm(gate: &Gate, user: &SignedUp) -> Vec<Client> {
    let mut clients: Vec<_> = (0..4).map(|_| gate.client()).collect();
    for client in &mut clients {
        for _ in 0..3 {
            assert_eq!(ask(client, &user.token), (200, Some(user.id.to_string())));
        }
    }
    clients
}

#[test]
fn a_remembered_token_ends_at_once_on_every_connection() {
    for (name, end) in ENDS {
        let (_app, gate) = start();
        let ann = gate.sign_up("ann");
        let mut clients = warm(&gate, &ann);
        end(&gate, &ann);
        for client in &mut clients {
            assert_eq!(ask(client, &ann.token), (401, None), "{name}");
        }
    }
}

#[test]
fn a_remembered_cookie_ends_at_once_and_is_good_for_no_more_than_before() {
    for (name, end) in ENDS {
        let (_app, gate) = start();
        let ann = gate.sign_up("ann");
        let cookie = format!("Cookie: a=1; __Host-portcullis={}; b=2\r\n", ann.token);
        let mut client = gate.client();
        for _ in 0..3 {
            assert_eq!(ask_with(&mut client, &cookie), (200, Some(ann.id.to_string())));
        }
        // It is known by its field, its value and what is beside it; and a page of another site changes nothing with it.
        let value = cookie.strip_prefix("Cookie: ").unwrap();
        assert_eq!(ask_with(&mut client, &format!("Authorization: {value}")).0, 401);
        client.ask("POST", "/notes", &format!("{cookie}Sec-Fetch-Site: cross-site\r\n"), b"x").expect(403);
        let bob = gate.sign_up("bob");
        let both = format!("{cookie}X-Access-Token: {}\r\n", bob.token);
        assert_eq!(ask_with(&mut client, &both).0, 400, "two users");
        assert_eq!(
            ask_with(&mut client, &format!("{cookie}Cookie: __Host-portcullis={}\r\n", bob.token)).0,
            200
        );
        assert_eq!(ask_with(&mut client, &cookie), (200, Some(ann.id.to_string())));
        end(&gate, &ann);
        assert_eq!(ask_with(&mut client, &cookie), (401, None), "{name}");
    }
}

#[test]
fn a_changed_token_is_judged_as_it_is_now() {
    let (_app, gate) = start();
    let ann = gate.sign_up("ann");
    let other = log_in(&gate, "ann");
    let mut clients = warm(&gate, &ann);
    let lines = format!("Authorization: {other}\r\nContent-Type: application/json\r\n");
    let target = format!("/api/users/{}/accessTokens/{}", ann.id, ann.token);
    gate.client().ask("PUT", &target, &lines, br#"{"ttl": 10}"#).expect(200);
    for client in &mut clients {
        assert_eq!(ask(client, &ann.token).0, 200);
    }
    gate.advance(Duration::from_secs(11));
    for client in &mut clients {
        assert_eq!(ask(client, &ann.token), (401, None));
    }
}

#[test]
fn the_callers_of_one_connection_are_told_apart() {
    let (_app, gate) = start();
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = gate.client();
    let known = |user: &SignedUp| (200, Some(user.id.to_string()));
    let mut wrong = ann.token.clone();
    wrong.pop();
    wrong.push(if ann.token.ends_with('x') { 'y' } else { 'x' });
    for _ in 0..3 {
        for _ in 0..3 {
            assert_eq!(ask(&mut client, &ann.token), known(&ann));
        }
        assert_eq!(ask(&mut client, &wrong), (401, None));
        assert_eq!(ask(&mut client, &bob.token), known(&bob));
        assert_eq!(ask(&mut client, &ann.token), known(&ann));
        assert_eq!(ask(&mut client, ""), (401, None));
        for _ in 0..3 {
            assert_eq!(ask(&mut client, &bob.token), known(&bob));
        }
    }
}
