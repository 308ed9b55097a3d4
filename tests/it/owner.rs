//! `$owner` through the app: who owns a row is asked there, and no answer but a row lets a caller in.

use crate::support::{App, Client, Gate, Request, Response, Setup, answer};

/// Rows at `/notes/{id}` that only their owner may read; `more` is added to `owner`.
fn policy(more: &str) -> String {
    format!(
        r#"{{"name": "Note", "routes": [{{"path": "/notes/{{id}}"}}],
        "owner": {{"lookup": "/rows/{{id}}", "field": "/ownerId"{more}}},
        "acls": [{{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}},
                 {{"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}}]}}"#
    )
}

fn read(client: &mut Client, id: &str, token: &str) -> Response {
    client.ask("GET", &format!("/notes/{id}"), &format!("Authorization: {token}\r\n"), b"")
}

fn is_look_up(request: &Request) -> bool {
    request.line().starts_with("GET /rows/")
}

fn look_ups(app: &App) -> usize {
    app.requests().iter().filter(|request| is_look_up(request)).count()
}

/// An app whose rows all belong to the first account, and which answers a row by its name.
fn app() -> App {
    App::answering(|request| match request.line() {
        line if line.contains("/rows/gone") => answer("404 Not Found", "", ""),
        line if line.contains("/rows/locked") => answer("401 Unauthorized", "", "{}"),
        line if line.contains("/rows/moved") => answer("302 Found", "Location: /rows/1\r\n", ""),
        line if line.contains("/rows/error") => answer("500 Oops", "", r#"{"ownerId": 1}"#),
        line if line.contains("/rows/text") => answer("200 OK", "", "ownerId: 1"),
        line if line.contains("/rows/broken") => b"HTTP/1.1 200 OK\nownerId: 1\n\n".to_vec(),
        line if line.contains("/rows/huge") => answer("200 OK", "", vec![b' '; 3 * 1024 * 1024]),
        line if line.contains("/rows/ownerless") => answer("200 OK", "", "{}"),
        line if line.contains("/rows/") => answer("200 OK", "", r#"{"ownerId": 1}"#),
        _ => answer("200 OK", "", "the note"),
    })
}

#[test]
fn only_the_owner_reads() {
    let app = app();
    let gate = Gate::start(Setup::new(&app).policy("note.json", &policy("")));
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = gate.client();
    assert_eq!(read(&mut client, "1", &ann.token).expect(200).text(), "the note");
    read(&mut client, "1", &bob.token).expect(403);
    read(&mut client, "1", "nonsense").expect(401);
    for id in ["gone", "ownerless"] {
        read(&mut client, id, &ann.token).expect(403);
    }
    let asked = app.requests().into_iter().find(is_look_up).unwrap();
    assert_eq!(asked.field("x-portcullis-lookup"), Some("owner"));
    assert!(!asked.head.contains(&ann.token), "no credential of the client: {}", asked.head);
    assert_eq!(look_ups(&app), 4, "nothing is cached, and no look-up is for an anonymous caller");
}

#[test]
fn no_answer_is_a_refusal() {
    let app = app();
    let gate = Gate::start(Setup::new(&app).policy("note.json", &policy("")));
    let ann = gate.sign_up("ann");
    for id in ["locked", "moved", "error", "text", "broken", "huge"] {
        let refused = read(&mut gate.client(), id, &ann.token).expect(503);
        assert_eq!(refused.json()["error"]["code"], "OWNER_UNAVAILABLE", "{id}");
        assert!(refused.field("retry-after").is_some());
    }
    assert!(app.requests().iter().all(is_look_up), "nothing was forwarded");
    assert!(gate.metrics().contains("portcullis_upstream_errors_total{kind=\"protocol\"} 2\n"));
}

#[test]
fn an_app_that_is_slow_silent_or_down_is_a_refusal() {
    let silent = App::start(|connection| {
        connection.head();
        connection.hang();
    });
    let half = App::start(|connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"ownerId\"");
        connection.hang();
    });
    let cut = App::start(|connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"ownerId\": 1}".split_at(40).0);
    });
    let down = App::echo();
    let (nowhere, apps) = (down.url(), [silent.url(), half.url(), cut.url()]);
    drop(down);
    for upstream in apps.iter().chain([&nowhere]) {
        let setup = Setup::before(upstream).set("upstream.response_timeout", "100ms");
        let gate =
            Gate::start(setup.set("upstream.connect_timeout", "100ms").policy("note.json", &policy("")));
        let ann = gate.sign_up("ann");
        let refused = read(&mut gate.client(), "1", &ann.token).expect(503);
        assert_eq!(refused.json()["error"]["code"], "OWNER_UNAVAILABLE");
    }
}

#[test]
fn an_owner_is_kept_where_the_policy_says_so_until_it_changes() {
    let app = app();
    let kept = policy(r#", "cache": "10s""#);
    let gate = Gate::start(Setup::new(&app).with_manual_clock().policy("note.json", &kept));
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = gate.client();
    for _ in 0..3 {
        read(&mut client, "1", &ann.token).expect(200);
        read(&mut client, "1", &bob.token).expect(403);
    }
    assert_eq!(look_ups(&app), 1);
    gate.advance(std::time::Duration::from_secs(10));
    read(&mut client, "1", &ann.token).expect(200);
    assert_eq!(look_ups(&app), 2);
    gate.reload().unwrap();
    read(&mut client, "1", &ann.token).expect(200);
    assert_eq!(look_ups(&app), 3, "a new set begins with nothing");
}
