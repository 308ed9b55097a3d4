//! Servers of the app that take requests and do not answer.

use crate::support::{App, Client, Gate, Setup, answer};

/// An app that reads each request and closes.
fn mute() -> App {
    App::start(|connection| {
        connection.request();
    })
}

fn well() -> App {
    App::answering(|request| answer("200 OK", "", &request.body))
}

/// One client, so that one core serves all.
fn gate(servers: &[&App], change: impl FnOnce(Setup) -> Setup) -> Gate {
    let urls: Vec<_> = servers.iter().map(|app| app.url()).collect();
    Gate::start(change(Setup::before(&urls.join(","))))
}

fn statuses(client: &mut Client, method: &str, count: usize) -> Vec<u16> {
    (0..count).map(|_| client.ask(method, "/a", "", b"body").status).collect()
}

#[test]
fn a_request_that_may_be_repeated_is_sent_to_another_server() {
    for balance in ["least-connections", "hash"] {
        let (mute, well) = (mute(), well());
        let gate = gate(&[&mute, &well], |setup| setup.set("upstream.balance", balance));
        // Each client of its own: `hash` sends some of them to one server first, and some to the other.
        for method in ["PUT", "DELETE", "GET"] {
            assert_eq!(statuses(&mut gate.client(), method, 4), [200; 4], "{balance} {method}");
        }
        assert!(well.requests().iter().all(|request| request.body == b"body"));
    }
}

#[test]
fn a_request_that_may_not_be_repeated_reaches_one_server() {
    let (one, two) = (mute(), mute());
    let gate = gate(&[&one, &two], |setup| setup);
    assert_eq!(gate.client().ask("POST", "/a", "", b"body").status, 502);
    assert_eq!(one.requests().len() + two.requests().len(), 1);
}

#[test]
fn a_request_that_no_server_answers_is_sent_to_two_at_most() {
    let apps = [mute(), mute(), mute()];
    let gate = gate(&apps.each_ref(), |setup| setup);
    assert_eq!(gate.client().ask("GET", "/a", "", b"").status, 502);
    assert_eq!(apps.iter().map(|app| app.requests().len()).sum::<usize>(), 2);
    let alone = mute();
    let gate = Gate::start(Setup::new(&alone));
    assert_eq!(gate.client().ask("GET", "/a", "", b"").status, 502);
    assert_eq!(alone.requests().len(), 1, "there is no other");
}

#[test]
fn a_server_that_leaves_five_requests_without_an_answer_is_passed_over() {
    let (mute, well) = (mute(), well());
    let gate = gate(&[&mute, &well], |setup| setup);
    let mut client = gate.client();
    let seen = statuses(&mut client, "POST", 40);
    assert_eq!(seen.iter().filter(|status| **status == 502).count(), 5, "{seen:?}");
    assert_eq!(mute.requests().len(), 5);
}

#[test]
fn one_that_answers_nothing_in_time_is_passed_over_too() {
    let stuck = App::start(|connection| {
        connection.request();
        connection.hang();
    });
    let well = well();
    let gate = gate(&[&stuck, &well], |setup| setup.set("upstream.response_timeout", "300ms"));
    let seen = statuses(&mut gate.client(), "POST", 40);
    assert_eq!(seen.iter().filter(|status| **status == 504).count(), 5, "{seen:?}");
    assert_eq!(seen.iter().filter(|status| **status == 200).count(), 35, "{seen:?}");
    assert!(seen.ends_with(&[200; 20]), "{seen:?}");
    assert_eq!(stuck.requests().len(), 5);
}

#[test]
fn an_owner_look_up_is_asked_of_another_server() {
    let mute = mute();
    let well = App::answering(|request| match request.field("x-portcullis-lookup") {
        Some(_) => answer("200 OK", "Content-Type: application/json\r\n", r#"{"ownerId": 1}"#),
        None => answer("200 OK", "", "the note"),
    });
    let gate = gate(&[&mute, &well], |setup| {
        setup.set("policies.unmatched", "deny").policy(
            "notes.json",
            r#"{"name": "Note", "routes": [{"path": "/notes/{id}"}], "owner": {"lookup": "/notes/{id}", "field": "/ownerId"},
                "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                         {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#,
        )
    });
    let ann = gate.sign_up("ann");
    let line = format!("Authorization: {}\r\n", ann.token);
    let mut client = gate.client();
    for _ in 0..4 {
        assert_eq!(client.ask("GET", "/notes/7", &line, b"").expect(200).text(), "the note");
    }
}
