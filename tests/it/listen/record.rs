//! The record of a request: one line of the log, and the metrics.

use serde_json::json;

use crate::support::{App, Gate, Setup, answer};

const ROUTES: &str = r#"{
  "name": "Order",
  "routes": [{ "path": "/orders/{id}", "methods": ["GET"], "property": "show" }],
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW", "property": "show" }
  ]
}"#;

/// The keys of docs/metrics.md, "The access log", in this order.
const KEYS: [&str; 21] = [
    "ts",
    "level",
    "stream",
    "msg",
    "request_id",
    "client",
    "method",
    "path",
    "route",
    "status",
    "bytes_in",
    "bytes_out",
    "elapsed_ms",
    "user",
    "decision",
    "rule",
    "upstream",
    "upstream_ms",
    "tls",
    "tls_client",
    "facts",
];

#[test]
fn one_line_a_request_with_these_keys() {
    let app = App::answering(|_| answer("200 OK", "", "body"));
    let gate = Gate::start(Setup::new(&app).policy("order.json", ROUTES).with_manual_clock());
    let ann = gate.sign_up("ann");
    let lines = format!("Authorization: {}\r\n", ann.token);
    let mut client = gate.client();
    let target = format!("/orders/7?access_token={}&secret=word", ann.token);
    client.ask("GET", &target, &lines, b"").expect(200);
    let refused = client.get("/orders/8").expect(401);
    client.ask("POST", "/other", "", b"hello").expect(200);

    let line = gate.log.access("/orders/7");
    let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, KEYS);
    let request = app.only_request_to("/orders/7");
    for (key, value) in [
        ("ts", json!("2026-11-21T20:51:11.688Z")),
        ("level", json!("info")),
        ("msg", json!("request")),
        ("request_id", json!(request.field("x-request-id").unwrap())),
        ("client", json!("127.0.0.1")),
        ("method", json!("GET")),
        ("status", json!(200)),
        ("user", json!(ann.id.to_string())),
        ("decision", json!("allow")),
        ("rule", json!("order.json#/acls/1")),
        ("upstream", json!(app.address().to_string())),
        ("tls", json!(null)),
        ("tls_client", json!(null)),
    ] {
        assert_eq!(line[key], value, "{key}: {line}");
    }
    let facts = &line["facts"];
    assert_eq!((&facts["model"], &facts["property"]), (&json!("Order"), &json!("show")), "{line}");
    assert_eq!((&facts["accessType"], &facts["access_type"]), (&json!(null), &json!("READ")), "{line}");
    assert_eq!((&facts["owner"], &facts["roles"]), (&json!(null), &json!([])), "{line}");

    let line = gate.log.access("/orders/8");
    assert_eq!((&line["status"], &line["decision"]), (&json!(401), &json!("deny")), "{line}");
    assert_eq!((&line["user"], &line["upstream"]), (&json!(null), &json!(null)), "{line}");
    assert_eq!(line["request_id"].as_str(), refused.field("x-request-id"));
    let line = gate.log.access("/other");
    assert_eq!((&line["bytes_in"], &line["rule"]), (&json!(5), &json!("unmatched")), "{line}");

    let log = gate.stop();
    let written = log.all();
    assert_eq!(written.iter().filter(|line| line["stream"] == "access").count(), 5, "{}", log.text());
    for word in [ann.token.as_str(), "access_token", "secret", "a-good-password"] {
        assert!(!log.text().contains(word), "`{word}` is in the log");
    }
}

#[test]
fn a_head_that_is_refused_leaves_a_line_too() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /a?access_token=secret HTTP/1.1\r\nHost: a b\r\nAuthorization: secret\r\n\r\n");
    let response = client.response().expect(400);
    let line = gate.log.wait_for(|line| line["stream"] == "access");
    assert_eq!(line["status"], 400);
    assert_eq!(line["request_id"].as_str(), response.field("x-request-id"));
    assert!(!gate.stop().text().contains("secret"));
}

#[test]
fn a_failing_app_is_in_the_line_and_in_the_numbers() {
    let app = App::answering(|_| b"rubbish".to_vec());
    let gate = Gate::open(&app);
    let response = gate.client().get("/a").expect(502);
    let line = gate.log.access("/a");
    assert_eq!(
        (&line["status"], &line["level"], &line["decision"]),
        (&json!(502), &json!("warn"), &json!("allow"))
    );
    assert_eq!(line["request_id"].as_str(), response.field("x-request-id"));
    let metrics = gate.metrics();
    assert!(metrics.contains("portcullis_upstream_errors_total{kind=\"protocol\"} 1\n"), "{metrics}");
}

#[test]
fn requests_and_decisions_are_counted() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("order.json", ROUTES));
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    for _ in 0..3 {
        client.ask("GET", "/orders/7", &format!("Authorization: {}\r\n", ann.token), b"").expect(200);
        client.get("/orders/7").expect(401);
    }
    for line in [
        "portcullis_requests_total{route=\"Order.show\",status=\"200\"} 3",
        "portcullis_requests_total{route=\"Order.show\",status=\"401\"} 3",
        "portcullis_decisions_total{decision=\"deny\"} 3",
        "portcullis_logins_total{result=\"succeeded\"} 1",
        "portcullis_tokens_live 1",
        "portcullis_request_duration_seconds_count 8",
    ] {
        gate.wait_for_metric(line);
    }
}

#[test]
fn logins_are_counted_by_what_they_came_to() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("limits.login_per_client", "3/hour"));
    gate.sign_up("ann");
    let mut client = gate.client();
    for (body, status) in [
        (json!({"username": "ann", "password": "wrong"}), 401),
        (json!({"password": "x"}), 400),
        (json!({"username": "ann", "password": "wrong"}), 401),
        (json!({"username": "ann", "password": "wrong"}), 429),
    ] {
        client.post_json("/api/users/login", "", &body).expect(status);
    }
    let metrics = gate.metrics();
    for (result, count) in
        [("succeeded", 1), ("failed", 2), ("invalid", 1), ("limited", 1), ("unverified", 0)]
    {
        let line = format!("portcullis_logins_total{{result=\"{result}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

#[test]
fn an_unconfirmed_address_is_counted_as_such() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("users.email_verification_required", "true"));
    let mut client = gate.client();
    let account = json!({"email": "ann@example.com", "password": "a-good-password"});
    client.post_json("/api/users", "", &account).expect(200);
    client.post_json("/api/users/login", "", &account).expect(401);
    let metrics = gate.metrics();
    assert!(metrics.contains("portcullis_logins_total{result=\"unverified\"} 1\n"), "{metrics}");
}
