//! Whose row it is, as the app tells it. Whatever else the app says is never an allow.

use serde_json::json;

use crate::support::{App, Connection, Gate, Request, Setup, SignedUp, answer};

const NOTES: &str = r#"{
  "name": "Note",
  "routes": [{ "path": "/notes/{id}", "property": "show" }],
  "owner": { "lookup": "/rows/{id}.json", "field": "/owner/id" },
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW" }
  ]
}"#;

const FILES: &str = r#"{
  "name": "File",
  "routes": [{ "path": "/files/{id}", "property": "show" }],
  "owner": { "lookup": "/files/{id}/meta", "header": "X-Owner" },
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW" }
  ]
}"#;

fn setup(app: &App) -> Setup {
    Setup::new(app)
        .policy("note.json", NOTES)
        .policy("file.json", FILES)
        .set("upstream.response_timeout", "200ms")
}

/// What the app answers a look-up with; everything else is `the row`.
fn serve(connection: &mut Connection) {
    while let Some(request) = connection.request() {
        if request.field("x-portcullis-lookup").is_none() {
            connection.send(answer("200 OK", "", "the row"));
            continue;
        }
        match lookup(&request) {
            Some(bytes) => connection.send(bytes),
            None => connection.hang(),
        };
    }
}

fn lookup(request: &Request) -> Option<Vec<u8>> {
    let json =
        |value: serde_json::Value| answer("200 OK", "Content-Type: application/json\r\n", value.to_string());
    let target = request.target();
    let id = target.split('/').nth(2).unwrap().trim_end_matches(".json");
    Some(match id {
        "mine" => json(json!({"owner": {"id": 1}})),
        "text" => json(json!({"owner": {"id": "1"}})),
        "yours" => json(json!({"owner": {"id": 2}})),
        "nobodys" => json(json!({"owner": {}})),
        "null" => json(json!({"owner": {"id": null}})),
        "list" => json(json!({"owner": {"id": [1]}})),
        "chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"owner\":\r\n9\r\n{\"id\":1}}\r\n0\r\n\r\n".to_vec()
        }
        "missing" => answer("404 Not Found", "", ""),
        "login" => answer("401 Unauthorized", "", json!({"owner": {"id": 1}}).to_string()),
        "forbidden" => answer("403 Forbidden", "", json!({"owner": {"id": 1}}).to_string()),
        "created" => answer("201 Created", "", json!({"owner": {"id": 1}}).to_string()),
        "moved" => answer("302 Found", "Location: /rows/mine.json\r\n", ""),
        "broken" => answer("500 Oops", "", json!({"owner": {"id": 1}}).to_string()),
        "no-json" => answer("200 OK", "", "<html>1</html>"),
        "empty" => answer("200 OK", "", ""),
        "cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"owner\":{\"id\":1}}".to_vec(),
        "lengths" => b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\nContent-Length: 19\r\n\r\n{\"owner\":{\"id\":1}}".to_vec(),
        "switch" => b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n".to_vec(),
        "huge" => answer("200 OK", "", format!("{{\"owner\":{{\"id\":1}},\"x\":\"{}\"}}", "x".repeat(2 << 20))),
        "interim" => [b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9), json(json!({"owner": {"id": 1}}))].concat(),
        "hinted" => [b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(8), json(json!({"owner": {"id": 1}}))].concat(),
        "hang" => return None,
        "header" => answer("200 OK", "X-Owner: 1\r\n", ""),
        "other-header" => answer("200 OK", "X-Owner: 12\r\n", ""),
        other => panic!("{other}"),
    })
}

fn ask(gate: &Gate, who: &SignedUp, target: &str) -> u16 {
    gate.client().ask("GET", target, &format!("Authorization: {}\r\n", who.token), b"").status
}

