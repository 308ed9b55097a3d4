//! `Date` on the gate's own answers.

use crate::support::{App, Gate, Setup, answer};

#[test]
fn e7_every_answer_of_the_gates_own_has_a_date() {
    let app = App::answering(|_| answer("200 OK", "", "no date"));
    let setup = Setup::new(&app).set("policies.unmatched", "authenticated").set("api.body_limit", "1kb");
    let gate = Gate::start(setup.with_manual_clock().set("users.redirect_hosts", "a.example"));
    let date = "Sat, 21 Nov 2026 20:51:11 GMT";
    let ann = gate.sign_up("ann");
    for raw in [
        // Refused before it is a request, by the rules, and by the API; served by the API and by the gate.
        "GET / HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /a//b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE /none HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /api/users/1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /api/users/login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /api/users/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n",
        "GET /.portcullis/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /.portcullis/none HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /api/users/confirm?uid=1&token=x&redirect=/a HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut client = gate.client();
        let response = client.send(raw).response_to(raw.split(' ').next().unwrap());
        assert_eq!(response.field("date"), Some(date), "{raw}\n{}", response.head);
        assert_eq!(response.head.to_ascii_lowercase().matches("\ndate:").count(), 1, "{}", response.head);
    }
    // Without a body as well.
    let lines = format!("Authorization: {}\r\n", ann.token);
    let response = gate.client().ask("POST", "/api/users/logout", &lines, b"").expect(204);
    assert_eq!(response.field("date"), Some(date));
    assert!(gate.admin().get("/healthz").expect(200).field("date").is_some());
    // The app's own answer is the app's.
    let ann = gate.run(async { ann });
    let again = gate.client().post_json(
        "/api/users/login",
        "",
        &serde_json::json!({"username": "ann", "password": "a-good-password"}),
    );
    let token = again.expect(200).json()["id"].as_str().unwrap().to_owned();
    assert_ne!(token, ann.token);
    let response = gate.client().ask("GET", "/none", &format!("Authorization: {token}\r\n"), b"").expect(200);
    assert_eq!(response.field("date"), None);
}
