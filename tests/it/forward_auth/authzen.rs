//! The AuthZEN API: an app asks about its own users.

use serde_json::{Value, json};

use super::{app, proxy, setup};
use crate::support::{Client, Gate, Response};

fn ask(client: &mut Client, path: &str, body: &Value) -> Response {
    client.post_json(path, "", body)
}

fn evaluation(subject: &Value, method: &str, path: &str) -> Value {
    json!({
        "subject": subject,
        "action": {"name": method},
        "resource": {"type": "route", "id": path},
    })
}

#[test]
fn a_decision_is_that_of_the_gate_with_its_reasons() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = proxy(&gate);
    let token = |text: &str| json!({"type": "user", "id": "?", "properties": {"token": text}});
    let user = |id: i64| json!({"type": "user", "id": id.to_string()});
    let anonymous = json!({"type": "anonymous", "id": "-"});
    for (subject, method, path, status) in [
        (&anonymous, "GET", "/open/a?b=c", 200),
        (&anonymous, "GET", "/mine", 401),
        (&token("unknown"), "GET", "/mine", 401),
        (&token(&ann.token), "GET", "/mine", 200),
        (&user(ann.id), "DELETE", "/mine/7", 200),
        (&user(ann.id), "GET", "/staff", 403),
        (&user(ann.id), "GET", "/notes/7", 200),
        (&token(&bob.token), "GET", "/notes/7", 403),
        (&user(bob.id), "GET", "/notes/7", 403),
        (&user(ann.id), "GET", "/elsewhere", 403),
    ] {
        let answer =
            ask(&mut client, "/access/v1/evaluation", &evaluation(subject, method, path)).expect(200);
        let decision = answer.json();
        assert_eq!(decision["decision"], status == 200, "{subject} {method} {path}: {decision}");
        let told = &decision["context"]["status"];
        assert_eq!(told, &if status == 200 { Value::Null } else { json!(status) }, "{decision}");
        assert!(decision["context"]["winner"].is_string(), "{decision}");
    }
    let unknown =
        ask(&mut client, "/access/v1/evaluation", &evaluation(&user(99), "GET", "/open")).expect(200);
    assert_eq!(unknown.json()["decision"], false);
    let line = gate.log.access("/elsewhere");
    assert_eq!([&line["user"], &line["listener"]], [&json!("1"), &json!("forward-auth")]);
    assert!(app.requests().iter().all(|request| request.field("x-portcullis-lookup").is_some()));
}

#[test]
fn a_list_has_defaults_and_may_end_early() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let mut client = proxy(&gate);
    let at = |path: &str| json!({"resource": {"type": "route", "id": "x", "properties": {"path": path}}});
    let anonymous = json!({"type": "anonymous", "id": "-"});
    for (semantic, expected) in [
        (None, json!([true, false, false, true])),
        (Some("execute_all"), json!([true, false, false, true])),
        (Some("deny_on_first_deny"), json!([true, false])),
        (Some("permit_on_first_permit"), json!([true])),
    ] {
        let mut list = json!({
            "subject": anonymous,
            "action": {"name": "GET"},
            "evaluations": [at("/open"), at("/mine"), {}, at("/open/b")],
        });
        if let Some(semantic) = semantic {
            list["options"] = json!({"evaluations_semantic": semantic});
        }
        let answer = ask(&mut client, "/access/v1/evaluations", &list).expect(200).json();
        let decisions: Vec<_> =
            answer["evaluations"].as_array().unwrap().iter().map(|one| &one["decision"]).collect();
        assert_eq!(json!(decisions), expected, "{semantic:?}: {answer}");
    }
    let single = evaluation(&anonymous, "GET", "/open");
    assert_eq!(ask(&mut client, "/access/v1/evaluations", &single).expect(200).json()["decision"], true);
}

#[test]
fn what_is_no_evaluation_is_an_error_that_says_what_is_missing() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let mut client = proxy(&gate);
    let good = evaluation(&json!({"type": "anonymous", "id": "-"}), "GET", "/open");
    let without = |key: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(key);
        body
    };
    let with = |at: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(at).unwrap() = value;
        body
    };
    for (body, named) in [
        (without("subject"), "`subject` is missing"),
        (without("action"), "`action` is missing"),
        (without("resource"), "`resource` is missing"),
        (with("/subject", json!("ann")), "`subject` has to be an object"),
        (with("/subject/type", json!("robot")), "`subject.type`"),
        (with("/action/name", json!(7)), "`action.name`"),
        (with("/action/name", json!("GET /staff HTTP/1.1\r\nX:")), "no blanks and no control"),
        (with("/resource/id", json!("7")), "`resource.properties.path`"),
        (with("/resource/id", json!("/open/../staff")), "dot-segment"),
        (json!([]), "a JSON object"),
    ] {
        let answer = ask(&mut client, "/access/v1/evaluation", &body).expect(400);
        assert!(answer.text().contains(named), "{body}: {}", answer.text());
    }
    let many = json!({"evaluations": vec![&good; 101]});
    assert!(ask(&mut client, "/access/v1/evaluations", &many).expect(400).text().contains("100 at most"));
    let text = client.ask(
        "POST",
        "/access/v1/evaluation",
        "Content-Type: text/plain\r\nX-Request-ID: a b\r\n",
        b"{}",
    );
    assert_eq!(text.expect(400).field("x-request-id"), Some("a b"));
    // Its body was not read, so the connection has ended.
    client.expect_close();
    proxy(&gate).ask("GET", "/access/v1/evaluation", "", b"").expect(400);
}

#[test]
fn the_metadata_name_the_endpoints_and_no_other_peer_gets_any() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let path = "/.well-known/authzen-configuration";
    let lines = "X-Forwarded-Proto: https\r\n";
    let told = proxy(&gate).ask("GET", path, lines, b"").expect(200).json();
    assert_eq!(told["policy_decision_point"], "https://gate.test");
    assert_eq!(told["access_evaluation_endpoint"], "https://gate.test/access/v1/evaluation");
    let mut other = Client::tcp_from("127.0.0.2".parse().unwrap(), gate.judge_address());
    other.get(path).expect(403);
    gate.client().get(path).expect(401);
}