#[test]
fn the_owner_is_who_the_app_says() {
    let app = App::start(serve);
    let gate = Gate::start(setup(&app));
    let (ann, ben) = (gate.sign_up("ann"), gate.sign_up("ben"));
    assert_eq!((ann.id, ben.id), (1, 2));
    for (target, for_ann, for_ben) in [
        ("/notes/mine", 200, 403),
        ("/notes/text", 200, 403),
        ("/notes/chunked", 200, 403),
        ("/notes/hinted", 200, 403),
        ("/notes/yours", 403, 200),
        ("/notes/nobodys", 403, 403),
        ("/notes/null", 403, 403),
        ("/notes/list", 403, 403),
        ("/notes/missing", 403, 403),
        ("/files/header", 200, 403),
        ("/files/other-header", 403, 403),
        ("/files/missing", 403, 403),
    ] {
        assert_eq!((ask(&gate, &ann, target), ask(&gate, &ben, target)), (for_ann, for_ben), "{target}");
    }
    assert_eq!(gate.client().get("/notes/mine").status, 401, "nobody owns nothing");
}

#[test]
fn an_app_that_cannot_say_is_a_503_and_never_an_allow() {
    let app = App::start(serve);
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    for id in [
        "login",
        "forbidden",
        "created",
        "moved",
        "broken",
        "no-json",
        "empty",
        "cut",
        "lengths",
        "switch",
        "interim",
        "huge",
        "hang",
    ] {
        let response = gate.client().ask(
            "GET",
            &format!("/notes/{id}"),
            &format!("Authorization: {}\r\n", ann.token),
            b"",
        );
        println!("{id}");
        let response = response.expect(503);
        assert_eq!(response.json()["error"]["code"], "OWNER_UNAVAILABLE");
        assert!(response.field("retry-after").is_some());
        let line = gate.log.access(&format!("/notes/{id}"));
        assert_eq!((&line["decision"], &line["upstream"]), (&json!("error"), &json!(null)), "{line}");
    }
    assert!(
        app.requests().iter().all(|request| !request.line().contains("/notes/")),
        "nothing was let through"
    );
}

#[test]
fn an_app_that_is_down_is_a_503() {
    let app = App::start(serve);
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    drop(app);
    assert_eq!(ask(&gate, &ann, "/notes/mine"), 503);
}

#[test]
fn a_look_up_carries_its_mark_and_no_credential() {
    let app = App::start(serve);
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    let lines = format!("Authorization: {}\r\nCookie: session=s\r\nX-Portcullis-Lookup: mine\r\n", ann.token);
    let response = gate.client().ask("GET", &format!("/notes/mine?access_token={}", ann.token), &lines, b"");
    response.expect(200);
    let [lookup, request] = &app.requests()[..] else { panic!("{:?}", app.requests()) };
    let id = request.field("x-request-id").unwrap();
    let host = app.address();
    assert_eq!(
        lookup.head,
        format!(
            "GET /rows/mine.json HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\
             X-Portcullis-Lookup: owner\r\nX-Request-Id: {id}\r\n"
        )
    );
    assert_eq!(request.field("x-portcullis-lookup"), None, "the client's own mark is removed");
    assert_eq!(app.connections(), 1, "one connection for both");
}

#[test]
fn a_row_id_cannot_leave_its_place_in_the_look_up() {
    let app = App::start(serve);
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    for id in ["a%3Fb", "a%23b", "a%20HTTP", "a&b", "%C3%A4"] {
        // The script knows none of these ids and closes: what counts is what was asked.
        assert_eq!(ask(&gate, &ann, &format!("/notes/{id}")), 503);
    }
    let asked: Vec<_> = app.requests().iter().map(|request| request.line().to_owned()).collect();
    for line in &asked {
        assert!(line.starts_with("GET /rows/") && line.ends_with(".json HTTP/1.1"), "{line}");
        assert!(!line.contains(['?', '#']), "{line}");
    }
    assert_eq!(asked.len(), 5, "{asked:?}");
}
